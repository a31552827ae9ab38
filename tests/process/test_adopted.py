"""The digests by which nodes that have something else are noticed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.login.jwcrypto_keys import new_key
from gateway.process.adopted import adopted_digests
from gateway.process.configuration import Configuration, read_configuration
from gateway.yaml.mistakes import Mistakes

SETTINGS = """\
listen: 127.0.0.1:9
provider:
  environment: emulator
  issuer: http://localhost:1/api/realms/main
  client_id: RP00000001
  keys: {file: keys.jwks}
sessions:
  store: redis://127.0.0.1:1
  secret: {file: secret}
apps:
  - name: app
    url: http://app.localhost:1
    upstream: http://127.0.0.1:1
    policy: policy.yaml
"""
POLICY = """\
policy: p
conditions:
  registered: {subject: {in: registered.yaml}, if_not: {ja: 登録した方}}
purpose: {ja: 予約のため}
rules:
  - {name: all, require: [registered]}
"""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key that all nodes have."""
    file = tmp_path_factory.mktemp("keys") / "keys.jwks"
    new_key(file, "ES256")
    return file


@pytest.fixture
def node(tmp_path: Path, keys: Path) -> Callable[[str], Path]:
    """Lay out the folder of a node of the fleet."""

    def lay(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "gateway.yaml").write_text(SETTINGS)
        (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
        (folder / "registered.yaml").write_text("[]\n")
        (folder / "secret").write_text("a secret for tests, longer than 32 bytes")
        (folder / "keys.jwks").write_bytes(keys.read_bytes())
        return folder

    return lay


def read(folder: Path) -> Configuration:
    mistakes = Mistakes()
    configuration = read_configuration(folder / "gateway.yaml", mistakes, {})
    assert configuration is not None, mistakes.say()
    return configuration


def test_each_thing_that_differs_is_named(node: Callable[[str], Path]) -> None:
    """The names of the folders do not matter, and nothing else is named."""
    one, other = node("one"), node("other")
    alike = adopted_digests(read(one))
    assert alike == adopted_digests(read(other))
    assert list(alike) == ["settings", "policies", "lists", "keys", "messages"]

    def differs(file: str, text: str) -> list[str]:
        before = (other / file).read_text(encoding="utf-8")
        (other / file).write_text(text, encoding="utf-8")
        found = adopted_digests(read(other))
        (other / file).write_text(before, encoding="utf-8")
        return [name for name, digest in found.items() if digest != alike[name]]

    assert differs("gateway.yaml", SETTINGS + "workers: 1\n") == ["settings"]
    own = "# This node\nlisten: 127.0.0.2:9\nmanagement: 127.0.0.2:10\nmanagement_hosts:\n  - two.internal\nnode: two\n"
    assert differs("gateway.yaml", SETTINGS.replace("listen: 127.0.0.1:9\n", own)) == []
    assert differs("gateway.yaml", own.replace("node: two", "workers: 1") + SETTINGS.partition("\n")[2]) == ["settings"]
    assert differs("policy.yaml", POLICY + "# another\n") == ["policies"]
    assert differs("registered.yaml", "[] # another\n") == ["lists"]
    assert differs("secret", "another secret for tests, longer than 32 bytes") == ["keys"]
    new_key(other / "keys.jwks", "ES256")
    assert adopted_digests(read(other))["keys"] != alike["keys"]
