"""The names of the provider's signature API, read from a file that an operator may correct."""

from __future__ import annotations

import re

import pytest

from gateway.signing.profile import (
    SHIPPED,
    HashForm,
    ProfileError,
    State,
    Validity,
    is_transaction_id,
    read_profile,
)

TEXT = SHIPPED.read_text("utf-8")
ISSUER = "https://op.example/api/realms/main"


def changed(old: str, new: str) -> str:
    """Return the shipped profile with one piece replaced."""
    assert TEXT.count(old) == 1, old
    return TEXT.replace(old, new)


def test_the_shipped_profile_is_read() -> None:
    """Its paths lie on the issuer's host, and its words lead to our states."""
    profile = read_profile(TEXT, "profile.toml")

    assert profile.start_url(ISSUER) == "https://op.example/api/sign-transactions"
    assert profile.result_url(ISSUER, "a-1") == "https://op.example/api/sign-transactions/a-1/result"
    assert profile.hash_forms[HashForm.DIGEST_INFO] == "digest_info"
    assert {profile.state_of(state.value) for state in State} == set(State)
    assert {profile.validity_of(validity.value) for validity in Validity} == set(Validity)


def test_an_unknown_word_is_never_a_yes() -> None:
    """An unknown state is none of ours, and an unknown validity is not good."""
    profile = read_profile(TEXT, "profile.toml")

    assert profile.state_of("SIGNED") is None
    assert profile.validity_of("GOOD") is Validity.UNKNOWN


def test_an_operator_corrects_names_without_a_release() -> None:
    """A name may be another one or none, a state may have several words, and a path may be a whole URL."""
    text = changed('signed = "signed"', 'signed = ["COMPLETED", "signed"]')
    text = text.replace('expires_in = "expires_in"', 'expires_in = ""')
    text = text.replace('path = "/api/sign-transactions" ', 'path = "https://sign.example/v2/start" ')

    profile = read_profile(text, "profile.toml")

    assert profile.state_of("COMPLETED") is State.SIGNED
    assert profile.response_expires_in == ""
    assert profile.start_url(ISSUER) == "https://sign.example/v2/start"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('hash = "hash" ', "hash = ", r"this is not TOML"),
        ('hash = "hash" ', 'hash = "" ', r"`hash` is ``, which is no name; write a text"),
        ('hash = "hash" ', "hash = 5 ", r"`hash` is `5`"),
        ('hash = "hash" ', 'hash = "a b" ', r"`hash` is `a b`"),
        ('hash = "hash" ', 'hahs = "hash" ', r"`hahs` is no key of `\[request\]`; known in"),
        ('hash = "hash" ', "#", r"`hash` is missing in `\[request\]`"),
        ("[states]", "[status]", r"`status` is no table of a profile"),
        ('failed = "failed"', 'failed = "signed"', r"`signed` stands for `signed` and for `failed`"),
        ('failed = "failed"', "failed = [3]", r"`failed` is `3`, which is no word"),
        ("/{id}/result", "/result", r"`path` is `/api/sign-transactions/result`, which has no place"),
        ("/{id}/result", "/{id}/../{id}", r"`path` is .* which is no path"),
        ('"/api/sign-transactions" ', '"http://op.example/x" ', r"`path` is .* or a whole https URL"),
        ('"/api/sign-transactions" ', '"/api?x=1" ', r"`path` is `/api\?x=1`"),
    ],
)
def test_an_error_names_file_line_value_and_remedy(old: str, new: str, message: str) -> None:
    """The operator finds the line and the remedy without reading the code."""
    text = changed(old, new)
    line = TEXT[: TEXT.index(old)].count("\n") + 1

    with pytest.raises(ProfileError) as raised:
        read_profile(text, "p.toml")

    # A key that is missing has no line of its own: its table's line stands for it.
    assert "; " in str(raised.value)
    assert re.fullmatch(rf"p\.toml:({line}|{line - 1}): {message}.*", str(raised.value))


def test_a_transaction_id_is_plain() -> None:
    """A UUID is one. A value that would change a URL or a log line is not."""
    assert is_transaction_id("8a0a2f6e-34c0-4b0e-9d4a-ff52a8d2b1c1")
    assert not any(map(is_transaction_id, ("", "../x", "a/b", "a\n", "a?b", 5, None, "x" * 129)))
