"""Every number of `gateway.yaml` has bounds, said in the units people write."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.settings import settings as every
from gateway.settings.bounds import BOUNDS, Bound, check_bounds
from gateway.settings.settings import (
    Settings,
    TlsSettings,
    TrafficSettings,
)
from gateway.settings.typed import Reading, hints, read_values, unit_of, without_mark
from gateway.yaml.mistakes import Mistakes, Where
from gateway.yaml.read import read_yaml

LEAST = """\
listen: 127.0.0.1:1
provider: {environment: production, issuer: https://provider.test, client_id: c, keys: {file: keys.json}}
sessions: {store: memory, secret: {file: secret}}
apps:
  - {name: booking, url: https://app.gw.test, upstream: http://127.0.0.1:1}
"""


def settings() -> Settings:
    mistakes = Mistakes()
    node = read_yaml(LEAST, "gateway.yaml", mistakes)
    assert node is not None
    found = read_values(Settings, node, Reading(Path(), mistakes))
    assert found is not None
    assert not len(mistakes), mistakes.say()
    return found


def faults(changed: Settings) -> list[str]:
    mistakes = Mistakes()
    check_bounds(changed, Reading(Path(), mistakes, {"": Where("gateway.yaml")}))
    return [str(mistake).partition(": ")[2] for mistake in mistakes]


def test_what_ships_is_within_its_bounds() -> None:
    """No default is a mistake."""
    assert faults(settings()) == []


@pytest.mark.parametrize(
    "cls", [each for each in vars(every).values() if isinstance(each, type) and is_dataclass(each)]
)
def test_every_number_has_its_line(cls: type) -> None:
    """A number without bounds ends in a traceback at start, or in something that no operator means."""
    numbers = {
        each.name
        for each in fields(cls)
        if unit_of(hints(cls)[each.name]) is not None or without_mark(hints(cls)[each.name]) in (int, int | None)
    }

    assert numbers == set(BOUNDS.get(cls, {}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lame_duck": -1.0}, ["`lame_duck` cannot be -1s, at least 0s"]),
        ({"drain_timeout": -1.0}, ["`drain_timeout` cannot be -1s, at least 0s"]),
        ({"traffic": TrafficSettings(head_time=0.0)}, ["`head_time` cannot be 0s, at least 1ms"]),
        ({"traffic": TrafficSettings(request_line=255)}, ["`request_line` cannot be 255B, at least 256B"]),
        ({"traffic": TrafficSettings(headers=512)}, ["`headers` cannot be 512B, at least 1KiB"]),
        ({"traffic": TrafficSettings(body=2**41)}, ["`body` cannot be 2048GiB, at most 1024GiB"]),
        ({"traffic": TrafficSettings(connections=0)}, ["`connections` cannot be 0, at least 1"]),
        ({"tls": TlsSettings(Path("cert.pem"), hsts=4000 * 86_400.0)}, ["`hsts` cannot be 4000d, at most 3650d"]),
        ({"tls": TlsSettings(Path("cert.pem"))}, []),
    ],
)
def test_a_number_out_of_bounds_is_said_as_people_write_it(changes: dict[str, object], said: list[str]) -> None:
    """The bound that was passed, in the unit that says it shortest."""
    assert faults(replace(settings(), **changes)) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(("cls", "name"), [(cls, name) for cls, named in BOUNDS.items() for name in named])
def test_a_bound_admits_its_ends(cls: type, name: str) -> None:
    """The least and the most are allowed, and the default lies between them."""
    bound: Bound = BOUNDS[cls][name]
    default: Any = next(each.default for each in fields(cls) if each.name == name)

    assert bound.least < bound.most
    assert default is None or bound.least <= default <= bound.most


def test_each_app_is_looked_at() -> None:
    """The place of a number leads to its App."""
    first = settings().apps[0]
    app = replace(first, upstream_options=replace(first.upstream_options, failures=0))

    assert faults(replace(settings(), apps=(first, app))) == ["`failures` cannot be 0, at least 1"]
