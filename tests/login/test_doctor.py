"""The findings of `doctor` for given measurements."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from gateway.accounts.recipe import TrialStep
from gateway.errors import StoreFault, UnfitLimitStoreError
from gateway.login.doctor import (
    Level,
    acr_finding,
    assertion_finding,
    bypass_finding,
    certificate_finding,
    clock_finding,
    keys_finding,
    mode_finding,
    outer_proxy_finding,
    post_logout_finding,
    redirect_finding,
    sentinels_finding,
    store_finding,
    trial_finding,
    unfit_finding,
    upstream_finding,
)
from gateway.yaml.mistakes import Language

NOW = 1_795_402_800.0
URI = "https://app.gw.test/.sekisho/callback"


@pytest.mark.parametrize(
    ("ahead", "level"),
    [
        (0, Level.PASS),
        (2, Level.PASS),
        (-2, Level.PASS),
        (5, Level.WARN),
        (-5, Level.WARN),
        (30, Level.FAIL),
        (-30, Level.FAIL),
    ],
)
def test_a_clock_that_is_off_is_noticed(ahead: float, level: Level) -> None:
    """A `Date` has whole seconds, and an answer takes a while: neither is an offset."""
    assert clock_finding("c", formatdate(NOW + ahead, usegmt=True), NOW, NOW + 0.5, 10).level == level


@pytest.mark.parametrize(
    ("begins", "ends", "level", "said"),
    [
        (-60, 30, Level.PASS, "is valid until"),
        (-60, 13, Level.WARN, "expires on"),
        (-2, 4, Level.PASS, "is valid until"),
        (-5, 1, Level.WARN, "expires on"),
        (-60, -1, Level.FAIL, "expired on"),
        (1, 60, Level.FAIL, "not valid before"),
    ],
)
def test_a_certificate_is_judged_by_its_dates(begins: float, ends: float, level: Level, said: str) -> None:
    """One that lives for six days is not always about to end."""
    found = certificate_finding("c", (NOW + begins * 86_400, NOW + ends * 86_400), NOW)

    assert found.level == level
    assert said in found.said.say(Language.EN)
    assert bool(found.remedy.say(Language.EN)) is (level is not Level.PASS)


def test_a_certificate_whose_dates_cannot_be_read_is_no_failure() -> None:
    """OpenSSL may serve it all the same."""
    assert certificate_finding("c", None, NOW).level == Level.WARN


def test_a_provider_without_a_date_is_no_warning() -> None:
    """A Keycloak sends none: a warning that nobody can mend hides the others."""
    found = clock_finding("c", None, NOW, NOW, 10)

    assert found.level == Level.PASS
    assert "cannot be compared" in found.said.say(Language.EN)


@pytest.mark.parametrize(("status", "level"), [(200, Level.PASS), (302, Level.PASS), (400, Level.WARN)])
def test_an_unregistered_way_back_from_sign_out_is_noticed(status: int, level: Level) -> None:
    """People would end on the provider's error page, on a PC that others use next."""
    found = post_logout_finding("c", "https://app.gw.test/.sekisho/signed-out", status)

    assert found.level == level
    assert ("sekisho registration" in found.remedy.say(Language.EN)) is (level is Level.WARN)


@pytest.mark.parametrize("said", ["", "yesterday", "Mon, 99 Foo 2026 99:99:99 GMT"])
def test_a_date_that_cannot_be_read_is_a_warning(said: str) -> None:
    """The doctor does not call it a failure of ours."""
    assert clock_finding("c", said, NOW, NOW, 10).level == Level.WARN


@pytest.mark.parametrize(
    ("error", "level"),
    [
        ("invalid_grant", Level.PASS),
        ("invalid_client", Level.FAIL),
        ("unauthorized_client", Level.FAIL),
        ("", Level.WARN),
    ],
)
def test_a_refused_code_is_an_accepted_assertion(error: str, level: Level) -> None:
    """The client was authenticated before its code was looked at."""
    assert assertion_finding("c", 400, error).level == level


@pytest.mark.parametrize(
    ("status", "location", "level"),
    [
        (200, None, Level.PASS),
        (303, "https://op.example/interaction/1", Level.PASS),
        (302, f"{URI}?code=x&state=s", Level.PASS),
        (302, f"{URI}?error=invalid_scope&state=s", Level.WARN),
        (400, None, Level.FAIL),
        (500, None, Level.FAIL),
    ],
)
def test_an_unregistered_redirect_uri_is_noticed(status: int, location: str | None, level: Level) -> None:
    """A provider shows an error itself rather than redirect to a stranger."""
    assert redirect_finding("c", URI, status, location).level == level


@pytest.mark.parametrize(
    ("address", "public", "level"),
    [
        ("127.0.0.1", False, Level.PASS),
        ("::1", False, Level.PASS),
        ("10.0.0.5", False, Level.WARN),
        ("8.8.8.8", False, Level.FAIL),
        ("10.0.0.5", True, Level.FAIL),
        ("?", False, Level.WARN),
    ],
)
def test_an_application_that_can_be_reached_beside_us_is_noticed(address: str, public: bool, level: Level) -> None:
    """A client that reaches it there can write identity headers."""
    assert bypass_finding("booking", address, answers_publicly=public).level == level


def test_the_rest_says_what_to_do() -> None:
    """Each failure has a remedy, in both languages."""
    failures = [
        keys_finding("c", ("RS256",), ("ES256",)),
        mode_finding("/etc/keys", 0o644),
        store_finding("redis://x", StoreFault.TIMEOUT),
        store_finding("redis://x", StoreFault.REFUSED, check="limit_store"),
        sentinels_finding("redis+sentinel://x", {"a:1": "noquorum", "b:1": "timeout"}),
        upstream_finding("booking", "http://10.0.0.5:8080", answers=False),
        assertion_finding("c", 400, "invalid_client"),
        redirect_finding("c", URI, 400, None),
    ]

    assert {finding.level for finding in failures} == {Level.FAIL}
    for finding in failures:
        assert finding.remedy.say(Language.EN)
        assert finding.remedy.say(Language.JA)
    assert keys_finding("c", ("RS256", "ES256"), ("ES256",)).level == Level.PASS
    assert mode_finding("/etc/keys", 0o600).level == Level.PASS
    assert mode_finding("/etc/keys", None).level == Level.FAIL
    assert mode_finding("/etc/keys", 0o440, roots_for_group=True).level == Level.WARN
    assert mode_finding("/etc/keys", 0o460, roots_for_group=True).level == Level.FAIL
    assert mode_finding("/etc/keys", 0o444, roots_for_group=True).level == Level.FAIL
    assert store_finding("memory", None).level == Level.PASS
    assert upstream_finding("booking", "u", answers=True).level == Level.PASS


@pytest.mark.parametrize(
    ("accepted", "supported", "level", "word"),
    [
        (("aal3 crl",), None, Level.PASS, "cannot be seen"),
        (("aal3 crl",), ("aal3", "crl"), Level.PASS, "cannot be seen"),
        (("aal3 crl",), ("0", "1"), Level.WARN, "`0`, `1`"),
        (("1",), ("0", "1"), Level.PASS, "cannot be seen"),
        (("gold", "1"), ("0", "1"), Level.PASS, "cannot be seen"),
        (("1",), (), Level.WARN, "nothing"),
        ((), ("0", "1"), Level.PASS, "every `acr` is accepted"),
    ],
)
def test_doctor_says_what_it_cannot_see_of_acr(
    accepted: tuple[str, ...], supported: tuple[str, ...] | None, level: Level, word: str
) -> None:
    """It signs nobody in: the list in discovery is all there is, and only a contradiction is a warning."""
    found = acr_finding("c", accepted, supported, requires=False)

    assert found.level == level
    assert word in found.said.say(Language.EN)
    assert bool(found.remedy.say(Language.JA)) is (level is Level.WARN)


@pytest.mark.parametrize(
    ("answers", "level", "named"),
    [
        ({"a:1": "ok", "b:1": "ok"}, Level.PASS, ()),
        ({"a:1": "ok", "b:1": "timeout"}, Level.WARN, ("1 of 2", "`b:1`: timeout")),
        ({"a:1": "noquorum", "b:1": "unknown"}, Level.FAIL, ("0 of 2", "`a:1`: noquorum", "`b:1`: unknown")),
    ],
)
def test_sentinels_that_could_not_fail_over_are_named(
    answers: dict[str, str], level: Level, named: tuple[str, ...]
) -> None:
    """One that is away is a warning while another one has its quorum; without any, no failover takes place."""
    finding = sentinels_finding("redis+sentinel://a:1,b:1/city", answers)

    assert finding.level is level
    for language in Language:
        assert all(word in finding.said.say(language) for word in named[1:])
    assert all(word in finding.said.say(Language.EN) for word in named)


def test_a_store_of_limits_that_forgets_has_its_own_remedy() -> None:
    """The remedy is the setting of Redis, not the address."""
    finding = unfit_finding(
        "redis://x", UnfitLimitStoreError("`maxmemory-policy` is `allkeys-lru`", "set it otherwise")
    )

    assert (finding.check, finding.level) == ("limit_store", Level.FAIL)
    assert finding.remedy.say(Language.EN) == "set it otherwise"
    assert "allkeys-lru" in finding.said.say(Language.EN)


@pytest.mark.parametrize(
    ("plain", "spoofed", "level", "said"),
    [
        (200, 403, Level.PASS, "own identity headers are refused"),
        (302, 400, Level.PASS, "own identity headers are refused"),
        (200, 200, Level.FAIL, "answers 200 to a client that writes an identity header itself"),
        (401, 401, Level.FAIL, "answers 401 to a client"),
        # A proxy that refuses everybody may have asked us, or not.
        (403, 403, Level.WARN, "answers 403 to everybody"),
        (400, 403, Level.WARN, "answers 400 to everybody"),
        (None, 403, Level.WARN, "does not answer from here"),
        (200, None, Level.WARN, "does not answer from here"),
    ],
)
def test_an_outer_proxy_is_tried_with_a_forged_header(
    plain: int | None, spoofed: int | None, level: Level, said: str
) -> None:
    """A proxy that lets it through has not asked us, or has left the client's headers out of its question."""
    found = outer_proxy_finding("booking", "https://app.example", plain, spoofed)

    assert (found.check, found.subject, found.level) == ("outer_proxy", "booking", level)
    assert said in found.said.say(Language.EN)


@pytest.mark.parametrize("step", TrialStep)
def test_each_step_of_a_trial_is_said_in_both_languages(step: TrialStep) -> None:
    """A step that is not well has a remedy, and one that is well has none."""
    finding = trial_finding("old", step)

    assert finding.said.say(Language.EN) != finding.said.say(Language.JA)
    assert bool(finding.remedy.say(Language.JA)) == (finding.level is not Level.PASS)
    assert finding.remedy.say(Language.EN).isascii()
