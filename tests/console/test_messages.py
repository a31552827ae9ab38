from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import gateway.console
from gateway.accounts.accounts import Evidence, LinkState
from gateway.accounts.counter import Hindrance
from gateway.console.accounts import By as AccountsBy
from gateway.console.messages import CATALOGUE, message
from gateway.console.routes import MENU, ROUTES
from gateway.console.sessions import By
from gateway.console.switches import LENGTHS
from gateway.identity import AccountKind
from gateway.identity import Role as GroupRole
from gateway.limits.limits import EntryState
from gateway.login.funnel import SignInStep
from gateway.policy.authoring.explain import Fit
from gateway.policy.verdict import Truth
from gateway.portal.language import Language
from gateway.portal.operators import Role

CONSOLE = Path(gateway.console.__file__).parent

FAMILIES = (
    *("done.", "part.", "refused.", "role.", "menu.", "sign_in."),
    *(
        "health.status_",
        "health.step_",
        "health.objective_",
        "sessions.by_",
        "limits.state_",
        "switches.length_",
        "switches.message_",
    ),
    *(
        "workbench.fault_",
        "workbench.why_",
        "workbench.verdict_",
        "workbench.fit_",
        "workbench.says_",
        "workbench.kind_",
    ),
    *("accounts.by_", "accounts.kind_", "accounts.role_", "accounts.evidence_", "accounts.state_", "accounts.why_"),
    "workbench.q_",
)
"""Sentences whose keys end in a closed word that a page puts together."""


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def test_both_languages_say_everything() -> None:
    """The same keys, with the same placeholders, and no empty sentence."""
    ja, en = CATALOGUE[Language.JA], CATALOGUE[Language.EN]

    assert set(ja) == set(en)
    assert {key: placeholders(text) for key, text in ja.items()} == {
        key: placeholders(text) for key, text in en.items()
    }
    assert all(text.strip() for text in (*ja.values(), *en.values()))


def test_every_closed_word_has_its_sentences() -> None:
    """A new role or page cannot be added without its words."""
    needed = {f"role.{role}" for role in Role} | {f"menu.{place}" for place in MENU}
    needed |= {f"done.{route.place}" for route in ROUTES if route.changes} | {"done.nothing"}
    needed |= {f"sessions.by_{way}" for way in By} | {f"limits.state_{state}" for state in EntryState}
    needed |= {f"accounts.by_{way}" for way in AccountsBy} | {f"accounts.state_{state}" for state in LinkState}
    needed |= {f"accounts.evidence_{each}" for each in Evidence} | {f"accounts.kind_{kind}" for kind in AccountKind}
    needed |= {f"accounts.role_{role}" for role in GroupRole}
    needed |= {f"{section}{why}" for section in ("accounts.why_", "done.accounts_") for why in Hindrance}
    needed |= {f"health.step_{step}" for step in SignInStep}
    needed |= {f"switches.length_{length}" for length in LENGTHS}
    needed |= {f"workbench.fit_{fit}" for fit in Fit} | {f"workbench.says_{truth.value}" for truth in Truth}
    needed |= {f"workbench.verdict_{word}" for word in ("allow", "sign_in", "sign_in_again", "deny")}

    assert needed <= set(CATALOGUE[Language.JA])


def test_no_sentence_is_left_over() -> None:
    """Each sentence is used by a template or a page: an old one would be translated for nobody."""
    sources = [*CONSOLE.glob("templates/*.html"), *CONSOLE.glob("*.py")]
    used = set(re.findall(r"[a-z_]+(?:\.[a-z_]+)+", "\n".join(source.read_text() for source in sources)))

    left_over = {key for key in CATALOGUE[Language.JA] if key not in used and not key.startswith(FAMILIES)}

    assert left_over == set()


def test_no_sentence_is_missing() -> None:
    """Each key that a template names is a sentence."""
    text = "\n".join(source.read_text() for source in CONSOLE.glob("templates/*.html"))
    named = set(re.findall(r"""t\("([a-z_]+\.[a-z_]+)"[,)]""", text))

    assert named
    assert named <= set(CATALOGUE[Language.JA])


def test_a_sentence_is_filled_in() -> None:
    """A placeholder without a value is a mistake of ours, and never shown to a person."""
    assert message(Language.EN, "part.app", name="booking") == "the servers of the App booking"
    with pytest.raises(KeyError):
        message(Language.EN, "part.app", other=1)
