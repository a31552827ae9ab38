"""The help of `sekisho policy` and `sekisho accounts` in Japanese, for authors and the counter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typer.core import TyperGroup

from gateway.commands.terminal import language
from gateway.yaml.mistakes import Language

WORDS: Mapping[str, str] = {
    "Read, test and explain policies.": "ポリシーを確かめ、試し、説明します。",
    "Judge the requests of an access log by a policy: exit 3 if one is newly permitted or told, 4 if one may be.\n\n"
    "With `--app` and `-c` the paths are read as that App reads them: its `paths`, `stack` and prefix.": (
        "アクセスログのリクエストを、ポリシーで判断し直します。新たに通る・伝わるものがあれば終了コード 3、"
        "ありうるときは 4 です。\n\n"
        "`--app` と `-c` を付けると、そのアプリの `paths`・`stack`・接頭辞でパスを読みます。"
    ),
    "With `--app`: the settings that say how it reads paths.": "`--app` のアプリがパスをどう読むかを書いた設定。",
    "The policy that would be put in force.": "これから使うポリシー。",
    "Files of the access log, `.gz` too; `-`, or none, is standard input.": (
        "アクセスログのファイル（`.gz` も可）。`-` または省略で標準入力。"
    ),
    "The policy in force when it was written.": "ログが書かれたときに使われていたポリシー。",
    "The lines of this App alone.": "このアプリの行だけ。",
    "Print JSON for other tools.": "ほかのツールのために JSON で出力します。",
    "Report by rule and reason where candidate policies judged otherwise: exit 3 if one permitted more.": (
        "候補のポリシーの判断が違ったところを、規則と理由ごとに示します。"
        "候補のほうが多く通していれば終了コード 3 です。"
    ),
    "Write policies in the house's form: keys in the guide's order, short lists on one line, comments kept.\n\n"
    "A file with a mistake is not touched. With `--fix` each mistake that has one certain cure is mended first.": (
        "ポリシーを決まった形に整えます。項目は手引の順、短いリストは一行になり、注釈は残ります。\n\n"
        "間違いのあるファイルには触れません。`--fix` を付けると、正しい書き方が一つに決まる間違いを先に直します。"
    ),
    "Policy files, or folders of them; `-` is standard input.": "ポリシーのファイルかフォルダー。`-` は標準入力。",
    "Write nothing; show the difference, and exit 1 if there is one.": (
        "書き込まずに違いを示します。違いがあれば終了コード 1 です。"
    ),
    "Mend what can only be meant in one way, too: full-width signs, days of an era, brackets.": (
        "全角の文字・和暦・括弧など、意味が一つに決まる間違いも直します。"
    ),
    "Run the examples of each policy: exit 2 if one fails, or if a file has a mistake.": (
        "ポリシーの例を試します。期待と違う例や、ファイルの間違いがあれば終了コード 2 です。"
    ),
    "Policy files, or folders of them; with `--app` its own policy.": (
        "ポリシーのファイルかフォルダー。`--app` があれば、省略するとそのアプリのポリシー。"
    ),
    "A CSV table of further examples, for one policy.": "さらに試す例の表（CSV）。ポリシーは一つに限ります。",
    "Show the examples that pass, too.": "期待どおりの例も示します。",
    "Show which rules, conditions and outcomes the examples try.": "例が試した規則・条件・結果を示します。",
    "With `--coverage`: exit 2 below so many percent.": "`--coverage` で、この割合（%）に満たなければ終了コード 2。",
    "Judge requests as the gateway would for this App of the settings.": (
        "設定にあるこのアプリの入口として、リクエストを判断します。"
    ),
    "The gateway's settings.": "ゲートウェイの設定ファイル。",
    "Name every mistake in the policies, with its place and what would be right; say the rest in words.": (
        "ポリシーの間違いをすべて、場所と直し方とともに示し、規則を文章にします。"
    ),
    "Policy files, or folders of them.": "ポリシーのファイルかフォルダー。",
    "The day for which birthdates are listed: 2027-04-01.": "生年月日の表の日付（例: 2027-04-01）。",
    "Say the policies in plain sentences, for somebody who signs them; with a day, also who is of age on it.": (
        "ポリシーを文章にします（決裁に添えるため）。日付を付けると、その日に対象となる生年月日も示します。"
    ),
    "Print the table of personal data instead.": "文章の代わりに、個人情報の一覧を出します。",
    "The language of the output, instead of the terminal's.": "出力の言語（省略すると端末の言語）。",
    "Explain the verdict on one request of one person: the rule, the reasons, the items asked, the facts told.\n\n"
    "With `--app` the request is judged as the gateway would for that App: its spelling, its host and its path too.": (
        "ある人の一つのリクエストがどう判断されるかを、規則・理由・求める項目・伝わることとともに説明します。\n\n"
        "`--app` を付けると、つづり・ホスト・パスも含め、そのアプリのゲートウェイとして判断します。"
    ),
    "A policy file.": "ポリシーのファイル。",
    "The request, such as `GET /reserve/42`.": "リクエスト（例: `GET /reserve/42`）。",
    "A day or a time in Japan; the default is now.": "日付か日時（日本時間）。省略すると現在。",
    "`nobody`, or a fact such as `birthdate=1986-04-01`; several times.": (
        "`nobody`、または `birthdate=1986-04-01` のような本人の事実。何度でも書けます。"
    ),
    "The time since the sign-in, such as `20m ago`.": "ログインからの時間（例: `20m ago`）。",
    "The browser's address.": "ブラウザーの IP アドレス。",
    "A switch that is on; several times.": "入っているスイッチ。何度でも書けます。",
    "Show the effect of a change on people: exit 3 if anything is newly permitted or told.": (
        "変更の影響を示します。新たに通る・伝わるものがあれば終了コード 3 です。"
    ),
    "The policy that is in force.": "いま使われているポリシー。",
    "The policy that would replace it.": "置き換えるポリシー。",
    "Take files as they are that lost much at once: the gateway holds them, since they may be half written.": (
        "一度に多くの行が減ったファイルを、そのまま使うことにします（書きかけのおそれがあるため、"
        "ゲートウェイは待っています）。"
    ),
    "Subject lists and policy files to take as they are.": "そのまま使う、本人の一覧とポリシーのファイル。",
    "Every file of every App's policies.": "すべてのアプリのポリシーのファイル。",
    "Your name, for the audit trail, beside the user of the machine.": (
        "あなたの名前。マシンの利用者名とともに、監査記録に残ります。"
    ),
    "Print the JSON Schema of a policy file, for completion in editors.": (
        "ポリシーの JSON Schema を出力します（エディターの補完のため）。"
    ),
    "Linked accounts of an application that cannot be changed: show, link, hand over, import and export.": (
        "変更できないアプリケーションのアカウントの連携を、表示・連携・移転・取り込み・書き出しします。"
    ),
    "List accounts: name, kind, title, numbers of persons and of claims, and whether a password is kept.": (
        "アカウントの一覧：名前、種別、名義、人数、申し出の数、パスワードの保存の有無。"
    ),
    "Show one account: the persons who have it, by their marks, and those who have proved it as a second person.": (
        "一つのアカウントについて、連携している人のしるしと、二人目として証明した人のしるしを表示します。"
    ),
    "List the accounts of one person.": ("一人のアカウントの一覧を表示します。"),
    "Link a person to an account without its password: the counter has seen her. Nobody "
    "loses it by this.\n\nA new account is a person's; `put` makes a group's known first. "
    "One whose name is nearly that of a known account\nneeds `--new`. With `tell: form`, "
    "a page asks the person for the application's password at her next visit, unless\n"
    "one is kept already (`show`).": (
        "窓口で確認した人を、パスワードなしでアカウントに連携します。ほかの人の連携はそのままです。"
        "\n\n新しいアカウントは個人のものになります。団体のものは、先に `put` で登録してください。"
        "登録済みの名前とほぼ同じ名前には `--new` が要ります。`tell: form` では、パスワードが保存されてい"
        "なければ（`show` で確認できます）、次の利用のとき、アプリケーションのパスワードを本人に尋ねます。"
    ),
    "End a person's link to an account. Her own password, if it was kept, goes with the last link.": (
        "連携を解除します。本人のパスワードが保存されていれば、最後の連携とともに消えます。"
    ),
    "Dismiss the claim of a second person, who has proved an account that stays another "
    "one's.\n\n`show` prints her mark. If she proves the account again, there is a new "
    "claim.": (
        "ほかの人が連携しているアカウントを証明した、二人目の人の申し出を取り下げます。"
        "\n\nしるしは `show` で確認できます。もう一度証明すると、新しい申し出になります。"
    ),
    "Give an account to a person: the former one loses it. In a group, she becomes the "
    "representative.\n\nWith `tell: form`, a person's own password is forgotten with the "
    "former link, and the new person is asked for it.": (
        "アカウントを別の人に移します。前の人の連携はなくなります。団体では、移した先の人が代表者になりま"
        "す。\n\n`tell: form` では、前の本人のパスワードは前の連携とともに消え、新しい人に尋ねます。"
    ),
    "Give a member of a group a role; a former representative becomes a member.": (
        "団体の構成員の役割を変えます。前の代表者は構成員になります。"
    ),
    "Have a person prove an account again before her link counts.": (
        "本人がアカウントを証明し直すまで、連携を使えなくします。"
    ),
    "Make an account known, or change its kind and title.": ("アカウントを登録するか、その種別と名義を変えます。"),
    "Forget the failed attempts at an account, after the application has unlocked it.": (
        "アプリケーションでロックを解除したあと、失敗した試行の記録を消します。"
    ),
    "Forget an account with its links and its password. A password that the gateway made is then lost.": (
        "アカウントを、連携とパスワードごと消します。ゲートウェイが作ったパスワードは失われます。"
    ),
    "Link persons to accounts by the office's list: columns account, code, kind, title "
    "and role.\n\nA list with a mistake changes nothing. An account that another person "
    "has is named, and stays as it is.": (
        "一覧のとおりに、本人とアカウントを連携します。列は、アカウント、コード、種別、"
        "名義、役割です。\n\n誤りのある一覧では何も変わりません。ほかの人が連携しているアカウントは、"
        "示したうえで、そのままにします。"
    ),
    "Write accounts and links as CSV to standard output: by marks, without codes, subjects and passwords.": (
        "アカウントと連携を CSV で標準出力に書き出します。本人はしるしで表し、コード、subject、パスワードは含みません。"
    ),
    "Seal accounts and passwords under the first key of `accounts.key`, before an older "
    "key is retired.\n\nLinks by an older key's marks are counted: each moves when its "
    "person comes, and is lost if the key goes first.": (
        "古い鍵をやめる前に、アカウントとパスワードを `accounts.key` の最初の鍵で暗号化し直します。"
        "\n\n古い鍵のしるしによる連携の数も示します。連携は本人が利用したときに移り、その前に鍵をなくすと失"
        "われます。"
    ),
    "The App; it may be left out if only one has accounts.": (
        "アプリの名前。アカウントのあるアプリが一つだけなら省略できます。"
    ),
    "Only accounts that a second person has proved.": ("二人目の人が証明したアカウントだけ。"),
    "The account, as the application names it.": ("アプリケーションでのアカウントの名前。"),
    "The person's code, as she reads it from her page, or her mark, as `show` prints "
    "it. `-` reads it from standard input; a line `subject:…` there is her subject instead.": (
        "本人が画面から読み上げるコードか、`show` で表示されるしるし。`-` なら標準入力から読みます。"
        "標準入力では、コードの代わりに `subject:…` の行で subject も書けます。"
    ),
    "The reason; the audit trail records it.": ("理由。監査記録に残ります。"),
    "The role in a group. Without it, a known member keeps hers.": (
        "団体での役割。省くと、すでに構成員の人の役割は変わりません。"
    ),
    "The account is new here, although a known one has nearly the same name.": (
        "登録済みの名前とほぼ同じですが、新しいアカウントです。"
    ),
    "The role; a group has one representative.": ("役割。団体の代表者は一人です。"),
    "A person's account or a group's.": ("個人のアカウントか、団体のアカウントか。"),
    "The name that people know it by. Without it, the one of before stays.": (
        "利用者に見せる名義。省略すると、前のままです。"
    ),
    "A CSV file in UTF-8 or CP932; its first row names the columns.": (
        "UTF-8 か CP932 の CSV ファイル。1 行目は列名です。"
    ),
    "Say of each row what an import would say, and change nothing.": (
        "取り込むとどうなるかを行ごとに示し、何も変えません。"
    ),
    "Show this message and exit.": "この説明を表示します。",
}
"""Each sentence of the help, and the same in Japanese."""

_PANELS = {"argument": "引数", "option": "オプション"}


class JapaneseHelp(TyperGroup):
    """A group of commands that says its help in the terminal's language."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401 (the library keeps its types to itself)
        """Return a command of the group, its help in the terminal's language."""
        found = super().get_command(ctx, cmd_name)
        if found is not None and language() is Language.JA:
            found.rich_help_panel = "コマンド"  # type: ignore[attr-defined] # the library reads it of each command
            translate(found, ctx)
        return found

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 (as above)
        """Write the help of the group itself."""
        if language() is Language.JA:
            translate(self, ctx)
        super().format_help(ctx, formatter)


def translate(command: Any, ctx: Any) -> None:  # noqa: ANN401 (as above)
    """Put the Japanese sentences in the place of the English ones; a sentence without one stays."""
    command.help = WORDS.get(command.help, command.help)
    for parameter in command.get_params(ctx):
        said = getattr(parameter, "help", None)
        if said is not None:
            parameter.help = WORDS.get(said, said)
        parameter.rich_help_panel = _PANELS.get(parameter.param_type_name)
