"""A shipped policy that moves to another municipality keeps what its examples show."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gateway.policy.authoring.examples import run_example
from gateway.policy.decide import CompiledPolicy
from gateway.policy.reading.parse import load_policy
from gateway.policy.residence import Place, find_place
from gateway.setup.moved_policy import home_of, move_policy
from gateway.setup.pack import POLICIES
from gateway.yaml.mistakes import Mistakes

TOWNS = ["岐阜県高山市", "北海道札幌市", "埼玉県川口市", "広島県府中市", "津市", "岐阜県大野郡白川村", "石川県輪島市"]
"""A city, a designated city, the homes of strangers in the examples, a name of two places, a short one, a village."""


def place(name: str) -> Place:
    found = find_place(name)
    assert isinstance(found, Place)
    return found


@pytest.mark.parametrize("town", TOWNS)
@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_still_passes(path: Path, town: str, tmp_path: Path) -> None:
    """Residents stay residents and strangers strangers, also where the new town is a stranger's home."""
    shutil.copytree(POLICIES / "lists", tmp_path / "lists")
    moved = tmp_path / path.name
    moved.write_text(move_policy(path.read_text("utf-8"), place(town)), encoding="utf-8")
    mistakes = Mistakes()

    policy = load_policy(moved, mistakes)

    assert mistakes.say() == ""
    assert policy is not None
    compiled = CompiledPolicy(policy)
    assert [
        outcome.say() for each in policy.examples if not (outcome := run_example(policy, each, compiled)).passed
    ] == []


def test_the_place_is_named_wherever_the_old_one_was() -> None:
    """The condition, its label and the addresses of residents change together."""
    text = (POLICIES / "facility-booking.yaml").read_text("utf-8")

    moved = move_policy(text, place("岐阜県高山市"))

    assert "residence: {in: [岐阜県高山市]}" in moved
    assert "高山市にお住まいか" in moved
    assert "渋谷区" not in moved


def test_a_policy_that_names_no_place_stays_as_it_is() -> None:
    """Nothing is guessed."""
    text = (POLICIES / "closed.yaml").read_text("utf-8")

    assert home_of(text) is None
    assert move_policy(text, place("岐阜県高山市")) == text


def test_moving_there_and_back_changes_nothing() -> None:
    """The two places change sides, so a second move undoes the first."""
    text = (POLICIES / "facility-booking.yaml").read_text("utf-8")

    assert move_policy(move_policy(text, place("埼玉県川口市")), place("東京都渋谷区")) == text
