"""The options `--app` and `-c` of the policy commands: judge requests as the door of one App would."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.commands.terminal import EXIT_USERS, fail, language, say
from gateway.console.refusals import BY_DESIGN, REMEDIES
from gateway.pipeline.at_the_door import TurnedAway
from gateway.pipeline.door_words import say_turned_away
from gateway.request.target import DEFAULT_PATHS, TargetFault, canonical, escaped
from gateway.settings.check import check_settings, read_settings
from gateway.settings.settings import Settings
from gateway.settings.typed import Reading
from gateway.yaml.mistakes import Language, Mistakes, Phrase

AppName = Annotated[
    str | None,
    typer.Option("--app", help="Judge requests as the gateway would for this App of the settings.", metavar="NAME"),
]

_REQUEST = re.compile(r"([A-Z-]+) +(?:https?://([^/?#\s]*))?(\S*)")


def settings_with(config: Path, name: str) -> tuple[Settings, Path]:
    """Return the settings, and the policy file of an App; a name that no App has ends the command."""
    mistakes = Mistakes()
    reading = Reading(config.parent, mistakes)
    settings = read_settings(config, reading)
    if settings is not None:
        check_settings(settings, reading)
    if settings is None or len(mistakes):
        raise fail(mistakes)
    found = next((app for app in settings.apps if app.name == name), None)
    if found is None:
        names = ", ".join(app.name for app in settings.apps)
        unknown = Phrase(
            f"{config}: no App is called `{name}`, write one of {names}",
            f"{config}: `{name}` というアプリはありません。次から選んでください: {names}",
        )
        say(unknown.say(language()), error=True)
        raise typer.Exit(EXIT_USERS)
    return settings, found.policy.file


def split_request(text: str) -> tuple[str, str, str]:
    """Return the method, the host (empty: the App's) and the target of a typed request."""
    match = _REQUEST.fullmatch(text.strip())
    if match is None:
        return "", "", text
    return match[1], match[2] or "", match[3] or "/"


def say_turned(turned: TurnedAway, said: Language) -> str:
    """Return why the rules are not reached, and the setting that would admit the request."""
    words = say_turned_away(turned, said)
    remedy = REMEDIES.get(turned.code)
    if remedy is None and not turned.code.startswith("target_"):
        return words
    setting = "許す設定: " if said is Language.JA else "setting that admits it: "
    return f"{words}\n{setting}{(remedy or BY_DESIGN).say(said)}"


def turned_values(turned: TurnedAway) -> dict[str, Any]:
    """Return the same as plain values, for JSON."""
    return {"verdict": "refused", "door": {"status": int(turned.status), "code": turned.code}}


def strict_remark(target: str, said: Language) -> str | None:
    """Return a remark on a target that an App without `paths` refuses, where no App is named."""
    found = canonical(escaped(target), DEFAULT_PATHS)
    if not isinstance(found, TargetFault):
        return None
    words = say_turned_away(TurnedAway(found.status, found.value), said)
    more = (
        "`--app` を付けると、そのアプリの設定で判断します" if said is Language.JA else "`--app` judges as one App would"
    )
    return f"{words} ({more})"
