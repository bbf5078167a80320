"""OpenAI's old completions: a text that goes on where a prompt ends.

The room's rule: a text completion is one value, whichever path asked for it, and its answer travels as the chunks of
a chat answer; so each side is written once.

Toward clients:

- ``face``: /v1/completions. ``client_request``: its body as a text completion.
- ``encoder``: the stream, and the whole answer.

Toward providers:

- ``provider_request``: the body for /v1/completions, and for llama.cpp's /infill.
- ``decoder``: what they answer, turned into chat frames.
"""
