"""Reads the limits of a policy: their counting, and the answer of the application that gives an entry back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from gateway.policy.policy import Rule
from gateway.policy.reading.parse_values import Reader
from gateway.policy.verdict import GivesBack, Limit, Once
from gateway.yaml.mistakes import Mistakes, Phrase, Where
from gateway.yaml.tree import Node, Scalar, Table

_LIMIT = Phrase("`limit`", "`limit`")
_COUNTED = Phrase("`counted_when`", "`counted_when`")
_GIVES_BACK = Phrase("`gives_back`", "`gives_back`")
_WHEN = Phrase("`when` of `gives_back`", "`gives_back` の `when`")

_FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)

_STANDARD_NAMES = (
    "accept accept-ch accept-patch accept-post accept-ranges access-control-allow-credentials",
    "access-control-allow-headers access-control-allow-methods access-control-allow-origin",
    "access-control-expose-headers access-control-max-age age allow alt-svc authentication-info cache-control",
    "clear-site-data connection content-disposition content-encoding content-language content-length",
    "content-location content-range content-security-policy content-security-policy-report-only content-type",
    "cross-origin-embedder-policy cross-origin-opener-policy cross-origin-resource-policy date deprecation digest",
    "etag expect-ct expires keep-alive last-modified link location nel origin-agent-cluster p3p",
    "permissions-policy pragma proxy-authenticate proxy-connection public-key-pins referrer-policy refresh",
    "report-to reporting-endpoints retry-after server server-timing set-cookie set-cookie2 sourcemap",
    "speculation-rules status strict-transport-security sunset te timing-allow-origin tk trailer",
    "transfer-encoding upgrade vary via warning www-authenticate x-content-type-options x-dns-prefetch-control",
    "x-download-options x-frame-options x-permitted-cross-domain-policies x-powered-by x-request-id x-robots-tag",
    "x-ua-compatible x-xss-protection",
)
_STANDARD = frozenset(name for line in _STANDARD_NAMES for name in line.split())
"""Fields of an answer that browsers and servers read. Named here, one would be taken from every answer of the App."""


class LimitReader(Reader):
    """Reads the limits of one policy's rules."""

    def __init__(self, mistakes: Mistakes, file: str) -> None:
        """`file`: the policy's own, for mistakes that two rules make together."""
        super().__init__(mistakes)
        self._file = file

    def limit(self, node: Node) -> Limit | None:
        """Read the `limit` of a rule."""
        table = self.table(node, ("name", "once", "times", "counted_when", "if_over"), _LIMIT)
        if table is None:
            return None
        name_node, once_node, counted_node = (self.need(table, key, _LIMIT) for key in ("name", "once", "counted_when"))
        name = None if name_node is None else self.name(name_node, _LIMIT)
        once = None if once_node is None else self.word(once_node, tuple(Once), Phrase("`once`", "`once`"))
        times_node, over_node = table.get("times"), table.get("if_over")
        times = 1 if times_node is None else self.number(times_node, Phrase("`times`", "`times`"), 1, 1_000_000)
        over = {} if over_node is None else self.words(over_node, Phrase("`if_over`", "`if_over`"))
        statuses, location, header = frozenset[int](), None, ""
        if isinstance(counted_node, Scalar) and re.fullmatch(r"[2-5]\d\d", counted_node.text, re.ASCII):
            what = Phrase(f"`{counted_node.text}` has no key", f"`{counted_node.text}` に項目がありません")
            self.corrected(counted_node, what, f"{{status: {counted_node.text}}}")
            return None
        if counted_node is not None:
            counted = self.table(counted_node, ("status", "location", "header"), _COUNTED)
            if counted is None:
                return None
            self.need(counted, "status", _COUNTED)
            statuses, location, header = self._answer(counted, 599)
        if name is None or once is None or times is None:
            return None
        return Limit(name, Once(once), statuses, location, times, over, header)

    def gives_back(self, node: Node, limits: Mapping[str, Limit], own: Limit | None) -> GivesBack | None:
        """Read the `gives_back` of a rule. `limits` are those of the policy by name, and `own` is the rule's."""
        table = self.table(node, ("limit", "when"), _GIVES_BACK)
        if table is None:
            return None
        name_node, when_node = (self.need(table, key, _GIVES_BACK) for key in ("limit", "when"))
        limit = None
        if name_node is not None and (name := self.name(name_node, _GIVES_BACK)) is not None:
            limit = limits.get(name)
            if limit is None:
                what = Phrase(f"no rule has the limit `{name}`", f"`{name}` という制限はどの規則にもありません")
                some = ", ".join(f"`{each}`" for each in limits)
                remedy = (
                    Phrase(f"write one of {some}", f"{some} のどれかを書いてください")
                    if limits
                    else Phrase(
                        "write the `limit` at the rule that counts", "数える側の規則に `limit` を書いてください"
                    )
                )
                self.mistakes.add(name_node.where, what, remedy)
            elif own is not None and own.name == name:
                what = Phrase(
                    f"this rule counts and gives back the limit `{name}`: a person who has used it up never gets here",
                    f"この規則は制限 `{name}` を数えながら戻します。使い切った方はここに来られません",
                )
                remedy = Phrase(
                    "write `gives_back` at the rule of the page that cancels",
                    "`gives_back` は取消のページの規則に書いてください",
                )
                self.mistakes.add(name_node.where, what, remedy)
        if when_node is None:
            return None
        when = self.table(when_node, ("status", "location", "header"), _WHEN)
        if when is None:
            return None
        # An application that has failed has cancelled nothing.
        statuses, location, header = self._answer(when, 499)
        self._check_when(when, limit)
        return None if limit is None else GivesBack(limit, statuses, location, header)

    def _check_when(self, when: Table, limit: Limit | None) -> None:
        if limit is not None and limit.header and when.get("header") is None:
            what = Phrase(
                f"the entries of `{limit.name}` have names, and this answer names none",
                f"制限 `{limit.name}` の記録には名前がありますが、この応答には名前がありません",
            )
            remedy = Phrase(
                "write `header: …`, the field in which the application names the cancelled entry",
                "取り消した記録の名前が入るヘッダーを `header: …` と書いてください",
            )
            self.mistakes.add(when.where, what, remedy)
        elif when.get("status") is None and when.get("header") is None:
            what = Phrase("nothing here says that an entry was cancelled", "取り消されたことを示すものがありません")
            remedy = Phrase(
                "write `header: X-Entry-Cancelled`, or `status: 303` with `location: /cancelled`",
                "`header: X-Entry-Cancelled` か、`status: 303` と `location: /cancelled` を書いてください",
            )
            self.mistakes.add(when.where, what, remedy)

    def _answer(self, table: Table, highest: int) -> tuple[frozenset[int], str | None, str]:
        """Read the parts of an answer that tell: its status, the path to which it leads, and a field of its own."""
        status_node, location_node, header_node = (table.get(key) for key in ("status", "location", "header"))
        statuses = frozenset[int]()
        if status_node is not None:
            numbers = [
                self.number(scalar, Phrase("a status", "ステータス"), 200, highest)
                for scalar in self.listed(status_node, Phrase("a status", "ステータス"))
            ]
            statuses = frozenset(number for number in numbers if number is not None)
        location = None
        if location_node is not None:
            location = self.text(location_node, Phrase("a path", "パス"))
            whole = None if location is None else re.fullmatch(r"https?://[^/?#]+(/[^?#]*)(?:[?#].*)?", location)
            if whole is not None:
                what = Phrase(f"`{location}` is a whole URL", f"`{location}` は URL 全体です")
                self.corrected(location_node, what, whole[1], certain=False)
            elif location is not None and not location.startswith("/"):
                self.mistakes.add(
                    location_node.where,
                    Phrase(f"`{location}` does not begin with `/`", f"`{location}` が `/` で始まっていません"),
                    Phrase(
                        "write the path the application redirects to",
                        "アプリケーションの転送先のパスを書いてください",
                    ),
                )
        return statuses, location, "" if header_node is None else self._header(header_node)

    def _header(self, node: Node) -> str:
        text = self.clean(node, Phrase("the name of a header", "ヘッダーの名前"))
        if text is None:
            return ""
        remedy = Phrase(
            "write a name of the application's own, such as `X-Entry-Cancelled`",
            "`X-Entry-Cancelled` のような、アプリケーション独自の名前を書いてください",
        )
        if not _FIELD_NAME.fullmatch(text):
            what = Phrase(f"`{text}` is no name of a header", f"`{text}` はヘッダーの名前として使えません")
        elif text.lower() in _STANDARD:
            what = Phrase(
                f"browsers need `{text}`, and the gateway removes this header from every answer",
                f"`{text}` はブラウザが使うヘッダーです。ここに書いたヘッダーはすべての応答から取り除かれます",
            )
        else:
            return text.lower()
        self.mistakes.add(node.where, what, remedy)
        return ""

    def check_names(self, rules: Iterable[Rule]) -> None:
        """Note limits of one name that count differently: they are one limit."""
        limits: dict[str, Limit] = {}
        for rule in rules:
            if rule.limit is None:
                continue
            other = limits.setdefault(rule.limit.name, rule.limit)
            if (other.once, other.times, other.header) != (rule.limit.once, rule.limit.times, rule.limit.header):
                what = Phrase(
                    f"the limit `{rule.limit.name}` counts differently in another rule",
                    f"制限 `{rule.limit.name}` の数え方がほかの規則と違います",
                )
                remedy = Phrase(
                    "make `once`, `times` and the `header` of `counted_when` the same, or give it another name",
                    "`once`・`times`・`counted_when` の `header` をそろえるか、別の名前にしてください",
                )
                self.mistakes.add(Where(self._file, rule.line), what, remedy)
