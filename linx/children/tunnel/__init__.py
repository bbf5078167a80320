"""The tunnel: an ssh or ngrok process that carries requests from outside to a listener of their own.

The room's rule: only checked config reaches a command line; and a request from outside is
recognised by the listener on which it arrives, never by a header.

- ``child``: the process between Linx and ssh or ngrok, which ends the program with Linx.
- ``commands``: the command lines of ssh and ngrok.
- ``lines``: what a line of their output says about the public address.
- ``explain``: says why a program ended and what to do.
- ``process``: one run of the program from its start to its end.
- ``supervisor``: whether the tunnel is wanted, its state, and the access rules of its listener.
"""
