from __future__ import annotations

from gateway.headers.names import LONGEST_REMEMBERED, REMEMBERED, HeaderRules, header_rules_of, named_by
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
