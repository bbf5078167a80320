"""What Linx tells of itself, and what it can be told to do."""
