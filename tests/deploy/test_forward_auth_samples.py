"""The configurations of outer proxies in `deploy/forward-auth`, as far as their text tells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.headers.encode import every_header
from gateway.settings.settings import HeaderSettings

SAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "forward-auth"
NAMES = [name.decode() for name in every_header((), HeaderSettings())]

LINES = {
    "nginx.conf": "proxy_set_header {name} ${variable};",
    "traefik/sekisho.yml": "- {name}",
    "Caddyfile": "{name}",
}
"""The line in which a sample passes on a header by its name."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sample", LINES)
def test_a_sample_passes_on_every_header(sample: str, name: str) -> None:
    """A fact that a sample forgets never reaches the application, and a client can write its header."""
    lines = [line.strip() for line in (SAMPLES / sample).read_text(encoding="utf-8").splitlines()]
    variable = re.sub("^x_verified", "sekisho", name.lower().replace("-", "_"))

    assert LINES[sample].format(name=name, variable=variable) in lines


@pytest.mark.parametrize("name", NAMES)
def test_nginx_takes_every_header_from_the_answer(name: str) -> None:
    """Its variable is set from the header of the same name: a crossed pair would tell one fact as another."""
    field = name.lower().replace("-", "_")
    variable = re.sub("^x_verified", "sekisho", field)

    text = (SAMPLES / "nginx.conf").read_text(encoding="utf-8")

    assert f"auth_request_set ${variable} $upstream_http_{field};" in text


@pytest.mark.parametrize(("sample", "begin"), [("envoy.yaml", "{prefix: x-verified-, ignore_case: true}")])
def test_a_sample_passes_on_whatever_begins_so(sample: str, begin: str) -> None:
    """It names no header by itself, so it forgets none."""
    assert begin in (SAMPLES / sample).read_text(encoding="utf-8")
    assert all(name.lower().startswith("x-verified-") for name in NAMES)
