"""Which changed settings wait, and for what."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.settings.changes import waiting
from gateway.settings.settings import (
    LimitSettings,
    ProviderSettings,
    SecretSource,
    SessionSettings,
    Settings,
    TlsSettings,
)
from gateway.settings.typed import TakenUp, hints, is_optional, taken_up

SETTINGS = Settings(
    listen="127.0.0.1:8080",
    provider=ProviderSettings(),
    sessions=SessionSettings(),
    apps=(),
    tls=TlsSettings(Path("a.pem")),
    operators=SecretSource(Path("operators")),
)


def changed(section: object, name: str) -> object:
    """Return a section with one field that is another than it was."""
    return dataclasses.replace(section, **{name: object()})  # type: ignore[type-var]  # a dataclass


def leaves(section: object, at: str = "") -> Iterator[tuple[str, Settings]]:
    """Yield each plain field of `SETTINGS` by its path, with settings in which it alone has changed."""
    for each in dataclasses.fields(section):  # type: ignore[arg-type]
        path = f"{at}.{each.name}" if at else each.name
        inner = getattr(section, each.name)
        if dataclasses.is_dataclass(inner):
            yield from leaves(inner, path)
        else:
            yield path, with_change(SETTINGS, path.split("."))


def with_change(section: object, path: list[str]) -> Settings:
    """Return the section with the field at `path` changed."""
    if len(path) == 1:
        return changed(section, path[0])  # type: ignore[return-value]
    inner = with_change(getattr(section, path[0]), path[1:])
    return dataclasses.replace(section, **{path[0]: inner})  # type: ignore[type-var,return-value]


def words_on(path: str) -> list[TakenUp]:
    """Return the words on the field at a path and on the sections around it, but for optional ones."""
    section: object = SETTINGS
    found = []
    *_, last = names = path.split(".")
    for name in names:
        kind = hints(type(section))[name]
        section = getattr(section, name)
        if name == last or not is_optional(kind):
            found.append(taken_up(kind))
    return found


def word_of(path: str) -> TakenUp:
    """Return what a changed field waits for: the hardest of the words on it."""
    return max(words_on(path), key=list(TakenUp).index)


@pytest.mark.parametrize(("path", "now"), [pytest.param(path, now, id=path) for path, now in leaves(SETTINGS)])
def test_a_changed_field_waits_for_what_its_word_says(path: str, now: Settings) -> None:
    """The warning is made from the word on the field, and names the whole key."""
    word = word_of(path)

    assert waiting(SETTINGS, now) == ({} if word is TakenUp.RELOAD else {word: [path]})


def test_nothing_waits_where_nothing_changed() -> None:
    """A reload of the same file warns of nothing."""
    assert waiting(SETTINGS, SETTINGS) == {}


def test_a_section_that_appears_waits_as_its_own_field_says() -> None:
    """TLS comes and goes with the sockets."""
    assert waiting(dataclasses.replace(SETTINGS, tls=None), SETTINGS) == {TakenUp.RESTART: ["tls"]}


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("listen", TakenUp.RESTART),
        ("management", TakenUp.RESTART),
        ("workers", TakenUp.RESTART),
        ("access_log", TakenUp.REPLACEMENT),
        ("sessions.store", TakenUp.REPLACEMENT),
        ("sessions.secret.file", TakenUp.REPLACEMENT),
        ("operators.file", TakenUp.RELOAD),
        ("sessions.absolute", TakenUp.RELOAD),
        ("limits.store", TakenUp.REPLACEMENT),
        ("drain_timeout", TakenUp.RELOAD),
        ("lame_duck", TakenUp.RELOAD),
        ("trusted_proxies", TakenUp.RELOAD),
        ("tls.certificate", TakenUp.RELOAD),
    ],
)
def test_the_words_are_true(path: str, word: TakenUp) -> None:
    """Each is what `Worker` and `Generation` do with the setting: a changed word wants a changed gateway."""
    assert word_of(path) is word


def test_a_store_of_limits_waits_for_new_workers() -> None:
    """Its connection is made when a worker starts."""
    now = dataclasses.replace(SETTINGS, limits=LimitSettings("redis://127.0.0.1:6379"))

    assert waiting(SETTINGS, now) == {TakenUp.REPLACEMENT: ["limits.store"]}
