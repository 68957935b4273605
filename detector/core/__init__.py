"""The rules and the state's algebra: standard library only, no clock, no environment, no I/O."""
