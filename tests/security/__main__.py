"""Runs security cases against real gateways: `python -m tests.security [file]`.

The file comes from the command line, from `SECURITY_CASES`, or is the project's own. The exit code is 0 when
every case passed, 1 when one failed, 2 when the file is not in the format.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import traceback
from collections import defaultdict
from pathlib import Path

from tests.security.case_format import PLACEHOLDER, Case, FormatError, read_cases, read_not_applicable
from tests.security.fixture import BLOCKED, Fixture, NotReadyError, started
from tests.security.placeholders import check as check_placeholders
from tests.security.predicates import PREDICATES, check_predicates, split
from tests.security.run import Run, check_case, judge_ready

HERE = Path(__file__).resolve().parent
LONGEST = 1_200.0
"""Seconds a case may take; the longest is a flood of a hundred thousand logins, on a machine that is busy."""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def check(cases: list[Case]) -> list[str]:
    """Return what no case may say, all at once."""
    faults = []
    for case in cases:
        for holds in (check_case, check_predicates):
            try:
                holds(case)
            except FormatError as error:
                faults.append(str(error))
        answered = PLACEHOLDER.findall(json.dumps(case.idp, ensure_ascii=False))
        behaviour = ("{" + name + argument + modifiers + "}" for name, argument, modifiers in answered)
        arguments = (split(predicate)[1] for predicate in case.predicates)
        for text in (*case.request.texts(), *arguments, *behaviour):
            try:
                check_placeholders(text, case.id)
            except FormatError as error:
                faults.append(str(error))
    return faults


async def judge(case: Case, fixture: Fixture) -> list[str]:
    """Return what failed in a case: nothing, if it passed."""
    run = Run(case, fixture)
    failures = []
    try:
        async with asyncio.timeout(LONGEST):
            await judge_ready(run)
            for text in case.predicates:
                name, argument = split(text)
                seen = await PREDICATES[name](run, argument)
                if seen is not None:
                    failures.append(f"{text}: {seen}")
    except (OSError, RuntimeError, TimeoutError, ValueError, KeyError, IndexError, AssertionError) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        failures.append(f"the harness stopped: {type(error).__name__}: {error} ({place.name}:{place.lineno})")
    finally:
        await clean(run)
    return failures


async def clean(run: Run) -> None:
    """Leave nothing of a case to the next one."""
    fixture = run.fixture
    fixture.provider.reset()
    fixture.upstream.answers = {}
    watcher = getattr(run, "watcher", None)
    if watcher is not None:
        watcher.cancel()
    if run.case.files is not None:
        fixture.write_blocked(BLOCKED)
    if run.case.store is not None:
        fixture.store.behave(None)
        fixture.entries.behave(None)
    if run.dirty or run.case.clock is not None or run.case.repeat > 100:
        fixture.set_clock(0.0)
        await fixture.redis.flushall()
        await fixture.restart()
    else:
        for _ in range(100):
            if await fixture.readiness(fixture.proxy) == 200:
                return
            await asyncio.sleep(0.1)
        await fixture.restart()


async def run_all(cases: list[Case], not_applicable: dict[str, str]) -> int:
    passed: dict[str, int] = defaultdict(int)
    failed: dict[str, int] = defaultdict(int)
    left_out: dict[str, int] = defaultdict(int)
    async with started() as fixture:
        for case in cases:
            if case.kind in not_applicable:
                left_out[case.kind] += 1
                continue
            failures = await judge(case, fixture)
            if not failures:
                passed[case.kind] += 1
                continue
            failed[case.kind] += 1
            say(f"FAILED {case.id} [{case.kind}] {case.title}")
            say(f"  expected: {case.expect}")
            for failure in failures:
                say(f"  seen:     {failure}")
    say("")
    for kind in dict.fromkeys(case.kind for case in cases):
        if kind in left_out:
            say(f"{kind}: not applicable ({left_out[kind]}): {not_applicable[kind]}")
        else:
            say(f"{kind}: {passed[kind]} passed, {failed[kind]} failed")
    total, wrong = sum(passed.values()), sum(failed.values())
    if left_out:
        say(f"{sum(left_out.values())} not applicable")
    say(f"{total} passed, {wrong} failed")
    return 1 if wrong else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.security", description=__doc__)
    default = os.environ.get("SECURITY_CASES") or str(HERE / "cases.yaml")
    parser.add_argument("file", nargs="?", type=Path, default=Path(default))
    parser.add_argument("--only", action="append", default=[], help="id or class; may come several times")
    chosen = parser.parse_args()
    try:
        cases = read_cases(chosen.file)
        not_applicable = read_not_applicable(HERE / "not_applicable.yaml")
    except (OSError, FormatError) as error:
        say(f"{chosen.file}: {error}")
        return 2
    if chosen.only:
        cases = [case for case in cases if case.id in chosen.only or case.kind in chosen.only]
    faults = check([case for case in cases if case.kind not in not_applicable])
    if faults:
        for fault in faults:
            say(fault)
        return 2
    try:
        return asyncio.run(run_all(cases, not_applicable))
    except NotReadyError as error:
        say(str(error))
        return 1


if __name__ == "__main__":
    sys.exit(main())
