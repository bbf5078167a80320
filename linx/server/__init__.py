"""The HTTP side toward clients: listening, strict framing, one connection at a time."""
