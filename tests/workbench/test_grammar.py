from __future__ import annotations

from gateway.policy.reading.parse import KEYS, RULE_KEYS
from gateway.policy.reading.parse_conditions import TESTS
from gateway.policy.reading.parse_examples import KEYS as EXAMPLE_KEYS
from gateway.workbench.grammar import Key, grammar
from gateway.yaml.mistakes import Language


def keys_at(place: str, language: Language = Language.JA) -> dict[str, Key]:
    return {key.name: key for key in grammar(language)[place]}


def test_every_key_that_the_parser_knows_is_offered_at_its_place() -> None:
    """The grammar offers no other key."""
    assert set(keys_at("")) == set(KEYS)
    assert set(keys_at("rules")) == set(RULE_KEYS)
    assert set(keys_at("conditions.*")) == {*TESTS, "if_not", "label"}
    assert set(keys_at("examples")) == set(EXAMPLE_KEYS)
    assert set(keys_at("conditions.*.dates.hours")) == {"from", "until"}


def test_each_key_is_explained_in_the_language_of_the_page() -> None:
    """For completion and hover."""
    for language in Language:
        for place, keys in grammar(language).items():
            assert all(key.about for key in keys), place
    assert keys_at("rules")["audit"].about != keys_at("rules", Language.EN)["audit"].about


def test_words_and_names_are_offered_as_values() -> None:
    """Those that the schema lists, and those that the draft itself has."""
    rules, ages = keys_at("rules"), keys_at("conditions.*.age")

    assert set(rules["allow"].values) == {"everyone", "signed_in", "nobody"}
    assert "fiscal_year" in ages["counted_from"].values
    assert rules["audit"].values == ("true", "false")
    assert rules["require"].names == "conditions"
    assert "address" in rules["disclose"].values
    assert keys_at("examples")["switch"].names == "switches"
