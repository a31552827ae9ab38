"""HAProxy as a plain proxy: one thread, kept-alive upstream connections, no log."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from benchmarks.peer import Running
from benchmarks.programs import PEER_CORE, find, free_port, running
from benchmarks.surroundings import Surroundings

_CONFIG = """
global
    nbthread 1
    maxconn 9000
defaults
    mode http
    timeout connect 5s
    timeout client 300s
    timeout server 300s
    timeout tunnel 600s
    option http-keep-alive
    http-reuse always
frontend door
    bind 127.0.0.1:{port} backlog 4096
    option forwardfor
    default_backend application
backend application
    server one 127.0.0.1:{upstream} pool-max-conn 1000
"""


class HAProxy:
    """The other yardstick in C."""

    name = "haproxy"
    what = "plain proxy"

    @contextlib.contextmanager
    def run(self, around: Surroundings) -> Iterator[Running]:
        """Run it for the length of a block."""
        port = free_port()
        config = around.folder / "haproxy.cfg"
        config.write_text(_CONFIG.format(port=port, upstream=around.upstream))
        command = [find("haproxy"), "-f", str(config), "-db"]
        with running(self.name, command, core=PEER_CORE, folder=around.folder, ready=port) as program:
            yield Running(program, port)
