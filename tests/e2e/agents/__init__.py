"""The requests of Claude Code, Codex and Cursor, and what each of them sends back of an answer.

Rule: the shapes, the fields and the schemas are those that the clients send (recorded from their newest packages
on a socket of this machine; Cursor's from public gateways), the words are our own. An agent reads the stream of
its face strictly, keeps its history as the client would, and tells in one form what it heard.

``heard`` is that form and the reading of events; ``offered`` the tools; ``claude_code``, ``codex`` and ``cursor``
the agents.
"""
