"""The HTTP server: sync.'s API v2 over the Python API, a queue of jobs in one table, and the Studio page."""
