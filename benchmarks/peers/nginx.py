"""nginx as a plain proxy: one worker, kept-alive upstream connections, no access log, no session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from benchmarks.certificates import certify
from benchmarks.peer import Running
from benchmarks.programs import PEER_CORE, find, free_port, running
from benchmarks.surroundings import Surroundings, nginx_settings

_CONFIG = """
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream application {{
        server 127.0.0.1:{upstream};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} {tls} backlog=4096;
        location / {{
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_buffering on;
            proxy_max_temp_file_size 0;
            proxy_set_header Host $http_host;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
"""


class Nginx:
    """The yardstick: what a proxy in C needs for bytes alone."""

    name = "nginx"
    what = "plain proxy"

    def __init__(self, *, tls: bool = False) -> None:
        self.tls = tls

    @contextlib.contextmanager
    def run(self, around: Surroundings) -> Iterator[Running]:
        """Run it for the length of a block."""
        port = free_port()
        config = around.folder / "nginx-peer.conf"
        http = _CONFIG.format(port=port, upstream=around.upstream, tls="ssl" if self.tls else "")
        if self.tls:
            certificate, key = certify(around.folder)
            # A cache of sessions is what every guide to nginx adds: with tickets it is hardly asked.
            http = f"ssl_certificate {certificate}; ssl_certificate_key {key};\n{http}"
        config.write_text(nginx_settings(around.folder, self.name, http))
        command = [find("nginx"), "-c", str(config)]
        with running(self.name, command, core=PEER_CORE, folder=around.folder, ready=port) as program:
            yield Running(program, port)
