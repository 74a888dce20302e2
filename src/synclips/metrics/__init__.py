"""Metrics of real and generated video: sync, lip shape, picture quality, intelligibility."""
