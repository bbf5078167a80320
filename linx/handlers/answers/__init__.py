"""What answers a prompt: the road of a request, and what differs from it."""
