"""What each endpoint does, from a parsed request to its answer."""
