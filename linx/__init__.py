"""Linx: one address, in every client's own protocol, for local and remote language models."""

__version__ = "0.1.0"
