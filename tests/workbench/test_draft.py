from __future__ import annotations

import msgspec

from gateway.workbench.draft import Analysis, Draft, Finding, WhatIf


def test_a_draft_and_its_answer_go_between_processes_as_they_are() -> None:
    """In any script."""
    draft = Draft(
        "policy: 施設\n", "施設.yaml", "/folder", "ja", 1.5, what_if=WhatIf(request="GET /", switches=("雨",))
    )
    answer = Analysis((Finding(1, 2, "全角の「：」です", mistake=True),), policy="施設", data=(("氏名", "予約"),))

    assert msgspec.json.decode(msgspec.json.encode(draft), type=Draft) == draft
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Analysis) == answer


def test_a_draft_is_good_once_it_can_be_read() -> None:
    """A policy always has a name."""
    assert Analysis(policy="p").good
    assert not Analysis().good
