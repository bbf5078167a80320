"""OpenAI's old completions: the answer continues the text of a prompt.

The room's rule: every text completion is a ``TextCompletion``, whichever path asked for it, and its answer travels as
the chunks of a chat answer; so each side is written once.

Toward clients:

- ``face``: the face for /v1/completions. ``client_request``: turns its body into a text completion.
- ``encoder``: writes the stream, and the whole answer.

Toward providers:

- ``provider_request``: writes the body for /v1/completions, and for llama.cpp's /infill.
- ``decoder``: turns the frames of both paths into chat frames, and reads those.
"""
