"""Programs that Linx runs as children of its own.

The room's rule: a child ends with Linx, however Linx ends, and takes along what it has started.
A child that dies is started again for as long as it is wanted.

- ``process``: one child from its start to its end, and the loop that starts it again.
- ``demo``: the llama.cpp of ``--demo``.
- ``tunnel``: the ssh or ngrok that carries requests from outside.
"""
