"""Reads a policy from YAML."""
