"""Says in words why a request does not reach the policy of an App."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from gateway.pipeline.at_the_door import ACCOUNT_REQUIRED, ANOTHER_APP, NOT_SIGNABLE, OWN_PAGE, TurnedAway
from gateway.pipeline.visit import Trouble
from gateway.policy.verdict import ReasonKind
from gateway.request.target import TargetFault
from gateway.yaml.mistakes import Language, Phrase

_WORDS: Mapping[str, Phrase] = {
    "syntax": Phrase("the target does not begin with `/`", "アドレスが `/` で始まらない"),
    TargetFault.NOT_ORIGIN_FORM: Phrase("the target does not begin with `/`", "アドレスが `/` で始まらない"),
    TargetFault.CHARACTER: Phrase(
        "the address has a control character, a space, a `#` or a `\\`",
        "アドレスに制御文字、空白、`#`、`\\` がある",
    ),
    TargetFault.ESCAPE: Phrase("no two hexadecimal digits follow a `%`", "`%` の後が16進数2桁でない"),
    TargetFault.ENCODING: Phrase(
        "the path is not in the charset of the App (`paths.charset`)",
        "パスがアプリの文字コード（`paths.charset`）で書かれていない",
    ),
    TargetFault.DOUBLE_ENCODING: Phrase(
        "a `%XX` is left after decoding, and some servers decode it once more",
        "復号した後にも `%XX` が残り、もう一度復号するサーバーがある",
    ),
    TargetFault.DOT_SEGMENT: Phrase(
        "a `..` leads above the top, or a `.` or `..` is hidden",
        "`..` で先頭より上へ出るか、`.`・`..` が隠されている",
    ),
    TargetFault.EMPTY_SEGMENT: Phrase(
        "the path has `//`, which some servers take for `/`", "パスに `//` があり、`/` と読むサーバーがある"
    ),
    TargetFault.PARAMETER: Phrase(
        "the path has a `;`, and some servers cut off what follows",
        "パスに `;` があり、その後を切り捨てるサーバーがある",
    ),
    TargetFault.ENCODED_SLASH: Phrase(
        "the path has `%2F`, which some servers take for `/`", "パスに `%2F` があり、`/` と読むサーバーがある"
    ),
    TargetFault.SEGMENTS: Phrase("the path has too many segments", "パスの区切りが多すぎる"),
    TargetFault.QUERY_PARTS: Phrase("the query has too many parameters", "`?` の後の項目が多すぎる"),
    "request_line": Phrase(
        "the request is longer than `traffic.request_line`", "リクエストが `traffic.request_line` より長い"
    ),
    "method": Phrase("the gateway does not know the method", "ゲートウェイの知らないメソッドである"),
    "method_not_allowed": Phrase(
        "the App does not get this method (`methods`)", "アプリに届かないメソッドである（`methods`）"
    ),
    "host": Phrase("the host is none", "ホスト名が正しくない"),
    "unknown_host": Phrase("the host is not the App's (`url`)", "アプリのホスト名（`url`）ではない"),
    "unknown_path": Phrase("the path is not below the App's `url`", "アプリの `url` の下のパスではない"),
    ANOTHER_APP: Phrase(
        "the path belongs to another App of this host, whose policy decides",
        "同じホストの別のアプリのパスであり、そのポリシーで判断される",
    ),
    OWN_PAGE: Phrase("it is a page of the gateway itself", "ゲートウェイ自身の画面である"),
    "health": Phrase(
        "it is the gateway's answer to a load balancer", "ロードバランサーへの、ゲートウェイ自身の応答である"
    ),
    "unexpected_body": Phrase(
        "a request of this method must not have a body (`refuse_body`)",
        "このメソッドには本文を付けられない（`refuse_body`）",
    ),
    Trouble.MAINTENANCE: Phrase(
        "the App is closed by its switch (`maintenance`)", "スイッチでアプリが閉じられている（`maintenance`）"
    ),
    ReasonKind.METHOD_OVERRIDE: Phrase(
        "the query asks to be taken for another method, which has another rule (`method_override`)",
        "別の規則が当たるメソッドとして扱うよう、クエリで求めている（`method_override`）",
    ),
    ReasonKind.REFERENCE: Phrase(
        "a further URL is missing or not of this App (`Destination`, `If`)",
        "もう一つの URL（`Destination`・`If`）がないか、このアプリのものではない",
    ),
    NOT_SIGNABLE: Phrase("the request cannot be signed", "電子署名できないリクエストである"),
    ACCOUNT_REQUIRED: Phrase(
        "the person is first asked for her account of the application (`accounts`)",
        "まずアプリケーションのアカウントを本人に尋ねる（`accounts`）",
    ),
    "navigation_only": Phrase("it is a page of the gateway itself", "ゲートウェイ自身の画面である"),
}

_BY_ITSELF = Phrase("the gateway answers by itself", "ゲートウェイ自身が応答する")


def say_turned_away(turned: TurnedAway, language: Language) -> str:
    """Return why a request does not reach the rules, with the status and the word of the access log."""
    why = _WORDS.get(turned.code, _BY_ITSELF).say(language)
    if turned.code == ANOTHER_APP:
        return why
    status = f"{int(turned.status)} {turned.code}".strip()
    if turned.status == HTTPStatus.OK:
        return why
    if language is Language.JA:
        return f"規則を見る前にゲートウェイが拒否する（{status}）。{why}"
    return f"the gateway refuses it before any rule is looked at ({status}): {why}"
