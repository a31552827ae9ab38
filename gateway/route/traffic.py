"""An App's own limits and clocks of the byte path: one value for the App, and others for some of its paths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

from gateway.policy.matching import PathIndex
from gateway.settings.settings import AppTraffic, PathTraffic, TrafficSettings


class RouteTraffic:
    """The limits and clocks that hold for an App's requests, by their path."""

    __slots__ = ("_at", "_index", "app")

    def __init__(self, common: TrafficSettings, own: AppTraffic, fold: Callable[[str], str] = str) -> None:
        """Take the limits of all Apps, and those that this one has instead. `fold`: as its paths are folded."""
        self.app = _with(common, own)
        """The App's limits, wherever no path has its own."""
        self._index = PathIndex([(tuple(map(fold, each.path)), frozenset()) for each in own.paths])
        self._at = tuple(_with(self.app, each) for each in own.paths)

    def at(self, path: str) -> TrafficSettings:
        """Return what holds for a canonical path: the first entry that names it, else the App's."""
        if not self._at:
            return self.app
        found = self._index.candidates("", path)
        return self._at[found[0]] if found else self.app

    @property
    def bodies(self) -> tuple[int | None, ...]:
        """The longest body of each place; `None` for any length."""
        return tuple(limits.body for limits in (self.app, *self._at))


def _with(limits: TrafficSettings, own: AppTraffic | PathTraffic) -> TrafficSettings:
    known = {each.name for each in fields(TrafficSettings)}
    said = {each.name: getattr(own, each.name) for each in fields(own) if each.name in known}
    return replace(limits, **{name: value for name, value in said.items() if value is not None})
