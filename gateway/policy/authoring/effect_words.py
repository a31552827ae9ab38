"""Says the effects of a change to an official: what becomes of whom, with one person and one request for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.identity import AccountKind, Acting, Birthdate, Gender, Role, Scope
from gateway.instant import tokyo_time
from gateway.policy.authoring.effect import Comparison, Effect, EffectKind
from gateway.policy.authoring.words import say_gender
from gateway.policy.authoring.worlds import World
from gateway.policy.example import EXAMPLE_CLIENT, EXAMPLE_SUBJECT
from gateway.yaml.mistakes import Language, Phrase

_HEADS: Mapping[EffectKind, Phrase] = {
    EffectKind.PERMITS: Phrase("newly permitted", "新たに通る"),
    EffectKind.TELLS: Phrase("newly told to the application", "新たにアプリへ伝わる"),
    EffectKind.ASKS: Phrase("asked otherwise", "求め方が変わる"),
    EffectKind.REFUSES: Phrase("newly refused", "新たに断られる"),
    EffectKind.WITHHOLDS: Phrase("no longer told to the application", "アプリへ伝わらなくなる"),
    EffectKind.OTHERWISE: Phrase("refused for another reason", "断る理由が変わる"),
}
_NO_RULE = Phrase("no rule", "規則なし")


@dataclass(frozen=True, slots=True)
class EffectWords:
    """One effect in the words of a table's row."""

    kind: EffectKind
    head: str
    sides: str
    """Both rules and verdicts, with the facts that come and go."""
    witness: str
    """One request and one person who shows it."""


def effect_rows(comparison: Comparison, language: Language) -> Iterator[EffectWords]:
    """Give a row for each effect, the gravest first."""
    for kind in EffectKind:
        for effect in comparison.effects:
            if effect.kind is kind:
                sides = f"{_say_sides(effect, language)}{_say_facts(effect, language)}"
                yield EffectWords(kind, _HEADS[kind].say(language), sides, _say_witness(effect, language))


def say_comparison(comparison: Comparison, language: Language) -> str:
    """Return every effect as text, the gravest first, and how much was tried."""
    lines = list(_lines(comparison, language))
    if not comparison.effects:
        none = Phrase(
            "no effect was found: nobody passes, is refused, is asked or is told otherwise",
            "影響は見つかりませんでした。通る人・断られる人・求める情報・伝わる情報は変わりません",
        )
        lines.append(none.say(language))
    tried = Phrase(f"tried: {comparison.tried} requests of people", f"試した組み合わせ：{comparison.tried} 件")
    lines.append(tried.say(language))
    if comparison.cut:
        some = ", ".join(comparison.cut[:3])
        cut = Phrase(
            f"not every person and moment was tried for {len(comparison.cut)} requests, such as {some}",
            f"{len(comparison.cut)} 件のリクエスト（{some} など）は、人と日時の組み合わせが多く、全部は試していません",
        )
        lines.append(cut.say(language))
    return "\n".join(lines)


def _lines(comparison: Comparison, language: Language) -> Iterator[str]:
    last: EffectKind | None = None
    for row in effect_rows(comparison, language):
        if row.kind is not last:
            last = row.kind
            yield row.head
        yield f"  {row.sides}"
        yield f"    {row.witness}"


def _say_sides(effect: Effect, language: Language) -> str:
    old, new = effect.before.rule or _NO_RULE.say(language), effect.after.rule or _NO_RULE.say(language)
    if language is Language.JA:
        rules = f"規則「{old}」" if old == new else f"規則「{old}」から「{new}」へ"
        return f"{rules}：`{effect.before.verdict}` → `{effect.after.verdict}`"
    rules = f"rule `{old}`" if old == new else f"rule `{old}`, then `{new}`"
    return f"{rules}: `{effect.before.verdict}` becomes `{effect.after.verdict}`"


def _say_facts(effect: Effect, language: Language) -> str:
    signed = [f"+{name}" for name in effect.more] + [f"-{name}" for name in effect.less]
    if not signed:
        return ""
    return f"（{'、'.join(signed)}）" if language is Language.JA else f" ({', '.join(signed)})"


def _say_witness(effect: Effect, language: Language) -> str:
    ja = language is Language.JA
    more = "" if effect.count == 1 else (f"（ほか {effect.count - 1} 件）" if ja else f" (and {effect.count - 1} more)")
    if effect.world is None:
        return f"例「{effect.example}」{more}" if ja else f"example “{effect.example}”{more}"
    person = say_world(effect.world, language)
    return f"たとえば {effect.request}、{person}{more}" if ja else f"such as {effect.request}, {person}{more}"


def say_world(world: World, language: Language) -> str:
    """Return a person and a moment in a line."""
    ja = language is Language.JA
    parts = [f"{tokyo_time(world.now):%Y-%m-%d %H:%M:%S}"]
    person = world.person
    if person is None:
        parts.append("ログインなし" if ja else "nobody signed in")
    else:
        if Scope.BIRTHDATE in world.looked_at:
            parts.append(_say_birth(person.birthdate, ja=ja))
        if Scope.ADDRESS in world.looked_at:
            parts.append(person.address or ("住所なし" if ja else "no address"))
        if Scope.GENDER in world.looked_at:
            parts.append(_say_gender(person.gender, ja=ja))
        if not world.looked_at - {Scope.OPENID}:
            parts.append("ログイン済み" if ja else "signed in")
        if person.acting is not None:
            parts.append(_say_acting(person.acting, ja=ja))
        if person.subject != EXAMPLE_SUBJECT:
            parts.append(f"名簿の {person.subject}" if ja else f"on a list as {person.subject}")
        if person.authenticated_at != world.now:
            ago = round(world.now - person.authenticated_at)
            parts.append(f"ログインから {ago} 秒" if ja else f"signed in {ago} s ago")
    if world.client != EXAMPLE_CLIENT:
        known = world.client or ("不明" if ja else "an unknown address")
        parts.append(f"接続元 {known}" if ja else f"from {known}")
    if world.switches:
        parts.append(("スイッチ " if ja else "switched on: ") + ", ".join(world.switches))
    return "、".join(parts) if ja else ", ".join(parts)


def _say_acting(acting: Acting, *, ja: bool) -> str:
    if acting.role is Role.REPRESENTATIVE:
        kind = "団体の代表者として" if ja else "as representative of the group "
    elif acting.kind is AccountKind.GROUP:
        kind = "団体の" if ja else "for the group "
    else:
        kind = "本人の" if ja else "for "
    return f"{kind}アカウント {acting.account}" if ja else f"{kind}{acting.account}"


def _say_gender(gender: Gender | None, *, ja: bool) -> str:
    if gender is None:
        return "性別なし" if ja else "no gender"
    return f"性別は{say_gender(gender, Language.JA)}" if ja else gender.value


def _say_birth(born: Birthdate | None, *, ja: bool) -> str:
    if born is None:
        return "生年月日なし" if ja else "no birthdate"
    written = "-".join(f"{part:02}" for part in (born.year, born.month, born.day) if part is not None)
    return f"{written} 生まれ" if ja else f"born {written}"


def as_values(comparison: Comparison) -> dict[str, Any]:
    """Return the effects as plain values, for JSON."""
    return {
        "permits_more": comparison.permits_more,
        "tried": comparison.tried,
        "not_all_tried": list(comparison.cut),
        "effects": [
            {
                "kind": effect.kind.value,
                "before": {"rule": effect.before.rule or None, "verdict": effect.before.verdict},
                "after": {"rule": effect.after.rule or None, "verdict": effect.after.verdict},
                "more": list(effect.more),
                "less": list(effect.less),
                "request": effect.request,
                "person": None if effect.world is None else say_world(effect.world, Language.EN),
                "example": effect.example or None,
                "count": effect.count,
            }
            for effect in comparison.effects
        ],
    }
