"""Switches: an operator turns one on for a while, so that rules with `switch: NAME` fit.

A file on this machine holds them, so that they work when Redis and the provider do not. Each
ends by itself. This module knows the file's content; `system_switches` reads, writes and watches the file, and `sekisho
switch on | off` turns a switch.

The nodes of a fleet tell each other of switches (`session.redis_fleet`). Of two entries of one name the later holds, so
that the order in which a node hears of them does not matter. An entry says that a switch is on, or that an operator
turned it off. It is kept for as long as an earlier one could still say otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import msgspec

from gateway.instant import Instant, is_instant
from gateway.policy.conditions import all_needs
from gateway.policy.policy import Policy
from gateway.strict_json import NotJsonError, read_struct
from gateway.yaml.mistakes import Phrase, SaidError, did_you_mean

NAME = re.compile(r"\w[\w.-]{0,63}")
"""The shape of a switch's name; Japanese is welcome."""

LONGEST_FILE = 1024 * 1024
"""Bytes of the switches' file."""

LONGEST = 90 * 86_400.0
"""Seconds a switch may stay on. An operator who needs it longer turns it on again, and thinks again."""

LONGEST_MESSAGE = 500
"""Characters of the words that people read while a switch is on."""

LATER = 0.001
"""Seconds by which an operator's action is later than the one that she saw, though her machine's clock is behind."""

AHEAD = 3_600.0
"""Seconds that the clock of another node may be ahead. An entry of a later moment is passed over."""

MOST_LISTED = 12
"""Known switches that a refusal lists."""


class Switch(msgspec.Struct, frozen=True):
    """One switch that is on, or that an operator turned off: then its end stands before its beginning."""

    since: Instant
    """The moment at which it was turned: of two entries the later one holds."""
    until: Instant
    by: str
    """The operator's name on this machine."""
    reason: str
    message: dict[str, str] = {}
    """The words that people read while it is on, by language."""

    @property
    def is_off(self) -> bool:
        """Whether an operator turned it off."""
        return self.until <= self.since


class SwitchesError(SaidError):
    """The switches' file does not hold switches; the message has the remedy."""


def read_switches(text: bytes) -> dict[str, Switch]:
    """Return the switches of a file, those included whose time is over.

    Raises:
        SwitchesError: it was not written by `sekisho switch`. An empty file is one that is being written.

    """
    try:
        switches = read_struct(text, dict[str, Switch], LONGEST_FILE)
    except NotJsonError as error:
        raise SwitchesError(_no_switches(Phrase(str(error), str(error)))) from None
    if not all(NAME.fullmatch(name) for name in switches):
        raise SwitchesError(_no_switches(Phrase("a name is wrong", "名前が正しくありません")))
    if not all(is_instant(switch.since) and is_instant(switch.until) for switch in switches.values()):
        raise SwitchesError(_no_switches(Phrase("a time is wrong", "時刻が正しくありません")))
    return switches


def _no_switches(why: Phrase) -> Phrase:
    return Phrase(
        f"not a file of switches ({why.en}); `sekisho switch` writes one",
        f"スイッチのファイルではありません（{why.ja}）。`sekisho switch` が作ります",
    )


def write_switches(switches: Mapping[str, Switch]) -> bytes:
    """Return the file's text."""
    return msgspec.json.format(msgspec.json.encode(dict(sorted(switches.items()))), indent=2) + b"\n"


def named_by(policies: Iterable[Policy]) -> frozenset[str]:
    """Return the switches that the conditions of policies look at."""
    return all_needs(each.test for policy in policies for each in policy.conditions.values()).switches


@dataclass(frozen=True, slots=True)
class Doubt:
    """A switch that no App and no policy is known to look at."""

    what: Phrase
    remedy: Phrase
    refuses: bool
    """Whether the switch stays off without the operator's insistence."""


def doubt_of(name: str, known: AbstractSet[str], *, all_read: bool) -> Doubt | None:
    """Judge the name of a switch by those that Apps and policies look at; `None` if one of them looks at it.

    `all_read`: every policy could be read. If one could not, it may be the one that looks at the switch, so that only a
    name close to a known one is refused: an operator needs the switch most when a file is broken.
    """
    if name in known:
        return None
    close = did_you_mean(name, sorted(known))
    listed = [f"`{each}`" for each in sorted(known)[:MOST_LISTED]]
    return Doubt(
        Phrase(
            f"no App and no {'policy' if all_read else 'readable policy'} looks at a switch `{name}`",
            f"スイッチ `{name}` を使うアプリも{'' if all_read else '読み取れる'}ポリシーもありません",
        ),
        close
        or Phrase(f"known switches: {', '.join(listed) or 'none'}", f"既知のスイッチ：{'、'.join(listed) or 'なし'}"),
        refuses=all_read or close is not None,
    )


def turned_on(switches: Mapping[str, Switch], name: str, switch: Switch) -> dict[str, Switch]:
    """Return the switches with one more on, or its time and reason changed; entries that no longer matter are left out.

    Raises:
        SwitchesError: the name, the reason, the time or the message cannot be meant.

    """
    if not NAME.fullmatch(name):
        raise SwitchesError(
            Phrase(
                f"`{name}` cannot name a switch: letters, digits, `_`, `.` and `-`, 64 at most",
                f"`{name}` はスイッチの名前にできません。文字、数字、`_`、`.`、`-` で 64 字までです",
            )
        )
    if not switch.reason.strip():
        raise SwitchesError(
            Phrase('a switch is turned on with a reason: --reason "…"', '理由が必要です。--reason "…" を付けてください')
        )
    if not 0 < switch.until - switch.since <= LONGEST:
        days = f"{LONGEST / 86_400:g}"
        raise SwitchesError(
            Phrase(
                f"a switch stays on for {days} days at most: --for 72h",
                f"入れておけるのは {days} 日までです。--for 72h のように指定してください",
            )
        )
    if any(len(words) > LONGEST_MESSAGE for words in switch.message.values()):
        raise SwitchesError(
            Phrase(
                f"people read {LONGEST_MESSAGE} characters at most: a shorter --message",
                f"画面に出す文は {LONGEST_MESSAGE} 字までです。--message を短くしてください",
            )
        )
    rest = kept(switches, switch.since)
    wait = _after(rest.get(name), switch.since) - switch.since
    later = msgspec.structs.replace(switch, since=switch.since + wait, until=switch.until + wait)
    return {**rest, name: later}


def turned_off(switches: Mapping[str, Switch], name: str, now: Instant, by: str, reason: str) -> dict[str, Switch]:
    """Return the switches with one turned off.

    Raises:
        SwitchesError: it is not on.

    """
    on = on_now(switches, now)
    if name not in on:
        close = did_you_mean(name, on)
        raise SwitchesError(
            Phrase(
                f"`{name}` is not on" + ("" if close is None else f"; {close.en}"),
                f"`{name}` は入っていません" + ("" if close is None else f"。{close.ja}"),
            )
        )
    return certainly_off(switches, name, now, by, reason)


def certainly_off(switches: Mapping[str, Switch], name: str, now: Instant, by: str, reason: str) -> dict[str, Switch]:
    """Return the switches with one turned off, also if nobody here knows that it is on."""
    rest = kept(switches, now)
    return {**rest, name: Switch(_after(rest.get(name), now), 0.0, by, reason)}


def on_now(switches: Mapping[str, Switch], now: Instant) -> dict[str, Switch]:
    """Return those that are on and whose time is not over."""
    return {name: switch for name, switch in switches.items() if now < switch.until and not switch.is_off}


def merged(*several: Mapping[str, Switch]) -> dict[str, Switch]:
    """Return the later entry of each name."""
    found: dict[str, Switch] = {}
    for switches in several:
        for name, switch in switches.items():
            found[name] = max(found.get(name, switch), switch, key=_rank)
    return found


def kept(switches: Mapping[str, Switch], now: Instant) -> dict[str, Switch]:
    """Return the entries that still matter.

    An entry matters while an earlier one of its name, which another node may still have, could be on. An entry of a
    clock that runs far ahead would hold against everything that an operator does, so it is left out.
    """
    return {
        name: switch
        for name, switch in switches.items()
        if switch.since <= now + AHEAD and now < max(switch.until, switch.since + LONGEST)
    }


def _after(before: Switch | None, now: Instant) -> Instant:
    return now if before is None else max(now, before.since + LATER)


def _rank(switch: Switch) -> tuple[Instant, bool, bytes]:
    """Order the entries of one name; at one moment the one that is off holds, and after that every node agrees."""
    return switch.since, switch.is_off, msgspec.json.encode(switch)
