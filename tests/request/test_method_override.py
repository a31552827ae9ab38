from __future__ import annotations

import pytest

from gateway.request.field_names import overrides_method
from gateway.request.method_override import query_overrides, the_method
from gateway.wire.methods import METHODS


@pytest.mark.parametrize(
    "name",
    [
        "X-HTTP-Method-Override",
        "x-http-method-override",
        "X_HTTP_METHOD_OVERRIDE",
        "X-HTTP-Method",
        "X-Method-Override",
        "Method-Override",
        "HTTP-Method-Override",
        "X-HTTPMethodOverride",
        "X-Http-Verb",
        "X-Override-Method",
        "X-Tunneled-Method",
        "X-RestLi-Method",
        "X-REST-Method",
        "X-Requested-Method",
        "X-Method",
    ],
)
def test_a_field_that_frameworks_take_for_the_method_is_known(name: str) -> None:
    """Under every spelling that a server folds onto it."""
    assert overrides_method(name.encode())


@pytest.mark.parametrize(
    "name",
    ["Access-Control-Request-Method", "X-Payment-Method", "X-Forwarded-Method", "X-Override", "Overwrite", "X-Http"],
)
def test_other_fields_are_left_alone(name: str) -> None:
    """A preflight announces a method, a shop has several, and a proxy in front repeats it."""
    assert not overrides_method(name.encode())


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (b"_method=DELETE", (b"DELETE",)),
        (b"a=1&_method=delete", (b"delete",)),
        (b"_METHOD=PUT", (b"PUT",)),
        (b"%5fmethod=PUT", (b"PUT",)),
        (b"_method%5B%5D=PUT", (b"PUT",)),
        (b"+_method=PUT", (b"PUT",)),
        (b"[_method]=PUT", (b"PUT",)),
        (b"_method]=PUT", (b"PUT",)),
        (b"_method:string=PUT", (b"PUT",)),
        (b"a=1;_method=PUT", (b"PUT",)),
        (b".method=PUT", (b"PUT",)),
        (b"_HttpMethod=PUT", (b"PUT",)),
        (b"$httpMethod=PUT", (b"PUT",)),
        (b"X-HTTP-Method-Override=PUT", (b"PUT",)),
        (b"_method_override=PUT", (b"PUT",)),
        (b"X-Tunneled-Method=PUT", (b"PUT",)),
        (b"x-http-verb=PUT", (b"PUT",)),
        (b"_method=PUT&_method=GET", (b"PUT", b"GET")),
        (b"_method", (b"",)),
        (b"method=delete&verb=put&payment_method=card&m=%20", ()),
        (b"q=_method", ()),
        (b"", ()),
    ],
)
def test_a_parameter_that_frameworks_take_for_the_method_is_known(query: bytes, found: tuple[bytes, ...]) -> None:
    """In every spelling an application may take for it; `method` alone is too common to mean it."""
    assert query_overrides(query) == found


@pytest.mark.parametrize(
    ("values", "method"),
    [
        ((b"DELETE",), "DELETE"),
        ((b" delete ",), "DELETE"),
        ((b"PROPFIND",), None),
        ((b"",), None),
        ((b"DELETE, GET",), None),
        ((b"DELETE", b"DELETE"), None),
        ((), None),
    ],
)
def test_one_known_method_is_meant_or_none(values: tuple[bytes, ...], method: str | None) -> None:
    """Of two values nobody knows which the application takes, and an unknown one cannot be judged."""
    assert the_method(values, METHODS) == method


def test_a_method_that_the_app_gets_can_be_meant() -> None:
    """A method that one App gets is unknown to another."""
    assert the_method((b"propfind",), METHODS | {b"PROPFIND": "PROPFIND"}) == "PROPFIND"
