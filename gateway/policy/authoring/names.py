"""Finds names that only seem to be one thing: a switch that nobody looks at, or a list that no policy names.

One policy cannot tell: a switch is turned by a command, and a list lies in a folder beside others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.policy.conditions import SwitchTest
from gateway.policy.policy import Policy
from gateway.policy.switches import named_by
from gateway.yaml.mistakes import Phrase, did_you_mean


@dataclass(frozen=True, slots=True)
class NameRemark:
    """One name that does nothing."""

    file: str
    line: int
    """From 1; 0 for the whole file."""
    what: Phrase
    wiser: Phrase


def switch_remarks(
    policies: Mapping[str, Policy], closing: Iterable[str] = (), turned_on: Iterable[str] = (), switches: str = ""
) -> Iterator[NameRemark]:
    """Give the switches of policies that look like another one misspelt, and those that are on for nobody.

    `closing`: the switches by which Apps are closed. `turned_on`: the names in the file `switches`.
    """
    known = named_by(policies.values()) | frozenset(closing)
    of_apps = frozenset(closing)
    for file, policy in policies.items():
        others = named_by(other for name, other in policies.items() if name != file)
        for condition in policy.conditions.values():
            match condition.test:
                case SwitchTest(name=name) if name not in others | of_apps:
                    close = did_you_mean(name, sorted(known - {name}))
                    if close is None:
                        continue
                    yield NameRemark(
                        condition.file or file,
                        condition.line,
                        Phrase(f"no other policy has the switch `{name}`", f"スイッチ `{name}` は、ほかにはありません"),
                        close,
                    )
                case _:
                    continue
    for name in sorted(frozenset(turned_on) - known):
        yield NameRemark(
            switches,
            0,
            Phrase(
                f"the switch `{name}` is on, and no policy and no App looks at it",
                f"スイッチ `{name}` は入っていますが、使うポリシーもアプリもありません",
            ),
            did_you_mean(name, sorted(known))
            or Phrase(f"turn it off: `sekisho switch off {name}`", f"`sekisho switch off {name}` で切ってください"),
        )


def unnamed_lists(folder: Path, files: Iterable[Path], policies: Iterable[Policy]) -> Iterator[NameRemark]:
    """Give the lists of a folder that none of its policies names; `files`: all that lie in it and below."""
    read = {source.resolve() for policy in policies for source in policy.sources}
    for file in sorted(files):
        if file.resolve() in read:
            continue
        yield NameRemark(
            str(file),
            0,
            Phrase(
                f"no policy of `{folder}` names this list", f"`{folder}` のどのポリシーも、この一覧を使っていません"
            ),
            Phrase("name it in a condition, or take it away", "条件で使うか、取り除いてください"),
        )
