"""The model of ``--demo``: a llama.cpp server in a child process, on a loopback port and with a key of its own.

- ``child``: what runs in the child; it imports nothing of Linx.
- ``commands``: what the child is started with: model, port, command line.
- ``supervisor``: keeps it running, says what state it is in, and is a provider by its config.
"""
