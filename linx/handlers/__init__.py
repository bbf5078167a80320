"""What each endpoint does, from a parsed request to its answer.

The room's rule: a handler takes the config and the router in force once, at its start, and keeps them. What is wrong it
raises; ``endpoints`` puts that into the client's dialect.

- ``context``: the long-lived objects that handlers share.
- ``request_facts``: what a request says of itself before a provider is asked.
- ``heartbeat``: keep-alives for streaming clients. It stands here since the context holds it.
- ``answers``: whatever sends a prompt to a provider.
- ``models``: the lists of models, in the shapes of several clients.
- ``management``: what Linx tells of itself, and what it can be told to do.
"""
