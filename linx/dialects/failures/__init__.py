"""What a provider's error says, and what it means for the client and for the next candidate.

The room's rule: the provider's words decide before its status does, and what was decided is one value that says
status, fallback and blame. The first three are data and tables, the last applies them.

- ``reading``: gathers what an error says, in whatever shape.
- ``conditions``: what each condition means, and which condition a bare status means.
- ``lacks``: the words with which a model is said to lack tools or vision.
- ``rules``: the words and labels that give a condition away.
- ``retry_after``: how long a provider asks to be left alone.
- ``overflow``: the counts of a prompt that does not fit.
- ``pause_scope``: of what a reported limit is.
- ``meaning``: from an HTTP error, or an error inside a 200, to a ``Refused``.
"""
