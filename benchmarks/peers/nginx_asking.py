"""nginx that asks Sekisho about each request (`auth_request`), as `deploy/forward-auth/nginx.conf` has it.

Its log is off and it speaks no TLS, like nginx as a plain proxy beside it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from benchmarks.programs import PEER_CORE, Program, find, running
from benchmarks.surroundings import Surroundings, nginx_settings

_CONFIG = """
    upstream application {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}
    upstream sekisho {{ server 127.0.0.1:{gateway}; keepalive 64; keepalive_requests 1000000000; }}
    large_client_header_buffers 4 16k;
    proxy_buffer_size 128k;
    proxy_buffers 4 128k;
    proxy_busy_buffers_size 128k;
    merge_slashes off;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location /.sekisho/ {{
            proxy_pass http://sekisho;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
        location /.sekisho/auth/ {{ return 404; }}
        location = /sekisho-check {{
            internal;
            proxy_pass http://sekisho/.sekisho/auth/nginx;
            proxy_http_version 1.1;
            proxy_pass_request_body off;
            proxy_set_header Connection "";
            proxy_set_header Content-Length "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Original-Method $request_method;
            proxy_set_header X-Original-Scheme $scheme;
            proxy_set_header X-Original-Host $http_host;
            proxy_set_header X-Original-URI $request_uri;
        }}
        location / {{
            auth_request /sekisho-check;
            auth_request_set $sekisho_location $upstream_http_location;
            error_page 401 = @sekisho_sign_in;
            auth_request_set $sekisho_subject $upstream_http_x_verified_subject;
            auth_request_set $sekisho_name $upstream_http_x_verified_name;
            auth_request_set $sekisho_resident $upstream_http_x_verified_resident;
            auth_request_set $sekisho_cookie $upstream_http_cookie;
            proxy_set_header X-Verified-Subject $sekisho_subject;
            proxy_set_header X-Verified-Name $sekisho_name;
            proxy_set_header X-Verified-Resident $sekisho_resident;
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header Cookie $sekisho_cookie;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
        location @sekisho_sign_in {{
            if ($sekisho_location) {{ return 303 $sekisho_location; }}
            return 401;
        }}
    }}
"""


@contextlib.contextmanager
def asking(around: Surroundings, port: int, gateway: int) -> Iterator[Program]:
    """Run it for the length of a block."""
    config = around.folder / "nginx-asking.conf"
    http = _CONFIG.format(port=port, upstream=around.upstream, gateway=gateway)
    config.write_text(nginx_settings(around.folder, "nginx-asking", http))
    command = [find("nginx"), "-c", str(config)]
    with running("nginx-asking", command, core=PEER_CORE, folder=around.folder, ready=port) as program:
        yield program
