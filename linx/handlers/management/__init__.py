"""Management: the status of Linx, and the few actions that it offers; never through the tunnel.

- ``status``: health, providers, and reading the config again.
- ``overview``: what the dashboard is told besides the requests. ``events``: its WebSocket. ``page``: its files.
- ``requests``: the last requests, one in detail, and stopping one. ``replay``: one is asked again, of another model.
- ``usage``: tokens and money, from the ledger.
- ``clients``: how each client is connected.
- ``tail``: the line of every request, for those who follow.
- ``metrics``: ``GET /metrics``; ``readings``: the counters in Prometheus' text format.
- ``tunnel``: start, stop and status of the tunnel.
- ``relaying``: the record of a request that is relayed to one provider.
- ``ollama``: Ollama's own management paths, relayed.
- ``upstream``: any path of a local provider, relayed.
"""
