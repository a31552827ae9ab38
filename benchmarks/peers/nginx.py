"""nginx as a plain proxy: one worker, kept-alive upstream connections, no access log, no session."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from benchmarks.peer import Running
from benchmarks.programs import PEER_CORE, find, free_port, running
from benchmarks.surroundings import Surroundings

_CONFIG = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 32768; }}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    client_max_body_size 0;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream application {{
        server 127.0.0.1:{upstream};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
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
}}
"""


class Nginx:
    """The yardstick: what a proxy in C needs for bytes alone."""

    name = "nginx"
    what = "plain proxy"

    @contextlib.contextmanager
    def run(self, around: Surroundings) -> Iterator[Running]:
        """Run it for the length of a block."""
        port = free_port()
        config = around.folder / "nginx-peer.conf"
        config.write_text(_CONFIG.format(folder=around.folder, port=port, upstream=around.upstream))
        command = [find("nginx"), "-c", str(config)]
        with running(self.name, command, core=PEER_CORE, folder=around.folder, ready=port) as program:
            yield Running(program, port)
