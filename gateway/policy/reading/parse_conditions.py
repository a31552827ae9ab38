"""Reads `conditions`: each a name, one test, and the sentence a refused person reads.

Names are resolved here, so that a test holds what it asks; a circle of names is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from ipaddress import ip_network
from pathlib import Path
from unicodedata import normalize

from gateway.identity import AccountKind, Gender, Role
from gateway.instant import TOKYO
from gateway.policy.age import HIGHEST_AGE, AgeOneOf, AgeRange, BornRange, CountedFrom
from gateway.policy.calendar import Days
from gateway.policy.conditions import (
    AccountTest,
    Age,
    AllOf,
    AnyOf,
    Born,
    Condition,
    Dates,
    GenderTest,
    InNetwork,
    ListEntry,
    MonthDay,
    Network,
    Not,
    ResidenceTest,
    SubjectTest,
    SwitchTest,
    Test,
    TownTest,
)
from gateway.policy.reading.day_words import meant_days, merged, read_days
from gateway.policy.reading.meant import (
    day_of,
    meant_ages,
    meant_day,
    meant_hours,
    meant_network,
    meant_number,
    why_no_day,
)
from gateway.policy.reading.parse_values import Bound, Reader
from gateway.policy.residence import NotAPlace, find_place
from gateway.policy.residence import table as place_table
from gateway.policy.subject_code import fold_code
from gateway.policy.switches import NAME as SWITCH_NAME
from gateway.policy.town import Town, town_of
from gateway.policy.verdict import ActingFact, Fact, SignedFact, Words, header_word
from gateway.yaml.mistakes import Fix, Mistakes, Phrase, Where, write
from gateway.yaml.slips import note_slips
from gateway.yaml.tree import Entry, Items, Node, Scalar, Table, kind_of

_LOT_NUMBER = re.compile(r"(?:\d[-‐−ー]\d\S*|\d番(?:地\S*|\d+\S*)?|丁目\d+)$")
"""The end of an address behind its town. A list of lots would be read as the whole town."""

TESTS = (
    *("age", "born", "residence", "town", "gender", "subject", "account", "network", "dates", "switch"),
    *("any", "all", "not"),
)

RESERVED = frozenset({*(header_word(name) for name in (*Fact, *SignedFact, *ActingFact)), "assertion"})
"""Names that our headers use already."""

_CONDITION = Phrase("a condition", "条件")

GENDERS = {"男": Gender.MALE, "男性": Gender.MALE, "女": Gender.FEMALE, "女性": Gender.FEMALE}


@dataclass(frozen=True, slots=True)
class Written:
    """One condition as it stands in a file, its names not resolved yet."""

    name: str
    entry: Entry
    folder: Path
    """The folder that its paths are relative to."""
    file: str


@dataclass(frozen=True, slots=True)
class Naming:
    """The key and the place in a policy that name another file."""

    key: str
    where: Where


@dataclass(slots=True)
class Lists:
    """The subject lists read so far, by the path they are known under."""

    read: Callable[[Path, str, Naming], Node | None]
    """Reads a file as YAML, given its path, what messages call it, and what names it."""
    entries: dict[str, Mapping[str, ListEntry]] = field(default_factory=dict)


def _edge(bound: Bound, at: time) -> datetime | None:
    """Return a moment as it is, and of a day its moment at a time of day."""
    match bound:
        case datetime():
            return bound
        case date():
            return datetime.combine(bound, at, TOKYO)
        case _:
            return None


def _is_place(text: str) -> bool:
    return not isinstance(find_place(text), NotAPlace)


def _span_of_ages(node: Items | Scalar) -> tuple[str, str] | None:
    """Return the ends of 40～50, where a list of ages stands."""
    items = node.items if isinstance(node, Items) else (node,)
    if len(items) != 1 or not isinstance(items[0], Scalar):
        return None
    first, mark, last = re.sub("[～〜ー-]|から", "~", normalize("NFKC", items[0].text)).partition("~")
    ends = meant_number(first), meant_number(last)
    return ends if mark and all(ends) else None


class ConditionReader(Reader):
    """Reads the conditions of a policy and of the files it uses."""

    def __init__(self, mistakes: Mistakes, lists: Lists) -> None:
        super().__init__(mistakes)
        self._lists = lists
        self._written: dict[str, Written] = {}
        self._ready: dict[str, Condition | None] = {}
        self._open: list[str] = []

    def add(self, node: Node, file: str, folder: Path) -> None:
        """Take the `conditions` of one file."""
        if not isinstance(node, Table):
            named = isinstance(node, Items) and all(isinstance(each, Table) for each in node)
            remedy = Phrase(
                "write each as `NAME: …` without `- `", "それぞれ `- ` を付けずに `名前: …` と書いてください"
            )
            self.expected(node, Phrase("conditions by name", "条件の名前と内容の組"), remedy if named else None)
            return
        for entry in node:
            name = self.name(Scalar(entry.key, entry.where), _CONDITION)
            if name is None:
                continue
            if header_word(name) in RESERVED:
                self.mistakes.add(
                    entry.where,
                    Phrase(f"`{name}` is the name of a fact", f"`{name}` は事実の名前なので条件の名前にできません"),
                    Phrase("give the condition another name", "条件に別の名前を付けてください"),
                )
            other = self._written.get(name)
            if other is not None:
                place = other.entry.where
                self.mistakes.add(
                    entry.where,
                    Phrase(
                        f"the condition `{name}` is there already ({place.file}, line {place.line})",
                        f"条件 `{name}` はすでにあります（{place.file} の {place.line} 行目）",
                    ),
                    Phrase("give one of them another name", "どちらかに別の名前を付けてください"),
                )
                continue
            self._written[name] = Written(name, entry, folder, file)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all conditions."""
        return tuple(self._written)

    def conditions(self) -> dict[str, Condition]:
        """Return every condition that could be read."""
        found = {name: self.condition(name) for name in self._written}
        return {name: condition for name, condition in found.items() if condition is not None}

    def condition(self, name: str) -> Condition | None:
        """Return one condition, its names resolved; `None` where it has a mistake, noted."""
        if name in self._ready:
            return self._ready[name]
        written = self._written[name]
        if name in self._open:
            circle = " → ".join([*self._open[self._open.index(name) :], name])
            self.mistakes.add(
                written.entry.where,
                Phrase(f"the conditions refer to each other in a circle: {circle}", f"条件が循環しています: {circle}"),
                Phrase("let one of them test something else", "どれか一つを別の条件にしてください"),
            )
            return None
        self._open.append(name)
        condition = self._read(written)
        self._open.pop()
        self._ready[name] = condition
        return condition

    def _read(self, written: Written) -> Condition | None:
        table = self.table(written.entry.value, (*TESTS, "if_not", "label"), _CONDITION)
        if table is None:
            return None
        sentence: Words = {}
        if_not = table.get("if_not")
        if if_not is not None:
            sentence = self.words(if_not, Phrase("`if_not`", "`if_not`"))
        written_label = table.get("label")
        label: Words = {} if written_label is None else self.words(written_label, Phrase("`label`", "`label`"))
        tests = [entry for entry in table if entry.key in TESTS]
        if len(tests) != 1:
            found = (
                Phrase("this condition tests nothing", "この条件には調べる内容がありません")
                if not tests
                else Phrase("this condition tests more than one thing", "一つの条件に調べる内容が二つ以上あります")
            )
            remedy = Phrase(
                "write one of " + ", ".join(f"`{test}`" for test in TESTS) + "; put two together by `all` or `any`",
                "、".join(f"`{test}`" for test in TESTS)
                + " のどれか一つを書き、二つ以上は `all` か `any` でまとめてください",
            )
            self.mistakes.add((tests[1] if tests else written.entry).where, found, remedy)
            return None
        test = self._test(tests[0], written)
        if test is None:
            return None
        return Condition(written.name, test, sentence, label, written.entry.where.line, written.file)

    def _test(self, entry: Entry, written: Written) -> Test | None:
        value = entry.value
        match entry.key:
            case "age":
                return self._age(value)
            case "born":
                return self._born(value)
            case "residence":
                return self._residence(value)
            case "town":
                return self._town(value, written)
            case "gender":
                return self._gender(value)
            case "subject":
                return self._subject(value, written)
            case "account":
                return self._account(value)
            case "network":
                return self._network(value)
            case "dates":
                return self._dates(value, written)
            case "switch":
                return self._switch(value)
            case "not":
                return self._not(value)
            case _:
                return self._group(entry)

    def _switch(self, node: Node) -> Test | None:
        name = self.name(node, Phrase("a switch", "スイッチ"))
        if name is None:
            return None
        if SWITCH_NAME.fullmatch(name) is None:
            plain = re.sub(r"[^\w.-]+", "-", normalize("NFKC", name).replace(" ", "")).strip("-.")
            what = Phrase(f"no command can turn a switch `{name}`", f"`{name}` という名前のスイッチは入れられません")
            remedy = Phrase(
                "write letters, digits, `_`, `-` and `.` without spaces",
                "空白を入れずに、文字・数字・`_`・`-`・`.` で書いてください",
            )
            self.mistakes.add(node.where, what, write(plain) if SWITCH_NAME.fullmatch(plain) else remedy)
            return None
        return SwitchTest(name)

    def _age(self, node: Node) -> Test | None:
        bounds = ("at_least", "at_most", "below")
        keyed = re.fullmatch(r"(at_least|at_most|below) *(\d{1,3})", node.text) if isinstance(node, Scalar) else None
        if isinstance(node, Scalar) and (meant := f"{{{keyed[1]}: {keyed[2]}}}" if keyed else meant_ages(node.text)):
            what = Phrase(f"`{node.text}` has no key", f"`{node.text}` に項目がありません")
            fix = Fix(node.text, meant) if node.plain else None
            self.mistakes.add(node.where, what, write(f"age: {meant}"), fix)
            return None
        if isinstance(node, Scalar) and (alone := meant_number(node.text)):
            what = Phrase(f"`{node.text}` has no key", f"`{node.text}` に項目がありません")
            remedy = Phrase(
                f"write `age: {{at_least: {alone}}}`, or `at_most`, `below` or `in`",
                f"`age: {{at_least: {alone}}}`（以上）か、`at_most`（以下）・`below`（未満）・`in` で書いてください",
            )
            self.mistakes.add(node.where, what, remedy)
            return None
        table = self.table(node, (*bounds, "in", "counted_from", "on"), Phrase("keys of `age`", "`age` の項目"))
        if table is None:
            return None
        before = len(self.mistakes)
        counted, on_node, one_of_node = (table.get(key) for key in ("counted_from", "on", "in"))
        word = None
        if counted is not None:
            word = self.word(counted, tuple(CountedFrom), Phrase("`counted_from`", "`counted_from`"))
        counted_from = CountedFrom.BIRTHDAY if word is None else CountedFrom(word)
        on = None if on_node is None else self.day(on_node)
        written = [key for key in bounds if table.get(key) is not None]
        ages: AgeRange | AgeOneOf | None
        if one_of_node is None:
            ages = self._age_range(table, bounds, counted_from)
        else:
            ages = self._age_one_of(one_of_node, counted_from)
            if written:
                self.mistakes.add(
                    one_of_node.where,
                    Phrase(f"`in` and `{written[0]}` together", f"`in` と `{written[0]}` が両方あります"),
                    Phrase("write one of them", "どちらかにしてください"),
                )
        return None if ages is None or len(self.mistakes) > before else Age(ages, on)

    def _age_one_of(self, node: Node, counted_from: CountedFrom) -> AgeOneOf | None:
        if isinstance(node, Items | Scalar) and (span := _span_of_ages(node)) is not None:
            first, last = span
            line = f"{{at_least: {first}, at_most: {last}}}"
            said = Phrase("`in` names each age and no span", "`in` には年齢を一つずつ書きます。範囲は書けません")
            self.mistakes.add(node.where, said, write(line))
            return None
        ages = [
            self.number(scalar, Phrase("an age", "年齢"), 0, HIGHEST_AGE)
            for scalar in self.listed(node, Phrase("an age", "年齢"), meant_number)
        ]
        known = frozenset(age for age in ages if age is not None)
        return AgeOneOf(known, counted_from) if known and None not in ages else None

    def _age_range(self, table: Table, keys: tuple[str, ...], counted_from: CountedFrom) -> AgeRange | None:
        years: dict[str, int | None] = {}
        for key in keys:
            value = table.get(key)
            if value is not None:
                years[key] = self.number(value, Phrase("an age", "年齢"), 0, HIGHEST_AGE)
        if not years:
            what = Phrase("`age` without a number", "`age` に年齢がありません")
            remedy = Phrase(
                "write `at_least`, `at_most`, `below` or `in`", "`at_least`・`at_most`・`below`・`in` を書いてください"
            )
            self.mistakes.add(table.where, what, remedy)
            return None
        if None in years.values():
            return None
        at_most = years.get("at_most")
        limits = [
            bound for bound in (years.get("below"), None if at_most is None else at_most + 1) if bound is not None
        ]
        at_least, below = years.get("at_least"), min(limits, default=None)
        if below == 0 or (at_least is not None and below is not None and at_least >= below):
            self.mistakes.add(
                table.where,
                Phrase("no person has this age", "この年齢に当てはまる人はいません"),
                Phrase("make `at_least` lower than `below`", "`at_least` を `below` より小さくしてください"),
            )
            return None
        return AgeRange(at_least, below, counted_from)

    def _gender(self, node: Node) -> Test | None:
        word = self.word(node, tuple(Gender), Phrase("a gender", "性別"), also=tuple(GENDERS))
        return None if word is None else GenderTest(GENDERS.get(word) or Gender(word))

    def _account(self, node: Node) -> Test | None:
        if isinstance(node, Scalar):
            word = self.word(node, ("linked",), Phrase("`account`", "`account`"))
            return None if word is None else AccountTest()
        table = self.table(node, ("kind", "role", "in"), Phrase("keys of `account`", "`account` の項目"))
        if table is None:
            return None
        kind_node, role_node, names_node = (table.get(key) for key in ("kind", "role", "in"))
        kind = None if kind_node is None else self.word(kind_node, tuple(AccountKind), Phrase("a kind", "種類"))
        role = None if role_node is None else self.word(role_node, tuple(Role), Phrase("a role", "役割"))
        names: frozenset[str] = frozenset()
        if names_node is not None:
            written = self.listed(names_node, Phrase("accounts", "アカウント"))
            names = frozenset(each.text for each in written)
        if kind is None and role is None and not names:
            remedy = Phrase(
                "write `account: linked`, or one of `kind`, `role` and `in`",
                "`account: linked` か、`kind`・`role`・`in` のどれかを書いてください",
            )
            self.expected(node, Phrase("an account", "アカウントの条件"), remedy)
            return None
        if kind == AccountKind.PERSON and role is not None and role_node is not None:
            self.mistakes.add(
                role_node.where,
                Phrase(
                    f"`role: {role}` with `kind: person`: only a group's account has roles, so nobody would pass",
                    f"`kind: person` に `role: {role}` は書けません。役割は団体のアカウントだけにあります",
                ),
                Phrase("write `kind: group`, or remove `role`", "`kind: group` とするか、`role` を取り除いてください"),
            )
            return None
        return AccountTest(None if kind is None else AccountKind(kind), None if role is None else Role(role), names)

    def _born(self, node: Node) -> Test | None:
        table = self.table(node, ("from", "until"), Phrase("keys of `born`", "`born` の項目"))
        if table is None:
            return None
        since, until = (None if (value := table.get(key)) is None else self.day(value) for key in ("from", "until"))
        if not self._in_order(table, since, until):
            return None
        return Born(BornRange(since, until))

    def _in_order(self, table: Table, since: date | None, until: date | None) -> bool:
        written = [key for key in ("from", "until") if table.get(key) is not None]
        if not written:
            what = Phrase("neither `from` nor `until`", "`from` も `until` もありません")
            self.mistakes.add(table.where, what, Phrase("write one of them", "どちらかを書いてください"))
            return False
        if since is not None and until is not None and since > until:
            what = Phrase(f"`from` {since} is after `until` {until}", f"`from` {since} が `until` {until} より後です")
            self.mistakes.add(table.where, what, Phrase("exchange them", "入れ替えてください"))
            return False
        return len(written) == len([day for day in (since, until) if day is not None])

    def _residence(self, node: Node) -> Test | None:
        places = node.items if isinstance(node, Items) else (node,)
        if any(isinstance(place, Scalar) and _is_place(place.text) for place in places):
            node = self._without_in(node, "residence")
        table = self.table(node, ("in",), Phrase("`{in: [...]}`", "`{in: [...]}`"))
        value = None if table is None else self.need(table, "in", Phrase("`residence`", "`residence`"))
        if value is None:
            return None
        codes: set[str] = set()
        written = self.listed(value, Phrase("a place", "地名"), _is_place)
        for scalar in written:
            code = self._place(scalar)
            if code is not None:
                codes.add(code)
        return ResidenceTest(frozenset(codes)) if codes else None

    def _without_in(self, node: Node, key: str) -> Node:
        """Note a value without its `in`, and return the table that was meant."""
        items = [item.text for item in (node.items if isinstance(node, Items) else (node,)) if isinstance(item, Scalar)]
        line = f"[{', '.join(items)}]" if key == "residence" else items[0] if items else ""
        if not line.strip("[]"):
            return node
        found = kind_of(node)
        what = Phrase(f"expected `{{in: …}}`, found {found.en}", f"`{{in: …}}` を書くところに{found.ja}があります")
        fix = Fix(node.text, f"{{in: {line}}}") if isinstance(node, Scalar) and node.plain else None
        self.mistakes.add(node.where, what, write(f"{key}: {{in: {line}}}"), fix)
        return Table((Entry("in", node.where, node),), node.where)

    def _place(self, scalar: Scalar, *, single: bool = False) -> str | None:
        """Return the code of a place; `single`: no list of places can stand here."""
        if note_slips(scalar, self.mistakes):
            scalar = Scalar(normalize("NFKC", scalar.text), scalar.where, plain=False)
        place = find_place(scalar.text)
        if not isinstance(place, NotAPlace):
            return place.code
        some = ", ".join(f"`{name}`" for name in place.candidates[: None if place.reason == "several" else 12])
        said = some.replace(", ", "、")
        write = Phrase(f"write {some}", f"{said} のように書いてください") if some else None
        what: Phrase
        remedy: Phrase | None
        match place.reason:
            case "ambiguous":
                what = Phrase(f"`{scalar.text}` is in more than one place", f"`{scalar.text}` は複数の場所にあります")
                remedy = Phrase(f"write the prefecture: {some}", f"都道府県から書いてください: {said}")
            case "ward":
                what = Phrase(f"`{scalar.text}` is a ward without its city", f"`{scalar.text}` は市の名前がない区です")
                remedy = write
            case "check_digit":
                what = Phrase(
                    f"the last digit of the code `{scalar.text}` is wrong",
                    f"コード `{scalar.text}` の検査数字が違います",
                )
                remedy = write
            case "zero":
                what = Phrase(
                    f"the code `{scalar.text}` has lost its leading zero",
                    f"コード `{scalar.text}` の先頭の0がありません",
                )
                remedy = write
            case "two_codes":
                one, two = (
                    place_table().places[code[:5] if not code.endswith("000") else code[:2]]
                    for code in place.candidates
                )
                what = Phrase(
                    f"`{scalar.text}` is {one.full_name} without its last digit, or {two.full_name} that lost its zero",
                    f"`{scalar.text}` は{one.full_name}（最後の桁なし）とも{two.full_name}（先頭の0なし）とも読めます",
                )
                remedy = Phrase(
                    f"write `{one.full_code}` or `{two.full_code}`",
                    f"`{one.full_code}` か `{two.full_code}` と書いてください",
                )
            case "several" if single:
                what = Phrase(f"`{scalar.text}` is several places", f"`{scalar.text}` は一つの場所ではありません")
                remedy = Phrase(f"write one of {some}", f"{said} のいずれかを書いてください")
            case "several":
                line = ", ".join(place.candidates)
                what = Phrase(f"`{scalar.text}` is several places", f"`{scalar.text}` は一つの場所ではありません")
                self.corrected(scalar, what, f"in: [{line}]", certain=False)
                return None
            case "former":
                what = Phrase(f"`{scalar.text}` is a former name", f"`{scalar.text}` は以前の名前です")
                remedy = write
            case _:
                what = Phrase(f"there is no place `{scalar.text}`", f"`{scalar.text}` という場所はありません")
                close = Phrase(f"did you mean {some}?", f"{said} のことですか") if some else None
                remedy = close or Phrase(
                    "write prefecture and municipality as they are called today, or the code of six digits",
                    "都道府県と市区町村の今の名前か、6桁の全国地方公共団体コードを書いてください",
                )
        self.mistakes.add(scalar.where, what, remedy)
        return None

    def _subject(self, node: Node, written: Written) -> Test | None:
        if isinstance(node, Scalar) and node.text.endswith((".yaml", ".yml", ".csv")):
            node = self._without_in(node, "subject")
        table = self.table(node, ("in",), Phrase("`{in: file}`", "`{in: ファイル}`"))
        value = None if table is None else self.need(table, "in", Phrase("`subject`", "`subject`"))
        text = None if value is None else self.text(value, Phrase("the path of a list", "一覧のファイル名"))
        if text is None:
            return None
        key = str(written.folder / text)
        if key not in self._lists.entries:
            # Its name in messages, relative to the file that names it, as its author sees it.
            shown = str(Path(written.file).parent / text)
            place = written.entry.where if value is None else value.where
            before = len(self.mistakes)
            root = self._lists.read(Path(key), shown, Naming("in", place))
            if root is None and isinstance(value, Scalar):
                # A full-width sign in its name is the likely reason.
                note_slips(value, self.mistakes)
            if root is None:
                if len(self.mistakes) == before:
                    self.mistakes.add(written.entry.where, Phrase(f"`{text}` cannot be read", f"`{text}` が読めません"))
                return None
            self._lists.entries[key] = self._entries(root)
        return SubjectTest(key)

    def _counted(self, root: Table) -> Node | None:
        """Return the entries of a list that says how many they are; fewer or more are a mistake: it is half written."""
        self.table(root, ("count", "entries"), Phrase("a list with its count", "件数付きの一覧"))
        what = Phrase("a list with its count", "件数付きの一覧")
        said, entries = self.need(root, "count", what), self.need(root, "entries", what)
        if said is None or entries is None:
            return None
        most = 999_999_999
        count = self.number(said, Phrase("a number of entries", "件数"), 0, most)
        there = len(entries) if isinstance(entries, Items) else 0
        if count is not None and count != there:
            self.mistakes.add(
                said.where,
                Phrase(
                    f"the list states {count} entries and has {there}", f"件数は {count} とありますが {there} 件です"
                ),
                Phrase("write the whole list", "一覧を最後まで書き込んでください"),
            )
        return entries

    def _entries(self, root: Node) -> dict[str, ListEntry]:
        """Return the entries of a subject list."""
        found: dict[str, ListEntry] = {}
        items = self._counted(root) if isinstance(root, Table) else root
        if not isinstance(items, Items):
            if items is not None:
                self.expected(items, Phrase("a list of entries", "登録のリスト"))
            return found
        for item in items:
            table = self.table(item, ("subject", "until", "note"), Phrase("an entry of the list", "一件の登録"))
            value = None if table is None else self.need(table, "subject", Phrase("this entry", "この登録"))
            if table is None or not isinstance(value, Scalar):
                continue
            code = fold_code(value.text)
            if code is None:
                self.mistakes.add(
                    value.where,
                    Phrase(f"`{value.text}` is no code of a person", f"`{value.text}` は本人のコードではありません"),
                    Phrase(
                        "have the person read it once more from her page; one character is wrong",
                        "一文字違っています。本人の「わたしの情報」のページでもう一度確かめてください",
                    ),
                )
                continue
            until_node, note_node = table.get("until"), table.get("note")
            until = None if until_node is None else self.day(until_node)
            note = note_node.text if isinstance(note_node, Scalar) else ""
            if code in found:
                self.mistakes.add(
                    value.where,
                    Phrase(
                        f"`{value.text}` is here twice (first on line {found[code].line})",
                        f"`{value.text}` が二度書かれています（最初は {found[code].line} 行目）",
                    ),
                    Phrase("keep one of them", "どちらか一つにしてください"),
                )
            else:
                found[code] = ListEntry(code, until, note, value.where.line)
        return found

    def _network(self, node: Node) -> Test | None:
        networks: list[Network] = []
        for scalar in self.listed(node, Phrase("a network", "ネットワーク"), meant_network):
            half = normalize("NFKC", scalar.text).strip()
            try:
                network = ip_network(half, strict=False)
            except ValueError:
                what = Phrase(f"`{scalar.text}` is not a network", f"`{scalar.text}` はネットワークではありません")
                if meant := meant_network(scalar.text):
                    self.corrected(scalar, what, meant)
                    continue
                remedy = Phrase("write it as `192.0.2.0/24`", "`192.0.2.0/24` のように書いてください")
                self.mistakes.add(scalar.where, what, remedy)
                continue
            text = self.clean(scalar, Phrase("a network", "ネットワーク")) or half
            if not text.isascii():
                # A sign such as `²` is no slip of a keyboard, and no digit either.
                what = Phrase(f"`{scalar.text}` is not a network", f"`{scalar.text}` はネットワークではありません")
                self.corrected(scalar, what, half)
                continue
            if "/" in text and network.network_address != ip_network(text.partition("/")[0]).network_address:
                what = Phrase(f"`{text}` names an address inside a network", f"`{text}` はネットワークの途中の番地です")
                self.mistakes.add(scalar.where, what, Phrase(f"write `{network}`", f"`{network}` と書いてください"))
                continue
            networks.append(network)
        return InNetwork(tuple(networks)) if networks else None

    def _dates(self, node: Node, written: Written) -> Test | None:
        keys = ("from", "until", "hours", "days", "in")
        if isinstance(node, Scalar) and node.text:
            what, remedy = why_no_day(node.text)
            if re.match("write `(from: .*)`$", remedy.en):
                period = remedy.en.removeprefix("write `").removesuffix("`")
                fix = Fix(node.text, f"{{{period}}}") if node.plain else None
                self.mistakes.add(node.where, what, write(f"dates: {{{period}}}"), fix)
                return None
        if (meant := self._without_keys(node)) is not None:
            what = Phrase("a day without a key of `dates`", "`dates` の項目がありません")
            self.mistakes.add(node.where, what, write(f"dates: {meant}"))
            return None
        table = self.table(node, keys, Phrase("keys of `dates`", "`dates` の項目"))
        if table is None:
            return None
        if not table.entries:
            self.expected(node, Phrase("`from`, `until`, `hours` or `days`", "`from`・`until`・`hours`・`days`"))
            return None
        before = len(self.mistakes)
        first, last = (
            None if (value := table.get(key)) is None else self.day_or_moment(value) for key in ("from", "until")
        )
        if len(self.mistakes) == before and (first is not None or last is not None):
            self._check_bounds(table, first, last)
        hours_node, days_node, list_node = (table.get(key) for key in ("hours", "days", "in"))
        opens, closes = (None, None) if hours_node is None else self._hours(hours_node)
        days = None if days_node is None else self._days(days_node)
        listed, name = (None, "") if list_node is None else self._listed_days(list_node, written)
        if len(self.mistakes) > before:
            return None
        return Dates(
            None if isinstance(first, datetime) else first,
            None if isinstance(last, datetime) else last,
            opens,
            closes,
            days,
            first.timestamp() if isinstance(first, datetime) else None,
            last.timestamp() if isinstance(last, datetime) else None,
            listed,
            name,
        )

    def _without_keys(self, node: Node) -> str | None:
        """Return what was meant by days that stand right behind `dates`; `None`: something else stands there."""
        items = node.items if isinstance(node, Items) else (node,)
        texts = [item.text for item in items if isinstance(item, Scalar) and item.text]
        if not texts or len(texts) < len(items):
            return None
        if all(day_of(meant_day(text)) is not None for text in texts):
            return f"{{in: [{', '.join(meant_day(text) for text in texts)}]}}"
        words = [text if read_days(text) is not None else meant_days(text) for text in texts]
        return f"{{days: [{', '.join(words)}]}}" if all(words) else None

    def _hours(self, node: Node) -> tuple[time | None, time | None]:
        if isinstance(node, Scalar) and (meant := meant_hours(node.text)):
            what = Phrase(f"`{node.text}` names no hours", f"`{node.text}` は時間帯の書き方ではありません")
            self.mistakes.add(node.where, what, write(f"hours: {meant}"), Fix(node.text, meant) if node.plain else None)
            return None, None
        hours = self.table(
            node, ("from", "until"), Phrase("`{from: 9:00, until: 17:00}`", "`{from: 9:00, until: 17:00}`")
        )
        ends = [
            None if hours is None else self.need(hours, key, Phrase("`hours`", "`hours`")) for key in ("from", "until")
        ]
        opens, closes = (None if end is None else self.clock(end) for end in ends)
        if opens is not None and opens == closes:
            what = Phrase("`hours` that begin and end at the same time", "`hours` の始まりと終わりが同じです")
            self.mistakes.add(
                node.where,
                what,
                Phrase("leave `hours` out for the whole day", "一日中なら `hours` を書かないでください"),
            )
        return opens, closes

    def _listed_days(self, node: Node, written: Written) -> tuple[frozenset[date], str]:
        """Return the days of a list or of its file: the closed days of a hall."""
        nodes, name = self._list(node, "day", Phrase("a day", "日付"), written)
        days = [self.day(one) for one in nodes]
        return frozenset(day for day in days if day is not None), name

    def _list(self, node: Node, key: str, what: Phrase, written: Written) -> tuple[list[Scalar], str]:
        """Return the texts of a list that stands here, or in a file (YAML or CSV) that a single text names."""
        if not (isinstance(node, Scalar) and node.text.endswith((".yaml", ".yml", ".csv"))):
            return self.listed(node, what), ""
        before = len(self.mistakes)
        shown = str(Path(written.file).parent / node.text)
        root = self._lists.read(written.folder / node.text, shown, Naming("in", node.where))
        if root is None:
            note_slips(node, self.mistakes)
            if len(self.mistakes) == before:
                self.mistakes.add(node.where, Phrase(f"`{node.text}` cannot be read", f"`{node.text}` が読めません"))
            return [], node.text
        if not isinstance(root, Items):
            self.expected(root, what)
            return [], node.text
        found: list[Scalar] = []
        for item in root:
            value: Node | None = item
            if isinstance(item, Table):
                table = self.table(item, (key, "note"), what)
                value = None if table is None else self.need(table, key, what)
            if isinstance(value, Scalar):
                found.append(value)
            elif value is not None:
                self.expected(value, what)
        if not found and len(self.mistakes) == before:
            self.mistakes.add(
                root.where,
                Phrase("the list is empty", "リストが空です"),
                Phrase(f"write {what.en}", f"{what.ja}を書いてください"),
            )
        return found, node.text

    def _town(self, node: Node, written: Written) -> Test | None:
        table = self.table(node, ("of", "in"), Phrase("`{of: …, in: […]}`", "`{of: …, in: […]}`"))
        of_node, in_node = (
            None if table is None else self.need(table, key, Phrase("`town`", "`town`")) for key in ("of", "in")
        )
        if of_node is None or in_node is None or not isinstance(of_node, Scalar):
            return None
        code = self._place(of_node, single=True)
        if code is None:
            return None
        if not place_table().places[code].municipality or place_table().places[code].is_city:
            self.mistakes.add(
                of_node.where,
                Phrase(
                    f"`{of_node.text}` is no single municipality", f"`{of_node.text}` は一つの市区町村ではありません"
                ),
                Phrase(
                    "write the municipality, or the ward of a designated city",
                    "市区町村か、政令指定都市の区を書いてください",
                ),
            )
            return None
        nodes, name = self._list(in_node, "town", Phrase("a town", "町名"), written)
        towns: set[Town] = set()
        for scalar in nodes:
            town = None if _LOT_NUMBER.search(normalize("NFKC", scalar.text)) else town_of(code, scalar.text)
            if town is None:
                what = Phrase(f"`{scalar.text}` is no town", f"`{scalar.text}` は町名ではありません")
                remedy = Phrase("write the town without lot numbers", "番地を付けずに町名を書いてください")
                self.mistakes.add(scalar.where, what, remedy)
            else:
                towns.add(town)
        return TownTest(code, frozenset(towns), name) if towns else None

    def _check_bounds(self, table: Table, first: Bound, last: Bound) -> None:
        yearly = isinstance(first, MonthDay) or isinstance(last, MonthDay)
        if yearly and not (isinstance(first, MonthDay) and isinstance(last, MonthDay)):
            self.mistakes.add(
                table.where,
                Phrase(
                    "days of every year need both `from` and `until` without a year",
                    "毎年の期間は `from` と `until` の両方を年なしで書きます",
                ),
                Phrase("write `from: 12-29, until: 01-03`", "`from: 12-29, until: 01-03` のように書いてください"),
            )
        elif isinstance(first, datetime) or isinstance(last, datetime):
            begins, ends = _edge(first, time.min), _edge(last, time.max)
            if begins is not None and ends is not None and begins >= ends:
                what = Phrase("`from` is not before `until`", "`from` が `until` より前ではありません")
                self.mistakes.add(table.where, what, Phrase("exchange them", "入れ替えてください"))
        elif not yearly:
            self._in_order(table, first if isinstance(first, date) else None, last if isinstance(last, date) else None)

    def _days(self, node: Node) -> Days:
        found: list[Days] = []
        for scalar in self.listed(node, Phrase("a day of the week", "曜日")):
            days = read_days(scalar.text)
            if days is None:
                self._not_a_weekday(scalar)
            else:
                found.append(days)
        return merged(found)

    def _not_a_weekday(self, scalar: Scalar) -> None:
        text = normalize("NFKC", scalar.text).strip()
        what = Phrase(f"`{text}` is not a day of the week", f"`{text}` は曜日ではありません")
        remedy = Phrase(
            "write `月` to `日`, `第3月曜`, `1日`, `末日`, `祝日`, `祝日の翌平日`, `祝日を除く` or "
            "`月曜（祝日のときは翌平日）`",
            "`月` から `日` までの曜日、`第3月曜`、`1日`、`末日`、`祝日`、`祝日の翌平日`、`祝日を除く`、"
            "`月曜（祝日のときは翌平日）` のように書いてください",
        )
        if line := meant_days(scalar.text):
            remedy = Phrase(f"write `days: [{line}]`", f"`days: [{line}]` と書いてください")
        self.mistakes.add(scalar.where, what, remedy)

    def _member(self, scalar: Scalar, *, one: bool = False) -> Condition | None:
        if scalar.text not in self._written:
            self.unknown_name(scalar, self._written, Phrase("condition", "条件"), one=one)
            return None
        return self.condition(scalar.text)

    def _group(self, entry: Entry) -> Test | None:
        scalars = self.names_of_conditions(entry.value)
        members = [self._member(scalar) for scalar in scalars]
        ready = [member for member in members if member is not None]
        if not ready or len(ready) != len(members):
            return None
        names, tests = tuple(member.name for member in ready), tuple(member.test for member in ready)
        return AnyOf(names, tests) if entry.key == "any" else AllOf(names, tests)

    def _not(self, node: Node) -> Test | None:
        if not isinstance(node, Scalar):
            found = kind_of(node)
            self.mistakes.add(
                node.where,
                Phrase(
                    f"expected the name of one condition, found {found.en}",
                    f"条件の名前を一つ書くところに{found.ja}があります",
                ),
                Phrase(
                    "give the condition a name and write `not: NAME`", "条件に名前を付けて `not: 名前` と書いてください"
                ),
            )
            return None
        if self.text(node, Phrase("the name of a condition", "条件の名前")) is None:
            return None
        member = self._member(node, one=True)
        return None if member is None else Not(member.name, member.test)
