"""Which provider answers: routes, races, attempts.

The room's rule: decide synchronously, do the I/O afterwards. No state changes across an
await but an attempt's own.

- ``candidate``: one provider, and the model there.
- ``attempt``: one try at one candidate. ``chunk_reader``: reads its answer as chunks.
  ``chat_attempt``: a try whose request is written in the provider's dialect.
- ``router``: from a name to the ordered candidates. ``provider_set``: the providers in force.
- ``hedging``: when and where a second attempt may run beside a silent one.
- ``decision``: what a race does next. ``race``: does it.
"""
