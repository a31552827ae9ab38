"""The shipped files that a new gateway begins with: the policies, their schema, and the service's unit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.identity import Scope
from gateway.policy.decide import CompiledPolicy
from gateway.policy.reading.parse import load_policy
from gateway.yaml.mistakes import Language, Mistakes

POLICIES = Path(__file__).parent / "policies"
"""`policies/` of the repository: a wheel has the very files that it shows."""

UNIT = Path(__file__).parent / "systemd" / "sekisho.service"


def pack_titles(language: Language) -> dict[str, str]:
    """Return the names of the shipped policies with their titles, in the order of their files."""
    return {
        file.stem: (policy.title.get(str(language)) or policy.title.get("ja") or policy.name)
        for file in sorted(POLICIES.glob("*.yaml"))
        if (policy := load_policy(file, Mistakes())) is not None
    }


def pack_files(name: str) -> tuple[Path, ...]:
    """Return the files of a shipped policy: itself, and each list that it reads.

    Raises:
        ValueError: no policy of this name is shipped.

    """
    policy = load_policy(POLICIES / f"{name}.yaml", Mistakes())
    if policy is None:
        raise ValueError(name)
    return policy.sources


@dataclass(frozen=True, slots=True)
class Needs:
    """The settings that a policy needs beside its own file."""

    contracted: tuple[str, ...]
    """The items of the card that it can ask for, in the order of the agency's form."""
    counts: bool
    """Whether a rule has a limit, which needs a store of its own."""
    signs: bool
    """Whether a rule has forms signed."""


def pack_needs(name: str) -> Needs:
    """Return what a shipped policy needs.

    Raises:
        ValueError: no policy of this name is shipped.

    """
    policy = load_policy(POLICIES / f"{name}.yaml", Mistakes())
    if policy is None:
        raise ValueError(name)
    asked = CompiledPolicy(policy).scopes
    return Needs(
        tuple(str(scope) for scope in (Scope.NAME, Scope.ADDRESS, Scope.BIRTHDATE, Scope.GENDER) if scope in asked),
        counts=any(rule.limit is not None for rule in policy.rules),
        signs=any(rule.sign is not None for rule in policy.rules),
    )
