from __future__ import annotations

import pytest

from gateway.headers.families import Claim
from gateway.headers.names import (
    AUTHORIZATION,
    CONNECTION,
    DROP,
    HeaderRules,
    header_rules_of,
    named_by,
)
from gateway.request.field_names import Family
from gateway.request.spellings import LONGEST_REMEMBERED, REMEMBERED
from gateway.settings.settings import HeaderSettings


def test_a_table_of_fates_stays_small() -> None:
    """A client that sends new or endless names for ever fills no memory."""
    rules = HeaderRules(HeaderSettings())

    for number in range(REMEMBERED + 10):
        assert rules[b"X-%d" % number] != b""
    assert rules[b"X-" + b"a" * 4096] != b""

    assert len(rules) <= REMEMBERED
    assert all(len(name) <= LONGEST_REMEMBERED for name in rules)


def test_apps_with_other_names_have_another_table() -> None:
    """The table of one App does not decide about the names that another App strips."""
    plain, named = header_rules_of(HeaderSettings()), header_rules_of(HeaderSettings(names={"subject": "X-Citizen"}))

    assert plain[b"X-Citizen"] != b""
    assert named[b"X-Citizen"] == b""


def test_the_usual_options_name_no_field() -> None:
    """`close`, `keep-alive` and `upgrade` are options, all else are fields."""
    assert named_by(b"keep-alive, Upgrade") == frozenset()
    assert named_by(b"close , X-A,x-b") == {b"x-a", b"x-b"}


def test_nobody_moves_an_application_elsewhere() -> None:
    """`SCRIPT_NAME` is gunicorn's own spelling: it is dropped even where odd names are kept."""
    rules = header_rules_of(HeaderSettings(odd_names="keep"))

    assert rules[b"SCRIPT_NAME"] == rules[b"script-name"] == rules[b"Path.Info"] == b""
    assert rules[b"SCRIPT_NAMES"] != b""


@pytest.mark.parametrize(
    ("name", "dropped", "kept"),
    [
        (b"Connection", CONNECTION, CONNECTION),
        (b"Host", DROP, DROP),
        (b"Cookie", DROP, DROP),
        (b"Authorization", AUTHORIZATION, AUTHORIZATION),
        (b"Author.ization", DROP, b"\r\nAuthor.ization: "),
        (b"X-Verified-Subject", DROP, DROP),
        (b"X-HTTP-Method", DROP, DROP),
        (b"X_Kind", DROP, b"\r\nX_Kind: "),
        (b"X-Kind", b"\r\nX-Kind: ", b"\r\nX-Kind: "),
    ],
)
def test_each_name_has_its_treatment(name: bytes, dropped: bytes, kept: bytes) -> None:
    """The name is passed on in its own spelling, looked into or dropped, by what it folds onto."""
    dropping, keeping = HeaderRules(HeaderSettings(odd_names="drop")), HeaderRules(HeaderSettings(odd_names="keep"))

    assert (dropping[name], keeping[name]) == (dropped, kept)
    # The second time it is remembered.
    assert (dropping[name], keeping[name]) == (dropped, kept)


def test_a_removed_name_is_remembered_with_its_family() -> None:
    """The operator hears of names that no browser sends, and of no other that is dropped."""
    rules = HeaderRules(HeaderSettings(strip=("X-Staff",)))
    for name in (b"X-Staff", b"x_http_method", b"Host", b"X_Kind", b"X-Kind"):
        rules[name]

    assert rules.removed == {b"X-Staff": Family.OURS, b"x_http_method": Family.METHOD}


def test_a_name_of_the_longest_size_is_remembered_and_a_longer_one_is_not() -> None:
    """The table stays small, and its last place is used."""
    rules = HeaderRules(HeaderSettings())
    longest = b"X-" + b"a" * (LONGEST_REMEMBERED - 2)
    rules[longest], rules[longest + b"a"]

    assert set(rules) == {longest}
    for number in range(REMEMBERED - 1):
        rules[b"X-%d" % number]
    assert len(rules) == REMEMBERED
    rules[b"X-one-more"]
    assert set(rules) == {b"X-one-more"}


def test_a_list_of_names_to_pass_leaves_out_all_others_but_the_browsers_own() -> None:
    """`headers.pass` is the whole list; a name that gets around policy is fixed and in no list."""
    rules = HeaderRules(HeaderSettings(passed=("X-Kind", "X-User-Id"), names={"subject": "X-Citizen"}))

    assert rules.family(b"x-kind") is None
    assert rules.family(b"accept-language") is None
    assert rules.family(b"x-user-id") is None
    assert rules.family(b"x-other") == Claim(Family.UNLISTED, fixed=False)
    assert rules.family(b"x-citizen") == Claim(Family.OURS, fixed=True)
    fixed = HeaderRules(HeaderSettings(keep=("X-Verified-Subject",))).family(b"x-verified-subject")
    assert fixed is not None
    assert fixed.fixed


def test_apps_with_the_same_settings_share_a_table() -> None:
    """A reload with the same settings begins with a table that knows the browsers' names."""
    one, other = (HeaderSettings(strip=("X-Staff",)) for _ in range(2))

    assert header_rules_of(one) is header_rules_of(other)
    assert header_rules_of(HeaderSettings()) is header_rules_of(HeaderSettings())
    assert header_rules_of(one) is not header_rules_of(HeaderSettings())
    assert header_rules_of(HeaderSettings(odd_names="keep"))[b"X_Kind"] != DROP
