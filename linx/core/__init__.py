"""What every other room uses and what uses none of them: words, errors, JSON, counters, the log."""
