"""The dates of what the settings name: when certificates end, and when files of keys were last changed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.instant import Instant
from gateway.listen.system_tls import certificate_dates, dates_fault
from gateway.observe.instruments import Key
from gateway.settings.settings import SecretSource, Settings

LISTENER: Final[Key] = ("listener", "")
"""The listener's certificate, which a reload may refuse."""


def expiries(settings: Settings) -> dict[Key, float]:
    """Return when each certificate of ours ends, by its use and the App's name; one that cannot be read is left out."""
    found: dict[Key, float] = {}
    for key, file in _certificates(settings).items():
        try:
            dates = certificate_dates(file)
        except OSError:
            continue
        if dates is not None:
            found[key] = dates[1]
    return found


def invalid(settings: Settings, now: Instant) -> dict[Key, tuple[Path, str]]:
    """Return the certificates of ours that nobody accepts now, with the reason: `expired` or `not_yet_valid`."""
    found: dict[Key, tuple[Path, str]] = {}
    for key, file in _certificates(settings).items():
        # A file that cannot be read is told of where it is used.
        with suppress(OSError):
            if fault := dates_fault(file, now):
                found[key] = (file, fault)
    return found


def _certificates(settings: Settings) -> dict[Key, Path]:
    named: dict[Key, Path] = {}
    if settings.tls is not None:
        named[LISTENER] = settings.tls.certificate
    for app in settings.apps:
        if app.upstream_options.certificate is not None:
            named["app", app.name] = app.upstream_options.certificate
    return named


def keys_changed(settings: Settings) -> dict[Key, float]:
    """Return when each file of keys was last changed, by its use and the client's id; a variable has no date."""
    named: dict[Key, SecretSource] = {("session", ""): settings.sessions.secret}
    if settings.assertion.keys is not None:
        named["assertion", ""] = settings.assertion.keys
    for client in (settings.provider, *(app.client for app in settings.apps if app.client is not None)):
        named["client", client.client_id] = client.keys
    found: dict[Key, float] = {}
    for key, source in named.items():
        try:
            if source.file is not None:
                found[key] = source.file.stat().st_mtime
        except OSError:
            continue
    return found
