"""What answers a prompt, or anything else that a model is asked for.

The room's rule: there is one road, ``Generation``, and nothing is derived from it. What
differs from one kind of request to another is a value, the ``Plan`` that it is given.

- ``multipart``: finds the model's name in a form. ``payload``: a body that is relayed.
- ``job``: one request while it is answered, and its accounts.
- ``stream``, ``whole``: the two ways in which an answer goes out.
- ``plan``: how a request is to be answered. ``generation``: the road itself, and chat.
- ``series``: several attempts in a row that look like one. ``completions`` needs it.
- ``embeddings``, ``ollama``: plans with another demand, fold or route.
- ``relay_attempt``, ``relay``: what passes as bytes.
- ``untranslated``: what a provider may answer in the client's own dialect.
- ``anthropic``: what Anthropic's clients ask besides an answer.
"""
