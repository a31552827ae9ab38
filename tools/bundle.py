"""Builds the bundle for closed networks: one archive with the program, every library, and a script that installs them.

The wheels are those of the lock, for each version of Python that a release names. Names are in one order and every file
bears the commit's time, so two builds of one commit are the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import platform
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway import __version__
from tools.publisher import FILE
from tools.wheels import (
    LOCK,
    PYTHONS,
    ROOT,
    Licence,
    bill_of_materials,
    licences,
    locked_for,
    locked_wheels,
    own_wheel,
    source_date,
)

BUNDLE = ROOT / "deploy" / "bundle"
UPKEEP = ROOT / "requirements-upkeep.lock"
MACHINES = ("x86_64", "aarch64")


def main() -> None:
    """Build the bundle into a folder, and print its path."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--out", type=Path, default=ROOT / "dist")
    arguments.add_argument("--machine", default=platform.machine(), choices=MACHINES)
    asked = arguments.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    print(build(asked.out, asked.machine))


def build(out: Path, machine: str) -> Path:
    """Build the bundle for one machine."""
    name = f"sekisho-{__version__}-offline-{machine}"
    with TemporaryDirectory(prefix="sekisho-bundle-") as scratch:
        folder = Path(scratch) / name
        gather(folder, machine)
        archive = out / f"{name}.tar.gz"
        archive.write_bytes(packed(folder, source_date()))
    return archive


def gather(folder: Path, machine: str) -> None:
    """Put everything that the bundle has into a folder."""
    wheels = folder / "wheels"
    wheels.mkdir(parents=True)
    ours = own_wheel(wheels)
    (wheels / ".gitignore").unlink(missing_ok=True)
    lock = LOCK.read_text("utf-8")
    for python in PYTHONS:
        locked_wheels(wheels, python, machine)
        wanted = locked_for(lock, python, machine)
        own = f"sekisho=={__version__} \\\n    --hash=sha256:{digest_of(ours)}\n"
        (folder / f"python-{python}").write_text(own + wanted, encoding="utf-8")
    (pip,) = locked_wheels(folder, PYTHONS[0], machine, UPKEEP, {"pip"})
    (folder / "machine").write_text(f"{machine}\n")
    (folder / f"sekisho-{__version__}.cdx.json").write_bytes(bill_of_materials(folder))
    found = licences((*wheels.glob("*.whl"), pip))
    (folder / "LICENCES.txt").write_text(licence_page(found), encoding="utf-8")
    for file in BUNDLE.iterdir():
        shutil.copy(file, folder / file.name)
    copied = (
        *ROOT.glob("README*.md"),
        *ROOT.glob("SECURITY*.md"),
        ROOT / "CHANGELOG.md",
        ROOT / FILE,
        *ROOT.glob("docs/*.md"),
    )
    for page in copied:
        target = folder / page.relative_to(ROOT)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(page, target)
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("bundle", "debian"))
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    sums = "".join(f"{digest_of(folder / file)}  {file}\n" for file in files)
    (folder / "SHA256SUMS").write_text(sums, encoding="utf-8")


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def licence_page(found: Iterable[Licence]) -> str:
    """Return the licence of each library in a table, and the texts after it."""
    all_found = tuple(found)
    table = "".join(f"{each.name} {each.version}\t{each.said}\n" for each in all_found)
    texts = "".join(
        f"\n{'=' * 78}\n{each.name} {each.version}: {name}\n{'=' * 78}\n{text.rstrip()}\n"
        for each in all_found
        for name, text in each.texts
    )
    return table + texts


def packed(folder: Path, moment: int) -> bytes:
    """Return a folder as an archive: its names in order, every file root's, with the mode and the time of none."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in (folder, *sorted(folder.rglob("*"))):
            about = archive.gettarinfo(str(path), arcname=str(path.relative_to(folder.parent)))
            mode = 0o755 if path.is_dir() or path.suffix == ".sh" else 0o644
            plain = {"uid": 0, "gid": 0, "uname": "root", "gname": "root", "mtime": moment, "mode": mode}
            for name, value in plain.items():
                setattr(about, name, value)
            if path.is_file():
                with path.open("rb") as content:
                    archive.addfile(about, content)
            else:
                archive.addfile(about)
    return gzip.compress(made.getvalue(), 6, mtime=0)


if __name__ == "__main__":
    main()
