"""Authors read in words why a request does not reach their rules."""

from __future__ import annotations

import pytest

from gateway.pipeline.at_the_door import ACCOUNT_REQUIRED, ANOTHER_APP, NOT_SIGNABLE, OWN_PAGE, TurnedAway
from gateway.pipeline.door_words import say_turned_away
from gateway.pipeline.visit import Trouble
from gateway.request.target import TargetFault
from gateway.yaml.mistakes import Language

CODES = (
    *(fault.value for fault in TargetFault),
    "request_line",
    "method",
    "method_not_allowed",
    "host",
    "unknown_host",
    "unknown_path",
    "unexpected_body",
    Trouble.MAINTENANCE.value,
    "method_override",
    "reference",
    NOT_SIGNABLE,
    ACCOUNT_REQUIRED,
)


@pytest.mark.parametrize("code", CODES)
def test_each_refusal_has_a_sentence_in_both_languages(code: str) -> None:
    """Of its own, with the status and the word that the access log has."""
    turned = TurnedAway(400, code)
    english, japanese = (say_turned_away(turned, language) for language in (Language.EN, Language.JA))

    assert f"(400 {code})" in english
    assert f"（400 {code}）" in japanese
    assert english != japanese
    assert "by itself" not in english


def test_another_apps_request_and_our_own_page_are_no_refusals() -> None:
    """The words name the one who answers."""
    assert "another App" in say_turned_away(TurnedAway(200, ANOTHER_APP), Language.EN)
    assert "ゲートウェイ自身" in say_turned_away(TurnedAway(200, OWN_PAGE), Language.JA)
    assert "by itself" in say_turned_away(TurnedAway(204, "server_wide"), Language.EN)
