"""Management: what Linx is doing, and the few things it can be told to do; never through the tunnel.

- ``status``: health, providers, requests, and the config read again.
- ``metrics``: the counters in Prometheus' text format.
- ``tunnel``: start, stop and status of the tunnel.
- ``ollama``: Ollama's own housekeeping, relayed.
"""
