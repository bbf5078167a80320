"""OpenAI's Responses API, toward clients.

The room's rule: Linx keeps no answers, so every request must hold its whole conversation; and a client takes the
final answer from the last event, so each stream ends with the whole response.

- ``face``: requests and errors.
- ``client_request``: the fields of a body. ``client_items``, ``client_content``: its input as chat messages.
- ``tools``: kinds of tool that chat lacks, as functions, and back.
- ``encoder``: the events of a stream.
- ``response``: the response object and its items, and the whole response.
"""
