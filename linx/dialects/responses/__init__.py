"""OpenAI's Responses API, toward clients."""
