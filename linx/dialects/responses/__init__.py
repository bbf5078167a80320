"""OpenAI's Responses API, toward clients.

The room's rule: Linx keeps no answers, so every request must contain its whole conversation; and clients take the
final answer from the last event, so each stream ends with the whole response.

- ``face``: the face: requests, encoders and errors.
- ``client_request``: turns a body into a chat body. ``client_items``, ``client_content``: its input as chat messages.
- ``tools``: turns kinds of tools that chat lacks into functions, and back.
- ``encoder``: writes the events of a stream.
- ``response``: writes the response object with its items.
"""
