"""The HTTP side toward providers: connections, their pool, dialling."""
