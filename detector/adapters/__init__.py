"""What does the I/O; each module implements one port and none imports another."""
