"""An App's accounts that do not fit its policy are named, each at its place and with a remedy."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest

from gateway.login.jwcrypto_keys import new_key
from gateway.process.configuration import read_configuration
from gateway.yaml.mistakes import Mistakes

PAGES = [Path(__file__).parents[2] / "docs" / name for name in ("accounts.md", "accounts.ja.md")]
HEAD = """\
listen: 127.0.0.1:8080
provider: {environment: sandbox, client_id: RP1, keys: {file: keys.jwks}, accept_acr: any}
sessions: {store: memory, secret: {file: secret}}
apps:
"""


def excerpt(page: Path, kind: str) -> str:
    """Return the one example of this kind on a page."""
    (found,) = re.findall(rf"^```yaml {kind}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return str(found)


def said(folder: Path, app: str, policy: str) -> tuple[list[str], list[str]]:
    """Return the mistakes and the remarks about one App and its policy."""
    (folder / "gateway.yaml").write_text(HEAD + "".join(f"  {line}\n" for line in app.splitlines()), encoding="utf-8")
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "policies" / "old-booking.yaml").write_text(policy, encoding="utf-8")
    mistakes = Mistakes()
    configuration = read_configuration(folder / "gateway.yaml", mistakes, {})
    remarks = () if configuration is None else configuration.remarks
    return [str(each).replace(f"{folder}/", "") for each in mistakes], [
        str(each).replace(f"{folder}/", "") for each in remarks
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A gateway's keys, without its settings."""
    new_key(tmp_path / "keys.jwks", "ES256")
    for name in ("secret", "accounts.key"):
        (tmp_path / name).write_text(secrets.token_hex(32))
        (tmp_path / name).chmod(0o600)
    return tmp_path


def placed(app: str) -> str:
    """Return an App of the page with its key beside the settings."""
    return app.replace("/etc/sekisho/accounts.key", "accounts.key")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_example_of_the_page_is_good_as_it_stands(folder: Path, page: Path) -> None:
    """`check` has neither a mistake nor a remark about it, and its examples come out."""
    assert said(folder, placed(excerpt(page, "app")), excerpt(page, "policy")) == ([], [])


def test_both_pages_have_the_same_example() -> None:
    """A person who reads the other language gets the same gateway."""
    for kind in ("app", "policy"):
        assert excerpt(PAGES[0], kind) == excerpt(PAGES[1], kind)


APP, POLICY = placed(excerpt(PAGES[0], "app")), excerpt(PAGES[0], "policy")
NO_ACCOUNTS = """\
policy: p
rules: [{name: all, allow: signed_in}]
examples:
  - {title: one, at: 2026-11-23, request: GET /, expect: sign in}
"""


@pytest.mark.parametrize(
    ("old", "new", "place", "what"),
    [
        ("      logout: /logout.php\n", "", "gateway.yaml:19:", "has no `logout`"),
        ("      signs_out: /logout.php\n", "", "gateway.yaml:19:", "write `signs_out: /logout.php`"),
        ("      signs_out: /logout.php\n", "      signs_out: []\n", "", ""),
        ("      locks_after: 5\n", "", "gateway.yaml:19:", "`locks_after: none`"),
        ("      locks_after: 5\n", "      locks_after: none\n", "", ""),
        ("ended: /login.php", "ended: /signin", "gateway.yaml:27:", "closed` leaves that page open"),
        (
            "ended: /login.php",
            "ended: /login.php\n      alive: /login.php",
            "gateway.yaml:24:",
            "`alive` is the login page",
        ),
        ("not_location: /login.php", "location: /login.php", "gateway.yaml:23:", "both that a login was good"),
        (
            "  application_cookies: [PHPSESSID]",
            "  application_cookies: [PHPSESSID]\n  home: /reset/",
            "gateway.yaml:13:",
            "`home` is `/reset/`",
        ),
        (
            "passwords: changed",
            "passwords: changed\n    trial: {user: {file: u}, password: {env: P}}",
            "gateway.yaml:18:",
            "`u`",
        ),
        (
            "passwords: changed",
            "passwords: changed\n    trial: {user: {file: secret}, password: {env: P}}",
            "gateway.yaml:18:",
            "variable `P`",
        ),
    ],
)
def test_settings_that_do_not_fit_are_named(folder: Path, old: str, new: str, place: str, what: str) -> None:
    """At the line that holds them; `locks_after: none` is an answer."""
    assert old in APP
    mistakes, remarks = said(folder, APP.replace(old, new, 1), POLICY)

    assert mistakes == []
    assert [each for each in remarks if what in each and each.startswith(place)] or not what, remarks
    assert what or remarks == []


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("/courts/**]", "/courts/**, /login.php]", 7, "names `/login.php`, and `closed: /login.php`"),
        ("path: /group/**", "path: /password/new.php", 10, "names `/password/new.php`, and `closed: /password/**`"),
        ("{kind: group, role: representative}", '{in: [" tanaka"]}', 3, "names the account ` tanaka`"),
    ],
)
def test_a_policy_that_does_not_fit_is_named(folder: Path, old: str, new: str, line: int, what: str) -> None:
    """At the rule or the condition."""
    policy = re.sub(r"  - title: a member does.*", "", POLICY.replace(old, new, 1), flags=re.DOTALL)
    mistakes, remarks = said(folder, APP, policy)

    assert mistakes == []
    assert any(each.startswith(f"policies/old-booking.yaml:{line}:") and what in each for each in remarks), remarks


def test_a_policy_without_accounts_asks_nobody(folder: Path) -> None:
    """The remark stands at `accounts`, and names the policy."""
    mistakes, remarks = said(folder, APP, NO_ACCOUNTS)

    assert mistakes == []
    assert any(
        each.startswith("gateway.yaml:14:") and "no rule of" in each and "`accounts: required`" in each
        for each in remarks
    ), remarks


def test_an_account_that_cannot_be_told_is_named(folder: Path) -> None:
    """By `Authorization: Basic` no name has a colon."""
    app = APP[: APP.index("    tell: form")] + "    tell: basic\n    secret: {file: secret}\n"
    policy = re.sub(r"  - title: a member does.*", "", POLICY, flags=re.DOTALL)

    _, remarks = said(folder, app, policy.replace("{kind: group, role: representative}", '{in: ["a:b", "c"]}'))

    assert [each for each in remarks if "`a:b`" in each and "tell: basic" in each]
    assert not [each for each in remarks if "`c`" in each]


def test_keys_of_a_session_that_nobody_keeps_are_named(folder: Path) -> None:
    """With `tell: header` the gateway signs nobody in at the application."""
    app = APP.replace("tell: form\n    passwords: changed", "tell: header\n    header: X-User")
    app = re.sub(r"      change: .*\n", "", app)

    mistakes, remarks = said(folder, app, POLICY)

    assert mistakes == []
    assert [each for each in remarks if "`ended` has no effect" in each and each.startswith("gateway.yaml:23:")], (
        remarks
    )


def test_a_policy_that_looks_at_accounts_needs_an_app_that_has_some(folder: Path) -> None:
    """The mistake stands at the rule; a candidate decides nothing yet, and gets a remark."""
    bare = APP[: APP.index("  accounts:")]
    mistakes, _ = said(folder, bare, POLICY)
    (folder / "now.yaml").write_text(NO_ACCOUNTS)
    candidate = bare.replace(
        "policy: policies/old-booking.yaml", "policy: {file: now.yaml, candidate: policies/old-booking.yaml}"
    )
    none, remarks = said(folder, candidate, POLICY)

    assert [each for each in mistakes if each.startswith("policies/old-booking.yaml:10") and "`old-booking`" in each]
    assert none == []
    assert [each for each in remarks if "looks at accounts" in each], remarks


def test_a_role_without_a_group_is_refused(folder: Path) -> None:
    """A person's account has no roles, so nobody would pass."""
    mistakes, _ = said(folder, APP, POLICY.replace("kind: group, role", "kind: person, role"))

    assert [each for each in mistakes if each.startswith("policies/old-booking.yaml:4:") and "`kind: group`" in each]
