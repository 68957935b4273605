"""Made-up Confluence telemetry: a day of a small company, and bulk data for benchmarks.

Everything is a pure function of a seed: no clock, no environment, no files.
Nothing here describes a real company, person or address.
"""
