"""Where faces are in a video, and whose they are."""
