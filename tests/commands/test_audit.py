"""The audit trail on the command line: what operators do is in it, and it is verified, searched and exported."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.audit.system_segments import segments_in
from gateway.cli import app
from gateway.login.jwcrypto_keys import new_key
from gateway.policy.subject_code import show_code
from tests.audit.folders import actions, said
from tests.commands.test_subjects import CLIENT, NAME, POLICY, code_of, enter, keep_evidence
from tests.redis_server import redis_server

USER = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A Redis that forgets nothing."""
    with redis_server("--appendonly", "yes", "--maxmemory-policy", "noeviction") as server:
        yield server.url


@pytest.fixture
def folder(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hanako, a session, an entry and evidence of hers, and a gateway that keeps a trail."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("SUDO_USER", "hsato")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    (tmp_path / "secret").write_text("0123456789abcdef" * 4)
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "invited.yaml").write_text(f"- {{subject: {show_code(code_of('hanako'))}}}\n")
    for name in ("keys.jwks", "audit.jwks"):
        new_key(tmp_path / name, "ES256")
    (tmp_path / "operators").write_text("")
    write(tmp_path, url)
    asyncio.run(enter(tmp_path, url, ("hanako",)))
    asyncio.run(keep_evidence(tmp_path, url))
    return tmp_path


def write(folder: Path, url: str, more: str = "") -> None:
    (folder / "gateway.yaml").write_text(
        f"""\
listen: 127.0.0.1:8080
provider: {{environment: emulator, issuer: 'http://localhost:1/x', client_id: {CLIENT}, keys: {{file: keys.jwks}}}}
sessions: {{store: '{url}', secret: {{file: secret}}}}
limits: {{store: '{url}'}}
aliases: aliases
operators: {{file: operators}}
node: gw1
audit: {{directory: audit, keys: {{file: audit.jwks}}, mirror: mirror{more}}}
apps: [{{name: a, url: 'http://localhost:8080', upstream: 'http://127.0.0.1:1', policy: policy.yaml}}]
"""
    )


def sekisho(folder: Path, *arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, [*arguments, "-c", str(folder / "gateway.yaml")], input=typed)


def done(folder: Path, *arguments: str) -> Result:
    result = sekisho(folder, *arguments)
    assert result.exit_code == 0, result.output
    return result


def everything(folder: Path) -> list[Result]:
    """Do all that an operator can do, once."""
    results: list[Result] = []

    def act(*arguments: str) -> None:
        results.append(done(folder, *arguments))

    why = ("--reason", "=窓口の申出", "--operator", "sato")
    for action in ("export", "erase"):
        act("signature", action, "--client", CLIENT, "--subject", "hanako", *why)
    act("limits", "give-back", show_code(code_of("hanako")), "1", *why)
    act("sessions", "revoke", "--client", CLIENT, "--subject", "hanako", *why)
    act("subjects", "alias", "hanako-2", "hanako", *why)
    act("subjects", "erase", CLIENT, "hanako", *why)
    act("switch", "on", "maintenance-a", "--for", "1h", *why)
    act("switch", "off", "maintenance-a", *why)
    act("policy", "adopt", "--all", *why)
    act("keys", "new", str(folder / "keys.jwks"), *why)
    act("keys", "rotate", str(folder / "keys.jwks"), *why)
    kid = json.loads((folder / "keys.jwks").read_text())["keys"][1]["kid"]
    act("keys", "retire", str(folder / "keys.jwks"), kid, *why)
    act("operators", "add", "tanaka", "--role", "act", *why)
    act("operators", "remove", "tanaka", *why)
    return results


def test_a_reason_that_no_trail_keeps_is_said_to_be_lost(folder: Path) -> None:
    """By every command that takes one; with a trail, none says so."""
    kept = everything(folder)
    settings = folder / "gateway.yaml"
    settings.write_text(re.sub(r"audit: .*\n", "", settings.read_text()))
    lost = [
        done(folder, "switch", "on", "maintenance-a", "--for", "1h", "--reason", "r"),
        done(folder, "operators", "add", "tanaka", "--role", "act", "--reason", "r"),
        done(folder, "keys", "new", str(folder / "keys.jwks"), "--reason", "r"),
        done(folder, "sessions", "revoke", "--client", CLIENT, "--subject", "hanako", "--reason", "r"),
    ]

    assert not [each.output for each in kept if "kept nowhere" in each.output]
    assert ["kept nowhere" in each.stderr for each in lost] == [True] * len(lost)
    assert "kept nowhere" not in done(folder, "operators", "remove", "tanaka").output


DEEDS = [
    *("signature_exported", "signature_erased"),
    *("limit_given_back", "sessions_revoked", "subject_joined", "subject_erased", "switch_on", "switch_off"),
    *("file_adopted", "key_made", "key_rotated", "key_retired", "token_made"),
    "token_removed",
]


def test_what_an_operator_does_is_in_the_trail(folder: Path) -> None:
    """Every action, with the machine's user, the one behind sudo, the given name, the object and the reason."""
    everything(folder)

    entries = [each for each in said(folder / "audit") if each["action"] in DEEDS]
    assert [each["action"] for each in entries] == DEEDS
    assert {(each["user"], each["sudo_user"], each["operator"], each["node"]) for each in entries} == {
        (USER, "hsato", "sato", "gw1")
    }
    assert {each["outcome"] for each in entries} == {"done"}
    assert all(each["reason"] == "=窓口の申出" for each in entries)
    by = {each["action"]: each for each in entries}
    assert by["sessions_revoked"]["count"] == by["signature_exported"]["count"] == by["signature_erased"]["count"] == 1
    assert by["signature_exported"]["pseudonym"] == by["signature_erased"]["pseudonym"]
    assert by["sessions_revoked"]["pseudonym"] == by["subject_erased"]["pseudonym"] == by["subject_joined"]["pseudonym"]
    assert by["limit_given_back"]["object"] == "lottery/draw ever"
    assert by["switch_on"]["object"] == "maintenance-a"
    assert by["token_made"]["object"] == "tanaka"
    verified = sekisho(folder, "audit", "verify")
    assert verified.exit_code == 0, verified.output


def test_the_trail_tells_nothing_of_the_person(folder: Path) -> None:
    """Neither name, nor subject, nor code, nor ticket, in the trail, its mirror, and all that is shown of it."""
    everything(folder)
    shown = [
        sekisho(folder, "audit", *command).output
        for command in (["search"], ["export"], ["export", "--format", "csv"], ["verify"])
    ]
    written = [path.read_text() for path in (*segments_in(folder / "audit"), folder / "mirror")]

    for text in (*shown, *written):
        for told in (NAME, "hanako", code_of("hanako"), show_code(code_of("hanako"))):
            assert told not in text


def test_entries_are_found(folder: Path) -> None:
    """By operator, action, time, and by the code that a person reads out at the counter."""
    everything(folder)

    def found(*arguments: str, typed: str | None = None) -> list[str]:
        result = sekisho(folder, "audit", "search", *arguments, typed=typed)
        assert result.exit_code == 0, result.output
        return [line.split("\t")[3] for line in result.stdout.splitlines()]

    assert found() == found("--operator", "sato") == found("--operator", USER) == DEEDS
    assert found("--operator", "tanaka") == []
    assert found("--action", "switch_on") == ["switch_on"]
    assert found("--until", "2026-01-01") == []
    assert found("--since", "2026-01-01T00:00:00+09:00") == DEEDS
    assert found("--code", "-", typed=show_code(code_of("hanako")) + "\n") == ["limit_given_back"]
    assert sekisho(folder, "audit", "search", "--action", "nothing").exit_code == 2
    assert sekisho(folder, "audit", "search", "--since", "soon").exit_code == 2
    assert sekisho(folder, "audit", "search", "--code", "x").exit_code == 2


def test_entries_are_handed_over(folder: Path) -> None:
    """JSON Lines are the lines of the trail; CSV has no formula in it."""
    done(folder, "switch", "on", "maintenance-a", "--for", "1h", "--reason", "=1+1")

    lines = sekisho(folder, "audit", "export").stdout.splitlines()
    rows = list(csv.DictReader(io.StringIO(sekisho(folder, "audit", "export", "--format", "csv").stdout)))

    assert [json.loads(line)["action"] for line in lines] == ["switch_on"]
    assert all(f"{line}\n" in segments_in(folder / "audit")[0].read_text() for line in lines)
    assert [(row["action"], row["reason"]) for row in rows] == [("switch_on", "'=1+1")]


def changed(folder: Path, change: str) -> tuple[str, int]:
    """Change the commands' file in one way, and return the place where that must be found."""
    (path,) = segments_in(folder / "audit")
    lines = path.read_bytes().splitlines(keepends=True)
    at = 2
    match change:
        case "byte":
            lines[at] = lines[at].replace(b"sato", b"suto")
        case "removed":
            del lines[at]
        case "added":
            lines.insert(at, lines[at])
            at += 1
        case "swapped":
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
        case "cut":
            del lines[-2:]
            at = len(lines) - 1
        case _:
            path.unlink()
            return path.name, 0
    path.write_bytes(b"".join(lines))
    return path.name, at + 1


@pytest.mark.parametrize("change", ["byte", "removed", "added", "swapped", "cut", "file"])
def test_a_change_is_found_and_located(folder: Path, change: str) -> None:
    """Exit 3, and the file with the first wrong line."""
    done(folder, "switch", "on", "maintenance-a", "--for", "1h", "--reason", "r", "--operator", "sato")
    done(folder, "switch", "off", "maintenance-a", "--reason", "r", "--operator", "sato")
    file, line = changed(folder, change)

    result = sekisho(folder, "audit", "verify")

    assert result.exit_code == 3, result.output
    place = f"{file}:{line}" if line else file
    assert result.stderr.splitlines()[0].startswith(f"{place}\tsequence "), result.stderr


def test_a_trail_is_verified_elsewhere(folder: Path, tmp_path: Path) -> None:
    """With the folder, the public keys and the mirror alone: no settings, and no secret."""
    done(folder, "switch", "on", "maintenance-a", "--for", "1h", "--reason", "r")
    public = tmp_path / "public.jwks"
    public.write_text(sekisho_keys(folder))
    for name in ("gateway.yaml", "audit.jwks", "keys.jwks", "secret"):
        (folder / name).unlink()
    named = ("--directory", str(folder / "audit"), "--keys", str(public))

    good = sekisho(folder, "audit", "verify", *named, "--checkpoints", str(folder / "mirror"))
    changed(folder, "cut")
    unseen = sekisho(folder, "audit", "verify", *named)
    seen = sekisho(folder, "audit", "verify", *named, "--checkpoints", str(folder / "mirror"))

    assert good.exit_code == 0, good.output
    assert (unseen.exit_code, seen.exit_code) == (0, 3)
    assert sekisho(folder, "audit", "search", *named[:2]).exit_code == 0


def sekisho_keys(folder: Path) -> str:
    return CliRunner().invoke(app, ["keys", "jwks", str(folder / "audit.jwks")]).stdout


def test_a_required_trail_that_cannot_be_written_keeps_everything_as_it_is(folder: Path, url: str) -> None:
    """Exit 1, and nothing was done; where it is not required, it is done, and the operator hears of it."""
    write(folder, url, ", required: true")
    (folder / "audit").write_text("in the way")
    refused = sekisho(folder, "switch", "on", "maintenance-a", "--for", "1h", "--reason", "r")
    assert refused.exit_code in (1, 2)
    assert sekisho(folder, "switch", "list").stdout == ""

    write(folder, url)
    lost = sekisho(folder, "switch", "on", "maintenance-a", "--for", "1h", "--reason", "r")
    assert lost.exit_code == 0
    assert "the audit trail has no entry of this" in lost.stderr
    assert sekisho(folder, "switch", "list").stdout != ""


def test_a_required_trail_has_the_intention_before_the_deed(folder: Path, url: str) -> None:
    """A command that is killed in between leaves its beginning; one that is refused says so."""
    write(folder, url, ", required: true")
    done(folder, "switch", "on", "maintenance-a", "--for", "1h", "--reason", "r")
    assert sekisho(folder, "switch", "off", "maintenance-b", "--reason", "r").exit_code == 2

    entries: list[dict[str, Any]] = [each for each in said(folder / "audit") if "user" in each]
    assert [(each["action"], each["outcome"]) for each in entries] == [
        ("switch_on", "begun"),
        ("switch_on", "done"),
        ("switch_off", "begun"),
        ("switch_off", "refused"),
    ]


def test_a_store_that_is_away_is_recorded(folder: Path) -> None:
    """The attempt is in the trail, as failed."""
    settings = folder / "gateway.yaml"
    settings.write_text(settings.read_text().replace("redis://", "redis://127.0.0.1:1/0?x=", 1).replace("?x=", "#"))
    text = settings.read_text()
    start = text.index("redis://127.0.0.1:1/0")
    settings.write_text(text[:start] + "redis://127.0.0.1:1/0" + text[text.index("'", start) :])

    assert sekisho(folder, "sessions", "revoke", "--all", "--reason", "r").exit_code == 1
    assert [each["outcome"] for each in said(folder / "audit") if each["action"] == "sessions_revoked"] == ["failed"]


def test_commands_share_one_chain(folder: Path) -> None:
    """Each goes on where the last one ended, and half a line of a killed one is left behind, in the open."""
    done(folder, "switch", "on", "maintenance-a", "--for", "1h", "--reason", "r")
    (first,) = segments_in(folder / "audit")
    with first.open("ab") as file:
        file.write(b'{"action":"swi')
    done(folder, "switch", "off", "maintenance-a", "--reason", "r")

    assert [path.name for path in segments_in(folder / "audit")] == ["command.000001.jsonl", "command.000002.jsonl"]
    assert said(folder / "audit", "command.000002")[0]["torn"] is True
    verified = sekisho(folder, "audit", "verify")
    assert verified.exit_code == 0, verified.output
    assert "command.000001.jsonl:5\tsequence 5\ttorn" in verified.stdout
    assert actions(folder / "audit").count("segment_opened") == 2


def test_without_a_trail_nothing_is_verified(folder: Path) -> None:
    """A sentence, and exit 2."""
    settings = folder / "gateway.yaml"
    settings.write_text("".join(line for line in settings.read_text().splitlines(keepends=True) if "audit" not in line))

    result = sekisho(folder, "audit", "verify")

    assert result.exit_code == 2
    assert "`audit.directory` is not set" in result.stderr
    assert sekisho(folder, "audit", "search", "--directory", str(folder / "none")).exit_code == 2
    assert sekisho(folder, "audit", "verify", "--directory", str(folder), "--keys", str(settings)).exit_code == 2
    assert sekisho(folder, "switch", "on", "maintenance-a", "--for", "1h", "--reason", "r").exit_code == 0
