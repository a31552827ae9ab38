"""How the site's search cuts Japanese text: into pairs of neighbouring characters, for the index and for the query.

A dictionary of words cuts 「秘密の入れ替え」 in one way in a sentence and in another way alone, and then the search
finds nothing. Pairs need no dictionary, and a query's pairs are always among those of a text that contains it.
"""

from __future__ import annotations

import re

_RUNS = re.compile(
    r"[\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+|[^\W\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)
_JAPANESE = re.compile(r"[\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")

QUERY_SPLITTER = """
function splitQuery(query) {
  const japanese = /[\\u3005-\\u3007\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff]/;
  const runs = query.match(
    /[\\u3005-\\u3007\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff]+|(?:(?![\\u3005-\\u3007\\u3040-\\u30ff\\u3400-\\u9fff\\uf900-\\ufaff])[\\p{L}\\p{N}_])+/gu,
  ) || [];
  return runs.flatMap((run) => {
    if (/^[0-9]+$/.test(run)) return [`${run}_`];
    if (!japanese.test(run) || run.length === 1) return [run];
    return Array.from({ length: run.length - 1 }, (_, at) => run.slice(at, at + 2));
  });
}
"""
"""The same cut for a query, in the language of the reader's browser. A query has no single characters but alone."""


def indexed(text: str) -> list[str]:
    """Return a text's words for the index: pairs and single characters of Japanese, whole words of the rest."""
    found: list[str] = []
    for run in _RUNS.findall(text):
        if _JAPANESE.match(run):
            found += [run[at : at + 2] for at in range(len(run) - 1)]
            found += run
        else:
            # The search passes over a word of digits alone, and an operator looks for 502.
            found.append(f"{run}_" if run.isascii() and run.isdigit() else run)
    return found
