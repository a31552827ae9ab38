from __future__ import annotations

import pytest

from gateway.route.table import RouteTable
from gateway.route.traffic import RouteTraffic
from gateway.settings.case import fold_case
from gateway.settings.settings import AppTraffic, PathTraffic, TrafficSettings
from tests.builders import route

COMMON = TrafficSettings(body=100, answer=60.0)
OWN = AppTraffic(
    answer=5.0,
    paths=(
        PathTraffic(("/upload/**",), body=1_000, answer=300.0),
        PathTraffic(("/upload/small", "/Api/*/file"), body=10, stream_idle=7.0, tunnel_idle=8.0),
    ),
)


@pytest.mark.parametrize(
    ("path", "body", "answer", "stream_idle"),
    [
        ("/", 100, 5.0, 120.0),
        ("/upload", 1_000, 300.0, 120.0),
        ("/upload/a/b", 1_000, 300.0, 120.0),
        ("/upload/small", 1_000, 300.0, 120.0),
        ("/Api/1/file", 10, 5.0, 7.0),
        ("/api/1/file", 100, 5.0, 120.0),
        ("/Api/1/2/file", 100, 5.0, 120.0),
    ],
)
def test_the_first_entry_that_names_a_path_holds(path: str, body: int, answer: float, stream_idle: float) -> None:
    """A value that neither the entry nor the App has is that of all Apps."""
    found = RouteTraffic(COMMON, OWN).at(path)

    assert (found.body, found.answer, found.stream_idle) == (body, answer, stream_idle)
    assert found.connect == COMMON.connect


def test_patterns_are_folded_as_paths_are() -> None:
    """An entry in capitals fits a path that the App has in lower case."""
    assert RouteTraffic(COMMON, OWN, fold_case).at("/api/1/file").body == 10


@pytest.mark.parametrize(
    ("common", "own", "longest"),
    [
        (100, (), 100),
        (100, (AppTraffic(body=10),), 100),
        (100, (AppTraffic(body=10), OWN), 1_000),
        (None, (OWN,), None),
    ],
)
def test_the_door_takes_the_longest_body_of_any_app(
    common: int | None, own: tuple[AppTraffic, ...], longest: int | None
) -> None:
    """Nobody knows the App of a head before it has been read."""
    limits = TrafficSettings(body=common)
    hosts = [route(host=f"{number}.test", traffic=RouteTraffic(limits, each)) for number, each in enumerate(own)]

    assert RouteTable([route(), *hosts], "/.sekisho/").at_the_door(limits).body == longest
