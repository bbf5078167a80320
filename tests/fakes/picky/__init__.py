"""Servers that refuse how they are asked, as the real ones do.

Rule: a refusal is a pure function of the body, and has the status, the content type and the words of a real
server, with the place where they were seen. What a server does not refuse it answers like any other.

``refusal`` has the shapes in which servers refuse; ``check`` what a check is; ``templates``, ``reasoning``,
``parameters``, ``efforts``, ``streams``, ``formats``, ``schemas``, ``mistral``, ``tools`` and ``ollama`` the checks by
theme; ``servers`` is the table of servers; ``spoken`` what the model says, as frames; ``server`` serves one of the
table over a socket.
"""
