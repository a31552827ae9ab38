"""Lists by version what an upgrade refuses, changes, or asks of the operator, and the settings that each item concerns.

`sekisho upgrade-check` shows the items that concern an operator's own settings, and `docs/upgrade.md` has them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from gateway.yaml.mistakes import Language, Phrase
from gateway.yaml.tree import Items, Node, Scalar, Table


class Part(StrEnum):
    """The part of an installation that an item is about."""

    SESSIONS = "sessions"
    SETTINGS = "settings"
    POLICIES = "policies"
    REQUESTS = "requests"
    FILES = "files"
    WATCHING = "watching"


PART_NAMES = {
    Part.SESSIONS: Phrase("sessions and Redis", "セッションとRedis"),
    Part.SETTINGS: Phrase("settings", "設定"),
    Part.POLICIES: Phrase("policies", "ポリシー"),
    Part.REQUESTS: Phrase("requests", "要求"),
    Part.FILES: Phrase("files and services", "ファイルとサービス"),
    Part.WATCHING: Phrase("logs and metrics", "ログとメトリクス"),
}


@dataclass(frozen=True, slots=True)
class Note:
    """One item: the change, and the operator's answer to it."""

    version: str
    """The version that brings it."""
    part: Part
    what: Phrase
    todo: Phrase
    concerns: Callable[[Node], bool] | None = None
    """Whether it concerns these settings; None if it concerns everybody."""


def written(path: str, text: str | None = None) -> Callable[[Node], bool]:
    """Return a test of settings: whether a key is written, or written with that text, in any item of a list."""
    return lambda node: any(
        text is None or (isinstance(value, Scalar) and value.text == text) for value in _at(node, path.split("."))
    )


def not_written(path: str) -> Callable[[Node], bool]:
    """Return the opposite test: whether the key is left out somewhere where it could stand."""
    above, _, key = path.rpartition(".")
    return lambda node: any(
        isinstance(table, Table) and table.get(key) is None for table in _at(node, above.split(".") if above else [])
    )


def _at(node: Node, keys: list[str]) -> Iterator[Node]:
    match node:
        case Items():
            for item in node:
                yield from _at(item, keys)
        case Table() if keys:
            value = node.get(keys[0])
            if value is not None:
                yield from _at(value, keys[1:])
        case _:
            if not keys:
                yield node


NOTES: tuple[Note, ...] = (
    Note(
        "0.2.0",
        Part.SESSIONS,
        Phrase(
            "sessions survive, and 0.1.0 may run beside 0.2.0 on one Redis; sign-ins that are under way go on",
            "セッションは残り、0.1.0 と 0.2.0 は同じ Redis で並んで動けます。途中のサインインも続けられます",
        ),
        Phrase("upgrade one node after the other", "一台ずつ更新します"),
    ),
    Note(
        "0.2.0",
        Part.SESSIONS,
        Phrase(
            "0.1.0 cannot read sealed cookies (`sessions.tickets: sealed`)",
            "0.1.0 は封をしたクッキー（`sessions.tickets: sealed`）を読めません",
        ),
        Phrase(
            "write it only when no node runs 0.1.0, and do not go back after it",
            "0.1.0 のノードがなくなってから書き、その後は戻さないでください",
        ),
        written("sessions.tickets", "sealed"),
    ),
    Note(
        "0.2.0",
        Part.SESSIONS,
        Phrase(
            "the users of Redis with ACL need `zcard`, `zrem` and `zscore`, which an older page left out",
            "ACL を使う Redis のユーザーには、古いページになかった `zcard`、`zrem`、`zscore` が要ります",
        ),
        Phrase("compare their rights with docs/sessions.md", "権限を docs/sessions.md と比べてください"),
        written("sessions.password"),
    ),
    Note(
        "0.2.0",
        Part.SETTINGS,
        Phrase(
            "the file of `aliases` gets lines without subjects, which 0.1.0 cannot read",
            "`aliases` のファイルの新しい行には利用者の識別子がなく、0.1.0 では読めません",
        ),
        Phrase("take a copy of the file if you may go back", "戻す可能性があれば、ファイルの控えを取ってください"),
        written("aliases"),
    ),
    Note(
        "0.2.0",
        Part.SETTINGS,
        Phrase(
            "a provider with `environment: other` is no longer asked for `aal3 crl`, nor held to it",
            "`environment: other` の提供側には、`aal3 crl` を求めず、確かめもしません",
        ),
        Phrase(
            "write `acr_values` and `accept_acr` if that provider tells assurances",
            "その提供側が保証レベルを伝えるなら、`acr_values` と `accept_acr` を書いてください",
        ),
        written("provider.environment", "other"),
    ),
    Note(
        "0.2.0",
        Part.SETTINGS,
        Phrase(
            "the management listener answers addresses, `localhost` and the name it listens on; others get 421",
            "管理用の待ち受けは、アドレス、`localhost`、待ち受ける名前だけに答えます。ほかは 421 です",
        ),
        Phrase(
            "if Prometheus or a probe asks by another name, write it under `management_hosts`",
            "Prometheus や監視が別の名前で尋ねるなら、`management_hosts` に書いてください",
        ),
        not_written("management_hosts"),
    ),
    Note(
        "0.2.0",
        Part.SETTINGS,
        Phrase(
            "an operator without a role has `look` and `act`; audit and workbench need `audit` and `author`",
            "役割のない操作者は `look` と `act` を持ちます。監査と作業台には `audit` と `author` が要ります",
        ),
        Phrase("add roles with `sekisho operators add`", "`sekisho operators add` で役割を足してください"),
        written("operators"),
    ),
    Note(
        "0.2.0",
        Part.POLICIES,
        Phrase(
            "no condition may be called `acting_for`, `acting_role`, or a header of a signed form (`signature_id` …)",
            "条件に `acting_for`、`acting_role`、署名のヘッダー（`signature_id` など）の名前は使えません",
        ),
        Phrase(
            "rename such a condition; this command names it", "そのような条件の名前を変えます（このコマンドが示します）"
        ),
    ),
    Note(
        "0.2.0",
        Part.POLICIES,
        Phrase(
            "full-width signs, unseen signs and codes of five digits that mean two places are refused",
            "全角の記号、見えない文字、二つの場所に読める5桁の番号は受け付けません",
        ),
        Phrase("take the line that the mistake shows", "示された行に直してください"),
    ),
    Note(
        "0.2.0",
        Part.REQUESTS,
        Phrase(
            "a GET or HEAD with a body is refused (`unexpected_body`)",
            "本文のある GET や HEAD は断ります（`unexpected_body`）",
        ),
        Phrase(
            "write `refuse_body: []` for an App whose clients send them",
            "利用者のプログラムが送るアプリには `refuse_body: []` を書いてください",
        ),
        not_written("apps.refuse_body"),
    ),
    Note(
        "0.2.0",
        Part.REQUESTS,
        Phrase(
            "a body in chunks is kept until it is whole, and refused above 16 MiB (`length_required`)",
            "分割して送られる本文は全部届くまで待ち、16 MiB を超えると断ります（`length_required`）",
        ),
        Phrase(
            "set `upstream_options.counted_upload` for an App with longer ones",
            "それより長いものを受けるアプリには `upstream_options.counted_upload` を書いてください",
        ),
        not_written("apps.upstream_options"),
    ),
    Note(
        "0.2.0",
        Part.REQUESTS,
        Phrase(
            "headers that name a person or replace path, host or scheme (`X-User-Id`, `CF-…`) reach no application",
            "人を名乗るヘッダーや、パス、ホスト、方式を置き換えるヘッダー（`X-User-Id`、`CF-…`）はアプリに届きません",
        ),
        Phrase(
            "name those that the application's own scripts send in `headers.keep`",
            "アプリ自身のスクリプトが送るものは `headers.keep` に書いてください",
        ),
        not_written("apps.headers"),
    ),
    Note(
        "0.2.0",
        Part.REQUESTS,
        Phrase(
            "forward-auth: the gateway refuses headers of ours and addresses that differ from the request",
            "forward-auth：私たちのヘッダーや、要求と食い違う宛先のある要求を断ります",
        ),
        Phrase(
            "copy the new configuration from deploy/forward-auth",
            "deploy/forward-auth の新しい設定を使ってください",
        ),
        written("apps.mode", "forward_auth"),
    ),
    Note(
        "0.2.0",
        Part.REQUESTS,
        Phrase(
            "after a sign-out the provider leads back to `/.sekisho/signed-out`",
            "サインアウトのあと、提供側は `/.sekisho/signed-out` に戻します",
        ),
        Phrase(
            "register it as a post-logout redirect URI; `sekisho doctor` says where it is missing",
            "ログアウト後のリダイレクトURIとして登録してください。`sekisho doctor` が足りない所を示します",
        ),
    ),
    Note(
        "0.2.0",
        Part.FILES,
        Phrase(
            "the service writes sign-outs that wait and a mark of Redis into its state directory",
            "サービスは、待っているサインアウトとRedisの印を状態のフォルダーに書きます",
        ),
        Phrase(
            "install the new unit: it has `StateDirectory=` and `LogsDirectory=`, and a reload works under it",
            "新しいユニットを入れてください。`StateDirectory=` と `LogsDirectory=` があり、再読み込みも動きます",
        ),
        not_written("sessions.sign_outs"),
    ),
    Note(
        "0.2.0",
        Part.FILES,
        Phrase(
            "SIGUSR1 opens the access log again, SIGHUP no longer does",
            "アクセスログを開き直すのは SIGUSR1 です。SIGHUP では開き直しません",
        ),
        Phrase("take deploy/logrotate/sekisho over", "deploy/logrotate/sekisho を使ってください"),
        written("access_log"),
    ),
    Note(
        "0.2.0",
        Part.SESSIONS,
        Phrase(
            "a switch holds on every node that shares a store of sessions; 0.1.0 has switches of its own on each node",
            "スイッチは、セッションストアを共有するすべてのノードに伝わります。0.1.0 ではノードごとです",
        ),
        Phrase(
            "start Redis before the first start: until it has heard of its fleet, a node goes by its own file",
            "先に Redis を起動してください。一度も知らせを受けていないノードは、受けるまで自分のファイルに従います",
        ),
    ),
    Note(
        "0.2.0",
        Part.WATCHING,
        Phrase(
            "`/readyz` says whether somebody could sign in; balancers ask `/.sekisho/health` on the public port",
            "`/readyz` はサインインできるかを示します。負荷分散装置は公開ポートの `/.sekisho/health` を尋ねます",
        ),
        Phrase("point the balancer at it before the upgrade", "更新の前に、負荷分散装置の設定を変えてください"),
    ),
    Note(
        "0.2.0",
        Part.WATCHING,
        Phrase(
            "every log line begins with `time` in RFC 3339, `kind`, `node`, `worker` and `pid`; `time` was a number",
            "ログの各行は RFC 3339 の `time`、`kind`、`node`、`worker`、`pid` で始まります。`time` は数でした",
        ),
        Phrase("change programs that read the log", "ログを読むプログラムを直してください"),
    ),
    Note(
        "0.2.0",
        Part.WATCHING,
        Phrase(
            "`sekisho_access_lines_lost_total` is `sekisho_log_lines_lost_total{kind}` now",
            "`sekisho_access_lines_lost_total` は `sekisho_log_lines_lost_total{kind}` になりました",
        ),
        Phrase("take the new alerts and boards over", "新しいアラートとボードを使ってください"),
    ),
)
"""Every item, by version and part."""

VERSIONS = ("0.1.0", *dict.fromkeys(note.version for note in NOTES))
"""The versions that an upgrade can begin from or lead to, the oldest first."""


def notes_after(version: str, settings: Node) -> tuple[Note, ...]:
    """Return the items of the versions after one that concern these settings. `version` is one of `VERSIONS`."""
    later = VERSIONS[VERSIONS.index(version) + 1 :]
    return tuple(note for note in NOTES if note.version in later and (note.concerns is None or note.concerns(settings)))


def notes_page(language: Language) -> str:
    """Return every item as sections of a page, the newest version first."""
    after = Phrase("to", "への更新").say(language)
    lines: list[str] = []
    for version in reversed(VERSIONS[1:]):
        before = VERSIONS[VERSIONS.index(version) - 1]
        title = f"{before} → {version}" if language is Language.JA else f"{before} {after} {version}"
        lines += [f"## {title}", ""]
        for part in Part:
            notes = [note for note in NOTES if note.version == version and note.part == part]
            if notes:
                lines += [f"### {PART_NAMES[part].say(language)}", ""]
                lines += [f"- {said(note, language)}" for note in notes]
                lines.append("")
    return "\n".join(lines).rstrip("\n")


def said(note: Note, language: Language) -> str:
    """Return an item as two sentences."""
    if language is Language.JA:
        return f"{note.what.say(language)}。{note.todo.say(language)}。"
    return ". ".join(text[0].upper() + text[1:] for text in (note.what.en, note.todo.en)) + "."
