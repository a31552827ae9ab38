"""The dates of certificates and keys."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from gateway.listen.system_tls import certificate_dates
from gateway.process.dates import expiries, invalid, keys_changed
from gateway.settings.settings import SecretSource, Settings
from tests.upstream.certificates import certify

DAY = timedelta(days=1)


def test_each_certificate_of_ours_has_its_end(tmp_path: Path) -> None:
    """One that has gone meanwhile is left out; the one in use is another matter."""
    file, _ = certify(tmp_path, "gw.test")

    def app(name: str, certificate: Path | None) -> Any:
        return SimpleNamespace(name=name, upstream_options=SimpleNamespace(certificate=certificate))

    apps = (app("booking", file), app("plain", None), app("gone", tmp_path / "gone.pem"))
    settings = cast("Settings", SimpleNamespace(tls=SimpleNamespace(certificate=file), apps=apps))

    found = expiries(settings)

    dates = certificate_dates(file)
    assert dates is not None
    assert found == {("listener", ""): dates[1], ("app", "booking"): dates[1]}


def test_certificates_that_nobody_accepts_now_are_named(tmp_path: Path) -> None:
    """Those of the listener and of Apps alike, over or not begun; one that is good or gone is not."""
    folders = [tmp_path / name for name in ("over", "early", "good")]
    for folder in folders:
        folder.mkdir()
    over, early, good = (
        certify(folder, "gw.test", begins * DAY, ends * DAY)[0]
        for folder, begins, ends in zip(folders, (-60, 1, -1), (-1, 60, 60), strict=True)
    )
    named = {"booking": early, "fine": good, "gone": tmp_path / "gone.pem"}
    apps = [
        SimpleNamespace(name=name, upstream_options=SimpleNamespace(certificate=file)) for name, file in named.items()
    ]
    settings = cast("Settings", SimpleNamespace(tls=SimpleNamespace(certificate=over), apps=apps))

    found = invalid(settings, time.time())

    assert found == {("listener", ""): (over, "expired"), ("app", "booking"): (early, "not_yet_valid")}


def test_each_file_of_keys_has_its_age(tmp_path: Path) -> None:
    """A key in a variable has none."""
    secret, client = tmp_path / "secret", tmp_path / "keys.jwks"
    for number, file in enumerate((secret, client)):
        file.write_text("x")
        os.utime(file, (100.0 + number, 100.0 + number))
    settings: Any = SimpleNamespace(
        sessions=SimpleNamespace(secret=SecretSource(file=secret)),
        assertion=SimpleNamespace(keys=SecretSource(env="KEYS")),
        provider=SimpleNamespace(client_id="RP1", keys=SecretSource(file=client)),
        apps=(SimpleNamespace(client=SimpleNamespace(client_id="RP2", keys=SecretSource(file=tmp_path / "gone"))),),
    )

    assert keys_changed(settings) == {("session", ""): 100.0, ("client", "RP1"): 101.0}
