"""Finds the parts of a policy that do nothing: their author believes in something that never happens.

Each is a remark and no mistake: a period that is over was right once, and a condition may wait for its rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from gateway.identity import Scope
from gateway.instant import start_of, tokyo_day
from gateway.policy.authoring.examples import Outcome, run_examples
from gateway.policy.authoring.unknown import say_gap
from gateway.policy.conditions import AllOf, AnyOf, Condition, Dates, InNetwork, Not, SubjectTest, Test, needs_of
from gateway.policy.example import UNKNOWN
from gateway.policy.policy import Policy
from gateway.policy.residence import residence_of
from gateway.policy.switches import named_by
from gateway.policy.verdict import Deny, Reason, ReasonKind
from gateway.yaml.mistakes import Phrase, did_you_mean

_OK = 200


@dataclass(frozen=True, slots=True)
class Idle:
    """One part that does nothing."""

    line: int
    what: Phrase
    remedy: Phrase
    file: str = ""
    """The file's name in messages, if it is not the policy's own."""


def idle_parts(policy: Policy, today: date | None) -> Iterator[Idle]:
    """Give every part of a policy that does nothing; `today`, `None`: periods and lists are not looked at."""
    yield from _unused_conditions(policy)
    yield from _unused_files(policy)
    yield from _unread_sentences(policy)
    yield from _unknown_switches(policy)
    yield from _wide_networks(policy)
    yield from _counted_failures(policy)
    yield from _careless_cancellations(policy)
    if today is not None:
        yield from _past(policy, today)
    if policy.examples:
        outcomes = run_examples(policy)
        yield from _rules_without_examples(policy, outcomes)
        yield from _never_refused(policy, outcomes)
        yield from _untried_limits(policy, outcomes)
        yield from _mistyped(policy, outcomes)


def _mistyped(policy: Policy, outcomes: Iterable[Outcome]) -> Iterator[Idle]:
    """Give the refusals that an example sees only because its address decides nothing: it shows nothing of the rule."""
    for outcome in outcomes:
        example, verdict = outcome.example, outcome.verdict
        if not outcome.passed or example.unknown or not example.name or not isinstance(verdict, Deny):
            continue
        if any(r.name == example.name and r.kind is not ReasonKind.CONDITION_UNKNOWN for r in verdict.reasons):
            continue
        condition = policy.conditions.get(example.name)
        address = None if example.who is None else example.who.address
        if condition is None or address is None or Scope.ADDRESS not in needs_of(condition.test).scopes:
            continue
        gap = residence_of(address).gap
        if gap is not None:
            why = say_gap(gap)
            yield Idle(
                example.where.line,
                Phrase(
                    f"the example “{example.title}” is refused only because {why.en}",
                    f"例「{example.title}」が断られるのは、{why.ja}からにすぎません",
                ),
                Phrase(
                    f"correct the address, or expect `deny {example.name}{UNKNOWN}`",
                    f"住所を直すか、`deny {example.name}{UNKNOWN}` と書いてください",
                ),
            )


def _parts(test: Test) -> tuple[str, ...]:
    match test:
        case AnyOf(names=names) | AllOf(names=names):
            return names
        case Not(name=name):
            return (name,)
        case _:
            return ()


def _used(policy: Policy) -> frozenset[str]:
    """Return the names of conditions that some rule asks or tells, and of those that they are made of."""
    return _made_of(
        policy,
        (
            name
            for rule in policy.rules
            for name in (*rule.require, *rule.disclose, *([rule.when] if rule.when else []))
            if name in policy.conditions
        ),
    )


def _made_of(policy: Policy, names: Iterable[str]) -> frozenset[str]:
    """Return these conditions, and those that they are made of."""
    waiting = list(names)
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [part for part in _parts(policy.conditions[name].test) if part in policy.conditions]
    return frozenset(found)


def _unused_conditions(policy: Policy) -> Iterator[Idle]:
    used = _used(policy)
    # The conditions of a file that several policies use are there for all of them; the policy's own come last.
    own = next((condition.file for condition in reversed(list(policy.conditions.values()))), "")
    for name, condition in policy.conditions.items():
        if name not in used and condition.file == own:
            yield Idle(
                condition.line,
                Phrase(f"no rule uses the condition `{name}`", f"条件 `{name}` はどの規則にも使われていません"),
                Phrase("name it in a rule, or take it out", "規則で使うか、取り除いてください"),
                condition.file,
            )


def _unused_files(policy: Policy) -> Iterator[Idle]:
    """Give the first condition of each file that `use` names and of which no rule uses a condition."""
    used = _used(policy)
    own = next((condition.file for condition in reversed(list(policy.conditions.values()))), "")
    by_file: dict[str, list[Condition]] = {}
    for condition in policy.conditions.values():
        by_file.setdefault(condition.file, []).append(condition)
    for file, conditions in by_file.items():
        if file != own and not any(condition.name in used for condition in conditions):
            yield Idle(
                conditions[0].line,
                Phrase(f"no rule uses a condition of `{file}`", f"`{file}` の条件を使う規則がありません"),
                Phrase("take it out of `use`", "`use` から取り除いてください"),
                file,
            )


def _unread_sentences(policy: Policy) -> Iterator[Idle]:
    """Give the sentences for refused persons of conditions that refuse nobody: they are told, or choose a rule."""
    refusing = _made_of(policy, (name for rule in policy.rules for name in rule.require))
    used = _used(policy)
    for name, condition in policy.conditions.items():
        if condition.if_not and name in used and name not in refusing:
            yield Idle(
                condition.line,
                Phrase(f"nobody reads `if_not` of `{name}`", f"`{name}` の `if_not` を読む人はいません"),
                Phrase(
                    "no rule requires it; require it, or take the sentence out",
                    "`require` に書いた規則がありません。`require` に書くか、文を取り除いてください",
                ),
                condition.file,
            )


def _unknown_switches(policy: Policy) -> Iterator[Idle]:
    """Give the switches of examples that no condition looks at: turned on, they change nothing."""
    known = sorted(named_by([policy]))
    for example in policy.examples:
        for name in example.switches:
            if name not in known:
                yield Idle(
                    example.where.line,
                    Phrase(
                        f"the example “{example.title}” turns on `{name}`, and no condition looks at it",
                        f"例「{example.title}」が入れる `{name}` を見る条件がありません",
                    ),
                    did_you_mean(name, known) or Phrase("take it out", "取り除いてください"),
                )


def _untried_limits(policy: Policy, outcomes: tuple[Outcome, ...]) -> Iterator[Idle]:
    """Give the limits by which no example is refused: nobody has tried whether they count."""
    refused = {
        reason.name
        for outcome in outcomes
        if isinstance(outcome.verdict, Deny)
        for reason in outcome.verdict.reasons
        if reason.kind is ReasonKind.LIMIT_REACHED
    }
    for rule in policy.rules:
        if rule.limit is not None and rule.limit.name not in refused:
            refused.add(rule.limit.name)
            name = rule.limit.name
            yield Idle(
                rule.line,
                Phrase(f"no example is refused by the limit `{name}`", f"回数の制限 `{name}` で断られる例がありません"),
                Phrase(
                    f"write one with `entries: {rule.limit.times}` and `expect: deny {name}`",
                    f"`entries: {rule.limit.times}` と `expect: deny {name}` の例を書いてください",
                ),
            )


def _wide_networks(policy: Policy) -> Iterator[Idle]:
    for name, condition in policy.conditions.items():
        match condition.test:
            case InNetwork(networks=networks) if any(network.prefixlen == 0 for network in networks):
                yield Idle(
                    condition.line,
                    Phrase(
                        f"`{name}` holds for every address of the world",
                        f"`{name}` はどの接続元でも満たされます",
                    ),
                    Phrase("name the office's own network", "庁内のネットワークだけを書いてください"),
                    condition.file,
                )
            case _:
                continue


def _counted_failures(policy: Policy) -> Iterator[Idle]:
    """A limit that counts every page with 200: applications answer so to a form that was not taken, too."""
    for rule in policy.rules:
        limit = rule.limit
        if limit is not None and limit.location is None and _OK in limit.statuses:
            yield Idle(
                rule.line,
                Phrase(
                    f"`{rule.name}` counts every answer of 200: many applications say 200 to a form with a mistake",
                    f"`{rule.name}` は 200 の応答をすべて数えます。入力の誤りにも 200 を返すアプリケーションがあります",
                ),
                Phrase(
                    "count the redirect behind a success: `{status: 303, location: /done}`",
                    "成功した後の転送を数えてください（`{status: 303, location: /done}`）",
                ),
            )


def _careless_cancellations(policy: Policy) -> Iterator[Idle]:
    """An entry that is given back by every page with 200: applications answer so to a cancellation that failed, too."""
    for rule in policy.rules:
        gives_back = rule.gives_back
        if gives_back is None or gives_back.header or gives_back.location is not None:
            continue
        if _OK in gives_back.statuses:
            yield Idle(
                rule.line,
                Phrase(
                    f"`{rule.name}` gives an entry back for every answer of 200: many applications say 200 to a "
                    "cancellation that was not taken",
                    f"`{rule.name}` は 200 の応答のたびに記録を戻します。取消できなかったときも 200 を返す"
                    "アプリケーションがあります",
                ),
                Phrase(
                    "have the application send a header when it has cancelled, and write `header: X-Entry-Cancelled`",
                    "取り消したときだけヘッダーを返すようにし、`header: X-Entry-Cancelled` と書いてください",
                ),
            )


def _past(policy: Policy, today: date) -> Iterator[Idle]:
    for name, condition in policy.conditions.items():
        ended = _ended(condition.test, policy, today)
        if ended is not None:
            yield Idle(
                condition.line,
                Phrase(
                    f"`{name}` never holds again: it ended on {ended}", f"`{name}` はもう満たされません（{ended} まで）"
                ),
                Phrase("write the next period, or take it out", "次の期間を書くか、取り除いてください"),
                condition.file,
            )


def _ended(test: Test, policy: Policy, today: date) -> date | None:
    """Return the last day of a period or a list that is over for good."""
    match test:
        case Dates(until=until) if type(until) is date and until < today:
            return until
        case Dates(ends=ends) if ends is not None and ends <= start_of(today):
            return tokyo_day(ends)
        case Dates(listed=listed) if listed and max(listed) < today:
            return max(listed)
        case SubjectTest(list=key):
            ends_of = [entry.until for entry in policy.lists.get(key, {}).values()]
            days = [day for day in ends_of if day is not None]
            return max(days) if days and len(days) == len(ends_of) and max(days) < today else None
        case _:
            return None


def _rules_without_examples(policy: Policy, outcomes: tuple[Outcome, ...]) -> Iterator[Idle]:
    reached = {outcome.rule for outcome in outcomes}
    for rule in policy.rules:
        if rule.name not in reached:
            yield Idle(
                rule.line,
                Phrase(f"no example reaches the rule `{rule.name}`", f"規則 `{rule.name}` を試す例がありません"),
                Phrase("write an example of it", "例を書いてください"),
            )


def _never_refused(policy: Policy, outcomes: tuple[Outcome, ...]) -> Iterator[Idle]:
    """A required condition that no example fails: nobody has tried whether it refuses the right people."""
    refused = {
        (outcome.rule, reason.name)
        for outcome in outcomes
        if isinstance(outcome.verdict, Deny)
        for reason in outcome.verdict.reasons
        if _is_no(reason)
    }
    for rule in policy.rules:
        missing = [name for name in rule.require if (rule.name, name) not in refused]
        if missing:
            shown = "`, `".join(missing)
            yield Idle(
                rule.line,
                Phrase(
                    f"no example of `{rule.name}` is refused by `{shown}`",
                    f"`{rule.name}` に、`{'`・`'.join(missing)}` で断られる例がありません",
                ),
                Phrase("write one with `expect: deny …`", "`expect: deny …` の例を書いてください"),
            )


def _is_no(reason: Reason) -> bool:
    return reason.kind in (ReasonKind.CONDITION_NO, ReasonKind.CONDITION_UNKNOWN)
