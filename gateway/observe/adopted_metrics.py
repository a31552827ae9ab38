"""The numbers of what is in force: the policies by their versions, certificates and keys by their dates, the bounds."""

from __future__ import annotations

from typing import Final

from gateway.observe.instruments import Declared, Kind
from gateway.observe.merge import Over

POLICY: Final = Declared(
    name="sekisho_policy_info",
    kind=Kind.GAUGE,
    meaning="The policy that judges an App's requests, with its version; always 1, and two versions while a change"
    " reaches the workers",
    labels=("app", "policy", "version"),
    over=Over.ONCE,
)
ADOPTED: Final = Declared(
    name="sekisho_adopted_info",
    kind=Kind.GAUGE,
    meaning="The things that all nodes of a fleet have in common, by the first 12 digits of a digest; always 1, and two"
    " digests while a change reaches the workers",
    labels=("what", "digest"),
    over=Over.ONCE,
)
SWITCHES_HEARD: Final = Declared(
    name="sekisho_switches_heard_timestamp_seconds",
    kind=Kind.GAUGE,
    meaning="Unix time at which this node last exchanged its switches with the fleet; 0 if it never did",
    unit="seconds",
    over=Over.LARGEST,
)
EXPIRY: Final = Declared(
    name="sekisho_certificate_expiry_timestamp_seconds",
    kind=Kind.GAUGE,
    meaning="Unix time at which a certificate in use ends: the `listener`'s, or ours toward an `app` of that name",
    labels=("use", "name"),
    unit="seconds",
    over=Over.SMALLEST,
)
KEY_CHANGED: Final = Declared(
    name="sekisho_key_changed_timestamp_seconds",
    kind=Kind.GAUGE,
    meaning="Unix time at which a file of keys was last changed: a `client`'s by its id, those of the `assertion`, the"
    " `session` secret",
    labels=("use", "name"),
    unit="seconds",
    over=Over.SMALLEST,
)
MOST_CONNECTIONS: Final = Declared(
    name="sekisho_connections_limit",
    kind=Kind.GAUGE,
    meaning="Client connections that all workers together take (`traffic.connections` of each)",
)

DECLARED: Final = (POLICY, ADOPTED, SWITCHES_HEARD, EXPIRY, KEY_CHANGED, MOST_CONNECTIONS)
