"""The model of ``--demo``: a llama.cpp server in a child process."""
