"""Shipped recipes: TOML files that load_recipe finds by name."""
