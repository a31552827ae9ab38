"""The slips of a Japanese keyboard and of a word processor: each is named, at its place, with the line to write."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pytest

from gateway.policy.authoring.house_form import mended
from gateway.policy.reading.meant import meant_day
from gateway.policy.reading.parse import LOOK_ALIKES, parse_policy
from gateway.yaml.mistakes import Language, Mistakes
from tests.policy.reading.typing_mistakes import BOTH, CONDITIONS, DAYS, EXAMPLES, RULES

HEAD = """policy: p
purpose: {ja: 確認のため}
conditions:
  市民: {residence: {in: [横浜市]}}
  期間: {dates: {from: 2026-12-01, until: 2026-12-10}}
rules:
"""
RULE = "  - {name: r, match: {path: /a/**}, require: [市民]}\n"


def said(text: str, language: Language = Language.EN) -> list[str]:
    mistakes = Mistakes()
    policy = parse_policy(text, mistakes)
    assert (policy is None) == (len(mistakes) > 0)
    return [mistake.say(language).removeprefix("policy.yaml:") for mistake in mistakes]


def test_the_policy_without_a_slip_is_good() -> None:
    """The slips below are the only faults."""
    assert said(HEAD + RULE) == []


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("/admin/＊＊", "7:36: a full-width asterisk `＊`, write `*`"),
        ("/ａｄｍｉｎ/**", "7:30: full-width letters `ａｄｍｉｎ`, write `admin`"),
        ("/y/２０２６", "7:32: full-width digits `２０２６`, write `2026`"),
        ("／admin", "7:29: a full-width slash `／`, write `/`"),
        (
            "https://city.example/admin/**",
            "7:29: `https://city.example/admin/**` is a whole URL, write the path alone: `/admin/**`",
        ),
        ("https://city.example", "7:29: `https://city.example` is a whole URL, write the path alone: `/`"),
    ],
)
def test_a_path_has_no_full_width_signs(path: str, remedy: str) -> None:
    """`/admin/＊＊` would be a rule about one odd name, and the page would be the next rule's."""
    assert remedy in said(f"{HEAD}  - {{name: r, match: {{path: {path}}}, require: [市民]}}\n")


@pytest.mark.parametrize(
    ("names", "sign", "line"),
    [
        ("［期間, 市民］", "［", "[期間, 市民]"),
        ("「期間, 市民」", "「", "[期間, 市民]"),
        ("（期間、市民）", "（", "[期間, 市民]"),
        ("【期間】", "【", "[期間]"),
        ("[期間・市民]", "・", "[期間, 市民]"),
        ("[期間 かつ 市民]", "かつ", "[期間, 市民]"),
        ("[期間及び市民]", "及び", "[期間, 市民]"),
        ("[期間／市民]", "／", "[期間, 市民]"),
        ("期間　市民", "\u3000", "[期間, 市民]"),
        ("期間 市民", " ", "[期間, 市民]"),
    ],
)
def test_names_are_separated_by_commas_in_brackets(names: str, sign: str, line: str) -> None:
    """The message has the list as it should stand there."""
    found = said(f"{HEAD}  - name: r\n    require: {names}\n")
    assert any(f"`{sign}` does not separate names, write `{line}`" in one for one in found), found


def test_either_of_two_is_a_condition() -> None:
    """または in a list is not what a list says."""
    assert said(f"{HEAD}  - name: r\n    require: [期間または市民]\n") == [
        "8:15: `または` is a condition of its own, write a condition `any: [期間, 市民]` and name it here"
    ]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (HEAD.replace("conditions:\n", "conditions:\u3000\n") + RULE, "3:12: a full-width space (U+3000)"),
        (HEAD.replace("rules:\n", "rules:\u3000\u3000\n") + RULE, "6:7: a full-width space (U+3000)"),
        (
            HEAD + "  - name: r\n\u00a0\u00a0\u00a0\u00a0require: [市民]\n",
            "8:1: a sign that is not seen (no-break space, U+00A0)",
        ),
        (HEAD + "  - name: r\n    require: [市\u200b民]\n", "8:16: a sign that is not seen (zero-width space, U+200B)"),
        (HEAD + "  - name: r\n    req\u2060uire: [市民]\n", "8:8: a sign that is not seen (word joiner, U+2060)"),
        (HEAD + "  - name: r\ufeff\n    require: [市民]\n", "7:12: a sign that is not seen (byte order mark, U+FEFF)"),
        (HEAD + "  － name: r\n    require: [市民]\n", "7:3: a full-width hyphen `－`, write `-`"),
        (HEAD + "  －name: r\n    require: [市民]\n", "7:3: a full-width hyphen `－`, write `-`"),
        (HEAD + "  ー name: r\n    require: [市民]\n", "7:3: a sign `ー` that is no hyphen, write `-`"),
        (HEAD + "  ・ name: r\n    require: [市民]\n", "7:3: a sign `・` that is no hyphen, write `-`"),
        (
            HEAD + "  - {name: “r”, require: [市民]}\n",
            "7:12: quotation marks that are a part of the name `“r”`, write `r`",
        ),
    ],
)
def test_a_sign_is_named_and_nothing_else_is_blamed(text: str, start: str) -> None:
    """One slip is one message, at its own line and column."""
    found = said(text)
    assert len(found) == 1, found
    assert found[0].startswith(start)


def test_a_quoted_text_keeps_its_signs() -> None:
    """An author who needs a sign that is not seen writes it in quotes; a comment may hold anything."""
    text = HEAD.replace("確認のため", '"確認\u00a0の\u3000ため"') + RULE.rstrip() + " # \u00a0 \u200b\n"
    assert said(text) == []


@pytest.mark.parametrize(
    ("purpose", "sign", "line"),
    [
        ("{ja: 対象です。問い合わせ: 窓口}", ": ", '{ja: "対象です。問い合わせ: 窓口"}'),
        ("{ja: 市民, 在勤の方, en: Residents}", ",", '{ja: "市民, 在勤の方", en: "Residents"}'),
        ("{ja: 窓口 #3 へ}", " #", '{ja: "窓口 #3 へ"}'),
        ("{ja: 受付は[平日]です, en: At: once}", "[", '{ja: "受付は[平日]です", en: "At: once"}'),
        ("\n  ja: 窓口 #3 へ", " #", 'ja: "窓口 #3 へ"'),
    ],
)
def test_a_sentence_that_needs_quotes_is_shown_with_them(purpose: str, sign: str, line: str) -> None:
    """The sign that breaks it, and the corrected line."""
    found = said(HEAD.replace(" {ja: 確認のため}", " " + purpose if purpose[0] == "{" else purpose) + RULE)
    assert any(f"`{sign}`" in one and line in one for one in found), found


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("令和8年12月1日", "2026-12-01"),
        ("令和元年5月1日", "2019-05-01"),
        ("R8.12.1", "2026-12-01"),
        ("r８．１２．１", "2026-12-01"),
        ("昭和61年4月1日", "1986-04-01"),
        ("S64/1/7", "1989-01-07"),
        ("S64.1.8", ""),
        ("昭和70年5月1日", ""),
        ("令和元年4月30日", ""),
        ("平成31年2月29日", ""),
        ("2026年12月1日", "2026-12-01"),
        ("2026/12/1", "2026-12-01"),
        ("2026.12.1", "2026-12-01"),
        ("20261201", "2026-12-01"),
        ("12月29日", "12-29"),
        ("12/29", "12-29"),
        ("13/29", ""),
        ("来週", ""),
    ],
)
def test_a_day_in_another_form_is_converted(text: str, meant: str) -> None:
    """和暦 within the days of its era, Excel's slashes, digits alone."""
    assert meant_day(text) == meant
    found = said(HEAD.replace("from: 2026-12-01", f"from: {text}") + RULE)
    assert any(f"write `{meant}`" in one if meant else "is not a day" in one for one in found), found


def test_every_message_speaks_japanese() -> None:
    """The same slips, said to an official."""
    for slip in ("［期間, 市民］", "[期間・市民]", "[市\u200b民]"):
        found = said(f"{HEAD}  - name: r\n    require: {slip}\n", Language.JA)
        assert found
        assert all("write" not in one for one in found)


def test_conditions_with_hyphens_are_named() -> None:
    """One of them, or each: names have no `- ` before them."""
    one = HEAD.replace("  期間:", "  - 期間:") + RULE
    each = one.replace("  市民:", "  - 市民:")

    assert said(one) == ["5:3: a `- ` where no list is, write `期間: {dates: {from: 2026-12-01, until: 2026-12-10}}`"]
    assert "4:3: expected conditions by name, found a list, write each as `NAME: …` without `- `" in said(each)


@pytest.mark.parametrize(("text", "messages"), DAYS)
def test_a_day_in_any_form_is_said_with_the_one_to_write(text: str, messages: tuple[str, ...]) -> None:
    """和暦 of every era, numerals, Excel's numbers, periods: the day that was meant, or why there is none."""
    assert tuple(said(HEAD.replace("from: 2026-12-01", f"from: {text}") + RULE)) == messages


@pytest.mark.parametrize(("text", "messages"), CONDITIONS)
def test_a_slip_in_a_condition_is_said_with_the_line_to_write(text: str, messages: tuple[str, ...]) -> None:
    """Numbers with units, places joined by other signs, hours in words, brackets of another kind."""
    assert tuple(said(HEAD.replace("{residence: {in: [横浜市]}}", text) + RULE)) == messages


@pytest.mark.parametrize(("text", "messages"), RULES)
def test_a_slip_in_a_rule_is_said_with_the_line_to_write(text: str, messages: tuple[str, ...]) -> None:
    """Paths with signs that look like others, lists without brackets, comments, colons, quotes and indents."""
    assert tuple(said(HEAD + text)) == messages


@pytest.mark.parametrize(("good", "text", "messages"), EXAMPLES)
def test_a_slip_in_an_example_is_said_with_the_line_to_write(good: str, text: str, messages: tuple[str, ...]) -> None:
    """Persons in words, requests with their host or as patterns, verdicts as people say them."""
    example = "{title: t, at: 2026-11-29, who: {address: 横浜市}, request: GET /a, expect: allow}"
    assert tuple(said(f"{HEAD}{RULE}examples:\n  - {example.replace(good, text)}\n")) == messages


MARKS = (
    *(
        "1: ",
        "1:",
        "１：",
        "1、",
        "1，",
        "1､",
        "1・",
        "1-",
        "1 ",
        "１\u3000",
        "No.1 ",
        "第1 ",
        "規則1: ",
        "（１）",
        "【1】",
        "1.- ",
    ),
    *("①、", "⑴ ", "❶", "一、", "イ ", "a) ", "• ", "•\t", "\uf0b7 ", "☆ "),
)
"""Numbers and bullets of a letter, an ordinance or a word processor, in the place of `- `."""


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("where", ["each", "second", "after the hyphen"])
def test_a_number_in_the_place_of_a_hyphen_is_the_one_thing_that_is_said(mark: str, where: str) -> None:
    """The scanner stumbles over lines that are right, and a comma or colon of the mark is no slip of its own."""
    good = f"{HEAD}  - name: r\n    require: [市民]\n  - name: s\n    allow: nobody\n"
    first = mark if where == "each" else "- "
    second = f"- {mark}" if where == "after the hyphen" else mark
    text = good.replace("- name: r", f"{first}name: r").replace("- name: s", f"{second}name: s")

    mistakes = Mistakes()
    parse_policy(text, mistakes)

    assert [mistake.line for mistake in mistakes] == ([7, 9] if where == "each" else [9])
    assert all(mistake.fix is not None for mistake in mistakes)
    assert mended(text, _mistakes_of) == good


@pytest.mark.parametrize(
    ("good", "text", "english"),
    [
        (
            "{residence: {in: [横浜市]}}",
            "\n    residence: in: [横浜市]",
            (
                "5:16: two keys on one line, "
                'write `residence: {in: [横浜市]}`, or `residence: "in: [横浜市]"` if it is one text'
            ),
        ),
        (
            "{residence: {in: [横浜市]}}",
            "\n    residence {in: [横浜市]}",
            "5:14: no `:` behind `residence`, write `residence: {in: [横浜市]}`",
        ),
        (
            "市民: {residence: {in: [横浜市]}}",
            "市民: residence: {in: [横浜市]}\n    if_not: {ja: 対象外}",
            "4:7: two keys on one line, write `市民:` and, below it, `residence: {in: [横浜市]}`",
        ),
        (
            "市民: {residence: {in: [横浜市]}}",
            "1: 市民:\n    residence: {in: [横浜市]}",
            "4:3: a number `1:` before a name, write `市民:`",
        ),
        (
            "市民: {residence: {in: [横浜市]}}",
            "市民:\n    residence: {in: [横浜市]}\n    if_not:\n      ja: 横浜市の\n      方へ",
            "8:7: a sentence goes on here, and its indent is not deeper, write it on one line: `ja: 横浜市の方へ`",
        ),
        (
            "  期間: {dates: {from",
            "   期間:\n    dates: {from",
            "5:4: indented by 3 where its neighbours are by 2, write `期間:`",
        ),
    ],
)
def test_the_line_that_is_wrong_is_blamed(good: str, text: str, english: str) -> None:
    """The line where the scanner stops is often one that is right, and quotes are no cure for two keys."""
    whole = (HEAD + RULE).replace(good, text)
    if text.startswith("   期間"):
        whole = whole.replace("until: 2026-12-10}}", "until: 2026-12-10}")
    assert said(whole)[0] == english


@pytest.mark.parametrize(
    ("require", "english"),
    [
        ("[市民]。", "8:18: `。` behind a closed bracket, write `require: [市民]`"),
        (
            "[市民]（全員）",
            "8:18: `（全員）` behind a closed bracket begins no comment, write `require: [市民]  # 全員`",
        ),
    ],
)
def test_a_text_behind_a_closed_list_is_no_text_of_the_list(require: str, english: str) -> None:
    """Quotes around all of it would make a name that nothing bears."""
    assert said(f"{HEAD}  - name: r\n    require: {require}\n") == [english]


def test_an_address_with_a_number_sign_keeps_its_end() -> None:
    """A bracket that is closed before the sign would cut the number of the room off, and nobody would see it."""
    example = "{title: t, at: 2026-11-29, who: {address: 横浜市中区1-1 #201}, request: GET /a, expect: allow}"
    line = example.replace("横浜市中区1-1 #201", '"横浜市中区1-1 #201"')
    assert said(f"{HEAD}{RULE}examples:\n  - {example}\n") == [f"9:55: a ` #` begins a comment, write `- {line}`"]


def test_a_bracket_of_a_table_around_is_no_sign_of_its_sentence() -> None:
    """The line below had the slip, and this one was blamed for the brackets that it rightly has."""
    limit = "limit: {name: x, once: day, counted_when: {status: 303}, if_over: {ja: 一日一回です。}}"
    assert said(f"{HEAD}  - name: r\n    require. [市民]\n    {limit}\n") == [
        "8:12: no `:` behind `require`, write `require: [市民]`"
    ]


def test_a_space_in_a_path_is_mended_by_its_author() -> None:
    """`/a /**` is two paths or one with a slip, and the second of two would be the whole application."""
    mistakes = Mistakes()
    parse_policy(f"{HEAD}  - {{name: r, match: {{path: /a /**}}, require: [市民]}}\n", mistakes)
    (one,) = mistakes
    assert one.fix is None
    assert "write `[/a, /**]`, or `/a/**` if the space is a slip" in str(one)


def test_a_time_in_full_width_is_mended_as_one() -> None:
    """No space comes behind its colon, as one does behind a key's."""
    text = HEAD.replace("until: 2026-12-10", "until: 2026-12-10, hours: {from: ９：００, until: １７：３０}") + RULE
    assert "hours: {from: 9:00, until: 17:30}" in mended(text, _mistakes_of)


def _mistakes_of(text: str) -> Mistakes:
    mistakes = Mistakes()
    parse_policy(text, mistakes)
    return mistakes


def test_voice_marks_of_their_own_are_named() -> None:
    """A name copied from a file's name on a Mac looks the same, so that `did you mean` would show it twice."""
    apart = normalize("NFD", "がっこう")
    text = HEAD.replace("期間: {", "がっこう: {") + f"  - {{name: r, require: [{apart}]}}\n"
    assert said(text) == [
        f"7:25: `{apart}` has voice marks as signs of their own, as names of files have on a Mac, write `がっこう`"
    ]


@pytest.mark.parametrize("sign", sorted(LOOK_ALIKES))
def test_no_path_has_a_sign_that_only_looks_like_one(sign: str) -> None:
    """Such a rule would be about one odd page, and leave the page that was meant to the next rule."""
    found = said(f"{HEAD}  - {{name: r, match: {{path: '/a/{sign}'}}, require: [市民]}}\n")
    assert any(f"`{sign}`" in one for one in found), found


@pytest.mark.parametrize("number", range(0xFF01, 0xFF5F))
def test_every_full_width_sign_in_a_path_is_named(number: int) -> None:
    """A path that is left out silently would make the rule one of every request."""
    assert said(f"{HEAD}  - {{name: r, match: {{path: '/a/{chr(number)}x'}}, require: [市民]}}\n")


@pytest.mark.parametrize(
    ("text", "messages"),
    [*((HEAD.replace("{residence: {in: [横浜市]}}", text) + RULE, said) for text, said in CONDITIONS), *RULES],
)
def test_what_a_message_calls_certain_is_the_cure(text: str, messages: tuple[str, ...]) -> None:
    """A fix leaves fewer mistakes than before, and it is the text that the message shows."""
    text = text if text.startswith(HEAD[:10]) else HEAD + text
    mistakes = Mistakes()
    parse_policy(text, mistakes)
    for mistake in mistakes:
        if mistake.fix is None:
            continue
        lines = text.split("\n")
        line, column = lines[mistake.line - 1], mistake.column - 1
        if not line.startswith(mistake.fix.old, column):
            # A slip of the same line hides it; it is mended first.
            assert len(messages) > 1
            continue
        lines[mistake.line - 1] = line[:column] + mistake.fix.new + line[column + len(mistake.fix.old) :]
        again = Mistakes()
        parse_policy("\n".join(lines), again)
        assert mistake not in list(again), mistake


@pytest.mark.parametrize(("good", "text", "english", "japanese"), BOTH)
def test_a_slip_is_said_in_both_languages(
    good: str, text: str, english: tuple[str, ...], japanese: tuple[str, ...]
) -> None:
    """Names of several places, all facts or none, files that are not there: the line, the reason and the cure."""
    whole = (HEAD + RULE).replace(good, text)
    assert (tuple(said(whole)), tuple(said(whole, Language.JA))) == (english, japanese)


def test_a_list_that_is_not_there_is_said_where_it_is_named(tmp_path: Path) -> None:
    """The line stands in the file that a policy uses, and a file outside of the folder has the same place."""
    (tmp_path / "shared.yaml").write_text("conditions:\n  名簿: {subject: {in: lists/none.csv}}\n", encoding="utf-8")
    for may_read, why in (
        (None, "there is no such file"),
        (lambda path: "lists" not in path.parts, "lies outside the folder, so it is not read here"),
    ):
        mistakes = Mistakes()
        parse_policy(f"use: shared.yaml\n{HEAD}{RULE}", mistakes, folder=tmp_path, may_read=may_read)
        line = f"shared.yaml:2:22: `in` names the file `lists/none.csv`: {why}"
        assert [str(mistake).partition(", write")[0] for mistake in mistakes] == [line]
