"""Runs Debian's Tomcat in a folder of the test's, with our valve and the lines of a recipe."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests import servers
from tests.conftest import program

APPLICATIONS = Path(__file__).resolve().parent / "applications"
VALVE = APPLICATIONS.parents[2] / "deploy" / "tomcat" / "VerifiedSubjectValve.java"

SERVER_XML = """\
<Server port="-1">
  <Service name="Catalina">
    <Connector port="{port}" address="127.0.0.1" protocol="HTTP/1.1"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Host name="localhost" appBase="webapps">{valves}</Host></Engine>
  </Service>
</Server>
"""


def compile_java(source: Path, into: Path) -> None:
    """Compile one class against Tomcat's own libraries."""
    compiler = [program("javac"), "-encoding", "UTF-8", "-cp", f"{servers.TOMCAT}/lib/*", "-d", str(into), str(source)]
    subprocess.run(compiler, check=True, capture_output=True, timeout=120)


def lay_out_tomcat(folder: Path, port: int, valves: str, web_xml: str) -> tuple[Path, list[str]]:
    """Lay a server out; return the folder of its one application, and the command that starts the server."""
    root = folder / "webapps" / "ROOT"
    (root / "WEB-INF").mkdir(parents=True)
    (root / "WEB-INF" / "web.xml").write_text(web_xml)
    compile_java(VALVE, folder / "lib")
    return root, servers.lay_out_tomcat(folder, SERVER_XML.format(port=port, valves=valves), "256m")
