"""What comes in: images and filters."""
