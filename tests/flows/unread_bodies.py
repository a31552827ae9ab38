"""Six real servers whose applications read no request body, each writing down every request it serves.

CPython's `http.server`, PHP's built-in server, Apache httpd serving files, Tomcat, gunicorn and Node. Each answers
with the target and the subject it was told, but for httpd: that answers with a file that holds the target.
"""

from __future__ import annotations

import os
import pwd
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import free_port, program
from tests.servers import lay_out_tomcat, serving

HERE = Path(__file__).resolve().parent / "unread"

QUICK = ("http.server", "php", "gunicorn", "node")
"""Those that every machine which runs `make test` has, and that start in a moment."""

NAMES = (*QUICK, "httpd", "tomcat")

STAYS = "http.server that stays"
"""CPython's server with a handler that says `Connection: keep-alive`: `Connection: close` is for nothing then."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

HTTPD = """\
ServerName localhost
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/httpd.pid
Listen 127.0.0.1:{port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
User {user}
Group {group}
Mutex posixsem
ErrorLog {folder}/error.log
LogFormat "%m %U%q %{{X-Request-Id}}i" asked
CustomLog {records} asked
StartServers 1
KeepAliveTimeout 10
MaxKeepAliveRequests 0
TypesConfig /etc/mime.types
DocumentRoot {folder}/site
<Directory {folder}/site>
    Require all granted
</Directory>
"""

WEB_XML = """\
<web-app xmlns="https://jakarta.ee/xml/ns/jakartaee" version="6.0">
  <servlet><servlet-name>page</servlet-name><jsp-file>/index.jsp</jsp-file></servlet>
  <servlet-mapping><servlet-name>page</servlet-name><url-pattern>/p/*</url-pattern></servlet-mapping>
</web-app>
"""

SERVER_XML = """\
<Server port="-1">
  <Service name="Catalina">
    <Connector port="{port}" address="127.0.0.1" protocol="HTTP/1.1" maxKeepAliveRequests="-1"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Host name="localhost" appBase="webapps">
        <Valve className="org.apache.catalina.valves.AccessLogValve" directory="{folder}" prefix="records" suffix=""
               rotatable="false" buffered="false" pattern="%m %U%q %{{X-Request-Id}}i"/>
      </Host></Engine>
  </Service>
</Server>
"""


@dataclass(frozen=True)
class Asked:
    """A request as a server saw it."""

    method: str
    target: str
    request_id: str
    """The gateway's id of the request; `-` if the request did not come from the gateway."""


@dataclass(frozen=True)
class UnreadServer:
    """A server that runs, and the file it writes down what it was asked in."""

    name: str
    port: int
    file: Path

    def asked(self) -> list[Asked]:
        """Return every request it has served so far."""
        lines = self.file.read_text(encoding="latin-1").splitlines() if self.file.exists() else []
        return [Asked(*line.split(" ")) for line in lines]


def _command(name: str, folder: Path, port: int, records: Path, pages: tuple[str, ...]) -> list[str]:
    if name in ("http.server", STAYS):
        stays = ["--stays"] if name == STAYS else []
        return [sys.executable, str(HERE / "http_server.py"), str(port), str(records), *stays]
    if name == "php":
        return [program("php"), "-S", f"127.0.0.1:{port}", str(HERE / "router.php")]
    if name == "node":
        return [program("node"), str(HERE / "server.mjs"), str(port), str(records)]
    if name == "gunicorn":
        options = ["--worker-class", "gthread", "--threads", "16", "--keep-alive", "10", "--log-level", "warning"]
        where = ["--bind", f"127.0.0.1:{port}", "--worker-tmp-dir", str(folder), "--no-control-socket"]
        return [sys.executable, "-m", "gunicorn", *options, *where, "tests.flows.unread.wsgi"]
    if name == "httpd":
        for page in pages:
            place = folder / "site" / page.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"{page}\n")
        root = os.getuid() == 0
        user, group = ("www-data", "www-data") if root else (pwd.getpwuid(os.getuid()).pw_name, f"#{os.getgid()}")
        settings = HTTPD.format(folder=folder, port=port, records=records, user=user, group=group)
        (folder / "httpd.conf").write_text(settings)
        return [program("apache2"), "-d", str(folder), "-f", str(folder / "httpd.conf"), "-DFOREGROUND"]
    return _tomcat(folder, port)


def _tomcat(folder: Path, port: int) -> list[str]:
    root = folder / "webapps" / "ROOT"
    (root / "WEB-INF").mkdir(parents=True)
    (root / "WEB-INF" / "web.xml").write_text(WEB_XML)
    shutil.copy(HERE / "index.jsp", root)
    return lay_out_tomcat(folder, SERVER_XML.format(port=port, folder=folder))


@contextmanager
def unread_server(name: str, folder: Path, pages: tuple[str, ...] = ()) -> Iterator[UnreadServer]:
    """Run one of them, and end it and its children. `pages` are the paths that httpd is to have a file for."""
    folder.mkdir()
    # Apache's children are another user where we are root.
    folder.chmod(0o755)
    port, records = free_port(), folder / "records"
    environment = {"RECORDS": str(records), "PHP_CLI_SERVER_WORKERS": "4"}
    command = _command(name, folder, port, records, pages)
    with serving(port, folder / "log", *command, environment=environment, folder=HERE.parents[2]):
        yield UnreadServer(name, port, records)
