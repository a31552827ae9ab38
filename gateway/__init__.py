"""Sekisho, an identity-aware gateway. The life of one request, in ten lines.

1. `listen/`   a head arrives; its target becomes canonical, or the request is refused
2. `route/`    whose application is this, by host and path
3. `session/`  the session of this browser; most often it is already in memory
   `login/`    beside it: who is it, asked of the Digital Authentication service
4. `policy/`   may she; the first rule that fits is the rule
5. `headers/`  the headers that the application receives, and that only the gateway may write
6. `upstream/` the application; bodies stream through, both ways
`pipeline.py` knows this order and nothing of sockets; `portal/` makes our own pages.
A file named after a concept is pure; a file named after a technology does the I/O.
"""

__version__ = "0.1.0"
