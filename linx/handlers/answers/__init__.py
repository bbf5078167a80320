"""The handlers that ask a provider for an answer.

The room's rule: all of them use ``Generation``, and no class is derived from it. What differs
from one kind of request to another is in the ``Plan`` that Generation is given.

- ``multipart``: finds the model's name in a form. ``payload``: a body that is relayed.
- ``job``: one request while it is answered, with its records.
- ``stream``, ``whole``: the two ways in which an answer is sent.
- ``plan``: how a request is to be answered. ``generation``: carries out a plan; chat requests.
- ``series``: several attempts in a row that act like one attempt, for ``completions``.
- ``embeddings``, ``ollama``: plans with another demand, fold or route.
- ``relay_attempt``, ``relay``: requests whose bodies and answers are relayed as bytes.
- ``untranslated``: requests that a provider may answer in the client's own dialect.
- ``responses``: requests of the Responses API, which may refer to earlier answers.
- ``anthropic``: the other endpoints that Anthropic's clients use. ``input_tokens``: the length of a Responses prompt.
"""
