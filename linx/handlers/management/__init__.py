"""Management: the status of Linx, and the few actions that it offers; never through the tunnel.

- ``status``: health, providers, requests, and reading the config again.
- ``tail``: the line of every request, for those who follow.
- ``metrics``: the counters in Prometheus' text format.
- ``tunnel``: start, stop and status of the tunnel.
- ``relaying``: the record of a request that is relayed to one provider.
- ``ollama``: Ollama's own management paths, relayed.
- ``upstream``: any path of a local provider, relayed.
"""
