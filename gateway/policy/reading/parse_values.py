"""Reads the small parts of a policy: words, names, numbers, days, times, durations, lists.

A reader that finds a mistake notes it and returns `None`, so that its caller goes on to the next key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from difflib import get_close_matches
from unicodedata import category, normalize

from gateway.instant import TOKYO
from gateway.language import Language
from gateway.policy.conditions import MonthDay
from gateway.policy.reading.japanese_words import key_for, word_for
from gateway.policy.reading.meant import (
    day_of,
    is_certain,
    meant_clock,
    meant_day,
    meant_duration,
    meant_moment,
    meant_number,
    why_no_day,
)
from gateway.policy.verdict import Words
from gateway.settings.typed import duration_of
from gateway.yaml.look_alikes import in_latin, named, odd_signs
from gateway.yaml.mistakes import Fix, Mistakes, Phrase, did_you_mean, one_of, write
from gateway.yaml.slips import note_slips
from gateway.yaml.tree import Entry, Items, Node, Scalar, Table, kind_of, unknown_key

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

_LISTS = frozenset(
    (
        *("path", "method", "require", "disclose", "in", "days", "network", "any", "all", "switch", "use", "status"),
        *("returns_from", "rules", "examples"),
    )
)
"""Keys that take a list of values."""

_ALL_BUT_RIGHT = 0.85
"""Likeness of an unknown key to a known one: `requires`, `condition`, `at-least`."""

_QUOTES = "“”„‟‘’「」『』＂＇"

_ENDS = ",，、;；。"
"""Signs that end a line of a letter or of another language, and no name."""

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
        said = Phrase(
            f"expected {what.en}, found {found.en}", f"{spaced(what.ja)}を書くところに{_between(found.ja)}があります"
        )
        self.mistakes.add(node.where, said, remedy)

    def table(self, node: Node, known: Iterable[str], what: Phrase) -> Table | None:
        """Return a mapping whose keys are known; unknown ones are noted, and left out by the caller."""
        if not isinstance(node, Table):
            self.expected(node, what)
            return None
        words = tuple(known)
        if all(entry.key in words for entry in node):
            return node
        entries: list[Entry] = []
        loose: list[Entry] = []
        for entry in node:
            if entry.key in words:
                entries.append(entry)
                loose = []
            elif (read := self._meant_entry(entry, words)) is not None:
                entries.append(read)
                loose = []
            elif entries and _is_loose(entry) and isinstance(entries[-1].value, Scalar):
                loose.append(entry)
                if entry is node.entries[-1] or not _is_loose(node.entries[node.entries.index(entry) + 1]):
                    self._without_brackets(entries[-1], loose)
            else:
                unknown_key(entry, words, self.mistakes)
                # A key that is all but right is read as it was meant, so that nothing is said to be missing.
                close = get_close_matches(entry.key.lower().replace("-", "_"), words, n=1, cutoff=_ALL_BUT_RIGHT)
                meant = close[0] if close and node.get(close[0]) is None else entry.key
                entries.append(Entry(meant, entry.where, entry.value))
        return Table(tuple({entry.key: entry for entry in entries}.values()), node.where)

    def _without_brackets(self, entry: Entry, loose: list[Entry]) -> None:
        """Note a list without brackets: YAML takes what stands behind its first comma for further keys."""
        first = entry.value.text if isinstance(entry.value, Scalar) else ""
        line = ", ".join([first, *(each.key for each in loose)])
        if entry.key not in _LISTS:
            # No list can stand here: a sentence with a comma, or two values where one is expected.
            self.mistakes.add(
                entry.value.where,
                Phrase(
                    f"`{entry.key}` takes one value, and a comma ends it",
                    f"`{entry.key}` に書く値は一つで、`,` で終わります",
                ),
                Phrase(
                    f'write `{entry.key}: {first}`, or `{entry.key}: "{line}"` if the comma is a part of it',
                    f'`{entry.key}: {first}` か、`,` が文の一部なら `{entry.key}: "{line}"` と書いてください',
                ),
            )
            return
        what = Phrase(
            f"a list without brackets: `{entry.key}: {line}`", f"リストに括弧がありません（`{entry.key}: {line}`）"
        )
        self.mistakes.add(entry.value.where, what, write(f"{entry.key}: [{line}]"))

    def _meant_entry(self, entry: Entry, words: tuple[str, ...]) -> Entry | None:
        """Note a key in another form, and return its entry as it was meant: `ｎａｍｅ`, `Name`, `名前`, `name=r`."""
        key, where, value = entry.key, entry.where, entry.value
        half = normalize("NFKC", key)
        if half in words:
            what = Phrase(f"full-width letters `{key}`", f"全角の英字「{key}」")
            self.mistakes.add(where, what, write(half), Fix(key, half))
            return Entry(half, where, value)
        if half.lower() in words or key_for(half, words) is not None:
            meant = key_for(half, words) or half.lower()
            what = Phrase(f"unknown key `{key}`", f"`{key}` という項目はありません")
            self.mistakes.add(where, what, write(f"{meant}: …"), Fix(key, meant))
            return Entry(meant, where, value)
        if (latin := in_latin(half)) in words:
            self.mistakes.add(where, other_script(key, latin), write(f"{latin}: …"), Fix(key, latin))
            return Entry(latin, where, value)
        found = _NO_COLON.fullmatch(key)
        if found is None or found[1] not in words or not (isinstance(value, Scalar) and not value.text):
            return None
        name, sign, rest = found.groups()
        what = (
            Phrase("no space behind `:`", "`:` の後ろに空白がありません")
            if sign == ":"
            else Phrase(f"`{sign}` where `:` belongs", f"`:` のところに `{sign}` があります")
        )
        line = f"{name}: {rest}"
        self.mistakes.add(where.moved(len(name)), what, write(line), Fix(key[len(name) :], f": {rest}"))
        return Entry(name, where, Scalar(rest, where.moved(len(key) - len(rest))))

    def need(self, table: Table, key: str, what: Phrase) -> Node | None:
        """Return a key's value; a missing one is noted at the mapping."""
        value = table.get(key)
        if value is None:
            said = Phrase(f"`{key}` is missing in {what.en}", f"{spaced(what.ja)}に `{key}` がありません")
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
        begin = text.rstrip(_ENDS)
        if isinstance(node, Scalar) and node.plain and begin and begin != text:
            end = text[len(begin) :]
            said = Phrase(f"`{end}` at the end of the name `{text}`", f"名前 `{text}` の終わりに `{end}` があります")
            self.corrected(node, said, begin)
            return None
        if (latin := in_latin(text)) != text:
            self.corrected(node, other_script(text, latin), latin)
            # The other places of the name have the letters that an author means, or the same message.
            return latin
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

    def listed(self, node: Node, what: Phrase, is_one: Callable[[str], object] | None = None) -> list[Scalar]:
        """Return one or a list of texts; full-width commas in a plain one are slips, and separate it.

        `is_one` says whether a text is one of these; a text of several that other signs join is a mistake, too.
        """
        nodes = node.items if isinstance(node, Items) else (node,)
        found: list[Scalar] = []
        for item in nodes:
            if isinstance(item, Items) and item.items and all(isinstance(each, Scalar) for each in item):
                line = ", ".join(each.text for each in item if isinstance(each, Scalar))
                said = Phrase("a list within a list", "リストの中にリストがあります")
                self.mistakes.add(item.where, said, write(f"[{line}]"))
            elif not isinstance(item, Scalar) or not item.text.strip():
                self.expected(item, what)
            elif item.plain and re.search("[、，]", item.text):
                bare = item.text.strip().strip(_BRACKETS)
                # A `- ` on a further line within brackets is a part of the text, as YAML reads it.
                parts = [re.sub(r"^-\s+", "", part.strip()) for part in re.split("[、，]", bare)]
                if bare == item.text.strip():
                    note_slips(item, self.mistakes, "、，")
                else:
                    said = Phrase(
                        f"`{item.text[0]}` does not separate names", f"`{item.text[0]}` は名前の区切りになりません"
                    )
                    line = ", ".join(parts)
                    self.mistakes.add(item.where, said, Phrase(f"write `[{line}]`", f"`[{line}]` と書いてください"))
                found += [Scalar(part, item.where, plain=False) for part in parts if part]
            elif is_one is not None and not is_one(item.text) and (parts := _joined_values(item.text, is_one)):
                signs = item.text
                for part in parts:
                    signs = signs.replace(part, "", 1)
                sign = signs.strip()[:1] or signs[:1] or " "
                if sign in "［｛「" and note_slips(item, self.mistakes, "［］｛｝「」"):
                    found += [Scalar(part, item.where, plain=False) for part in parts]
                    continue
                said = Phrase(f"`{sign}` does not separate values", f"`{sign}` は値の区切りになりません")
                line = ", ".join(parts)
                fix = Fix(item.text, line if isinstance(node, Items) else f"[{line}]") if item.plain else None
                self.mistakes.add(item.where, said, write(f"[{line}]"), fix)
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

    def names_of_conditions(self, node: Node) -> list[Scalar]:
        """Return the names of conditions that stand here; a table among them is noted, and is none."""
        items = node.items if isinstance(node, Items) else (node,)
        kept = tuple(item for item in items if not isinstance(item, Table))
        for item in items:
            if isinstance(item, Table) and item.entries and all(_is_loose(entry) for entry in item):
                what = Phrase("braces around a list", "リストの括弧が `{}` になっています")
                self.mistakes.add(item.where, what, write(f"[{', '.join(item.keys)}]"))
            elif isinstance(item, Table):
                what = Phrase("a condition in the place of its name", "条件の名前を書くところに条件そのものがあります")
                remedy = Phrase(
                    "put it under `conditions` and write its name here",
                    "`conditions` に名前を付けて書き、ここにはその名前を書いてください",
                )
                self.mistakes.add(item.where, what, remedy)
        if len(kept) == len(items):
            return self.listed(node, Phrase("names of conditions", "条件の名前"))
        return self.listed(Items(kept, node.where), Phrase("names of conditions", "条件の名前")) if kept else []

    def word(self, node: Node, words: tuple[str, ...], what: Phrase, *, also: tuple[str, ...] = ()) -> str | None:
        """Return one of a few words, or one of `also`, which are too many to be listed in a remedy."""
        text = self.clean(node, what)
        if text is None:
            return None
        if text not in words and text not in also:
            bare = what.en.removeprefix("a ").removeprefix("an ")
            found = Phrase(f"unknown {bare} `{text}`", f"{what.ja} `{text}` はありません")
            meant = word_for(text, words)
            if meant is not None and meant.lower() != text.lower():
                self.corrected(node, found, meant)
            elif meant is not None and isinstance(node, Scalar) and node.plain:
                self.mistakes.add(node.where, found, did_you_mean(text, words), Fix(node.text, meant))
            else:
                self.mistakes.add(node.where, found, did_you_mean(text, (*words, *also)) or one_of(words))
            return None
        return text

    def number(
        self, node: Node, what: Phrase, low: int, high: int, meant_as: Callable[[str], str] = meant_number
    ) -> int | None:
        """Return a whole number between two, both included; `meant_as` finds it in another form."""
        written = self.text(node, what)
        if written is None:
            return None
        text = normalize("NFKC", written).strip()
        if re.fullmatch(r"\d{1,9}", text, re.ASCII) and low <= int(text) <= high:
            self.clean(node, what)
            return int(text)
        found = Phrase(f"`{written}` is not {what.en}", f"`{written}` は{_between(what.ja)}ではありません")
        meant = meant_as(written)
        if meant and low <= int(meant) <= high:
            self.corrected(node, found, meant)
        else:
            remedy = Phrase(f"write {low} to {high}", f"{low} から {high} までの数を書いてください")
            self.mistakes.add(node.where, found, remedy)
        return None

    def truth(self, node: Node, what: Phrase) -> bool | None:
        """Return `true` or `false`, and nothing that looks like them."""
        word = self.word(node, ("true", "false"), what)
        return None if word is None else word == "true"

    def duration(self, node: Node, what: Phrase) -> float | None:
        """Return seconds of `90s`, `5m`, `2h` or `3d`."""
        written = self.text(node, what)
        if written is None:
            return None
        seconds = duration_of(normalize("NFKC", written).strip())
        if seconds is not None:
            self.clean(node, what)
            return seconds
        found = Phrase(f"`{written}` is not {what.en}", f"`{written}` は{_between(what.ja)}ではありません")
        if meant := meant_duration(written):
            self.corrected(node, found, meant)
        else:
            remedy = Phrase("write `30s`, `5m`, `2h` or `3d`", "`30s`・`5m`・`2h`・`3d` のように書いてください")
            self.mistakes.add(node.where, found, remedy)
        return None

    def day(self, node: Node) -> date | None:
        """Return a day written `2026-04-01`."""
        text = self.text(node, DAY)
        if text is None:
            return None
        found = day_of(normalize("NFKC", text).strip())
        if found is None:
            meant = meant_day(text)
            if meant and day_of(meant) is None:
                what = Phrase(f"`{text}` has no year", f"`{text}` に年がありません")
                remedy = Phrase(
                    f"write the year before it, as in `2027-{meant}`", f"`2027-{meant}` のように、年から書いてください"
                )
                self.mistakes.add(node.where, what, remedy)
            else:
                self._not_a_day(node, text, meant)
            return None
        self.clean(node, DAY)
        return found

    def day_or_moment(self, node: Node) -> Bound:
        """Return a day, `12-29` as a day of every year, or `2026-12-01 10:00` as a moment in Japan."""
        written = self.text(node, DAY)
        if written is None:
            return None
        text = normalize("NFKC", written).strip()
        yearly = re.fullmatch(r"(\d{1,2})-(\d{1,2})", text, re.ASCII)
        timed = re.fullmatch(r"(\S+)[ T]+(\d{1,2}:\d{2})", text, re.ASCII)
        found: Bound
        if yearly is not None:
            leap = day_of(f"2024-{yearly[1]}-{yearly[2]}")
            found = None if leap is None else MonthDay(leap.month, leap.day)
        else:
            found = day_of(text if timed is None else timed[1])
        if found is None:
            self._not_a_day(node, written, meant_day(written) or meant_moment(written))
            return None
        self.clean(node, DAY)
        if timed is None or isinstance(found, MonthDay):
            return found
        if re.match("2[5-9]:", timed[2]) and (meant := meant_moment(text)):
            self.corrected(
                node, Phrase(f"`{timed[2]}` is not a time of day", f"`{timed[2]}` は時刻ではありません"), meant
            )
            return None
        clock = self.clock(Scalar(timed[2], node.where.moved(text.index(timed[2])), plain=False))
        if clock is None:
            return None
        if timed[2] == "24:00":
            if found == date.max:
                what = Phrase(f"`{written}` has no day behind it", f"`{written}` の次の日は暦にありません")
                self.corrected(node, what, str(found))
                return None
            found += timedelta(days=1)
        return datetime.combine(found, clock, TOKYO)

    def _not_a_day(self, node: Node, text: str, meant: str) -> None:
        if meant:
            self.corrected(node, Phrase(f"`{text}` is not a day", f"`{text}` という日はありません"), meant)
        else:
            self.mistakes.add(node.where, *why_no_day(text))

    def corrected(self, node: Node, what: Phrase, line: str, *, certain: bool = True) -> None:
        """Note a mistake with what to write instead; `certain`: nothing else can have been meant."""
        fix = None
        if certain and isinstance(node, Scalar) and node.plain and is_certain(node.text):
            fix = Fix(node.text, line)
        self.mistakes.add(node.where, what, write(line), fix)

    def clock(self, node: Node) -> time | None:
        """Return a time of day written `9:00`; `24:00` is the end of the day."""
        what = Phrase("a time of day", "時刻")
        written = self.text(node, what)
        if written is None:
            return None
        text = normalize("NFKC", written).strip()
        match = re.fullmatch(r"(\d{1,2}):(\d{2})", text, re.ASCII)
        if match is not None and (text == "24:00" or (int(match[1]) <= 23 and int(match[2]) <= 59)):
            self.clean(node, what)
            return time(0, 0) if text == "24:00" else time(int(match[1]), int(match[2]))
        found = Phrase(f"`{written}` is not a time of day", f"`{written}` は時刻ではありません")
        if meant := meant_clock(written):
            self.corrected(node, found, meant)
        elif match is not None and 24 <= int(match[1]) <= 30 and int(match[2]) <= 59:
            next_day = f"{int(match[1]) - 24}:{match[2]}"
            remedy = Phrase(
                f"write `{next_day}`: hours that end before they begin end on the next day",
                f"翌日の `{next_day}` と書いてください。始まりより早い終わりは翌日になります",
            )
            self.mistakes.add(node.where, found, remedy)
        else:
            self.mistakes.add(node.where, found, Phrase("write it as `9:00`", "`9:00` のように書いてください"))
        return None

    def unknown_name(self, scalar: Scalar, known: Iterable[str], what: Phrase, *, one: bool = False) -> None:
        """Note a name that nothing bears; several names that other signs join are named with the line to write.

        `one`: a list cannot stand here, so that several names need a condition of their own.
        """
        words = tuple(known)
        joined = _joined_names(scalar.text, words)
        if joined is not None:
            sign, names = joined
            line = ", ".join(names)
            said = Phrase(f"`{sign}` does not separate names", f"`{sign}` は名前の区切りになりません")
            remedy = Phrase(f"write `[{line}]`", f"`[{line}]` と書いてください")
            if one and len(names) > 1:
                said = Phrase(f"only one {what.en} stands here", f"ここに書ける{what.ja}は一つだけです")
                word = "any" if sign.lower() in _EITHER else "all"
                remedy = Phrase(
                    f"write a condition `{word}: [{line}]` and name it here",
                    f"`{word}: [{line}]` という条件を作り、その名前を書いてください",
                )
            elif one:
                remedy = write(line)
            elif sign.lower() in _EITHER:
                said = Phrase(f"`{sign}` is a condition of its own", f"`{sign}` は別の条件にします")
                remedy = Phrase(
                    f"write a condition `any: [{line}]` and name it here",
                    f"`any: [{line}]` という条件を作り、その名前を書いてください",
                )
            self.mistakes.add(scalar.where, said, remedy)
            return
        if (opposite := _opposite_of(scalar.text, words)) is not None:
            said = Phrase(
                f"the opposite of `{opposite}` is a condition of its own", f"`{opposite}` の反対は別の条件にします"
            )
            remedy = Phrase(
                f"write a condition `not: {opposite}` and name it here",
                f"`not: {opposite}` という条件を作り、その名前を書いてください",
            )
            self.mistakes.add(scalar.where, said, remedy)
            return
        found = Phrase(f"there is no {what.en} `{scalar.text}`", f"`{scalar.text}` という{what.ja}はありません")
        composed = normalize("NFC", scalar.text)
        if composed != scalar.text and composed in words:
            apart = Phrase(
                f"`{scalar.text}` has voice marks as signs of their own, as names of files have on a Mac",
                f"`{scalar.text}` の濁点・半濁点が、別の文字になっています（Mac のファイル名など）",
            )
            self.corrected(scalar, apart, composed)
            return
        self.mistakes.add(scalar.where, found, did_you_mean(scalar.text, words) or (one_of(words) if words else None))


def spaced(word: str) -> str:
    """Return a word for a Japanese sentence, with a space behind a word of the policy language."""
    return f"{word} " if word.endswith("`") else word


def _between(word: str) -> str:
    return spaced(f" {word}" if word.startswith("`") else word)


def other_script(text: str, latin: str) -> Phrase:
    """Return the words on letters of another script in a text, which look like those of its Latin form."""
    signs = [named(sign) for sign, _ in odd_signs(text, latin)]
    return Phrase(
        f"`{text}` has letters that only look like Latin ones: {', '.join(sign[0] for sign in signs)}",
        f"`{text}` に、英字に似た別の文字があります（{'、'.join(sign[1] for sign in signs)}）",
    )


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


_NO_COLON = re.compile(r"([A-Za-z_-]+)\s*([:：；;＝=])\s*(\S.*)")


def _is_loose(entry: Entry) -> bool:
    """Whether an entry is no more than a word between commas."""
    return isinstance(entry.value, Scalar) and entry.value.plain and not entry.value.text


_EITHER = ("または", "又は", "もしくは", "or")
_JOINS = re.compile(
    r"(かつ|および|及び|並びに|ならびに|または|又は|もしくは|と|[、､，,・･／/;；｜|＋+＆&→⇒￥¥\\\u3000 ]"
    r"|\b(?:and|or)\b)",
    re.IGNORECASE,
)
_BETWEEN_VALUES = re.compile(r"[、､，,・･／;；｜|＋+＆&→\u3000 ]|および|及び|かつ|または|又は|と")


_OPPOSITE = re.compile(r"(?:not |!|！|非)?(.+?)(?:以外|でない|ではない|じゃない)?(?:の?(?:方|人|者|とき|日))?")


def _opposite_of(text: str, known: tuple[str, ...]) -> str | None:
    """Return the known name whose opposite a text means: 市民以外, not 市民, 開庁日でない日."""
    plain = text.strip()
    found = _OPPOSITE.fullmatch(plain)
    negated = re.match("not |[!！非]", plain) or re.search("以外|でない|ではない|じゃない", plain)
    return found[1] if found is not None and negated and found[1] in known else None


def _joined_values(text: str, is_one: Callable[[str], object]) -> list[str]:
    """Return the values that a text has between signs or brackets of its own; none: it is something else."""
    pieces = [piece.strip().strip(_BRACKETS).strip() for piece in _BETWEEN_VALUES.split(text.strip().strip(_BRACKETS))]
    pieces = [piece for piece in pieces if piece]
    return pieces if pieces and all(map(is_one, pieces)) else []


_MARKS = r"(?:^|(?<=\s))(?:[-－ー・●○■◆*＊]|[(（]?\d{1,2}[.)．）、]|[①-⑳]|[ア-ンa-z][ \u3000.)．）、](?!と)) ?(?=\S)"
"""A mark that should begin an item of a list."""

_BRACKETS = "［］[]（）()「」『』｢｣【】〔〕｛｝{}〈〉《》＜＞<>"


def _joined_names(text: str, known: tuple[str, ...]) -> tuple[str, list[str]] | None:
    """Return the first sign that joins or encloses known names in one text, and these names.

    A name may be as short as a mark (`a b`), so marks are left out only where they are no names.
    """
    for unmarked in (text, re.sub(_MARKS, " ", text)):
        bare = unmarked.strip().strip(_BRACKETS).strip()
        pieces = [piece.strip().strip(_BRACKETS).strip() for piece in _JOINS.split(bare)]
        names = [name for name in pieces[::2] if name]
        if not names or not all(name in known for name in names) or (len(names) == 1 and bare == text):
            continue
        enclosed = next((sign for sign in text if sign in _BRACKETS), "")
        marked = None if unmarked == text else re.search(_MARKS, text)
        joined = next((sign for sign in pieces[1::2] if sign), "\u3000" if "\u3000" in text else " ")
        return enclosed or ("" if marked is None else marked[0].strip()) or joined, names
    return None


DAY = Phrase("a day", "日付")
