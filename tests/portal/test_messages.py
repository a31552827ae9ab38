from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import gateway.portal
from gateway.accounts.asyncio_linking import LinkEnd
from gateway.identity import Role
from gateway.login.sign_in import LoginFailure
from gateway.pipeline.visit import Trouble
from gateway.policy.verdict import ActingFact, ChallengeReason, Fact, ReasonKind
from gateway.portal.language import Language
from gateway.portal.messages import CATALOGUE, CATALOGUES, REVIEWED, _flat, message, offered
from gateway.request.signed_form import Unsignable
from gateway.session.session import EndCause
from gateway.signing.signature import SignOutcome

PORTAL = Path(gateway.portal.__file__).parent

ACCOUNT_ERRORS = {*LinkEnd, "gone"} - {
    LinkEnd.LINKED,
    LinkEnd.CHOSEN,
    LinkEnd.DECLINED,
    LinkEnd.UNLINKED,
    LinkEnd.SIGNED_OUT,
}
"""The ends of an attempt to link an account that its page explains, and a choice whose link has ended."""


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("language", [each for each in Language if each is not Language.JA])
def test_every_language_says_everything(language: Language) -> None:
    """The same keys as in Japanese, with the same placeholders, and no empty sentence."""
    ja, other = CATALOGUE[Language.JA], CATALOGUE[language]

    assert set(ja) == set(other)
    assert {key: placeholders(text) for key, text in ja.items()} == {
        key: placeholders(text) for key, text in other.items()
    }
    assert all(text.strip() for text in (*ja.values(), *other.values()))


def test_every_file_of_sentences_is_a_language_with_a_name() -> None:
    """A file is a language, and says what the language calls itself and whether a speaker has read it through."""
    files = {path.stem for path in PORTAL.glob("messages/*.toml")}

    assert files == {language.value for language in Language}
    assert all(each.name for each in CATALOGUES.values())


def test_a_language_that_nobody_reviewed_is_off_until_an_app_names_it() -> None:
    """Only reviewed sentences are shipped as they are; the rest is an App's own decision."""
    assert REVIEWED == (Language.JA, Language.EASY, Language.EN)
    assert all(CATALOGUES[language].reviewed for language in offered(()))
    assert offered((Language.EN,)) == (Language.EN,)


def test_every_closed_word_has_its_sentences() -> None:
    """A new failure, trouble or reason cannot be added without its page."""
    needed = {f"failure.{failure}.{part}" for failure in LoginFailure for part in ("title", "what", "do")}
    needed |= {f"trouble.{trouble}.{part}" for trouble in Trouble for part in ("title", "what")}
    needed |= {f"refusal.kind.{kind}" for kind in ReasonKind}
    needed |= {f"not_signable.{why}" for why in Unsignable}
    needed |= {f"signing.{outcome}.{part}" for outcome in SignOutcome for part in ("title", "do")}
    needed |= {f"notice.lead_{reason}" for reason in ChallengeReason}
    needed |= {f"ended.{cause}" for cause in EndCause}
    needed |= {f"account.error_{end}" for end in ACCOUNT_ERRORS} | {f"account.role_{role}" for role in Role}

    assert needed <= set(CATALOGUE[Language.JA])


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_fact_has_a_name_that_people_know(language: Language) -> None:
    """A policy may tell any of them, and a notice says each."""
    assert all(message(language, f"told.{fact.value}") for fact in Fact)


def test_no_sentence_is_left_over() -> None:
    """Each sentence is used by a template or a page: an old one would be translated for nobody."""
    sources = [*PORTAL.glob("templates/*.html"), *PORTAL.glob("*.py")]
    text = "\n".join(source.read_text() for source in sources)
    used = set(re.findall(r"[a-z_]+(?:\.[a-z_]+)+", text))
    families = (
        *(f"failure.{failure}." for failure in LoginFailure),
        *(f"trouble.{trouble}." for trouble in Trouble),
        "refusal.kind.",
        *(f"not_signable.{why}" for why in Unsignable),
        *(f"signing.{outcome}." for outcome in SignOutcome),
        "consent.item_",
        "notice.lead_",
        *(f"ended.{cause}" for cause in (*EndCause, "unknown")),
        "fact.",
        "icon.",
        "steps.",
        "me.gender_",
        "time.",
        *(f"told.{fact}" for fact in (*Fact, *ActingFact)),
        *(f"account.error_{end}" for end in ACCOUNT_ERRORS),
        *(f"account.role_{role}" for role in Role),
        "refusal.title.",
    )
    plain = {f"{kind}.{part}" for kind in ("not_found", "method", "bad_form", "internal") for part in ("title", "what")}

    left_over = {key for key in CATALOGUE[Language.JA] if key not in used | plain and not key.startswith(families)}

    assert left_over == set()


def test_no_official_affiliation_is_claimed() -> None:
    """Every page says whose it is, and whose it is not."""
    assert "デジタル庁の画面ではありません" in CATALOGUE[Language.JA]["common.disclaimer"]
    assert "デジタル庁のページではありません" in CATALOGUE[Language.EASY]["common.disclaimer"]
    assert "not a page of the Digital Agency" in CATALOGUE[Language.EN]["common.disclaimer"]


def test_a_sentence_is_filled_in() -> None:
    """A placeholder without a value is a mistake of ours, and never shown to a person."""
    assert message(Language.EN, "time.clock", hour=12, minute="00")
    with pytest.raises(KeyError):
        message(Language.EN, "time.clock", hour=2)
    with pytest.raises(KeyError):
        message(Language.EN, "me.nothing")


def test_a_value_that_is_no_sentence_is_refused() -> None:
    """A number in the files of sentences is a slip."""
    with pytest.raises(TypeError, match=r"`me\.moment` is no sentence"):
        _flat({"me": {"moment": 1}})
