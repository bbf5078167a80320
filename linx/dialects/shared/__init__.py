"""Pieces that several dialects are built of."""
