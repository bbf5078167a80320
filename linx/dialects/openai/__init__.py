"""OpenAI's chat completions: the widest dialect, and the one that the others are translated into."""
