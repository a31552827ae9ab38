"""The conditions of a release."""

from __future__ import annotations

import pytest

from gateway.setup.upgrade_notes import VERSIONS
from tools.release import faults, notes_of

VERSION = VERSIONS[-1]
CHANGELOG = (
    f"# Changelog\n\n## Unreleased\n\n## {VERSION}\n\n- It is better.\n- It is **faster**.\n\n## 0.1.0\n\n- It is.\n"
)


def test_a_version_that_every_page_knows_is_released() -> None:
    """Its entries are the notes of the release."""
    assert faults(CHANGELOG, VERSION, "", (f"v{VERSION}",)) == []
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
    (fault,) = faults(changelog, version, changes, tags)

    assert word in fault
