"""Anthropic's Messages and OpenAI's Responses for a provider that speaks the client's own dialect.

The room's rule: what passes is changed in nothing but the model's name and what Linx itself put into the history;
it is read only for what the gate, the counters and the records need. All else is asked of the dialect's usual face.

- ``face``: wraps the usual face of the dialect.
- ``provider_request``: the client's body for the provider.
- ``decoder``: the provider's events as chunks that hold them.
- ``encoder``: the events for the client; an answer of another provider is translated.
- ``fold``: the events as the whole answer, for a client that asked for no stream.
"""
