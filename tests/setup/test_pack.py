"""The shipped files that a new gateway begins with."""

from __future__ import annotations

import pytest

from gateway.setup.pack import POLICIES, UNIT, Needs, pack_files, pack_needs, pack_titles
from gateway.yaml.mistakes import Language


def test_every_shipped_policy_can_be_chosen() -> None:
    """Each has a title in both languages, or its name."""
    for language in Language:
        titles = pack_titles(language)
        assert set(titles) == {file.stem for file in POLICIES.glob("*.yaml")}
        assert all(titles.values())


def test_a_policy_comes_with_the_lists_that_it_reads() -> None:
    """A policy without its list would be refused."""
    assert {file.name for file in pack_files("library")} >= {"library.yaml"}
    assert all(file.is_relative_to(POLICIES) for name in pack_titles(Language.JA) for file in pack_files(name))


def test_the_contract_is_what_the_policy_asks_for() -> None:
    """The items of the agency's form, in its order."""
    assert pack_needs("facility-booking") == Needs(("name", "address", "birthdate"), counts=False, signs=False)
    assert pack_needs("closed") == Needs((), counts=False, signs=False)
    assert pack_needs("lottery").counts
    assert pack_needs("child-allowance").signs


@pytest.mark.parametrize("ask", [pack_files, pack_needs])
def test_an_unknown_policy_is_refused(ask: object) -> None:
    """The questions know the names, so this is a programmer's mistake."""
    assert callable(ask)
    with pytest.raises(ValueError, match="nowhere"):
        ask("nowhere")


def test_the_unit_is_the_deployed_one() -> None:
    """It names the paths that `init` replaces."""
    text = UNIT.read_text("utf-8")
    assert "/opt/sekisho/bin/sekisho run -c /etc/sekisho/gateway.yaml" in text
