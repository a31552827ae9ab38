"""`sekisho subjects list …`: persons come and go by their codes, and a mistake changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.policy.subject_code import show_code, subject_code

CODES = [show_code(subject_code("RP00000001", f"person {number}")) for number in range(3)]
ONE = f"# the counter's\n- {{subject: {CODES[0]}, until: 2020-03-31, note: 窓口2}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "commuters.yaml"
    made.write_text(ONE, encoding="utf-8")
    made.chmod(0o640)
    return made


def sekisho(*arguments: object, said: str = "", locale: str = "C.UTF-8") -> Result:
    words = ["subjects", "list", *map(str, arguments)]
    return CliRunner(env={"LC_ALL": locale}).invoke(app, words, input=said)


def test_persons_come_with_an_end_and_go(file: Path) -> None:
    """By codes from standard input, with or without hyphens; the file keeps its mode."""
    spoken = CODES[1].replace("-", "").lower()

    added = sekisho("add", file, "--until", "2099-03-31", said=f"{spoken}\n\n{CODES[2]}\n")
    shown = sekisho("show", file)
    removed = sekisho("remove", file, said=CODES[1])

    assert (added.exit_code, added.stdout) == (0, "2 added, 0 changed\n")
    rows = [line.split("\t") for line in shown.stdout.splitlines()]
    assert rows == [[CODES[0], "2020-03-31", "over"], [CODES[1], "2099-03-31", ""], [CODES[2], "2099-03-31", ""]]
    assert "窓口2" not in shown.stdout
    assert (removed.exit_code, removed.stdout) == (0, "1 removed\n")
    assert file.read_text("utf-8") == f"{ONE}- {{subject: {CODES[2]}, until: 2099-03-31}}\n"
    assert file.stat().st_mode & 0o777 == 0o640


def test_who_is_there_gets_the_new_day(file: Path, tmp_path: Path) -> None:
    """An entry that is prolonged keeps its note; the codes may come from a file."""
    (tmp_path / "codes").write_text(f"{CODES[0]}\n{CODES[1]}\n{CODES[0]}\n")

    done = sekisho("add", file, "--from", tmp_path / "codes", "--until", "2099-03-31", locale="ja_JP.UTF-8")

    assert done.stdout == "1件を追加、1件を変更しました\n"
    assert f'- {{subject: {CODES[0]}, until: 2099-03-31, note: "窓口2"}}\n' in file.read_text("utf-8")


def test_every_wrong_code_is_said_and_nothing_changes(file: Path) -> None:
    """With the line that it stands on; a person who is not in the list cannot be removed."""
    wrong = CODES[1][:-1] + ("A" if CODES[1][-1] != "A" else "B")

    added = sekisho("add", file, said=f"{CODES[2]}\n{wrong}\n1234\n")
    removed = sekisho("remove", file, said=f"{CODES[0]}\n{CODES[1]}\n")
    nobody = sekisho("add", file)

    assert added.exit_code == removed.exit_code == nobody.exit_code == 2
    assert "-:2:1" in added.stderr
    assert "-:3:1" in added.stderr
    assert CODES[1] in removed.stderr
    assert "there is no code" in nobody.stderr
    assert file.read_text("utf-8") == ONE


@pytest.mark.parametrize("day", ["2027-02-30", "令和9年3月31日", "soon"])
def test_an_end_that_is_no_day_is_refused(file: Path, day: str) -> None:
    """Before anything is read."""
    assert sekisho("add", file, "--until", day, said=CODES[1]).exit_code == 2
    assert file.read_text("utf-8") == ONE


def test_a_list_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The command makes no such list: a slip in its name would leave the policy's own list unchanged."""
    for word in ("show", "add", "remove"):
        result = sekisho(word, tmp_path / "none.yaml", said=CODES[0])
        assert result.exit_code == 2
        assert "none.yaml" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_list_with_mistakes_is_not_changed(file: Path) -> None:
    """Its own mistakes come first, each with its place."""
    file.write_text("- {subject: K7QM}\n- {subject: 1234}\n")

    result = sekisho("add", file, said=CODES[0])

    assert result.exit_code == 2
    assert f"{file}:1:" in result.stderr
    assert f"{file}:2:" in result.stderr
