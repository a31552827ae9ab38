"""The panels of the four boards in `grafana/`: their queries, and a note for the case that one is red.

`$app` and `$node` are the boards' variables. Each text comes in Japanese and in English.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

RED, YELLOW, GREEN = "red", "orange", "green"


class Shape(Enum):
    """The ways to show a query."""

    LINES = "lines"
    STACK = "stack"
    """Lines on top of each other."""
    NUMBER = "number"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Query:
    """An expression of Prometheus, and the name of its lines."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `steps` are the values from which on it turns the colour."""

    ja: str
    en: str
    shape: Shape
    queries: tuple[Query, ...]
    if_red_ja: str
    if_red_en: str
    unit: str = "short"
    steps: tuple[tuple[float | None, str], ...] = ((None, GREEN),)
    width: int = 12
    """Of 24 columns."""


@dataclass(frozen=True, slots=True)
class Board:
    """One board: rows of panels, each with a title in both languages."""

    uid: str
    ja: str
    en: str
    about_ja: str
    about_en: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]


APP = 'app=~"$app", instance=~"$node"'
NODE = 'instance=~"$node"'
OURS = 'status="5xx", cause=~"upstream|overload|store|provider|gateway"'
_WELL = "signed_in|already_signed_in|signed_out|signed_out_here|logged_out_by_provider"
_LOG = ("アクセスログの `reason` を見てください。", "See `reason` in the access log.")
_RUN = ("障害対応手順の該当する節を見てください。", "See the section of this alert in the runbook.")


def _up_to(yellow: float, red: float) -> tuple[tuple[float | None, str], ...]:
    return ((None, GREEN), (yellow, YELLOW), (red, RED))


def _at_least(yellow: float, green: float) -> tuple[tuple[float | None, str], ...]:
    return ((None, RED), (yellow, YELLOW), (green, GREEN))


def _quantile(share: float, metric: str, where: str, by: str = "le") -> str:
    return f"histogram_quantile({share}, sum by ({by}) (rate({metric}_bucket{{{where}}}[5m])))"


SERVICE = Board(
    "sekisho-service",
    "サービス",
    "Service",
    "アプリごとの要求数、エラー、応答時間と、目標に対する残り。",
    "Requests, errors and duration of each App, and what is left of the objectives' budget.",
    (
        (
            "目標 / Objectives",
            (
                Panel(
                    "可用性（3日）",
                    "Availability, three days",
                    Shape.NUMBER,
                    (Query('1 - app:sekisho_availability_errors:ratio_rate3d{app=~"$app"}', "{{app}}"),),
                    "下の「エラーの原因」で多いものを調べてください。",
                    "Look for the largest cause under *Errors by cause*.",
                    "percentunit",
                    _at_least(0.995, 0.999),
                    8,
                ),
                Panel(
                    "許容量の消費速度（1時間）",
                    "Burn rate, one hour",
                    Shape.LINES,
                    (
                        Query('app:sekisho_availability_errors:ratio_rate1h{app=~"$app"} / 0.001', "{{app}} 可用性"),
                        Query('app:sekisho_latency_errors:ratio_rate1h{app=~"$app"} / 0.01', "{{app}} 応答時間"),
                        Query('app:sekisho_sign_in_errors:ratio_rate1h{app=~"$app"} / 0.01', "{{app}} サインイン"),
                    ),
                    "14.4 を超えると 2 日で使い切ります。" + _RUN[0],
                    "Above 14.4 the month's budget lasts two days. " + _RUN[1],
                    steps=_up_to(1, 14.4),
                    width=16,
                ),
            ),
        ),
        (
            "要求 / Requests",
            (
                Panel(
                    "要求数",
                    "Requests",
                    Shape.STACK,
                    (Query(f"sum by (app) (rate(sekisho_requests_total{{{APP}}}[5m]))", "{{app}}"),),
                    "急な減少は、前段の障害か、公開名の変更です。",
                    "A sudden fall means that the proxy in front, or a name, is wrong.",
                    "reqps",
                ),
                Panel(
                    "エラーの原因",
                    "Errors by cause",
                    Shape.STACK,
                    (
                        Query(
                            f"sum by (app, cause) (rate(sekisho_requests_total{{{OURS}, {APP}}}[5m]))",
                            "{{app}} {{cause}}",
                        ),
                    ),
                    *_LOG,
                    "reqps",
                    _up_to(0.1, 1),
                ),
                Panel(
                    "状態コード",
                    "Status",
                    Shape.STACK,
                    (Query(f"sum by (status) (rate(sekisho_requests_total{{{APP}}}[5m]))", "{{status}}"),),
                    *_LOG,
                    "reqps",
                ),
                Panel(
                    "計画停止と途中離脱",
                    "Maintenance, and browsers that left",
                    Shape.STACK,
                    (
                        Query(
                            "sum by (app, cause) (rate(sekisho_requests_total"
                            f'{{cause=~"maintenance|client", {APP}}}[5m]))',
                            "{{app}} {{cause}}",
                        ),
                    ),
                    "赤にはなりません。目標には数えません。",
                    "It is never red, and counts against no objective.",
                    "reqps",
                ),
            ),
        ),
        (
            "応答時間 / Duration",
            (
                Panel(
                    "アプリの応答（95%）",
                    "The application, 95 %",
                    Shape.LINES,
                    (
                        Query(
                            _quantile(0.95, "sekisho_upstream_seconds", f'outcome!="left", {APP}', "le, app"), "{{app}}"
                        ),
                    ),
                    "アプリの担当者に連絡してください。待ち行列があれば `concurrency` を確認します。",
                    "Call the people of the application; with a queue, look at `concurrency`.",
                    "s",
                    _up_to(1, 2.5),
                ),
                Panel(
                    "要求全体（95%）と原因",
                    "Whole requests by cause, 95 %",
                    Shape.LINES,
                    (Query(_quantile(0.95, "sekisho_request_seconds", APP, "le, cause"), "{{cause}}"),),
                    "どの原因の線が伸びたかで、次に見るボードが決まります。",
                    "The cause whose line grows says where to look next.",
                    "s",
                    _up_to(2.5, 10),
                ),
                Panel(
                    "ゲートウェイ自身の時間",
                    "The gateway's own share",
                    Shape.LINES,
                    (
                        Query(_quantile(0.5, "sekisho_own_seconds", NODE), "50 %"),
                        Query(_quantile(0.99, "sekisho_own_seconds", NODE), "99 %"),
                    ),
                    "CPUとイベントループの遅れ（運用のボード）を見てください。",
                    "Look at the processor and the event loop on the board *Operations*.",
                    "s",
                    _up_to(0.05, 0.25),
                ),
                Panel(
                    "待ち行列",
                    "Queue",
                    Shape.LINES,
                    (
                        Query(f"sum by (app) (sekisho_upstream_queued{{{APP}}})", "{{app}} 待ち"),
                        Query(f"sum by (app) (sekisho_upstream_in_flight{{{APP}}})", "{{app}} 処理中"),
                    ),
                    "アプリが遅いか、`concurrency` が小さすぎます。",
                    "The application is slow, or `concurrency` is too small.",
                    steps=_up_to(10, 100),
                ),
            ),
        ),
    ),
)

_STEP = 'sum by (step) (increase(sekisho_sign_in_steps_total{{step="{step}", {where}}}[1h]))'

SIGN_IN = Board(
    "sekisho-sign-in",
    "サインイン",
    "Sign-in",
    "案内からサインインまでの歩留まり、所要時間、失敗の理由。",
    "The funnel from the notice to the session, its time, and the reasons of failures.",
    (
        (
            "歩留まり / Funnel",
            (
                Panel(
                    "段階ごとの人数（1時間）",
                    "People by step, one hour",
                    Shape.LINES,
                    tuple(
                        Query(_STEP.format(step=step, where=APP), name)
                        for step, name in (
                            ("notice", "案内 / notice"),
                            ("sent", "認証アプリへ / sent"),
                            ("returned", "戻った / returned"),
                            ("signed_in", "完了 / signed in"),
                            ("failed", "失敗 / failed"),
                            ("abandoned", "中断 / abandoned"),
                        )
                    ),
                    "「認証アプリへ」と「戻った」の差が開けば提供側、「戻った」と「完了」の差ならこちら側です。",
                    "A gap after *sent* is at the provider; a gap after *returned* is here.",
                    width=16,
                ),
                Panel(
                    "完了率（1時間）",
                    "Completed, one hour",
                    Shape.NUMBER,
                    (
                        Query(
                            f'sum(increase(sekisho_sign_in_steps_total{{step="signed_in", {APP}}}[1h]))'
                            f' / (sum(increase(sekisho_sign_in_steps_total{{step="sent", {APP}}}[1h])) > 0)',
                            "完了率",
                        ),
                    ),
                    "中断が増えていないか、案内の項目が多すぎないかを確認してください。",
                    "See whether more people stop, and whether the notice asks for too much.",
                    "percentunit",
                    _at_least(0.5, 0.75),
                    8,
                ),
            ),
        ),
        (
            "時間と種類 / Time and kind",
            (
                Panel(
                    "所要時間（中央値）",
                    "Time to sign in, median",
                    Shape.LINES,
                    (Query(_quantile(0.5, "sekisho_sign_in_seconds", APP, "le, kind"), "{{kind}}"),),
                    "提供側が混雑しているか、案内が分かりにくくなっています。",
                    "The provider is crowded, or the notice has become hard to read.",
                    "s",
                    _up_to(180, 600),
                ),
                Panel(
                    "アプリ内ブラウザー",
                    "Browsers inside other apps",
                    Shape.STACK,
                    (
                        Query(
                            f'sum by (browser) (increase(sekisho_sign_in_steps_total{{step="notice", {APP}}}[1h]))',
                            "{{browser}}",
                        ),
                    ),
                    "アプリ内ブラウザーからはカードを読めないことがあります。リンクの案内方法を見直してください。",
                    "Cards often cannot be read there. Change how the link is given out.",
                ),
            ),
        ),
        (
            "失敗 / Failures",
            (
                Panel(
                    "失敗の理由",
                    "Failures by reason",
                    Shape.STACK,
                    (
                        Query(
                            "sum by (outcome) (increase(sekisho_sign_ins_total"
                            f'{{outcome!~"begun|{_WELL}", {APP}}}[1h]))',
                            "{{outcome}}",
                        ),
                    ),
                    "運用ページの「サインイン失敗の理由」の表を見てください。",
                    "See the table of failed sign-ins in the page of operations.",
                    steps=_up_to(10, 100),
                ),
                Panel(
                    "提供側の応答時間（95%）",
                    "The provider, 95 %",
                    Shape.LINES,
                    (Query(_quantile(0.95, "sekisho_provider_seconds", NODE, "le, endpoint"), "{{endpoint}}"),),
                    "提供側のお知らせと `sekisho doctor` を確認してください。",
                    "See the provider's notices, and `sekisho doctor`.",
                    "s",
                    _up_to(1, 5),
                ),
                Panel(
                    "提供側の呼び出し結果",
                    "Calls to the provider by outcome",
                    Shape.STACK,
                    (Query(f"sum by (outcome) (rate(sekisho_provider_calls_total{{{NODE}}}[5m]))", "{{outcome}}"),),
                    *_RUN,
                    "reqps",
                ),
                Panel(
                    "届かなかった項目",
                    "Items that were missing or unreadable",
                    Shape.STACK,
                    (
                        Query(
                            f"sum by (scope, trouble) (increase(sekisho_claims_troubled_total{{{NODE}}}[1h]))",
                            "{{scope}} {{trouble}}",
                        ),
                    ),
                    "契約した項目と、提供側の仕様変更を確認してください。",
                    "Compare the contracted items with what the provider sends.",
                ),
            ),
        ),
    ),
)

POLICY = Board(
    "sekisho-policy",
    "ポリシー",
    "Policy",
    "判定、拒否の理由、規則ごとの利用、候補ポリシーとの差、回数制限。",
    "Verdicts, reasons of refusals, rules, the candidate's differences, and limits.",
    (
        (
            "判定 / Verdicts",
            (
                Panel(
                    "判定",
                    "Verdicts",
                    Shape.STACK,
                    (Query(f"sum by (verdict) (rate(sekisho_requests_total{{{APP}}}[5m]))", "{{verdict}}"),),
                    "拒否の急増は、ポリシーの変更か攻撃です。",
                    "A sudden rise of `deny` is a change of a policy, or an attack.",
                    "reqps",
                ),
                Panel(
                    "拒否の理由",
                    "Refusals by reason",
                    Shape.STACK,
                    (Query(f"sum by (app, reason) (rate(sekisho_denials_total{{{APP}}}[5m]))", "{{app}} {{reason}}"),),
                    "理由の意味は運用ページの「監査」の表にあります。",
                    "The table under *Audit* in the page of operations explains each reason.",
                    "reqps",
                    _up_to(1, 10),
                ),
            ),
        ),
        (
            "規則 / Rules",
            (
                Panel(
                    "規則ごとの要求",
                    "Requests by rule",
                    Shape.STACK,
                    (
                        Query(
                            f"topk(15, sum by (app, rule) (rate(sekisho_rule_requests_total{{{APP}}}[5m])))",
                            "{{app}} {{rule}}",
                        ),
                    ),
                    "赤にはなりません。使われていない規則がないかを見ます。",
                    "It is never red. Look for rules that no request meets.",
                    "reqps",
                ),
                Panel(
                    "規則ごとの拒否",
                    "Refusals by rule",
                    Shape.TABLE,
                    (
                        Query(
                            f"topk(20, sum by (app, rule, reason) (increase(sekisho_denials_total{{{APP}}}[24h])))",
                            "{{app}} {{rule}} {{reason}}",
                        ),
                    ),
                    "多い規則の条件を担当者に確認してもらってください。",
                    "Have the author look at the conditions of the rules on top.",
                ),
            ),
        ),
        (
            "変更と制限 / Changes and limits",
            (
                Panel(
                    "候補ポリシーとの差",
                    "The candidate's differences",
                    Shape.STACK,
                    (
                        Query(
                            f"sum by (app, verdict) (rate(sekisho_candidate_differences_total{{{APP}}}[5m]))",
                            "{{app}} {{verdict}}",
                        ),
                    ),
                    "採用する前に、差のある要求を `sekisho policy explain` で確かめてください。",
                    "Before you adopt it, explain such a request with `sekisho policy explain`.",
                    "reqps",
                    _up_to(0.01, 1),
                ),
                Panel(
                    "回数制限の保存先",
                    "The store of limits",
                    Shape.STACK,
                    (
                        Query(
                            f'sum by (outcome) (rate(sekisho_store_calls_total{{store="limits", {NODE}}}[5m]))',
                            "{{outcome}}",
                        ),
                    ),
                    *_RUN,
                    "reqps",
                ),
                Panel(
                    "適用中の版",
                    "Versions in force",
                    Shape.TABLE,
                    (Query(f"sekisho_policy_info{{{APP}}}", "{{app}} {{policy}} {{version}}"),),
                    "ノードで版が違うときは、配布と再読み込みを確認してください。",
                    "Where nodes differ, look at how files are brought to them and reloaded.",
                ),
                Panel(
                    "取り除いたヘッダー",
                    "Header fields removed",
                    Shape.STACK,
                    (
                        Query(
                            f"sum by (app, family) (rate(sekisho_headers_removed_total{{{APP}}}[5m]))",
                            "{{app}} {{family}}",
                        ),
                    ),
                    "本人確認ヘッダーを自分で書く要求です。続くなら発信元を調べてください。",
                    "Clients write identity headers themselves. Find out who they are.",
                    "reqps",
                    _up_to(0.1, 10),
                ),
            ),
        ),
    ),
)

OPERATIONS = Board(
    "sekisho-operations",
    "運用",
    "Operations",
    "ノードごとの版、設定、ワーカー、保存先、再読み込み、期限、失われた記録。",
    "Node by node: version, configuration, workers, stores, reloads, expiry, losses.",
    (
        (
            "ノード / Nodes",
            (
                Panel(
                    "版と設定",
                    "Version and configuration",
                    Shape.TABLE,
                    (
                        Query(f"sekisho_build_info{{{NODE}}}", "{{instance}} {{version}}"),
                        Query(f"sekisho_configuration_info{{{NODE}}}", "{{instance}} {{digest}}"),
                        Query(f"sekisho_adopted_info{{{NODE}}}", "{{instance}} {{what}} {{digest}}"),
                    ),
                    "ノードで違うときは、同じファイルを配り直してください。",
                    "Where nodes differ, bring the same file to all of them.",
                ),
                Panel(
                    "スイッチ",
                    "Switches",
                    Shape.TABLE,
                    (Query(f"sekisho_switch_on{{{NODE}}}", "{{instance}} {{switch}}"),),
                    "どのノードでも同じはずです。`sekisho switch list` に、だれが、なぜ入れたかが出ます。",
                    "The same on all nodes. `sekisho switch list` says who turned them, and why.",
                ),
                Panel(
                    "ワーカー",
                    "Workers",
                    Shape.LINES,
                    (
                        Query(f"sekisho_workers{{{NODE}}}", "{{instance}} 稼働"),
                        Query(f"sekisho_workers_wanted{{{NODE}}}", "{{instance}} 設定"),
                        Query(f"sekisho_workers_leaving{{{NODE}}}", "{{instance}} 退出中"),
                    ),
                    *_RUN,
                ),
                Panel(
                    "ワーカーの異常終了（1時間）",
                    "Deaths of workers, one hour",
                    Shape.NUMBER,
                    (
                        Query(
                            f"sum by (instance) (increase(sekisho_worker_deaths_total{{{NODE}}}[1h]))", "{{instance}}"
                        ),
                    ),
                    *_RUN,
                    steps=_up_to(1, 3),
                ),
                Panel(
                    "接続数",
                    "Connections",
                    Shape.LINES,
                    (
                        Query(f"sekisho_connections{{{NODE}}}", "{{instance}}"),
                        Query(f"sekisho_connections_limit{{{NODE}}}", "{{instance}} 上限"),
                    ),
                    "上限に近ければ、攻撃か殺到かをアクセスログで見分けてください。",
                    "Near the limit, tell a flood from a rush by the access log.",
                ),
            ),
        ),
        (
            "プロセス / Processes",
            (
                Panel(
                    "CPU",
                    "Processor",
                    Shape.LINES,
                    (
                        Query(
                            f"sum by (instance, worker) (rate(sekisho_process_cpu_seconds_total{{{NODE}}}[5m]))",
                            "{{instance}} {{worker}}",
                        ),
                    ),
                    "1 に近いワーカーはコアを使い切っています。",
                    "A worker near 1 has used up its core.",
                    "percentunit",
                    _up_to(0.7, 0.9),
                ),
                Panel(
                    "メモリー",
                    "Memory",
                    Shape.LINES,
                    (Query(f"sekisho_process_resident_memory_bytes{{{NODE}}}", "{{instance}} {{worker}}"),),
                    "増え続けるときは、ワーカーを入れ替えて（SIGUSR2）報告してください。",
                    "If it grows without end, replace the workers (SIGUSR2) and report it.",
                    "bytes",
                    _up_to(512 * 2**20, 2**30),
                ),
                Panel(
                    "イベントループの遅れ（99%）",
                    "Event-loop lag, 99 %",
                    Shape.LINES,
                    (Query(_quantile(0.99, "sekisho_event_loop_lag_seconds", NODE, "le, instance"), "{{instance}}"),),
                    *_RUN,
                    "s",
                    _up_to(0.1, 0.5),
                ),
                Panel(
                    "記述子",
                    "Descriptors",
                    Shape.LINES,
                    (
                        Query(
                            f"sekisho_process_open_fds{{{NODE}}} / sekisho_process_max_fds{{{NODE}}}",
                            "{{instance}} {{worker}}",
                        ),
                    ),
                    *_RUN,
                    "percentunit",
                    _up_to(0.7, 0.9),
                ),
            ),
        ),
        (
            "保存先とアプリ / Stores and applications",
            (
                Panel(
                    "Redis の応答時間（95%）",
                    "Redis, 95 %",
                    Shape.LINES,
                    (Query(_quantile(0.95, "sekisho_store_seconds", NODE, "le, store"), "{{store}}"),),
                    "Redis のCPU、メモリー、永続化（`redis-cli --latency`、`SLOWLOG`）を見てください。",
                    "Look at Redis's processor, memory and persistence (`redis-cli --latency`, `SLOWLOG`).",
                    "s",
                    _up_to(0.05, 0.5),
                ),
                Panel(
                    "Redis の失敗",
                    "Failures of Redis",
                    Shape.STACK,
                    (
                        Query(
                            f'sum by (store, outcome) (rate(sekisho_store_calls_total{{outcome!="ok", {NODE}}}[5m]))',
                            "{{store}} {{outcome}}",
                        ),
                    ),
                    *_RUN,
                    "reqps",
                    _up_to(0.01, 1),
                ),
                Panel(
                    "変更通知を受けているワーカー",
                    "Workers that Redis tells of changes",
                    Shape.LINES,
                    (Query(f"sekisho_sessions_trusted{{{NODE}}}", "{{instance}}"),),
                    *_RUN,
                    steps=_at_least(1, 1),
                ),
                Panel(
                    "アプリのサーバー",
                    "Servers of the Apps",
                    Shape.TABLE,
                    (Query(f"sekisho_upstream_up{{{APP}}}", "{{app}} {{upstream}}"),),
                    "0 のサーバーは接続を受け付けていません。",
                    "A server with 0 accepts no connections.",
                    steps=_at_least(1, 1),
                ),
            ),
        ),
        (
            "設定・期限・記録 / Configuration, expiry, losses",
            (
                Panel(
                    "再読み込み（24時間）",
                    "Reloads, one day",
                    Shape.TABLE,
                    (
                        Query(
                            f"sum by (instance, what, outcome) (increase(sekisho_reloads_total{{{NODE}}}[24h])) > 0",
                            "{{instance}} {{what}} {{outcome}}",
                        ),
                    ),
                    "`sekisho check` が誤りをすべて示します。",
                    "`sekisho check` names every mistake.",
                ),
                Panel(
                    "ファイルと設定の一致",
                    "The file is what runs",
                    Shape.NUMBER,
                    (
                        Query(f"sekisho_configuration_current{{{NODE}}}", "{{instance}} 一致"),
                        Query(f"sekisho_reload_last_successful{{{NODE}}}", "{{instance}} 前回成功"),
                    ),
                    "0 なら、再読み込みするかファイルを戻してください。",
                    "With 0, reload, or put the old file back.",
                    steps=_at_least(1, 1),
                ),
                Panel(
                    "証明書の残り日数",
                    "Days until a certificate ends",
                    Shape.NUMBER,
                    (
                        Query(
                            f"(sekisho_certificate_expiry_timestamp_seconds{{{NODE}}} - time()) / 86400",
                            "{{instance}} {{use}} {{name}}",
                        ),
                    ),
                    *_RUN,
                    "d",
                    _at_least(2, 14),
                ),
                Panel(
                    "鍵の経過日数",
                    "Age of keys in days",
                    Shape.NUMBER,
                    (
                        Query(
                            f"(time() - sekisho_key_changed_timestamp_seconds{{{NODE}}}) / 86400",
                            "{{instance}} {{use}} {{name}}",
                        ),
                    ),
                    *_RUN,
                    "d",
                    _up_to(365, 400),
                ),
                Panel(
                    "失われた記録（1時間）",
                    "Lost lines, one hour",
                    Shape.LINES,
                    (
                        Query(
                            f"sum by (instance, kind) (increase(sekisho_log_lines_lost_total{{{NODE}}}[1h]))",
                            "{{instance}} {{kind}}",
                        ),
                    ),
                    *_RUN,
                    steps=_up_to(1, 1),
                ),
                Panel(
                    "スイッチ",
                    "Switches that are on",
                    Shape.TABLE,
                    (Query(f"max by (switch) (sekisho_switch_on{{{NODE}}}) == 1", "{{switch}}"),),
                    "赤にはなりません。戻し忘れがないかを見ます。",
                    "It is never red. Look for one that should be off again.",
                ),
            ),
        ),
    ),
)

BOARDS = (SERVICE, SIGN_IN, POLICY, OPERATIONS)
