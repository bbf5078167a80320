"""One configured provider: its kind, its requests, its models, prices, health and places."""
