"""`sekisho check` and `sekisho doctor`, as an operator types them."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.login.jwcrypto_keys import new_key
from gateway.policy.subject_code import subject_code
from tests.redis_server import RedisServer, redis_server
from tests.upstream.certificates import certify

DAY = timedelta(days=1)


@pytest.fixture(name="settings")
def settings_fixture(tmp_path: Path) -> Path:
    """Settings with nothing behind them, and no certificate yet."""
    (tmp_path / "secret").write_text(secrets.token_hex(32))
    (tmp_path / "policy.yaml").write_text("policy: p\nrules: [{name: all, allow: everyone}]\n")
    new_key(tmp_path / "keys.jwks", "ES256")
    file = tmp_path / "gateway.yaml"
    file.write_text(
        """\
listen: 127.0.0.1:8080
provider: {environment: emulator, issuer: 'http://localhost:1/x', client_id: R, keys: {file: keys.jwks}}
sessions: {secret: {file: secret}, store: memory}
apps: [{name: a, url: 'http://localhost:8080', upstream: UPSTREAM, policy: policy.yaml}]
""",
        encoding="utf-8",
    )
    return file


LISTENER = ("'http://127.0.0.1:1'", "tls: {certificate: app.pem, key: app.key}\n")
TO_UPSTREAM = (
    "'https://127.0.0.1:1', upstream_options: {ca: app.pem, certificate: app.pem, key: app.key}",
    "",
)


@pytest.mark.parametrize("place", [LISTENER, TO_UPSTREAM], ids=["listener", "upstream"])
@pytest.mark.parametrize(
    ("begins", "ends", "code", "said", "level"),
    [
        (-60 * DAY, 60 * DAY, 0, "", "pass"),
        (-60 * DAY, 3 * DAY, 0, "remark: ", "warn"),
        (-60 * DAY, -DAY, 2, "the certificate expired on", "fail"),
        (DAY, 60 * DAY, 2, "the certificate is not valid before", "fail"),
    ],
    ids=["valid", "soon", "expired", "early"],
)
def test_a_certificate_that_browsers_or_applications_refuse_is_said(
    settings: Path, place: tuple[str, str], begins: timedelta, ends: timedelta, code: int, said: str, level: str
) -> None:
    """`check` names the file, the line and the remedy; `doctor` has a finding with the same words."""
    certify(settings.parent, "app", begins, ends)
    written = settings.read_text(encoding="utf-8").replace("UPSTREAM", place[0]) + place[1]
    settings.write_text(written, encoding="utf-8")

    checked = CliRunner().invoke(app, ["check", "-c", str(settings)])
    examined = CliRunner().invoke(app, ["doctor", "-c", str(settings)])

    assert checked.exit_code == code, checked.output
    assert said in checked.output
    assert (": good; " in checked.output) is (code == 0)
    assert ("send SIGHUP" in checked.output) is (level != "pass")
    assert f"{level}\tcertificate\t{settings.parent / 'app.pem'}\t" in examined.output


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("store: memory", "store: 'rediss://127.0.0.1:1', ca: ca.pem"),
        ("keys: {file: keys.jwks}", "keys: {file: keys.jwks}, ca: ca.pem"),
        ("upstream: UPSTREAM", "upstream: 'https://127.0.0.1:1', upstream_options: {ca: ca.pem}"),
        ("apps:", "limits: {store: 'rediss://127.0.0.1:1', ca: ca.pem}\napps:"),
    ],
    ids=["sessions", "provider", "upstream", "limits"],
)
@pytest.mark.parametrize("renewed", [False, True])
def test_an_authority_that_is_over_is_said(settings: Path, before: str, after: str, *, renewed: bool) -> None:
    """Each connection under it would fail. One that is valid beside it is enough."""
    old, _ = certify(settings.parent, "ca", -60 * DAY, -DAY)
    if renewed:
        new, _ = certify(settings.parent, "new", -DAY, 60 * DAY)
        old.write_bytes(old.read_bytes() + new.read_bytes())
    written = settings.read_text(encoding="utf-8").replace(before, after, 1).replace("UPSTREAM", "'http://127.0.0.1:1'")
    settings.write_text(written, encoding="utf-8")

    checked = CliRunner().invoke(app, ["check", "-c", str(settings)])

    assert (checked.exit_code, "the certificate expired on" in checked.output) == ((0, False) if renewed else (2, True))


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_the_findings_are_json_for_other_tools(settings: Path, quiet: tuple[str, ...]) -> None:
    """One document with the same findings as the lines, in the same order, and the same exit code."""
    written = settings.read_text(encoding="utf-8").replace("UPSTREAM", "'http://127.0.0.1:1'")
    settings.write_text(written, encoding="utf-8")

    lines = CliRunner().invoke(app, ["doctor", *quiet, "-c", str(settings)])
    result = CliRunner().invoke(app, ["doctor", "--json", *quiet, "-c", str(settings)])
    document = json.loads(result.stdout)

    assert result.exit_code == lines.exit_code == 2
    assert document["failed"] is True
    assert [[found[key] for key in ("level", "check", "subject", "said")] for found in document["findings"]] == [
        line.split("\t") for line in lines.stdout.splitlines() if not line.startswith("\t")
    ]
    assert any(found["level"] == "pass" for found in document["findings"]) is not bool(quiet)
    assert all(bool(found["remedy"]) for found in document["findings"] if found["level"] == "fail")


def with_limits(settings: Path, redis: RedisServer, more: str = "") -> None:
    """Have the settings name a store of limits."""
    written = settings.read_text(encoding="utf-8").replace("UPSTREAM", "'http://127.0.0.1:1'")
    settings.write_text(f"{written}limits: {{store: '{redis.url}'{more}}}\n", encoding="utf-8")


def test_a_store_of_limits_with_a_password_is_looked_at_and_used(settings: Path) -> None:
    """Without its password `doctor` fails; with it, `doctor` and the commands of the counter work."""
    (settings.parent / "password").write_text("of-the-limits\n")
    (settings.parent / "password").chmod(0o600)
    with redis_server("--appendonly", "yes", "--requirepass", "of-the-limits", password="of-the-limits") as redis:
        with_limits(settings, redis)
        without = CliRunner().invoke(app, ["doctor", "-c", str(settings)])
        with_limits(settings, redis, ", password: {file: password}")
        settings.write_text(settings.read_text(encoding="utf-8").replace(f"limits: {{store: '{redis.url}'}}\n", ""))
        with_it = CliRunner().invoke(app, ["doctor", "-c", str(settings)])
        code = subject_code("R", "somebody")
        shown = CliRunner().invoke(app, ["limits", "show", code, "-c", str(settings)])

    assert f"fail\tlimit_store\t{redis.url}\tcannot be used: refused" in without.output
    assert f"pass\tlimit_store\t{redis.url}\t" in with_it.output
    assert f"pass\tfile_mode\t{settings.parent / 'password'}" in with_it.output
    assert (shown.exit_code, shown.output) == (0, "")


def test_a_store_of_limits_that_may_forget_is_said(settings: Path) -> None:
    """A Redis that writes nothing to disk counts nothing that can be relied on."""
    with redis_server("--appendonly", "no", "--save", "") as redis:
        with_limits(settings, redis)
        examined = CliRunner().invoke(app, ["doctor", "-c", str(settings)])

    assert examined.exit_code == 2
    assert f"fail\tlimit_store\t{redis.url}\tthe store of limits may forget" in examined.output
    assert "set `appendonly yes`" in examined.output


def test_every_file_with_a_secret_is_looked_at(settings: Path) -> None:
    """Each source of a secret and each private key that any setting names, those of settings to come among them."""
    folder = settings.parent
    certify(folder, "app", -60 * DAY, 60 * DAY)
    for name in ("redis", "sentinel", "limits", "limits-sentinel"):
        (folder / name).write_text("password\n")
    settings.write_text(
        settings.read_text(encoding="utf-8")
        .replace("UPSTREAM", TO_UPSTREAM[0])
        .replace(
            "store: memory",
            "store: 'redis+sentinel://u@127.0.0.1:1/x', password: {file: redis}, sentinel_password: {file: sentinel}",
        )
        + "limits: {store: 'redis+sentinel://u@127.0.0.1:1/x', password: {file: limits}, "
        "sentinel_password: {file: limits-sentinel}}\n",
        encoding="utf-8",
    )

    examined = CliRunner().invoke(app, ["doctor", "--json", "-c", str(settings)])

    looked_at = {each["subject"] for each in json.loads(examined.output)["findings"] if each["check"] == "file_mode"}
    names = {"secret", "keys.jwks", "app.key", "redis", "sentinel", "limits", "limits-sentinel"}
    assert looked_at == {str(folder / name) for name in names}
