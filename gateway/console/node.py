"""The running gateway as the console sees it: values, and the one interface by which they come.

`process` implements it for a gateway that serves alone and for a supervisor with its workers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from gateway.accounts.accounts import AccountStore
from gateway.instant import Instant
from gateway.limits.limits import LimitStore
from gateway.observe.merge import Families
from gateway.portal.readiness import Readiness
from gateway.session.seal import Secrets
from gateway.session.session import ListedSession, Selector
from gateway.settings.settings import AppAccounts


class UpstreamState(msgspec.Struct, frozen=True):
    """One address of an App's application, as one worker has found it."""

    address: str
    takes_requests: bool


class AppState(msgspec.Struct, frozen=True):
    """One App, as one worker judges and serves it."""

    version: str
    """The content hash of the policy in force."""
    candidate: str = ""
    """That of the candidate; empty if there is none."""
    upstreams: tuple[UpstreamState, ...] = ()


class HeldFile(msgspec.Struct, frozen=True):
    """A policy's file that lost much at once and waits for an operator."""

    file: str
    before: int
    after: int


class WorkerState(msgspec.Struct, frozen=True):
    """One worker, as it describes itself."""

    pid: int
    apps: Mapping[str, AppState] = {}
    """By the App's name."""
    held: tuple[HeldFile, ...] = ()


@dataclass(frozen=True, slots=True)
class AppFacts:
    """An App as the settings have it."""

    name: str
    url: str
    mode: str
    policy: str
    """The policy's name."""
    policy_file: str
    candidate_file: str
    closing_switch: str


@dataclass(frozen=True, slots=True)
class Expiry:
    """Something of ours that ends at a known moment."""

    name: str
    file: str
    ends_at: Instant | None
    """`None` if the file cannot be read."""


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """This node, as the settings in force have it."""

    name: str
    """The machine's host name: a console shows the node that answers, and no other."""
    version: str
    started_at: Instant
    workers: int
    """The number of workers that the settings want."""
    apps: tuple[AppFacts, ...]
    clients: tuple[str, ...]
    switches_file: Path = Path("switches.json")
    switches: tuple[str, ...] = ()
    """The switches at which an App or a policy looks."""
    access_log: Path | None = None
    """The file of access lines; `None` where they go elsewhere."""
    trail: Path | None = None
    """The folder of the audit trail."""
    fleet_file: Path | None = None
    """The file of the switches that other nodes turned; `None` for a node that has no store in common with others."""


class ListedSessions(Protocol):
    """The part of a `SessionStore` that the console uses."""

    def sessions(self, selector: Selector) -> AsyncIterator[ListedSession]:
        """List sessions."""

    async def revoke(self, selector: Selector) -> int:
        """End sessions, now and everywhere."""


@dataclass(frozen=True, slots=True)
class SessionsAtHand:
    """The sessions that the workers serve."""

    store: ListedSessions
    code_marks: Callable[[str], tuple[str, ...]]
    """Returns every mark of the person with a code: `Secrets.code_marks`."""


@dataclass(frozen=True, slots=True)
class AccountsAtHand:
    """The linked accounts of one App."""

    store: AccountStore
    keys: Secrets
    """They mark persons."""
    settings: AppAccounts
    """They say whether a person who is linked here is asked for a password."""


class Node(Protocol):
    """The gateway on this machine."""

    def facts(self) -> NodeFacts:
        """Return what the settings in force say."""

    async def readiness(self) -> Readiness:
        """Return what `/readyz` tells."""

    async def numbers(self) -> Families:
        """Return what `/metrics` tells, of all workers together."""

    async def workers(self) -> Sequence[WorkerState | None]:
        """Return each worker's state; `None` for one that does not answer."""

    async def sessions(self) -> SessionsAtHand:
        """Return the sessions that the workers serve.

        Raises:
            StoresDifferError: the workers look in different stores.

        """

    async def limits(self) -> LimitStore | None:
        """Return the store of limits; `None` if there is none.

        Raises:
            StoresDifferError: the workers use different ones.

        """

    async def accounts(self) -> Mapping[str, AccountsAtHand]:
        """Return the linked accounts of each App that has some within reach, by its name."""

    async def expiries(self) -> Sequence[Expiry]:
        """Return when certificates of ours end."""
