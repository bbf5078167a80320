"""Anthropic's Messages and OpenAI's Responses for a provider that speaks the client's own dialect.

The room's rule: a body or event that is passed on is changed only in the model's name and in what Linx itself has put
into the history. It is read only for what the gate, the counters and the records need. For everything else the
dialect's usual face is used.

- ``face``: wraps the usual face of the dialect.
- ``provider_request``: the client's body for the provider.
- ``decoder``: turns the provider's events into chunks that contain the events.
- ``encoder``: passes the events on to the client; translates the answer of any other provider.
- ``fold``: joins the events into the whole answer, for a client that asked for no stream.
"""
