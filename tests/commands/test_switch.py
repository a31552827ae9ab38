"""`sekisho switch …`, as an operator types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app

POLICY = """\
policy: booking
conditions:
  heavy_rain: {switch: 災害}
  storm_over: {not: blown}
  blown: {switch: typhoon}
  either: {any: [heavy_rain, stormy]}
  stormy: {switch: storm}
  unused: {switch: x}
rules:
  - name: all
    allow: everyone
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Settings that name nothing: a switch must turn though keys and policies are broken."""
    file = tmp_path / "gateway.yaml"
    file.write_text(
        "listen: 127.0.0.1:1\nprovider: {}\nsessions: {}\nswitches: state/switches.json\n"
        "apps: [{name: booking, policy: policy.yaml}, {name: tax, maintenance: 税務停止}]\n",
        encoding="utf-8",
    )
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    return file


def switch(settings: Path, *arguments: str) -> Result:
    """Run `sekisho switch`."""
    return CliRunner().invoke(app, ["switch", *arguments, "-c", str(settings)])


def test_a_switch_turns_on_and_off(settings: Path) -> None:
    """With its end, whose hand it was, and why; the folder is made."""
    result = switch(settings, "on", "災害", "--for", "72h", "--reason", "大雨")
    assert result.exit_code == 0, result.output
    listed = switch(settings, "list").stdout

    assert listed.startswith("災害\tuntil ")
    assert "大雨" in listed
    assert '"event":"switch_turned"' in result.stderr
    assert switch(settings, "off", "災害").exit_code == 0
    assert switch(settings, "list").stdout == ""


def test_the_words_for_people_are_listed_with_the_switch(settings: Path) -> None:
    """In each language: the operator who comes next sees what people read."""
    words = ("--message", "工事です。", "--message-easy", "なおしています。", "--message-en", "Works.")
    assert switch(settings, "on", "災害", "--for", "72h", "--reason", "工事", *words).exit_code == 0

    assert switch(settings, "list").stdout.rstrip("\n").split("\t")[4:] == [
        "people read (ja): 工事です。",
        "people read (ja-simple): なおしています。",
        "people read (en): Works.",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("on", "x", "--for", "100d", "--reason", "r"), "90 days at most"),
        (("on", "x", "--for", "0m", "--reason", "r"), "90 days at most"),
        (("on", "x", "--for", "soon", "--reason", "r"), "`soon` is not a length of time"),
        (("on", "x", "--for", "1h", "--reason", " "), "with a reason"),
        (("on", "a b", "--for", "1h", "--reason", "r"), "cannot name a switch"),
        (("off", "x"), "`x` is not on"),
    ],
)
def test_what_cannot_be_meant_turns_nothing(settings: Path, arguments: tuple[str, ...], said: str) -> None:
    """Exit 2 and a sentence."""
    result = switch(settings, *arguments)

    assert result.exit_code == 2
    assert said in result.output
    assert switch(settings, "list").stdout == ""


def test_a_file_of_something_else_is_left_alone(settings: Path) -> None:
    """Nothing is lost to a switch."""
    file = settings.parent / "state" / "switches.json"
    file.parent.mkdir()
    file.write_text("precious")

    result = switch(settings, "on", "x", "--for", "1h", "--reason", "r")

    assert result.exit_code == 2
    assert "not a file of switches" in result.output
    assert file.read_text() == "precious"


def test_a_link_to_the_switches_stays_a_link(settings: Path) -> None:
    """Every gateway that reads the file by another name follows."""
    real, link = settings.parent / "shared", settings.parent / "state" / "switches.json"
    real.mkdir()
    link.parent.mkdir()
    link.symlink_to(real / "switches.json")

    assert switch(settings, "on", "typhoon", "--for", "1h", "--reason", "storm").exit_code == 0

    assert link.is_symlink()
    assert b"typhoon" in (real / "switches.json").read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        '{"a": {"since": 1, "until": 1e300, "by": "x", "reason": "r"}}',
        '{"a": {"since": -1, "until": 2, "by": "x", "reason": "r"}}',
        '{"a": {"since": 1, "until": NaN, "by": "x", "reason": "r"}}',
        '{"\\u001b[2J": {"since": 1, "until": 2e9, "by": "x", "reason": "r"}}',
        '{"a": {"since": 1, "until": 2e9, "by": "x", "reason": "r"}, "a": {"since": 1, "until": 1}}',
        "[" * 100_000,
    ],
    ids=lambda text: text[:40],
)
def test_a_file_that_two_readers_read_in_two_ways_is_none(settings: Path, text: str) -> None:
    """Exit 2 and a sentence: a time that is none, a name twice, a name that a terminal would obey."""
    (settings.parent / "state").mkdir()
    (settings.parent / "state" / "switches.json").write_text(text)

    result = switch(settings, "list")

    assert result.exit_code == 2
    assert "not a file of switches" in result.output
    assert "\x1b" not in result.output


KNOWN = ("maintenance-booking", "税務停止", "災害", "typhoon", "storm", "x")
"""Every switch that the Apps and the policy look at, also inside `any` and `not`."""


@pytest.mark.parametrize("name", KNOWN)
def test_each_switch_that_an_app_or_a_policy_looks_at_turns(settings: Path, name: str) -> None:
    """Without a word on standard error but the audit's."""
    result = switch(settings, "on", name, "--for", "1h", "--reason", "r")

    assert result.exit_code == 0, result.output
    assert "looks at" not in result.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("maintenance-bookng", "did you mean `maintenance-booking`?"),
        ("maintenance_booking", "did you mean `maintenance-booking`?"),
        ("Typhoon", "did you mean `typhoon`?"),
        ("税務停", "did you mean `税務停止`?"),
        ("maintenance-tax", "did you mean `maintenance-booking`?"),
        ("earthquake", "known switches: `maintenance-booking`, "),
    ],
)
def test_a_switch_that_nothing_looks_at_stays_off(settings: Path, name: str, said: str) -> None:
    """An operator who mistypes learns it at once, and not from citizens; `--force` turns it on."""
    arguments = ("on", name, "--for", "1h", "--reason", "r")
    refused = switch(settings, *arguments)

    assert refused.exit_code == 2
    assert said in refused.stderr
    assert "--force" in refused.stderr
    assert switch(settings, "list").stdout == ""
    assert switch(settings, *arguments, "--force").exit_code == 0
    assert switch(settings, "list").stdout.startswith(name)


def test_a_broken_policy_keeps_no_switch_off_but_a_slip_of_a_known_name(settings: Path) -> None:
    """The broken policy may be the one that looks at the switch; an App's own switch is known all the same."""
    (settings.parent / "policy.yaml").write_text("rules: [", encoding="utf-8")

    for name in ("maintenance-booking", "災害"):
        assert switch(settings, "on", name, "--for", "1h", "--reason", "r").exit_code == 0
    warned = switch(settings, "on", "typhoon", "--for", "1h", "--reason", "r")
    slip = switch(settings, "on", "maintenance-bookng", "--for", "1h", "--reason", "r")

    assert "no readable policy looks at a switch `typhoon`" in warned.stderr
    assert slip.exit_code == 2
    assert "maintenance-bookng" not in switch(settings, "list").stdout


def test_a_slip_turns_nothing_off_and_names_the_switch_that_is_on(settings: Path) -> None:
    """The operator reads the name that was probably meant."""
    assert switch(settings, "on", "typhoon", "--for", "1h", "--reason", "r").exit_code == 0

    result = switch(settings, "off", "typhon")

    assert result.exit_code == 2
    assert "did you mean `typhoon`?" in result.stderr
