"""The tunnel: an ssh or ngrok that carries requests from outside to a listener of its own.

The room's rule: nothing but checked config reaches a command line, and what comes through is
known by its listener, never by a header.

- ``child``: the process between Linx and the program, which ends the program with Linx.
- ``commands``: the command lines of ssh and ngrok.
- ``lines``: what a line of theirs reports of the public address.
- ``explain``: why a program ended, in a sentence that says what to do.
- ``process``: one program from its start to its end.
- ``supervisor``: whether the tunnel is wanted, its state, and what its listener demands.
"""
