"""Reads `examples`: a title, a moment, a person, a request, and what is expected."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from ipaddress import ip_address
from unicodedata import normalize

from gateway.identity import EARLIEST_YEAR, AccountKind, Acting, Birthdate, Gender, Role
from gateway.instant import TOKYO, Instant, start_of
from gateway.policy.conditions import all_needs
from gateway.policy.example import EXAMPLE_CLIENT, EXAMPLE_SUBJECT, NOTHING, Example, Expect, Who
from gateway.policy.policy import Policy
from gateway.policy.reading.japanese_words import word_for
from gateway.policy.reading.meant import day_of, meant_day, meant_duration, meant_moment, why_no_day
from gateway.policy.reading.parse_conditions import GENDERS
from gateway.policy.reading.parse_values import Reader
from gateway.policy.verdict import Fact
from gateway.request.target import TargetFault, canonical, escaped
from gateway.settings.settings import PathSettings
from gateway.settings.typed import duration_of
from gateway.yaml.mistakes import Mistakes, Phrase, did_you_mean, one_of, write
from gateway.yaml.tree import Items, Node, Scalar, Table, unknown_key

_EVERYTHING = PathSettings(parameters="keep", encoded_slash="keep", merge_slashes=True)
"""An example is of a policy, not of an App: it may have any path that some App's `paths` admit."""

REQUEST = re.compile(r"([A-Z-]+) +(/\S*)")
"""A method and a target, as an author writes them."""

_UNKNOWN = ("(unknown)", "（unknown）", "(不明)", "（不明）")
"""After the name of a condition: it is unknown, and does not only fail."""

KEYS = ("title", "at", "who", "signed_in", "from", "switch", "entries", "request", "expect", "told")
_WHO = ("subject", "name", "address", "birthdate", "gender", "account", "account_kind", "account_role")
_EXAMPLE = Phrase("an example", "例")

NO_MOMENT: Instant = start_of(datetime(2026, 4, 1, tzinfo=TOKYO).date())
"""When an example happens that does not say so, in a policy that does not look at clocks."""


class ExampleReader(Reader):
    """Reads the examples of one policy."""

    def __init__(self, mistakes: Mistakes, names: Iterable[str], disclosed: Iterable[str], *, clock: bool) -> None:
        """Take the names that can refuse, the names that can be told, and whether the policy looks at days."""
        super().__init__(mistakes)
        self.names = tuple(names)
        self._disclosed = tuple(disclosed)
        self.needs_moment = clock

    def examples(self, node: Node) -> tuple[Example, ...]:
        """Return every example that could be read."""
        if not isinstance(node, Items):
            self.expected(node, Phrase("a list of examples", "例のリスト"))
            return ()
        found = [self._example(item) for item in node]
        return tuple(example for example in found if example is not None)

    def _example(self, node: Node) -> Example | None:
        table = self.table(node, KEYS, _EXAMPLE)
        if table is None:
            return None
        before = len(self.mistakes)
        request_node = self.need(table, "request", _EXAMPLE)
        expect_node = self.need(table, "expect", _EXAMPLE)
        title_node = self.need(table, "title", _EXAMPLE)
        title = "" if title_node is None else self._title(title_node)
        request = None if request_node is None else self._request(request_node)
        expect = None if expect_node is None else self._expect(expect_node)
        at = self._at(table)
        who = self._who(table.get("who"))
        ago = self._ago(table.get("signed_in"))
        client = self._client(table.get("from"))
        entries_node = table.get("entries")
        entries = (
            0
            if entries_node is None
            else self.number(entries_node, Phrase("a number of entries", "回数"), 0, 1_000_000)
        )
        switch_node = table.get("switch")
        what = Phrase("a switch", "スイッチの名前")
        switches = () if switch_node is None else tuple(scalar.text for scalar in self.listed(switch_node, what))
        told_node = table.get("told")
        disclosed = None if told_node is None else self._tell(told_node)
        if len(self.mistakes) > before or request is None or expect is None or at is None:
            return None
        method, path, query, written = request
        return Example(
            title=title,
            at=at,
            method=method,
            path=path,
            query=query,
            written=written,
            expect=expect[0],
            name=expect[1],
            unknown=expect[2],
            who=who,
            signed_in_ago=ago,
            client=client,
            switches=switches,
            entries=entries or 0,
            disclosed=disclosed,
            where=table.where,
        )

    def _title(self, node: Node) -> str:
        if isinstance(node, Table):
            words = self.words(node, Phrase("a title", "題"))
            return words.get("ja", "")
        return self.text(node, Phrase("a title", "題")) or ""

    def _request(self, node: Node) -> tuple[str, str, str | None, str] | None:
        written = self.text(node, Phrase("a request", "リクエスト"))
        if written is None:
            return None
        text = normalize("NFKC", written).strip()
        match = REQUEST.fullmatch(text)
        if match is None:
            what = Phrase(f"`{written}` is not a request", f"`{written}` はリクエストではありません")
            if meant := _meant_request(text):
                # Without a method nothing says whether the page is looked at or a form is sent.
                self.corrected(
                    node, what, meant, certain=meant.partition(" ")[0].lower() in text.lower() or text[0] in "閲送"
                )
            else:
                remedy = Phrase("write it as `GET /path`", "`GET /path` のように書いてください")
                self.mistakes.add(node.where, what, remedy)
            return None
        self.clean(node, Phrase("a request", "リクエスト"))
        if "*" in match[2].partition("?")[0]:
            what = Phrase(
                f"`{text}` is a pattern, and an example is one request",
                f"`{text}` はパスの型です。例には一つのリクエストを書きます",
            )
            one = re.sub(r"(?:/\*+)+", "/1", match[2].replace("**", "*"))
            self.mistakes.add(node.where, what, write(f"{match[1]} {one.replace('*', '1')}"))
            return None
        # Read by the door's own canonicaliser; an author may write signs that a browser would have escaped.
        target = canonical(escaped(match[2]), _EVERYTHING)
        if isinstance(target, TargetFault):
            what = Phrase(
                f"`{text}` is refused before any rule is evaluated (`{target}`)",
                f"`{text}` はどの規則も見る前に拒否されます（`{target}`）",
            )
            remedy = Phrase("write a path that can arrive", "届くことのあるパスを書いてください")
            self.mistakes.add(node.where, what, remedy)
            return None
        query = None if target.query is None else target.query.decode("ascii")
        return match[1], target.path, query, match[2]

    def _expect(self, node: Node) -> tuple[Expect, str, bool] | None:
        text = self.text(node, Phrase("`expect`", "`expect`"))
        if text is None:
            return None
        word, _, name = text.partition(" ")
        if word == Expect.DENY:
            name = name.strip()
            ending = next((each for each in _UNKNOWN if name.endswith(each)), "")
            bare = name.removesuffix(ending).rstrip()
            unknown, name = bare != name, bare
            if name and name not in self.names:
                known = Phrase("condition, limit or rule", "条件・回数の制限・規則")
                bare = name.strip("[]［］（）() ")
                first = next((each for each in self.names if bare.startswith(each)), None)
                what = Phrase(f"`{text}` cannot be expected", f"`{text}` は `expect` に書けません")
                if bare != name and bare in self.names:
                    self.corrected(node, what, f"deny {bare}")
                elif first is not None and _AND.match(bare.removeprefix(first)):
                    # One reason is enough for an example, and it proves no more with two.
                    self.corrected(node, what, f"deny {first}", certain=False)
                else:
                    self.unknown_name(Scalar(name, node.where), self.names, known)
                return None
            return Expect.DENY, name, unknown
        if text not in tuple(Expect):
            what = Phrase(f"`{text}` cannot be expected", f"`{text}` は `expect` に書けません")
            if (meant := meant_verdict(text, self.names)) is not None:
                self.corrected(node, what, meant)
                return None
            remedy = Phrase(
                "write `allow`, `sign in`, `sign in again`, `deny NAME` or `deny NAME (unknown)`",
                "`allow`・`sign in`・`sign in again`・`deny 名前`・`deny 名前 (unknown)` のいずれかを書いてください",
            )
            self.mistakes.add(node.where, what, did_you_mean(text, tuple(Expect)) or remedy)
            return None
        return Expect(text), "", False

    def _at(self, table: Table) -> Instant | None:
        node = table.get("at")
        if node is None:
            if self.needs_moment:
                self.need(table, "at", _EXAMPLE)
                return None
            return NO_MOMENT
        text = self.text(node, Phrase("a day or a moment", "日付か日時"))
        if text is None:
            return None
        moment = moment_of(normalize("NFKC", text).strip())
        if moment is not None:
            self.clean(node, Phrase("a day or a moment", "日付か日時"))
            return moment
        what = Phrase(f"`{text}` is not a day or a moment", f"`{text}` は日付でも日時でもありません")
        meant = meant_day(text) or meant_moment(text)
        if len(meant) > len("12-29"):
            if moment_of(meant) is not None:
                self.corrected(node, what, meant)
                return None
            remedy = Phrase(
                f"write a year from {EARLIEST_YEAR} to {_LATEST_YEAR}",
                f"{EARLIEST_YEAR} から {_LATEST_YEAR} までの年を書いてください",
            )
            self.mistakes.add(node.where, what, remedy)
            return None
        why, remedy = why_no_day(text)
        if why.en == f"`{text}` is not a day":
            why, remedy = (
                what,
                Phrase(
                    "write `2026-11-23` or `2026-11-23 10:00`",
                    "`2026-11-23` か `2026-11-23 10:00` のように書いてください",
                ),
            )
        elif why.en.startswith(f"`{text}` is not a day:"):
            # The words of this place, and the reason.
            reason = why.en.removeprefix(f"`{text}` is not a day")
            why = Phrase(f"{what.en}{reason}", why.ja)
        self.mistakes.add(node.where, why, remedy)
        return None

    def _who(self, node: Node | None) -> Who | None:
        if node is None or (isinstance(node, Scalar) and node.text == "nobody"):
            return None
        if isinstance(node, Scalar):
            if _NOBODY.fullmatch(normalize("NFKC", node.text).strip()):
                what = Phrase(f"`{node.text}` is no person", f"`{node.text}` は `who` に書けません")
                self.corrected(node, what, "nobody")
                return None
            remedy = Phrase(
                "write `{birthdate: 1986-04-01, address: …}`, or `nobody`",
                "`{birthdate: 1986-04-01, address: …}` か `nobody` と書いてください",
            )
            self.expected(node, Phrase("facts, or `nobody`", "本人の事実か `nobody` "), remedy)
            return None
        table = self.table(node, _WHO, Phrase("facts of a person", "本人の事実"))
        if table is None:
            return None
        texts: dict[str, str] = {}
        for entry in table:
            if entry.key in _WHO:
                text = self.text(entry.value, Phrase(f"`{entry.key}`", f"`{entry.key}`"))
                if text is not None:
                    texts[entry.key] = text
        birthdate = gender = None
        if "birthdate" in texts and (value := table.get("birthdate")) is not None:
            birthdate = self._birthdate(value)
        if "gender" in texts and (value := table.get("gender")) is not None:
            word = self.word(value, tuple(Gender), Phrase("gender", "性別"), also=tuple(GENDERS))
            gender = None if word is None else GENDERS.get(word) or Gender(word)
        subject = texts.get("subject", EXAMPLE_SUBJECT)
        return Who(subject, texts.get("name"), texts.get("address"), birthdate, gender, self._acting(table, texts))

    def _acting(self, table: Table, texts: Mapping[str, str]) -> Acting | None:
        """Return the account for which the person of an example acts."""
        kind_node, role_node = table.get("account_kind"), table.get("account_role")
        kind = None if kind_node is None else self.word(kind_node, tuple(AccountKind), Phrase("a kind", "種類"))
        role = None if role_node is None else self.word(role_node, tuple(Role), Phrase("a role", "役割"))
        name = texts.get("account")
        if name is None:
            node = kind_node or role_node
            if node is not None:
                what = Phrase("a kind or role without `account`", "`account` がないのに種類か役割があります")
                self.mistakes.add(node.where, what, Phrase("write `account: …`", "`account: …` を書いてください"))
            return None
        return Acting(name, AccountKind(kind or "person"), None if role is None else Role(role))

    def _birthdate(self, node: Node) -> Birthdate | None:
        text = self.text(node, Phrase("a birthdate", "生年月日"))
        if text is None:
            return None
        found = birthdate_of(normalize("NFKC", text).strip())
        if found is not None:
            self.clean(node, Phrase("a birthdate", "生年月日"))
            return found
        what = Phrase(f"`{text}` is not a birthdate", f"`{text}` は生年月日ではありません")
        meant = meant_day(text)
        if len(meant) > len("12-29"):
            self.corrected(node, what, meant)
            return None
        why, why_not = why_no_day(text)
        if why.en != f"`{text}` is not a day" and "period" not in why.en:
            reason = why.en.removeprefix(f"`{text}` is ").removeprefix("not a day: ")
            self.mistakes.add(node.where, Phrase(f"{what.en}: {reason}", why.ja), why_not)
        else:
            remedy = Phrase(
                "write `1986-04-01`; with unknown parts `1986-04` or `1986`",
                "`1986-04-01`、日や月が不詳なら `1986-04`・`1986` と書いてください",
            )
            self.mistakes.add(node.where, what, remedy)
        return None

    def _ago(self, node: Node | None) -> float:
        written = None if node is None else self.text(node, Phrase("`20m ago`", "`20m ago`"))
        if node is None or written is None:
            return 0.0
        text = normalize("NFKC", written).strip()
        seconds = duration_of(text.removesuffix("ago").strip())
        if seconds is not None and text.endswith(" ago"):
            self.clean(node, Phrase("`20m ago`", "`20m ago`"))
        else:
            what = Phrase(
                f"`{written}` is not the time since a sign-in", f"`{written}` はログインからの時間ではありません"
            )
            if meant := meant_duration(written):
                self.corrected(node, what, f"{meant} ago")
                return 0.0
            self.mistakes.add(node.where, what, Phrase("write `20m ago`", "`20m ago` のように書いてください"))
            return 0.0
        return seconds

    def _client(self, node: Node | None) -> str:
        text = None if node is None else self.clean(node, Phrase("an address", "アドレス"))
        if node is None or text is None:
            return EXAMPLE_CLIENT
        try:
            return str(ip_address(text))
        except ValueError:
            what = Phrase(f"`{text}` is not an address", f"`{text}` はアドレスではありません")
            self.mistakes.add(node.where, what, Phrase("write `192.0.2.7`", "`192.0.2.7` のように書いてください"))
            return EXAMPLE_CLIENT

    def _tell(self, node: Node) -> dict[str, str]:
        if isinstance(node, Scalar) and node.text == NOTHING:
            return {}
        table = node if isinstance(node, Table) else None
        if table is None:
            nothing = isinstance(node, Scalar) and word_for(node.text, (NOTHING,)) is not None
            remedy = (
                write(NOTHING)
                if nothing
                else Phrase("write `{name: nothing}`", "`{name: nothing}` のように書いてください")
            )
            self.expected(node, Phrase("names and values, or `nothing`", "名前と値の組か `nothing`"), remedy)
            return {}
        disclosed: dict[str, str] = {}
        for entry in table:
            if entry.key not in self._disclosed:
                unknown_key(entry, self._disclosed, self.mistakes)
                continue
            text = self.text(entry.value, Phrase("a value or `nothing`", "値か `nothing`"))
            if text is None:
                continue
            if entry.key not in tuple(Fact) and text not in _TOLD_OF_CONDITIONS:
                what = Phrase(
                    f"`{text}` is never told of a condition", f"条件について `{text}` と伝えることはありません"
                )
                meant = word_for(text, _TOLD_OF_CONDITIONS)
                if meant is not None:
                    self.corrected(entry.value, what, meant)
                else:
                    self.mistakes.add(entry.value.where, what, one_of(_TOLD_OF_CONDITIONS))
                continue
            disclosed[entry.key] = text
        return disclosed


_AND = re.compile(r"\s*(?:[・、，,&＆+＋/／ ]|と|かつ|及び|および|または|又は|and|or)")
_NOBODY = re.compile(
    "なし|無し?|(?:まだ)?ログインしていない(?:人|方)?|未ログイン|ログイン前|誰でも|だれでも|誰も|匿名|none|anonymous|guest",
    re.IGNORECASE,
)
"""Words for a person who has not signed in."""

_TOLD_OF_CONDITIONS = ("yes", "no", NOTHING)
_METHOD_AND_URL = re.compile(r"(?:(?!https?:)([A-Za-z]+|閲覧|送信)[\s　:：]*)?(?:https?://[^/\s]+)?(/\S*)")
_METHOD_AND_NAME = re.compile(r"(GET|HEAD|POST|PUT|PATCH|DELETE) +([\w-][\w./-]*(?:\?\S*)?)", re.IGNORECASE)
_METHOD_WORDS = {"閲覧": "GET", "送信": "POST"}


def _meant_request(text: str) -> str:
    """Return the request of `get /in`, `/in` or a whole URL; empty: it is none."""
    found = _METHOD_AND_URL.fullmatch(text)
    if found is not None:
        method = found[1] or "GET"
        return f"{_METHOD_WORDS.get(method, method.upper())} {found[2]}"
    found = _METHOD_AND_NAME.fullmatch(text)
    return "" if found is None else f"{found[1].upper()} /{found[2]}"


def meant_verdict(text: str, names: tuple[str, ...]) -> str | None:
    """Return the verdict that Japanese words or capitals mean: 許可, 拒否 市民, Deny adult."""
    spaced = re.sub("[\\s\u3000:：]+", " ", text)
    # A name may have brackets of its own: 拒否 市民（市内）.
    for each in (spaced, re.sub("[ ()（）「」]+", " ", spaced)):
        verdict, _, name = each.strip().partition(" ")
        meant = word_for(verdict, tuple(Expect))
        if meant == Expect.DENY and (not name or name in names):
            return f"deny {name}".strip()
        if meant and meant != Expect.DENY and not name:
            return meant
    return None


def example_reader(policy: Policy, mistakes: Mistakes, *, also: Iterable[str] = ()) -> ExampleReader:
    """Return a reader for examples of a policy; `also` are further names that can refuse or be told."""
    rules, conditions = policy.rules, policy.conditions
    names = dict.fromkeys(
        (*conditions, *also, *(rule.name for rule in rules), *(rule.limit.name for rule in rules if rule.limit))
    )
    used = [name for rule in rules for name in (*rule.require, *rule.disclose, rule.when or "") if name in conditions]
    clock = all_needs(conditions[name].test for name in used).clock
    return ExampleReader(mistakes, names, dict.fromkeys([*Fact, *conditions, *also]), clock=clock)


def moment_of(text: str) -> Instant | None:
    """Return the moment a text means; without an offset it is Asia/Tokyo, without a time the day's beginning."""
    day = day_of(text)
    if day is not None:
        return _in_calendar(start_of(day))
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}[ T]\d{1,2}:\d{2}(:\d{2})?([+-]\d{2}:\d{2}|Z)?", text, re.ASCII):
        return None
    padded = re.sub(r"[ T](\d):", r"T0\1:", text)
    try:
        moment = datetime.fromisoformat(padded)
    except ValueError:
        return None
    return _in_calendar((moment if moment.tzinfo is not None else moment.replace(tzinfo=TOKYO)).timestamp())


def _in_calendar(moment: Instant) -> Instant | None:
    """Return a moment after which the calendar has a day for every age that a policy can name."""
    return moment if _BEGIN <= moment < _END else None


_LATEST_YEAR = 8999
_BEGIN, _END = (start_of(date(year, 1, 1)) for year in (EARLIEST_YEAR, _LATEST_YEAR + 1))


_BIRTHDATE = re.compile(r"(\d{4})(?:[-/](\d{1,2}|\?\?)(?:[-/](\d{1,2}|\?\?))?|(\d{2})(\d{2}))?", re.ASCII)


def birthdate_of(text: str) -> Birthdate | None:
    """Return a birthdate; a month or a day that is missing, `00` or `??` is unknown."""
    match = _BIRTHDATE.fullmatch(text)
    if match is None:
        return None
    month, day = (
        None if part is None or part in {"??", "00"} else int(part)
        for part in (match[2] or match[4], match[3] or match[5])
    )
    try:
        birthdate = Birthdate(int(match[1]), month, day)
    except ValueError:
        return None
    return birthdate if birthdate.year >= EARLIEST_YEAR else None
