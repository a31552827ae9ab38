"""The names in `headers.keep` and `headers.pass`, and those of them that would not be honoured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum

from gateway.headers.names import OURS_TO_WRITE, PLAIN, HeaderRules
from gateway.request.field_names import Family, fold
from gateway.settings.settings import HeaderSettings
from gateway.yaml.mistakes import Phrase


class NotKept(StrEnum):
    """Why a name in `headers.keep` or `headers.pass` would not be passed on after all."""

    WRITTEN_ANEW = "written_anew"
    """It is about the connection, or the gateway writes it anew for the application."""
    FIXED = "fixed"
    """With it a client would get around policy, or speak as us: `Claim.fixed`."""
    METHOD = "method"
    """A request with it is refused, unless `method_override: both` has both methods judged."""
    STRIPPED = "stripped"
    """It is in `headers.strip`, or some App's `headers.names` gives it a fact."""
    ODD = "odd"
    """It has other signs than letters, digits and `-`, and `odd_names` drops such names."""


def not_kept(name: str, settings: HeaderSettings) -> NotKept | None:
    """Return why a name that `headers.keep` or `headers.pass` lists would not be passed on; `None`: it would."""
    folded = fold(name.encode())
    if folded in OURS_TO_WRITE:
        return NotKept.WRITTEN_ANEW
    claim = HeaderRules(settings).family(folded)
    if claim is not None:
        if claim.family is Family.METHOD:
            return NotKept.METHOD
        stripped = {fold(each.encode()) for each in (*settings.names.values(), *settings.strip)}
        return NotKept.STRIPPED if folded in stripped else NotKept.FIXED
    if settings.odd_names == "drop" and PLAIN.fullmatch(name.encode()) is None:
        return NotKept.ODD
    return None


_SAID: Mapping[NotKept, Callable[[str], tuple[Phrase, Phrase]]] = {
    NotKept.WRITTEN_ANEW: lambda name: (
        Phrase(f"`{name}` is never passed on: the gateway writes it anew", f"`{name}` はゲートウェイが書き直します"),
        Phrase("remove it from the list", "一覧から外してください"),
    ),
    NotKept.FIXED: lambda name: (
        Phrase(
            f"`{name}` is never passed on: with it a client could get around the policy, or write as the gateway",
            f"`{name}` は渡せません（ポリシーの迂回や、なりすましに使えるため）",
        ),
        Phrase(
            "remove it, and have the application read `X-Forwarded-…` of the gateway, or no such header",
            "一覧から外し、アプリケーションにはゲートウェイの `X-Forwarded-…` を読ませてください",
        ),
    ),
    NotKept.METHOD: lambda name: (
        Phrase(
            f"`{name}` replaces the method, and a request with it is refused",
            f"`{name}` はメソッドを置き換えるため、その要求は拒否されます",
        ),
        Phrase(
            "remove it; `method_override: both` has both methods judged",
            "一覧から外してください。`method_override: both` とすると両方のメソッドで判定します",
        ),
    ),
    NotKept.STRIPPED: lambda name: (
        Phrase(
            f"`{name}` is in `strip`, or an App's `names` gives it a fact",
            f"`{name}` は `strip` またはいずれかのアプリの `names` にあります",
        ),
        Phrase("keep it in one of the two", "どちらか一方にだけ書いてください"),
    ),
    NotKept.ODD: lambda name: (
        Phrase(
            f"`{name}` is dropped because of its spelling: only letters, digits and `-` pass",
            f"`{name}` は英数字と `-` 以外を含むため取り除かれます",
        ),
        Phrase(
            "write it as clients send it, or `odd_names: keep`", "`odd_names: keep` とするか、書き方を直してください"
        ),
    ),
}
"""The mistake about a name in `headers.keep` or `headers.pass` that would not be passed on, and its remedy."""


def listed_faults(settings: HeaderSettings) -> Iterator[tuple[str, Phrase, Phrase]]:
    """Yield the place of each listed name that clients could not send after all, why, and what to do."""
    for key, names in (("keep", settings.keep), ("pass", settings.passed or ())):
        for number, name in enumerate(names):
            if (why := not_kept(name, settings)) is not None:
                yield (f"{key}[{number}]", *_SAID[why](name))
