"""One voice turned into another."""
