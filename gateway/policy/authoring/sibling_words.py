"""Says the siblings of a policy: a remark for each that is open, and a proof of the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from gateway.policy.authoring.path_words import TooManyWays
from gateway.policy.authoring.siblings import SERVERS, Sibling, Siblings, Way
from gateway.policy.policy import Match, Policy, Rule
from gateway.yaml.mistakes import Language, Phrase

_WAYS: Mapping[Way, Phrase] = {
    Way.SIGNS: Phrase(
        "Windows, WordPress and MediaWiki take upper and lower case for the same",
        "Windows・WordPress・MediaWiki は大文字と小文字を区別しません",
    ),
    Way.SLASH: Phrase(
        "most servers take a path with and without `/` at its end for the same",
        "多くのサーバーは末尾の `/` の有無を区別しません",
    ),
    Way.SUFFIX: Phrase(
        "Apache's MultiViews, Spring and Rails answer to a path with a suffix as to the path without it",
        "Apache の MultiViews・Spring・Rails は、拡張子の付いたパスにも同じページを返します",
    ),
    Way.WITHOUT_SUFFIX: Phrase(
        "Apache's MultiViews and ASP.NET find a page without its suffix",
        "Apache の MultiViews と ASP.NET は、拡張子のないパスにもそのページを返します",
    ),
    Way.INDEX: Phrase(
        "servers answer to a folder with its index page",
        "サーバーは、フォルダーのパスに索引ページ（index）を返します",
    ),
    Way.FRONT: Phrase(
        "PHP, CGI and ASP.NET answer to a path behind a program's name as to the path itself",
        "PHP・CGI・ASP.NET は、プログラム名の後ろのパスにも、そのパスのページを返します",
    ),
    Way.SCRIPT: Phrase(
        "PHP, CGI and ASP.NET run a program for every path behind its name",
        "PHP・CGI・ASP.NET は、後ろに何が続いてもそのプログラムを動かします",
    ),
    Way.ENDPOINT: Phrase(
        "WordPress answers to feeds and parts behind a page's path",
        "WordPress は、ページのパスの後ろに続くフィードなどにも応えます",
    ),
    Way.HEAD: Phrase(
        "every server answers a HEAD with the head of the page of the GET",
        "どのサーバーも HEAD には GET のページのヘッダーを返します",
    ),
    Way.METHOD: Phrase(
        "pages of PHP, ASP.NET and JSP answer alike to every method",
        "PHP・ASP.NET・JSP のページは、どのメソッドにも同じように応えます",
    ),
    Way.DEFAULT: Phrase(
        "an application may supply a parameter that is missing",
        "アプリケーションは、省かれたパラメータを既定の値で補うことがあります",
    ),
}

_PLAIN = re.compile(r"[^\s,:#\[\]{}'\"&*!|>%@`-][^\s,:#\[\]{}'\"]*")


def open_siblings(siblings: Siblings) -> Iterator[tuple[Rule, Phrase, Phrase]]:
    """Give the rule, the fault and the remedy for each request that reaches a weaker rule without its author's word."""
    policy, stated = siblings.policy, set[tuple[str, str]]()
    try:
        found = siblings.open()
    except TooManyWays:
        yield (
            policy.rules[0],
            Phrase(
                "the patterns overlap in too many ways: it is not proved that no request reaches a weaker rule",
                "パスの重なり方が多すぎるため、より緩い規則に当たるリクエストがないことを確かめられません",
            ),
            Phrase(
                "use `**` only at the end of a path, or make several policies",
                "`**` をパスの末尾だけに使うか、ポリシーを分けてください",
            ),
        )
        return
    for sibling in found:
        strict, weaker = sibling.strict, sibling.weaker
        if strict.name in weaker.weaker_than:
            stated.add((weaker.name, strict.name))
        else:
            yield strict, _what(sibling), _wiser(sibling, policy)
    if not siblings.stacks:
        yield from _idle(policy, stated)


def _idle(policy: Policy, stated: set[tuple[str, str]]) -> Iterator[tuple[Rule, Phrase, Phrase]]:
    """Give the statements that no request needs: they would hide one that a later change brings."""
    for rule in policy.rules:
        for name in rule.weaker_than:
            if (rule.name, name) not in stated:
                yield (
                    rule,
                    Phrase(
                        f"`weaker_than` of `{rule.name}` names `{name}`, and no request of `{name}` reaches it",
                        f"`{rule.name}` の `weaker_than` に `{name}` がありますが、"
                        f"`{name}` のリクエストがここに当たることはありません",
                    ),
                    Phrase("take it out", "取り除いてください"),
                )


def _what(sibling: Sibling) -> Phrase:
    strict, weaker = sibling.strict, sibling.weaker
    why = [_WAYS[way] for way in sibling.ways]
    return Phrase(
        f"`{sibling.request}` reaches the weaker `{weaker.name}` (line {weaker.line}) and may be `{sibling.page}` of "
        f"`{strict.name}`: {', and '.join(each.en for each in why)}",
        f"`{sibling.request}` には、より緩い `{weaker.name}`（{weaker.line} 行目）が当てはまりますが、"
        f"`{strict.name}` の `{sibling.page}` と同じページかもしれません（{'。'.join(each.ja for each in why)}）",
    )


def _wiser(sibling: Sibling, policy: Policy) -> Phrase:
    strict, weaker = sibling.strict, sibling.weaker
    line = written(corrected(sibling))
    moved = Phrase("")
    if policy.rules.index(strict) > policy.rules.index(weaker):
        moved = Phrase(f" and move it above `{weaker.name}`", f"（`{weaker.name}` より上に移す）")
    stated = f"weaker_than: {{{_scalar(strict.name)}: …}}"
    above = Phrase("")
    if Way.DEFAULT in sibling.ways:
        above = Phrase(
            " (a value that is meant to be open gets a rule of its own above, which names it)",
            "（緩めてよい値は、その値を書いた規則を上に置く）",
        )
    return Phrase(
        f"write `{line}` in `{strict.name}`{moved.en}{above.en}; or, if it is meant so, `{stated}` with the reason in "
        f"`{weaker.name}`",
        f"`{strict.name}` を `{line}` と書く{moved.ja}{above.ja}か、意図どおりなら `{weaker.name}` に理由を添えて "
        f"`{stated}` と書いてください",
    )


def corrected(sibling: Sibling) -> Match:
    """Return what the stricter rule matches once it takes the request as well."""
    match = sibling.strict.match
    for way in sibling.ways:
        match way:
            case Way.HEAD:
                match = replace(match, method=match.method | {"HEAD"})
            case Way.METHOD:
                match = replace(match, method=frozenset())
            case Way.DEFAULT:
                match = replace(match, query={})
            case _ if match.path and sibling.shape not in match.path:
                match = replace(match, path=(*match.path, sibling.shape))
            case _:
                continue
    return match


def written(match: Match) -> str:
    """Return a `match` as it is written on one line."""
    parts: list[str] = []
    if match.path:
        parts.append(f"path: {_listed(match.path)}")
    if match.method:
        parts.append(f"method: {_listed(tuple(sorted(match.method)))}")
    if match.query:
        pairs = (f"{_scalar(name)}: {_listed(tuple(sorted(those)))}" for name, those in match.query.items())
        parts.append(f"query: {{{', '.join(pairs)}}}")
    return f"match: {{{', '.join(parts)}}}"


def _listed(words: tuple[str, ...]) -> str:
    said = [_scalar(word) for word in words]
    return said[0] if len(said) == 1 else f"[{', '.join(said)}]"


def _scalar(word: str) -> str:
    return word if _PLAIN.fullmatch(word) else '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


# --- the proof -----------------------------------------------------------------------


def say_proof(siblings: Siblings, language: Language) -> str:
    """Say what was compared, and which other spellings the gateway refuses: what no remark is about."""
    ja = language is Language.JA
    lines = ["パスの別のつづり" if ja else "Other spellings of a page"]
    for strict, weaker, requests in siblings.refused():
        shown = "・".join(f"`{each}`" for each in requests) if ja else ", ".join(f"`{each}`" for each in requests)
        lines.append(
            f"- 「{strict.name}」のページを {shown} のように書くと「{weaker.name}」に当たるが、"
            "ゲートウェイが拒否する（400、ambiguous_path）。"
            if ja
            else f"- {shown} would be requests of “{weaker.name}” for pages of “{strict.name}”: "
            "the gateway refuses them (400, ambiguous_path)."
        )
    for stated in siblings.policy.rules:
        for name, reason in stated.weaker_than.items():
            lines.append(
                f"- 「{name}」のページの別のつづりが「{stated.name}」に当たることがある。意図したもの: {reason}"
                if ja
                else f"- Another spelling of a page of “{name}” may reach “{stated.name}”, as it is meant: {reason}"
            )
    passed = [way for way in Way if siblings.stacks and SERVERS[way].isdisjoint(siblings.stacks)]
    if passed:
        stacks = ", ".join(siblings.stacks)
        ways = ("・" if ja else ", ").join(passed)
        lines.append(
            f"- アプリの `stack`（{stacks}）にない読み方は比べていない: {ways}。"
            if ja
            else f"- Not compared, as the App's `stack` ({stacks}) does not read so: {ways}."
        )
    methods = ("・" if ja else ", ").join(siblings.methods)
    lines.append(
        f"- {len(siblings.policy.rules)} の規則のすべての組を、{methods} と、知られているすべてのつづりについて比べた。"
        "ほかに、より緩い規則に当たるものがあれば、指摘に示してある。"
        if ja
        else f"- Every pair of {len(siblings.policy.rules)} rules was compared for {methods} in every known spelling: "
        "any other request that reaches a weaker rule is in a remark."
    )
    return "\n".join(lines)
