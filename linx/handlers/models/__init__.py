"""What clients ask about models."""
