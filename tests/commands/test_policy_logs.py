"""`sekisho policy replay` and `policy candidate`, on files as they lie on a server."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.commands import policy_logs

OLD = "policy: p\npurpose: {ja: 確認のため}\nconditions: {adult: {age: {at_least: 18}}}\nrules:\n"
STRICT = f"{OLD}  - {{name: r, require: [adult]}}\n"
OPEN = f"{OLD}  - {{name: r, allow: signed_in}}\n"


def line(verdict: str, reason: str = "", **more: str) -> str:
    fields = {
        "time": "2026-11-28T01:02:03Z",
        "method": "GET",
        "path": "/a",
        "client": "192.0.2.7",
        "app": "a",
        "verdict": verdict,
        "rule": "p/r",
        "reason": reason,
        "session": "p-1",
    }
    return json.dumps(fields | more) + "\n"


def sekisho(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=typed)


@pytest.fixture(autouse=True)
def _in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture(name="files")
def files_fixture(tmp_path: Path) -> tuple[str, str, Path]:
    """Write both policies and a log of a refusal; return their names."""
    (tmp_path / "strict.yaml").write_text(STRICT, encoding="utf-8")
    (tmp_path / "open.yaml").write_text(OPEN, encoding="utf-8")
    log = tmp_path / "access.log"
    log.write_text(line("deny", "condition_no:adult") + line("permit") + "started\n" + "\n", encoding="utf-8")
    return str(tmp_path / "strict.yaml"), str(tmp_path / "open.yaml"), log


def test_a_log_says_who_would_pass(files: tuple[str, str, Path]) -> None:
    """Exit 3 for a certain yes, 4 for a possible one, 0 for none; from files, compressed ones, and standard input."""
    strict, wide, log = files
    packed = log.with_suffix(".log.gz")
    packed.write_bytes(gzip.compress(log.read_bytes()))

    opened = sekisho("policy", "replay", wide, str(log), "--in-force", strict)
    both = sekisho("policy", "replay", wide, str(log), str(packed), "--in-force", strict, "--json")
    piped = sekisho("policy", "replay", strict, "--in-force", strict, typed=log.read_text())
    unknown = sekisho("policy", "replay", strict, str(log))

    assert opened.exit_code == 3, opened.output
    assert "newly permitted: 1\n  1  “r” `deny:condition_no:adult` → “r” `permit`" in opened.stdout
    assert json.loads(both.stdout)["lines"] == 6
    assert (piped.exit_code, "2 of 3 lines judged, 2 of them certainly keep" in piped.stdout) == (0, True)
    assert (unknown.exit_code, "may be newly permitted: 1" in unknown.stdout) == (4, True)


def test_the_candidate_of_yesterday_is_reported(files: tuple[str, str, Path]) -> None:
    """The gateway has judged by both policies; exit 3 where the candidate permits more."""
    _, _, log = files
    log.write_text(line("deny", "condition_no:adult", candidate="permit") + line("permit"), encoding="utf-8")

    told, other = sekisho("policy", "candidate", str(log)), sekisho("policy", "candidate", str(log), "--app", "b")

    assert (told.exit_code, other.exit_code) == (3, 0)
    assert "newly permitted: a: p/r `deny:condition_no:adult` → `permit`" in told.stdout
    assert json.loads(sekisho("policy", "candidate", str(log), "--json").stdout)["permits_more"] is True


def test_a_log_that_cannot_be_read_is_exit_2(files: tuple[str, str, Path], tmp_path: Path) -> None:
    """It is named; half a report would look like a whole one."""
    strict, _, log = files
    cut = tmp_path / "cut.gz"
    cut.write_bytes(gzip.compress(log.read_bytes() * 100)[:-20])

    missing, torn = (sekisho("policy", "replay", strict, str(file)) for file in (tmp_path / "none.log", cut))
    broken = sekisho("policy", "replay", str(log), str(log))

    assert [each.exit_code for each in (missing, torn, broken)] == [2, 2, 2]
    assert "none.log" in missing.stderr
    assert "cut.gz: it is cut off" in torn.stderr


def test_a_long_log_says_how_far_it_is(files: tuple[str, str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, so that a report in a pipe stays whole; a line without an end takes no memory."""
    strict, _, log = files
    monkeypatch.setattr(policy_logs, "PROGRESS_EVERY", 0.0)
    monkeypatch.setattr(policy_logs, "_LOOK_EVERY", 2)
    log.write_text(line("permit") * 4 + "x" * 300_000 + "\n" + line("permit"), encoding="utf-8")

    result = sekisho("policy", "replay", strict, str(log), "--in-force", strict, "--json")

    assert "… 2 lines" in result.stderr
    values = json.loads(result.stdout)
    assert (values["lines"], values["judged"], values["not_judged"]["unreadable"]) == (6, 5, 1)


STRICT_ADMIN = """policy: p
rules:
  - {name: r, match: {path: /Admin/**}, allow: nobody}
  - {name: rest, allow: everyone}
"""

SETTINGS = """listen: 127.0.0.1:8080
provider: {environment: emulator, issuer: 'http://localhost:1/x', client_id: RP00000001, keys: {file: keys.jwks}}
sessions: {secret: {file: secret}, store: memory}
apps:
  - {name: plain, url: 'http://localhost:8080', upstream: 'http://127.0.0.1:1', policy: p.yaml}
  - name: folded
    url: http://127.0.0.1:8080
    upstream: http://127.0.0.1:1
    policy: p.yaml
    paths: {ignore_case: true}
"""


def test_a_log_is_judged_as_an_app_reads_paths(tmp_path: Path) -> None:
    """An App that ignores case has a rule for `/admin/users`; another one refuses it as a spelling of another."""
    policy, settings, log = (tmp_path / name for name in ("p.yaml", "gateway.yaml", "access.log"))
    policy.write_text(STRICT_ADMIN, encoding="utf-8")
    settings.write_text(SETTINGS, encoding="utf-8")
    log.write_text(
        line("permit", path="/admin/users", app="folded", rule="p/rest")
        + line("permit", path="/admin/users", app="plain", rule="p/rest"),
        encoding="utf-8",
    )
    asked = ("policy", "replay", str(policy), str(log), "--json", "-c", str(settings))

    reasons = []
    for name in ("folded", "plain"):
        (found,) = json.loads(sekisho(*asked, "--app", name).stdout)["differences"]
        reasons.append([each["reason"] for each in found["after"]])

    assert reasons == [["nobody_allowed:r"], ["ambiguous_path"]]
    assert sekisho(*asked).exit_code == 2
