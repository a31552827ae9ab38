"""The start, the reload and the end of the gateway."""
