"""A field's name is judged by what servers fold it onto."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.request.field_names import fold, overrides_method


@given(st.binary(max_size=40))
def test_folding_twice_is_folding_once(name: bytes) -> None:
    """A folded name has only letters, digits and `-`, each character in its place."""
    folded = fold(name)

    assert fold(folded) == folded
    assert len(folded) == len(name)
    assert set(folded) <= set(b"abcdefghijklmnopqrstuvwxyz0123456789-")


def test_spellings_of_one_variable_are_one_name() -> None:
    """CGI makes `HTTP_X_VERIFIED_SUBJECT` of all of them."""
    spelled = (b"X-Verified-Subject", b"x_verified_subject", b"X.Verified.Subject", b"X Verified~SUBJECT")

    assert {fold(each) for each in spelled} == {b"x-verified-subject"}


@pytest.mark.parametrize(
    "name",
    [
        b"X-HTTP-Method-Override",
        b"x_http_method_override",
        b"X-HTTP-Method",
        b"X-Method-Override",
        b"X-Request-Method",
        b"X-RestLi-Method",
        b"X-HTTP-Verb",
        b"X-Tunneled-Method",
        b"_method",
        b"HttpMethod",
    ],
)
def test_a_name_that_replaces_the_method_is_known(name: bytes) -> None:
    """Frameworks take its value for the request's method."""
    assert overrides_method(name)


@pytest.mark.parametrize(
    "name",
    [b"", b"X-Override", b"X-Requested-With", b"Access-Control-Request-Methods", b"X-Payment-Method", b"X-Methodology"],
)
def test_other_names_are_left_alone(name: bytes) -> None:
    """A name with another word in it is an application's own."""
    assert not overrides_method(name)


def test_a_very_long_name_is_none_of_them() -> None:
    """No framework has one, and the pattern never works on a name without end."""
    name = b"X-" + b"http-" * 12 + b"method"

    assert len(name) > 64
    assert not overrides_method(name)
    assert overrides_method(b"x-" + b"-" * 56 + b"method")
