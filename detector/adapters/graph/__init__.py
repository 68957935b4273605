"""Microsoft Graph, for the Defender sink."""
