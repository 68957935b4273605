"""Vendors' records as activities: bytes in, `Activity` or `Rejected` out; nothing here raises."""
