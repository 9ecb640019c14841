"""Arrays to pictures; nothing here writes a file."""
