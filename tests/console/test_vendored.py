"""The editor that the workbench serves is the file that `tools/bundle_editor.py` makes of pinned packages."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "gateway" / "console" / "static" / "codemirror.js"
EDITOR = ROOT / "tools" / "editor"


def test_the_editor_has_the_hash_that_was_noted_when_it_was_made() -> None:
    """A change of one byte shows; `python -m tools.bundle_editor --check` makes it anew and compares."""
    assert hashlib.sha256(BUNDLE.read_bytes()).hexdigest() == (EDITOR / "codemirror.sha256").read_text("ascii").strip()


def test_every_package_is_pinned_by_its_content() -> None:
    """No entry names the place from which it came: npm asks the registry that it is set up for."""
    packages = json.loads((EDITOR / "package-lock.json").read_text("utf-8"))["packages"]

    for name, package in packages.items():
        if name:
            assert package["integrity"].startswith("sha512-"), name
            assert "resolved" not in package, name
    wanted = json.loads((EDITOR / "package.json").read_text("utf-8"))
    for name, version in (wanted["dependencies"] | wanted["devDependencies"]).items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_the_file_begins_with_the_licences_of_all_that_is_in_it() -> None:
    """Each package that the bundle was made of, with its version, and the text of its licence."""
    head, _, code = BUNDLE.read_text("utf-8").partition("*/")
    packages = json.loads((EDITOR / "package-lock.json").read_text("utf-8"))["packages"]

    for name, package in packages.items():
        bare = name.removeprefix("node_modules/")
        if name and bare.partition("/")[0] not in {"@esbuild", "esbuild"}:
            assert f"{bare} {package['version']}" in head, bare
    assert head.count("Permission is hereby granted") >= 1
    assert len(code) > 100_000


def test_nothing_in_the_editor_asks_another_host() -> None:
    """No address of a network stands in it but names of XML and the links of messages."""
    code = BUNDLE.read_text("utf-8").partition("*/")[2]

    found = set(re.findall(r"https?://[\w./-]+", code))
    assert found <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}, found
    assert "eval(" not in code
    assert "new Function" not in code
