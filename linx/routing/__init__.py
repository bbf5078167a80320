"""Which provider answers: routes, races, attempts.

The room's rule: who is asked next is decided without waiting, by what is known at that moment;
waiting is left to the loops around the decision.

- ``candidate``: one provider, and the model there, that may answer a request.
- ``attempt``: one try at one candidate.
- ``chunk_reader``: the answer of a try, as chunks.
- ``chat_attempt``: a try that is answered in chunks.
- ``router``: from a model's name to a route, the ordered candidates.
- ``unlisted``: a name that no list has, before that is said.
- ``provider_set``: the providers in force and the router over them, replaced whole at a reload.
- ``hedging``: when and where a second attempt may run beside a silent one.
- ``decision``: who of a route is started, and when.
- ``race``: the attempts of one request side by side, as decided.
"""
