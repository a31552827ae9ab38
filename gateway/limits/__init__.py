"""Limits for one sign-in identity: the counted entries, their store, and their return."""
