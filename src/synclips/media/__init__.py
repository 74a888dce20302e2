"""Bytes to arrays and back: video, sound and time. Knows no faces and no networks."""
