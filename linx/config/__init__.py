"""The config: where it comes from, what it may say, and what it comes to."""
