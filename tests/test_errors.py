"""Each error of ours has a code of its own, a status that fits, and words without a person's data."""

from __future__ import annotations

from gateway.errors import (
    GatewayError,
    ProviderRefusedError,
    SignInInvalidError,
    StoreFault,
    StoreUnavailableError,
    UnfitLimitStoreError,
    UpstreamUnreachableError,
)

EVERY = tuple(GatewayError.__subclasses__())


def test_codes_are_told_apart() -> None:
    """A code is a label of metrics, so that two errors with one code could not be told apart."""
    codes = [GatewayError.code, *(each.code for each in EVERY)]

    assert len(codes) == len(set(codes))
    assert len(EVERY) > 5


def test_only_a_sign_in_is_the_clients_fault() -> None:
    """Every failure behind the gateway is a 5xx: no client is told that its request was wrong."""
    assert {each for each in EVERY if each.status < 500} == {SignInInvalidError}


def test_words_say_what_failed() -> None:
    """The log line names the upstream, the check, the fault and the remedy."""
    assert str(UpstreamUnreachableError("http://10.0.0.7:80")) == "cannot connect to upstream `http://10.0.0.7:80`"
    assert UpstreamUnreachableError("x").upstream == "x"
    assert str(ProviderRefusedError("invalid_grant")) == "provider refused with `invalid_grant`"
    assert ProviderRefusedError("invalid_grant").error == "invalid_grant"
    assert str(SignInInvalidError("nonce")) == "sign-in fails the check `nonce`"
    assert SignInInvalidError("nonce").check == "nonce"
    unfit = UnfitLimitStoreError("`maxmemory-policy` is `allkeys-lru`", "set `noeviction`")
    assert str(unfit) == "the store of limits may forget: `maxmemory-policy` is `allkeys-lru`, set `noeviction`"
    assert unfit.remedy == "set `noeviction`"


def test_a_store_without_a_word_is_unreachable() -> None:
    """The fault is a metric's label: one that is not given is the plainest."""
    assert StoreUnavailableError().fault is StoreFault.UNREACHABLE
    assert str(StoreUnavailableError(StoreFault.LOADING)) == "the store is unavailable: `loading`"
