"""Reads the small parts of a policy: words, names, numbers, days, times, durations, lists.

A reader that finds a mistake notes it and returns `None`, so that its caller goes on to the next key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from unicodedata import category, normalize

from gateway.instant import TOKYO
from gateway.language import Language
from gateway.policy.conditions import MonthDay
from gateway.policy.verdict import Words
from gateway.settings.typed import duration_of
from gateway.yaml.mistakes import Mistakes, Phrase, Where, did_you_mean, one_of
from gateway.yaml.slips import note_slips
from gateway.yaml.tree import Items, Node, Scalar, Table, kind_of, unknown_key

LANGUAGES = tuple(language.value for language in Language)
"""The languages of every text: those of our pages. A page shows a text in its own language, or else in Japanese."""

_OTHER_NAMES = {
    Language.JA: frozenset(("jp", "jpn", "ja-jp", "日本語")),
    Language.EASY: frozenset(
        ("ja-hira", "ja-easy", "ja-yasashii", "ja_simple", "easy", "simple", "yasashii", "やさしい日本語", "やさしい")
    ),
    Language.EN: frozenset(("eng", "en-us", "en-gb", "英語", "english")),
}
"""Names by which authors know a language."""

_QUOTES = "“”„‟‘’「」『』＂＇"

MAX_NAME = 80
"""Characters of a name: it stands in log lines and metric labels."""


Bound = date | datetime | MonthDay | None
"""An end of `dates`: a day, a moment in Japan, a day of every year, or nothing that can be read."""


class Reader:
    """Reads nodes and notes their mistakes."""

    def __init__(self, mistakes: Mistakes) -> None:
        self.mistakes = mistakes

    def expected(self, node: Node, what: Phrase, remedy: Phrase | None = None) -> None:
        """Note that another value is expected here; if a full-width character is the reason, the note names it."""
        if (
            isinstance(node, Scalar)
            and node.plain
            and re.search("[：｛｝［］「]", node.text)
            and note_slips(node, self.mistakes)
        ):
            return
        found = kind_of(node)
        said = Phrase(f"expected {what.en}, found {found.en}", f"{what.ja}を書くところに{found.ja}があります")
        self.mistakes.add(node.where, said, remedy)

    def table(self, node: Node, known: Iterable[str], what: Phrase) -> Table | None:
        """Return a mapping whose keys are known; unknown ones are noted, and left out by the caller."""
        if not isinstance(node, Table):
            self.expected(node, what)
            return None
        words = tuple(known)
        for entry in node:
            if entry.key not in words:
                unknown_key(entry, words, self.mistakes)
        return node

    def need(self, table: Table, key: str, what: Phrase) -> Node | None:
        """Return a key's value; a missing one is noted at the mapping."""
        value = table.get(key)
        if value is None:
            said = Phrase(f"`{key}` is missing in {what.en}", f"{what.ja}に `{key}` がありません")
            self.mistakes.add(table.where, said, Phrase(f"add `{key}: …`", f"`{key}: …` を書いてください"))
        return value

    def text(self, node: Node, what: Phrase) -> str | None:
        """Return a text that is not empty."""
        if not isinstance(node, Scalar) or not node.text.strip():
            self.expected(node, what)
            return None
        return node.text

    def clean(self, node: Node, what: Phrase) -> str | None:
        """Return a text in which full-width characters are mistakes: it notes them and reads the intended ones."""
        text = self.text(node, what)
        if text is None or not isinstance(node, Scalar):
            return None
        if note_slips(node, self.mistakes):
            return normalize("NFKC", text).replace("、", ",").strip()
        return text

    def name(self, node: Node, what: Phrase) -> str | None:
        """Return a name: any words on one line, Japanese too."""
        text = self.text(node, what)
        if text is None:
            return None
        if text[0] in _QUOTES and text[-1] in _QUOTES and len(text) > 1:
            said = Phrase(
                f"quotation marks that are a part of the name `{text}`", f"引用符が名前 `{text}` に入っています"
            )
            remedy = Phrase(f"write `{text[1:-1]}`", f"`{text[1:-1]}` と書いてください")
            self.mistakes.add(node.where, said, remedy)
            return None
        if len(text) > MAX_NAME or any(category(sign).startswith("C") for sign in text):
            said = Phrase(f"this is not a valid name for {what.en}", f"{what.ja}として使えない名前です")
            remedy = Phrase(
                f"write at most {MAX_NAME} characters on one line", f"{MAX_NAME} 文字以内で、一行で書いてください"
            )
            self.mistakes.add(node.where, said, remedy)
            return None
        return text

    def words(self, node: Node, what: Phrase, *, also: tuple[str, ...] = ()) -> Words:
        """Return a sentence in Japanese and in the other languages in which it is given."""
        if isinstance(node, Scalar) and node.text:
            remedy = Phrase(f"write `{{ja: {node.text}}}`", f"`{{ja: {node.text}}}` と書いてください")
            self.expected(node, Phrase(f"{what.en} by language", f"言語ごとの{what.ja}"), remedy)
            return {"ja": node.text}
        if isinstance(node, Table) and (line := _comma_in_sentence(node, (*LANGUAGES, *also))):
            said = Phrase("an unquoted `,` in a sentence", "文の中に、囲まれていない `,` があります")
            self.mistakes.add(node.where, said, Phrase(f"write `{line}`", f"`{line}` と書いてください"))
            return {}
        known = (*LANGUAGES, *also, *(self._other_names(node) if isinstance(node, Table) else ()))
        table = self.table(node, known, Phrase(f"{what.en} by language", f"言語ごとの{what.ja}"))
        if table is None:
            return {}
        found: dict[str, str] = {}
        for language in LANGUAGES:
            value = table.get(language)
            text = None if value is None else self.text(value, Phrase("a sentence", "文"))
            if text is not None:
                found[language] = text.strip()
        if "ja" not in found and not (also and not found and "ja" not in table.keys):
            self.need(table, "ja", what)
        return found

    def _other_names(self, table: Table) -> list[str]:
        """Note other names of languages, and return them: they are no unknown keys."""
        found = []
        for entry in table:
            meant = next((language for language, names in _OTHER_NAMES.items() if entry.key.lower() in names), None)
            if meant is not None:
                said = Phrase(
                    f"the language `{entry.key}` is called `{meant}`", f"言語 `{entry.key}` は `{meant}` と書きます"
                )
                self.mistakes.add(entry.where, said, Phrase(f"write `{meant}: …`", f"`{meant}: …` と書いてください"))
                found.append(entry.key)
        return found

    def listed(self, node: Node, what: Phrase) -> list[Scalar]:
        """Return one or a list of texts; full-width commas in a plain one are slips, and separate it."""
        nodes = node.items if isinstance(node, Items) else (node,)
        found: list[Scalar] = []
        for item in nodes:
            if not isinstance(item, Scalar) or not item.text.strip():
                self.expected(item, what)
            elif item.plain and re.search("[、，]", item.text):
                bare = item.text.strip().strip(_BRACKETS)
                parts = [part.strip() for part in re.split("[、，]", bare)]
                if bare == item.text.strip():
                    note_slips(item, self.mistakes)
                else:
                    said = Phrase(
                        f"`{item.text[0]}` does not separate names", f"`{item.text[0]}` は名前の区切りになりません"
                    )
                    line = ", ".join(parts)
                    self.mistakes.add(item.where, said, Phrase(f"write `[{line}]`", f"`[{line}]` と書いてください"))
                found += [Scalar(part, item.where, plain=False) for part in parts]
            else:
                found.append(item)
        if isinstance(node, Items) and not node.items:
            self.mistakes.add(
                node.where,
                Phrase("the list is empty", "リストが空です"),
                Phrase(f"write {what.en}", f"{what.ja}を書いてください"),
            )
        return found

    def word(self, node: Node, words: tuple[str, ...], what: Phrase, *, also: tuple[str, ...] = ()) -> str | None:
        """Return one of a few words, or one of `also`, which are too many to be listed in a remedy."""
        text = self.clean(node, what)
        if text is None:
            return None
        if text not in words and text not in also:
            found = Phrase(f"unknown {what.en} `{text}`", f"{what.ja} `{text}` はありません")
            self.mistakes.add(node.where, found, did_you_mean(text, (*words, *also)) or one_of(words))
            return None
        return text

    def number(self, node: Node, what: Phrase, low: int, high: int) -> int | None:
        """Return a whole number between two, both included."""
        text = self.clean(node, what)
        if text is None:
            return None
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not low <= int(text) <= high:
            remedy = Phrase(f"write {low} to {high}", f"{low} から {high} までの数を書いてください")
            found = Phrase(f"`{text}` is not {what.en}", f"`{text}` は{what.ja}ではありません")
            self.mistakes.add(node.where, found, remedy)
            return None
        return int(text)

    def truth(self, node: Node, what: Phrase) -> bool | None:
        """Return `true` or `false`, and nothing that looks like them."""
        word = self.word(node, ("true", "false"), what)
        return None if word is None else word == "true"

    def duration(self, node: Node, what: Phrase) -> float | None:
        """Return seconds of `90s`, `5m`, `2h` or `3d`."""
        text = self.clean(node, what)
        if text is None:
            return None
        seconds = duration_of(text)
        if seconds is None:
            found = Phrase(f"`{text}` is not {what.en}", f"`{text}` は{what.ja}ではありません")
            remedy = Phrase("write `30s`, `5m`, `2h` or `3d`", "`30s`・`5m`・`2h`・`3d` のように書いてください")
            self.mistakes.add(node.where, found, remedy)
        return seconds

    def day(self, node: Node) -> date | None:
        """Return a day written `2026-04-01`."""
        text = self.clean(node, DAY)
        if text is None:
            return None
        found = day_of(text)
        if found is None:
            self._not_a_day(node.where, text)
        return found

    def day_or_moment(self, node: Node) -> Bound:
        """Return a day, `12-29` as a day of every year, or `2026-12-01 10:00` as a moment in Japan."""
        text = self.clean(node, DAY)
        if text is None:
            return None
        yearly = re.fullmatch(r"(\d{1,2})-(\d{1,2})", text, re.ASCII)
        if yearly is not None:
            month_day = MonthDay(int(yearly[1]), int(yearly[2]))
            try:
                date(2024, month_day.month, month_day.day)
            except ValueError:
                self._not_a_day(node.where, text)
                return None
            return month_day
        timed = re.fullmatch(r"(\S+)[ T]+(\d{1,2}:\d{2})", text, re.ASCII)
        found = day_of(text if timed is None else timed[1])
        if found is None:
            self._not_a_day(node.where, text if timed is None else timed[1])
            return None
        if timed is None:
            return found
        clock = self.clock(Scalar(timed[2], node.where))
        if clock is None:
            return None
        if timed[2] == "24:00":
            found += timedelta(days=1)
        return datetime.combine(found, clock, TOKYO)

    def _not_a_day(self, where: Where, text: str) -> None:
        meant = meant_day(text)
        remedy = (
            Phrase("write it as `2026-04-01`", "`2026-04-01` のように書いてください")
            if not meant
            else Phrase(f"write `{meant}`", f"`{meant}` と書いてください")
        )
        self.mistakes.add(where, Phrase(f"`{text}` is not a day", f"`{text}` という日はありません"), remedy)

    def clock(self, node: Node) -> time | None:
        """Return a time of day written `9:00`; `24:00` is the end of the day."""
        what = Phrase("a time of day", "時刻")
        text = self.clean(node, what)
        if text is None:
            return None
        match = re.fullmatch(r"(\d{1,2}):(\d{2})", text, re.ASCII)
        if text == "24:00":
            return time(0, 0)
        if match is None or int(match[1]) > 23 or int(match[2]) > 59:
            remedy = Phrase("write it as `9:00`", "`9:00` のように書いてください")
            found = Phrase(f"`{text}` is not a time of day", f"`{text}` は時刻ではありません")
            self.mistakes.add(node.where, found, remedy)
            return None
        return time(int(match[1]), int(match[2]))

    def unknown_name(self, scalar: Scalar, known: Iterable[str], what: Phrase) -> None:
        """Note a name that nothing bears; several names that other signs join are named with the line to write."""
        words = tuple(known)
        joined = _joined_names(scalar.text, words)
        if joined is not None:
            sign, names = joined
            line = ", ".join(names)
            said = Phrase(f"`{sign}` does not separate names", f"`{sign}` は名前の区切りになりません")
            remedy = Phrase(f"write `[{line}]`", f"`[{line}]` と書いてください")
            if sign in _EITHER:
                said = Phrase(f"`{sign}` is a condition of its own", f"`{sign}` は別の条件にします")
                remedy = Phrase(
                    f"write a condition `any: [{line}]` and name it here",
                    f"`any: [{line}]` という条件を作り、その名前を書いてください",
                )
            self.mistakes.add(scalar.where, said, remedy)
            return
        found = Phrase(f"there is no {what.en} `{scalar.text}`", f"`{scalar.text}` という{what.ja}はありません")
        self.mistakes.add(scalar.where, found, did_you_mean(scalar.text, words) or (one_of(words) if words else None))


def _comma_in_sentence(table: Table, known: tuple[str, ...]) -> str:
    """Return the mapping with quotes, if a comma has cut one of its sentences in pieces; empty: none has."""
    parts: list[tuple[str, str]] = []
    cut = False
    for entry in table:
        text = entry.value.text if isinstance(entry.value, Scalar) else ""
        if entry.key not in known and not text and parts:
            parts[-1] = (parts[-1][0], f"{parts[-1][1]}, {entry.key}")
            cut = True
        else:
            parts.append((entry.key, text))
    if not cut:
        return ""
    said = [f'{key}: "{text}"' if key in LANGUAGES else f"{key}: {text}" for key, text in parts]
    return "{" + ", ".join(said) + "}"


_EITHER = ("または", "又は", "もしくは", "or")
_JOINS = re.compile(
    r"(かつ|および|及び|並びに|ならびに|または|又は|もしくは|[、，,・･／/;；｜|＋+＆&\u3000 ]|\b(?:and|or)\b)"
)
_BRACKETS = "［］[]（）()「」『』【】〔〕｛｝{}〈〉《》"


def _joined_names(text: str, known: tuple[str, ...]) -> tuple[str, list[str]] | None:
    """Return the first sign that joins or encloses known names in one text, and these names."""
    bare = text.strip().strip(_BRACKETS).strip()
    pieces = [piece.strip() for piece in _JOINS.split(bare)]
    names = [name for name in pieces[::2] if name]
    signs = [sign for sign in pieces[1::2] if sign]
    if not names or not all(name in known for name in names) or (len(names) == 1 and bare == text):
        return None
    enclosed = next((sign for sign in text if sign in _BRACKETS), "")
    return enclosed or next(iter(signs), "\u3000" if "\u3000" in text else " "), names


DAY = Phrase("a day", "日付")

_ERAS = {
    "明治": ("M", date(1868, 1, 25), date(1912, 7, 29)),
    "大正": ("T", date(1912, 7, 30), date(1926, 12, 24)),
    "昭和": ("S", date(1926, 12, 25), date(1989, 1, 7)),
    "平成": ("H", date(1989, 1, 8), date(2019, 4, 30)),
    "令和": ("R", date(2019, 5, 1), date.max),
}
"""For each era: its letter, its first day and its last."""

_ERA_DAY = re.compile(
    r"(明治|大正|昭和|平成|令和|[MTSHR])\.?(元|\d{1,2})[年./-](\d{1,2})[月./-](\d{1,2})日?", re.IGNORECASE | re.ASCII
)
_ANY_DAY = re.compile(r"(\d{4})[年./-](\d{1,2})[月./-](\d{1,2})日?", re.ASCII)
_EIGHT_DIGITS = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_MONTH_DAY = re.compile(r"(\d{1,2})[月./](\d{1,2})日?", re.ASCII)


def meant_day(text: str) -> str:
    """Return a day as a policy writes it, of a text in another form: 令和8年12月1日, R8.12.1, 2026/12/1, 12月1日.

    Empty: the text means no day. An era counts its own days alone: 昭和70年 is none.
    """
    text = re.sub(r"\s", "", normalize("NFKC", text))
    if (found := _ERA_DAY.fullmatch(text)) is not None:
        era = next(bounds for name, bounds in _ERAS.items() if found[1] == name or found[1].upper() == bounds[0])
        year = era[1].year + (1 if found[2] == "元" else int(found[2])) - 1
        day = day_of(f"{year}-{found[3]}-{found[4]}")
        return day.isoformat() if day is not None and era[1] <= day <= era[2] else ""
    if (found := _ANY_DAY.fullmatch(text) or _EIGHT_DIGITS.fullmatch(text)) is not None:
        day = day_of("-".join(found.groups()))
        return "" if day is None else day.isoformat()
    if (found := _MONTH_DAY.fullmatch(text)) is not None and day_of(f"2024-{found[1]}-{found[2]}") is not None:
        return f"{int(found[1]):02}-{int(found[2]):02}"
    return ""


def era_day(day: date) -> str:
    """Return a day by the year of its era, as papers of authorities have it: 昭和61年4月1日."""
    for era, (_, first, last) in _ERAS.items():
        if first <= day <= last:
            year = day.year - first.year + 1
            return f"{era}{'元' if year == 1 else year}年{day.month}月{day.day}日"
    return f"{day.year}年{day.month}月{day.day}日"


_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)


def day_of(text: str) -> date | None:
    """Return the day a text means, or `None`."""
    match = _DAY.fullmatch(text)
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
