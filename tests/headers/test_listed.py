"""A name in `headers.keep` or `headers.pass` that would not be passed on is a mistake with its reason."""

from __future__ import annotations

import pytest

from gateway.headers.listed import NotKept, listed_faults, not_kept
from gateway.settings.settings import HeaderSettings

NAMES = {"subject": "Remote-User"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Connection", NotKept.WRITTEN_ANEW),
        ("host", NotKept.WRITTEN_ANEW),
        ("X_Forwarded_For", NotKept.FIXED),
        ("X-HTTP-Method-Override", NotKept.METHOD),
        ("x_http_method", NotKept.METHOD),
        ("X-Verified-Subject", NotKept.FIXED),
        ("Remote-User", NotKept.STRIPPED),
        ("remote_user", NotKept.STRIPPED),
        ("X-Staff", NotKept.STRIPPED),
        ("X_Request_Kind", NotKept.ODD),
        ("X-Request-Kind", None),
        ("Accept-Language", None),
    ],
)
def test_each_name_has_its_reason(name: str, why: NotKept | None) -> None:
    """The reason follows from how servers fold the name, never from its spelling."""
    assert not_kept(name, HeaderSettings(names=NAMES, strip=("X-Staff",), odd_names="drop")) is why


def test_an_odd_name_passes_where_odd_names_are_kept() -> None:
    """`odd_names: keep` is the operator's word for it."""
    assert not_kept("X_Request_Kind", HeaderSettings(odd_names="keep")) is None


def test_every_fault_has_its_place_and_words_in_both_languages() -> None:
    """Each name of both lists is looked at, and only those that would not pass are named."""
    settings = HeaderSettings(
        names=NAMES,
        odd_names="drop",
        keep=("Accept-Language", "Connection", "X_Odd"),
        passed=("X-Verified-Subject", "X-HTTP-Method", "Remote-User"),
    )

    faults = list(listed_faults(settings))

    assert [place for place, _, _ in faults] == ["keep[1]", "keep[2]", "pass[0]", "pass[1]", "pass[2]"]
    for (place, what, remedy), name in zip(
        faults, ("Connection", "X_Odd", "X-Verified-Subject", "X-HTTP-Method", "Remote-User"), strict=True
    ):
        assert f"`{name}`" in what.en, place
        assert f"`{name}`" in what.ja, place
        assert remedy.en, place
        assert remedy.ja, place
