from __future__ import annotations

from typing import get_args

import pytest

from gateway.settings.settings import AppSettings
from gateway.settings.typed import hints
from gateway.wire.methods import BODYLESS, METHODS, NAMED_IN_BODY, NEVER, REGISTERED, SAFE, SECOND_TARGET, WHOLE_TREE

REGISTRY = """
    ACL no yes, BASELINE-CONTROL no yes, BIND no yes, CHECKIN no yes, CHECKOUT no yes, CONNECT no no, COPY no yes,
    DELETE no yes, GET yes yes, HEAD yes yes, LABEL no yes, LINK no yes, LOCK no no, MERGE no yes, MKACTIVITY no yes,
    MKCALENDAR no yes, MKCOL no yes, MKREDIRECTREF no yes, MKWORKSPACE no yes, MOVE no yes, OPTIONS yes yes,
    ORDERPATCH no yes, PATCH no no, POST no no, PRI yes yes, PROPFIND yes yes, PROPPATCH no yes, PUT no yes,
    QUERY yes yes, REBIND no yes, REPORT yes yes, SEARCH yes yes, TRACE yes yes, UNBIND no yes, UNCHECKOUT no yes,
    UNLINK no yes, UNLOCK no yes, UPDATE no yes, UPDATEREDIRECTREF no yes, VERSION-CONTROL no yes
"""
"""Hypertext Transfer Protocol (HTTP) Method Registry: name, safe, idempotent."""
ROWS = [tuple(row.split()) for row in REGISTRY.replace("\n", " ").split(",")]


@pytest.mark.parametrize(("name", "safe", "idempotent"), ROWS)
def test_each_method_is_what_the_registry_says(name: str, safe: str, idempotent: str) -> None:
    """A method is a write unless it is safe, and one that is sent again is idempotent."""
    word = name.encode()

    assert (word in METHODS) + (word in REGISTERED) + (word in NEVER) == 1
    if word not in NEVER:
        assert (name in SAFE) is (safe == "yes")
        assert name not in SAFE or idempotent == "yes"


def test_nothing_else_is_known() -> None:
    """A name that is in no registry has semantics that nobody can judge."""
    known = {name for name, _, _ in ROWS}

    assert {word.decode() for word in (*METHODS, *REGISTERED, *NEVER)} == known
    assert known >= SAFE | BODYLESS | SECOND_TARGET | WHOLE_TREE | NAMED_IN_BODY


def test_an_app_can_ask_for_every_registered_method() -> None:
    """The settings refuse a method that no App gets."""
    (words, _) = get_args(hints(AppSettings)["methods"])

    assert {word.encode() for word in get_args(words)} == {*METHODS, *REGISTERED}
