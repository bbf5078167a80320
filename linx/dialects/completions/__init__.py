"""OpenAI's old completions: a text that goes on where a prompt ends."""
