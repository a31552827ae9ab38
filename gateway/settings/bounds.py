"""The smallest and the largest value of each number of `gateway.yaml`.

A number outside its bounds would end in a traceback at start, or in something that no operator means. A rate of 0
refuses everybody, some libraries take a time-out of 0 for none, and an interval of 0 is a flood. Every field that holds
a number has its line here, which a test holds. `check` compares numbers with each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import NamedTuple

from gateway.settings.settings import (
    AppTraffic,
    AssertionSettings,
    AuditSettings,
    ChangeSettings,
    ConsoleSettings,
    EndedSettings,
    HeaderSettings,
    HealthSettings,
    PathTraffic,
    ProviderSettings,
    RateSettings,
    RecipeSettings,
    SessionSettings,
    Settings,
    SigningEvidenceSettings,
    SigningSettings,
    SuccessSettings,
    TlsSettings,
    TraceSettings,
    TrafficSettings,
    UpstreamSettings,
)
from gateway.settings.typed import Reading, hints, unit_of
from gateway.yaml.mistakes import Phrase

LONGEST = 3_650 * 86_400.0
"""Seconds of any length of time: ten years, which every clock and store can still count."""
SHORTEST = 0.001
"""Seconds of a length of time that must not be nothing: what people can write at least."""
MOST = 10**9
LARGEST = 2**40
"""Bytes of any size."""


class Bound(NamedTuple):
    """The least and the most a number may be."""

    least: float
    most: float


_ANY_TIME = Bound(0, LONGEST)
_SOME_TIME = Bound(SHORTEST, LONGEST)
_FROM_ONE = Bound(1, MOST)

BOUNDS: dict[type, dict[str, Bound]] = {
    Settings: {"drain_timeout": _ANY_TIME, "lame_duck": _ANY_TIME},
    # An operator who leaves her desk leaves the console open: a day is the most for any sign-in.
    ConsoleSettings: {"idle": Bound(60, 86_400.0), "absolute": Bound(60, 86_400.0)},
    TlsSettings: {"hsts": _ANY_TIME},
    SigningEvidenceSettings: {"keep": Bound(86_400.0, LONGEST)},
    # One document of the greatest length, sealed with its result, takes some 800 KiB.
    SigningSettings: {"keep": Bound(60, 86_400.0), "monthly": _FROM_ONE, "room": Bound(1024**2, LARGEST)},
    TraceSettings: {"ratio": Bound(0, 1)},
    # A browser's plainest request is some 200 bytes.
    TrafficSettings: {
        "request_line": Bound(256, LARGEST),
        "headers": Bound(1024, LARGEST),
        "header_count": Bound(16, MOST),
        "body": Bound(0, LARGEST),
        "counted_uploads": Bound(0, LARGEST),
        "answer_headers": Bound(1024, LARGEST),
        "connections": _FROM_ONE,
        "connections_per_address": _FROM_ONE,
        "head_time": _SOME_TIME,
        "idle": _SOME_TIME,
        "stream_idle": _SOME_TIME,
        "tunnel_idle": _SOME_TIME,
        "connect": _SOME_TIME,
        "answer": _SOME_TIME,
    },
    AppTraffic: {
        "body": Bound(0, LARGEST),
        "connect": _SOME_TIME,
        "answer": _SOME_TIME,
        "stream_idle": _SOME_TIME,
        "tunnel_idle": _SOME_TIME,
    },
    PathTraffic: {
        "body": Bound(0, LARGEST),
        "answer": _SOME_TIME,
        "stream_idle": _SOME_TIME,
        "tunnel_idle": _SOME_TIME,
    },
    # More skew, and `exp` and `iat` say nothing. An assertion that lives long is one that can be stolen for long.
    ProviderSettings: {
        "clock_skew": Bound(0, 120),
        "timeout": _SOME_TIME,
        "assertion_lifetime": Bound(1, 600),
        "stale_for": _ANY_TIME,
    },
    SessionSettings: {
        "idle": Bound(1, LONGEST),
        "absolute": Bound(1, LONGEST),
        # A revocation is remembered for an hour, and ends the sign-ins under way.
        "sign_in": Bound(120, 3_000),
        "stale_for": _ANY_TIME,
        "timeout": _SOME_TIME,
        "per_subject": _FROM_ONE,
    },
    SuccessSettings: {"status": Bound(200, 599)},
    EndedSettings: {"status": Bound(200, 599)},
    # Our own attempts stay below it, and one must be left.
    RecipeSettings: {"locks_after": Bound(2, MOST), "forgets_after": _SOME_TIME},
    # Fewer signs say too little, and more than a form takes are of no use.
    ChangeSettings: {"length": Bound(12, 128)},
    HeaderSettings: {"longest": Bound(1, LARGEST)},
    HealthSettings: {
        "interval": Bound(0.1, LONGEST),
        "timeout": _SOME_TIME,
        "unhealthy_after": _FROM_ONE,
        "healthy_after": _FROM_ONE,
    },
    # No queue, no slow return and no kept connections are things to ask for; an upstream out before it failed is not.
    UpstreamSettings: {
        "concurrency": _FROM_ONE,
        "queue": Bound(0, MOST),
        "queue_time": _SOME_TIME,
        "failures": _FROM_ONE,
        # Shorter, and the attempts are a flood.
        "ejected_for": Bound(0.1, LONGEST),
        "slow_return": _ANY_TIME,
        "idle": _ANY_TIME,
        "apart_for": Bound(1, LONGEST),
        "counted_upload": Bound(0, LARGEST),
    },
    RateSettings: dict.fromkeys(
        (
            "sign_ins_per_address",
            "sign_ins",
            "callbacks_per_address",
            "callbacks",
            "forged_tickets_per_address",
            "forged_tickets",
            "ended_tickets_per_address",
            "ended_tickets",
        ),
        _FROM_ONE,
    ),
    AssertionSettings: {"lifetime": Bound(1, 600)},
    # A tail that is cut off must be noticed within five minutes, with one signature lost on the way.
    AuditSettings: {
        "rotate_size": Bound(64 * 1024, LARGEST),
        "rotate_every": Bound(3_600, 31 * 86_400),
        "keep": Bound(86_400, LONGEST),
        "checkpoint": Bound(1, 120),
    },
}

_DURATION = (("d", 86_400.0), ("h", 3_600.0), ("m", 60.0), ("s", 1.0), ("ms", 0.001))
_SIZE = (("GiB", 2.0**30), ("MiB", 2.0**20), ("KiB", 2.0**10), ("B", 1.0))


def check_bounds(settings: Settings, reading: Reading) -> None:
    """Note every number that is too small or too large."""
    for at, section in _sections(settings, ""):
        for name, bound in BOUNDS.get(type(section), {}).items():
            value = getattr(section, name)
            if value is None or bound.least <= value <= bound.most:
                continue
            where = f"{at}.{name}" if at else name
            units = _units(section, name)
            least, most, said = (_written(number, units) for number in (bound.least, bound.most, value))
            remedy = (
                Phrase(f"at least {least}", f"{least} 以上にしてください")
                if value < bound.least
                else Phrase(f"at most {most}", f"{most} 以下にしてください")
            )
            reading.note(where, Phrase(f"`{name}` cannot be {said}", f"`{name}` を {said} にはできません"), remedy)


def _sections(value: object, at: str) -> Iterator[tuple[str, object]]:
    """Yield each class of settings that was written or holds by default, with its path in the file."""
    if isinstance(value, tuple):
        for number, each in enumerate(value):
            yield from _sections(each, f"{at}[{number}]")
    elif is_dataclass(value) and not isinstance(value, type):
        yield at, value
        for each in fields(value):
            yield from _sections(getattr(value, each.name), f"{at}.{each.name}" if at else each.name)


def _units(section: object, name: str) -> tuple[tuple[str, float], ...]:
    """Return the units a field is written in; none for a plain number."""
    match unit_of(hints(type(section))[name]):
        case "duration":
            return _DURATION
        case "size":
            return _SIZE
        case _:
            return ()


def _written(number: float, units: tuple[tuple[str, float], ...]) -> str:
    """Return a number as people write it in the file."""
    for unit, size in units:
        # Thousandths of a second are not exact in binary, so that nothing is said with a long tail.
        if number >= size and abs(number / size - round(number / size)) < 1e-9:
            return f"{round(number / size)}{unit}"
    return f"{number:g}{units[-1][0] if units and units is _SIZE else 's' if units else ''}"
