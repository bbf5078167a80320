"""Wire formats, each as clients speak it and as providers speak it.

The room's rule: nothing here does I/O, reads a clock or draws a random number; ids and times come in as values, so
that a transcript replays byte for byte. Requests are translated into OpenAI's chat body and from there into the
provider's body; answers travel between the two as chunks, in no dialect.

A dialect imports ``base``, ``shared``, ``failures`` and ``openai``, and no other dialect. Its files have the same
names everywhere: ``face`` and ``client_request`` for what clients ask, ``encoder`` for what they get,
``provider_request`` for what a provider is asked, ``decoder`` for what it answers.

- ``base``: what a decoder, an encoder and a face are.
- ``shared``: what several dialects are built of.
- ``failures``: what a provider's error says, and what it means.
- ``adaptation``: how a provider is asked in the way it takes, where it refuses how it was asked.
- ``openai``: chat completions, the widest dialect, which the others are translated into.
- ``anthropic``, ``ollama``: dialects of clients and of providers.
- ``responses``: OpenAI's Responses API, toward clients.
- ``completions``, ``embeddings``: what is asked for besides chat.
- ``untranslated``: Messages or Responses for a provider that speaks the client's own dialect.
"""
