"""Reads a policy from YAML and notes every mistake at once, each with its place and remedy.

Here are the file and its rules; conditions are read in `parse_conditions`, limits in `parse_limits`, examples in
`parse_examples`, small values in `parse_values`. `check` remarks on policies that are readable but unwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from unicodedata import normalize
from urllib.parse import urlsplit

from gateway.bounded_files import read_file
from gateway.identity import Scope
from gateway.policy.conditions import Condition, needs_of
from gateway.policy.decide import rule_scopes
from gateway.policy.policy import Accounts, Allow, Match, Policy, Rule, Say, Source
from gateway.policy.reading.japanese_words import word_for
from gateway.policy.reading.meant import meant_seconds
from gateway.policy.reading.parse_conditions import ConditionReader, Lists, Naming
from gateway.policy.reading.parse_examples import example_reader
from gateway.policy.reading.parse_limits import LimitReader
from gateway.policy.reading.parse_values import Reader, other_script
from gateway.policy.reading.sheets import is_sheet, read_sheet
from gateway.policy.verdict import Fact, RuleId, Sign, Words, header_word
from gateway.request.same_site import LONGEST_ORIGIN, ORIGIN
from gateway.settings.origin import is_loopback, origin_of
from gateway.wire.methods import METHODS as COMMON_METHODS
from gateway.wire.methods import REGISTERED
from gateway.yaml.look_alikes import in_latin
from gateway.yaml.mistakes import Fix, Mistakes, Phrase, Where, write
from gateway.yaml.read import MAX_BYTES, read_yaml, read_yaml_file
from gateway.yaml.slips import note_slips
from gateway.yaml.tree import Entry, Items, Node, Scalar, Table

KEYS = ("policy", "title", "purpose", "use", "conditions", "rules", "examples")
RULE_KEYS = (
    "name",
    "match",
    "when",
    "allow",
    "require",
    "signed_in_within",
    "limit",
    "gives_back",
    "disclose",
    "purpose",
    "say",
    "keep_form",
    "returns_from",
    "sign",
    "accounts",
    "audit",
    "weaker_than",
)
METHODS = tuple(COMMON_METHODS.values())
MORE_METHODS = tuple(REGISTERED.values())

_RULE = Phrase("a rule", "規則")
_OUTSIDE = Phrase("lies outside the folder, so it is not read here", "フォルダーの外にあるため、ここでは読みません")
_UNREADABLE = Phrase("cannot be read", "読めません")
_WHOLE_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*(/[^?#]*)?(?:[?#].*)?")
_HOST_AND_PATH = re.compile(
    r"(?:localhost|(?:[A-Za-z0-9-]+\.)+(?!php|html?|jsp|cgi|aspx?|do|pl|css|js)[A-Za-z]{2,})(?::\d+)?(/[^?#]*)(?:[?#].*)?"
)
_BELOW = re.compile(r"(?:以下|配下)(?:の?(?:すべて|全て|全部|ページ))?$")


def _without_words(text: str) -> str:
    """Return a path without 以下 or 配下 behind it, or the stop of its sentence; empty: there are no such words."""
    found = _BELOW.search(text)
    path = text[: found.start()] if found is not None else text.rstrip("。、")
    apart = path[-1:] in (" ", "\u3000", "/", "*", "_", "-") or (path[-1:].isascii() and path[-1:].isalnum())
    path = path.strip(" \u3000")
    if path == text or (found is not None and not apart) or not path.startswith("/") or re.search(r"[\s。、]", path):
        return ""
    return path if path.endswith("*") else f"{path.rstrip('/')}/**"


_BETWEEN_PATHS = re.compile(
    r"(?<![\s・･;；｜|])[\s・･;；｜|]++(?:(?:または|又は|もしくは|および|及び|かつ|と|or|and)[\s・･;；｜|]*+)?(?=/)"
)
_QUOTES = "“”„‟‘’「」『』〝〞〟"
_SURELY_MEANT = {"∗": "*", "⁎": "*", "✱": "*", "＊": "*", "∕": "/", "⁄": "/", "⧸": "/", "\\": "/"} | dict.fromkeys(
    _QUOTES, ""
)
LOOK_ALIKES = _SURELY_MEANT | {"※": "*", "×": "*", "✕": "*", "￥": "/", "¥": "/", "…": "**", "‥": "**", "〜": "~"}
"""Signs in a path that look like one that its author means, and the one to write: no rule would see them otherwise."""
_PLAIN_SIGNS = str.maketrans(LOOK_ALIKES)

_EVERYTHING = frozenset(
    (
        *("全部", "全て", "すべて", "ぜんぶ", "全項目", "全情報", "全事実", "一式", "4情報", "四情報", "基本4情報"),
        *("all", "any", "everything", "full", "*", "＊", "true", "yes", "はい"),
    )
)
_NOTHING = frozenset(
    (
        *("なし", "無し", "無", "ない", "不要", "いいえ", "非開示"),
        *("none", "nothing", "nobody", "no", "false", "null", "~", "-"),
    )
)
"""Texts under `disclose` that name no fact: an author who writes one means each of them, or none."""

_NOT_ON_CARD = re.compile(
    "郵便番号|電話番号?|メール(?:アドレス)?|e-?mail|phone|フリガナ|ふりがな|ヨミガナ|よみがな|カナ(?:氏名)?|氏名カナ|本籍|世帯主?|続柄|国籍|職業|勤務先|学校|所得|保護者氏名",
    re.IGNORECASE,
)
_INDIVIDUAL_NUMBER = re.compile("マイナンバー|個人番号|my ?number|individual ?number|12桁の番号", re.IGNORECASE)


def _absent(name: str) -> tuple[Phrase, Phrase] | None:
    """Return the words on a fact that a card does not have, or that no application may be told."""
    plain = normalize("NFKC", name).strip()
    if _INDIVIDUAL_NUMBER.fullmatch(plain):
        return (
            Phrase(f"`{name}` is never read and never told", f"`{name}` は読み取らず、伝えません"),
            Phrase("write `subject` to know a person again", "同じ人かどうかは `subject` で分かります"),
        )
    if _NOT_ON_CARD.fullmatch(plain):
        return (
            Phrase(f"a card does not have `{name}`", f"`{name}` はカードに記録されていません"),
            Phrase("ask the person for it in the application", "アプリケーションの画面で本人に尋ねてください"),
        )
    return None


_NO_METHOD = Phrase("leave `method` out for every method", "すべてのメソッドなら、`method` を書かないでください")
_HEADER_NAME = re.compile(r"[a-z][a-z0-9_-]*")


def load_policy(path: Path, mistakes: Mistakes, name: str | None = None) -> Policy | None:
    """Read a policy file and all it uses; `None` where there is any mistake, each noted.

    `name` is the file's name in messages; the default is its path.
    """
    sources = _Sources(mistakes)
    root = sources.read(path, name or str(path))
    return _PolicyReader(sources, path, name or str(path)).policy(root)


def parse_policy(
    text: str | bytes,
    mistakes: Mistakes,
    *,
    file: str = "policy.yaml",
    folder: Path = Path(),
    may_read: Callable[[Path], bool] | None = None,
) -> Policy | None:
    """Read a policy that is in memory; files it uses are looked for in `folder`.

    `may_read` says which files the policy may name; `None` is any. A mistake quotes the file that it is in, so a text
    that comes from somebody else must not lead to every file of the machine.
    """
    sources = _Sources(mistakes, may_read)
    data = text.encode() if isinstance(text, str) else text
    root = sources.take(folder / file, data, file)
    return _PolicyReader(sources, folder / file, file).policy(root)


class _Sources:
    """Every file that was read, for the version and for the watch on changed files."""

    def __init__(self, mistakes: Mistakes, may_read: Callable[[Path], bool] | None = None) -> None:
        self.mistakes = mistakes
        self.data: dict[Path, bytes] = {}
        self._may_read = may_read

    def read(self, path: Path, name: str, naming: Naming | None = None) -> Node | None:
        """Return the tree of a file, which `name` is in messages; `naming`: the line that names it."""
        if self._may_read is not None and not self._may_read(path):
            # The same words for a file that is there and for one that is not.
            self._not_read(name, naming, _OUTSIDE)
            return None
        try:
            data = read_file(path, MAX_BYTES)
        except OSError:
            # Said in the reader's words; the path is watched, so that it may appear.
            self.data[path] = b""
            found = Mistakes()
            read_yaml_file(path, found, name)
            why = next((mistake.what for mistake in found if mistake.where == Where(name)), _UNREADABLE)
            self._not_read(name, naming, why)
            return None
        return self.take(path, data, name)

    def _not_read(self, name: str, naming: Naming | None, why: Phrase) -> None:
        """Note a file that is not read, in the line that names it, since there is no line in the file to look at."""
        if naming is None:
            self.mistakes.add(Where(name), why)
            return
        what = Phrase(
            f"`{naming.key}` names the file `{name}`: {why.en}", f"`{naming.key}` のファイル `{name}`：{why.ja}"
        )
        remedy = Phrase(
            f"write the path of a file as seen from the folder of `{naming.where.file}`",
            f"`{naming.where.file}` のあるフォルダーから見たファイルの場所を書いてください",
        )
        self.mistakes.add(naming.where, what, remedy)

    def take(self, path: Path, data: bytes, name: str) -> Node | None:
        self.data[path] = data
        return read_sheet(data, name, self.mistakes) if is_sheet(path) else read_yaml(data, name, self.mistakes)

    @property
    def version(self) -> str:
        """A hash of everything read, in the order of the paths' last names."""
        total = sha256()
        for path, data in sorted(self.data.items()):
            total.update(f"{path.name}:{len(data)}:".encode() + data)
        return total.hexdigest()[:16]


def _is_wide(sign: str) -> bool:
    """Whether a sign is a full-width form of one of ASCII, or a full-width space: a slip of the keyboard in a path."""
    return "\uff01" <= sign <= "\uff5e" or sign == "\u3000"


class _PolicyReader(Reader):
    def __init__(self, sources: _Sources, path: Path, file: str) -> None:
        super().__init__(sources.mistakes)
        self._sources = sources
        self._path = path
        self._file = file
        self._lists = Lists(sources.read)
        self._reader = ConditionReader(sources.mistakes, self._lists)
        self._limits = LimitReader(sources.mistakes, file)
        self._conditions: dict[str, Condition] = {}
        self._name = ""
        self._purpose: Words = {}

    def policy(self, root: Node | None) -> Policy | None:
        if root is None:
            return None
        table = self.table(root, KEYS, Phrase("a policy", "ポリシー"))
        if table is None:
            return None
        name_node = self.need(table, "policy", Phrase("the policy", "ポリシー"))
        name = None if name_node is None else self.name(name_node, Phrase("a policy", "ポリシー"))
        self._name = name or ""
        title, self._purpose = (
            {} if (value := table.get(key)) is None else self.words(value, Phrase(f"`{key}`", f"`{key}`"))
            for key in ("title", "purpose")
        )
        self._use(table.get("use"), self._path, self._file, {self._path.resolve()})
        conditions_node = table.get("conditions")
        if conditions_node is not None:
            self._reader.add(conditions_node, self._file, self._path.parent)
        self._conditions = self._reader.conditions()
        rules = self._rules(table)
        self._limits.check_names(rules)
        self._check_weaker(table, rules)
        policy = Policy(
            name=self._name,
            rules=tuple(rules),
            conditions=self._conditions,
            title=title,
            purpose=self._purpose,
            version=self._sources.version,
            sources=tuple(self._sources.data),
            read={path: Source.of(text, str(path.resolve())) for path, text in self._sources.data.items()},
            lists=self._lists.entries,
        )
        examples_node = table.get("examples")
        if examples_node is not None:
            # Names of conditions that could not be read are known as well: one mistake is enough.
            reader = example_reader(policy, self.mistakes, also=self._reader.names)
            policy = replace(policy, examples=reader.examples(examples_node))
        return None if len(self.mistakes) else policy

    def _use(self, node: Node | None, path: Path, file: str, seen: set[Path]) -> None:
        """Take the conditions of the files that a file uses, and of those that they use."""
        if node is None:
            return
        for scalar in self.listed(node, Phrase("files", "ファイル名")):
            other = path.parent / scalar.text
            shown = str(Path(file).parent / scalar.text)
            if other.resolve() in seen:
                # Used twice is used once; a circle ends here.
                continue
            seen.add(other.resolve())
            root = self._sources.read(other, shown, Naming("use", scalar.where))
            if root is None:
                note_slips(scalar, self.mistakes)
            table = None if root is None else self.table(root, KEYS, Phrase("conditions", "条件"))
            if table is None:
                continue
            self._use(table.get("use"), other, shown, seen)
            conditions = table.get("conditions")
            if conditions is None:
                what = Phrase(
                    f"`{scalar.text}` has no `conditions` to use", f"`{scalar.text}` に `conditions` がありません"
                )
                self.mistakes.add(scalar.where, what)
                continue
            self._reader.add(conditions, shown, other.parent)

    def _rules(self, table: Table) -> list[Rule]:
        node = self.need(table, "rules", Phrase("the policy", "ポリシー"))
        if node is None:
            return []
        if not isinstance(node, Items) or not node.items:
            self.expected(
                node,
                Phrase("a list of rules", "規則のリスト"),
                Phrase("write `- name: …`", "`- name: …` と書いてください"),
            )
            return []
        found: list[Rule] = []
        lines: dict[str, int] = {}
        cancelling: dict[int, Node] = {}
        for item in node:
            rule = self._rule(item)
            if rule is None:
                continue
            if rule.name in lines:
                what = Phrase(
                    f"the rule `{rule.name}` is here twice (first on line {lines[rule.name]})",
                    f"規則 `{rule.name}` が二つあります（最初は {lines[rule.name]} 行目）",
                )
                remedy = Phrase("give one of them another name", "どちらかに別の名前を付けてください")
                self.mistakes.add(item.where, what, remedy)
            lines.setdefault(rule.name, rule.line)
            found.append(rule)
            if isinstance(item, Table) and (stated := item.get("gives_back")) is not None:
                cancelling[len(found) - 1] = stated
        # The limit may stand in a later rule.
        limits = {rule.limit.name: rule.limit for rule in found if rule.limit is not None}
        for number, stated in cancelling.items():
            gives_back = self._limits.gives_back(stated, limits, found[number].limit)
            found[number] = replace(found[number], gives_back=gives_back)
        return found

    def _rule(self, node: Node) -> Rule | None:
        table = self.table(node, RULE_KEYS, _RULE)
        if table is None:
            return None
        before = len(self.mistakes)
        name_node = self.need(table, "name", _RULE)
        name = None if name_node is None else self.name(name_node, _RULE)
        beneath = len(self.mistakes)
        allow, require = self._who(table)
        who_is_read = len(self.mistakes) == beneath
        match_node, limit_node, say_node = (table.get(key) for key in ("match", "limit", "say"))
        match = Match() if match_node is None else self._match(match_node)
        when_node = table.get("when")
        when = None if when_node is None else self._when(when_node)
        within_node = table.get("signed_in_within")
        within = None if within_node is None else self.duration(within_node, Phrase("a duration", "時間の長さ"))
        limit = None if limit_node is None else self._limits.limit(limit_node)
        disclose_node = table.get("disclose")
        disclose = () if disclose_node is None else self._disclose(disclose_node)
        purpose_node = table.get("purpose")
        purpose = {} if purpose_node is None else self.words(purpose_node, Phrase("`purpose`", "`purpose`"))
        say = None if say_node is None else self._say(say_node, has_when=when_node is not None)
        keep_form, audit = (
            False if (value := table.get(key)) is None else self.truth(value, Phrase(f"`{key}`", f"`{key}`")) or False
            for key in ("keep_form", "audit")
        )
        returns_entry = table.entry("returns_from")
        returns_from = () if returns_entry is None else self._returns_from(returns_entry, match)
        sign_entry = table.entry("sign")
        sign = None if sign_entry is None else self._sign(sign_entry, match)
        accounts_node = table.get("accounts")
        accounts = (
            None
            if accounts_node is None
            else self.word(accounts_node, tuple(Accounts), Phrase("`accounts`", "`accounts`"))
        )
        weaker_node = table.get("weaker_than")
        weaker_than = {} if weaker_node is None else self._weaker_than(weaker_node)
        if who_is_read:
            self._check_keys(table, allow)
        rule = Rule(
            id=RuleId(self._name, name or ""),
            match=match,
            when=when,
            allow=allow,
            require=require,
            signed_in_within=within,
            limit=limit,
            disclose=disclose,
            purpose=purpose or self._purpose,
            say=say,
            keep_form=keep_form,
            returns_from=returns_from,
            sign=sign,
            accounts=None if accounts is None else Accounts(accounts),
            audit=audit,
            weaker_than=weaker_than,
            line=node.where.line,
        )
        if name is None:
            return None
        if len(self.mistakes) == before:
            self._check_purpose(rule, table)
        return rule

    def _weaker_than(self, node: Node) -> dict[str, str]:
        what = Phrase("rules and reasons", "規則と理由の組")
        if not isinstance(node, Table) or not node.entries:
            remedy = Phrase("write `{RULE: the reason}`", "`{規則の名前: 理由}` と書いてください")
            self.expected(node, what, remedy)
            return {}
        said = {entry.key: self.text(entry.value, Phrase("a reason", "理由")) for entry in node}
        return {name: reason for name, reason in said.items() if reason}

    def _check_weaker(self, table: Table, rules: list[Rule]) -> None:
        """Note statements about rules that are not there: they would be believed and would state nothing."""
        node = table.get("rules")
        names = [rule.name for rule in rules]
        for item in node if isinstance(node, Items) else ():
            stated = item.get("weaker_than") if isinstance(item, Table) else None
            for entry in stated if isinstance(stated, Table) else ():
                if entry.key not in names:
                    self.unknown_name(Scalar(entry.key, entry.where), names, Phrase("rule", "規則"))

    def _who(self, table: Table) -> tuple[Allow | None, tuple[str, ...]]:
        allow_entry, require_entry = table.entry("allow"), table.entry("require")
        remedy = Phrase(
            "write exactly one of `allow: everyone | signed_in | nobody` and `require: [conditions]`",
            "`allow: everyone | signed_in | nobody` か `require: [条件]` のどちらか一つを書いてください",
        )
        if allow_entry is None and require_entry is None:
            what = Phrase(
                "this rule says neither `allow` nor `require`", "この規則には `allow` も `require` もありません"
            )
            self.mistakes.add(table.where, what, remedy)
            return Allow.NOBODY, ()
        if allow_entry is not None and require_entry is not None:
            what = Phrase(
                "this rule says both `allow` and `require`", "この規則には `allow` と `require` の両方があります"
            )
            self.mistakes.add(max(allow_entry.where, require_entry.where), what, remedy)
            return Allow.NOBODY, ()
        if allow_entry is not None:
            word = self.word(allow_entry.value, tuple(Allow), Phrase("`allow`", "`allow`"))
            return (Allow.NOBODY if word is None else Allow(word)), ()
        names: list[str] = []
        if require_entry is not None:
            written = self.names_of_conditions(require_entry.value)
            names += [scalar.text for scalar in written if self._known(scalar)]
        return None, tuple(dict.fromkeys(names))

    def _known(self, scalar: Scalar) -> bool:
        if scalar.text in self._reader.names:
            return True
        self.unknown_name(scalar, self._reader.names, Phrase("condition", "条件"))
        return False

    def _match(self, node: Node) -> Match:
        table = self.table(node, ("path", "method", "query"), Phrase("keys of `match`", "`match` の項目"))
        if table is None:
            return Match()
        path_node, method_node, query_node = (table.get(key) for key in ("path", "method", "query"))
        paths: list[str] = []
        if path_node is not None:
            for scalar in self._listed_paths(path_node):
                path = self._path_pattern(scalar)
                if path is not None:
                    paths.append(path)
        methods: set[str] = set()
        if method_node is not None:
            for scalar in self.listed(
                method_node, Phrase("methods", "メソッド"), (*METHODS, *MORE_METHODS).__contains__
            ):
                if normalize("NFKC", scalar.text).strip().lower() in _EVERYTHING:
                    what = Phrase(f"`{scalar.text}` is no method", f"`{scalar.text}` というメソッドはありません")
                    self.mistakes.add(scalar.where, what, _NO_METHOD)
                    continue
                word = self.word(scalar, METHODS, Phrase("method", "メソッド"), also=MORE_METHODS)
                if word is not None:
                    methods.add(word)
        query: dict[str, frozenset[str]] = {}
        if query_node is not None:
            if isinstance(query_node, Table):
                for entry in query_node:
                    if self._parameter_without_colon(entry):
                        continue
                    values = self.listed(entry.value, Phrase("values", "値"))
                    query[entry.key] = frozenset(value.text for value in values)
            else:
                name, mark, value = ("", "", "")
                if isinstance(query_node, Scalar):
                    name, mark, value = normalize("NFKC", query_node.text).lstrip("?").partition("=")
                remedy = write(f"query: {{{name}: {value}}}") if mark and "&" not in value else None
                self.expected(query_node, Phrase("parameters and their values", "パラメータと値の組"), remedy)
        return Match(tuple(paths), frozenset(methods), query)

    def _parameter_without_colon(self, entry: Entry) -> bool:
        """Note `kubun=1` where `kubun: 1` belongs."""
        name, mark, value = normalize("NFKC", entry.key).partition("=")
        if not (mark and isinstance(entry.value, Scalar) and not entry.value.text):
            return False
        what = Phrase(f"`{entry.key}` has no `:`", f"`{entry.key}` に `:` がありません")
        line = f"{name}: {value}"
        self.mistakes.add(entry.where, what, write(line), Fix(entry.key, line))
        return True

    def _listed_paths(self, node: Node) -> list[Scalar]:
        """Return the paths of one or a list; several that other signs join are a mistake, noted."""
        found: list[Scalar] = []
        for scalar in self.listed(node, Phrase("paths", "パス")):
            parts = [part for part in _BETWEEN_PATHS.split(scalar.text) if part]
            if len(parts) < 2 or not scalar.plain:
                found.append(scalar)
                continue
            between = _BETWEEN_PATHS.search(scalar.text)
            sign = " " if between is None else between[0].strip() or between[0][0]
            what = Phrase(f"`{sign}` does not separate paths", f"`{sign}` はパスの区切りになりません")
            line = ", ".join(parts)
            fix: Fix | None = Fix(scalar.text, line if isinstance(node, Items) else f"[{line}]")
            remedy = write(f"[{line}]")
            if not sign.strip():
                # A space may as well be a slip within one path, and its end would be a path of its own: `/a /**`.
                fix, one = None, "".join(parts)
                remedy = Phrase(
                    f"write `[{line}]`, or `{one}` if the space is a slip",
                    f"`[{line}]` か、空白が打ち間違いなら `{one}` と書いてください",
                )
            self.mistakes.add(scalar.where, what, remedy, fix)
            found += [Scalar(part, scalar.where, plain=False) for part in parts]
        return found

    def _path_pattern(self, scalar: Scalar) -> str | None:
        text = scalar.text
        what = remedy = None
        half = normalize("NFKC", text).strip(_QUOTES)
        whole = _WHOLE_URL.fullmatch(half) or _HOST_AND_PATH.fullmatch(half)
        if whole is not None and not half.startswith("/"):
            is_url = "://" in half
            what = (
                Phrase(f"`{text}` is a whole URL", f"`{text}` は URL 全体です")
                if is_url
                else Phrase(f"`{text}` begins with a host", f"`{text}` はホスト名で始まっています")
            )
            path = whole[1] or "/"
            remedy = Phrase(f"write the path alone: `{path}`", f"パスだけを `{path}` と書いてください")
            fix = Fix(text, path) if is_url and scalar.plain and not set("?#") & set(half) else None
            self.mistakes.add(scalar.where, what, remedy, fix)
            return None
        if any(_is_wide(sign) for sign in text):
            # `/admin/＊＊` would be a rule about one odd name, and leave the page to the next rule.
            note_slips(scalar, self.mistakes)
            return None
        odd = next((sign for sign in text if sign in LOOK_ALIKES), None)
        if odd is not None:
            line = text.strip(_QUOTES).translate(_PLAIN_SIGNS)
            line = line if line.startswith("/") else f"/{line}"
            what = Phrase(
                f"a sign `{odd}` (U+{ord(odd):04X}) that no path has",
                f"パスに使えない記号「{odd}」（U+{ord(odd):04X}）",
            )
            self.corrected(scalar, what, line, certain=odd in _SURELY_MEANT)
            return None
        if (latin := in_latin(text)) != text:
            self.corrected(scalar, other_script(text, latin), latin)
            return None
        if meant := _without_words(text):
            what = Phrase(f"`{text}` has words behind its path", f"`{text}` のパスの後ろに言葉があります")
            self.corrected(scalar, what, meant, certain=False)
            return None
        if not text.startswith("/"):
            if note_slips(scalar, self.mistakes):
                return None
            line = f"/{text.removeprefix('~').lstrip('^./')}" if text[:1] in "~^." else f"/{text}"
            what = Phrase(f"the path `{text}` does not begin with `/`", f"パス `{text}` が `/` で始まっていません")
            self.corrected(scalar, what, line, certain=text[0].isalnum())
            return None
        if "?" in text:
            what = Phrase(f"`{text}` holds a query", f"`{text}` にクエリがあります")
            remedy = Phrase(
                "write `query: {name: value}` beside `path`", "`path` の隣に `query: {名前: 値}` と書いてください"
            )
        elif "%" in text:
            what = Phrase(f"`{text}` is percent-encoded", f"`{text}` はパーセント符号化されています")
            remedy = Phrase("write the characters themselves", "文字をそのまま書いてください")
        elif any(sign in text for sign in "\\#\u3000 ") or any(ord(sign) < ord(" ") for sign in text):
            what = Phrase(f"`{text}` has a character that no path has", f"`{text}` にパスに使えない文字があります")
            remedy = Phrase("remove it", "取り除いてください")
        elif "//" in text or any(segment in {".", ".."} for segment in text.split("/")):
            what = Phrase(f"no request has the path `{text}`", f"`{text}` というパスのリクエストは届きません")
            remedy = Phrase("write it without `//`, `.` and `..`", "`//`・`.`・`..` を使わずに書いてください")
        else:
            mixed = [segment for segment in text.split("/") if "*" in segment and segment not in {"*", "**"}]
            if mixed:
                what = Phrase(
                    f"`*` stands for a whole segment, not for part of `{mixed[0]}`",
                    f"`*` は `/` の間の全体を表し、`{mixed[0]}` の一部には使えません",
                )
                remedy = Phrase(
                    "write `/*` for one segment, `/**` for any number",
                    "一つなら `/*`、いくつでもなら `/**` と書いてください",
                )
        if what is None:
            return text
        self.mistakes.add(scalar.where, what, remedy)
        return None

    def _when(self, node: Node) -> str | None:
        if not isinstance(node, Scalar) or not node.text:
            if isinstance(node, Table):
                self.names_of_conditions(node)
            else:
                self.expected(node, Phrase("the name of one condition", "条件の名前一つ"))
            return None
        if not self._known(node):
            return None
        condition = self._conditions.get(node.text)
        if condition is not None and needs_of(condition.test).person:
            what = Phrase(
                f"`when` cannot ask about the person, and `{node.text}` does",
                f"`{node.text}` は本人について調べる条件なので `when` には書けません",
            )
            remedy = Phrase("write it under `require`", "`require` に書いてください")
            self.mistakes.add(node.where, what, remedy)
        return node.text

    def _disclose(self, node: Node) -> tuple[str, ...]:
        names: list[str] = []
        conditions = self._reader.names

        def is_one(text: str) -> bool:
            return text in conditions or word_for(text, tuple(Fact)) is not None

        for scalar in self.listed(node, Phrase("facts or names of conditions", "事実か条件の名前"), is_one):
            name = scalar.text
            if name in tuple(Fact):
                names.append(name)
            elif name not in conditions and (fact := word_for(name, tuple(Fact))) is not None:
                what = Phrase(f"there is no fact or condition `{name}`", f"`{name}` という事実・条件はありません")
                self.corrected(scalar, what, fact)
            elif name not in conditions and normalize("NFKC", name).strip().lower() in _EVERYTHING:
                what = Phrase(f"`{name}` names no fact", f"`{name}` という事実はありません")
                facts = ", ".join(Fact)
                remedy = Phrase(
                    f"name each fact that the application needs, since the person reads them: `disclose: [{facts}]` "
                    "is all of them",
                    "本人に示すため、アプリが必要とする事実を一つずつ書いてください"
                    f"（すべてなら `disclose: [{facts}]`）",
                )
                self.mistakes.add(scalar.where, what, remedy)
            elif name not in conditions and name.strip().lower() in _NOTHING:
                what = Phrase(f"`{name}` names no fact", f"`{name}` という事実はありません")
                remedy = Phrase(
                    "leave `disclose` out, and the application is told nothing",
                    "何も伝えないなら、`disclose` の行を消してください",
                )
                self.mistakes.add(scalar.where, what, remedy)
            elif name not in conditions and (absent := _absent(name)) is not None:
                self.mistakes.add(scalar.where, *absent)
            elif name not in conditions:
                self.unknown_name(scalar, [*Fact, *conditions], Phrase("fact or condition", "事実・条件"))
            elif not _HEADER_NAME.fullmatch(name):
                what = Phrase(
                    f"the condition `{name}` cannot be disclosed under this name",
                    f"条件 `{name}` はこの名前では伝えられません",
                )
                remedy = Phrase(
                    "give it a name of lower-case letters, digits, `_` and `-`, such as `may_drink`",
                    "`may_drink` のように、小文字の英字・数字・`_`・`-` の名前にしてください",
                )
                self.mistakes.add(scalar.where, what, remedy)
            else:
                alike = [other for other in conditions if other != name and header_word(other) == header_word(name)]
                if alike:
                    what = Phrase(
                        f"`{name}` and `{alike[0]}` make the same header",
                        f"`{name}` と `{alike[0]}` は同じヘッダーになります",
                    )
                    self.mistakes.add(
                        scalar.where,
                        what,
                        Phrase("give one of them another name", "どちらかに別の名前を付けてください"),
                    )
                names.append(name)
        return tuple(dict.fromkeys(names))

    def _say(self, node: Node, *, has_when: bool) -> Say:
        words = self.words(node, Phrase("`say`", "`say`"), also=("status", "retry_after"))
        if not isinstance(node, Table):
            return Say(words)
        status_node, retry_node = node.get("status"), node.get("retry_after")
        status = None if status_node is None else self.number(status_node, Phrase("a status", "ステータス"), 400, 599)
        if isinstance(retry_node, Scalar) and retry_node.text == "end":
            if not has_when:
                what = Phrase(
                    "`retry_after: end` in a rule without `when`", "`when` のない規則に `retry_after: end` があります"
                )
                self.mistakes.add(retry_node.where, what, Phrase("write seconds", "秒数を書いてください"))
            return Say(words, status or 403, until_change=True)
        retry = (
            None
            if retry_node is None
            else self.number(retry_node, Phrase("seconds", "秒数"), 0, 31_536_000, meant_seconds)
        )
        return Say(words, status or 403, retry)

    def _returns_from(self, entry: Entry, match: Match) -> tuple[str, ...]:
        if match.method and "POST" not in match.method:
            what = Phrase(
                "`returns_from` in a rule that takes no POST: a form comes back by POST alone",
                "POST を受けない規則に `returns_from` があります。フォームは POST で戻ります",
            )
            remedy = Phrase("add POST to `method`, or remove it", "`method` に POST を加えるか、取り除いてください")
            self.mistakes.add(entry.where, what, remedy)
        found: list[str] = []
        for scalar in self.listed(entry.value, Phrase("origins such as `https://pay.example`", "オリジン")):
            origin = self._origin(scalar)
            if origin is not None:
                found.append(origin)
        return tuple(dict.fromkeys(found))

    def _sign(self, entry: Entry, match: Match) -> Sign | None:
        what = Phrase("`sign`", "`sign`")
        if match.method != frozenset({"POST"}):
            said = Phrase(
                "`sign` in a rule that is not for POST alone: only a posted form is signed",
                "`sign` は POST だけの規則に書きます。署名するのは POST で送るフォームだけです",
            )
            remedy = Phrase(
                "write `method: POST` in its `match`, and another rule for the other methods",
                "`match` に `method: POST` を書き、ほかのメソッドは別の規則にしてください",
            )
            self.mistakes.add(entry.where, said, remedy)
        table = self.table(entry.value, ("document", "title", "digest_info"), what)
        if table is None:
            return None
        document_node, title_node = (self.need(table, key, what) for key in ("document", "title"))
        if document_node is not None:
            self.word(document_node, ("form",), Phrase("`document`", "`document`"))
        title = {} if title_node is None else self.words(title_node, Phrase("`title`", "`title`"))
        digest_node = table.get("digest_info")
        digest = None if digest_node is None else self.truth(digest_node, Phrase("`digest_info`", "`digest_info`"))
        return Sign(title, digest or False) if title else None

    def _origin(self, scalar: Scalar) -> str | None:
        """Return an origin that is written as a browser writes it: compared with that, another spelling never fits."""
        text = scalar.text
        try:
            written = origin_of(text.lower())
        except ValueError:
            written = ""
        if text == written and ORIGIN.fullmatch(text) and len(text) <= LONGEST_ORIGIN:
            if text.startswith("https://") or is_loopback(urlsplit(text).hostname or ""):
                return text
            what = Phrase(
                f"`{text}` is not encrypted: anybody on the way could send a form in its name",
                f"`{text}` は暗号化されていないため、途中の誰かがその名でフォームを送れます",
            )
            remedy = Phrase("write the site's https origin", "https のオリジンを書いてください")
        else:
            if note_slips(scalar, self.mistakes):
                return None
            what = Phrase(f"`{text}` is no origin of another site", f"`{text}` は他サイトのオリジンではありません")
            remedy = (
                Phrase(f"write `{written}`", f"`{written}` と書いてください")
                if ORIGIN.fullmatch(written)
                else Phrase(
                    "write scheme and host as a browser does: `https://pay.example` "
                    "(no path, no `*`; a Japanese host name as `xn--…`)",
                    "`https://pay.example` のように、方式とホスト名だけを書いてください"
                    "（パスと `*` は書けません。日本語のホスト名は `xn--…` の形で書きます）",
                )
            )
        self.mistakes.add(scalar.where, what, remedy)
        return None

    def _check_keys(self, table: Table, allow: Allow | None) -> None:
        """Note keys without an effect in a rule of this kind: their author means something else."""
        asks = allow in (None, Allow.SIGNED_IN)
        for key, fits in (
            ("signed_in_within", asks),
            ("limit", asks),
            ("gives_back", asks),
            ("keep_form", asks),
            ("returns_from", asks),
            ("sign", asks),
            ("accounts", asks),
            ("disclose", allow is not Allow.NOBODY),
            ("say", allow is Allow.NOBODY),
        ):
            entry = table.entry(key)
            if entry is None or fits or (table.entry("allow") is None and table.entry("require") is None):
                continue
            self._misplaced(entry, "" if allow is None else f"`allow: {allow}`")

    def _misplaced(self, entry: Entry, shown: str) -> None:
        what = (
            Phrase(
                f"`{entry.key}` has no effect in a rule with {shown}", f"{shown} の規則に `{entry.key}` は書けません"
            )
            if shown
            else Phrase(
                f"`{entry.key}` has no effect in a rule with `require`",
                f"`require` の規則に `{entry.key}` は書けません",
            )
        )
        remedy = (
            Phrase(
                "it is the page of a rule with `allow: nobody`; a condition has `if_not`",
                "`say` は `allow: nobody` の規則に、条件の文は `if_not` に書きます",
            )
            if entry.key == "say"
            else Phrase("remove it", "取り除いてください")
        )
        self.mistakes.add(entry.where, what, remedy)

    def _check_purpose(self, rule: Rule, table: Table) -> None:
        asked = rule_scopes(rule, self._conditions) - {Scope.OPENID}
        if asked and not rule.purpose:
            some = ", ".join(sorted(asked))
            entry = table.entry("require") or table.entry("disclose")
            what = Phrase(
                f"this rule asks for {some} and no `purpose` says why",
                f"この規則は {some.replace(', ', '・')} を求めますが、利用目的がありません",
            )
            remedy = Phrase(
                "write `purpose: {ja: …}` at the policy or the rule",
                "ポリシーか規則に `purpose: {ja: …}` を書いてください",
            )
            self.mistakes.add((entry or table).where, what, remedy)
