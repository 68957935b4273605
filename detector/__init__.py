"""Detects Confluence data mining (MITRE ATT&CK T1213.001) in a stream of Defender CloudAppEvents.

`core` is pure, `sources` read vendors' records, `state` keeps them in rows, the use cases
(`ingest`, `evaluate`, `dispatch`, `housekeep`) connect the three, `adapters` do the I/O.
"""

__version__ = "0.1.0"
