"""The configured providers: what each is, what it has, how it is asked, and how it is.

The room's rule: what a kind of provider is, is said in one place, and everything else takes it as a value; nothing in
a ``provider`` waits.

- ``kind``: what a kind is. ``kinds``: the kinds that there are.
- ``requests``: how a provider is asked for a task. ``http_requests``: the HTTP that this becomes.
- ``places``: where an endpoint's API may be. ``known_hosts``: what is known of services beforehand.
- ``client_credential``: a client's own key on its way to the one provider that is to get it.
- ``provider``: a provider as configured. ``health``: is it available? ``slots``: who may ask it now.
  ``turns``: whose turn it is there. ``loaded``: which models are in its memory.
  ``pauses``: for which of its models, and for how long, it has asked not to be asked.
- ``pace``: is the end of a connection there worth more than the connection?
- ``permits``: the permits for requests to it, and whether its connections are local.
- ``adaptations``: in which way its models have to be asked. ``adaptation_file`` and
  ``adaptation_memory``: keep that over a restart.
- ``signatures``: what it has signed its tool calls with.
- ``mappings``: which names the config maps, and which of their models are not there. ``missing``: the same in words
  for people. ``near_names``: names that are near to one that nobody has.
- ``auto``: which model "auto" stands for. ``memory``: how large a model may be.
- ``catalog``: asks in the background. ``lists``: what a kind's models are found to be, each a ``model``.
  ``lmstudio``: what an LM Studio tells besides. ``list_answers``: how the answers with lists are read.
- ``prices``: what a model costs. ``comparison``: what a local answer would have cost elsewhere.
  ``credit``: what is left to a provider's key. ``late_costs``: what an answer has cost, asked for afterwards.
- ``contexts``: what an Ollama's models are loaded with, and what to ask for.
"""
