"""Contradictions in an App's `accounts`: each is refused with its line and its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.settings.check import check_settings, read_settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Mistakes

BEGINNING = """\
listen: 127.0.0.1:8080
provider: {environment: sandbox, client_id: RP1, keys: {file: keys.jwks}}
sessions: {store: memory}
apps:
  - name: old
    url: https://old.example.jp
    upstream: http://127.0.0.1:9001
    policy: policy.yaml
"""

FORM = """\
    accounts:
      store: sqlite:/var/lib/sekisho/accounts.db
      key: {file: accounts.key}
      tell: form
      passwords: kept
      recipe:
        page: /login.php
        user: id
        password: pw
        success: {status: 302, not_location: /login.php}
        ended: /login.php
        logout: /logout.php
        closed: [/login.php, /password/**]
        locks_after: 5
"""


def faults(text: str, tmp_path: Path) -> list[str]:
    file = tmp_path / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    mistakes = Mistakes()
    reading = Reading(tmp_path, mistakes)
    settings = read_settings(file, reading)
    if settings is not None:
        check_settings(settings, reading)
    return [str(mistake).removeprefix(f"{tmp_path}/") for mistake in mistakes]


def test_the_settings_of_a_form_are_good(tmp_path: Path) -> None:
    """The lines that the documentation shows are accepted."""
    assert faults(BEGINNING + FORM, tmp_path) == []


@pytest.mark.parametrize("ended", ["{status: 401}", "{text_present: 'name=\"pw\"'}"])
def test_each_sign_of_an_ended_session_is_enough(ended: str, tmp_path: Path) -> None:
    """Applications that show their login form in the place of a page have no other sign than its text."""
    assert faults(BEGINNING + FORM.replace("ended: /login.php", f"ended: {ended}"), tmp_path) == []


@pytest.mark.parametrize("shipped", ["wordpress", "redmine"])
def test_a_shipped_recipe_is_whole(shipped: str, tmp_path: Path) -> None:
    """The name of a shipped recipe is enough for `tell: form`."""
    short = FORM[: FORM.index("      recipe:")] + f"      recipe: {shipped}\n"

    assert faults(BEGINNING + short, tmp_path) == []
    assert faults(BEGINNING + short.replace("passwords: kept", "passwords: changed"), tmp_path) == []


CHANGED = (
    FORM.replace("passwords: kept", "passwords: changed")
    + """\
        change:
          page: /password/change
          old: before
          new: after
          length: 16
"""
)


def test_a_change_of_passwords_is_good(tmp_path: Path) -> None:
    """The lines that the documentation shows are accepted."""
    assert faults(BEGINNING + CHANGED, tmp_path) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("passwords: changed", "passwords: kept", 24, "`change` has no effect"),
        ("          page: /password/change\n", "", 15, "without `change.page`"),
        ("          new: after\n", "", 15, "without `change.new`"),
        ("page: /password/change", "page: /settings", 21, "leaves `/settings` open"),
        ("page: /password/change", "page: /password/change\n          post: /save", 21, "leaves `/save` open"),
        ("page: /password/change", "page: 'password'", 24, "no path of the application"),
        ("length: 16", "length: 11", 27, "`length` cannot be 11"),
        ("length: 16", "length: 12\n          alphabet: '0123456789'", 27, "can be guessed"),
        ("length: 16", "alphabet: 'あいうえお'", 27, "no password field takes"),
    ],
)
def test_a_half_change_is_refused(old: str, new: str, line: int, said: str, tmp_path: Path) -> None:
    """A change that cannot end well is refused at the line that holds it."""
    assert old in CHANGED
    found = faults(BEGINNING + CHANGED.replace(old, new, 1), tmp_path)

    assert any(said in fault for fault in found), found
    assert any(fault.startswith(f"gateway.yaml:{line}:") for fault in found if said in fault), found


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("        closed: [/login.php, /password/**]\n", "", 15, "without `closed`"),
        ("closed: [/login.php, /password/**]", "closed: [/password/**]", 21, "leaves `/login.php` open"),
        ("        ended: /login.php\n", "", 15, "without `ended`"),
        ("      passwords: kept\n", "", 10, "nothing states that"),
        ("      key: {file: accounts.key}\n", "", 10, "`key` is missing"),
        ("      key: {file: accounts.key}\n", "      key: {file: a, env: B}\n", 11, "two places"),
        ("      key: {file: accounts.key}\n", "      key: {file: a, command: [b]}\n", 11, "two places"),
        ("      store: sqlite:/var/lib/sekisho/accounts.db\n", "", 10, "`store` is missing"),
        ("store: sqlite:/var/lib/sekisho/accounts.db", "store: sqlite:accounts.db", 10, "/accounts.db`"),
        ("store: sqlite:/var/lib/sekisho/accounts.db", "store: 'sqlite:'", 10, "no store of accounts"),
        ("store: sqlite:/var/lib/sekisho/accounts.db", "store: 'sqlite:accounts.db'", 10, "relative path"),
        ("success: {status: 302, not_location: /login.php}", "success: {}", 18, "nothing tells a good login"),
        ("success: {status: 302,", "success: {status: 99,", 18, "`status` cannot be 99"),
        ("not_location: /login.php}", "not_location: 'login.php'}", 18, "is no path"),
        ("not_location: /login.php}", "not_location: /a, location: /b}", 18, "together"),
        ("status: 302, not_location: /login.php", "cookie: '*'", 18, "cannot name a cookie"),
        ("page: /login.php", "page: http://elsewhere.example/", 15, "no path of the application"),
        ("page: /login.php", "page: //elsewhere.example/", 15, "no path of the application"),
        ("user: id\n", "user: ''\n", 16, "value is missing"),
        ("        user: id\n", "", 15, "no `user`"),
        ("closed: [/login.php, /password/**]", "closed: [/login.php, 'a?b']", 21, "no pattern of paths"),
        ("logout: /logout.php", "logout: {submit: true}", 20, "names no `page`"),
        ("logout: /logout.php", "logout: {page: /l, submit: true, link: x}", 20, "both submits"),
        ("locks_after: 5", "locks_after: 5\n        signs_out: logout.php", 23, "no sign-out link"),
        ("locks_after: 5", "locks_after: 5\n        signs_out: [/logout.php, /**]", 23, "`/**` is no sign-out link"),
        ("locks_after: 5", "locks_after: 5\n        signs_out: '/a?b=c&d=e'", 23, "no sign-out link"),
        ("locks_after: 5", "forgets_after: 1h", 22, "nothing to forget"),
        ("not_location: /login.php}", "text_present: a, text_absent: a}", 18, "cannot have a text"),
        ("locks_after: 5", "locks_after: 1", 22, "`locks_after` cannot be 1"),
        ("passwords: kept", "passwords: kept\n      trial: {user: {file: u}}", 14, "`password` needs one source"),
        ("passwords: kept", "passwords: kept\n      trial: {user: {file: u, env: U}}", 14, "`user` needs one source"),
        ("tell: form", "tell: header", 10, "without the header's name"),
        ("tell: form", "tell: header\n      header: X_User", 13, "cannot name a header"),
        ("tell: form", "tell: basic", 10, "without `secret`"),
        ("tell: form", "tell: form\n      header: X-User", 13, "no effect without `tell: header`"),
    ],
)
def test_a_contradiction_is_refused(old: str, new: str, line: int, said: str, tmp_path: Path) -> None:
    """Each mistake is noted at the line that holds it."""
    assert old in FORM
    found = faults(BEGINNING + FORM.replace(old, new, 1), tmp_path)

    assert any(said in fault for fault in found), found
    assert any(fault.startswith(f"gateway.yaml:{line}:") for fault in found if said in fault), found


def test_another_proxy_forwards_no_login(tmp_path: Path) -> None:
    """In forward-auth mode the gateway has no way to the application, so it cannot sign in there."""
    found = faults(BEGINNING.replace("policy:", "mode: forward_auth\n    policy:", 1) + FORM, tmp_path)

    assert any("`tell: form` with `mode: forward_auth`" in fault for fault in found)
    assert any("`recipe` with `mode: forward_auth`" in fault for fault in found)


def test_sign_out_links_of_another_proxy_are_its_own(tmp_path: Path) -> None:
    """In forward-auth mode no answer of ours takes the application's place; an App without accounts has such links."""
    linked = "    signs_out: [/logout, '/?action=logout']\n"

    assert faults(BEGINNING + linked, tmp_path) == []
    found = faults(BEGINNING.replace("policy:", "mode: forward_auth\n    policy:", 1) + linked, tmp_path)
    assert [fault for fault in found if fault.startswith("gateway.yaml:10:") and "`signs_out` with" in fault]


def test_a_form_needs_a_recipe(tmp_path: Path) -> None:
    """Without a recipe nobody knows where to sign in."""
    found = faults(BEGINNING + FORM[: FORM.index("      recipe:")], tmp_path)

    assert any("`tell: form` without `recipe`" in fault for fault in found)


def test_links_in_memory_are_for_one_worker(tmp_path: Path) -> None:
    """Two workers would know different links."""
    text = BEGINNING + FORM.replace("sqlite:/var/lib/sekisho/accounts.db", "memory", 1)
    text = text.replace("store: memory}", "store: redis://127.0.0.1/0, secret: {file: s}}", 1)

    assert any("several workers cannot share links" in fault for fault in faults(f"workers: 2\n{text}", tmp_path))
