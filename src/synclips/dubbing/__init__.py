"""Video and text (or a recording, or a script) to a dubbed video: pipeline.py tells the story."""
