"""Ollama's own dialect, toward clients and toward providers."""
