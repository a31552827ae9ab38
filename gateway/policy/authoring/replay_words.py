"""Says what a log's requests would become under another policy, by rule and reason, and what the log cannot know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.instant import tokyo_time
from gateway.plain_text import printable
from gateway.policy.authoring.replay import (
    CandidateReport,
    Change,
    Group,
    Missing,
    Noted,
    Outcome,
    Replay,
    Tally,
    Unjudged,
)
from gateway.yaml.mistakes import Language, Phrase

_CHANGES: Mapping[Change, Phrase] = {
    Change.PERMITS: Phrase("newly permitted", "新たに通る"),
    Change.TELLS: Phrase("newly told to the application", "新たにアプリへ伝わる"),
    Change.MAY_PERMIT: Phrase("may be newly permitted", "新たに通るかもしれない"),
    Change.ASKS: Phrase("a sign-in is newly asked", "新たにログインを求める"),
    Change.REFUSES: Phrase("newly refused", "新たに断られる"),
    Change.MAY_REFUSE: Phrase("may no longer be permitted", "通らなくなるかもしれない"),
    Change.WITHHOLDS: Phrase("no longer told to the application", "アプリへ伝わらなくなる"),
    Change.OTHERWISE: Phrase("refused or asked for another reason", "断る理由・求める理由が変わる、または変わりうる"),
}
_MISSING: Mapping[str, Phrase] = {
    Missing.QUERY: Phrase("the URL's parameters", "URL のパラメータ"),
    Missing.SWITCHES: Phrase("the switches of that time", "そのときのスイッチ"),
    Missing.LIMIT: Phrase("the entries counted so far", "それまでの回数"),
    Missing.FACTS_ASKED: Phrase("the facts that the sign-in had asked for", "そのログインで求めた項目"),
    Missing.SIGNED_IN_AT: Phrase("the time since the sign-in", "ログインからの時間"),
    Missing.ACCOUNT: Phrase("the linked account", "連携したアカウント"),
    Missing.TOO_MANY: Phrase("more kinds of people than were tried", "試しきれなかった人の組み合わせ"),
}
_UNJUDGED: Mapping[Unjudged, Phrase] = {
    Unjudged.UNREADABLE: Phrase("lines that are no access lines in JSON", "JSON のアクセスログではない行"),
    Unjudged.OTHER: Phrase(
        "lines of other Apps or policies (refusals that no rule fitted need `--app`)",
        "ほかのアプリ・ポリシーの行（どの規則にも当たらなかった拒否は `--app` で調べられます）",
    ),
    Unjudged.NO_VERDICT: Phrase(
        "requests that no policy decided on: errors, our own pages, refusals before the rules",
        "ポリシーが判断していないリクエスト（エラー、ゲートウェイの画面、規則より前の拒否）",
    ),
    Unjudged.UNLIKE: Phrase(
        "lines that the policy in force would not have decided so: it was another one then",
        "いまのポリシーではそうならない行（当時は別のポリシーでした）",
    ),
}
_NOT_KNOWN = Phrase(
    "The log has no facts of people, no parameters and no switches; `may` says that one of these decides.",
    "ログには、本人の情報・パラメータ・スイッチがありません。「かもしれない」は、それによって決まるという意味です。",
)
_WITHOUT_OLD = Phrase(
    "With `--in-force POLICY` the old verdicts narrow down who was there.",
    "`--in-force いまのポリシー` を付けると、当時の判断から、さらに絞り込めます。",
)


def say_replay(replay: Replay, language: Language) -> str:
    """Return the differences as text, the gravest first."""
    return "\n".join(_lines(replay, language))


def _lines(replay: Replay, language: Language) -> Iterator[str]:
    ja = language is Language.JA
    yield (
        f"{replay.lines} 行のうち {replay.judged} 行を判定。判断が変わらないのは {replay.same} 行"
        if ja
        else f"{replay.judged} of {replay.lines} lines judged, {replay.same} of them certainly keep their verdict"
    )
    for change in Change:
        found = [(group, tally) for group, tally in replay.groups.items() if group.change is change]
        if not found:
            continue
        total = sum(tally.count for _, tally in found)
        yield f"{_CHANGES[change].say(language)}: {total}"
        for group, tally in sorted(found, key=lambda row: (-row[1].count, row[0].before, row[0].after)):
            yield f"  {tally.count}  {_say_group(group, language)}"
            yield f"      {_say_first(tally, language)}"
    if replay.more:
        yield (
            f"ほかに、種類が多すぎて分けられない違いが {replay.more} 行"
            if ja
            else f"and {replay.more} lines with differences of too many kinds to be kept apart"
        )
    if not replay.groups and replay.judged:
        yield "違いは見つかりませんでした" if ja else "no difference was found"
    for why in Unjudged:
        if count := replay.unjudged.get(why, 0):
            yield f"{'判定していない' if ja else 'not judged'}: {count}  {_UNJUDGED[why].say(language)}"
    yield _NOT_KNOWN.say(language)
    if replay.in_force is None:
        yield _WITHOUT_OLD.say(language)


def _say_group(group: Group, language: Language) -> str:
    ja = language is Language.JA
    after = (" か " if ja else " or ").join(_say_outcome(each, language) for each in group.after)
    said = f"{_say_outcome(group.before, language)} → {after}"
    if not group.depends_on:
        return said
    names = [_MISSING[name].say(language) if name in _MISSING else f"`{printable(name)}`" for name in group.depends_on]
    return f"{said}（{'、'.join(names)} による）" if ja else f"{said} (depends on {', '.join(names)})"


def _say_outcome(outcome: Outcome, language: Language) -> str:
    rule = outcome.rule or ("規則なし" if language is Language.JA else "no rule")
    words = f"{outcome.verdict}:{outcome.reason}" if outcome.reason else outcome.verdict
    named = f"「{printable(rule)}」" if language is Language.JA else f"“{printable(rule)}” "
    return f"{named}`{printable(words)}`"


def _say_first(tally: Tally, language: Language) -> str:
    at = f"{tokyo_time(tally.at):%Y-%m-%d %H:%M:%S}"
    request = printable(f"{tally.method} {tally.path}"[:200])
    return f"最初は {at} の {request}" if language is Language.JA else f"first {at}, {request}"


def as_values(replay: Replay) -> dict[str, Any]:
    """Return the differences as plain values, for JSON."""
    return {
        "lines": replay.lines,
        "judged": replay.judged,
        "same": replay.same,
        "permits_more": replay.certain,
        "may_permit_more": replay.possible,
        "not_judged": {why.value: replay.unjudged.get(why, 0) for why in Unjudged},
        "not_kept_apart": replay.more,
        "differences": [
            {
                "change": group.change.value,
                "count": tally.count,
                "before": _outcome_values(group.before),
                "after": [_outcome_values(each) for each in group.after],
                "depends_on": list(group.depends_on),
            }
            for group, tally in replay.groups.items()
        ],
    }


def _outcome_values(outcome: Outcome) -> dict[str, str | None]:
    return {"rule": outcome.rule or None, "verdict": outcome.verdict, "reason": outcome.reason or None}


def say_candidate(report: CandidateReport, language: Language) -> str:
    """Return the candidate's differences as text, by App, rule and reason."""
    ja = language is Language.JA
    differing = sum(tally.count for tally in report.noted.values()) + report.more
    lines = [
        f"{report.lines} 行のうち {report.judged} 行をポリシーが判断。候補の判断が違うのは {differing} 行"
        if ja
        else f"{report.judged} of {report.lines} lines were decided by policies; the candidate differs in {differing}"
    ]
    for noted, tally in report.rows():
        lines += [f"  {tally.count}  {_say_noted(noted, language)}", f"      {_say_first(tally, language)}"]
    if report.more:
        lines.append(
            f"ほかに {report.more} 行（種類が多すぎて分けられません）"
            if ja
            else f"and {report.more} lines of too many kinds to be kept apart"
        )
    if report.unreadable:
        lines.append(f"{report.unreadable}  {_UNJUDGED[Unjudged.UNREADABLE].say(language)}")
    return "\n".join(lines)


def _say_noted(noted: Noted, language: Language) -> str:
    ja = language is Language.JA
    rule = noted.rule or ("規則なし" if ja else "no rule")
    was = f"{noted.verdict}:{noted.reason}" if noted.reason else noted.verdict
    candidate = f"{noted.candidate_verdict}:{noted.candidate_reason}".rstrip(":")
    grave = ("【新たに通る】" if ja else "newly permitted: ") if noted.permits else ""
    return f"{grave}{printable(noted.app)}: {printable(rule)} `{printable(was)}` → `{printable(candidate)}`"


def candidate_as_values(report: CandidateReport) -> dict[str, Any]:
    """Return the candidate's differences as plain values, for JSON."""
    return {
        "lines": report.lines,
        "judged": report.judged,
        "unreadable": report.unreadable,
        "permits_more": report.permits_more,
        "not_kept_apart": report.more,
        "differences": [
            {
                "app": noted.app,
                "rule": noted.rule or None,
                "verdict": noted.verdict,
                "reason": noted.reason or None,
                "candidate": {"verdict": noted.candidate_verdict, "reason": noted.candidate_reason or None},
                "count": tally.count,
            }
            for noted, tally in report.rows()
        ],
    }
