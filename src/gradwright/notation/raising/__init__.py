"""Raising: from the index core back to the notation that people write and read."""
