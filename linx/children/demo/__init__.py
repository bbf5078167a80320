"""The model of ``--demo``: a llama.cpp server in a child process, on a loopback port and with a key of its own.

- ``child``: the program of the child process; it imports nothing of Linx.
- ``commands``: finds what the child needs: the model, llama.cpp, a port, the command line.
- ``supervisor``: keeps the child running, knows its state, and adds it to the config as a provider.
"""
