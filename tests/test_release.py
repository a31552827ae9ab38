"""The conditions of a release."""

from __future__ import annotations

import pytest

from gateway.setup.upgrade_notes import VERSIONS
from tools.publisher import FILE, Publisher, publisher_of, read_publisher
from tools.release import faults, notes_of
from tools.wheels import ROOT

VERSION = VERSIONS[-1]
OFFICE = Publisher("市 情報政策課", "sekisho@city.example", "https://city.example/report", "2026-12-01")
CHANGELOG = (
    f"# Changelog\n\n## Unreleased\n\n## {VERSION}\n\n- It is better.\n- It is **faster**.\n\n## 0.1.0\n\n- It is.\n"
)


def test_a_version_that_every_page_knows_is_released() -> None:
    """Its entries are the notes of the release."""
    assert faults(CHANGELOG, VERSION, "", (f"v{VERSION}",), OFFICE) == []
    assert notes_of(CHANGELOG, VERSION) == "- It is better.\n- It is **faster**.\n"
    assert notes_of(CHANGELOG, "0.1.0") == "- It is.\n"


@pytest.mark.parametrize(
    ("changelog", "version", "changes", "tags", "word"),
    [
        (CHANGELOG.replace(f"## {VERSION}", "## 9.9.9"), VERSION, "", (f"v{VERSION}",), "no entries under"),
        (
            CHANGELOG.replace("Unreleased\n", "Unreleased\n\n- More.\n"),
            VERSION,
            "",
            (f"v{VERSION}",),
            "still has entries",
        ),
        (CHANGELOG.replace(VERSION, "9.9.9"), "9.9.9", "", ("v9.9.9",), "no items for 9.9.9"),
        (CHANGELOG, VERSION, " M gateway/cli.py", (f"v{VERSION}",), "not committed"),
        (CHANGELOG, VERSION, "", ("v0.1.0",), f"no tag v{VERSION}"),
    ],
)
def test_a_release_is_refused_with_its_reason(
    changelog: str, version: str, changes: str, tags: tuple[str, ...], word: str
) -> None:
    """Each condition that is not met is named, and no other."""
    (fault,) = faults(changelog, version, changes, tags, OFFICE)

    assert word in fault


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, "") for field in Publisher._fields),
        ("name", "<>"),
        ("name", "City <a@city.example>"),
        ("email", "maintainers"),
        ("email", "a@city"),
        ("security", "security@city.example"),
        ("security", "http://city.example/report"),
        ("security", "mailto:"),
        ("promised_on", "soon"),
        ("promised_on", "2026-02-30"),
    ],
)
def test_nobody_releases_without_standing_for_it(field: str, value: str) -> None:
    """An empty field of `publisher.toml` is a decision that nobody took."""
    (fault,) = faults(CHANGELOG, VERSION, "", (f"v{VERSION}",), OFFICE._replace(**{field: value}))

    assert fault.startswith(f"{FILE}: `{field}` is ")


def test_the_file_is_read_and_the_notes_name_the_address() -> None:
    """A misspelt field is a mistake, and is not taken for an empty one."""
    text = "".join(f'{name} = "{value}"\n' for name, value in OFFICE._asdict().items())

    assert read_publisher(text) == OFFICE
    assert OFFICE.maintainer == "市 情報政策課 <sekisho@city.example>"
    assert "https://city.example/report" in OFFICE.notice
    assert set(publisher_of(ROOT)._asdict()) == set(Publisher._fields)
    assert "@" in publisher_of(ROOT).maintainer
    for wrong in ('securty = "mailto:a@city.example"', "security = 3", "security ="):
        with pytest.raises(ValueError, match=r"none of the texts|Invalid value"):
            read_publisher(wrong)


@pytest.mark.parametrize("page", ["SECURITY.md", "SECURITY.ja.md"])
def test_the_page_sends_its_readers_to_the_file(page: str) -> None:
    """It names no address of its own that could be nobody's."""
    text = (ROOT / page).read_text("utf-8")

    assert f"[`{FILE}`]({FILE})" in text
    assert "@" not in text
