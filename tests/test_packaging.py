"""The artefacts of a release: a wheel and a sdist, built, installed into an empty environment, and run elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from gateway import __version__
from tools.wheels import PYTHONS, locked_for

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted(ROOT.glob("requirements*.lock"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program and return what it says; its complaint is the failure."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build the sdist from the checkout and the wheel from the sdist, as a release does."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_wheel_carries_all_that_runs(built: tuple[Path, Path]) -> None:
    """Every file beneath `gateway/` is in the wheel: templates, static files, tables, the demo's policies."""
    wheel, sdist = built
    ours = {
        str(path.relative_to(ROOT))
        for path in (*(ROOT / "gateway").rglob("*"), *(ROOT / "gateway/setup/policies").rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }

    carried = set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}

    assert ours <= carried
    assert ours | {"LICENSE", "README.md", "Makefile", "requirements.lock"} <= packed


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_wheel_installs_and_runs_from_elsewhere(built: tuple[Path, Path], tmp_path: Path) -> None:
    """From an empty environment and the lock alone, `sekisho` runs where no checkout is."""
    wheel, _ = built
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip = (python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet")
    run(*pip, "--require-hashes", "-r", ROOT / "requirements.lock", cwd=tmp_path)
    run(*pip, "--no-deps", wheel, cwd=tmp_path)
    run(python, "-m", "pip", "check", cwd=tmp_path)

    said = run(tmp_path / "venv" / "bin" / "sekisho", "--version", cwd=tmp_path)

    assert said == f"sekisho {__version__}\n"
    where = run(python, "-c", "import gateway; print(gateway.__file__)", cwd=tmp_path)
    assert where.startswith(str(tmp_path))
    policies = "import gateway.setup as d, pathlib; print(*pathlib.Path(d.__file__).parent.glob('policies/*.yaml'))"
    assert "facility-booking.yaml" in run(python, "-c", policies, cwd=tmp_path)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_an_index_takes_them(built: tuple[Path, Path]) -> None:
    """An index judges the metadata and renders the README; a warning is a failure."""
    said = run(sys.executable, "-m", "twine", "check", "--strict", *built, cwd=ROOT)

    assert said.count("PASSED") == 2


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_builds_are_the_same_bytes(built: tuple[Path, Path], tmp_path: Path) -> None:
    """Another folder and another mask change nothing, neither in the wheel nor in the sdist."""
    mask = os.umask(0o077)
    try:
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, ROOT, cwd=tmp_path)
    finally:
        os.umask(mask)

    assert [(tmp_path / each.name).read_bytes() == each.read_bytes() for each in built] == [True, True]


def test_the_packages_are_for_the_versions_that_the_metadata_names() -> None:
    """The bundle and the Debian packages leave no version of Python out."""
    named = [
        each.rpartition(" ")[2]
        for each in PROJECT["classifiers"]
        if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", each)
    ]

    assert named == list(PYTHONS)


def test_a_condition_of_the_lock_is_met_by_some_release_of_a_python() -> None:
    """Debian 12 has 3.11.2, where a library needs one that 3.11.7 does not; Windows is nobody's server here."""
    lock = """\
# a comment
one==1 \\
    --hash=sha256:aa
old==2 ; python_full_version < '3.11.3' \\
    --hash=sha256:bb \\
    --hash=sha256:cc
windows==3 ; sys_platform == 'win32' \\
    --hash=sha256:dd
    # via one
"""

    assert re.findall(r"(?m)^\w+==\d", locked_for(lock, "3.11", "x86_64")) == ["one==1", "old==2"]
    assert re.findall(r"(?m)^\w+==\d", locked_for(lock, "3.12", "x86_64")) == ["one==1"]
    assert locked_for(lock, "3.11", "x86_64", {"old"}).count("--hash") == 2


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_pins_by_hash_and_names_no_registry(lock: Path) -> None:
    """Every requirement has a version and hashes; where to fetch it from is the machine's business."""
    text = lock.read_text().replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]

    assert requirements
    assert all(re.match(r"[a-z0-9.-]+(\[[a-z,-]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", line) for line in requirements)
    assert not re.search(r"://|--(extra-)?index-url|--find-links", text)


def test_the_lock_knows_every_dependency() -> None:
    """A dependency added without `make lock` is missing on the next machine."""

    def names(requirements: list[str]) -> set[str]:
        found = (re.match(r"[A-Za-z0-9._-]+", requirement) for requirement in requirements)
        return {re.sub(r"[._]", "-", match[0]).lower() for match in found if match}

    def locked(name: str) -> set[str]:
        return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / name).read_text(), re.MULTILINE))

    groups = PROJECT["optional-dependencies"]

    assert names(PROJECT["dependencies"]) <= locked("requirements.lock")
    assert names(groups["test"]) | names(groups["dev"]) - {"sekisho"} <= locked("requirements-dev.lock")
    assert names(groups["otel"]) <= locked("requirements-otel.lock") & locked("requirements-dev.lock")
    assert names(groups["bench"]) <= locked("requirements-bench.lock")
    assert names(groups["upkeep"]) <= locked("requirements-upkeep.lock")
    assert names(groups["site"]) <= locked("requirements-site.lock")


def test_every_import_is_a_declared_dependency() -> None:
    """The gateway declares every module that it imports; none is there by luck."""
    import ast  # noqa: PLC0415 - only this test reads code

    declared = {"hiredis", *(re.split(r"[^A-Za-z0-9_.-]", each)[0] for each in PROJECT["dependencies"])}
    # The one module that needs an extra is imported where the settings ask for it.
    declared |= {"opentelemetry"}
    modules = {"ruamel.yaml": "ruamel", "prometheus-client": "prometheus_client"}
    known = {modules.get(name, name).lower() for name in declared} | {"multidict", "gateway"}
    found = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            match node:
                case ast.Import():
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                case ast.ImportFrom(module=str(module)):
                    found.add(module.partition(".")[0])
                case _:
                    pass

    assert not found - known - sys.stdlib_module_names


def test_the_debian_package_brings_no_service_that_nobody_asked_for() -> None:
    """Debian installs recommendations, too: that of logrotate is a mail program, which brings a mail server."""
    control = (ROOT / "deploy/debian/control").read_text("utf-8")

    assert "\nRecommends:" not in control
    assert re.search(r"(?m)^Suggests: .*\blogrotate\b", control)
    for page in ("packages.md", "packages.ja.md"):
        assert "apt-get install --no-install-recommends ./sekisho_" in (ROOT / "docs" / page).read_text("utf-8")
