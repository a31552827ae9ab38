from __future__ import annotations

import pytest

from gateway.headers.names import OURS_TO_WRITE
from gateway.headers.told_names import NotTold, not_told, told_faults
from gateway.settings.settings import HeaderSettings


def why(header: str, key: str = "subject", **others: str) -> NotTold | None:
    return not_told(key, HeaderSettings(names={key: header, **others}))


PEOPLE = ("X-Citizen", "Remote-User", "X-Remote-User", "X-Forwarded-User", "X-User-Id", "iv-user", "X-Verified-Subject")


@pytest.mark.parametrize("name", PEOPLE)
def test_a_name_that_says_who_it_is_can_carry_a_fact(name: str) -> None:
    """Applications were written for other gateways."""
    assert why(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("X_Citizen", NotTold.SPELLING),
        ("X Citizen", NotTold.SPELLING),
        ("", NotTold.SPELLING),
        ("X-Näme", NotTold.SPELLING),
        ("X-A:", NotTold.SPELLING),
        ("X-A\r\nX-B", NotTold.SPELLING),
        ("X" * 65, NotTold.SPELLING),
        ("Transfer-Encoding", NotTold.CONNECTION),
        ("transfer-encoding", NotTold.CONNECTION),
        ("Connection", NotTold.CONNECTION),
        ("Content-Length", NotTold.CONNECTION),
        ("Host", NotTold.CONNECTION),
        ("Cookie", NotTold.CONNECTION),
        ("Expect", NotTold.CONNECTION),
        ("Upgrade", NotTold.CONNECTION),
        ("TE", NotTold.CONNECTION),
        ("X-Request-Id", NotTold.CONNECTION),
        ("X-Forwarded-For", NotTold.STEERS),
        ("X-Forwarded-Host", NotTold.STEERS),
        ("Forwarded", NotTold.STEERS),
        ("X-Real-IP", NotTold.STEERS),
        ("X-Original-URL", NotTold.STEERS),
        ("X-Script-Name", NotTold.STEERS),
        ("X-HTTP-Method-Override", NotTold.STEERS),
        ("X-Custom-IP-Authorization", NotTold.STEERS),
        ("Content-Type", NotTold.BROWSER),
        ("Authorization", NotTold.BROWSER),
        ("Accept-Language", NotTold.BROWSER),
        ("Origin", NotTold.BROWSER),
        ("Range", NotTold.BROWSER),
        ("Sec-Fetch-Site", NotTold.BROWSER),
        ("X-Verified-Name", NotTold.TAKEN),
        ("x-verified-assertion", NotTold.TAKEN),
        ("X-Verified-Anything", NotTold.TAKEN),
    ],
)
def test_a_name_that_means_something_else_cannot(name: str, reason: NotTold) -> None:
    """Framing, the connection, routing, a browser's own, another fact's."""
    assert why(name) is reason


@pytest.mark.parametrize("name", sorted(OURS_TO_WRITE))
def test_nothing_that_we_write_for_another_purpose_carries_a_fact(name: bytes) -> None:
    """Each of them, however its letters are written."""
    assert why(name.decode().title()) is NotTold.CONNECTION


def test_two_facts_have_two_names() -> None:
    """As the least careful server folds them; a name that its own fact has left is free."""
    assert why("X-Person", name="x-person") is NotTold.TAKEN
    assert why("X-Proof", assertion="X-Proof") is NotTold.TAKEN
    assert why("X-Person", may_drink="X-Drinks") is None


@pytest.mark.parametrize("key", ["", "Subject", "a b", "名前", "subject\n"])
def test_a_key_that_names_nothing_is_a_mistake(key: str) -> None:
    """A fact or a condition is written in small letters."""
    assert why("X-Citizen", key) is NotTold.KEY


def test_each_mistake_has_its_place_and_a_remedy() -> None:
    """In both languages."""
    ((place, what, remedy),) = told_faults(HeaderSettings(names={"subject": "Transfer-Encoding", "name": "X-Name"}))

    assert place == "names.subject"
    assert "Transfer-Encoding" in what.en
    assert "Transfer-Encoding" in what.ja
    assert remedy.en
    assert remedy.ja
