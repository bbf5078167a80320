"""The tunnel: a child that carries requests from outside to a listener of its own."""
