"""The small things of a policy: each is read, or noted with what would be right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.language import Language
from gateway.policy.conditions import MonthDay
from gateway.policy.reading.meant import day_of, era_day, meant_day
from gateway.policy.reading.parse_values import MAX_NAME, Reader
from gateway.yaml.mistakes import Mistakes, Phrase, Where
from gateway.yaml.tree import Entry, Items, Node, Scalar, Table

T = TypeVar("T")

HERE = Where("p.yaml", 2, 3)
WHAT = Phrase("a thing", "もの")


def scalar(text: str, *, plain: bool = True) -> Scalar:
    return Scalar(text, HERE, plain=plain)


def table(**values: Node | str) -> Table:
    entries = (Entry(key, HERE, scalar(each) if isinstance(each, str) else each) for key, each in values.items())
    return Table(tuple(entries), HERE)


def items(*values: Node | str) -> Items:
    return Items(tuple(scalar(each) if isinstance(each, str) else each for each in values), HERE)


def read(how: Callable[[Reader], T]) -> tuple[T, list[str]]:
    mistakes = Mistakes()
    found = how(Reader(mistakes))
    return found, [str(mistake).removeprefix("p.yaml:") for mistake in mistakes]


def test_something_else_is_named() -> None:
    """The message says what belongs there and what was found; a slip of the keyboard is what is said of it."""
    assert read(lambda r: r.text(items(), WHAT)) == (None, ["2:3: expected a thing, found a list"])
    assert read(lambda r: r.text(scalar(" "), WHAT)) == (None, ["2:3: expected a thing, found ` `"])
    assert read(lambda r: r.text(scalar("x"), WHAT)) == ("x", [])
    _, said = read(lambda r: r.expected(scalar("a：b"), WHAT))
    assert said == ["2:4: a full-width colon `：`, write `:`"]
    _, said = read(lambda r: r.expected(scalar("a：b", plain=False), WHAT))
    assert said == ["2:3: expected a thing, found `a：b`"]


def test_a_tables_keys_are_known() -> None:
    """An unknown key is noted, and the table is read all the same."""
    found, said = read(lambda r: r.table(table(a="1", c="2"), ("a", "b"), WHAT))

    assert found is not None
    assert said == ["2:3: unknown key `c`, write one of `a`, `b`"]
    assert read(lambda r: r.table(scalar("x"), ("a",), WHAT))[0] is None
    assert read(lambda r: r.need(table(a="1"), "b", WHAT)) == (
        None,
        ["2:3: `b` is missing in a thing, add `b: …`"],
    )
    assert read(lambda r: r.need(table(a="1"), "a", WHAT)) == (scalar("1"), [])


def test_slips_are_noted_and_read_as_what_was_meant() -> None:
    """The rest of the file is checked as if they were mended."""
    found, said = read(lambda r: r.clean(scalar("１８、２０"), WHAT))

    assert found == "18,20"
    assert len(said) == 3
    assert read(lambda r: r.clean(items(), WHAT))[0] is None


@pytest.mark.parametrize("name", ["a" * (MAX_NAME + 1), "a\nb", "a\x00", "a\u200bb"])
def test_a_name_is_on_one_line(name: str) -> None:
    """It stands in log lines and metric labels."""
    found, said = read(lambda r: r.name(scalar(name), WHAT))

    assert found is None
    assert "this is not a valid name for a thing" in said[0]


def test_a_name_may_be_japanese() -> None:
    """Policies are written by people."""
    assert read(lambda r: r.name(scalar("区民 だけ"), WHAT)) == ("区民 だけ", [])
    assert read(lambda r: r.name(scalar("a" * MAX_NAME), WHAT)) == ("a" * MAX_NAME, [])
    assert read(lambda r: r.name(scalar(""), WHAT))[0] is None


def test_words_come_by_language() -> None:
    """Japanese is always there; a single word is taken for it, and noted."""
    assert read(lambda r: r.words(table(ja=" 予約 ", en="booking"), WHAT)) == ({"ja": "予約", "en": "booking"}, [])
    found, said = read(lambda r: r.words(scalar("予約"), WHAT))
    assert found == {"ja": "予約"}
    assert said == ["2:3: expected a thing by language, found `予約`, write `{ja: 予約}`"]
    found, said = read(lambda r: r.words(table(en="booking"), WHAT))
    assert found == {"en": "booking"}
    assert said == ["2:3: `ja` is missing in a thing, add `ja: …`"]
    assert read(lambda r: r.words(items(), WHAT))[0] == {}
    assert read(lambda r: r.words(table(ja=items()), WHAT))[0] == {}
    # A further key alone needs no sentence; `ja` that cannot be read is noted once.
    assert read(lambda r: r.words(table(status="404"), WHAT, also=("status",))) == ({}, [])


def test_words_may_be_in_every_language_of_our_pages() -> None:
    """A language that has no catalogue would never be shown."""
    every = {language.value: f"予約 {language}" for language in Language}
    assert read(lambda r: r.words(table(**every), WHAT)) == (every, [])
    assert read(lambda r: r.words(table(ja="予約", fr="x"), WHAT))[1] == [
        f"2:3: unknown key `fr`, write one of {', '.join(f'`{key}`' for key in every)}"
    ]


@pytest.mark.parametrize(
    ("key", "language"),
    [("ja-Hira", "ja-simple"), ("やさしい日本語", "ja-simple"), ("easy", "ja-simple"), ("jp", "ja"), ("en-US", "en")],
)
def test_another_name_of_a_language_is_told(key: str, language: str) -> None:
    """By the line to write; the sentence itself is not lost on the way."""
    said = read(lambda r: r.words(table(**{"ja": "予約", "en": "x", "ja-simple": "y", key: "z"}), WHAT))[1]

    assert said == [f"2:3: the language `{key}` is called `{language}`, write `{language}: …`"]


def test_a_list_may_be_one_thing() -> None:
    """Japanese commas in a plain text separate it and are noted; in quotes they are a part of it."""
    assert [each.text for each in read(lambda r: r.listed(scalar("x"), WHAT))[0]] == ["x"]
    found, said = read(lambda r: r.listed(items("a、b", "c"), WHAT))
    assert [each.text for each in found] == ["a", "b", "c"]
    assert said == ["2:4: a Japanese comma `、`, write `,`"]
    found, said = read(lambda r: r.listed(items(scalar("a、b", plain=False)), WHAT))
    assert ([each.text for each in found], said) == (["a、b"], [])
    assert read(lambda r: r.listed(items(), WHAT)) == ([], ["2:3: the list is empty, write a thing"])
    assert read(lambda r: r.listed(items(table()), WHAT))[1] == ["2:3: expected a thing, found keys with values"]


def test_one_of_a_few_words() -> None:
    """A near one is offered, and all of them where none is near."""
    assert read(lambda r: r.word(scalar("day"), ("day", "month"), Phrase("thing"))) == ("day", [])
    assert read(lambda r: r.word(scalar("dya"), ("day", "month"), Phrase("thing")))[1] == [
        "2:3: unknown thing `dya`, did you mean `day`?"
    ]
    assert read(lambda r: r.word(scalar("zzz"), ("day", "month"), Phrase("thing")))[1] == [
        "2:3: unknown thing `zzz`, write one of `day`, `month`"
    ]
    assert read(lambda r: r.word(items(), ("day",), WHAT))[0] is None
    assert read(lambda r: r.truth(scalar("true"), WHAT))[0] is True
    assert read(lambda r: r.truth(scalar("false"), WHAT))[0] is False
    assert read(lambda r: r.truth(scalar("yes"), WHAT))[0] is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("20", 20), ("007", 7), ("21", None), ("-1", None), ("1.0", None), ("٣", None), ("1" * 10, None)],
)
def test_a_number_is_whole_and_within_its_bounds(text: str, number: int | None) -> None:
    """Both ends are included, and only digits of ASCII are digits."""
    found, said = read(lambda r: r.number(scalar(text), WHAT, 0, 20))

    assert found == number
    assert bool(said) is (number is None)


def test_a_length_of_time() -> None:
    """It is read as everywhere."""
    assert read(lambda r: r.duration(scalar("1.5h"), WHAT)) == (5400.0, [])
    assert read(lambda r: r.duration(scalar("5"), WHAT))[1] == [
        "2:3: `5` is not a thing, write `30s`, `5m`, `2h` or `3d`"
    ]
    assert read(lambda r: r.duration(items(), WHAT))[0] is None


def test_a_day_and_a_day_of_every_year() -> None:
    """29 February is a day of every year that has one."""
    assert read(lambda r: r.day(scalar("2026-04-01"))) == (date(2026, 4, 1), [])
    assert read(lambda r: r.day(scalar("2026/4/1")))[1] == ["2:3: `2026/4/1` is not a day, write `2026-04-01`"]
    assert read(lambda r: r.day(scalar("2026-02-30")))[1] == [
        "2:3: `2026-02-30` is not a day: 2026-02 has 28 days, write a day up to `2026-02-28`"
    ]
    assert read(lambda r: r.day(items()))[0] is None
    assert read(lambda r: r.day_or_moment(scalar("2026-04-01")))[0] == date(2026, 4, 1)
    assert read(lambda r: r.day_or_moment(scalar("02-29")))[0] == MonthDay(2, 29)
    for text in ("02-30", "13-01", "00-10", "tomorrow"):
        found, said = read(lambda r, text=text: r.day_or_moment(scalar(text)))  # type: ignore[misc]
        assert found is None
        assert f"`{text}` is not a day" in said[0]
    assert read(lambda r: r.day_or_moment(items()))[0] is None


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("9:00", time(9)),
        ("09:30", time(9, 30)),
        ("23:59", time(23, 59)),
        ("24:00", time(0)),
        ("0:00", time(0)),
        ("24:01", None),
        ("9:60", None),
        ("9", None),
        ("9:0", None),
        ("９:00", time(9)),
    ],
)
def test_a_time_of_day(text: str, clock: time | None) -> None:
    """`24:00` is the end of the day; full-width digits are noted, and read."""
    found, said = read(lambda r: r.clock(scalar(text)))

    assert found == clock
    assert bool(said) is (clock is None or not text.isascii())


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(1868, 1, 24), "1868年1月24日"),
        (date(1868, 1, 25), "明治元年1月25日"),
        (date(1926, 12, 24), "大正15年12月24日"),
        (date(1926, 12, 25), "昭和元年12月25日"),
        (date(1989, 1, 7), "昭和64年1月7日"),
        (date(1989, 1, 8), "平成元年1月8日"),
        (date(2019, 4, 30), "平成31年4月30日"),
        (date(2026, 11, 23), "令和8年11月23日"),
    ],
)
def test_a_day_of_an_era_reads_back(day: date, said: str) -> None:
    """An author may copy it into a policy, where it is named with the line to write."""
    assert era_day(day) == said
    assert meant_day(said) == day.isoformat()


def test_an_unknown_name_is_offered_a_near_one() -> None:
    """The message offers no name if none is known."""
    assert read(lambda r: r.unknown_name(scalar("adlt"), ["adult"], Phrase("thing")))[1] == [
        "2:3: there is no thing `adlt`, did you mean `adult`?"
    ]
    assert read(lambda r: r.unknown_name(scalar("adlt"), [], Phrase("thing")))[1] == ["2:3: there is no thing `adlt`"]


@given(st.text(max_size=12) | st.dates().map(str))
def test_no_text_makes_the_reader_of_days_stumble(text: str) -> None:
    """A text is the day it is written for, or none."""
    found = day_of(text)

    assert found is None or str(found).replace("-0", "-") == text.replace("-0", "-")
