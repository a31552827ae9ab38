"""The settings as they are run."""

from __future__ import annotations

from dataclasses import replace

from gateway.settings.settings import ContactSettings, HeaderSettings
from tests.builders import app
from tests.settings.test_bounds import settings


def test_a_name_that_one_app_gives_a_fact_is_stripped_everywhere() -> None:
    """A browser can send `Remote-User` to any App, and must not speak as the gateway at one of them."""
    one = app(name="a", headers=HeaderSettings(names={"subject": "Remote-User"}))
    other = app(name="b", headers=HeaderSettings(names={"name": "X-Name"}, strip=("X-Own",)))
    whole = replace(settings(), apps=(one, other))

    assert whole.headers_of(one).strip == ("Remote-User", "X-Name")
    assert whole.headers_of(other).strip == ("X-Own", "Remote-User", "X-Name")
    assert whole.headers_of(other).names == {"name": "X-Name"}


def test_workers_are_counted_by_number_or_by_core() -> None:
    """`auto` is one a core."""
    assert replace(settings(), workers="auto").worker_count(4) == 4
    assert replace(settings(), workers="3").worker_count(4) == 3


def test_an_app_is_secure_by_its_url() -> None:
    """Cookies have `Secure` and their prefix where the browser speaks https."""
    assert app(url="https://app.gw.test").secure
    assert not app(url="http://localhost:8080").secure


def test_a_number_is_dialled_without_what_only_people_read() -> None:
    """A `tel:` link has digits, and `+` before a country's code."""
    assert ContactSettings(phone="+81 (0)3-1234-5678").dialled == "+810312345678"
    assert ContactSettings().dialled == ""
