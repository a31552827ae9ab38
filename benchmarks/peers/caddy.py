"""Caddy as a plain proxy: no log, no admin listener, one processor."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from benchmarks.peer import Running
from benchmarks.programs import PEER_CORE, find, free_port, running
from benchmarks.surroundings import Surroundings

_CONFIG = """
{{
    admin off
    auto_https off
    persist_config off
    log {{
        level ERROR
    }}
}}
http://:{port} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{upstream} {{
        transport http {{
            keepalive_idle_conns_per_host 100
            compression off
        }}
    }}
}}
"""


class Caddy:
    """The one that is easy to set up."""

    name = "caddy"
    what = "plain proxy"

    @contextlib.contextmanager
    def run(self, around: Surroundings) -> Iterator[Running]:
        """Run it for the length of a block."""
        port = free_port()
        config = around.folder / "Caddyfile"
        config.write_text(_CONFIG.format(port=port, upstream=around.upstream))
        command = [find("caddy"), "run", "--config", str(config), "--adapter", "caddyfile"]
        environment = {"GOMAXPROCS": "1", "HOME": str(around.folder), "XDG_DATA_HOME": str(around.folder)}
        with running(
            self.name, command, core=PEER_CORE, folder=around.folder, ready=port, environment=environment
        ) as program:
            yield Running(program, port)
