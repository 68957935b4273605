"""Event Hubs through `azure-eventhub`: sending lines, and consuming without a Functions host.

`client` opens the SDK's clients, `producer` sends, `consumer` receives, `checkpoints` remembers.
Importing them imports the SDK, about a second: import them where they are used.
"""
