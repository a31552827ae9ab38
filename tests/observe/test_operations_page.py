from __future__ import annotations

from pathlib import Path

import gateway
from gateway.login.sign_in import LoginFailure
from gateway.policy.verdict import ReasonKind

PAGE = (Path(gateway.__file__).parent.parent / "docs" / "operations.md").read_text()


def test_every_way_a_sign_in_fails_is_on_the_page() -> None:
    """With the status a person got, so that a report of `400` leads somewhere."""
    missing = [failure for failure in LoginFailure if f"| `{failure}` | {failure.status} |" not in PAGE]

    assert missing == []


def test_every_reason_of_a_refusal_is_on_the_page() -> None:
    """A reader of the audit finds each of its words on the page."""
    missing = [kind for kind in ReasonKind if f"| `{kind}` |" not in PAGE]

    assert missing == []
