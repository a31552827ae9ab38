"""Builds the Debian package: the program with its libraries in an environment of its own, and what a service needs.

The wheels of the lock are laid out below `/usr/lib/sekisho`; no code of a package runs, and nothing is compiled.
dpkg-deb packs them. Every file bears the commit's time, so two builds of one commit are the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import platform
import shutil
import sys
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import typer
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.sources import WheelFile

from gateway import __version__
from gateway.cli import app
from gateway.commands.completion import read_command
from gateway.commands.completion_scripts import Command, Shell, completion_script
from tools.manual_page import manual_page
from tools.publisher import FILE, publisher_of
from tools.wheels import ROOT, Licence, licences, locked_wheels, own_wheel, run, source_date

HOME = "/usr/lib/sekisho"
"""The place of the environment: the policy of Debian keeps /opt for what no package of it brings."""

DEPLOY = ROOT / "deploy"
TEMPLATES = DEPLOY / "debian"
SCRIPTS = ("postinst", "prerm", "postrm")
CONFFILES = ("/etc/default/sekisho", "/etc/logrotate.d/sekisho")
"""`/etc/sekisho` is empty: `sekisho init` writes a folder whole, and replaces nothing."""

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
DEBIAN_REVISION = "1"


def main() -> None:
    """Build the package into a folder, and print its path."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, default=ROOT / "dist")
    arguments.add_argument("--python", default=f"{sys.version_info.major}.{sys.version_info.minor}")
    arguments.add_argument("--machine", default=platform.machine(), choices=sorted(ARCHITECTURES))
    asked = arguments.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    print(build(asked.out, asked.python, asked.machine))


def build(out: Path, python: str, machine: str) -> Path:
    """Build the package for one version of Python and one machine."""
    moment = source_date()
    with TemporaryDirectory(prefix="sekisho-deb-") as scratch:
        wheels, root = Path(scratch) / "wheels", Path(scratch) / "root"
        wheels.mkdir()
        root.mkdir()
        all_wheels = (own_wheel(wheels), *locked_wheels(wheels, python, machine))
        lay_out(root, all_wheels, python)
        put_service(root)
        put_pages(root, licences(all_wheels), moment)
        put_control(root, python, machine)
        for path in (root, *root.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or is_program(path) else 0o644)
            os.utime(path, (moment, moment), follow_symlinks=False)
        name = f"sekisho_{__version__}-{DEBIAN_REVISION}+py{python}_{ARCHITECTURES[machine]}.deb"
        # gzip has one thread. xz with several cuts the archive into other blocks on another machine.
        run("dpkg-deb", "--root-owner-group", "-Zgzip", "--build", root, out / name)
    return out / name


def is_program(file: Path) -> bool:
    """Say whether a file is started by its name; some wheels mark modules so by mistake."""
    return os.access(file, os.X_OK) and file.open("rb").read(2) == b"#!"


def lay_out(root: Path, wheels: tuple[Path, ...], python: str) -> None:
    """Make the virtual environment: its interpreter is the system's, its libraries are the wheels'."""
    packages = f"{HOME}/lib/python{python}/site-packages"
    scheme = {"purelib": packages, "platlib": packages, "scripts": f"{HOME}/bin", "data": HOME}
    for wheel in wheels:
        headers = f"{HOME}/include/site/python{python}/{wheel.name.partition('-')[0]}"
        destination = SchemeDictionaryDestination(
            scheme_dict={**scheme, "headers": headers},
            interpreter=f"{HOME}/bin/python",
            script_kind="posix",
            destdir=str(root),
        )
        with WheelFile.open(wheel) as source:
            install(source, destination, additional_metadata={"INSTALLER": b"dpkg\n"})
    home = root / HOME[1:]
    # A library's own tests hold private keys, which a scanner for secrets would find.
    for tests in (root / packages[1:]).glob("jwcrypto/tests*"):
        shutil.rmtree(tests) if tests.is_dir() else tests.unlink()
    (home / "pyvenv.cfg").write_text(f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {python}\n")
    for name in ("python", "python3", f"python{python}"):
        (home / "bin" / name).symlink_to(f"../../../bin/python{python}")
    (root / "usr" / "bin").mkdir()
    (root / "usr" / "bin" / "sekisho").symlink_to("../lib/sekisho/bin/sekisho")


def put_service(root: Path) -> None:
    """Put the units, the account, the folders, the rotation of the log, and the completions of shells."""
    unit = (DEPLOY / "systemd" / "sekisho.service").read_text("utf-8").replace("/opt/sekisho/bin", "/usr/bin")
    first, _, rest = unit.partition("\n")
    kept = [
        line for line in rest.splitlines() if not line.startswith(("# The program is", "# owned by", "# The Debian"))
    ]
    put(root, "usr/lib/systemd/system/sekisho.service", "\n".join([first.replace("/etc", "/usr/lib"), *kept]) + "\n")
    socket = (DEPLOY / "systemd" / "sekisho.socket").read_text("utf-8")
    put(root, "usr/lib/systemd/system/sekisho.socket", socket.replace("# /etc/", "# /usr/lib/"))
    put(root, "usr/lib/sysusers.d/sekisho.conf", (TEMPLATES / "sysusers.conf").read_text("utf-8"))
    put(root, "usr/lib/tmpfiles.d/sekisho.conf", (TEMPLATES / "tmpfiles.conf").read_text("utf-8"))
    put(root, "etc/default/sekisho", (TEMPLATES / "default").read_text("utf-8"))
    put(root, "etc/logrotate.d/sekisho", (DEPLOY / "logrotate" / "sekisho").read_text("utf-8"))
    (root / "etc" / "sekisho").mkdir()
    commands = program()
    put(root, "usr/share/bash-completion/completions/sekisho", completion_script(Shell.BASH, commands))
    put(root, "usr/share/zsh/vendor-completions/_sekisho", completion_script(Shell.ZSH, commands))
    put(root, "usr/share/fish/vendor_completions.d/sekisho.fish", completion_script(Shell.FISH, commands))


def program() -> Command:
    """Return every command of ours."""
    return read_command(typer.main.get_command(app))


def put_pages(root: Path, found: tuple[Licence, ...], moment: int) -> None:
    """Put the manual, the pages for operators, the samples, the changelogs and the licences."""
    put_packed(root, "usr/share/man/man1/sekisho.1.gz", manual_page(program(), moment))
    pages = root / "usr" / "share" / "doc" / "sekisho"
    for page in (*ROOT.glob("README*.md"), *ROOT.glob("SECURITY*.md"), *ROOT.glob("docs/*.md")):
        put(root, f"usr/share/doc/sekisho/{page.relative_to(ROOT)}", page.read_text("utf-8"))
    shutil.copytree(DEPLOY, pages / "examples", ignore=shutil.ignore_patterns("debian", "systemd", "logrotate"))
    shutil.copytree(ROOT / "policies", pages / "examples" / "policies")
    put_packed(root, "usr/share/doc/sekisho/changelog.gz", (ROOT / "CHANGELOG.md").read_text("utf-8"))
    publisher = publisher_of(ROOT)
    put(root, f"usr/share/doc/sekisho/{FILE}", (ROOT / FILE).read_text("utf-8"))
    when = format_datetime(datetime.fromtimestamp(moment, UTC))
    entry = f"  * The changes are in changelog.gz.\n\n -- {publisher.maintainer}  {when}\n"
    put_packed(
        root,
        "usr/share/doc/sekisho/changelog.Debian.gz",
        f"sekisho ({__version__}-{DEBIAN_REVISION}) unstable; urgency=medium\n\n{entry}",
    )
    put(root, "usr/share/doc/sekisho/copyright", copyright_page(found))
    put(root, "usr/share/lintian/overrides/sekisho", (TEMPLATES / "lintian-overrides").read_text("utf-8"))


def copyright_page(found: tuple[Licence, ...]) -> str:
    """Return the licences: ours, and each library's as its author states it."""
    libraries = "".join(f" {each.name} {each.version}: {each.said}\n" for each in found if each.name != "sekisho")
    return (
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
        "Upstream-Name: sekisho\n"
        "Comment:\n"
        f" The libraries below {HOME} have licences of their own.\n"
        f" Their texts are in {HOME}/lib/python*/site-packages/*.dist-info.\n"
        f" .\n{libraries}\n"
        "Files: *\nCopyright: Sekisho maintainers\nLicense: Apache-2.0\n"
        " On Debian systems, the text of this licence is in\n /usr/share/common-licenses/Apache-2.0.\n"
    )


def put_control(root: Path, python: str, machine: str) -> None:
    """Put the package's own description, scripts and sums."""
    sums = {
        path.relative_to(root): hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    kibibytes = sum(-(-path.stat().st_size // 1024) for path in map(root.joinpath, sums))
    major, minor = map(int, python.split("."))
    control = (
        (TEMPLATES / "control")
        .read_text("utf-8")
        .format(
            version=f"{__version__}-{DEBIAN_REVISION}+py{python}",
            architecture=ARCHITECTURES[machine],
            installed=kibibytes,
            python=python,
            next_python=f"{major}.{minor + 1}",
            maintainer=publisher_of(ROOT).maintainer,
        )
    )
    put(root, "DEBIAN/control", control)
    put(root, "DEBIAN/conffiles", "".join(f"{name}\n" for name in CONFFILES))
    put(root, "DEBIAN/md5sums", "".join(f"{digest}  {name}\n" for name, digest in sums.items()))
    for name in SCRIPTS:
        put(root, f"DEBIAN/{name}", (TEMPLATES / name).read_text("utf-8"))
        (root / "DEBIAN" / name).chmod(0o755)


def put(root: Path, name: str, text: str) -> None:
    """Write a file beneath the root."""
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def put_packed(root: Path, name: str, text: str) -> None:
    """Write a file in gzip's form, without the time of its packing."""
    put(root, name, "")
    (root / name).write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
