"""The small things of a policy: each is read, or noted with what would be right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.instant import TOKYO
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


def table(*loose: str, **values: Node | str) -> Table:
    """Return a table; `loose` are words between commas, which YAML takes for keys without a value."""
    entries = [Entry(key, HERE, scalar(each) if isinstance(each, str) else each) for key, each in values.items()]
    entries += [Entry(word, HERE, scalar("")) for word in loose]
    return Table(tuple(entries), HERE)


def items(*values: Node | str) -> Items:
    return Items(tuple(scalar(each) if isinstance(each, str) else each for each in values), HERE)


def read(how: Callable[[Reader], T]) -> tuple[T, list[str]]:
    mistakes = Mistakes()
    found = how(Reader(mistakes))
    return found, [str(mistake).removeprefix("p.yaml:") for mistake in mistakes]


def fixes(how: Callable[[Reader], object]) -> list[tuple[str, str]]:
    """Return what each mistake would have an editor write, and where."""
    mistakes = Mistakes()
    how(Reader(mistakes))
    return [(mistake.fix.old, mistake.fix.new) for mistake in mistakes if mistake.fix is not None]


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


@pytest.mark.parametrize(
    ("key", "said", "fix"),
    [
        ("ｎａｍｅ", "full-width letters `ｎａｍｅ`, write `name`", ("ｎａｍｅ", "name")),
        ("Name", "unknown key `Name`, write `name: …`", ("Name", "name")),
        ("名前", "unknown key `名前`, write `name: …`", ("名前", "name")),
    ],
)
def test_a_key_in_another_form_is_noted_and_read(key: str, said: str, fix: tuple[str, str]) -> None:
    """The value is looked at as well, so one slip hides no other mistake."""
    found, noted = read(lambda r: r.table(table(**{key: "r"}), ("name", "path"), WHAT))

    assert found is not None
    assert found.get("name") == scalar("r")
    assert noted == [f"2:3: {said}"]
    assert fixes(lambda r: r.table(table(**{key: "r"}), ("name", "path"), WHAT)) == [fix]


@pytest.mark.parametrize(
    ("key", "said", "fix"),
    [
        ("name:r", "2:7: no space behind `:`, write `name: r`", (":r", ": r")),
        ("name=r", "2:7: `=` where `:` belongs, write `name: r`", ("=r", ": r")),
        ("name ； r", "2:7: `；` where `:` belongs, write `name: r`", (" ； r", ": r")),
    ],
)
def test_a_key_without_its_colon_has_the_value_behind_it(key: str, said: str, fix: tuple[str, str]) -> None:
    """The mistake stands at the sign, and the value at its own place."""
    found, noted = read(lambda r: r.table(table(key), ("name", "path"), WHAT))

    assert found is not None
    assert found.get("name") == Scalar("r", HERE.moved(len(key) - 1))
    assert noted == [said]
    assert fixes(lambda r: r.table(table(key), ("name", "path"), WHAT)) == [fix]


def test_a_list_without_brackets_is_one_mistake() -> None:
    """YAML takes what stands behind its first comma for further keys."""
    node = table("b", "c", require="a")
    found, said = read(lambda r: r.table(node, ("require", "path"), WHAT))

    assert found is not None
    assert found.keys == ("require",)
    assert said == ["2:3: a list without brackets: `require: a, b, c`, write `require: [a, b, c]`"]
    # A word behind a mapping belongs to no list, and a first word has no list to belong to.
    assert "unknown key `b`" in read(lambda r: r.table(table("b", require=table()), ("require",), WHAT))[1][0]
    assert "unknown key `b`" in read(lambda r: r.table(table("b"), ("require",), WHAT))[1][0]


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


@pytest.mark.parametrize("text", ["「市民」", "“市民”", "『市民』", "＂市民＂"])
def test_quotation_marks_of_a_text_are_no_part_of_a_name(text: str) -> None:
    """YAML knows two quotation marks; any other would stand in each log line."""
    found, said = read(lambda r: r.name(scalar(text), WHAT))

    assert found is None
    assert said == [f"2:3: quotation marks that are a part of the name `{text}`, write `市民`"]
    assert read(lambda r: r.name(scalar("「"), WHAT)) == ("「", [])


def test_a_sentence_that_a_comma_has_cut_is_shown_in_quotes() -> None:
    """YAML takes the rest of it for a key without a value."""
    node = Table(
        tuple(
            Entry(key, HERE, scalar(text))
            for key, text in (
                ("en", "Book a room"),
                ("a court", ""),
                ("or both", ""),
                ("ja", "予約"),
                ("status", "404"),
            )
        ),
        HERE,
    )

    found, said = read(lambda r: r.words(node, WHAT, also=("status",)))

    assert found == {}
    assert said == [
        '2:3: an unquoted `,` in a sentence, write `{en: "Book a room, a court, or both", ja: "予約", status: 404}`'
    ]


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


@pytest.mark.parametrize(
    ("node", "values", "said"),
    [
        (items(items("a", "b")), [], "a list within a list, write `[a, b]`"),
        (scalar("「a、b」"), ["a", "b"], "`「` does not separate names, write `[a, b]`"),
        (scalar("a、- b"), ["a", "b"], "a Japanese comma `、`, write `,`"),
        (scalar("a・b"), ["a", "b"], "`・` does not separate values, write `[a, b]`"),
        (scalar("a と b"), ["a", "b"], "`と` does not separate values, write `[a, b]`"),
        (scalar("a b"), ["a", "b"], "` ` does not separate values, write `[a, b]`"),
        (items("a;b", "c"), ["a", "b", "c"], "`;` does not separate values, write `[a, b]`"),
        (scalar("a・z"), ["a・z"], ""),
    ],
)
def test_values_that_another_sign_joins_are_read_one_by_one(node: Node, values: list[str], said: str) -> None:
    """Each part must be a value: a sign within another text stays where it is."""
    found, noted = read(lambda r: r.listed(node, WHAT, lambda text: text in {"a", "b", "c"}))

    assert [each.text for each in found] == values
    assert [said in each for each in noted] == ([True] if said else []), noted


def test_full_width_brackets_around_a_value_are_slips_of_the_keyboard() -> None:
    """Each of the two is named at its place, and the value is read."""
    found, said = read(lambda r: r.listed(scalar("［a］"), WHAT, "a".__eq__))

    assert [each.text for each in found] == ["a"]
    assert said == ["2:3: a full-width bracket `［`, write `[`", "2:5: a full-width bracket `］`, write `]`"]


def test_joined_values_have_a_line_for_the_editor() -> None:
    """In brackets where none stand, and in place of the text within a list; a quoted text is its author's."""
    is_one = {"a", "b"}.__contains__

    assert fixes(lambda r: r.listed(scalar("a・b"), WHAT, is_one)) == [("a・b", "[a, b]")]
    assert fixes(lambda r: r.listed(items("a・b"), WHAT, is_one)) == [("a・b", "a, b")]
    assert fixes(lambda r: r.listed(scalar("a・b", plain=False), WHAT, is_one)) == []


@pytest.mark.parametrize(
    ("text", "said", "fix"),
    [
        ("Day", "unknown thing `Day`, did you mean `day`?", [("Day", "day")]),
        ("日", "unknown thing `日`, write `day`", [("日", "day")]),
        ("other", None, []),
        ("othr", "unknown thing `othr`, did you mean `other`?", []),
    ],
)
def test_a_word_in_another_form_is_corrected(text: str, said: str | None, fix: list[tuple[str, str]]) -> None:
    """The editor may write it if one word alone can have been meant; many others are offered, never listed."""
    found, noted = read(lambda r: r.word(scalar(text), ("day", "month"), Phrase("a thing"), also=("other",)))

    assert found == (text if said is None else None)
    assert noted == ([] if said is None else [f"2:3: {said}"])
    assert fixes(lambda r: r.word(scalar(text), ("day", "month"), Phrase("a thing"), also=("other",))) == fix


@pytest.mark.parametrize(
    ("read_it", "text", "meant"),
    [
        (lambda r, n: r.number(n, WHAT, 0, 20), "十八", "18"),
        (lambda r, n: r.number(n, WHAT, 0, 20), "18回", "18"),
        (lambda r, n: r.duration(n, WHAT), "5分", "5m"),
        (lambda r, n: r.clock(n), "午後5時半", "17:30"),
        (lambda r, n: r.day(n), "令和8年12月1日", "2026-12-01"),
        (lambda r, n: r.day_or_moment(n), "12月1日", "12-01"),
        (lambda r, n: r.day_or_moment(n), "2026/12/1 午前9時", "2026-12-01 09:00"),
        (lambda r, n: r.day_or_moment(n), "2026-12-01 25:00", "2026-12-02 01:00"),
        (lambda r, n: r.day_or_moment(n), "9999-12-31 24:00", "9999-12-31"),
    ],
)
def test_a_value_in_another_form_has_the_line_to_write(
    read_it: Callable[[Reader, Node], object], text: str, meant: str
) -> None:
    """The editor may write it, as nothing else can have been meant; in quotes it is left to the author."""
    found, said = read(lambda r: read_it(r, scalar(text)))

    assert found is None
    assert len(said) == 1
    assert said[0].endswith(f", write `{meant}`")
    assert fixes(lambda r: read_it(r, scalar(text))) == [(text, meant)]
    assert fixes(lambda r: read_it(r, scalar(text, plain=False))) == []


def test_a_number_that_says_where_a_period_begins_is_left_to_its_author() -> None:
    """18歳以上 is a bound and not a number alone: the message shows the number, the editor writes nothing."""
    assert read(lambda r: r.number(scalar("18歳以上"), WHAT, 0, 20))[1][0].endswith(", write `18`")
    assert fixes(lambda r: r.number(scalar("18歳以上"), WHAT, 0, 20)) == []
    assert read(lambda r: r.number(scalar("四十"), WHAT, 0, 20))[1][0].endswith(", write 0 to 20")


def test_a_moment_is_a_day_and_a_time_in_japan() -> None:
    """`24:00` is the beginning of the next day, and the last day of the calendar has none."""
    assert read(lambda r: r.day_or_moment(scalar("2026-12-01 10:00"))) == (
        datetime(2026, 12, 1, 10, tzinfo=TOKYO),
        [],
    )
    assert read(lambda r: r.day_or_moment(scalar("2026-12-31 24:00"))) == (datetime(2027, 1, 1, tzinfo=TOKYO), [])
    assert read(lambda r: r.day_or_moment(scalar("9999-12-31 23:59")))[0] == datetime(
        9999, 12, 31, 23, 59, tzinfo=TOKYO
    )
    found, said = read(lambda r: r.day_or_moment(scalar("2026-12-01 10:60")))
    assert found is None
    assert said == ["2:14: `10:60` is not a time of day, write it as `9:00`"]


def test_hours_of_the_next_day_are_shown_as_such() -> None:
    """Shops write 25:00 for one in the morning."""
    assert read(lambda r: r.clock(scalar("25:30"))) == (
        None,
        ["2:3: `25:30` is not a time of day, write `1:30`: hours that end before they begin end on the next day"],
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("adult、here", "`、` does not separate names, write `[adult, here]`"),
        ("adult かつ here", "`かつ` does not separate names, write `[adult, here]`"),
        ("(adult)", "`(` does not separate names, write `[adult]`"),
        ("・adult", "`・` does not separate names, write `[adult]`"),
        ("a here", "` ` does not separate names, write `[a, here]`"),
        ("a) here", "`)` does not separate names, write `[a, here]`"),
        ("b) here", "`)` does not separate names, write `[here]`"),
        ("b here", "`b` does not separate names, write `[here]`"),
        ("adult または here", "`または` is a condition of its own, write a condition `any: [adult, here]`"),
        ("adult or here", "`or` is a condition of its own, write a condition `any: [adult, here]`"),
        ("adult、nowhere", "there is no thing `adult、nowhere`"),
    ],
)
def test_names_that_another_sign_joins_have_the_line_to_write(text: str, said: str) -> None:
    """A list means that all must hold; one of several is a condition of its own."""
    noted = read(lambda r: r.unknown_name(scalar(text), ("a", "adult", "here"), Phrase("thing")))[1]

    assert len(noted) == 1
    assert noted[0].startswith(f"2:3: {said}")


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
