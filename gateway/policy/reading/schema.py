"""The JSON Schema of a policy file, made from the parser's tables, for completion in editors.

It helps while typing; `parse` decides on correctness, with better messages.
Each file of `policies/` points to it in its first line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gateway.identity import AccountKind, Gender, Role
from gateway.language import Language
from gateway.policy.age import HIGHEST_AGE, CountedFrom
from gateway.policy.example import Expect
from gateway.policy.policy import Accounts, Allow
from gateway.policy.reading.descriptions import DESCRIPTIONS, description_of
from gateway.policy.reading.parse import KEYS, METHODS, MORE_METHODS, RULE_KEYS
from gateway.policy.reading.parse_conditions import TESTS
from gateway.policy.reading.parse_examples import KEYS as EXAMPLE_KEYS
from gateway.policy.verdict import Fact, Once
from gateway.settings.typed import DURATION_PATTERN

Schema = dict[str, Any]


def _table(properties: dict[str, Schema], *required: str) -> Schema:
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return found | ({"required": list(required)} if required else {})


def _one_of(words: Iterable[str]) -> Schema:
    return {"enum": [str(word) for word in words]}


def _one_or_list(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_AGE: Schema = {"type": "integer", "minimum": 0, "maximum": HIGHEST_AGE}
_SENTENCES: dict[str, Schema] = {language.value: {"type": "string"} for language in Language}
_WORDS: Schema = _table(_SENTENCES, "ja")
_DURATION: Schema = {"type": "string", "pattern": f"^{DURATION_PATTERN}$"}


def _condition() -> Schema:
    span: dict[str, Schema] = {"from": _TEXT, "until": _TEXT}
    tests: dict[str, Schema] = {
        "age": _table(
            {
                "at_least": _AGE,
                "at_most": _AGE,
                "below": _AGE,
                "in": _one_or_list(_AGE),
                "counted_from": _one_of(CountedFrom),
                "on": _TEXT,
            }
        ),
        "born": _table(span),
        "residence": _table({"in": _one_or_list(_TEXT)}, "in"),
        "town": _table({"of": _TEXT, "in": _one_or_list(_TEXT)}, "of", "in"),
        "gender": _one_of(Gender),
        "subject": _table({"in": {"type": "string"}}, "in"),
        "account": {
            "anyOf": [
                {"const": "linked"},
                _table({"kind": _one_of(AccountKind), "role": _one_of(Role), "in": _one_or_list(_TEXT)}),
            ]
        },
        "network": _one_or_list({"type": "string"}),
        "dates": _table(
            {**span, "hours": _table(span, "from", "until"), "days": _one_or_list(_TEXT), "in": _one_or_list(_TEXT)}
        ),
        "switch": _TEXT,
        "any": _one_or_list(_TEXT),
        "all": _one_or_list(_TEXT),
        "not": _TEXT,
    }
    return _table({**tests, "if_not": _WORDS, "label": _WORDS}) | {"oneOf": [{"required": [test]} for test in TESTS]}


def _rule() -> Schema:
    say = _table(
        {
            **_SENTENCES,
            "status": _NUMBER,
            "retry_after": {"anyOf": [_NUMBER, {"const": "end"}]},
        }
    )
    answer: dict[str, Schema] = {
        "status": _one_or_list(_NUMBER),
        "location": {"type": "string"},
        "header": {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9-]*$"},
    }
    limit = _table(
        {
            "name": _TEXT,
            "once": _one_of(Once),
            "times": _NUMBER,
            "counted_when": _table(answer, "status"),
            "if_over": _WORDS,
        },
        "name",
        "once",
        "counted_when",
    )
    sign = _table(
        {"document": {"const": "form"}, "title": _WORDS, "digest_info": {"type": "boolean"}}, "document", "title"
    )
    match = _table(
        {
            "path": _one_or_list({"type": "string", "pattern": "^/"}),
            "method": _one_or_list(_one_of((*METHODS, *MORE_METHODS))),
            "query": {"type": "object", "additionalProperties": _one_or_list(_TEXT)},
        }
    )
    rule = _table(
        {
            "name": _TEXT,
            "match": match,
            "when": _TEXT,
            "allow": _one_of(Allow),
            "require": _one_or_list(_TEXT),
            "signed_in_within": _DURATION,
            "limit": limit,
            "gives_back": _table({"limit": _TEXT, "when": _table(answer)}, "limit", "when"),
            "disclose": _one_or_list({"anyOf": [_one_of(Fact), _TEXT]}),
            "purpose": _WORDS,
            "say": say,
            "keep_form": {"type": "boolean"},
            "returns_from": _one_or_list({"type": "string", "pattern": "^https?://"}),
            "sign": sign,
            "accounts": _one_of(Accounts),
            "audit": {"type": "boolean"},
            "weaker_than": {"type": "object", "additionalProperties": _TEXT, "minProperties": 1},
        },
        "name",
    )
    return rule | {"oneOf": [{"required": ["allow"]}, {"required": ["require"]}]}


def _example() -> Schema:
    person = {"subject": _TEXT, "name": _TEXT, "address": _TEXT, "birthdate": _TEXT, "gender": _one_of(Gender)}
    account = {"account": _TEXT, "account_kind": _one_of(AccountKind), "account_role": _one_of(Role)}
    who = _table(person | account)
    expect = [word.value for word in Expect if word is not Expect.DENY]
    return _table(
        {
            "title": {"anyOf": [_TEXT, _WORDS]},
            "at": _TEXT,
            "who": {"anyOf": [{"const": "nobody"}, who]},
            "signed_in": {"type": "string", "pattern": f"^{DURATION_PATTERN} ago$"},
            "from": {"type": "string"},
            "switch": _one_or_list(_TEXT),
            "entries": _NUMBER,
            "request": {"type": "string", "pattern": "^[A-Z-]+ +/"},
            "expect": {"anyOf": [_one_of(expect), {"type": "string", "pattern": "^deny( .+)?$"}]},
            "told": {"anyOf": [{"const": "nothing"}, {"type": "object", "additionalProperties": _TEXT}]},
        },
        "title",
        "request",
        "expect",
    )


def policy_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of a policy file, with each key's description in Japanese and English.

    Raises:
        ValueError: the parser knows a key that is not described here, or `descriptions` and the keys differ.

    """
    conditions, rule, example = _condition(), _rule(), _example()
    whole = _table(
        {
            "policy": _TEXT,
            "title": _WORDS,
            "purpose": _WORDS,
            "use": _one_or_list({"type": "string"}),
            "conditions": {"type": "object", "additionalProperties": conditions},
            "rules": {"type": "array", "items": rule, "minItems": 1},
            "examples": {"type": "array", "items": example},
        },
        "policy",
        "rules",
    )
    for described, known in (
        (whole, KEYS),
        (rule, RULE_KEYS),
        (conditions, (*TESTS, "if_not", "label")),
        (example, EXAMPLE_KEYS),
    ):
        if set(described["properties"]) != set(known):
            raise ValueError(f"the schema and the parser differ in {set(described['properties']) ^ set(known)}")
    met: set[str] = set()
    told = _described(whole, "", met)
    if unused := DESCRIPTIONS.keys() - met:
        raise ValueError(f"descriptions of keys that are not there: {', '.join(sorted(unused))}")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A policy of Sekisho", **told}


def _described(schema: Schema, path: str, met: set[str]) -> Schema:
    """Return a schema with a description at each of its keys, and note in `met` the keys that it has."""
    found = dict(schema)
    if "properties" in found:
        found["properties"] = {
            key: _with_description(inner, f"{path}.{key}" if path else key, met)
            for key, inner in found["properties"].items()
        }
    for word in ("items", "additionalProperties"):
        if isinstance(found.get(word), dict):
            found[word] = _described(found[word], path, met)
    if "anyOf" in found:
        found["anyOf"] = [_described(inner, path, met) for inner in found["anyOf"]]
    return found


def _with_description(schema: Schema, path: str, met: set[str]) -> Schema:
    phrase = description_of(path)
    if phrase is None:
        raise ValueError(f"the key `{path}` has no description")
    met.add(path)
    # The first paragraph is Japanese and the second English: editors show the whole text.
    return {"description": f"{phrase.ja}\n\n{phrase.en}", **_described(schema, path, met)}


def schema_text() -> str:
    """Return the schema as the file that editors read."""
    return json.dumps(policy_schema(), ensure_ascii=False, indent=2) + "\n"
