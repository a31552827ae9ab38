"""Pieces of HTTP/1.1's grammar (RFC 9110 section 5.6.2)."""

from __future__ import annotations

import re

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
"""One character of a token, as a class for regular expressions over bytes."""

WHOLE_TOKEN = re.compile(TOKEN.decode() + "+")
"""A token, in text: the name of a field, of a cookie, of a method."""
