"""Runs Debian's Tomcat in a folder of the test's, with our valve and the lines of a recipe."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.conftest import program

APPLICATIONS = Path(__file__).resolve().parent / "applications"
VALVE = APPLICATIONS.parents[2] / "deploy" / "tomcat" / "VerifiedSubjectValve.java"
TOMCAT = Path("/usr/share/tomcat10")

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
    compiler = [program("javac"), "-encoding", "UTF-8", "-cp", f"{TOMCAT}/lib/*", "-d", str(into), str(source)]
    subprocess.run(compiler, check=True, capture_output=True, timeout=120)


def lay_out_tomcat(folder: Path, port: int, valves: str, web_xml: str) -> tuple[Path, list[str]]:
    """Lay a server out; return the folder of its one application, and the command that starts the server."""
    root = folder / "webapps" / "ROOT"
    (root / "WEB-INF").mkdir(parents=True)
    (root / "WEB-INF" / "web.xml").write_text(web_xml)
    compile_java(VALVE, folder / "lib")
    for name in ("conf", "logs", "temp", "work"):
        (folder / name).mkdir()
    (folder / "conf" / "server.xml").write_text(SERVER_XML.format(port=port, valves=valves))
    shutil.copy("/etc/tomcat10/web.xml", folder / "conf")
    shutil.copy("/etc/tomcat10/catalina.properties", folder / "conf")
    jars = ":".join(str(TOMCAT / "bin" / jar) for jar in ("bootstrap.jar", "tomcat-juli.jar"))
    places = (f"-Dcatalina.home={TOMCAT}", f"-Dcatalina.base={folder}", f"-Djava.io.tmpdir={folder}/temp")
    command = [program("java"), "-Xmx256m", *places, "-cp", jars, "org.apache.catalina.startup.Bootstrap", "start"]
    return root, command
