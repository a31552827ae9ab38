"""Gathers the wheels of a release: our own, and each dependency's as `requirements.lock` pins it by hash.

The Debian package and the bundle for closed networks are both made of these wheels. pip compares every hash, takes no
source archive, and runs no code of a package. The time stamps are those of the commit, so two builds are equal.
"""

from __future__ import annotations

import email
import email.message
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from packaging.markers import default_environment
from packaging.requirements import Requirement

from gateway import __version__

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
PYTHONS = ("3.11", "3.12", "3.13")
"""The versions of Python that a release is made for, and that the classifiers name."""

_GLIBC = ("manylinux_2_28", "manylinux_2_17", "manylinux2014", "manylinux_2_5", "manylinux1")
"""The tags that a system with glibc 2.28 or newer takes: Debian 10 and newer, Enterprise Linux 8 and newer."""


_LAST_RELEASE = 99
"""A number that no release of a version of Python reaches."""


@dataclass(frozen=True, slots=True)
class Licence:
    """The licence of one wheel, as its author states it, with the texts that the wheel has."""

    name: str
    version: str
    said: str
    texts: tuple[tuple[str, str], ...]
    """The names of the licence files, and their texts."""


def source_date() -> int:
    """Return the time that every file of a build bears: `SOURCE_DATE_EPOCH`, or the commit's."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        given = run("git", "log", "-1", "--format=%ct").strip()
    return int(given)


def run(*command: str | Path) -> str:
    """Run a program with the build's time, and return its output.

    Raises:
        subprocess.CalledProcessError: it fails; its complaint is on standard error.

    """
    environment = os.environ.copy()
    if "SOURCE_DATE_EPOCH" not in environment and command[0] != "git":
        environment["SOURCE_DATE_EPOCH"] = str(source_date())
    return subprocess.run(  # noqa: S603 - programs that the caller names
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def own_wheel(folder: Path) -> Path:
    """Build our wheel."""
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ".")
    (wheel,) = folder.glob(f"sekisho-{__version__}-*.whl")
    return wheel


def locked_wheels(
    folder: Path, python: str, machine: str, lock: Path = LOCK, only: Container[str] | None = None
) -> tuple[Path, ...]:
    """Bring the wheels of a lock for one version of Python, or some of them; return those that were not there."""
    before = set(folder.glob("*.whl"))
    wanted = folder / ".wanted.txt"
    wanted.write_text(locked_for(lock.read_text("utf-8"), python, machine, only), encoding="utf-8")
    run(
        *(sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet"),
        *("--require-hashes", "--only-binary", ":all:", "--no-deps"),
        *("--python-version", python, "--implementation", "cp"),
        *(word for tag in _GLIBC for word in ("--platform", f"{tag}_{machine}")),
        *("--dest", folder, "--requirement", wanted),
    )
    wanted.unlink()
    return tuple(sorted(set(folder.glob("*.whl")) - before))


def locked_for(lock: str, python: str, machine: str, only: Container[str] | None = None) -> str:
    """Return the lines of a lock that some release of a version of Python needs, without their conditions.

    pip judges conditions by the Python that runs it. Debian 12 has Python 3.11.2, and one of our libraries needs
    another one before 3.11.3.
    """
    environments = [
        cast(
            "dict[str, str]",
            default_environment()
            | {
                "python_version": python,
                "python_full_version": f"{python}.{release}",
                "platform_machine": machine,
                "sys_platform": "linux",
            },
        )
        for release in (0, _LAST_RELEASE)
    ]
    kept: list[str] = []
    for block in re.split(r"\n(?=\S)", lock):
        head, is_requirement, rest = block.partition(" \\\n")
        if not is_requirement:
            continue
        named = Requirement(head)
        if only is not None and named.name not in only:
            continue
        if named.marker is None or any(named.marker.evaluate(each) for each in environments):
            kept.append(f"{named.name}{named.specifier} \\\n{rest}\n")
    return "".join(kept)


def metadata_of(wheel: Path) -> email.message.Message:
    """Return the metadata of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith(".dist-info/METADATA") and each.count("/") == 1)
        return email.message_from_bytes(archive.read(name))


def licence_of(wheel: Path) -> Licence:
    """Return the licence of a wheel."""
    about = metadata_of(wheel)
    classified = [
        each.rpartition(" :: ")[2] for each in about.get_all("Classifier", []) if each.startswith("License ::")
    ]
    written = (about["License"] or "").strip().splitlines()
    said = about["License-Expression"] or ", ".join(classified) or (written[0] if written else "")
    with zipfile.ZipFile(wheel) as archive:
        texts = tuple(
            (name.rpartition("/")[2], archive.read(name).decode("utf-8", "replace"))
            for name in sorted(archive.namelist())
            if ".dist-info/" in name and _is_licence(name.rpartition("/")[2])
        )
    return Licence(about["Name"], about["Version"], said, texts)


def _is_licence(name: str) -> bool:
    return name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS"))


def licences(wheels: Iterable[Path]) -> tuple[Licence, ...]:
    """Return the licences of wheels by name, each package once."""
    found = {(each.name.lower(), each.version): each for each in map(licence_of, wheels)}
    return tuple(found[key] for key in sorted(found))


def bill_of_materials(folder: Path) -> bytes:
    """Return the bill of materials (CycloneDX): each dependency of the lock with its version and hashes."""
    project, made = folder / ".pyproject.toml", folder / ".bill.json"
    about = (ROOT / "pyproject.toml").read_text("utf-8")
    project.write_text(re.sub(r"(?m)^dynamic = .*$", f'version = "{__version__}"', about), encoding="utf-8")
    run(
        *(sys.executable, "-m", "cyclonedx_py", "requirements", LOCK),
        *("--pyproject", project, "--output-reproducible", "--output-file", made),
    )
    bill = made.read_bytes()
    project.unlink()
    made.unlink()
    return bill
