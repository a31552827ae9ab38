"""The items of an upgrade, and the settings that each concerns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.setup.upgrade_notes import NOTES, VERSIONS, Note, not_written, notes_after, notes_page, said, written
from gateway.yaml.mistakes import Language, Mistakes
from gateway.yaml.read import read_yaml
from gateway.yaml.tree import Node


def settings(text: str) -> Node:
    node = read_yaml(text, "gateway.yaml", Mistakes())
    assert node is not None
    return node


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("aliases", None, True),
        ("sessions.store", None, True),
        ("sessions.store", "memory", True),
        ("sessions.store", "other", False),
        ("sessions.absent", None, False),
        ("apps.mode", "forward_auth", True),
        ("apps.mode", "proxy", False),
        ("apps.headers.keep", None, True),
    ],
)
def test_a_key_is_found_where_it_is_written(path: str, text: str | None, *, found: bool) -> None:
    """A path leads through tables, and through each item of a list."""
    node = settings(
        "{aliases: a, sessions: {store: memory}, apps: [{name: a}, {mode: forward_auth, headers: {keep: [X]}}]}"
    )

    assert written(path, text)(node) is found


@pytest.mark.parametrize(
    ("path", "left_out"),
    [("management_hosts", True), ("listen", False), ("apps.mode", True), ("apps.name", False), ("limits.store", False)],
)
def test_a_key_is_left_out_where_it_could_stand(path: str, *, left_out: bool) -> None:
    """One App without it is enough; a section that is not there has no place for it."""
    assert not_written(path)(settings("{listen: a, apps: [{name: a, mode: proxy}, {name: b}]}")) is left_out


def test_an_operator_reads_of_the_versions_after_hers_alone() -> None:
    """Items of her own version are behind her, and items of settings that she does not use are left out."""
    node = settings("{listen: a, provider: {environment: sandbox}}")

    found = notes_after("0.1.0", node)

    assert not notes_after(VERSIONS[-1], node)
    assert found
    assert not [note for note in found if "environment: other" in note.what.en]
    assert [
        note for note in notes_after("0.1.0", settings("{provider: {environment: other}}")) if "other" in note.what.en
    ]


def test_each_key_is_a_setting() -> None:
    """A path that no setting has would concern nobody, or everybody."""
    root = Path(__file__).resolve().parents[2]
    source = (root / "gateway" / "setup" / "upgrade_notes.py").read_text("utf-8")
    page = (root / "docs" / "settings.md").read_text("utf-8")

    paths = re.findall(r'written\("([\w.]+)"', source)

    assert len(paths) > 8
    assert not [path for path in paths if f"| `{path.rpartition('.')[2]}` |" not in page]


@pytest.mark.parametrize("language", list(Language))
def test_the_page_has_every_item_once(language: Language) -> None:
    """Each version is a section, and each item a line of it."""
    page = notes_page(language)

    assert [page.count(said(note, language)) for note in NOTES] == [1] * len(NOTES)
    assert all(version in page for version in VERSIONS)


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.what.en[:40])
def test_an_item_is_said_in_both_languages(note: Note) -> None:
    """Change and answer stand in both, without a full stop, since the page adds it."""
    for phrase in (note.what, note.todo):
        assert phrase.en
        assert phrase.ja
        assert not phrase.en.endswith(".")
        assert not phrase.ja.endswith("。")
