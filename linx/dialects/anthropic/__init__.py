"""Anthropic's Messages API, toward clients and toward providers.

The room's rule: the same conversation always gives the same text, since a changed prefix empties the provider's
prompt cache; and reasoning goes back to the provider that signed it.

Toward clients:

- ``face``: requests and errors. ``client_request``, ``client_messages``, ``client_content``: a body as a chat body.
- ``encoder``: the events of a stream. ``message``: the whole message, and what a stream has in common with it.
- ``errors``: what a failure is called, and its status.

Toward providers:

- ``provider_request``, ``provider_messages``, ``provider_content``, ``provider_tools``: the body of a request.
- ``abilities``, ``thinking``, ``schema``, ``caching``: what a model takes, how much it shall think, JSON schemas, and
  where its prompt is cached.
- ``decoder``: events to chunks. ``model_list``: the models that the provider has.
"""
