"""Ollama's own dialect, toward clients and toward providers.

The room's rule: an Ollama behind Linx gets every field that an Ollama client sent, and the client every field that it
answers; all else is translated from and into chat. /api/chat and /api/generate are two shapes of the same thing.

Toward clients:

- ``face``: the two endpoints. ``client_request``, ``client_messages``: what their bodies ask.
- ``options``: which there are, and of which type.
- ``encoder``: the stream. ``answer``: the whole answer, and what a stream has in common with it.
- ``model_name``: which texts may be the name of a model.
- ``model_list``: models as Ollama lists and describes them.

Toward providers:

- ``provider_request``, ``provider_messages``, ``provider_tools``: the body that an Ollama takes.
- ``decoder``: lines to chunks. ``frames``: what the parts of a line say.

On both sides:

- ``embeddings``: what clients ask of the two endpoints for vectors, and what an Ollama is asked there.
- ``images``: pictures as bare base64.
"""
