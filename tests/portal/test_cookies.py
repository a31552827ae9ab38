from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.portal.cookies import expire_application_cookies, expire_cookie, expire_other_forms, set_cookie


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


def test_a_host_cookie_has_one_other_form() -> None:
    """A browser takes a `__Host-` name for `/` without Domain alone: beside ours there can be a partitioned one."""
    (line,) = expire_other_forms("__Host-sekisho", "/a/b", "app.gw.test", secure=True)

    assert line.startswith("__Host-sekisho=; Path=/; ")
    assert line.endswith("; Secure; Partitioned")
    assert "Max-Age=0" in line


def test_a_plain_name_has_a_form_for_each_path_above_the_page() -> None:
    """Over plain HTTP on loopback a script can choose path and Domain; our own form, the root's, is not among them."""
    lines = expire_other_forms("sekisho", "/a/b", "app.localhost", secure=False)
    forms = {tuple(part for part in line.split("; ") if part.startswith(("Path", "Domain"))) for line in lines}

    paths = [f"Path={path}" for path in ("/a", "/a/", "/a/b", "/a/b/")]
    assert forms == {
        ("Path=/",),
        ("Path=/", "Domain=app.localhost"),
        *((path,) for path in paths),
        *((path, "Domain=app.localhost") for path in paths),
    }
    assert [line for line in lines if "Partitioned" in line] == lines[:1]
    assert not any(line.startswith("sekisho=; Path=/; HttpOnly") and "Secure" not in line for line in lines)


@given(st.text("/ab;=,\r\n \x00é%", max_size=60).map(lambda path: f"/{path}"))
def test_a_path_writes_no_other_attribute(path: str) -> None:
    """Property: for every requested page, each line ends one cookie of ours and says nothing else."""
    lines = expire_other_forms("sekisho", path, "app.localhost", secure=False)

    assert len(lines) <= 40
    for line in lines:
        words = [part.partition("=")[0] for part in line.split("; ")]
        usual = {"sekisho", "Path", "Domain", "HttpOnly", "SameSite", "Max-Age", "Expires", "Secure", "Partitioned"}
        assert set(words) <= usual
        assert len(words) == len(set(words))
        assert line.isprintable()
        assert line.isascii()


@given(st.text())
def test_no_value_can_write_another_attribute(value: str) -> None:
    """A value that a cookie cannot carry is a mistake, and never becomes another attribute."""
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
