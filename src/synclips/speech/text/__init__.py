"""Text as it is written to text as it is spoken."""
