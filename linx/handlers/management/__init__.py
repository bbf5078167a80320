"""Management: the status of Linx, and the few actions that it offers; never through the tunnel.

- ``status``: health, providers, requests, and reading the config again.
- ``metrics``: the counters in Prometheus' text format.
- ``tunnel``: start, stop and status of the tunnel.
- ``ollama``: Ollama's own management paths, relayed.
"""
