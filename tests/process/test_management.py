"""The stores of the management listener are those of the workers, or there is no answer."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import StoresDifferError
from gateway.identity import Identity, Scope
from gateway.process.configuration import Configuration, read_configuration
from gateway.process.management import ManagedStores, StoreMark, covers, facts_of, read_expiries, store_mark
from gateway.session.seal import Secrets
from gateway.session.session import Session, SubjectSessions
from gateway.session.ticket import new_ticket
from gateway.yaml.mistakes import Mistakes
from tests.flows.gateway_process import GatewayProcess

OLD, NEW = Secrets.parse("0123456789abcdef" * 4), Secrets.parse("fedcba9876543210" * 4)


@pytest.fixture
def configuration(tmp_path: Path, redis_url: str) -> Configuration:
    """Settings with sessions in Redis."""
    files = GatewayProcess(tmp_path, 1, redis_url, workers=2)
    files.stop()
    mistakes = Mistakes()
    found = read_configuration(files.settings, mistakes)
    assert found is not None, mistakes.say()
    return replace(found, secrets=OLD)


@pytest.mark.parametrize(
    ("ours", "theirs", "good"),
    [
        (StoreMark("s", ("a",), "l"), StoreMark("s", ("a",), "l"), True),
        (StoreMark("s", ("b", "a"), "l"), StoreMark("s", ("a",), "l"), True),
        (StoreMark("s", ("a",), "l"), StoreMark("s", ("b", "a"), "l"), False),
        (StoreMark("s", ("a",), "l"), StoreMark("t", ("a",), "l"), False),
        (StoreMark("s", ("a",), "l"), StoreMark("s", ("a",), "m"), False),
        (StoreMark("s", (), "l"), StoreMark("s", (), "l"), True),
    ],
)
def test_a_store_covers_what_it_finds(ours: StoreMark, theirs: StoreMark, good: bool) -> None:
    """The same places, and every secret by which a worker names people."""
    assert covers(ours, theirs) == good


def test_a_mark_tells_neither_address_nor_secret(configuration: Configuration) -> None:
    """It travels between processes, and may end up in a traceback."""
    mark = store_mark(configuration)

    assert configuration.settings.sessions.store not in repr(mark)
    assert "0123456789abcdef" not in repr(mark)
    assert mark != store_mark(replace(configuration, secrets=NEW))


async def signed_in(stores: ManagedStores) -> SubjectSessions:
    """Sign Hanako in by the store's own secret, and return all names she may have."""
    sessions = await stores.sessions()
    hanako = Identity("RP00000001", "hanako", time.time(), frozenset({Scope.OPENID}))
    pseudonyms = sessions.secrets.pseudonyms("RP00000001", "hanako")
    session = Session(hanako, time.time(), time.time() + 3_600, pseudonyms[0])
    assert await sessions.store.create(new_ticket(bytes(32)), session)
    return SubjectSessions(pseudonyms)


async def test_a_rotated_secret_is_taken_up_with_the_workers(configuration: Configuration) -> None:
    """After a replacement with a new secret, a person who signed in since is found by it, and one from before too."""
    both = replace(configuration, secrets=Secrets((*NEW.all, *OLD.all)))
    marks = [store_mark(configuration)]
    stores = ManagedStores(configuration, lambda: marks, lambda: both)
    try:
        await signed_in(stores)
        marks[:] = [store_mark(configuration), store_mark(both)]
        names = (await stores.sessions()).secrets.pseudonyms("RP00000001", "hanako")
        ended = await (await stores.sessions()).store.revoke(SubjectSessions(names))
    finally:
        await stores.close()

    assert len(names) == 2
    assert ended == 1


async def test_stores_that_nobody_can_open_together_are_no_answer(configuration: Configuration) -> None:
    """While one worker is on another secret than the files, in either direction; afterwards there is an answer."""
    fresh = replace(configuration, secrets=NEW)
    marks = [store_mark(configuration), store_mark(fresh)]
    stores = ManagedStores(configuration, lambda: marks, lambda: fresh)
    try:
        with pytest.raises(StoresDifferError):
            await stores.sessions()
        with pytest.raises(StoresDifferError):
            await stores.limits()
        del marks[0]
        found = await stores.sessions()
    finally:
        await stores.close()

    assert found.secrets == NEW


async def test_files_with_a_mistake_are_no_answer_either(configuration: Configuration) -> None:
    """The workers have stores that nobody can read off the files any more."""
    stores = ManagedStores(configuration, lambda: [StoreMark("other", (), "")], lambda: None)

    with pytest.raises(StoresDifferError):
        await stores.sessions()

    await stores.close()


def test_the_settings_say_what_the_node_is(configuration: Configuration) -> None:
    """Names of Apps and clients, and no secret."""
    facts = facts_of(configuration, 1.0, 2)

    assert [(app.name, app.policy, app.closing_switch) for app in facts.apps] == [("app", "open", "maintenance-app")]
    assert facts.clients == ("RP00000001",)
    assert read_expiries(configuration) == []


def test_a_certificate_that_cannot_be_read_is_said_to_be(configuration: Configuration, tmp_path: Path) -> None:
    """Rather than to be fine."""
    (app,) = configuration.settings.apps
    torn = tmp_path / "torn.pem"
    torn.write_text("no certificate")
    names = (torn, tmp_path / "gone.pem")
    apps = tuple(replace(app, upstream_options=replace(app.upstream_options, certificate=name)) for name in names)

    found = read_expiries(replace(configuration, settings=replace(configuration.settings, apps=apps)))

    assert [(each.file, each.ends_at) for each in found] == [(str(name), None) for name in names]
