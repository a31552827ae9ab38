"""Japanese words for keys and values lead to one word of the language, where only one can stand."""

from __future__ import annotations

from gateway.policy.policy import Allow
from gateway.policy.reading.japanese_words import key_for, word_for
from gateway.policy.reading.parse import KEYS, RULE_KEYS
from gateway.policy.verdict import Fact


def test_a_key_is_one_that_can_stand_there() -> None:
    """条件 is a key of a policy and none of a rule."""
    assert key_for("条件", KEYS) == "conditions"
    assert key_for("条件", RULE_KEYS) is None
    assert key_for(" 名前 ", RULE_KEYS) == "name"
    assert key_for("何か", RULE_KEYS) is None


def test_a_value_is_one_that_can_stand_there() -> None:
    """Capitals and full-width letters are the same word; a word of several meanings here is none."""
    assert word_for("全員", tuple(Allow)) == "everyone"
    assert word_for("Ｅｖｅｒｙｏｎｅ", tuple(Allow)) == "everyone"
    assert word_for("氏名", tuple(Fact)) == "name"
    assert word_for("はい", ("true", "false")) == "true"
    assert word_for("はい", ("yes", "no")) == "yes"
    assert word_for("はい", ("yes", "true")) is None
    assert word_for("何か", tuple(Allow)) is None
