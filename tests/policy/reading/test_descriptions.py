from __future__ import annotations

from gateway.policy.reading.descriptions import DESCRIPTIONS, WORDS, description_of


def test_a_sentence_has_its_two_keys_wherever_it_stands() -> None:
    """The keys of a sentence are described once, and a key of the file itself is never one of them."""
    assert description_of("rules.say.ja") == WORDS["ja"]
    assert description_of("conditions.if_not.en") == WORDS["en"]
    assert description_of("ja") is None


def test_a_key_of_its_own_is_found_by_its_whole_path() -> None:
    """`from` of a period and `from` of an example are different keys."""
    assert description_of("examples.from") == DESCRIPTIONS["examples.from"]
    assert description_of("conditions.dates.from") != description_of("examples.from")
    assert description_of("rules.unknown") is None
