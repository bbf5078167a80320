"""The dialects: the wire formats of clients and providers.

The room's rule: nothing here does I/O, reads a clock or draws a random number; ids and times are handed in, so that a
transcript always gives the same bytes. A request is translated into OpenAI's chat body and from that into the
provider's body; an answer travels between the two as chunks, in no dialect.

A dialect imports ``base``, ``shared``, ``failures`` and ``openai``, and no other dialect. Its files have the same
names everywhere: ``face`` and ``client_request`` for what clients ask, ``encoder`` for what they get,
``provider_request`` for what a provider is asked, ``decoder`` for what it answers.

- ``base``: the interfaces of decoders, encoders and faces.
- ``shared``: parts that several dialects use.
- ``failures``: reads a provider's error, and says what it means.
- ``adaptation``: changes a request into the form that a provider accepts, after it has refused another form.
- ``openai``: chat completions, the dialect into which the others are translated.
- ``anthropic``, ``ollama``: dialects of clients and of providers.
- ``responses``: OpenAI's Responses API, for clients.
- ``completions``, ``embeddings``: requests that are no chat.
- ``untranslated``: Messages or Responses for a provider that speaks the client's own dialect.
"""
