"""Wire formats, sans I/O: no sockets, no clock, no randomness."""
