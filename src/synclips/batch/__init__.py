"""Many videos times many lines, here or on a cluster."""
