"""What is measured of a result: sync, lips, pictures, words."""
