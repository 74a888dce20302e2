"""Marks of origin in and beside a result: tags, C2PA manifest, certificate."""
