"""The example settings we hand out, read as `sekisho run` reads them, and held to the files beside them."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from pathlib import Path

from jwcrypto import jwk

from gateway.process.configuration import read_configuration
from gateway.settings.check import read_settings
from gateway.settings.settings import Settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Mistakes

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "deploy" / "gateway.yaml"


def example() -> Settings:
    settings = read_settings(EXAMPLE, Reading(EXAMPLE.parent, Mistakes()))
    assert settings is not None
    return settings


def test_the_example_is_read_without_a_mistake(tmp_path: Path) -> None:
    """With keys, a secret and the policies in place, an operator can start from it."""
    shutil.copy(EXAMPLE, tmp_path)
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    key = jwk.JWK.generate(kty="EC", crv="P-256", alg="ES256", use="sig", kid="one")
    (tmp_path / "client-keys.jwks").write_text(json.dumps({"keys": [key.export_private(as_dict=True)]}))
    (tmp_path / "client-keys.jwks").chmod(0o600)
    (tmp_path / "secret").write_text(secrets.token_urlsafe(48) + "\n")
    (tmp_path / "secret").chmod(0o600)
    mistakes = Mistakes()

    configuration = read_configuration(tmp_path / EXAMPLE.name, mistakes, {})

    assert [str(mistake) for mistake in mistakes] == []
    assert configuration is not None


def test_the_files_beside_it_speak_of_the_same_addresses() -> None:
    """The nginx configuration, the socket unit and Prometheus look where the example listens."""
    settings = example()
    nginx = (ROOT / "deploy/nginx/sekisho.conf").read_text()
    socket = (ROOT / "deploy/systemd/sekisho.socket").read_text()
    scrape = (ROOT / "deploy/prometheus/prometheus.yml").read_text()

    assert f"server {settings.listen} " in nginx
    assert f"ListenStream={settings.listen}\n" in socket
    assert "FileDescriptorName=listen\n" in socket
    assert f"[{settings.management}]" in scrape
    assert settings.trusted_proxies == ("127.0.0.1",)
    assert {app.url.removeprefix("https://") for app in settings.apps} <= set(re.findall(r"server_name (\S+);", nginx))


def test_nginx_waits_longer_than_the_gateway() -> None:
    """The gateway's clocks answer with a page; nginx's would answer with none."""
    settings = example()
    nginx = (ROOT / "deploy/nginx/sekisho.conf").read_text()
    common, pages, streams = (_waits(part) for part in re.split(r"location [/@]", nginx))

    for name in ("proxy_read_timeout", "proxy_send_timeout"):
        assert pages[name] > max(settings.traffic.answer, settings.traffic.stream_idle)
        assert streams[name] > settings.traffic.tunnel_idle
    # The side that sends the requests closes first: else one is sent into a connection that is going away.
    assert common["keepalive_timeout"] < settings.traffic.idle


def _waits(part: str) -> dict[str, int]:
    found = re.findall(r"(proxy_\w+_timeout|keepalive_timeout) (\d+)s;", part)
    return {name: int(seconds) for name, seconds in found}
