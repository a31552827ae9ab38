"""The decision on one request, as values."""
