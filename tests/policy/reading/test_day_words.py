"""The words of `days`, as ordinances and notices of opening hours write them."""

from __future__ import annotations

import pytest

from gateway.policy.calendar import LAST, Days, Moved
from gateway.policy.reading.day_words import meant_days, merged, read_days

MONDAYS = Days(frozenset({0}))


@pytest.mark.parametrize(
    ("word", "days"),
    [
        ("月", MONDAYS),
        ("毎週月曜日", MONDAYS),
        ("（月）", MONDAYS),
        ("Mon", MONDAYS),
        ("第３月曜", Days(numbered=frozenset({(3, 0)}))),
        ("毎月第三月曜日", Days(numbered=frozenset({(3, 0)}))),
        ("最終金曜", Days(numbered=frozenset({(LAST, 4)}))),
        ("１日", Days(of_month=frozenset({1}))),
        ("毎月15日", Days(of_month=frozenset({15}))),
        ("末日", Days(of_month=frozenset({LAST}))),
        ("月末", Days(of_month=frozenset({LAST}))),
        ("1日から3日まで", Days(of_month=frozenset({1, 2, 3}))),
        ("30日から末日まで", Days(of_month=frozenset({30, 31, LAST}))),
        ("祝日", Days(holidays=True)),
        ("祝日を除く", Days(no_holidays=True)),
        ("祝日の翌日", Days(after_holidays=True)),
        ("祝日の翌平日", Days(workdays_after_holidays=True)),
        ("月曜（祝日のときは翌平日）", Days(moved=(Moved(MONDAYS),))),
        ("月曜日（祝日の場合は翌平日）", Days(moved=(Moved(MONDAYS),))),
        ("月曜(祝日なら翌平日)", Days(moved=(Moved(MONDAYS),))),
        ("月曜日（月曜日が祝日に当たるときは、その翌平日）", Days(moved=(Moved(MONDAYS),))),
        (
            "末日（土日祝のときは前平日）",
            Days(moved=(Moved(Days(of_month=frozenset({LAST})), weekends=True, backwards=True),)),
        ),
        ("10日（土日祝のときは翌平日）", Days(moved=(Moved(Days(of_month=frozenset({10})), weekends=True),))),
        *(
            (word, None)
            for word in ("0日", "32日", "10日から5日まで", "祝前日", "月曜（祝日のときは翌日）", "平日", "")
        ),
        *((word, None) for word in ("末日（休日のときは翌平日）", "第3月曜（雨のときは翌平日）", "祝日の前日")),
    ],
)
def test_a_word_is_read_as_the_days_it_names(word: str, days: Days | None) -> None:
    """With the signs of a Japanese keyboard or without, and nothing that could mean two things."""
    assert read_days(word) == days


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("平日", "月, 火, 水, 木, 金, 祝日を除く"),
        ("月～金", "月, 火, 水, 木, 金"),
        ("土・日・祝", "土, 日, 祝日"),
        ("1日～10日", "1日から10日まで"),
        ("毎月２１〜末日", "21日から末日まで"),
        ("1日～40日", ""),
        ("第1・第3水曜", "第1水曜, 第3水曜"),
        ("第２、４土曜日", "第2土曜日, 第4土曜日"),
        ("月曜・祝日の翌日", "月曜, 祝日の翌日"),
        ("月及び末日", "月, 末日"),
        ("月曜と雨の日", ""),
        ("月曜日（祝日の場合は翌日）", "月曜日（祝日のときは翌平日）"),
        ("月曜日（休日の場合はその翌日）", "月曜日（祝日のときは翌平日）"),
        ("末日（休日の場合は直前の平日）", "末日（土日祝のときは前平日）"),
        ("月〜金（祝日を除く）", "月, 火, 水, 木, 金, 祝日を除く"),
        ("水曜（祝日は除く。）", "水曜, 祝日を除く"),
        ("雨の日（祝日を除く）", ""),
        ("祝翌日", "祝日の翌日"),
        ("祝前日", ""),
    ],
)
def test_other_forms_lead_to_the_words_to_write(written: str, meant: str) -> None:
    """The remedy is read without a mistake itself."""
    assert meant_days(written) == meant
    assert all(read_days(word) is not None for word in meant.split(", ") if word)


def test_the_words_of_a_list_are_put_together() -> None:
    """Any of them names a day, and 祝日を除く takes holidays out of all."""
    words = ("月", "第3月曜", "末日", "祝日の翌日", "祝日の翌平日", "祝日", "火曜（祝日のときは翌平日）", "祝日を除く")
    found = merged([days for word in words if (days := read_days(word)) is not None])

    assert found == Days(
        frozenset({0}),
        frozenset({(3, 0)}),
        frozenset({LAST}),
        holidays=True,
        after_holidays=True,
        workdays_after_holidays=True,
        moved=(Moved(Days(frozenset({1}))),),
        no_holidays=True,
    )
