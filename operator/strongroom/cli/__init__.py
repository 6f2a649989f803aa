"""Commands that people run: what they read, and how answers look."""
