"""Evidence of signatures: what the store sees, who opens it, and when it ends. The store is a real Redis."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis as AsyncRedis

from gateway.errors import StoreFault, StoreUnavailableError
from gateway.redis_client import RedisOptions, close_redis, make_redis, parse_redis_url
from gateway.session.seal import Secret, Secrets
from gateway.signing.evidence import Evidence, KeptEvidence, evidence_of, name_of
from gateway.signing.profile import Validity
from gateway.signing.redis_store import EVIDENCE, RedisByteStore
from gateway.signing.signature import Progress, Result, SignOutcome
from tests.signing.test_asked import TEXT, signature
from tests.signing.test_service import House

ROOT = Path(__file__).parents[2]
NOW = 1_000.0
RESULT = Result("t-1", "c2ln", NOW, certificate="Q0VSVA==", validity=Validity.GOOD)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    client = make_redis(parse_redis_url(redis_url), RedisOptions())
    yield client
    await close_redis(client)


@pytest.fixture
def store(redis: Any) -> RedisByteStore:
    return RedisByteStore(redis, timeout=30.0, prefix=EVIDENCE)


def kept_in(store: RedisByteStore, secrets: Secrets | None = None) -> KeptEvidence:
    return KeptEvidence(store, secrets or Secrets.single(b"s" * 32), os.urandom)


def evidence(**changes: Any) -> Evidence:
    return evidence_of(signature(**({"pseudonym": "p1"} | changes)), RESULT, NOW + 86_400.0)


async def test_evidence_is_sealed_and_opens_by_our_secret(store: RedisByteStore, redis: Any) -> None:
    """Redis sees neither document nor certificate nor the signature's id, and the period is its own to end."""
    own = kept_in(store)

    assert await own.keep(evidence(), NOW)

    found = await own.find(name_of("i" * 43), NOW)
    assert found == evidence()
    assert (found.document, found.certificate, found.validity) == (TEXT, "Q0VSVA==", Validity.GOOD)
    (key,) = [each async for each in redis.scan_iter(match=f"{EVIDENCE}*")]
    raw = await redis.get(key)
    for hidden in (TEXT, b"Q0VSVA==", b"c2ln", b"i" * 43):
        assert hidden not in raw + key
    assert 86_390_000 < await redis.pttl(key) <= 86_400_000
    assert await kept_in(store, Secrets.single(b"t" * 32)).find(name_of("i" * 43), NOW) is None
    assert await own.find(name_of("i" * 43), NOW + 86_400.0) is None


async def test_an_older_secret_still_opens_and_another_name_does_not(store: RedisByteStore, redis: Any) -> None:
    """A rotation loses nothing while the old secret is in the file; a record that was moved is none."""
    old = Secrets.single(b"s" * 32)
    await kept_in(store, old).keep(evidence(), NOW)
    newer = Secrets((Secret("newer123", b"n" * 32), *old.all))

    assert await kept_in(store, newer).find(name_of("i" * 43), NOW) == evidence()
    await redis.rename(f"{EVIDENCE}{{{name_of('i' * 43)}}}", f"{EVIDENCE}{{{name_of('j' * 43)}}}")
    assert await kept_in(store, newer).find(name_of("j" * 43), NOW) is None


async def test_a_persons_evidence_is_found_and_erased(store: RedisByteStore) -> None:
    """All of hers and nobody else's; the second fetch of one result replaces the first."""
    own = kept_in(store)
    for id_, pseudonym in (("a", "p1"), ("b", "p1"), ("c", "p2"), ("a", "p1")):
        assert await own.keep(evidence(id=id_ * 43, pseudonym=pseudonym), NOW)

    async def hers() -> set[str]:
        return {each.id[0] async for each in own.of_person(frozenset({"p1"}), NOW)}

    assert await hers() == {"a", "b"}
    assert await own.erase("a" * 43)
    assert not await own.erase("a" * 43)
    assert await hers() == {"b"}


async def test_the_user_of_the_sessions_page_may_do_all_of_it(redis: Any, redis_url: str) -> None:
    """The rights that the page gives the store of limits are enough for evidence, and name no other key."""
    page = (ROOT / "docs" / "sessions.md").read_text("utf-8")
    (line,) = [each for each in page.splitlines() if each.startswith("user limits ")]
    _, _, *rules = line.replace(">…", ">wacht").split()
    await redis.execute_command("ACL", "SETUSER", "evidence", *rules)
    limited = AsyncRedis.from_url(redis_url.replace("redis://", "redis://evidence:wacht@"))
    own = kept_in(RedisByteStore(limited, timeout=30.0, prefix=EVIDENCE))
    try:
        assert await own.keep(evidence(), NOW)
        assert await own.keep(evidence(), NOW)
        assert [each async for each in own.of_person(frozenset({"p1"}), NOW)] == [evidence()]
        assert await own.erase("i" * 43)
    finally:
        await limited.aclose()
        await redis.execute_command("ACL", "DELUSER", "evidence")


class AwayStore(RedisByteStore):
    """A store that is away once."""

    away = True

    async def get(self, name: str, now: float) -> bytes | None:
        if self.away:
            raise StoreUnavailableError(StoreFault.PROTOCOL)
        return await super().get(name, now)


async def test_a_signature_is_not_handed_over_before_its_evidence_is_kept(redis: Any) -> None:
    """With the store away the result waits, and is fetched again without a second signature."""
    store = AwayStore(redis, timeout=30.0, prefix=EVIDENCE)
    kept = kept_in(store)
    house = House(evidence=kept, evidence_for=86_400.0)
    sent = await house.begin()

    away = await house.back(sent)
    waiting = await house.progress()
    store.away = False
    collected = await house.collect()

    assert (away.outcome, waiting) == (SignOutcome.STORE_DOWN, Progress.COLLECTING)
    assert (collected.outcome, await house.progress()) == (SignOutcome.SIGNED, Progress.SIGNED)
    found = await kept.find(name_of("i" * 43), house.now)
    assert found is not None
    assert (found.signature, found.ends_at) == ("c2ln", house.now + 86_400.0)
    assert collected.signature is not None
    await house.service.remove(collected.signature)
    assert await kept.find(name_of("i" * 43), house.now) == found, "the hand-over leaves the evidence"


class BusyStore(RedisByteStore):
    """A store during whose first answer something else happens."""

    meanwhile: Callable[[], Awaitable[object]] | None = None

    async def get(self, name: str, now: float) -> bytes | None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return await super().get(name, now)


@pytest.mark.parametrize("other", ["signs", "confirms"])
async def test_evidence_is_of_the_result_that_is_handed_over(redis: Any, other: str) -> None:
    """Another tab comes while evidence is kept, or the record is gone: one result is handed over, with its evidence."""
    store = BusyStore(redis, timeout=30.0, prefix=EVIDENCE)
    kept = kept_in(store)
    house = House(evidence=kept, evidence_for=86_400.0)
    first = await house.begin()
    of_first = house.provider.nonce
    second = await house.start()

    async def meanwhile() -> None:
        house.provider.nonce = of_first
        ended = await house.back(first)
        if other == "confirms":
            assert ended.signature is not None
            await house.service.remove(ended.signature)
            await kept.erase("i" * 43)

    store.meanwhile = meanwhile
    await house.back(second)

    found = await kept.find(name_of("i" * 43), house.now)
    if other == "confirms":
        assert found is None
        return
    signed = await house.service.find("i" * 43)
    assert signed is not None
    assert signed.result is not None
    assert found is not None
    assert found.transaction == signed.result.transaction == "t-2"


async def test_a_gateway_that_lacks_the_store_of_evidence_hands_nothing_over() -> None:
    """The settings name evidence and this process has no store of it: a result without evidence is no result."""
    house = House(evidence_for=86_400.0)

    ended = await house.back(await house.begin())

    assert (ended.outcome, await house.progress()) == (SignOutcome.STORE_DOWN, Progress.COLLECTING)


def test_evidence_of_a_hash_has_no_document() -> None:
    """The application has the document, and gave the hash alone."""
    made = evidence_of(signature(document=b""), RESULT, NOW)

    assert (made.document, made.hash) == (b"", "aGFzaA==")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=Evidence) == made
