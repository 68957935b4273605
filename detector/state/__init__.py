"""The state, written once over the `Rows` port: what ADR 0001 lists, table by table."""
