"""A person whose subject changed."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from gateway.errors import SignInInvalidError
from gateway.login.aliases import Alias, AliasError, Aliases, lines_naming, read_aliases, sealed_lines
from gateway.login.sign_in import LoggedOut, SignedIn
from tests.builders import CLIENT, NOON
from tests.login.conftest import ALL, House, challenge
from tests.login.test_logout import logout_token


def alias(new: str = "sub-new", old: str = "sub-old", **changes: Any) -> Alias:
    """An alias that an office registered."""
    values: dict[str, Any] = {"reason": "shown at the counter, case 12", "by": "tanaka", "at": NOON}
    return Alias(changes.pop("client_id", CLIENT), new, old, **(values | changes))


def test_a_file_says_who_is_known_as_whom() -> None:
    """Of that client, and nobody else."""
    aliases = read_aliases([alias().line, b"\n", alias("sub-x", "sub-y").line])

    assert aliases.known_as(CLIENT, "sub-new") == "sub-old"
    assert aliases.known_as(CLIENT, "sub-old") == "sub-old"
    assert aliases.known_as("RP00000002", "sub-new") == "sub-new"


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (alias("sub-new", "sub-other"), "already has an alias"),
        (alias("sub-third", "sub-new"), "itself has an alias"),
        (alias("sub-old", "sub-third"), "already leads to the new subject"),
        (alias("a", "a"), "the same"),
        (alias("", "b"), "printable"),
        (alias("a", "b\nc"), "printable"),
        (alias("a", "b", reason=" "), "a reason is needed"),
        (alias("a", "b", reason="x" * 501), "a reason is needed"),
        (alias("a", "b", client_id=""), "names no client"),
    ],
)
def test_what_contradicts_or_says_nothing_is_refused(second: Alias, said: str) -> None:
    """No chain and no circle may lead from one account to another; and no subject is quoted."""
    with pytest.raises(AliasError, match=said) as refused:
        Aliases().and_(alias()).and_(second)

    assert "sub-" not in str(refused.value)


def test_a_file_with_a_mistake_is_not_used_at_all() -> None:
    """Each mistake is named by its line."""
    lines = [alias().line, b"{}", b"nonsense", b"\xff", alias().line]

    with pytest.raises(AliasError) as refused:
        read_aliases(lines)

    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        "line 2",
        "line 3",
        "line 4",
        "line 5",
    ]


async def test_the_application_keeps_seeing_the_old_subject(house: House) -> None:
    """From the next sign-in on; UserInfo is still held to the provider's own, and logout finds her too."""
    house.book.aliases = Aliases().and_(alias("sub-hanako", "sub-before"))

    outcome = await house.sign_in(challenge(*ALL))
    ended = await house.service.back_channel_logout(house.browser.route, logout_token(house, sid=None))

    assert isinstance(outcome, SignedIn)
    assert outcome.session.identity.subject == "sub-before"
    assert outcome.session.identity.name == "佐藤　花子"
    assert ended == LoggedOut(1)


def test_a_long_file_is_read_in_time_that_grows_with_it() -> None:
    """Twenty thousand persons are read in a moment; each was once compared with all the others."""
    lines = [alias(new=f"new-{number}", old=f"old-{number}").line for number in range(20_000)]

    began = time.process_time()
    aliases = read_aliases(lines)

    assert time.process_time() - began < 10
    assert aliases.known_as(CLIENT, "new-19999") == "old-19999"


@pytest.mark.parametrize(
    "line",
    [
        b'{"client_id": "a", "client_id": "b", "new": "n", "old": "o", "reason": "r", "by": "x", "at": 1}',
        b'{"client_id": "a", "new": "n", "old": "o", "reason": "r", "by": "x", "at": 1e300}',
        b'{"client_id": "a", "new": "n", "old": "o", "reason": "r", "by": "x", "at": -1}',
        b'{"client_id": "a", "new": "n", "old": "o", "reason": "r", "by": "' + b"x" * 300 + b'", "at": 1}',
        b"[" * 100_000,
        b"x" * 100_000,
    ],
    ids=lambda line: line[:30].decode(),
)
def test_a_line_that_two_readers_read_in_two_ways_is_none(line: bytes) -> None:
    """An alias hands an account over."""
    with pytest.raises(AliasError, match="line 1"):
        read_aliases([line])


def test_a_line_names_no_subject() -> None:
    """Neither in clear nor so that one line can be compared with another client's."""
    line = alias().line

    assert b"sub-" not in line
    assert alias(client_id="RP00000002").sealed.new_hash != alias().sealed.new_hash
    assert alias("sub-neu", "sub-old").sealed.old_box != alias().sealed.old_box


def test_each_subject_opens_the_other_and_no_third_does() -> None:
    """A sign-in as NEW is known as OLD; an erasure of OLD finds NEW."""
    aliases = read_aliases([alias().line, alias("sub-newer").line])

    assert aliases.same_person(CLIENT, "sub-old") == ("sub-old", "sub-new", "sub-newer")
    assert aliases.same_person(CLIENT, "sub-newer") == ("sub-old", "sub-new", "sub-newer")
    assert aliases.same_person(CLIENT, "sub-third") == ("sub-third",)
    assert aliases.subjects_of(CLIENT, "sub-old") == ("sub-old", "sub-new", "sub-newer")
    assert aliases.subjects_of(CLIENT, "sub-new") == ("sub-new",), "until her next sign-in she is known as nobody else"
    with pytest.raises(SignInInvalidError):
        alias().sealed.known_as("sub-third")


@pytest.mark.parametrize("box", ["", "!", "QUJD", alias("sub-other", "sub-elsewhere").sealed.old_box])
def test_a_line_that_was_changed_signs_nobody_in(box: str) -> None:
    """A failed sign-in, and no other account."""
    changed = msgspec.json.encode(msgspec.structs.replace(alias().sealed, old_box=box))
    aliases = read_aliases([changed])

    with pytest.raises(SignInInvalidError, match="alias"):
        aliases.known_as(CLIENT, "sub-new")


@pytest.mark.parametrize(("field", "value"), [("new_hash", "ab"), ("old_hash", "é" * 64), ("old_box", "A" * 2_000)])
def test_a_sealed_line_has_hashes_and_boxes(field: str, value: str) -> None:
    """Others are refused with the file."""
    line = msgspec.json.encode(msgspec.structs.replace(alias().sealed, **{field: value}))

    with pytest.raises(AliasError, match="line 1: it has no"):
        read_aliases([line])


def test_lines_of_an_earlier_version_are_in_force() -> None:
    """They are counted, and sealing them keeps every answer."""
    clear = [msgspec.json.encode(alias()), b"", alias("sub-x", "sub-y").line]
    before = read_aliases(clear)

    content, number = sealed_lines(clear)

    after = read_aliases(content.splitlines())
    assert (before.in_clear, number, after.in_clear) == (1, 1, 0)
    assert b"sub-" not in content
    for aliases in (before, after):
        assert aliases.known_as(CLIENT, "sub-new") == "sub-old"
        assert aliases.same_person(CLIENT, "sub-new") == ("sub-old", "sub-new")
    assert lines_naming(clear, CLIENT, ["sub-old"]) == lines_naming(content.splitlines(), CLIENT, ["sub-new"]) == (1,)


def test_the_two_forms_contradict_each_other_as_one_does() -> None:
    """A sealed line after one in clear about the same subject is refused, and the other way."""
    clear = msgspec.json.encode(alias())

    for lines in ([clear, alias("sub-new", "sub-z").line], [alias().line, msgspec.json.encode(alias("sub-old", "z"))]):
        with pytest.raises(AliasError, match="line 2"):
            read_aliases(lines)


def test_the_latest_alias_says_when_a_person_was_joined() -> None:
    """Of any card that is known as her."""
    aliases = read_aliases([alias().line, alias("sub-newer", at=NOON + 5).line, alias("sub-newest", at=NOON - 5).line])

    assert aliases.joined_at(CLIENT, "sub-old") == NOON + 5
    assert aliases.joined_at(CLIENT, "sub-new") is None
    assert aliases.joined_at("RP00000002", "sub-old") is None
    assert Aliases().joined_at(CLIENT, "sub-old") is None
