"""What runs in workers: nothing here imports two libraries that are compared."""
