"""OpenAI's chat completions: the widest dialect, and the one that the others are translated into.

The room's rule: what a decoder gives is clean, however a provider deviates, so that no encoder has to know; and what
a frame holds beyond the dialect survives on its way to a client of the same dialect.

Toward clients:

- ``face``: requests and whole answers. ``client_request``: checks a chat body.
- ``encoder``: the stream. ``objects``: what the stream and a whole answer have in common.

Toward providers:

- ``provider_request``, ``provider_messages``, ``thinking``: the body that a server takes.
- ``signatures``: what a provider signs its calls with, and needs back.
- ``servers``: in what the servers of this dialect differ.
- ``decoder``: bytes to frames, with ``surrogates`` for characters split over two frames.
- ``choices``: frames to chunks, with ``frames`` for one choice, ``tool_calls`` for its calls, ``usage`` for tokens.
- ``model_list``: the names and entries in a list of models, in the shapes that servers give it.

Between the two:

- ``frame_cut``: a frame in which only a few values change, cut at these values.
- ``splice``: a frame that repeats the one before it but for the text is sent on without reading its JSON.
- ``gathering``: many such frames in one read are read as one, for an answer that is collected.
"""
