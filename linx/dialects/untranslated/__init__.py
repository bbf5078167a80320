"""A client's own dialect on both sides, passed through as it is."""
