"""The documentation, held to the code: what exists is described, and what is described exists."""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
import shlex
import subprocess
import sys
import typing
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from gateway import __version__
from gateway.settings.settings import Settings
from gateway.yaml.mistakes import Language
from tools import reference

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
MAKE_TARGETS = frozenset(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))

BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def shell_lines() -> list[tuple[str, str]]:
    """Return every command shown in a shell block, with its page."""
    found = []
    for page in PAGES:
        for language, _, body in BLOCK.findall(page.read_text()):
            if language in ("sh", "bash", "console"):
                joined = body.replace("\\\n", " ")
                found += [(name_of(page), line.strip()) for line in joined.splitlines() if line.strip()]
    return found


def test_the_settings_page_is_current() -> None:
    """Every setting is on the page with its default; `make docs` writes it."""
    assert reference.SETTINGS_PAGE.read_text() == reference.settings_page(), "run `make docs`"


def test_the_contract_shows_what_becomes_of_an_answer() -> None:
    """The table is the code's."""
    page = reference.CONTRACT_PAGE.read_text()

    assert page == reference.contract_page(page), "run `make docs`"


@pytest.mark.parametrize("cls", reference.sections(), ids=lambda cls: cls.__name__)
def test_each_setting_says_what_it_means(cls: type) -> None:
    """A key without a sentence is a key that people guess at."""
    words = reference.field_words(ROOT / "gateway" / "settings" / "settings.py").get(cls.__name__, {})
    page = reference.settings_page()

    silent = [
        field.name
        for field in dataclasses.fields(cls)
        if not words.get(field.name) and re.search(rf"^\| `{field.name}` \|.*\|  \|$", page, re.MULTILINE)
    ]

    assert not silent


def test_events_errors_and_metrics_are_current() -> None:
    """Every event, error code and metric is on the operations page; `make docs` writes them."""
    page = reference.OPERATIONS_PAGE.read_text()

    assert page == reference.operations_page(page), "run `make docs`"


def test_the_page_of_metrics_is_current() -> None:
    """Every declared metric is on the page; `make docs` writes it."""
    assert reference.METRICS_PAGE.read_text() == reference.metrics_page(), "run `make docs`"


@pytest.mark.parametrize("language", list(reference.UPGRADE_PAGES))
def test_the_pages_of_upgrades_are_current(language: Language) -> None:
    """Both pages have every note that `sekisho upgrade-check` knows; `make docs` writes them."""
    page = reference.UPGRADE_PAGES[language].read_text()

    assert page == reference.upgrade_page(page, language), "run `make docs`"


def test_the_map_of_files_is_current() -> None:
    """Every file of the gateway is on the page about the way of a request; `make docs` writes it."""
    page = reference.REQUEST_PAGE.read_text()

    assert page == reference.request_page(page), "run `make docs`"


def test_the_states_page_is_what_the_tables_say() -> None:
    """Each machine's diagram is drawn from the table that the code obeys, and each state and event is explained."""
    page = reference.STATES_PAGE.read_text()

    assert page == reference.states_page(), "run `make docs`"
    assert not [row for row in page.splitlines() if re.match(r"\| `[^|]*\|\s*\|", row)]


def test_a_diagram_shows_every_move_of_its_table() -> None:
    """An arrow is found for each state, event and next state, and none besides."""
    for machine in reference.MACHINES:
        drawn = {
            (before, event, after)
            for before, after, events in re.findall(
                r"^    (\w+) --> (\w+): (.+)$", reference.diagram(machine), re.MULTILINE
            )
            for event in events.split(", ")
        }

        assert drawn == {(state, event, after) for state, row in machine.moves.items() for event, after in row.items()}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_files_named_in_words_exist(page: Path) -> None:
    """A path of ours in backticks leads to a file or a folder."""
    named = set(re.findall(r"`((?:gateway|tests|deploy|grafana|benchmarks|docs|policies)/[\w./-]*)`", page.read_text()))

    missing = {path for path in named if not (ROOT / path).exists()}

    assert not missing


def test_each_event_and_metric_says_what_it_means() -> None:
    """A name alone does not help at three in the morning."""
    silent = [row for row in reference.event_table().splitlines() if "|  |" in row]
    silent += [each.name for declared in reference.METRICS.values() for each in declared if not each.meaning]

    assert not silent


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    """A link inside the project names a file that is there."""
    targets = [target for target, _ in LINK.findall(page.read_text()) if target and "://" not in target]

    missing = [target for target in targets if not (page.parent / target).exists()]

    assert not missing


def test_each_make_command_shown_exists() -> None:
    """A reader who copies `make …` from a page gets the result that the page promises."""
    commands = [(page, shlex.split(line)) for page, line in shell_lines() if line.startswith("make")]
    shown = {(page, word) for page, words in commands for word in words[1:] if re.fullmatch(r"[a-z][a-z-]*", word)}
    shown |= {(name_of(page), target) for page in PAGES for target in re.findall(r"`make ([a-z-]+)", page.read_text())}

    unknown = {(page, target) for page, target in shown if target not in MAKE_TARGETS}

    assert shown
    assert not unknown


def commands_of_the_cli() -> frozenset[str]:
    """Return every command line of ours up to its options: `run`, `policy test`."""
    import typer  # noqa: PLC0415 - only this test needs it

    from gateway.cli import app  # noqa: PLC0415 - only this test needs it

    found = set()
    root = typer.main.get_command(app)

    def walk(command: object, words: tuple[str, ...]) -> None:
        inner = getattr(command, "commands", {})
        if not inner:
            found.add(" ".join(words))
        for name, each in inner.items():
            walk(each, (*words, name))

    walk(root, ())
    return frozenset(found)


def test_each_sekisho_command_shown_exists() -> None:
    """A reader who copies `sekisho …` from a page, or from the unit, finds the command."""
    known = commands_of_the_cli()
    text = "\n".join(page.read_text() for page in PAGES)
    spans = re.findall(r"`sekisho ([a-z][^`]*)`", text)
    lines = [line.partition("sekisho ")[2] for _, line in shell_lines() if re.match(r"(\S*/)?sekisho [a-z]", line)]
    shown = {" ".join(re.findall(r"^(?:[a-z][a-z-]*(?: |$))+", each)).strip() for each in (*spans, *lines)}

    unknown = {
        each
        for each in shown
        if not any(f"{each} ".startswith(f"{command} ") or f"{command} ".startswith(f"{each} ") for command in known)
    }

    assert not unknown


def options_of_the_cli() -> dict[str, frozenset[str]]:
    """Return the options of every command of ours: `policy test` and `--json`."""
    import typer  # noqa: PLC0415 - only this test needs it

    from gateway.cli import app  # noqa: PLC0415 - only this test needs it

    found: dict[str, frozenset[str]] = {}

    def walk(command: object, words: tuple[str, ...]) -> None:
        params = getattr(command, "params", [])
        options = {each for param in params for each in (*param.opts, *param.secondary_opts)}
        found[" ".join(words)] = frozenset(options | {"--help", "-h"})
        for name, each in getattr(command, "commands", {}).items():
            walk(each, (*words, name))

    walk(typer.main.get_command(app), ())
    return found


def test_each_option_shown_exists() -> None:
    """A reader who copies a command of ours with its options is not told of an unknown one."""
    known = options_of_the_cli()
    unknown = set()
    for page, line in shell_lines():
        for part in re.split(r"\s(?:\||&&|;)\s", line.removeprefix("$ ")):
            found = re.match(r"(?:\S*/)?sekisho ((?:[a-z][a-z-]* ?)+)(.*)", part)
            if found is None:
                continue
            words = found[1].split()
            while words and " ".join(words) not in known:
                words.pop()
            shown = set(re.findall(r"(?<=\s)(--?[a-z][a-z-]*)", f" {found[2]}"))
            unknown |= {(page, " ".join(words), each) for each in shown - known[" ".join(words)]}

    assert not unknown


def needed_options_of_the_cli() -> dict[str, frozenset[frozenset[str]]]:
    """Return the options without which a command does nothing, each with all of its spellings."""
    import typer  # noqa: PLC0415 - only this test needs it

    from gateway.cli import app  # noqa: PLC0415 - only this test needs it

    found: dict[str, frozenset[frozenset[str]]] = {}

    def walk(command: object, words: tuple[str, ...]) -> None:
        needed = [param for param in getattr(command, "params", []) if param.required and param.opts[0][0] == "-"]
        found[" ".join(words)] = frozenset(frozenset(param.opts) for param in needed)
        for name, each in getattr(command, "commands", {}).items():
            walk(each, (*words, name))

    walk(typer.main.get_command(app), ())
    return found


def test_each_command_shown_with_options_has_the_ones_it_needs() -> None:
    """A reader who copies it in the middle of a fault is not asked for another option."""
    needed = needed_options_of_the_cli()
    spans = [(name_of(page), each) for page in PAGES for each in re.findall(r"`(sekisho [^`\n]*)`", page.read_text())]
    wanting, seen = [], 0
    for page, line in (*shell_lines(), *spans):
        for part in re.split(r"\s(?:\||&&|;)\s", line.removeprefix("$ ")):
            found = re.match(r"(?:\S*/)?sekisho ((?:[a-z][a-z-]* ?)+)(.*--.*)", part)
            if found is None:
                continue
            words = found[1].split()
            while words and " ".join(words) not in needed:
                words.pop()
            shown = set(re.findall(r"(?<=\s)(--?[a-z][a-z-]*)", f" {found[2]}"))
            missing = [min(each) for each in needed[" ".join(words)] if not shown & each]
            seen += len(needed[" ".join(words)])
            # A sentence that names one option of a command (`sekisho sessions revoke --all`) is no command to copy.
            if missing and ((page, line) not in spans or "…" in line):
                wanting.append((page, part, missing))

    assert seen
    assert not wanting


OPERATORS_PAGES = ("audit", "backup", "console", "deployment", "fleet", "operations", "runbook", "sessions", "upgrade")
"""Pages that an operator reads in a hurry."""

_OTHERS_NAMES = frozenset({"aof_rewrite_in_progress", "proxy_cache", "proxy_cache_key"})
"""Names of other programs on those pages."""


@functools.cache
def words_of_the_code() -> frozenset[str]:
    """Return every name in the gateway, in its samples and in its boards."""
    folders = (("gateway", "*.py"), ("tools", "*.py"), ("deploy", "*"), ("grafana", "*.json"))
    files = [path for folder, pattern in folders for path in sorted((ROOT / folder).rglob(pattern)) if path.is_file()]
    names = {path.stem for path in files}
    return _OTHERS_NAMES.union(names, *(re.findall(r"\w+", path.read_text()) for path in files))


@pytest.mark.parametrize("page", OPERATORS_PAGES)
@pytest.mark.parametrize("ending", ["md", "ja.md"])
def test_each_name_that_an_operator_searches_for_exists(page: str, ending: str) -> None:
    """An event, a reason, a metric or a setting of another name is found in no log and on no board."""
    text = (ROOT / "docs" / f"{page}.{ending}").read_text()

    named = {
        word for span in re.findall(r"`([^`\n]+)`", text) for word in re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b", span)
    }
    # The code has a counter's name without the word that Prometheus wants behind it.
    unknown = {word for word in named if not {word, word.removesuffix("_total")} & words_of_the_code()}

    assert not unknown


def unknown_keys(cls: type, value: object, at: str) -> list[str]:
    """Return the keys of a part of `gateway.yaml` that the settings do not have."""
    if isinstance(value, list):
        return [each for item in value for each in unknown_keys(cls, item, at)]
    if not isinstance(value, dict):
        return []
    hints = typing.get_type_hints(cls)
    keys = {getattr(cls, "KEYS", {}).get(field.name, field.name): field.name for field in dataclasses.fields(cls)}
    found = [f"{at}{key}" for key in value if key not in keys and key != "…"]
    for key, inner in value.items():
        kinds = [hints[keys[key]], *typing.get_args(hints[keys[key]])] if key in keys else []
        kinds += [each for kind in kinds for each in typing.get_args(kind)]
        for kind in kinds:
            if isinstance(kind, type) and dataclasses.is_dataclass(kind) and kind in reference.sections():
                found += unknown_keys(kind, inner, f"{at}{key}.")
                break
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_yaml_snippets_have_keys_of_the_settings(page: Path) -> None:
    """A reader who copies a part of `gateway.yaml` from a page gets no unknown key."""
    names = {field.name for field in dataclasses.fields(Settings)}
    unknown = []
    for language, _, body in BLOCK.findall(page.read_text()):
        value = YAML(typ="safe").load(body) if language == "yaml" and re.match(r"(?:#.*\n)*[a-z]", body) else None
        if isinstance(value, dict) and 2 * len(set(value) & names) > len(value):
            unknown += unknown_keys(Settings, value, "")

    assert not unknown


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_snippets_run(page: Path) -> None:
    """A Python block marked `run` runs as it stands; one that is not marked at least parses."""
    for language, mark, body in BLOCK.findall(page.read_text()):
        if language == "python":
            ast.parse(body)
            if "run" in mark:
                subprocess.run([sys.executable, "-W", "error", "-c", body], check=True, cwd=ROOT, timeout=30)


def test_the_changelog_knows_this_version() -> None:
    """A release that the changelog does not know is a surprise."""
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_both_readmes_show_the_same_commands() -> None:
    """The Japanese page is no poorer than the English one."""
    lines = shell_lines()

    english = [line for page, line in lines if page == "README.md"]
    japanese = [line for page, line in lines if page == "README.ja.md"]

    assert english == japanese


CLOCKS = ROOT / "docs" / "decisions" / "0009-which-clock-decides.md"
_READS_A_CLOCK = re.compile(r"(?:clock|monotonic|stopwatch|perf_counter|loop\(\)\.time|loop\.time|time\.time)\(\)")


def readers_of_a_clock() -> list[str]:
    """Return the files that read a clock."""
    return sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "gateway").rglob("*.py")
        if _READS_A_CLOCK.search(path.read_text(encoding="utf-8")) and "/demo/" not in str(path)
    )


@pytest.mark.parametrize("name", readers_of_a_clock())
def test_each_reader_of_a_clock_is_in_the_record(name: str) -> None:
    """Each value that is remembered by time has a line about its clock, and about a step of it."""
    assert f"`{name}`" in CLOCKS.read_text(encoding="utf-8"), f"add `{name}` to the table of {CLOCKS.name}"


def test_the_release_page_knows_every_redis_key() -> None:
    """A key whose form changes is an upgrade step: the page says what becomes of each."""
    page = (ROOT / "docs" / "release.md").read_text()
    used: set[str] = set()
    for path in (ROOT / "gateway").rglob("redis_*.py"):
        source = path.read_text()
        used |= set(re.findall(r"prefix\}((?:[a-z]+:)*(?:ended\b|check\b)?)", source))
        used |= {f"l:{kind}:" for kind in re.findall(r'self\._key\("([a-z]+)"', source)}
    # A name after `l:` that is filled in is one of these kinds.
    used -= {""}

    unknown = {key for key in used if f"`sekisho:{key}" not in page}

    assert {"t:", "t:ended", "l:x:", "check"} <= used
    assert not unknown
