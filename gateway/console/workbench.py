"""The pages of the workbench, from values to values: the policies, an author's question, and the answer to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath
from typing import Any

from gateway.console.screen import Screen
from gateway.workbench.draft import LONGEST_TEXT, Analysis, NotAnalysed, WhatIf
from gateway.workbench.file_names import NEW

NO_SWITCHES = re.compile(r"[\s,、，]+")

_NAME = re.compile(r"^policy:[ \t]*['\"]?([^\s'\"#]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy of an App."""

    app: str
    policy: str
    """The policy's name."""
    file: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A draft as its page has it."""

    text: str
    file: str
    """Its name in the folder; empty for a policy in force that lies elsewhere."""
    app: str
    """The App with whose policy it is compared; empty: with the file as it is saved."""
    digest: str
    """The digest of the file as it was opened, or `new`."""
    other_charset: bool = False
    """Whether the file is not in UTF-8, which a save makes of it."""


def what_if_of(form: Mapping[str, str]) -> WhatIf | None:
    """Return the question in a form; `None` where there is no request."""
    said = {
        name: form.get(f"q_{name}", "").strip()
        for name in (
            "request",
            "at",
            "birthdate",
            "address",
            "gender",
            "name",
            "subject",
            "signed_in",
            "client",
            "entries",
        )
    }
    if not said["request"]:
        return None
    switches = tuple(word for word in NO_SWITCHES.split(form.get("q_switches", "")) if word)
    return WhatIf(**said, nobody="q_nobody" in form, switches=switches)


def policy_name_of(text: str) -> str:
    """Return the name that a draft gives itself, also while it cannot be read."""
    found = _NAME.search(text)
    return "" if found is None else found[1]


def is_same_file(one: str, other: str) -> bool:
    """Say whether two paths are the same by their names; links are not followed."""
    return normpath(one) == normpath(other)


def compared_with(opened: Opened, in_force: Sequence[InForce], folder: Path | None) -> tuple[str, str]:
    """Return the App and the file with which a draft is compared; empty where there is none.

    The App that was chosen goes before the one whose policy has the draft's name. Without one it is the saved file.
    """
    own = "" if folder is None or not opened.file else str(folder / opened.file)
    name = policy_name_of(opened.text)
    for fits in (
        lambda each: each.app == opened.app,
        lambda each: bool(own) and is_same_file(each.file, own),
        lambda each: each.policy == name,
    ):
        found = next((each for each in in_force if fits(each)), None)
        if found is not None:
            return found.app, found.file
    return "", own if opened.digest != NEW else ""


def list_page(
    names: Sequence[str] | None, others: Sequence[str], in_force: Sequence[InForce], folder: Path | None
) -> Screen:
    """Return the page of all policies; `names` is `None` where the folder cannot be read.

    `others` are files that are not opened, and that their author may miss.
    """
    values = {
        "names": names or (),
        "others": others,
        "readable": names is not None,
        "in_force": in_force,
        "folder": "" if folder is None else str(folder),
    }
    return Screen("workbench", "workbench.title", values)


def results_of(
    found: Analysis | NotAnalysed, opened: Opened, app: str, what_if: WhatIf | None, today: str
) -> dict[str, Any]:
    """Return the values of the part of a page that changes with each edit."""
    shown = found if isinstance(found, Analysis) else None
    return {
        "found": shown,
        "why": "" if isinstance(found, Analysis) else found.why,
        "red": 0 if shown is None else sum(not example.passed for example in shown.examples),
        "mistakes": 0 if shown is None else sum(finding.mistake for finding in shown.findings) + shown.more_findings,
        "remarks": 0 if shown is None else sum(not finding.mistake for finding in shown.findings),
        "opened": opened,
        "compared_app": app,
        "asked": what_if is not None,
        "today": today,
    }


def edit_page(
    results: Mapping[str, Any],
    form: Mapping[str, str],
    *,
    can_save: bool,
    wants_reason: bool,
    now: str,
    nonce: str,
    fault: str = "",
    status: int = 200,
) -> Screen:
    """Return the page of one draft."""
    values = {
        **results,
        "form": form,
        "can_save": can_save,
        "wants_reason": wants_reason,
        "now": now,
        "fault": fault,
        "longest": LONGEST_TEXT,
    }
    return Screen("workbench_edit", "workbench.title", values, status, nonce=nonce)


def new_text(name: str) -> str:
    """Return the first lines of a new policy."""
    stem = re.sub(r"[^a-z0-9-]+", "-", Path(name).stem.lower()).strip("-") or "policy"
    return (
        f"policy: {stem}\n"
        "title: {ja: 題名, en: Title}\n"
        "rules:\n"
        "  - name: all\n"
        "    match: {path: /**}\n"
        "    allow: signed_in\n"
        "    disclose: [subject]\n"
        "examples:\n"
        "  - title: ログインしていない方\n"
        "    who: nobody\n"
        "    request: GET /\n"
        "    expect: sign in\n"
    )
