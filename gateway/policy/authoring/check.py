"""Remarks on a policy that can be read, but probably says something else than its author means.

A remark stops nothing: a mistake (`parse`) does. Each remark describes a risk and a better rule.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import product

from gateway.identity import Birthdate, Scope
from gateway.policy.authoring.idle import idle_parts
from gateway.policy.authoring.sibling_words import open_siblings
from gateway.policy.authoring.siblings import Siblings
from gateway.policy.authoring.words import say_scopes
from gateway.policy.conditions import Age, AllOf, AnyOf, Condition, Not, Test, all_needs
from gateway.policy.decide import CompiledPolicy, policy_scopes, rule_scopes
from gateway.policy.example import make_inbound
from gateway.policy.matching import PathIndex, matches
from gateway.policy.policy import Allow, Policy, Rule
from gateway.policy.verdict import FACT_SCOPES, Fact, Truth
from gateway.settings.case import fold_case
from gateway.wire.methods import METHODS, WHOLE_TREE
from gateway.yaml.mistakes import Language, Phrase

ADULT_ENOUGH = 15
"""Years: below this a card is applied for, and its use is answered for, by a guardian (法定代理人)."""

_METHODS_OF_ALL = frozenset(METHODS.values())
_ANY_METHOD = "*"
"""Stands for every method that no rule names."""

_SEGMENTS = ("\x01", "\x02")
"""Segments that no author writes: examples for `*` and `**`."""


class RemarkKind(StrEnum):
    """Why a remark is made."""

    NEVER_REACHED = "never_reached"
    SIBLING = "sibling"
    READ_OTHERWISE = "read_otherwise"
    WIDE_RETURN = "wide_return"
    SECOND_READING = "second_reading"
    NEVER_ASKED = "never_asked"
    PUBLIC = "public"
    ADDRESS = "address"
    BIRTHDATE = "birthdate"
    CHILD = "child"
    NO_EXAMPLES = "no_examples"
    NO_SENTENCE = "no_sentence"
    NEVER_ARRIVES = "never_arrives"
    CHILDREN = "children"
    IDLE = "idle"
    SIGNING = "signing"


@dataclass(frozen=True, slots=True)
class Remark:
    """One remark about a policy."""

    kind: RemarkKind
    line: int
    """In its file, from 1; 0 for the whole of it."""
    what: Phrase
    wiser: Phrase
    file: str = ""
    """The place, if it is known: a policy can use conditions of another file."""

    def say(self, language: Language, file: str) -> str:
        """Return `file:line: remark, remedy`."""
        where = self.file or file
        place = f"{where}:{self.line}" if self.line else where
        comma = "、" if language is Language.JA else ", "
        return f"{place}: {self.what.say(language)}{comma}{self.wiser.say(language)}"


def remarks(
    policy: Policy,
    compiled: CompiledPolicy | None = None,
    methods: Collection[str] | None = None,
    *,
    today: date | None = None,
) -> tuple[Remark, ...]:
    """Return all remarks about a policy.

    `compiled`: as an App's settings have it. `methods`: those that the App gets; `None` where no App is known.
    `today` is the day on which a period or a list can be over; without it none is.
    """
    order = _Order(policy)
    compiled = compiled or CompiledPolicy(policy)
    found = [
        *_never_reached(policy, order),
        *_siblings(compiled, methods),
        *_read_otherwise(policy, order, compiled),
        *_never_arrives(policy, methods),
        *_children_shown(policy, order, methods),
        *_wide_returns(policy),
        *_second_readings(policy, order),
        *_signing(policy),
        *_never_asked(policy),
        *_public(policy),
        *_too_much(policy),
        *_children(policy),
        *_unsaid(policy),
        *_examples(policy),
        *(Remark(RemarkKind.IDLE, idle.line, idle.what, idle.remedy, idle.file) for idle in idle_parts(policy, today)),
    ]
    return tuple(sorted(found, key=lambda remark: remark.line))


# --- which rule takes a path ---------------------------------------------------------


def _samples(pattern: str) -> Iterator[str]:
    """Give paths that stand for all that a pattern matches: each wildcard in each of its shapes."""
    one, two = _SEGMENTS
    shapes: list[tuple[tuple[str, ...], ...]] = []
    for segment in pattern.split("/")[1:]:
        if segment == "**":
            shapes.append(((), ("",), (one,), (one, two), (one, "")))
        elif segment == "*":
            shapes.append(((one,),))
        else:
            shapes.append(((segment,),))
    for chosen in product(*shapes):
        path = "/" + "/".join(segment for part in chosen for segment in part)
        if matches(pattern, path):
            yield path


def _patterns(rule: Rule) -> tuple[str, ...]:
    return rule.match.path or ("/**",)


def _methods(rule: Rule) -> frozenset[str]:
    return rule.match.method or frozenset({_ANY_METHOD})


class _Order:
    """Which rule surely takes a request, as it looks at nothing but method and path."""

    def __init__(self, policy: Policy) -> None:
        self._rules = policy.rules
        self._index = PathIndex([(rule.match.path, rule.match.method) for rule in policy.rules])

    def taker(self, method: str, path: str, *, before: int | None = None) -> Rule | None:
        """Return the first rule that takes it, if one does; `before`: of the rules ahead of that number."""
        for number in self._index.candidates(method, path):
            rule = self._rules[number]
            if rule.when is None and not rule.match.query:
                return rule if before is None or number < before else None
        return None


def _never_reached(policy: Policy, order: _Order) -> Iterator[Remark]:
    for number, rule in enumerate(policy.rules):
        requests = [(m, p) for m in _methods(rule) for pattern in _patterns(rule) for p in _samples(pattern)]
        takers = [order.taker(m, p, before=number) for m, p in requests]
        names = [taker.name for taker in takers if taker is not None]
        if requests and len(names) == len(requests):
            some = "`, `".join(dict.fromkeys(names))
            yield Remark(
                RemarkKind.NEVER_REACHED,
                rule.line,
                Phrase(
                    f"the rule `{rule.name}` is never reached: `{some}` takes all its requests first",
                    f"規則 `{rule.name}` は使われません。先にある `{some}` がすべて引き受けます",
                ),
                Phrase("move it up, or remove it", "上に移すか、取り除いてください"),
            )


def _strength(rule: Rule | None) -> int:
    """Return how much a rule asks; a request that no rule takes is refused, which is the most."""
    if rule is None or rule.allow is Allow.NOBODY:
        return 4
    if rule.allow is Allow.EVERYONE:
        return 0
    if rule.allow is Allow.SIGNED_IN:
        return 1 + (rule.signed_in_within is not None)
    return 3


def _siblings(compiled: CompiledPolicy, methods: Collection[str] | None) -> Iterator[Remark]:
    for rule, what, wiser in open_siblings(Siblings(compiled, methods)):
        yield Remark(RemarkKind.SIBLING, rule.line, what, wiser)


def _read_otherwise(policy: Policy, order: _Order, compiled: CompiledPolicy) -> Iterator[Remark]:
    """A rule whose own pages nobody reaches, as a server may take each for a page of a stricter rule."""
    for rule in policy.rules:
        found: dict[str, str] = {}
        for pattern, method in product(rule.match.path, _methods(rule)):
            path = next((path for path in _samples(pattern) if not set(path) & set(_SEGMENTS)), None)
            if path is None or order.taker(method, path) is not rule:
                continue
            path = fold_case(path) if compiled.paths.ignore_case else path
            reading = compiled.other_reading(make_inbound(method, path), 0.0)
            if reading is not None:
                found[path] = reading
        if found:
            shown = "`, `".join(found)
            readings = "`, `".join(dict.fromkeys(found.values()))
            yield Remark(
                RemarkKind.READ_OTHERWISE,
                rule.line,
                Phrase(
                    f"`{shown}` of `{rule.name}` is refused (`ambiguous_path`): some servers take it for "
                    f"`{readings}`, which is another rule's",
                    f"`{rule.name}` の `{shown}` は拒否します（`ambiguous_path`）。"
                    f"サーバーによっては、別の規則の `{readings}` として扱われるためです",
                ),
                Phrase(
                    "give both the same rule, or name them so that no server takes one for the other",
                    "両方を同じ規則にするか、サーバーが取り違えない名前にしてください",
                ),
            )


def _never_arrives(policy: Policy, methods: Collection[str] | None) -> Iterator[Remark]:
    """A method of a rule that the App does not get: the door answers before any rule is asked."""
    if methods is None:
        return
    for rule in policy.rules:
        never = sorted(rule.match.method.difference(methods))
        if never:
            shown, listed = "`, `".join(never), ", ".join(never)
            yield Remark(
                RemarkKind.NEVER_ARRIVES,
                rule.line,
                Phrase(
                    f"`{shown}` of `{rule.name}` never arrives: the App does not get it",
                    f"`{rule.name}` の `{'`・`'.join(never)}` は届きません。アプリが受け取らないメソッドです",
                ),
                Phrase(
                    f"write `methods: [{listed}]` at the App, or take it out of the rule",
                    f"アプリに `methods: [{listed}]` を書くか、規則から取り除いてください",
                ),
            )


def _children_shown(policy: Policy, order: _Order, methods: Collection[str] | None) -> Iterator[Remark]:
    """A guarded place that a request for a less guarded place above it lists, copies, moves, locks or deletes."""
    named = {method for rule in policy.rules for method in rule.match.method} if methods is None else set(methods)
    # DELETE takes a whole tree along where the application knows trees: where it knows WebDAV.
    if not (named - _METHODS_OF_ALL) & WHOLE_TREE:
        return
    for rule in policy.rules:
        reaching: dict[str, None] = {}
        above: dict[str, str] = {}
        for method in sorted(named & WHOLE_TREE & (rule.match.method or WHOLE_TREE)):
            for pattern in rule.match.path:
                for parent in _places_above(pattern, method, rule, order):
                    other = order.taker(method, parent)
                    if other is not None and _strength(other) < _strength(rule):
                        reaching[method] = None
                        above.setdefault(parent, other.name)
        if above:
            shown, others = "`, `".join(sorted(above)), "`, `".join(dict.fromkeys(above.values()))
            verbs, guarded = "`, `".join(reaching), "`, `".join(rule.match.path)
            yield Remark(
                RemarkKind.CHILDREN,
                rule.line,
                Phrase(
                    f"`{verbs}` of `{shown}` is `{others}` and reaches `{guarded}` of `{rule.name}` as well: a listing "
                    "shows its names, and `Depth: infinity` all below",
                    f"`{shown}` の `{verbs}` は `{others}` で許され、"
                    f"下にある `{rule.name}` の `{guarded}` にも及びます。"
                    "一覧には名前が現れ、`Depth: infinity` ではその下のすべてが現れます",
                ),
                Phrase(
                    "give the place above as strict a rule for these methods, and have the server refuse "
                    "`Depth: infinity`",
                    "上の場所にもこれらのメソッドについて同じ厳しさの規則を置き、サーバーで `Depth: infinity` を"
                    "拒否してください",
                ),
            )


def _places_above(pattern: str, method: str, rule: Rule, order: _Order) -> Iterator[str]:
    """Give the collections above the places of a pattern that the rule takes."""
    for path in _samples(pattern):
        if order.taker(method, path) is not rule:
            continue
        above = path.rstrip("/")
        while above:
            above = above.rpartition("/")[0]
            place = above + "/"
            if not set(place) & set(_SEGMENTS):
                yield place


def _wide_returns(policy: Policy) -> Iterator[Remark]:
    """A rule that lets another site's forms in at more than the one page that they come back to."""
    for rule in policy.rules:
        wide = [pattern for pattern in _patterns(rule) if "*" in pattern] if rule.returns_from else []
        if wide:
            shown = "`, `".join(wide)
            yield Remark(
                RemarkKind.WIDE_RETURN,
                rule.line,
                Phrase(
                    f"`{rule.name}` takes forms of `{', '.join(rule.returns_from)}` in the person's name at every page "
                    f"of `{shown}`",
                    f"`{rule.name}` は `{shown}` のどのページでも、"
                    f"`{'、'.join(rule.returns_from)}` からのフォームを本人のものとして受け取ります",
                ),
                Phrase(
                    "name the one path that the other site sends people back to, in a rule of its own",
                    "戻り先のパスだけを書いた規則を別に作ってください",
                ),
            )


def _second_readings(policy: Policy, order: _Order) -> Iterator[Remark]:
    """A form that asks for more than the page it is on: the person has signed in, and must read the card again."""
    for rule in policy.rules:
        if "POST" not in rule.match.method or "GET" in rule.match.method or rule.keep_form:
            continue
        needs = rule_scopes(rule, policy.conditions)
        pages: dict[str, None] = {}
        for path in (path for pattern in _patterns(rule) for path in _samples(pattern)):
            page = order.taker("GET", path)
            given = frozenset[Scope]() if page is None else rule_scopes(page, policy.conditions)
            # A page that asks nobody is no sign-in; one that begins there asks for what the form needs.
            if page is not None and given and needs - given and order.taker("POST", path) is rule:
                pages[page.name] = None
        if pages:
            items = needs - {Scope.OPENID}
            shown = "`, `".join(pages)
            yield Remark(
                RemarkKind.SECOND_READING,
                rule.line,
                Phrase(
                    f"a form of `{rule.name}` asks for {say_scopes(items, Language.EN)}, and its page (`{shown}`) for "
                    "less: a person who has "
                    "signed in there reads the card again, and the form is not sent meanwhile",
                    f"`{rule.name}` のフォームは{say_scopes(items, Language.JA)}を求めますが、"
                    f"そのページ（`{'`・`'.join(pages)}`）では求めません。"
                    "ログイン済みの方も、送信のときにもう一度カードを読み取ることになり、その間は送信されません",
                ),
                Phrase(
                    "let one rule be about both, write `keep_form: true`, or set `ask: once` of the App",
                    "一つの規則にまとめるか、`keep_form: true` を書くか、アプリに `ask: once` を設定してください",
                ),
            )


def _signing(policy: Policy) -> Iterator[Remark]:
    """A rule with a signature: our part of it is a preview, and not every purpose is proper."""
    for rule in policy.rules:
        if rule.sign is not None:
            yield Remark(
                RemarkKind.SIGNING,
                rule.line,
                Phrase(
                    f"`{rule.name}` has people sign (a preview): a signature that is asked for only to read the "
                    "personal data in the certificate is improper, and persons under 15 have no signing certificate",
                    f"`{rule.name}` は電子署名を求めます（プレビュー機能）。"
                    "証明書の個人情報を読むためだけに署名を求めるのは不適切です。また、15歳未満の方には署名用電子証明書がありません",
                ),
                Phrase(
                    "let people sign a document that they mean to sign; a sign-in gives name, address, birthdate and "
                    "gender",
                    "本人の意思を示す文書にだけ署名を求めてください。氏名・住所・生年月日・性別はログインで受け取れます",
                ),
            )


# --- what is told and asked ----------------------------------------------------------


def _never_asked(policy: Policy) -> Iterator[Remark]:
    asked = policy_scopes(policy)
    for rule in policy.rules:
        if rule.allow is not Allow.EVERYONE:
            continue
        for name in rule.disclose:
            needs = _needed(name, policy.conditions)
            if not needs <= asked:
                yield Remark(
                    RemarkKind.NEVER_ASKED,
                    rule.line,
                    Phrase(
                        f"`{name}` is never disclosed by `{rule.name}`: no rule asks for "
                        f"{say_scopes(needs - asked, Language.EN)}",
                        f"`{rule.name}` で `{name}` が伝わることはありません。"
                        f"{say_scopes(needs - asked, Language.JA)}を求める規則がありません",
                    ),
                    Phrase(
                        "disclose it in a rule that asks people to sign in", "ログインを求める規則で開示してください"
                    ),
                )


def _needed(name: str, conditions: Mapping[str, Condition]) -> frozenset[Scope]:
    condition = conditions.get(name)
    return FACT_SCOPES[Fact(name)] if condition is None else all_needs([condition.test]).scopes


def _public(policy: Policy) -> Iterator[Remark]:
    for rule in policy.rules:
        if rule.allow is not Allow.EVERYONE or rule.when is not None or rule.match.query:
            continue
        wide = [pattern for pattern in _patterns(rule) if pattern == "/**"]
        if wide and not rule.match.method:
            yield Remark(
                RemarkKind.PUBLIC,
                rule.line,
                Phrase(
                    f"`{rule.name}` lets everybody do everything that no earlier rule matches",
                    f"`{rule.name}` は、先の規則に当てはまらないすべての操作を誰にでも許します",
                ),
                Phrase("name the paths and methods that are public", "公開するパスとメソッドを書いてください"),
            )
        elif not rule.match.method and any(pattern.endswith("/**") for pattern in _patterns(rule)):
            yield Remark(
                RemarkKind.PUBLIC,
                rule.line,
                Phrase(
                    f"`{rule.name}` lets everybody send forms (POST, PUT, DELETE), not only look",
                    f"`{rule.name}` は閲覧だけでなく、送信（POST・PUT・DELETE）も誰にでも許します",
                ),
                Phrase(
                    "write `method: [GET, HEAD]` if looking is meant",
                    "閲覧だけなら `method: [GET, HEAD]` を書いてください",
                ),
            )


def _too_much(policy: Policy) -> Iterator[Remark]:
    for rule in policy.rules:
        if Fact.ADDRESS in rule.disclose:
            yield Remark(
                RemarkKind.ADDRESS,
                rule.line,
                Phrase(
                    f"`{rule.name}` discloses the address: it may name a shelter (方書) of somebody under 支援措置",
                    f"`{rule.name}` は住所をすべて伝えます。"
                    "支援措置を受けている方の避難先が、方書から分かることがあります",
                ),
                Phrase(
                    "a `residence` condition, `municipality` or `town` is often enough",
                    "`residence` の条件、`municipality`、`town` で足りることが多くあります",
                ),
            )
        if Fact.BIRTHDATE in rule.disclose:
            yield Remark(
                RemarkKind.BIRTHDATE,
                rule.line,
                Phrase(f"`{rule.name}` discloses the birthdate", f"`{rule.name}` は生年月日を伝えます"),
                Phrase(
                    "the yes or no of an `age` condition, or `age`, is often enough",
                    "`age` の条件のはい・いいえか、`age` で足りることが多くあります",
                ),
            )


# --- who passes ----------------------------------------------------------------------

_TODAY = date(2026, 10, 1)
"""Any day will do; in autumn every way of counting is well inside its year."""


def _children(policy: Policy) -> Iterator[Remark]:
    for rule in policy.rules:
        tests = [policy.conditions[name].test for name in rule.require]
        if not any(_has_age(test) for test in tests):
            continue
        passing = [
            years
            for years in range(ADULT_ENOUGH)
            if all(Truth.YES in _at_age(test, Birthdate(_TODAY.year - years, 6, 15)) for test in tests)
        ]
        if passing:
            yield Remark(
                RemarkKind.CHILD,
                rule.line,
                Phrase(
                    f"`{rule.name}` lets a child of {passing[-1]} pass alone",
                    f"`{rule.name}` は {passing[-1]} 歳の子どもを一人で通します",
                ),
                Phrase(
                    f"under {ADULT_ENOUGH} a guardian acts for the child, and a card does not say who that is",
                    f"{ADULT_ENOUGH} 歳未満では保護者が手続きをしますが、カードから保護者は分かりません",
                ),
            )


def _has_age(test: Test) -> bool:
    match test:
        case Age():
            return True
        case AnyOf(tests=tests) | AllOf(tests=tests):
            return any(_has_age(inner) for inner in tests)
        case Not(test=inner):
            return _has_age(inner)
        case _:
            return False


def _at_age(test: Test, birthdate: Birthdate) -> frozenset[Truth]:
    """Return the answers a test can give for a person born then. A test that is not about age may say yes or no."""
    both = frozenset({Truth.YES, Truth.NO})
    match test:
        case Age(range=ages):
            return frozenset({ages.of(birthdate, _TODAY).truth})
        case AnyOf(tests=tests):
            found = [_at_age(inner, birthdate) for inner in tests if _has_age(inner)]
            # Another branch may grant it without a look at the age: a resident passes `any: [resident, child]` as one.
            return both if any(Truth.YES in one for one in found) else frozenset({Truth.NO})
        case AllOf(tests=tests):
            return both if all(Truth.YES in _at_age(inner, birthdate) for inner in tests) else frozenset({Truth.NO})
        case Not(test=inner) if _has_age(inner):
            truths = _at_age(inner, birthdate)
            return both if Truth.NO in truths else frozenset({Truth.NO})
        case _:
            return both


def _unsaid(policy: Policy) -> Iterator[Remark]:
    for name in dict.fromkeys(name for rule in policy.rules for name in rule.require):
        condition = policy.conditions[name]
        if not condition.if_not:
            yield Remark(
                RemarkKind.NO_SENTENCE,
                condition.line,
                Phrase(
                    f"a person who fails `{name}` sees no sentence of yours",
                    f"`{name}` を満たさない方に示す文がありません",
                ),
                Phrase("write `if_not: {ja: …}`", "`if_not: {ja: …}` を書いてください"),
                file=condition.file,
            )


def _examples(policy: Policy) -> Iterator[Remark]:
    if not policy.examples:
        yield Remark(
            RemarkKind.NO_EXAMPLES,
            0,
            Phrase("the policy has no examples", "このポリシーには例がありません"),
            Phrase(
                "write under `examples` what it must do and must not",
                "`examples` に、すべきこと・すべきでないことを書いてください",
            ),
        )
