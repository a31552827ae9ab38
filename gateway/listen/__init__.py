"""Step 1, the door: a head becomes an `Inbound`, or is refused.

Start with `inbound` and `target`; the sockets are `httptools_listener`'s.
"""
