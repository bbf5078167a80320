"""Parts that several dialects use.

The room's rule: a part may know a wire syntax, or a shape that more than one dialect has, but not the rules of a single
dialect.

Cutting a body into frames:

- ``sse``: server-sent events. ``ndjson``: one JSON text a line.
- ``event_decoder``: reads an answer of typed events; a reader for the dialect's events is handed in.

Reading a client's request:

- ``fields``: reads values of a JSON body and checks their types.
- ``chat_body``: parts of the chat body into which requests are translated.
- ``data_urls``: pictures and files inside a request.
- ``tokens``: estimates how many tokens a prompt has.
- ``secrets``: looks for secrets in everything that a client's request says.
- ``needs``: what a request needs its model to be able to do.
- ``identity``: fields that tell who asks, before a body leaves.
- ``free_text_tools``: tools that take free text, as functions and back.
- ``text_completion``: what servers that can only continue one text cannot do.

Writing an answer of blocks:

- ``blocks``: a block, and the interface that writes blocks in one dialect.
- ``block_encoder``: decides when a block opens and closes.

Passed on with an answer:

- ``opaque_reasoning``: reasoning that only its provider can read, packed into a client's history.
- ``reported``: the counts and costs that a provider reports.
- ``messages_usage``: the token counts in Anthropic's events.
- ``vector_texts``: takes the vectors out of a large answer while it arrives.
"""
