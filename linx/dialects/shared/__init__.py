"""What several dialects are built of.

The room's rule: a part knows a wire syntax, or a shape that more than one dialect has, but the rules of no single
dialect.

Cutting a body into frames:

- ``sse``: server-sent events. ``ndjson``: one JSON text a line.
- ``event_decoder``: an answer in events that name their type, read by what is handed in.

Reading a client's request:

- ``fields``: values of a JSON body with their types checked.
- ``chat_body``: parts of the chat body that requests are translated into.
- ``data_urls``: pictures and files inside a request.
- ``tokens``: about how many tokens a prompt takes.
- ``text_completion``: what servers that only go on from a text cannot do.

Writing an answer of blocks:

- ``blocks``: a block, and the interface of what writes blocks in one dialect.
- ``block_encoder``: when a block opens and closes.

What travels through:

- ``opaque_reasoning``: reasoning that only its provider can read, packed into a client's history.
- ``messages_usage``: the token counts of Anthropic's events.
"""
