"""SyncLips: type a line, and the person in your video says it, in their own voice, with matching lips."""

__version__ = "0.1.0"
