"""Real servers are asked for a guarded page in every spelling: where one gives it, the gateway lets nobody pass."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest

from gateway.policy.decide import CompiledPolicy
from gateway.policy.verdict import Permit
from gateway.request.target import DEFAULT_PATHS, Target, canonical
from gateway.settings.settings import PathSettings
from tests.conftest import free_port, program
from tests.policy.random_cases import policy_of
from tests.policy.test_spellings import GUARDED, MINOR, SPELLINGS, change, judged
from tests.servers import lay_out_tomcat, serving

MARK = b"This page is for adults."

APACHE = """\
ServerName localhost
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/httpd.pid
Listen 127.0.0.1:{port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule cgid_module /usr/lib/apache2/modules/mod_cgid.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
LoadModule negotiation_module /usr/lib/apache2/modules/mod_negotiation.so
User www-data
Group www-data
Mutex posixsem
ScriptSock {folder}/cgid.sock
ErrorLog {folder}/error.log
TypesConfig /etc/mime.types
StartServers 1
DocumentRoot {folder}/site
<Directory {folder}/site>
    Require all granted
    Options +MultiViews +ExecCGI +FollowSymLinks
    AddHandler cgi-script .cgi
    AddType text/html .cgi
    AcceptPathInfo On
    DirectoryIndex index.html
</Directory>
"""

CGI = """\
#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
case "$PATH_INFO" in /adult|/adult/*) echo '{mark}' ;; *) echo "open to all: $PATH_INFO" ;; esac
"""

PHP = """\
<?php
$path = $_SERVER['PATH_INFO'] ?? $_SERVER['REQUEST_URI'];
echo preg_match('#^/adult(/|$)#', $path) ? '{mark}' : 'open to all';
"""

NGINX = """\
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {folder}/site; index index.html; }}
}}
"""

SERVER_XML = """\
<Server port="-1"><Service name="Catalina">
  <Connector port="{port}" address="127.0.0.1" relaxedPathChars="&lt;&gt;[\\]^`{{|}}&quot;"/>
  <Engine name="Catalina" defaultHost="localhost"><Host name="localhost" appBase="webapps"/></Engine>
</Service></Server>
"""


def lay_out(site: Path, kind: str) -> None:
    """Make a site with a guarded section, an open one, and a program at its root."""
    for name in ("adult", "open", "public"):
        (site / name).mkdir(parents=True)
        for page in ("1", "index.html", "page.html"):
            (site / name / page).write_bytes(MARK if name == "adult" else b"open to all")
    if kind == "apache":
        for place in (site, site / "public"):
            script = place / "index.cgi"
            script.write_text(CGI.format(mark=MARK.decode()))
            script.chmod(0o755)
    if kind == "php":
        (site / "index.php").write_text(PHP.format(mark=MARK.decode()))


def command(kind: str, folder: Path, port: int) -> list[str]:
    """Return what starts the server."""
    settings = folder / "settings"
    match kind:
        case "apache":
            settings.write_text(APACHE.format(folder=folder, port=port))
            return [program("apache2"), "-d", str(folder), "-f", str(settings), "-DFOREGROUND"]
        case "nginx":
            user = "user root;" if os.getuid() == 0 else ""
            settings.write_text(NGINX.format(folder=folder, port=port, user=user))
            return [program("nginx"), "-e", str(folder / "error.log"), "-c", str(settings)]
        case "php":
            return [program("php"), "-n", "-S", f"127.0.0.1:{port}", "-t", str(folder / "site")]
        case _:
            (folder / "webapps").mkdir()
            (folder / "site").rename(folder / "webapps" / "ROOT")
            return lay_out_tomcat(folder, SERVER_XML.format(port=port))


@contextmanager
def running(kind: str) -> Iterator[int]:
    """Run a server of a kind, and end it and its children."""
    port = free_port()
    # Apache gives up root before it looks into the folder, which must not be pytest's own.
    with tempfile.TemporaryDirectory(prefix="sekisho-paths-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        lay_out(folder / "site", kind)
        start = command(kind, folder, port)
        with serving(port, folder / "log", *start, ready=lambda: fetch(port, "/open/1") is not None):
            yield port


def fetch(port: int, target: str) -> bytes | None:
    """Return all that a server says to a GET of a target in these very bytes; `None` where it is not there."""
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(b"GET " + target.encode() + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            said = b""
            while piece := connection.recv(65536):
                said += piece
    except (ConnectionRefusedError, ConnectionResetError, TimeoutError):
        return None
    return said


def targets() -> list[str]:
    """Return spellings of the guarded page: those that are known, and random ones."""
    random = Random(20261123)
    made = []
    for _ in range(400):
        path = random.choice(["/adult/1", "/adult", "/adult/page.html", "/adult/page"])
        for _ in range(random.randint(1, 3)):
            path = change(random, path)
        made.append(quote(path, safe="/!$&'()*+,;=:@~"))
    plain = [
        "/adult/1",
        "/adult//1",
        "//adult/1",
        "/adult;x=1/1",
        "/adult/1;x=1",
        "/open/..;/adult/1",
        "/open/%2e%2e/adult/1",
        "/open/..%2fadult/1",
        "/open/%252e%252e/adult/1",
        "/adult%2f1",
        "/adult%5c1",
        "/adult/page",
        "/adult",
        "/adult/",
        "/index.cgi/adult",
        "/index/adult/1",
        "/public/index/adult/1",
        "/public/index.cgi/adult/1",
        "/index.php/adult/1",
        "/open/index.php/adult",
    ]
    return list(dict.fromkeys([*plain, *SPELLINGS, *made]))


ALSO = {
    "apache": {"/adult/1", "/adult/page", "/index.cgi/adult/1", "/index/adult/1", "/public/index.cgi/adult/1"},
    "nginx": {"/adult/1", "/adult//1", "/open/..%2fadult/1"},
    "php": {"/adult/1", "/index.php/adult/1", "/open/..%2fadult/1"},
    "tomcat": {"/adult/1", "/adult;x=1/1", "/open/..;/adult/1"},
}
"""Some of the names under which each gives the page."""

LENIENT = PathSettings(parameters="keep", encoded_slash="keep", merge_slashes=True)


@pytest.mark.parametrize(
    "kind", ["apache", "nginx", "php", pytest.param("tomcat", marks=[pytest.mark.long, pytest.mark.timeout(180)])]
)
def test_no_spelling_that_a_server_takes_for_the_guarded_page_is_permitted(kind: str) -> None:
    """Apache with its scripts and MultiViews, PHP with its front controller, nginx, Tomcat."""
    policies = {paths: CompiledPolicy(policy_of(*GUARDED), paths=paths) for paths in (DEFAULT_PATHS, LENIENT)}
    given: set[str] = set()
    missed: set[str] = set()

    with running(kind) as port:
        for target in targets():
            said = fetch(port, target)
            assert said is not None, target
            if MARK not in said:
                continue
            given.add(target)
            for paths, policy in policies.items():
                read = canonical(target.encode(), paths)
                sent = read.raw.decode() if isinstance(read, Target) else target
                if isinstance(judged(policy, sent, MINOR, paths), Permit):
                    missed.add(target)

    assert not missed
    # The server gives the page under names that are not its own, or nothing was tried.
    assert given >= ALSO[kind]
