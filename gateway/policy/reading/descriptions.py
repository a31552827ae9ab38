"""Describes every key of a policy file in Japanese and English, for the hover text and completion of editors.

`schema` puts each description at its key, and refuses to be made where one is missing or too many.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.yaml.mistakes import Phrase

WORDS: Mapping[str, Phrase] = {
    "ja": Phrase("The sentence in Japanese.", "日本語の文。"),
    "ja-simple": Phrase(
        "The sentence in やさしい日本語; without it, these pages show the Japanese one.",
        "やさしい日本語の文。書かなければ、やさしい日本語の画面にも日本語の文が出ます。",
    ),
    "en": Phrase("The sentence in English.", "英語の文。"),
}
"""The keys of every sentence, wherever it stands."""

DESCRIPTIONS: Mapping[str, Phrase] = {
    "policy": Phrase(
        "The policy's name: words of any language on one line, at most 80 characters. Metrics and the audit trail "
        "show it.",
        "ポリシーの名前。日本語も使えます（一行、80文字以内）。メトリクスと監査記録に現れます。",
    ),
    "title": Phrase("The policy's title for people.", "人に見せるポリシーの題名。"),
    "purpose": Phrase(
        "The purpose for which name, address, birthdate or gender are used. The person reads it before she signs in. "
        "Required once a rule uses one of the four.",
        "氏名・住所・生年月日・性別（4情報）の利用目的。ログイン前の画面に出ます。4情報を使う規則があれば必須です。",
    ),
    "use": Phrase(
        "Files whose conditions this policy uses, relative to this file.",
        "条件を借りるファイル。このファイルからの相対パスで書きます。",
    ),
    "conditions": Phrase(
        "The named tests that rules use. Each says yes, no or unknown, and only yes passes.",
        "規則が使う、名前つきの条件。はい・いいえ・不明のどれかになり、「はい」だけが通ります。",
    ),
    "conditions.age": Phrase("The person's age by the birthdate on the card.", "カードの生年月日から数えた年齢。"),
    "conditions.age.at_least": Phrase("N years or older: N歳以上.", "N歳以上。"),
    "conditions.age.at_most": Phrase(
        "N years or younger, the same as `below: N+1`.", "N歳以下（`below: N+1` と同じ）。"
    ),
    "conditions.age.below": Phrase("Younger than N years.", "N歳未満。"),
    "conditions.age.in": Phrase(
        "One of these ages, such as [40, 45, 50].", "このいずれかの年齢（節目の年齢）。例：[40, 45, 50]"
    ),
    "conditions.age.counted_from": Phrase(
        "The day from which an age counts. `birthday` (the default): the birthday. `eve`: the day before. "
        "`birth_month`: the first of the birthday's month. `month`: the first of the eve's month. `next_month`: the "
        "first of the month after. `fiscal_year`: 1 April of the fiscal year. `next_april`: the 1 April after.",
        "いつから数えるか。`birthday`（省略時）：誕生日の当日。`eve`：前日（〜歳に達した日）。"
        "`birth_month`：誕生月の1日。`month`：前日の属する月の1日。`next_month`：その翌月の1日。"
        "`fiscal_year`：その年度の4月1日。`next_april`：達する日以後の最初の4月1日（学年）。",
    ),
    "conditions.age.on": Phrase(
        "The day on which the age counts, instead of today: 2027-04-11.",
        "今日ではなく、この日の年齢で決めます。例：2027-04-11",
    ),
    "conditions.born": Phrase(
        "Dates of birth as a notice gives them; both days are included.",
        "通知に書かれた生年月日の範囲。両端の日を含みます。",
    ),
    "conditions.born.from": Phrase("Born on this day or later.", "この日以後に生まれた方。"),
    "conditions.born.until": Phrase("Born on this day or earlier.", "この日以前に生まれた方。"),
    "conditions.residence": Phrase(
        "The place of the address that the card has. A sign-in does not prove that it is current.",
        "カードに記録された住所の場所。いま住んでいることの証明にはなりません。",
    ),
    "conditions.residence.in": Phrase(
        "Prefectures, municipalities or wards, by name or by code of five or six digits. A designated city means all "
        "its wards. A name that exists twice needs its prefecture.",
        "都道府県・市区町村・区。名前か、5桁または6桁の全国地方公共団体コードで書きます。"
        "政令指定都市はすべての区を含みます。同じ名前が二つあるときは都道府県から書きます。",
    ),
    "conditions.town": Phrase("Towns or a school district of one municipality.", "一つの市区町村の町や学区。"),
    "conditions.town.of": Phrase("The municipality or ward.", "市区町村（または区）。"),
    "conditions.town.in": Phrase(
        "A list of towns, or a file of them (CSV with the column 町丁目, or YAML).",
        "町の一覧、またはファイル（「町丁目」の列がある CSV か、YAML）。",
    ),
    "conditions.account": Phrase(
        "The application's account for which the person acts: `linked` for any, or its kind, role or name.",
        "本人が使うアプリケーションのアカウント。`linked`（どれでも）か、種類・役割・名前を書きます。",
    ),
    "conditions.account.kind": Phrase("`person` or `group`.", "`person`（本人）か `group`（団体）。"),
    "conditions.account.role": Phrase(
        "The role in a group: `representative` or `member`.", "団体での役割。`representative`（代表者）か `member`。"
    ),
    "conditions.account.in": Phrase("Names of accounts.", "アカウントの名前。"),
    "conditions.gender": Phrase(
        "The gender that the card has.", "カードに記録された性別。`female`（女性）、`male`（男性）、`other`。"
    ),
    "conditions.subject": Phrase(
        "Persons on a list, by the code that each reads on her own page.",
        "窓口で登録した方の名簿。本人が「わたしの情報」で読むコードで判定します。",
    ),
    "conditions.subject.in": Phrase(
        "The list's file, relative to this file (YAML, or CSV from Excel).",
        "名簿のファイル。このファイルからの相対パス（YAML か、Excel の CSV）。",
    ),
    "conditions.network": Phrase(
        "The networks from which the browser comes: [192.0.2.0/24].",
        "ブラウザの接続元のネットワーク。例：[192.0.2.0/24]",
    ),
    "conditions.dates": Phrase("Days and hours, in Japan.", "期間・曜日・時間帯（日本時間）。"),
    "conditions.dates.from": Phrase(
        "The first day or moment: 2026-12-01, 12-29 (every year), 2026-12-01 10:00.",
        "始まりの日や日時。例：2026-12-01、12-29（毎年）、2026-12-01 10:00",
    ),
    "conditions.dates.until": Phrase(
        "The last day, included, or the moment at which it ends.",
        "終わりの日（その日を含む）、または終わる日時。",
    ),
    "conditions.dates.hours": Phrase("Hours of each day.", "毎日の時間帯。"),
    "conditions.dates.hours.from": Phrase("The hour from which: 9:00.", "始まりの時刻。例：9:00"),
    "conditions.dates.hours.until": Phrase(
        "The hour until which, excluded. 22:00 to 5:00 belongs to the day on which it began.",
        "終わりの時刻（その時刻は含まない）。22:00〜5:00 は、始まった日のものとして数えます。",
    ),
    "conditions.dates.days": Phrase(
        "Days of the week, and 第3月曜, 最終金曜, 1日, 末日, 1日から10日まで, 祝日, 祝日の翌日, 祝日の翌平日, "
        "祝日を除く. 月曜（祝日のときは翌平日） moves: the next working day stands for a Monday that is a holiday.",
        "曜日。ほかに `第3月曜`、`最終金曜`、`1日`、`末日`、`1日から10日まで`、`祝日`（振替休日を含む）、`祝日の翌日`、"
        "`祝日の翌平日`、`祝日を除く`、`月曜（祝日のときは翌平日）`、`末日（土日祝のときは前平日）` が書けます。"
        "平日は、土・日・祝日でない日です。",
    ),
    "conditions.dates.in": Phrase(
        "Single days, or a file of them (CSV with the column 日付).",
        "個々の日、またはファイル（「日付」の列がある CSV）。",
    ),
    "conditions.switch": Phrase(
        "A switch that operators turn on for a time: `sekisho switch on NAME`.",
        "運用担当者が時間を限って入れるスイッチ（`sekisho switch on 名前`）。",
    ),
    "conditions.any": Phrase("One of these conditions is enough.", "このうち一つでも満たせばよい。"),
    "conditions.all": Phrase("All of these conditions must hold.", "すべて満たすことが必要。"),
    "conditions.not": Phrase("The opposite of a condition; unknown stays unknown.", "条件の反対。不明は不明のまま。"),
    "conditions.if_not": Phrase(
        "The sentence that a refused person reads.", "満たさない方に示す文。次に何をすればよいかも書きます。"
    ),
    "conditions.label": Phrase(
        "The condition's name for people, where it is disclosed.",
        "この条件の、人に見せる名前（開示するときに使います）。",
    ),
    "rules": Phrase(
        "The rules, in order: the first one that fits decides. If none fits, the request is refused.",
        "規則。上から順に見て、最初に当てはまるものが使われます。どれにも当てはまらなければ拒否します。",
    ),
    "rules.name": Phrase(
        "The rule's name. Metrics and the audit trail show it.", "規則の名前。メトリクスと監査記録に現れます。"
    ),
    "rules.match": Phrase(
        "The requests that the rule is about; every request without it.", "この規則の対象。書かなければすべて。"
    ),
    "rules.match.path": Phrase(
        "`*` is one segment and `**` any number: /reserve/** includes /reserve and /reserve/.",
        "`*` は一区切り、`**` はいくつでも。`/reserve/**` は `/reserve` と `/reserve/` を含みます。",
    ),
    "rules.match.method": Phrase(
        "GET and HEAD look, POST sends a form; any method without it.",
        "`GET`・`HEAD` は閲覧、`POST` は送信。書かなければすべて。",
    ),
    "rules.match.query": Phrase(
        "Values of parameters behind the `?`, such as `{action: reserve}`.",
        "`?` の後ろのパラメータの値。例：{action: reserve}",
    ),
    "rules.when": Phrase(
        "One condition that asks nothing of the person, such as a period or a switch.",
        "この条件のときだけ使う規則。期間・スイッチなど、本人に尋ねない条件を一つ書きます。",
    ),
    "rules.allow": Phrase(
        "`everyone`, `signed_in`, or `nobody`. A rule has either `allow` or `require`.",
        "`everyone`：だれでも。`signed_in`：ログインした方。`nobody`：だれも通さない。"
        "`require` とどちらか一つを書きます。",
    ),
    "rules.require": Phrase("The conditions that must all hold.", "必要な条件の名前。すべて満たした方だけが通ります。"),
    "rules.signed_in_within": Phrase(
        "The time since the sign-in, such as 5m; after it the card is read again.",
        "ログインしてからの時間（例：5m）。過ぎていたら、もう一度カードを読み取ります。",
    ),
    "rules.limit": Phrase(
        "How often a sign-in identity may. Identities may change, so it never promises 一人一回.",
        "回数の制限。ログインの識別子ごとに数えます。識別子は変わることがあり、一人一回の保証にはなりません。",
    ),
    "rules.limit.name": Phrase("The limit's name.", "制限の名前。"),
    "rules.limit.once": Phrase(
        "Once in a `day`, `month`, `year`, `fiscal_year`, or for `ever`.",
        "一回と数える期間。`day`（日）、`month`（月）、`year`（年）、`fiscal_year`（年度）、`ever`（期間なし）。",
    ),
    "rules.limit.times": Phrase("The number of times; the default is 1.", "期間あたりの回数。省略すると1回。"),
    "rules.limit.counted_when": Phrase(
        "The application's answer that counts as a success.", "成功として数える、アプリケーションの応答。"
    ),
    "rules.limit.counted_when.status": Phrase("The answer's status, such as 303.", "応答の状態コード。例：303"),
    "rules.limit.counted_when.location": Phrase(
        "The path to which the answer leads (Location).", "応答が導く先のパス（Location）。"
    ),
    "rules.limit.counted_when.header": Phrase(
        "A header of that answer in which the application names the entry, so that it can be cancelled by name.",
        "記録の名前を入れる応答ヘッダー。書いておくと、取消のときに名前で一つを選んで戻せます。",
    ),
    "rules.limit.if_over": Phrase("The sentence for a person who has reached the limit.", "回数に達した方に示す文。"),
    "rules.gives_back": Phrase(
        "On the rule of a page that cancels: gives the person's own entry of a limit back when the application's "
        "answer says that it was cancelled.",
        "取消のページの規則に書きます。取り消したとアプリケーションが応答したとき、本人の記録を一つ戻します。",
    ),
    "rules.gives_back.limit": Phrase("The limit's name.", "制限の名前。"),
    "rules.gives_back.when": Phrase(
        "The application's answer that says so: each part that is written must hold. Browsers cannot send it.",
        "取り消したことを示すアプリケーションの応答。書いたものがすべてそろうときだけ戻します。",
    ),
    "rules.gives_back.when.status": Phrase("The answer's status, such as 303.", "応答の状態コード。例：303"),
    "rules.gives_back.when.location": Phrase(
        "The path to which the answer leads (Location).", "応答が導く先のパス（Location）。"
    ),
    "rules.gives_back.when.header": Phrase(
        "A header of the answer, such as X-Entry-Cancelled; no browser gets it. It names the entry where "
        "`counted_when` has a `header`.",
        "応答のヘッダー。例：X-Entry-Cancelled。ブラウザには届きません。`counted_when` に `header` があれば、"
        "値が取り消した記録の名前です。",
    ),
    "rules.disclose": Phrase(
        "The facts and conditions that the application is told. Tell as little as possible: the name of a condition "
        "tells yes or no.",
        "アプリケーションに伝える事項。条件の名前を書くと「はい・いいえ」だけを伝えます。必要なものだけにします。",
    ),
    "rules.purpose": Phrase(
        "The purpose of this rule, instead of the policy's.", "この規則での利用目的（ポリシー全体のものに代わります）。"
    ),
    "rules.say": Phrase("The page of a rule with `allow: nobody`.", "`allow: nobody` の規則が示すページ。"),
    "rules.say.status": Phrase("The page's HTTP status, such as 503.", "ページの HTTP 状態コード。例：503"),
    "rules.say.retry_after": Phrase(
        "Seconds until a new try, or `end` for the end of `when`.", "再び試せるまでの秒数。`end` は `when` が終わる時。"
    ),
    "rules.keep_form": Phrase(
        "Keeps a form that was sent while the person signs in.", "送信された内容を、ログインの間預かります。"
    ),
    "rules.returns_from": Phrase(
        "Other sites whose forms may come back here, such as a payment service.",
        "ここに戻ってくるフォームを送ってよい、ほかのサイト（決済サービスなど）。",
    ),
    "rules.sign": Phrase(
        "The document that the person signs with the card (preview).", "カードで電子署名する文書（プレビュー機能）。"
    ),
    "rules.sign.document": Phrase("The signed thing: the `form`.", "署名するもの。`form`（送信するフォーム）。"),
    "rules.sign.title": Phrase("The document's title.", "文書の題名。"),
    "rules.sign.digest_info": Phrase(
        "`true` for the DigestInfo form (RFC 8017), which XML signatures need.",
        "`true` で DigestInfo 形式（RFC 8017）。XML 署名に必要です。",
    ),
    "rules.accounts": Phrase(
        "Whether the person needs an account of the application, which she links once: `required` or `offered`.",
        "アプリケーションのアカウントとの連携。`required`（必須）か `offered`（任意）。連携は一度だけです。",
    ),
    "rules.audit": Phrase("Records every permit in the audit trail.", "許可したことも、毎回、監査記録に残します。"),
    "rules.weaker_than": Phrase(
        "Stricter rules by name, each with the reason why this one may be weaker for another spelling of their pages.",
        "この規則より厳しい規則の名前と、別のつづりのリクエストがこの規則に当たってよい理由です。",
    ),
    "examples": Phrase(
        "Cases that the policy must permit or refuse; each check runs them.",
        "このポリシーがすべきこと・すべきでないことの例。確認のたびに試されます。",
    ),
    "examples.title": Phrase("The example in a few words.", "何の例か。"),
    "examples.at": Phrase(
        "The day or moment in Japan: 2026-11-23 10:00.", "日または日時（日本時間）。例：2026-11-23 10:00"
    ),
    "examples.who": Phrase(
        "The person's facts, or `nobody`. A missing fact was asked for and not given.",
        "本人の情報、または `nobody`（ログインしていない）。書かない情報は「求めたが得られなかった」ものです。",
    ),
    "examples.who.subject": Phrase("The identity, or a code of a list.", "本人の識別子、または名簿のコード。"),
    "examples.who.name": Phrase("The name on the card.", "カードの氏名。"),
    "examples.who.address": Phrase("The address on the card.", "カードの住所。"),
    "examples.who.birthdate": Phrase("The date of birth: 1986-04-01.", "生年月日。例：1986-04-01"),
    "examples.who.gender": Phrase("The gender on the card.", "カードの性別。"),
    "examples.who.account": Phrase(
        "The application's account for which the person acts.", "本人が使うアプリケーションのアカウント。"
    ),
    "examples.who.account_kind": Phrase("The account's kind: `person` or `group`.", "アカウントの種類。"),
    "examples.who.account_role": Phrase(
        "The person's role in the group: `representative` or `member`.", "団体での役割。"
    ),
    "examples.signed_in": Phrase("The time since the sign-in: 20m ago.", "ログインしてからの時間。例：20m ago"),
    "examples.from": Phrase("The browser's address.", "ブラウザの接続元のアドレス。"),
    "examples.switch": Phrase("The switches that are on.", "入っているスイッチ。"),
    "examples.entries": Phrase("The entries of the rule's limit so far.", "これまでに数えられた回数。"),
    "examples.request": Phrase("The request: POST /reserve/42.", "要求。例：POST /reserve/42"),
    "examples.expect": Phrase(
        "`allow`, `sign in`, `sign in again`, `deny` (no rule fits) or `deny NAME`.",
        "期待する結果。`allow`、`sign in`、`sign in again`、`deny`（どの規則にも当たらない）、`deny 条件の名前`。",
    ),
    "examples.told": Phrase(
        "The facts that the application is told; `nothing` means that one is not told.",
        "アプリケーションに伝わる事項。`nothing` は「伝わらない」。",
    ),
}
"""By the keys that lead there, joined by dots. Names that an author chooses, and places in a list, are no keys."""


def description_of(path: str) -> Phrase | None:
    """Return the description of a key; `None` where there is none."""
    found = DESCRIPTIONS.get(path)
    return WORDS.get(path.rpartition(".")[2]) if found is None and "." in path else found
