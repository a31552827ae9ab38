"""What the settings name is read and held together, with every mistake at once."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from gateway.configuration import read_configuration
from gateway.login.jwcrypto_keys import new_key
from gateway.yaml_files import Mistakes

PASSWORD = "correct-horse-battery-staple"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that settings name."""
    (tmp_path / "secret").write_text(secrets.token_hex(32))
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    (tmp_path / "policy.yaml").write_text("policy: p\nrules: [{name: all, allow: everyone}]\n")
    new_key(tmp_path / "keys.jwks", "ES256")
    return tmp_path


def write(folder: Path, sessions: str) -> Path:
    """Write settings with this section on sessions."""
    path = folder / "gateway.yaml"
    path.write_text(
        f"""\
listen: 127.0.0.1:8080
provider: {{environment: emulator, issuer: 'http://localhost:1/x', client_id: RP00000001, keys: {{file: keys.jwks}}}}
sessions: {{secret: {{file: secret}}, {sessions}}}
apps: [{{name: a, url: 'http://localhost:8080', upstream: 'http://127.0.0.1:1', policy: policy.yaml}}]
""",
        encoding="utf-8",
    )
    return path


def test_the_password_of_redis_comes_from_its_file(folder: Path) -> None:
    """An ACL user stands in the URL, the password in a file or the environment; neither shows in what is printed."""
    path = write(folder, "store: 'redis://gateway@redis/0', password: {file: password}, timeout: 2s")
    mistakes = Mistakes()

    configuration = read_configuration(path, mistakes, {})

    assert [str(mistake) for mistake in mistakes] == []
    assert configuration is not None
    assert (configuration.redis.password, configuration.redis.timeout) == (PASSWORD, 2.0)
    assert PASSWORD not in repr(configuration)


def test_a_user_without_a_password_is_refused(folder: Path) -> None:
    """Nobody believes to have a user of its own in Redis who has not."""
    path = write(folder, "store: 'redis://gateway@redis/0'")
    mistakes = Mistakes()

    assert read_configuration(path, mistakes, {}) is None
    assert "no `password` is given" in " ".join(str(mistake) for mistake in mistakes)
