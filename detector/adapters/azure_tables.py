"""The `Rows` port on Azure Table Storage, through `azure-data-tables`."""
