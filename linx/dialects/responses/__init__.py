"""OpenAI's Responses API, toward clients.

The room's rule: a request that arrives here contains its whole conversation, since references to earlier answers have
been replaced; and clients take the final answer from the last event, so each stream ends with the whole response.

- ``face``: the face: requests, encoders and errors.
- ``stored``: the items of a request and its answer, for a later request that refers to them.
- ``client_request``: turns a body into a chat body. ``client_items``, ``client_content``: its input as chat messages.
- ``tools``: turns kinds of tools that chat lacks into functions, and back.
- ``encoder``: writes the events of a stream.
- ``response``: writes the response object with its items.
"""
