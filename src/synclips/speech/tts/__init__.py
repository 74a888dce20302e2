"""Text to sound: the synthesizers."""
