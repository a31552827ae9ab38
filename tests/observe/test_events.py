from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import gateway
from gateway.observe.events import FORMER_NAMES, SHAPES, Event
from gateway.observe.redact import FIELDS

LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "log"})
EVERYWHERE = frozenset({"time"})
"""The audit gives its line the time of the request."""

OPEN: dict[str, frozenset[str]] = {
    # `**selector_fields(…)`, which names the sessions.
    "SESSIONS_LISTED": frozenset({"selector", "session", "pseudonym", "client_id"}),
    "SESSIONS_REVOKED": frozenset({"selector", "session", "pseudonym", "client_id"}),
    # `**described`, the keywords of `_tell`, and `**fields` of the handler for libraries.
    "SIGN_IN": frozenset(SHAPES[Event.SIGN_IN].split()),
    "SIGNATURE": frozenset(SHAPES[Event.SIGNATURE].split()),
    "LIBRARY": frozenset(SHAPES[Event.LIBRARY].split()),
}


def calls() -> Iterator[tuple[str, frozenset[str], str]]:
    """Yield each event that the code logs, its fields, and its place."""
    for path in sorted(Path(gateway.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            match node:
                case ast.Call(func=ast.Attribute(attr=level), args=arguments, keywords=keywords) if level in LEVELS:
                    named = {each.arg for each in keywords if each.arg is not None}
                    where = f"{path.name}:{node.lineno}"
                    for argument in arguments:
                        match argument:
                            case ast.Attribute(value=ast.Name(id="Event"), attr=event):
                                added = {"error", "where"} if level == "exception" else set()
                                opened = OPEN[event] if len(named) < len(keywords) else frozenset()
                                yield event, frozenset(named | added | opened) - EVERYWHERE, where
                            case _:
                                pass
                case _:
                    pass


def test_every_event_has_a_shape() -> None:
    """Each field of it is one that a line may have."""
    assert set(SHAPES) == set(Event)
    assert {field for shape in SHAPES.values() for field in shape.split()} <= set(FIELDS)


def test_no_part_of_the_gateway_gives_an_event_a_shape_of_its_own() -> None:
    """Each listener, page and command gives an event fields of the event's one shape."""
    foreign = [
        (where, event, sorted(fields.difference(SHAPES[Event[event]].split())))
        for event, fields, where in calls()
        if fields.difference(SHAPES[Event[event]].split())
    ]

    assert foreign == []


def test_no_shape_promises_a_field_that_nobody_writes() -> None:
    """A field that no call gives, and that repeats no other, would be empty for ever."""
    given: dict[str, set[str]] = defaultdict(set)
    for event, fields, _ in calls():
        given[event] |= fields
    # The worker logs these by a variable.
    given |= {"RESTART_NEEDED": {"names"}, "REPLACEMENT_NEEDED": {"names"}}
    for written in given.values():
        written |= {former for former, present in FORMER_NAMES.items() if present in written}

    empty = {event.name: set(shape.split()) - given[event.name] for event, shape in SHAPES.items()}

    assert {event: fields for event, fields in empty.items() if fields} == {}
