"""The digests of what the nodes of a fleet have in common, by which somebody sees that one has something else."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from hashlib import sha256

from gateway.portal.messages import CATALOGUES
from gateway.process.configuration import DIGITS, Configuration


def adopted_digests(configuration: Configuration) -> dict[str, str]:
    """Return a digest of each thing that a worker runs with. The paths of the files do not matter.

    `keys` are the ids of the keys and secrets that all nodes share. The keys of the audit trail may be a node's own.
    """
    policies = configuration.policies.values()
    # No list is copied for this: it may have 100,000 entries, and requests wait meanwhile.
    files = {(source.digest, str(path) in policy.lists) for policy in policies for path, source in policy.read.items()}
    return {
        "settings": configuration.shared_digest,
        "policies": _digest(
            (*(policy.name for policy in policies), *(digest for digest, listed in files if not listed))
        ),
        "lists": _digest(digest for digest, listed in files if listed),
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
