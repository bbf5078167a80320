"""Which provider answers: routes, races, attempts.

The room's rule: which candidate is asked next is decided without waiting, by what is known at
that moment; only the loops around the decisions wait.

- ``candidate``: one provider, and the model there, that may answer a request.
- ``demand``: what a request needs of its route.
- ``gate``: the gate before every provider: a table of rules, each of which may keep candidates from being asked.
- ``key_models``: the gate's rule of a client's key: which models may be asked for with it.
- ``privacy``: the gate's rule of privacy: what must stay local is sent to local providers alone.
- ``client_keys``: the rule over providers that are asked with the client's own key.
- ``secrets``: the rule over prompts with a secret in them: they stay at home.
- ``limits``: the limits of budgets: for whom each is, and whom it stops.
- ``budgets``: the gate's rule of budgets, and what is counted for it: what was spent, and what may be.
- ``budget_watch``: keeps the budgets in step with the ledger.
- ``metered``: counts what a provider streams.
- ``stakes``: what one attempt may cost, and what it has cost.
- ``late_costs``: asks what an answer has cost that was cut short.
- ``roles``: what writes the request of an attempt, what reads its answer, and what a handler needs of it.
- ``attempt``: one try at one candidate.
- ``short_ways``: which answers may go past the JSON of their frames.
- ``chunk_reader``: reads the answer of an attempt as chunks.
- ``answered_calls``: what is done with the tool calls of an answer.
- ``steps``: the adaptations that an attempt has tried, and those that have proven right.
- ``chat_attempt``: an attempt that is answered in chunks.
- ``affinity``: which of several equal providers gets a conversation that is not remembered.
- ``offers``: which providers have a model of a name, and what a client is told where none has.
- ``ordering``: in which order the candidates are asked.
- ``router``: turns a model's name into a route, the ordered candidates.
- ``unlisted``: looks a name that no list has up once more, before the client is told so.
- ``provider_set``: the providers in force and their router, replaced as a whole at a reload.
- ``hedge_watch``: says when attempts have been silent for too long.
- ``hedging``: when and where a second attempt may run beside a silent one.
- ``decision``: decides which candidate of a route is started, and when.
- ``rivals``: runs the attempts beside the first one of a race.
- ``race``: carries out the decisions: runs the attempts of one request.
"""
