"""Fixtures of the server's tests: see tests/support/running_server.py."""

from running_server import clip, database, database_url, postgres, recording, server

__all__ = ["clip", "database", "database_url", "postgres", "recording", "server"]
