"""What each endpoint does, from a parsed request to its answer.

The room's rule: a handler takes the config and the router in force once, at its start, and keeps them. It reports an
error by raising it; ``endpoints`` turns the error into an answer in the client's dialect.

- ``response_store``: the answers that are kept for clients of the Responses API.
- ``context``: the long-lived objects that all handlers use.
- ``records``: how the record of a request is begun.
- ``key_uses``: how much each limited key is used now.
- ``kept_lists``: the lists of models as finished bytes, kept until something changes in them.
- ``client_credential``: finds the client's own key in a request, for providers that are asked with it.
- ``prompt_search``: looks through a prompt for secrets before a route is chosen.
- ``request_facts``: reads a request's body, and finds facts about the request before a provider is asked.
- ``stored_responses``: shows and forgets those answers.
- ``heartbeat``: heartbeats for streaming clients.
- ``answers``: the handlers that send a prompt to a provider.
- ``models``: the lists of models, in the shapes of several clients.
- ``management``: the status of Linx, and the few actions that it offers.
"""
