"""A tree's text becomes the types of a settings class, and every mistake is noted with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.settings.typed import (
    AtReplacement,
    AtRestart,
    Bytes,
    Reading,
    Seconds,
    TakenUp,
    duration_of,
    hints,
    is_optional,
    read_values,
    taken_up,
    unit_of,
    without_mark,
)
from gateway.yaml.mistakes import Mistakes, Phrase, Where
from gateway.yaml.read import read_yaml


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Inner:
    SHORT: ClassVar[str] = "file"
    file: Path
    length: Seconds = 1.0


@dataclass(frozen=True)
class Whole:
    KEYS: ClassVar[dict[str, str]] = {"passed": "pass"}
    name: str
    inner: Inner
    count: int = 1
    on: bool = False
    size: AtRestart[Bytes] = 1
    wait: AtReplacement[Seconds | None] = None
    colour: Colour = Colour.RED
    mode: Literal["a", "b"] = "a"
    names: tuple[str, ...] = ()
    colours: frozenset[Colour] = field(default_factory=frozenset)
    words: Mapping[str, str] = field(default_factory=dict)
    passed: tuple[Inner, ...] = ()


GOOD = """\
name: n
inner: {file: a/b, length: 1.5h}
count: 12
on: yes
size: 2KiB
wait: 250ms
colour: blue
mode: b
names: [x, y]
colours: blue
words: {ja: 予約, en: booking}
pass: [c, {file: d}]
"""


def read(text: str) -> tuple[Whole | None, Reading]:
    mistakes = Mistakes()
    node = read_yaml(text, "t.yaml", mistakes)
    assert node is not None, mistakes.say()
    reading = Reading(Path("/etc"), mistakes)
    return read_values(Whole, node, reading), reading


def test_every_type_is_read() -> None:
    """Paths are relative to the file, one word stands for its class, and a list may be one item."""
    whole, reading = read(GOOD)

    assert not len(reading.mistakes), reading.mistakes.say()
    assert whole == Whole(
        name="n",
        inner=Inner(Path("/etc/a/b"), 5400.0),
        count=12,
        on=True,
        size=2048,
        wait=0.25,
        colour=Colour.BLUE,
        mode="b",
        names=("x", "y"),
        colours=frozenset({Colour.BLUE}),
        words={"ja": "予約", "en": "booking"},
        passed=(Inner(Path("/etc/c")), Inner(Path("/etc/d"))),
    )


def test_what_is_left_out_has_its_default() -> None:
    """Only a field without a default must be written."""
    whole, reading = read("name: n\ninner: f\nwait: off\nwords: 予約\n")

    assert not len(reading.mistakes), reading.mistakes.say()
    assert whole == Whole("n", Inner(Path("/etc/f")), words={"ja": "予約"})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("count: 1.5", "`1.5` is not a whole number, write digits only"),
        ("count: １２", "full-width digits `１２`, write `12`"),
        ("on: on", "`on` is neither true nor false, write one of `true`, `false`"),
        ("size: 2KB", "`2KB` is not a size, write `512B`, `64KiB` or `10MiB`"),
        ("wait: soon", "`soon` is not a length of time, write `30s`, `15m` or `8h`"),
        ("wait: ３０s", "full-width digits `３０`, write `30`"),
        ("colour: green", "`green` is not known here, write one of `red`, `blue`"),
        ("mode: c", "`c` is not known here, write one of `a`, `b`"),
        ("names: [[x]]", "a list, a single value is expected here"),
        ("count: {a: 1}", "keys with values, a single value is expected here"),
        ("words: [x]", "a list, keys with values are expected here"),
        ("words: {ja: [x]}", "a list, a text is expected here"),
        ('words: ""', "the value is missing here, write a value, or remove the key"),
        ("pass: [[c]]", "a list, keys with values are expected here"),
        ("pass: [{length: 1s}]", "the key `file` is missing, write `file: …`"),
        ("passed: [c]", "unknown key `passed`, did you mean `pass`?"),
        ('mode: "a\\u200b"', "is not known here"),
        ('names: ["a\\u200bb"]', "this value has an invisible character, type it again, by hand"),
    ],
)
def test_a_mistake_is_noted_at_its_place(line: str, said: str) -> None:
    """One value that cannot be read does not hide the others."""
    text = f"name: n\ninner: f\n{line}\ncolor: red\n"

    whole, reading = read(text)

    found = [str(mistake) for mistake in reading.mistakes]
    assert whole is not None
    assert any(each.startswith("t.yaml:3:") and said in each for each in found), found
    assert any("unknown key `color`" in each for each in found), found


def test_a_missing_key_is_noted_and_stood_in_for() -> None:
    """The rest can still be checked, and nothing more is said about what is missing."""
    whole, reading = read("count: 3\n")

    assert whole is not None
    assert (whole.name, whole.count) == ("", 3)
    assert [mistake.what.en for mistake in reading.mistakes] == [
        "the key `name` is missing",
        "the key `inner` is missing",
    ]
    reading.note("inner", Phrase("no such file"))
    reading.note("count", Phrase("too many"))
    assert [mistake.what.en for mistake in reading.mistakes][-1] == "too many"
    assert len(reading.mistakes) == 3


def test_a_list_or_a_word_is_no_settings() -> None:
    """A class that no word can stand for is a mapping."""
    for text in ("- a\n", "word\n"):
        whole, reading = read(text)
        assert whole is None
        assert len(reading.mistakes) == 1


def test_a_value_without_a_place_is_shown_around_it() -> None:
    """A mistake about a default stands where the nearest thing around it was written."""
    _, reading = read(GOOD)

    assert reading.where("inner.length").line == 2
    assert reading.where("inner.nothing").line == 2
    assert reading.where("pass[1].file").line == 12
    assert reading.where("pass[7].file") == reading.places["pass"]
    assert reading.where("nothing") == Where("t.yaml")


def test_annotations_say_what_a_reload_does() -> None:
    """The mark is for the reload, and the type is what may stand at the key."""
    kinds = hints(Whole)

    assert taken_up(kinds["size"]) is TakenUp.RESTART
    assert taken_up(kinds["wait"]) is TakenUp.REPLACEMENT
    assert taken_up(kinds["count"]) is TakenUp.RELOAD
    assert taken_up(Seconds) is TakenUp.RELOAD
    assert [unit_of(kinds[name]) for name in ("size", "wait", "count", "names")] == ["size", "duration", None, None]
    assert is_optional(kinds["wait"])
    assert not is_optional(kinds["size"])
    assert without_mark(kinds["size"]) == Bytes
    assert without_mark(AtRestart[str]) is str


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("30s", 30), ("1.5h", 5400), ("7d", 604_800), ("0s", 0), ("2m", 120)],
)
def test_a_length_of_time_is_read(text: str, seconds: float) -> None:
    """In every file and on every command line."""
    assert duration_of(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1 s", "1.s", ".5s", "1e3s", "1h30m", "１s", "1S", "1w"])
def test_what_is_no_length_of_time_is_none(text: str) -> None:
    """A number without a unit is nobody's guess."""
    assert duration_of(text) is None


@given(st.text(max_size=12))
def test_no_text_makes_the_reader_of_durations_stumble(text: str) -> None:
    """It is a number of seconds from 0, or none."""
    seconds = duration_of(text)

    assert seconds is None or seconds >= 0
