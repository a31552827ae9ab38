"""The digests of what the nodes of a fleet have in common, by which somebody sees that one has something else."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from hashlib import sha256

from gateway.policy.losses import as_read
from gateway.portal.messages import CATALOGUES
from gateway.process.configuration import DIGITS, Configuration


def adopted_digests(configuration: Configuration) -> dict[str, str]:
    """Return a digest of each thing that a worker runs with. The paths of the files do not matter.

    `keys` are the ids of the keys and secrets that all nodes share. The keys of the audit trail may be a node's own.
    """
    policies = configuration.policies.values()
    files = as_read(policies).values()
    return {
        "settings": configuration.digest,
        "policies": _digest((*(policy.name for policy in policies), *(f.digest for f in files if f.entries is None))),
        "lists": _digest(each.digest for each in files if each.entries is not None),
        "keys": _digest(name for name in configuration.key_names if not name.startswith("audit ")),
        "messages": _messages(),
    }


@cache
def _messages() -> str:
    return _digest(
        f"{language} {key} {text}"
        for language, catalogue in CATALOGUES.items()
        for key, text in catalogue.sentences.items()
    )


def _digest(names: Iterable[str]) -> str:
    return sha256("\n".join(sorted(names)).encode()).hexdigest()[:DIGITS]
