"""Every URL of ours has its kind, and one that has none is treated as the strictest."""

from __future__ import annotations

import ast
import os
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

import gateway
from gateway.headers.assertion import JWKS_PAGE
from gateway.login.memory_pending import MemoryPendingStore
from gateway.login.returned import ReturnedForms
from gateway.login.waiting import WaitingForms
from gateway.pipeline.forward_auth import Dialect
from gateway.pipeline.urls import AUTH_PAGES, SIGNATURES, URLS, Kind, kind_of, own_url
from gateway.portal.aiohttp_portal import PortalServices, make_portal
from gateway.portal.visits import VisitTable
from gateway.request.rates import Rate
from gateway.route.table import HEALTH, RouteTable
from gateway.session.seal import Secrets
from tests import builders
from tests.portal.fakes import Counted, FakeDesk, FakeSessions

if TYPE_CHECKING:
    from gateway.accounts.asyncio_linking import Linking
    from gateway.portal.aiohttp_signing import SigningServices

SERVICES = ("signatures", "apps", "tokens", "observer", "record")
PREFIX = "/.sekisho/"
ROOT = Path(gateway.__file__).parent


def served() -> dict[str, set[str]]:
    """Return what the portal's application serves, by path under the prefix, with its methods."""
    table = RouteTable([builders.route()], PREFIX)
    app = make_portal(
        PortalServices(
            visits=VisitTable(os.urandom),
            sign_in=FakeDesk(),
            sessions=FakeSessions(),
            table=lambda: table,
            form_origins=lambda _: (),
            observer=Counted(),
            prefix=PREFIX,
            begins=Rate(1, 1),
            callbacks=Rate(1, 1),
            spend=MemoryPendingStore().spend,
            forms=WaitingForms(MemoryPendingStore(), PREFIX, clock=lambda: builders.NOON, random=os.urandom),
            returned=ReturnedForms(Secrets.single(os.urandom(32)), os.urandom),
            # The routes are there with the service; none of them is asked here.
            accounts=cast("Linking", SimpleNamespace(apps={})),
            signing=cast(
                "SigningServices", SimpleNamespace(signatures=None, apps={}, tokens={}, observer=None, record=None)
            ),
        )
    )
    found: dict[str, set[str]] = {}
    for route in app.router.routes():
        assert route.resource is not None
        path = route.resource.canonical.removeprefix(PREFIX).replace("{name}", "")
        found.setdefault(path, set()).add(route.method)
    return found


def test_every_route_of_the_portal_has_a_kind() -> None:
    """The table lists every route of the portal with these methods, and the portal serves every route of the table."""
    answered_by_the_byte_path = {AUTH_PAGES, HEALTH, JWKS_PAGE}

    assert served() == {name: set(url.methods) for name, url in URLS.items() if name not in answered_by_the_byte_path}


def test_every_url_of_the_byte_path_has_a_kind() -> None:
    """Wherever the byte path adds a name to our prefix, or holds what is behind it against one, it is in the table."""
    added: dict[str, str] = {}
    for path in (*ROOT.glob("pipeline/*.py"), *ROOT.glob("listen/*.py")):
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _is_prefix(node.left):
                added[_text(node.right, name)] = f"{path.name}:{node.lineno}"
            elif isinstance(node, ast.FunctionDef) and _takes_prefix_off(node):
                for compared in ast.walk(node):
                    if isinstance(compared, ast.Compare) and isinstance(compared.ops[0], ast.Eq):
                        added[_text(compared.comparators[0], name)] = f"{path.name}:{compared.lineno}"

    assert {AUTH_PAGES, JWKS_PAGE} <= added.keys()
    assert [place for text, place in added.items() if own_url(text) is None] == []


def _is_prefix(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "portal_prefix"


def _takes_prefix_off(function: ast.FunctionDef) -> bool:
    """Whether a function looks at what is behind our prefix."""
    calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
    return any(ast.unparse(call.func).endswith("removeprefix") and any(map(_is_prefix, call.args)) for call in calls)


def _text(node: ast.expr, module: str) -> str:
    """Return the text that an expression names: a literal, or a constant of its module."""
    if isinstance(node, ast.Name):
        return str(getattr(import_module(module), node.id))
    return str(ast.literal_eval(node))


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_proxys_question_is_no_page(dialect: Dialect) -> None:
    """The outer proxy sends no Fetch Metadata of its own, and passes the browser's on."""
    assert kind_of(f"{AUTH_PAGES}{dialect}") is Kind.QUESTION


@pytest.mark.parametrize("name", ["", "nothing-here", "me/", "me/all", "static", "keys/", "keys/other", "/.sekisho"])
def test_what_is_not_in_the_table_is_a_page(name: str) -> None:
    """A URL that somebody adds and forgets here is out of a script's reach."""
    assert own_url(name) is None
    assert kind_of(name) is Kind.PAGE


def test_only_a_page_has_forms_of_ours() -> None:
    """A form with a session's cookie goes to a page; a signature or the App's own token proves the other POSTs."""
    posted = {name for name, url in URLS.items() if "POST" in url.methods and url.kind is not Kind.PAGE}

    assert posted == {"backchannel-logout", SIGNATURES, AUTH_PAGES}
