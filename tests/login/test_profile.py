"""Which provider, and what its metadata must say."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.login.profile import is_loopback, issuer_of, lifetime, origins_of, read_metadata
from gateway.settings.settings import Environment, ProviderSettings

ISSUER = "https://op.example/realms/main"
SAID: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/certs",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
}


def test_what_we_use_is_read() -> None:
    """A member that is not offered is None."""
    metadata = read_metadata({**SAID, "registration_endpoint": "whatever"}, ISSUER)

    assert metadata.token_endpoint == f"{ISSUER}/token"
    assert metadata.end_session_endpoint is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"issuer": f"{ISSUER}/"}, "names_another_issuer"),
        ({"issuer": None}, "names_another_issuer"),
        ({"token_endpoint": None}, "lacks_token_endpoint"),
        ({"jwks_uri": None}, "lacks_jwks_uri"),
        ({"authorization_endpoint": None}, "lacks_authorization_endpoint"),
        ({"token_endpoint": "http://op.example/token"}, "unusable_token_endpoint"),
        ({"token_endpoint": "http://localhost/token"}, "unusable_token_endpoint"),
        ({"token_endpoint": "https:///token"}, "unusable_token_endpoint"),
        ({"token_endpoint": "https://op.example:x/token"}, "unusable_token_endpoint"),
        ({"token_endpoint": "https://user@op.example/token"}, "unusable_token_endpoint"),
        ({"token_endpoint": "https://op.example/to ken"}, "unusable_token_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "unusable_authorization_endpoint"),
        ({"userinfo_endpoint": ["https://op.example"]}, "unusable_userinfo_endpoint"),
        ({"code_challenge_methods_supported": ["plain"]}, "offers_no_s256"),
        ({"code_challenge_methods_supported": "S256"}, "offers_no_s256"),
        ({"code_challenge_methods_supported": 5}, "offers_no_s256"),
    ],
)
def test_metadata_that_cannot_be_used_is_never_used(changes: dict[str, Any], said: str) -> None:
    """Another issuer's, incomplete, or with an endpoint that is not https."""
    with pytest.raises(ProviderUnavailableError, match=said):
        read_metadata({**SAID, **changes}, ISSUER)


def test_an_environment_names_its_issuer_and_a_written_one_goes_first() -> None:
    """If neither is given, the issuer is empty, and the caller refuses it."""
    assert issuer_of(ProviderSettings(environment=Environment.SANDBOX)).startswith("https://sb-")
    assert (
        issuer_of(ProviderSettings(environment=Environment.PRODUCTION, issuer="https://x.example"))
        == "https://x.example"
    )
    assert issuer_of(ProviderSettings(environment=Environment.OTHER)) == ""


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://localhost:8081/x", True),
        ("http://idp.localhost/", True),
        ("http://127.0.0.1:1/", True),
        ("http://[::1]:1/", True),
        ("http://localhost.example/", False),
        ("http://127.0.0.1.example/", False),
        ("http://127.evil.example/", False),
        ("http://10.0.0.1/", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_and_nothing_that_looks_like_it(url: str, *, here: bool) -> None:
    """Plain HTTP goes nowhere else."""
    assert is_loopback(url) == here


@pytest.mark.parametrize(
    ("cache_control", "age", "seconds"),
    [
        ("", "", 3_600),
        ("max-age=300", "", 300),
        ("public, Max-Age=300", "100", 200),
        ("max-age=0", "", 60),
        ("max-age=10000000", "", 86_400),
        ("no-store", "", 60),
        ("max-age=abc", "", 3_600),
        ("max-age=-5", "", 3_600),
        ("max-age=99999999999999999999", "", 3_600),
        ("max-age=300", "nonsense", 300),
        ("max-age=٣٠٠", "", 3_600),
    ],
)
def test_a_lifetime_is_what_headers_say_within_bounds(cache_control: str, age: str, seconds: float) -> None:
    """Neither a storm nor a key that is never looked at again."""
    assert lifetime(cache_control, age) == seconds


def test_a_browser_may_be_sent_where_discovery_says() -> None:
    """Beside the issuer's origin, which is all that is known before discovery has answered; each once."""
    pages = {"authorization_endpoint": "https://Login.example:8443/auth", "end_session_endpoint": f"{ISSUER}/end"}
    metadata = read_metadata({**SAID, **pages}, ISSUER)

    assert origins_of(ISSUER, None) == ("https://op.example",)
    assert origins_of(ISSUER, metadata) == ("https://op.example", "https://login.example:8443")


@pytest.mark.parametrize("host", ["a;script-src *", "a;b", "a,b", "a'b", "*", "[::1];x"])
def test_an_origin_says_nothing_else_in_a_policy(host: str) -> None:
    """A host that would end the directive is not written into it."""
    assert origins_of(f"https://{host}/realms/main", None) == ()
