"""The commands a stranger meets first."""

import json
import secrets
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway import __version__
from gateway.cli import app, main
from gateway.login.jwcrypto_keys import new_key

SETTINGS = """\
listen: 127.0.0.1:8080
provider:
  environment: emulator
  issuer: http://localhost:9000/api/realms/main
  client_id: RP00000001
  keys: {file: keys.jwks}
  contracted: [name, address, birthdate]
sessions: {store: memory, secret: {file: secret}}
apps:
  - name: booking
    url: http://localhost:8080
    upstream: http://127.0.0.1:9001
    policy: policy.yaml
"""
POLICY = """\
policy: booking
purpose: {ja: 予約のため}
conditions:
  adult: {age: {at_least: 18}}
rules:
  - name: reserve
    require: [adult]
    disclose: [subject, name]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with settings and all they name, without a mistake."""
    (tmp_path / "gateway.yaml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "secret").write_text(secrets.token_hex(32))
    new_key(tmp_path / "keys.jwks", "ES256")
    return tmp_path


def check(folder: Path) -> Result:
    """Run `sekisho check` on the folder's settings."""
    return CliRunner(env={"LC_ALL": "C.UTF-8"}).invoke(app, ["check", "-c", str(folder / "gateway.yaml")])


def change(file: Path, old: str, new: str) -> None:
    """Put `new` in the place of `old`, which is there."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_version() -> None:
    """The version, and nothing else."""
    result = CliRunner().invoke(app, ["--version"])

    assert (result.exit_code, result.stdout) == (0, f"sekisho {__version__}\n")


def test_settings_without_a_mistake_are_good(folder: Path) -> None:
    """Exit 0, in one line."""
    result = check(folder)

    assert result.exit_code == 0, result.output
    assert "good; 1 App, 1 policy" in result.stdout


def test_mistakes_of_every_kind_are_named_at_once(folder: Path) -> None:
    """In the settings, in a policy, in a key file, in a secret, and between them."""
    change(folder / "gateway.yaml", "listen: 127.0.0.1:8080", "listen: 127.0.0.1:http")
    change(folder / "gateway.yaml", "store: memory", "store: memry")
    change(folder / "gateway.yaml", "birthdate]", "gender]")
    change(folder / "policy.yaml", "at_least", "at_leest")
    (folder / "secret").write_text("short")
    (folder / "keys.jwks").write_text("{}")

    result = check(folder)

    assert result.exit_code == 2
    for said in (
        "gateway.yaml:1:9: `127.0.0.1:http` is no address to listen on",
        "gateway.yaml:6:",
        "gateway.yaml:8:19: `memry` is no session store",
        "gateway.yaml:8:",
        "policy.yaml:4:",
    ):
        assert said in result.output
    assert len(result.output.splitlines()) >= 5
    assert all(line.startswith(str(folder)) for line in result.output.splitlines())


def test_a_policy_that_asks_for_more_than_is_contracted_names_the_form(folder: Path) -> None:
    """The item of the agency's form, where the App names its policy."""
    change(folder / "gateway.yaml", "[name, address, birthdate]", "[name]")

    result = check(folder)

    assert result.exit_code == 2
    assert "asks for `birthdate`, which is not contracted" in result.output
    assert "券面事項入力補助APの生年月日" in result.output


def test_what_nobody_foresaw_is_exit_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The words say that the fault is ours."""
    monkeypatch.setattr(sys, "argv", ["sekisho", "check"])
    monkeypatch.setattr("gateway.process.configuration.read_configuration", lambda *_: 1 / 0)

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    assert "a bug of its own" in capsys.readouterr().err


def test_what_would_be_regretted_is_a_remark(folder: Path) -> None:
    """Exit 0: an application's own session that outlives a sign-out is told of with its place."""
    result = check(folder)

    assert result.exit_code == 0
    assert "gateway.yaml:10:5: `booking` names no `application_cookies`" in result.stdout


def test_a_secret_that_others_read_is_a_remark(folder: Path) -> None:
    """The operator meets it at `check`, and not only at `doctor`."""
    (folder / "secret").chmod(0o644)
    (folder / "keys.jwks").chmod(0o600)

    result = check(folder)

    assert result.exit_code == 0
    assert f"remark: {folder / 'secret'}:1:1: others may read it: mode 0644, chmod 600 {folder / 'secret'}" in (
        result.stdout
    )
    assert "keys.jwks" not in result.stdout


def test_a_question_nobody_may_ask_is_a_mistake(folder: Path) -> None:
    """Forward-auth without a proxy to believe would refuse everybody."""
    change(folder / "gateway.yaml", "upstream: http://127.0.0.1:9001", "mode: forward_auth")

    result = check(folder)

    assert result.exit_code == 2
    assert "`trusted_proxies` names no proxy" in result.output


def test_switches_that_nothing_looks_at_are_remarks(folder: Path) -> None:
    """One that is on for no policy and no App, and one whose name is nearly that of another; the gateway starts."""
    change(folder / "policy.yaml", "rules:\n", "  shut: {switch: maintenance-bookin}\nrules:\n")
    change(folder / "policy.yaml", "rules:\n", "rules:\n  - {name: shut, when: shut, allow: nobody}\n")
    for name in ("disaster", "maintenance-booking"):
        turned = ("switch", "on", name, "--for", "1h", "--reason", "r", "--force")
        assert CliRunner().invoke(app, [*turned, "-c", str(folder / "gateway.yaml")]).exit_code == 0

    result = check(folder)
    japanese = CliRunner(env={"LC_ALL": "ja_JP.UTF-8"}).invoke(app, ["check", "-c", str(folder / "gateway.yaml")])

    assert result.exit_code == 0, result.output
    assert (
        "policy.yaml:5:1: no other policy has the switch `maintenance-bookin`, did you mean `maintenance-booking`?"
        in result.stdout
    )
    assert (
        "switches.json:1:1: the switch `disaster` is on, and no policy and no App looks at it, "
        "turn it off: `sekisho switch off disaster`" in result.stdout
    )
    assert "the switch `maintenance-booking`" not in result.stdout
    assert "スイッチ `disaster` は入っていますが、使うポリシーもアプリもありません" in japanese.stdout


def test_a_switch_that_has_ended_is_no_remark(folder: Path) -> None:
    """It changes nothing any more, and the file keeps it until the next command; the one beside it is still on."""
    for name in ("disaster", "storm"):
        turned = ("switch", "on", name, "--for", "1h", "--reason", "r", "--force")
        assert CliRunner().invoke(app, [*turned, "-c", str(folder / "gateway.yaml")]).exit_code == 0
    switches = json.loads((folder / "switches.json").read_text("utf-8"))
    switches["disaster"] |= {"since": 1.0, "until": 2.0}
    (folder / "switches.json").write_text(json.dumps(switches), "utf-8")

    result = check(folder)

    assert "the switch `storm` is on" in result.stdout
    assert "disaster" not in result.stdout
