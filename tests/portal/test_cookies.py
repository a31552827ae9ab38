from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.portal.cookies import expire_application_cookies, expire_cookie, set_cookie


def test_a_cookie_of_ours_is_out_of_everybody_elses_reach() -> None:
    """No script, no other host, no other path, no plain HTTP; it ends with the browser."""
    assert set_cookie("__Host-sekisho", "T", secure=True) == "__Host-sekisho=T; Path=/; HttpOnly; SameSite=Lax; Secure"


def test_a_lasting_cookie_says_how_long() -> None:
    """`Max-Age`, in seconds."""
    assert "; Max-Age=60" in set_cookie("a", "b", secure=False, max_age=60)


def test_a_host_cookie_is_ended_as_it_was_set() -> None:
    """A browser ignores a `__Host-` line without Secure or with another path."""
    line = expire_cookie("__Host-sekisho", secure=True)

    assert line.startswith("__Host-sekisho=; Path=/; ")
    assert line.endswith("; Secure")
    assert "Max-Age=0" in line


@given(st.text())
def test_no_value_can_write_another_attribute(value: str) -> None:
    """What a cookie cannot carry is a mistake, never a line that says something else."""
    try:
        line = set_cookie("a", value, secure=True)
    except ValueError:
        return
    assert line == f"a={value}; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert not set(value) & set(' ;,"\\\r\n')


@pytest.mark.parametrize("name", ["", "a b", "a=b", "a;b", "a\r\nSet-Cookie: b"])
def test_no_name_can_either(name: str) -> None:
    """Names come from settings; a slip there is said."""
    with pytest.raises(ValueError, match="cannot carry"):
        set_cookie(name, "b", secure=True)


def test_an_applications_cookies_are_ended_wherever_it_may_have_set_them() -> None:
    """At the root, and at the App's own path with and without its slash."""
    lines = expire_application_cookies(("JSESSIONID", "not a name"), "/yoyaku", secure=True)

    assert [line.split(";")[1].strip() for line in lines] == ["Path=/", "Path=/yoyaku", "Path=/yoyaku/"]
    assert all(line.startswith("JSESSIONID=; ") and "Max-Age=0" in line for line in lines)
    assert len(expire_application_cookies(("JSESSIONID",), "/", secure=False)) == 1
