"""The child processes of Linx.

The room's rule: a child ends when Linx ends, however Linx ends, and so do the processes that
the child has started. A child that dies is started again for as long as it is wanted.

- ``process``: one child from its start to its end, and the loop that starts it again.
- ``demo``: the llama.cpp server of ``--demo``.
- ``tunnel``: the ssh or ngrok that carries requests from outside.
"""
