"""The parts of HTTP/1.1 that both sides of the byte path use."""
