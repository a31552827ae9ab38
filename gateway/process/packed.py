"""A configuration on its way from one of our processes to another, in parts that are unpacked one at a time.

A policy that the other process has already is not sent again.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from gateway.policy.policy import Policy
from gateway.process.configuration import Configuration, KnownPolicy
from gateway.process.slices import Steps

_APPS = 20
"""Apps in one part."""
_NOTHING: Mapping[Path, KnownPolicy] = MappingProxyType({})
_ENTRIES = 1_000
"""Entries of a mapping in one part: a subject list may have hundreds of thousands."""


class Packed(NamedTuple):
    """A configuration in parts."""

    head: tuple[bytes, ...]
    """The configuration without what follows; its Apps, the places of its settings, and what is known of its policies,
    some at a time."""
    policies: Mapping[str, tuple[bytes, ...]]
    """Each policy that is sent, by its file's name: the policy without its lists, and their entries, some at a time.

    A name, as a thousand paths take 20 ms to unpack, in one step.
    """


class PolicyMissingError(RuntimeError):
    """A policy was not sent, and this process does not have it."""


def packing(
    configuration: Configuration, have: Mapping[Path, KnownPolicy] = _NOTHING, *, policies: bool = True
) -> Steps[Packed]:
    """Return the configuration for a process that has these policies; without `policies`, all but them."""
    settings = configuration.settings
    bare = replace(configuration, settings=replace(settings, apps=()), policies={}, places={}, known={}, remarks=())
    head = [pickle.dumps(bare)]
    yield
    apps, places, known = iter(settings.apps), iter(configuration.places.items()), iter(configuration.known.items())
    while some := tuple(islice(apps, _APPS)):
        head.append(pickle.dumps((some, {}, {})))
        yield
    while few := dict(islice(places, _ENTRIES)):
        head.append(pickle.dumps(((), few, {})))
        yield
    while facts := dict(islice(known, _APPS)):
        head.append(pickle.dumps(((), {}, facts)))
        yield
    packed: dict[str, tuple[bytes, ...]] = {}
    for file, policy in configuration.policies.items() if policies else ():
        if file in have and have[file].version == policy.version:
            continue
        # Its examples have been run, and nobody asks for them any more.
        parts = [pickle.dumps(replace(policy, lists={}, examples=()))]
        for name, listed in policy.lists.items():
            entries = iter(listed.items())
            parts.append(pickle.dumps((name, {})))
            while part := dict(islice(entries, _ENTRIES)):
                parts.append(pickle.dumps((name, part)))
                yield
        packed[str(file)] = tuple(parts)
        yield
    return Packed(tuple(head), packed)


def packing_known(known: Mapping[Path, KnownPolicy]) -> Steps[tuple[bytes, ...]]:
    """Return what is known of policies, some at a time."""
    parts: list[bytes] = []
    facts = iter(known.items())
    while some := dict(islice(facts, _APPS)):
        parts.append(pickle.dumps(some))
        yield
    return tuple(parts)


def unpacked_known(parts: Iterable[bytes]) -> dict[Path, KnownPolicy]:
    """Return what `packing_known` has packed."""
    known: dict[Path, KnownPolicy] = {}
    for part in parts:
        known |= _load(part)
    return known


def unpacking(packed: Packed, have: Mapping[Path, Policy] | None = None) -> Steps[Configuration]:
    """Return the configuration in this process, which has these policies; `None`: without any policy.

    Raises:
        PolicyMissingError: one was not sent, and is not among these in this version.

    """
    configuration: Configuration = _load(packed.head[0])
    yield
    apps: list[Any] = []
    places: dict[str, Any] = {}
    known: dict[Path, KnownPolicy] = {}
    for part in packed.head[1:]:
        some, few, facts = _load(part)
        apps += some
        places |= few
        known |= facts
        yield
    policies: dict[Path, Policy] = {}
    for file, facts in known.items() if have is not None else ():
        parts = packed.policies.get(str(file))
        if parts is None:
            kept = None if have is None else have.get(file)
            if kept is None or kept.version != facts.version:
                raise PolicyMissingError(str(file))
            policies[file] = kept
            continue
        lists: dict[str, dict[str, Any]] = {}
        for part in parts[1:]:
            name, entries = _load(part)
            lists.setdefault(name, {}).update(entries)
            yield
        policies[file] = replace(_load(parts[0]), lists=lists)
        yield
    settings = replace(configuration.settings, apps=tuple(apps))
    return replace(configuration, settings=settings, policies=policies, places=places, known=known)


def _load(part: bytes) -> Any:  # noqa: ANN401 - the caller says what each part is
    # The parts come from processes that we have started, over their own lines.
    return pickle.loads(part)  # noqa: S301
