"""Makes everything that a release publishes, in `dist/`, and the sums of it all.

A release is refused while its pages do not know the version, the tree has changes, the tag is missing, or nobody
stands for it in `publisher.toml`; `--draft`
tries the build all the same, and says so in the notes.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import re
import shutil
import subprocess
import sys

from gateway import __version__
from gateway.setup.upgrade_notes import VERSIONS
from tools.publisher import Publisher, publisher_of
from tools.wheels import PYTHONS, ROOT, bill_of_materials, run

DIST = ROOT / "dist"


def main() -> int:
    """Build a release; return 2 if something must be done before."""
    from tools import bundle, deb  # noqa: PLC0415 - their libraries are not needed to judge whether a release is ready

    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--draft", action="store_true", help="build what is not ready to be published")
    arguments.add_argument("--image", metavar="BASE", help="build the image, too, on this base")
    arguments.add_argument("--buildah", metavar="OPTIONS", default="", help="further options of `buildah bud`")
    asked = arguments.parse_args()
    publisher = publisher_of(ROOT)
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    found = faults(changelog, __version__, git("status", "--porcelain"), tags(), publisher)
    for fault in found:
        print(f"{'draft' if asked.draft else 'release'}: {fault}", file=sys.stderr)
    if found and not asked.draft:
        return 2
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    machine = platform.machine()
    step("wheel and sdist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", DIST, ".")
    run(sys.executable, "-m", "twine", "check", "--strict", *DIST.glob("sekisho-*"))
    step("bill of materials")
    (DIST / f"sekisho-{__version__}.cdx.json").write_bytes(bill_of_materials(DIST))
    for python in PYTHONS:
        step(f"Debian package for Python {python}")
        deb.build(DIST, python, machine)
    step("bundle for closed networks")
    bundle.build(DIST, machine)
    if re.search(r"(?m)^chart:", (ROOT / "Makefile").read_text("utf-8")):
        step("chart")
        run("make", "--no-print-directory", "chart")
    if asked.image:
        step("image")
        # `make` hands its own variables down: without this, buildah would get the options of this program.
        run("make", "--no-print-directory", "image", f"BASE={asked.image}", f"ARGS={asked.buildah}")
        run(
            "buildah", "push", f"localhost/sekisho:{__version__}", f"oci-archive:{DIST}/sekisho-{__version__}-image.tar"
        )
    notes = notes_of(changelog, __version__) + publisher.notice
    head = "This is a draft, and no release.\n\n" if found else ""
    (DIST / f"sekisho-{__version__}-notes.md").write_text(head + notes, encoding="utf-8")
    sums = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(DIST.iterdir()))
    (DIST / "SHA256SUMS").write_text(sums, encoding="utf-8")
    print(sums, end="")
    return 0


def step(name: str) -> None:
    """Say what is made next."""
    print(f"release: {name} …", file=sys.stderr)


def git(*words: str) -> str:
    """Return what git says."""
    return run("git", *words).strip()


def tags() -> tuple[str, ...]:
    """Return the tags of the commit."""
    return tuple(git("tag", "--points-at", "HEAD").split())


def faults(changelog: str, version: str, changes: str, tags: tuple[str, ...], publisher: Publisher) -> list[str]:
    """Return what must be done before a version is released."""
    found: list[str] = []
    if not notes_of(changelog, version):
        found.append(f"CHANGELOG.md has no entries under `## {version}`")
    if notes_of(changelog, "Unreleased"):
        found.append(f"CHANGELOG.md still has entries under `## Unreleased`: move them to `## {version}`")
    if version not in VERSIONS:
        found.append(f"gateway/setup/upgrade_notes.py has no items for {version}")
    if changes:
        found.append("the tree has changes that are not committed")
    if f"v{version}" not in tags:
        found.append(f"the commit has no tag v{version}")
    return found + publisher.faults


def notes_of(changelog: str, version: str) -> str:
    """Return the entries of a version."""
    found = re.search(rf"(?m)^## {re.escape(version)}\b[^\n]*\n(.*?)(?=^## |\Z)", changelog, re.DOTALL)
    return "" if found is None else found[1].strip() + "\n" * bool(found[1].strip())


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        print(f"release: {error.cmd[0]} failed", file=sys.stderr)
        sys.exit(1)
