"""Each YAML block of the pages is read as its reader will have it read: whole, or as a part of a file that is right."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from gateway.policy.authoring.subject_list import read_list
from gateway.policy.reading.parse import parse_policy
from gateway.settings.check import check_settings, read_settings
from gateway.settings.settings import Settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Mistakes

ROOT = Path(__file__).resolve().parent.parent
_BLOCK = re.compile(r"^( *)```ya?ml\b ?([^\n]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)

READ_ELSEWHERE = {
    "rule": "tests/policy/test_guide.py",
    "condition": "tests/policy/test_guide.py",
    "prometheus": "promtool reads it",
    "kubernetes": "kubernetes-validate reads it",
    "compose": "docker-compose reads it",
}
"""Marks of blocks that are neither settings nor a policy, and their reader."""

BASE = """\
listen: 127.0.0.1:8888
provider:
  environment: sandbox
  client_id: RP00000001
  keys: {file: client-keys.jwks}
  contracted: [name, address, birthdate]
sessions:
  store: redis://127.0.0.1:6379
  secret: {file: secret}
limits: {store: 'redis://127.0.0.1:6380'}
apps:
  - name: booking
    url: https://yoyaku.city.example.lg.jp
    upstream: http://127.0.0.1:8000
    policy: policies/booking.yaml
    operator: {ja: 渋谷区, en: Shibuya City}
    privacy_policy: https://www.city.example.lg.jp/privacy
    contact: https://www.city.example.lg.jp/contact
"""
"""The file of which a block shows a part."""

APP = """\
signing: {pf_operator: 契約先のPF事業者}
"""
"""The settings that stand beside the App of which a block shows a part."""

ACCOUNTS = """\
store: sqlite:/var/lib/sekisho/accounts.db
key: {file: /etc/sekisho/accounts.key}
tell: form
passwords: kept
recipe: wordpress
"""
"""The `accounts` of the App of which a block shows a part."""


class Block(NamedTuple):
    """One block of a page."""

    page: str
    line: int
    mark: str
    body: str

    @property
    def indented(self) -> int:
        """The spaces before its first key: they say where in the file it stands."""
        first = next(line for line in self.body.splitlines() if line.strip() and not line.lstrip().startswith("#"))
        return len(first) - len(first.lstrip())


def blocks() -> Iterator[Block]:
    """Yield every YAML block of the pages for operators, of the decisions and of the files that operators copy."""
    pages = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), *(ROOT / "deploy").rglob("*.md")]
    for page in sorted(pages):
        text = page.read_text(encoding="utf-8")
        for found in _BLOCK.finditer(text):
            body = re.sub(rf"(?m)^{found[1]}", "", found[3])
            yield Block(str(page.relative_to(ROOT)), text.count("\n", 0, found.start()) + 1, found[2].strip(), body)


BLOCKS = list(blocks())


def merged(base: Any, part: Any) -> Any:
    """Return the base with a part in its place. The first item of a list of Apps is a part of the base's App."""
    if isinstance(base, dict) and isinstance(part, dict):
        return {**base, **{key: merged(base.get(key), value) for key, value in part.items() if key != "…"}}
    if isinstance(base, list) and isinstance(part, list) and isinstance(part[0], dict):
        return [merged(base[0], part[0]), *part[1:]]
    return part


def mistakes_of_settings(part: Any, folder: Path) -> list[str]:
    """Return the mistakes of the base with this part in it."""
    yaml = YAML()
    file = folder / "gateway.yaml"
    text = io.StringIO()
    yaml.dump(merged(YAML(typ="safe").load(BASE), part), text)
    file.write_text(text.getvalue(), encoding="utf-8")
    mistakes = Mistakes()
    reading = Reading(folder, mistakes)
    settings: Settings | None = read_settings(file, reading)
    if settings is not None:
        check_settings(settings, reading)
    return mistakes.say().splitlines()


def mistakes_of_policy(text: str) -> list[str]:
    """Return the mistakes of a policy."""
    mistakes = Mistakes()
    parse_policy(text, mistakes)
    return mistakes.say().splitlines()


def faults(block: Block, folder: Path) -> list[str]:
    """Return the mistakes that a reader of the page would meet with this block."""
    body = textwrap.dedent(block.body)
    said = YAML(typ="safe").load(body)
    if block.mark == "list":
        mistakes = Mistakes()
        read_list(body.encode(), block.page, mistakes)
        return mistakes.say().splitlines()
    if isinstance(said, dict) and {"policy", "rules"} <= said.keys():
        return mistakes_of_policy(body)
    if isinstance(said, list) and "url" in said[0]:
        return mistakes_of_settings({"apps": said}, folder)
    if isinstance(said, list):
        return mistakes_of_policy(f"policy: p\nrules:\n{textwrap.indent(body, '  ')}")
    match block.indented:
        case 0:
            return mistakes_of_settings(said, folder)
        case 4:
            return mistakes_of_settings({**YAML(typ="safe").load(APP), "apps": [said]}, folder)
        case 6:
            accounts = {**YAML(typ="safe").load(ACCOUNTS), **said}
            app = {"accounts": accounts, "application_cookies": ["wordpress_city"], "stack": ["php", "wordpress"]}
            return mistakes_of_settings({"apps": [app]}, folder)
        case other:
            return [f"it begins {other} spaces in: no part of a file stands there"]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.page}:{block.line}")
def test_each_block_is_read_without_a_mistake(block: Block, tmp_path: Path) -> None:
    """An operator who copies it gets what the page says, and no mistake."""
    if block.mark in READ_ELSEWHERE:
        return

    assert faults(block, tmp_path) == [], f"{block.page}:{block.line}"


def test_the_pages_have_blocks_and_the_reader_finds_mistakes(tmp_path: Path) -> None:
    """The test above could not fail otherwise."""
    pages = {block.page for block in BLOCKS}

    assert {"docs/policy-guide.md", "docs/policy-guide.ja.md", "docs/signing.ja.md", "docs/fleet.md"} <= pages
    assert mistakes_of_settings({}, tmp_path) == []
    for body in ("console: {urll: x}\n", "    upstreem: x\n", "      tell: frm\n", "policy: p\nrules: [{nam: x}]\n"):
        assert faults(Block("x", 1, "", body), tmp_path)
