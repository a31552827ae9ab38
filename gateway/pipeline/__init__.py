"""What becomes of one request."""
