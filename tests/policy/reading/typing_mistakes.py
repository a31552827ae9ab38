"""Typing mistakes of a Japanese keyboard, of a word processor and of a hurried reader, and what is said of each."""

# ruff: noqa: E501 - a message is quoted whole

from __future__ import annotations

DAYS: list[tuple[str, tuple[str, ...]]] = [
    ("令和８年１２月１日", ("5:22: `令和８年１２月１日` is not a day, write `2026-12-01`",)),
    ("令和八年十二月一日", ("5:22: `令和八年十二月一日` is not a day, write `2026-12-01`",)),
    ("令和元年五月一日", ("5:22: `令和元年五月一日` is not a day, write `2019-05-01`",)),
    ("昭和六十一年四月一日", ("5:22: `昭和六十一年四月一日` is not a day, write `1986-04-01`",)),
    ("大正15年12月24日", ("5:22: `大正15年12月24日` is not a day, write `1926-12-24`",)),
    ("明治45年7月29日", ("5:22: `明治45年7月29日` is not a day, write `1912-07-29`",)),
    ("明治5年12月2日", ("5:22: `明治5年12月2日` is not a day, write `1872-12-02`",)),
    ("平成元年1月8日", ("5:22: `平成元年1月8日` is not a day, write `1989-01-08`",)),
    ("平31.4.30", ("5:22: `平31.4.30` is not a day, write `2019-04-30`",)),
    ("令8.12.1", ("5:22: `令8.12.1` is not a day, write `2026-12-01`",)),
    ("Ｒ８．１２．１", ("5:22: `Ｒ８．１２．１` is not a day, write `2026-12-01`",)),
    ("R8-12-1", ("5:22: `R8-12-1` is not a day, write `2026-12-01`",)),
    ("R08/12/01", ("5:22: `R08/12/01` is not a day, write `2026-12-01`",)),
    ("㋿8年12月1日", ("5:22: `㋿8年12月1日` is not a day, write `2026-12-01`",)),
    ("㍻31年4月30日", ("5:22: `㍻31年4月30日` is not a day, write `2019-04-30`",)),
    ("2026年12月1日（火）", ("5:22: `2026年12月1日（火）` is not a day, write `2026-12-01`",)),
    ("2026/12/01(火)", ("5:22: `2026/12/01(火)` is not a day, write `2026-12-01`",)),
    ("二〇二六年十二月一日", ("5:22: `二〇二六年十二月一日` is not a day, write `2026-12-01`",)),
    ("2026 12 1", ("5:22: `2026 12 1` is not a day, write `2026-12-01`",)),
    (
        "26/12/1",
        (
            "5:22: `26/12/1` is not a day: its year has two digits, of the era or of the century, write the year with four digits, as in `2026-04-01`",
        ),
    ),
    ("12/1/2026", ("5:22: `12/1/2026` is not a day: its year stands last, write `2026-12-01` or `2026-01-12`",)),
    ("2026-13-01", ("5:22: `2026-13-01` is not a day: there is no month 13, write a month from 1 to 12",)),
    ("2026-02-30", ("5:22: `2026-02-30` is not a day: 2026-02 has 28 days, write a day up to `2026-02-28`",)),
    (
        "46357",
        (
            "5:22: `46357` is a day as Excel counts it, write `2026-12-01` (in a workbook that counts from 1904 it is `2030-12-02`)",
        ),
    ),
    ("20261301", ("5:22: `20261301` is not a day: there is no month 13, write a month from 1 to 12",)),
    ("令和8年度", ("5:22: `令和8年度` is not a day but a period, write `from: 2026-04-01, until: 2027-03-31`",)),
    ("令和8年12月", ("5:22: `令和8年12月` is not a day but a period, write `from: 2026-12-01, until: 2026-12-31`",)),
    ("令和 8年 12月 1日", ("5:22: `令和 8年 12月 1日` is not a day, write `2026-12-01`",)),
    ("2026年12月1日 10時", ("5:22: `2026年12月1日 10時` is not a day, write `2026-12-01 10:00`",)),
    ("2026-12-01 10:00:00", ("5:22: `2026-12-01 10:00:00` is not a day, write `2026-12-01 10:00`",)),
    ("2026-12-01 10時", ("5:22: `2026-12-01 10時` is not a day, write `2026-12-01 10:00`",)),
    ("令和8年12月1日10時", ("5:22: `令和8年12月1日10時` is not a day, write `2026-12-01 10:00`",)),
    ("2026-12-01 午前10時", ("5:22: `2026-12-01 午前10時` is not a day, write `2026-12-01 10:00`",)),
    ("2026-12-01 10：00", ("5:35: a full-width colon `：`, write `:`",)),
    ("12月1日10時", ("5:22: `12月1日10時` is not a day, write it as `2026-04-01`",)),
    (
        "12-1",
        ("5:15: days of every year need both `from` and `until` without a year, write `from: 12-29, until: 01-03`",),
    ),
    (
        "１２－１",
        (
            "5:22: full-width digits `１２`, write `12`",
            "5:24: a full-width hyphen `－`, write `-`",
            "5:25: full-width digits `１`, write `1`",
        ),
    ),
    ("2026‐12‐01", ("5:22: `2026‐12‐01` is not a day, write `2026-12-01`",)),
    ("2026−12−01", ("5:22: `2026−12−01` is not a day, write `2026-12-01`",)),
    ("2026―12―01", ("5:22: `2026―12―01` is not a day, write `2026-12-01`",)),
    ("2026ー12ー01", ("5:22: `2026ー12ー01` is not a day, write `2026-12-01`",)),
    (
        "昭和64年1月8日",
        (
            "5:22: `昭和64年1月8日` is not a day: 昭和 began on 1926-12-25 and ended on 1989-01-07, if its years are counted further, write `1989-01-08`, which is 平成元年1月8日",
        ),
    ),
    (
        "令和0年1月1日",
        (
            "5:22: `令和0年1月1日` is not a day: 令和 began on 2019-05-01, if its years are counted further, write `2018-01-01`, which is 平成30年1月1日",
        ),
    ),
    ("西暦2026年12月1日", ("5:22: `西暦2026年12月1日` is not a day, write `2026-12-01`",)),
    ("令和8年12月末日", ("5:22: `令和8年12月末日` is not a day, write `2026-12-31`",)),
    ("2026-12-31 24:00", ("5:15: `from` is not before `until`, exchange them",)),
    ("2026-12-01 25:00", ("5:22: `25:00` is not a time of day, write `2026-12-02 01:00`",)),
    ("R8/12/1 10:00", ("5:22: `R8/12/1 10:00` is not a day, write `2026-12-01 10:00`",)),
    ("12/29～", ("5:22: `12/29～` is not a day, write `12-29`",)),
    (
        "'2026-12-01",
        (
            "5:22: a quotation mark that is never closed, write `期間: {dates: {from: '2026-12-01', until: 2026-12-10}}`",
        ),
    ),
    ("Dec 1 2026", ("5:22: `Dec 1 2026` is not a day, write `2026-12-01`",)),
    ("1 December 2026", ("5:22: `1 December 2026` is not a day, write `2026-12-01`",)),
]
"""Texts behind `from:`, in the place of a day."""

CONDITIONS: list[tuple[str, tuple[str, ...]]] = [
    ("{age: {at_least: １８}}", ("4:24: full-width digits `１８`, write `18`",)),
    ("{age: {at_least: 18歳}}", ("4:24: `18歳` is not an age, write `18`",)),
    ("{age: {at_least: 十八}}", ("4:24: `十八` is not an age, write `18`",)),
    ("{age: {at_least：18}}", ("4:22: a full-width colon `：`, write `:`",)),
    ("{age：{at_least: 18}}", ("4:11: a full-width colon `：`, write `:`",)),
    ("{age: {at_least:18}}", ("4:22: no space behind `:`, write `at_least: 18`",)),
    (
        "{age: {atleast: 18}}",
        ("4:14: unknown key `atleast`, did you mean `at_least`?",),
    ),
    ("{age: {at_least: 18、below: 65}}", ("4:26: a Japanese comma `、`, write `,`",)),
    ("{age: {at_least: 18，below: 65}}", ("4:26: a full-width comma `，`, write `,`",)),
    (
        "{age: ｛at_least: 18｝}",
        ("4:13: a full-width bracket `｛`, write `{`", "4:26: a full-width bracket `｝`, write `}`"),
    ),
    ("{age: (at_least: 18)}", ("4:13: a bracket `(` of another kind, write `市民: {age: {at_least: 18}}`",)),
    ("{age: （at_least: 18）}", ("4:13: a bracket `（` of another kind, write `市民: {age: {at_least: 18}}`",)),
    ("{age: {at_least: 18]}", ("4:26: a `]` where `}` belongs, write `市民: {age: {at_least: 18}}`",)),
    ("{age: {at_least: 18}", ("4:7: a `{` that is not closed, write `市民: {age: {at_least: 18}}`",)),
    (
        "{年齢: {以上: 18}}",
        ("4:8: unknown key `年齢`, write `age: …`", "4:13: unknown key `以上`, write `at_least: …`"),
    ),
    ("{age: 18以上}", ("4:13: `18以上` has no key, write `age: {at_least: 18}`",)),
    ("{age: {at_least: 18以上}}", ("4:24: `18以上` is not an age, write `18`",)),
    ("{age: {at_least: 18.0}}", ("4:24: `18.0` is not an age, write `18`",)),
    ("{age: {at_least: 1８}}", ("4:25: full-width digits `８`, write `8`",)),
    ("{age: {at_least: ≧18}}", ("4:24: `≧18` is not an age, write `18`",)),
    ("{age: >=18}", ("4:13: a character that cannot begin a value, put the value in quotes",)),
    ("{age: {in: [40・45・50]}}", ("4:19: `・` does not separate values, write `[40, 45, 50]`",)),
    ("{age: {in: [40、45、50]}}", ("4:21: a Japanese comma `、`, write `,`", "4:24: a Japanese comma `、`, write `,`")),
    ("{age: {in: 40,45,50}}", ("4:18: a list without brackets: `in: 40, 45, 50`, write `in: [40, 45, 50]`",)),
    ("{age: {in: [40 45 50]}}", ("4:19: `40 45 50` is not an age, write 0 to 150",)),
    ("{age: {in: [40～50]}}", ("4:18: `in` names each age and no span, write `{at_least: 40, at_most: 50}`",)),
    ("{age: {in: [40歳, 45歳]}}", ("4:19: `40歳` is not an age, write `40`", "4:24: `45歳` is not an age, write `45`")),
    ("{age: {at_least: 18, counted_from: 誕生日}}", ("4:42: unknown `counted_from` `誕生日`, write `birthday`",)),
    (
        "{age: {at_least: 18, counted_from: next-april}}",
        ("4:42: unknown `counted_from` `next-april`, did you mean `next_april`?",),
    ),
    ("{age: {at_least: 18, counted_from: 年度}}", ("4:42: unknown `counted_from` `年度`, write `fiscal_year`",)),
    ("{age: {at_least: 18, on: 令和9年4月11日}}", ("4:32: `令和9年4月11日` is not a day, write `2027-04-11`",)),
    ("{residence: {in: 横浜市、川崎市}}", ("4:27: a Japanese comma `、`, write `,`",)),
    ("{residence: {in: [横浜市・川崎市]}}", ("4:25: `・` does not separate values, write `[横浜市, 川崎市]`",)),
    ("{residence: {in: [横浜市 川崎市]}}", ("4:25: ` ` does not separate values, write `[横浜市, 川崎市]`",)),
    ("{residence: {in: [ヨコハマ市]}}", ("4:25: there is no place `ヨコハマ市`, did you mean `神奈川県横浜市`?",)),
    ("{residence: {in: [ﾖｺﾊﾏｼ]}}", ("4:25: there is no place `ﾖｺﾊﾏｼ`, did you mean `神奈川県横浜市`?",)),
    (
        "{residence: {in: [ふちゅう市]}}",
        ("4:25: there is no place `ふちゅう市`, did you mean `東京都府中市`, `広島県府中市`?",),
    ),
    (
        "{residence: {in: [横浜]}}",
        ("4:25: there is no place `横浜`, did you mean `青森県上北郡横浜町`, `神奈川県横浜市`?",),
    ),
    ("{residence: {in: [11002]}}", ("4:25: the code `11002` has lost its leading zero, write `011002`",)),
    (
        "{residence: {in: [０１１００２]}}",
        ("4:25: full-width digits `０１１００２`, write `011002`",),
    ),
    ("{residence: {in: [011003]}}", ("4:25: the last digit of the code `011003` is wrong, write `011002`",)),
    (
        "{residence: {in: [府中市]}}",
        ("4:25: `府中市` is in more than one place, write the prefecture: `東京都府中市`, `広島県府中市`",),
    ),
    (
        "{residence: {in: [中央区]}}",
        (
            "4:25: `中央区` is in more than one place, write the prefecture: `北海道札幌市中央区`, `埼玉県さいたま市中央区`, `千葉県千葉市中央区`, `東京都中央区`, `神奈川県相模原市中央区`, `新潟県新潟市中央区`, `静岡県浜松市中央区`, `大阪府大阪市中央区`, `兵庫県神戸市中央区`, `福岡県福岡市中央区`, `熊本県熊本市中央区`",
        ),
    ),
    ("{residence: {in: [ツクバ市]}}", ("4:25: there is no place `ツクバ市`, did you mean `茨城県つくば市`?",)),
    ("{residence: {in: [ﾂｸﾊﾞ市]}}", ("4:25: there is no place `ﾂｸﾊﾞ市`, did you mean `茨城県つくば市`?",)),
    (
        "{residence: {in: [さいたま市浦和区、大宮区]}}",
        (
            "4:25: `大宮区` is a ward without its city, write `埼玉県さいたま市大宮区`",
            "4:33: a Japanese comma `、`, write `,`",
        ),
    ),
    (
        "{residence: {in: [鎌ヶ谷市, 鎌ケ谷市, 鎌が谷市]}}",
        ("4:37: there is no place `鎌が谷市`, did you mean `千葉県鎌ケ谷市`?",),
    ),
    ("{residence: {in: [東京]}}", ("4:25: there is no place `東京`, did you mean `東京都`?",)),
    (
        "{residence: {in: [横浜市在住]}}",
        ("4:25: there is no place `横浜市在住`, did you mean `神奈川県横浜市`?",),
    ),
    (
        "{residence: {in: [横浜市内]}}",
        ("4:25: there is no place `横浜市内`, did you mean `神奈川県横浜市`?",),
    ),
    ("{residence: {in: [横浜市の全域]}}", ("4:25: there is no place `横浜市の全域`, did you mean `神奈川県横浜市`?",)),
    ("{residence: [横浜市]}", ("4:19: expected `{in: …}`, found a list, write `residence: {in: [横浜市]}`",)),
    ("{residence: 横浜市}", ("4:19: expected `{in: …}`, found `横浜市`, write `residence: {in: [横浜市]}`",)),
    (
        "{residence: {is: [横浜市]}}",
        ("4:19: `in` is missing in `residence`, add `in: …`", "4:20: unknown key `is`, write one of `in`"),
    ),
    (
        "{residence: {not in: [横浜市]}}",
        ("4:19: `in` is missing in `residence`, add `in: …`", "4:20: unknown key `not in`, write one of `in`"),
    ),
    ("{residence: {in: [浜松市中区]}}", ("4:25: `浜松市中区` is a former name, write `静岡県浜松市中央区`",)),
    ("{residence: {in: [『横浜市』]}}", ("4:25: `『` does not separate values, write `[横浜市]`",)),
    (
        '{residence: {in: ["横浜市”]}}',
        ('4:29: a quotation mark `”` that closes nothing, write `市民: {residence: {in: ["横浜市"]}}`',),
    ),
    ("{residence: {in: [神奈川県\u3000横浜市]}}", ("4:29: a full-width space (U+3000), write a half-width space",)),
    ("{residence: {in: [篠山市]}}", ("4:25: `篠山市` is a former name, write `兵庫県丹波篠山市`",)),
    (
        "{residence: {in: [1.4E+04]}}",
        (
            "4:25: there is no place `1.4E+04`, write prefecture and municipality as they are called today, or the code of six digits",
        ),
    ),
    (
        "{residence: {in: [14100.0]}}",
        (
            "4:25: there is no place `14100.0`, write prefecture and municipality as they are called today, or the code of six digits",
        ),
    ),
    ("{network: 192.0.2.0／24}", ("4:26: a full-width slash `／`, write `/`",)),
    ("{network: [１９２.0.2.0/24]}", ("4:18: full-width digits `１９２`, write `192`",)),
    ("{network: [192.0.2.0～192.0.2.255]}", ("4:18: `192.0.2.0～192.0.2.255` is not a network, write `192.0.2.0/24`",)),
    (
        "{network: [192.0.2.0 - 192.0.2.255]}",
        ("4:18: `192.0.2.0 - 192.0.2.255` is not a network, write `192.0.2.0/24`",),
    ),
    ("{network: [192.0.2.*]}", ("4:18: `192.0.2.*` is not a network, write `192.0.2.0/24`",)),
    ("{network: [192.0.2.5/24]}", ("4:18: `192.0.2.5/24` names an address inside a network, write `192.0.2.0/24`",)),
    ("{network: [192。0。2。0/24]}", ("4:18: `192。0。2。0/24` is not a network, write `192.0.2.0/24`",)),
    ("{network: [192.0.2.0/24、198.51.100.0/24]}", ("4:30: a Japanese comma `、`, write `,`",)),
    ("{network: ①92.0.2.0/24}", ("4:17: `①92.0.2.0/24` is not a network, write `192.0.2.0/24`",)),
    ("{network: 192.0.2.0/²4}", ("4:17: `192.0.2.0/²4` is not a network, write `192.0.2.0/24`",)),
    ("{network: 192.0.2.0/33}", ("4:17: `192.0.2.0/33` is not a network, write it as `192.0.2.0/24`",)),
    ("{network: [192.0.2.256]}", ("4:18: `192.0.2.256` is not a network, write it as `192.0.2.0/24`",)),
    ("{network: 庁内}", ("4:17: `庁内` is not a network, write it as `192.0.2.0/24`",)),
    (
        "{dates: {from: 2026-12-01 10:00, until: 2026-12-01 09:00}}",
        ("4:15: `from` is not before `until`, exchange them",),
    ),
    ("{dates: {hours: 9:00-17:00}}", ("4:23: `9:00-17:00` names no hours, write `hours: {from: 9:00, until: 17:00}`",)),
    (
        "{dates: {hours: 9:00～17:00}}",
        ("4:23: `9:00～17:00` names no hours, write `hours: {from: 9:00, until: 17:00}`",),
    ),
    (
        "{dates: {hours: {from: 9時, until: 17時}}}",
        ("4:30: `9時` is not a time of day, write `9:00`", "4:41: `17時` is not a time of day, write `17:00`"),
    ),
    (
        "{dates: {hours: {from: 午前9時, until: 午後5時}}}",
        ("4:30: `午前9時` is not a time of day, write `9:00`", "4:43: `午後5時` is not a time of day, write `17:00`"),
    ),
    ("{dates: {hours: {from: 9：00, until: 17:00}}}", ("4:31: a full-width colon `：`, write `:`",)),
    (
        "{dates: {hours: {from: 9時30分, until: 17時半}}}",
        ("4:30: `9時30分` is not a time of day, write `9:30`", "4:44: `17時半` is not a time of day, write `17:30`"),
    ),
    (
        "{dates: {hours: {from: 0900, until: 1700}}}",
        ("4:30: `0900` is not a time of day, write `9:00`", "4:43: `1700` is not a time of day, write `17:00`"),
    ),
    (
        "{dates: {hours: {from: 9, until: 17}}}",
        ("4:30: `9` is not a time of day, write `9:00`", "4:40: `17` is not a time of day, write `17:00`"),
    ),
    (
        "{dates: {hours: {from: 9:00am, until: 5:00pm}}}",
        ("4:30: `9:00am` is not a time of day, write `9:00`", "4:45: `5:00pm` is not a time of day, write `17:00`"),
    ),
    (
        "{dates: {hours: {from: 22:00, until: 29:00}}}",
        ("4:44: `29:00` is not a time of day, write `5:00`: hours that end before they begin end on the next day",),
    ),
    ("{dates: {hours: {from: 正午, until: 17:00}}}", ("4:30: `正午` is not a time of day, write `12:00`",)),
    ("{dates: {days: [祝]}}", ("4:23: `祝` is not a day of the week, write `days: [祝日]`",)),
    (
        "{dates: {days: [平日]}}",
        ("4:23: `平日` is not a day of the week, write `days: [月, 火, 水, 木, 金, 祝日を除く]`",),
    ),
    ("{dates: {days: [月～金]}}", ("4:23: `月~金` is not a day of the week, write `days: [月, 火, 水, 木, 金]`",)),
    ("{dates: {days: [月-金]}}", ("4:23: `月-金` is not a day of the week, write `days: [月, 火, 水, 木, 金]`",)),
    (
        "{dates: {days: 月、水、金}}",
        ("4:23: a Japanese comma `、`, write `,`", "4:25: a Japanese comma `、`, write `,`"),
    ),
    ("{dates: {days: 月水金}}", ("4:22: `月水金` is not a day of the week, write `days: [月, 水, 金]`",)),
    ("{dates: {days: [土日]}}", ("4:23: `土日` is not a day of the week, write `days: [土, 日]`",)),
    ("{dates: {days: 土・日・祝}}", ("4:22: `土・日・祝` is not a day of the week, write `days: [土, 日, 祝日]`",)),
    ("{dates: {days: [毎日]}}", ("4:23: `毎日` is not a day of the week, write `days: [月, 火, 水, 木, 金, 土, 日]`",)),
    ("{dates: {days: [週末]}}", ("4:23: `週末` is not a day of the week, write `days: [土, 日]`",)),
    (
        "{dates: {days: [月曜から金曜]}}",
        ("4:23: `月曜から金曜` is not a day of the week, write `days: [月, 火, 水, 木, 金]`",),
    ),
    (
        "{dates: {days: [月～金、祝日を除く]}}",
        (
            "4:23: `月~金` is not a day of the week, write `days: [月, 火, 水, 木, 金]`",
            "4:26: a Japanese comma `、`, write `,`",
        ),
    ),
    ("{dates: {days: [休日]}}", ("4:23: `休日` is not a day of the week, write `days: [土, 日, 祝日]`",)),
    (
        "{dates: {days: [祝前日]}}",
        (
            "4:23: `祝前日` is not a day of the week, write `月` to `日`, `第3月曜`, `1日`, `末日`, `祝日`, `祝日の翌平日`, `祝日を除く` or `月曜（祝日のときは翌平日）`",
        ),
    ),
    ("{dates: {nth: 第3月曜}}", ("4:16: unknown key `nth`, write one of `from`, `until`, `hours`, `days`, `in`",)),
    (
        "{dates: 2026-12-01～2026-12-10}",
        (
            "4:15: `2026-12-01～2026-12-10` is not a day but a period, write `dates: {from: 2026-12-01, until: 2026-12-10}`",
        ),
    ),
    (
        "{dates: {from: 2026-12-01～2026-12-10}}",
        ("4:22: `2026-12-01～2026-12-10` is not a day but a period, write `from: 2026-12-01, until: 2026-12-10`",),
    ),
    ("{dates: {期間: 2026-12-01}}", ("4:16: unknown key `期間`, write one of `from`, `until`, `hours`, `days`, `in`",)),
    ("{gender: 女子}", ("4:16: unknown gender `女子`, write `female`",)),
    ("{gender: F}", ("4:16: unknown gender `F`, write `female`",)),
    ("{gender: ｆｅｍａｌｅ}", ("4:16: full-width letters `ｆｅｍａｌｅ`, write `female`",)),
    (
        "{any: 市民、在勤}",
        (
            "4:3: the conditions refer to each other in a circle: 市民 → 市民, let one of them test something else",
            "4:13: there is no condition `在勤`, write one of `市民`, `期間`",
            "4:15: a Japanese comma `、`, write `,`",
        ),
    ),
    (
        "{any: [市民または期間]}",
        ("4:14: `または` is a condition of its own, write a condition `any: [市民, 期間]` and name it here",),
    ),
    (
        "{not: [期間]}",
        ("4:13: expected the name of one condition, found a list, give the condition a name and write `not: NAME`",),
    ),
    (
        "{not: 期間以外}",
        ("4:13: the opposite of `期間` is a condition of its own, write a condition `not: 期間` and name it here",),
    ),
    (
        "{born: {from: S61.4.1, until: 昭和62年4月1日}}",
        ("4:21: `S61.4.1` is not a day, write `1986-04-01`", "4:37: `昭和62年4月1日` is not a day, write `1987-04-01`"),
    ),
    ("{born: {until: 昭和32年4月1日以前}}", ("4:22: `昭和32年4月1日以前` is not a day, write `1957-04-01`",)),
    ("{dates: {hours: {from: 9:00, to: 17:00}}}", ("4:36: unknown key `to`, write `until: …`",)),
    (
        "{dates: {from: 毎年4月1日, until: 5月末}}",
        ("4:22: `毎年4月1日` is not a day, write `04-01`", "4:37: `5月末` is not a day, write `05-31`"),
    ),
    ("{dates: {until: 令和8年度末}}", ("4:23: `令和8年度末` is not a day, write `2027-03-31`",)),
    (
        "{dates: {days: [月〜金（祝日を除く）]}}",
        ("4:23: `月〜金(祝日を除く)` is not a day of the week, write `days: [月, 火, 水, 木, 金, 祝日を除く]`",),
    ),
    ("{dates: {days: [1日～10日]}}", ("4:23: `1日~10日` is not a day of the week, write `days: [1日から10日まで]`",)),
    (
        "{dates: {days: [第1・第3水曜]}}",
        ("4:23: `第1・第3水曜` is not a day of the week, write `days: [第1水曜, 第3水曜]`",),
    ),
    (
        "{dates: {days: [月曜日（祝日の場合は翌日）]}}",
        ("4:23: `月曜日(祝日の場合は翌日)` is not a day of the week, write `days: [月曜日（祝日のときは翌平日）]`",),
    ),
    (
        "{dates: {days: [月・祝日の翌日]}}",
        ("4:23: `月・祝日の翌日` is not a day of the week, write `days: [月, 祝日の翌日]`",),
    ),
    (
        "{dates: 平日}",
        ("4:15: a day without a key of `dates`, write `dates: {days: [月, 火, 水, 木, 金, 祝日を除く]}`",),
    ),
    (
        "{dates: [2026-12-28, 2027-01-04]}",
        ("4:15: a day without a key of `dates`, write `dates: {in: [2026-12-28, 2027-01-04]}`",),
    ),
    ("{date: {from: 2026-12-01}}", ("4:8: unknown key `date`, write `dates: …`",)),
    ("{age: 18-64}", ("4:13: `18-64` has no key, write `age: {at_least: 18, at_most: 64}`",)),
    ("{age: 18歳以上}", ("4:13: `18歳以上` has no key, write `age: {at_least: 18}`",)),
    ("{age: 満65歳未満}", ("4:13: `満65歳未満` has no key, write `age: {below: 65}`",)),
    ("{age: {at_least: 18, counted_from: 翌月1日}}", ("4:42: unknown `counted_from` `翌月1日`, write `next_month`",)),
    ("{birthdate: {until: 1957-04-01}}", ("4:8: unknown key `birthdate`, write `born: …`",)),
    ("{address: {in: [横浜市]}}", ("4:8: unknown key `address`, write `residence: …`",)),
    ("{town: {of: 横浜市港北区, in: [日吉1-2]}}", ("4:32: `日吉1-2` is no town, write the town without lot numbers",)),
    (
        "{town: {of: 横浜市港北区, in: [日吉一丁目2番3号]}}",
        ("4:32: `日吉一丁目2番3号` is no town, write the town without lot numbers",),
    ),
    ("{gender: 女子のみ}", ("4:16: unknown gender `女子のみ`, write `female`",)),
    ("{sex: female}", ("4:8: unknown key `sex`, write `gender: …`",)),
    (
        "{not: 期間 と 市民}",
        ("4:13: only one condition stands here, write a condition `all: [期間, 市民]` and name it here",),
    ),
    ("{not: 「期間」}", ("4:13: `「` does not separate names, write `期間`",)),
    ("{residence: {in: [横浜市、]}}", ("4:28: a Japanese comma `、`, write `,`",)),
    ("{age: {at_least: 18か月}}", ("4:24: `18か月` is not an age, write 0 to 150",)),
]
"""Texts in the place of a condition."""

RULES: list[tuple[str, tuple[str, ...]]] = [
    (
        "  - {name: r, match: {path: ／ａ／**}, require: [市民]}\n",
        (
            "7:29: a full-width slash `／`, write `/`",
            "7:30: full-width letters `ａ`, write `a`",
            "7:31: a full-width slash `／`, write `/`",
        ),
    ),
    ("  - {name: r, match: {path: /a/**、/b/**}, require: [市民]}\n", ("7:34: a Japanese comma `、`, write `,`",)),
    (
        "  - {name: r, match: {path: [/a/**・/b/**]}, require: [市民]}\n",
        ("7:30: `・` does not separate paths, write `[/a/**, /b/**]`",),
    ),
    (
        "  - {name: r, match: {path: [/a/** /b/**]}, require: [市民]}\n",
        ("7:30: ` ` does not separate paths, write `[/a/**, /b/**]`, or `/a/**/b/**` if the space is a slip",),
    ),
    (
        "  - {name: r, match: {path: a/**}, require: [市民]}\n",
        ("7:29: the path `a/**` does not begin with `/`, write `/a/**`",),
    ),
    (
        "  - {name: r, match: {path: \\a\\**}, require: [市民]}\n",
        ("7:29: a sign `\\` (U+005C) that no path has, write `/a/**`",),
    ),
    (
        "  - {name: r, match: {path: ￥a￥**}, require: [市民]}\n",
        ("7:29: a sign `￥` (U+FFE5) that no path has, write `/a/**`",),
    ),
    (
        "  - {name: r, match: {path: ¥a}, require: [市民]}\n",
        ("7:29: a sign `¥` (U+00A5) that no path has, write `/a`",),
    ),
    (
        "  - {name: r, match: {path: /a?kubun=1}, require: [市民]}\n",
        ("7:29: `/a?kubun=1` holds a query, write `query: {name: value}` beside `path`",),
    ),
    ("  - {name: r, match: {path: /a？kubun=1}, require: [市民]}\n", ("7:31: a full-width sign `？`, write `?`",)),
    (
        "  - {name: r, match: {path: /a#top}, require: [市民]}\n",
        ("7:29: `/a#top` has a character that no path has, remove it",),
    ),
    (
        "  - {name: r, match: {path: //a}, require: [市民]}\n",
        ("7:29: no request has the path `//a`, write it without `//`, `.` and `..`",),
    ),
    (
        "  - {name: r, match: {path: ~/a}, require: [市民]}\n",
        ("7:29: the path `~/a` does not begin with `/`, write `/a`",),
    ),
    (
        "  - {name: r, match: {path: /a/…}, require: [市民]}\n",
        ("7:29: a sign `…` (U+2026) that no path has, write `/a/**`",),
    ),
    (
        "  - {name: r, match: {path: /a/.*}, require: [市民]}\n",
        (
            "7:29: `*` stands for a whole segment, not for part of `.*`, write `/*` for one segment, `/**` for any number",
        ),
    ),
    (
        "  - {name: r, match: {path: ^/a/}, require: [市民]}\n",
        ("7:29: the path `^/a/` does not begin with `/`, write `/a/`",),
    ),
    (
        "  - {name: r, match: {path: /a/***}, require: [市民]}\n",
        (
            "7:29: `*` stands for a whole segment, not for part of `***`, write `/*` for one segment, `/**` for any number",
        ),
    ),
    (
        "  - {name: r, match: {path: /a/×}, require: [市民]}\n",
        ("7:29: a sign `×` (U+00D7) that no path has, write `/a/*`",),
    ),
    (
        "  - {name: r, match: {path: /a/※}, require: [市民]}\n",
        ("7:29: a sign `※` (U+203B) that no path has, write `/a/*`",),
    ),
    (
        "  - {name: r, match: {path: /a/∗∗}, require: [市民]}\n",
        ("7:29: a sign `∗` (U+2217) that no path has, write `/a/**`",),
    ),
    (
        "  - {name: r, match: {path: ∕a}, require: [市民]}\n",
        ("7:29: a sign `∕` (U+2215) that no path has, write `/a`",),
    ),
    (
        "  - {name: r, match: {path: 〝/a〟}, require: [市民]}\n",
        ("7:29: a sign `〝` (U+301D) that no path has, write `/a`",),
    ),
    (
        '  - {name: r, match: {path: "/a”}, require: [市民]}\n',
        ('7:32: a quotation mark `”` that closes nothing, write `- {name: r, match: {path: "/a"}, require: [市民]}`',),
    ),
    (
        "  - {name: r, match: {path: “/a”}, require: [市民]}\n",
        ("7:29: a sign `“` (U+201C) that no path has, write `/a`",),
    ),
    (
        "  - {name: r, match: {path: http：//city.example/a}, require: [市民]}\n",
        ("7:29: `http：//city.example/a` is a whole URL, write the path alone: `/a`",),
    ),
    (
        "  - {name: r, match: {path: www.city.example/a}, require: [市民]}\n",
        ("7:29: `www.city.example/a` begins with a host, write the path alone: `/a`",),
    ),
    (
        "  - {name: r, match: {path: ｈｔｔｐｓ：／／ｃｉｔｙ．ｅｘａｍｐｌｅ／ａ}, require: [市民]}\n",
        ("7:29: `ｈｔｔｐｓ：／／ｃｉｔｙ．ｅｘａｍｐｌｅ／ａ` is a whole URL, write the path alone: `/a`",),
    ),
    (
        "  - {name: r, match: {path: //city.example/a}, require: [市民]}\n",
        ("7:29: no request has the path `//city.example/a`, write it without `//`, `.` and `..`",),
    ),
    (
        "  - {name: r, match: {path: city.example/a}, require: [市民]}\n",
        ("7:29: `city.example/a` begins with a host, write the path alone: `/a`",),
    ),
    (
        "  - {name: r, match: {path: /a, method: post}, require: [市民]}\n",
        ("7:41: unknown method `post`, did you mean `POST`?",),
    ),
    (
        "  - {name: r, match: {path: /a, method: ＰＯＳＴ}, require: [市民]}\n",
        ("7:41: full-width letters `ＰＯＳＴ`, write `POST`",),
    ),
    (
        "  - {name: r, match: {path: /a, method: POST／PUT}, require: [市民]}\n",
        ("7:41: `／` does not separate values, write `[POST, PUT]`",),
    ),
    (
        "  - {name: r, match: {path: /a, method: [POST・PUT]}, require: [市民]}\n",
        ("7:42: `・` does not separate values, write `[POST, PUT]`",),
    ),
    (
        "  - {name: r, match: {path: /a, method: [POST PUT]}, require: [市民]}\n",
        ("7:42: ` ` does not separate values, write `[POST, PUT]`",),
    ),
    (
        "  - {name: r, match: {path: /a, query: {kubun＝1}}, require: [市民]}\n",
        ("7:41: `kubun＝1` has no `:`, write `kubun: 1`",),
    ),
    (
        "  - {name: r, match: {path: /a, query: kubun=1}, require: [市民]}\n",
        ("7:40: expected parameters and their values, found `kubun=1`, write `query: {kubun: 1}`",),
    ),
    ("  - {name: r, match: {path: /a}, allow: 全員}\n", ("7:41: unknown `allow` `全員`, write `everyone`",)),
    (
        "  - {name: r, match: {path: /a}, allow: Everyone}\n",
        ("7:41: unknown `allow` `Everyone`, did you mean `everyone`?",),
    ),
    (
        "  - {name: r, match: {path: /a}, allow: signed-in}\n",
        ("7:41: unknown `allow` `signed-in`, did you mean `signed_in`?",),
    ),
    (
        "  - {name: r, match: {path: /a}, allow: ｅｖｅｒｙｏｎｅ}\n",
        ("7:41: full-width letters `ｅｖｅｒｙｏｎｅ`, write `everyone`",),
    ),
    (
        "  - {name: r, match: {path: /a}, allow: everybody}\n",
        ("7:41: unknown `allow` `everybody`, did you mean `everyone`?",),
    ),
    ("  - {name: r, match: {path: /a}, allow: [everyone]}\n", ("7:41: expected `allow`, found a list",)),
    (
        "  - {name: r, match: {path: /a}, allow: everyone, require: [市民]}\n",
        (
            "7:51: this rule says both `allow` and `require`, write exactly one of `allow: everyone | signed_in | nobody` and `require: [conditions]`",
        ),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], disclose: [氏名、住所]}\n",
        (
            "7:60: there is no fact or condition `氏名`, write `name`",
            "7:60: there is no fact or condition `住所`, write `address`",
            "7:62: a Japanese comma `、`, write `,`",
        ),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], disclose: [氏名]}\n",
        ("7:60: there is no fact or condition `氏名`, write `name`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], disclose: [name・address]}\n",
        ("7:60: `・` does not separate values, write `[name, address]`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], disclose: [adress]}\n",
        ("7:60: there is no fact or condition `adress`, did you mean `address`?",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], signed_in_within: 5分}\n",
        ("7:67: `5分` is not a duration, write `5m`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], signed_in_within: ５m}\n",
        ("7:67: full-width digits `５`, write `5`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], signed_in_within: 5 m}\n",
        ("7:67: `5 m` is not a duration, write `5m`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], signed_in_within: 5min}\n",
        ("7:67: `5min` is not a duration, write `5m`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], signed_in_within: 5}\n",
        ("7:67: `5` is not a duration, write `30s`, `5m`, `2h` or `3d`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], audit: はい}\n",
        ("7:56: unknown `audit` `はい`, write `true`",),
    ),
    ("  - {name: r, match: {path: /a}, require: [市民], audit: yes}\n", ("7:56: unknown `audit` `yes`, write `true`",)),
    (
        "  - {name: r, match: {path: /a}, require: [市民], audit: ｔｒｕｅ}\n",
        ("7:56: full-width letters `ｔｒｕｅ`, write `true`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], audit: True}\n",
        ("7:56: unknown `audit` `True`, did you mean `true`?",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民。]}\n",
        ("7:44: there is no condition `市民。`, did you mean `市民`?",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: 〔期間、市民〕}\n",
        ("7:43: `〔` does not separate names, write `[期間, 市民]`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [期間と市民]}\n",
        ("7:44: `と` does not separate names, write `[期間, 市民]`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [期間\u3000かつ\u3000市民]}\n",
        ("7:44: `かつ` does not separate names, write `[期間, 市民]`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [期間＆市民]}\n",
        ("7:44: `＆` does not separate names, write `[期間, 市民]`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [期間, 市 民]}\n",
        ("7:48: there is no condition `市 民`, did you mean `市民`?",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [期間,, 市民]}\n",
        ("7:46: two commas with nothing between, write `- {name: r, match: {path: /a}, require: [期間, 市民]}`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [期間, 市民\n",
        ("7:43: a `[` that is not closed, write `- {name: r, match: {path: /a}, require: [期間, 市民]}`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: 期間, 市民]}\n",
        ("7:49: a `]` that closes nothing, write `- {name: r, match: {path: /a}, require: [期間, 市民]}`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [期間、 『市民』]}\n",
        (
            "7:44: `期` does not separate names, write `[期間, 『市民]`",
            "7:44: `『` does not separate names, write `[市民]`",
        ),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [でない市民]}\n",
        ("7:44: there is no condition `でない市民`, write one of `市民`, `期間`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民以外]}\n",
        ("7:44: the opposite of `市民` is a condition of its own, write a condition `not: 市民` and name it here",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民;期間]}\n",
        ("7:44: `;` does not separate names, write `[市民, 期間]`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民→期間]}\n",
        ("7:44: `→` does not separate names, write `[市民, 期間]`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民\\期間]}\n",
        ("7:44: `\\` does not separate names, write `[市民, 期間]`",),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require:\n    ー 市民\n    － 期間\n",
        ("10:5: a sign `ー` that is no hyphen, write `- 市民`", "11:5: a sign `－` that is no hyphen, write `- 期間`"),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require:\n      ・市民\n      ・期間\n",
        ("10:7: `・` does not separate names, write `[市民, 期間]`",),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require:\n      1. 市民\n      2. 期間\n",
        ("10:7: `1.` does not separate names, write `[市民, 期間]`",),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require:\n      -市民\n      -期間\n",
        ("10:7: `-` does not separate names, write `[市民, 期間]`",),
    ),
    (
        "  - name: r\n    require: [市民]\n      - 期間\n",
        ("9:7: a `- ` below a list in brackets, write `require: [市民, 期間]`",),
    ),
    (
        "  - name: r\n    require: [- 市民, - 期間]\n",
        ("8:15: a `- ` within brackets, where `,` separates, write `require: [市民, 期間]`",),
    ),
    (
        "  - name: r\n    require: [市民、\n      - 期間]\n",
        ("8:17: a Japanese comma `、`, write `,`",),
    ),
    (
        "  - name: r\n    require: 市民\n      - 期間\n",
        ("8:14: `-` does not separate names, write `[市民, 期間]`",),
    ),
    (
        "  - name: r\n    require:\n      - [市民, 期間]\n",
        ("9:9: a list within a list, write `[市民, 期間]`",),
    ),
    (
        "  - name: r\n    require:\n      - 市民\n      期間\n",
        ("10:7: no `- ` at the beginning of an item, write `- 期間`",),
    ),
    ("  -name: r\n    match: {path: /a}\n    require: [市民]\n", ("7:3: a `-` without a space behind it, write `- `",)),
    (
        "  name: r\n  match: {path: /a}\n  require: [市民]\n",
        ("7:3: expected a list of rules, found keys with values, write `- name: …`",),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require: [市民]\n  name: s\n    allow: nobody\n",
        ("10:3: no `- ` at the beginning of an item, write `- name: s`",),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require: [市民]\n    name: s\n    allow: nobody\n",
        (
            "10:5: the key `name` is here twice (first on line 7), keep one of them",
            "11:5: this rule says both `allow` and `require`, write exactly one of `allow: everyone | signed_in | nobody` and `require: [conditions]`",
        ),
    ),
    (
        "  - name: r\n    match: {path: /a}\n   require: [市民]\n",
        ("9:4: indented by 3 where its neighbours are by 4, write `require: [市民]`",),
    ),
    ("  - name: r\n\tmatch: {path: /a}\n    require: [市民]\n", ("8:1: a tab character, indent with spaces",)),
    (
        "\u3000\u3000- name: r\n\u3000\u3000\u3000\u3000match: {path: /a}\n\u3000\u3000\u3000\u3000require: [市民]\n",
        (
            "7:1: a full-width space (U+3000), write a half-width space",
            "8:1: a full-width space (U+3000), write a half-width space",
            "9:1: a full-width space (U+3000), write a half-width space",
        ),
    ),
    (
        "  - ｎａｍｅ: r\n    match: {path: /a}\n    require: [市民]\n",
        ("7:5: full-width letters `ｎａｍｅ`, write `name`",),
    ),
    ("  - name； r\n    match: {path: /a}\n    require: [市民]\n", ("7:9: `；` where `:` belongs, write `- name: r`",)),
    ("  - name= r\n    match: {path: /a}\n    require: [市民]\n", ("7:9: `=` where `:` belongs, write `- name: r`",)),
    (
        "  - name ：r\n    match： {path: /a}\n    require： [市民]\n",
        (
            "7:10: a full-width colon `：`, write `:`",
            "8:10: a full-width colon `：`, write `:`",
            "9:12: a full-width colon `：`, write `:`",
        ),
    ),
    ("  - name:r\n    match: {path: /a}\n    require: [市民]\n", ("7:9: no space behind `:`, write `- name: r`",)),
    (
        "  - 名前: r\n    条件: {path: /a}\n    require: [市民]\n",
        (
            "7:5: unknown key `名前`, write `name: …`",
            "8:5: unknown key `条件`, write one of `name`, `match`, `when`, `allow`, `require`, `signed_in_within`, `limit`, `gives_back`, `disclose`, `purpose`, `say`, `keep_form`, `returns_from`, `sign`, `accounts`, `audit`, `weaker_than`",
        ),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require: [市民] ＃ 市民だけ\n",
        ("9:19: `＃` begins no comment, write `require: [市民]  # 市民だけ`",),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require: [市民] // 市民だけ\n",
        ("9:19: `//` begins no comment, write `require: [市民]  # 市民だけ`",),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require: [市民]\n    say: {ja: 停止中, status: ５０３}\n",
        (
            "10:5: `say` has no effect in a rule with `require`, it is the page of a rule with `allow: nobody`; a condition has `if_not`",
            "10:28: full-width digits `５０３`, write `503`",
        ),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    allow: nobody\n    say: 停止中です\n",
        ("10:10: expected `say` by language, found `停止中です`, write `{ja: 停止中です}`",),
    ),
    (
        '  - name: r\n    match: {path: /a}\n    allow: nobody\n    say: {ja: "停止中"です。}\n',
        ('10:15: an unquoted `"` in a sentence, write `say: {ja: \'"停止中"です。\'}`',),
    ),
    (
        '  - name: r\n    match: {path: /a}\n    allow: nobody\n    say: {ja: "停止中です。}\n',
        ('10:15: a quotation mark that is never closed, write `say: {ja: "停止中です。"}`',),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    allow: nobody\n    say: {ja: @窓口}\n",
        ('10:15: a value with `@` without quotes, write `say: {ja: "@窓口"}`',),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    allow: nobody\n    say: {ja: %割引}\n",
        ('10:15: a value with `%` without quotes, write `say: {ja: "%割引"}`',),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    allow: nobody\n    say: {ja: *印の方}\n",
        ("10:15: an anchor or alias `*印の方`, write it out; a value that begins with `*` or `&` goes in quotes",),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    allow: nobody\n    say: {ja: &印の方}\n",
        ("10:15: an anchor or alias `&印の方`, write it out; a value that begins with `*` or `&` goes in quotes",),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    allow: nobody\n    say: {ja: !注意}\n",
        ('10:15: a value with `!` without quotes, write `say: {ja: "!注意"}`',),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    allow: nobody\n    say: {ja: - 注意}\n",
        ('10:15: a value with `-` without quotes, write `say: {ja: "- 注意"}`',),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    allow: nobody\n    say:\n      ja: 注意: 窓口へ\n",
        ('11:13: an unquoted `: ` in a sentence, write `ja: "注意: 窓口へ"`',),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    allow: nobody\n    say:\n      ja: [注意] 窓口へ\n",
        ('11:11: a value with `[` without quotes, write `ja: "[注意] 窓口へ"`',),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    allow: nobody\n    say:\n      ja: |\n       注意\n      窓口\n",
        ("13:7: indented by 6 where its neighbours are by 7, write `窓口`",),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require: [市民]\n    limit: {name: 回, once: 年, counted_when: {status: 303}}\n",
        ("10:28: unknown `once` `年`, write `year`",),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require: [市民]\n    limit: {name: 回, once: fiscal-year, counted_when: {status: 303}}\n",
        ("10:28: unknown `once` `fiscal-year`, did you mean `fiscal_year`?",),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require: [市民]\n    limit: {name: 回, once: year, times: ２, counted_when: {status: ３０３}}\n",
        ("10:41: full-width digits `２`, write `2`", "10:67: full-width digits `３０３`, write `303`"),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require: [市民]\n    limit: {name: 回, once: year, times: 2回, counted_when: {status: 303, location: done}}\n",
        (
            "10:41: `2回` is not `times`, write `2`",
            "10:83: `done` does not begin with `/`, write the path the application redirects to",
        ),
    ),
    (
        "  - name: r\n    match: {path: /a}\n    require: [市民]\n    limit: {name: 回, once: year, times: 二, counted_when: {status: 303、location: /done}}\n",
        ("10:41: `二` is not `times`, write `2`", "10:70: a Japanese comma `、`, write `,`"),
    ),
    (
        "  - {name: r, match: {path: /a}, allow: ログインした人}\n",
        ("7:41: unknown `allow` `ログインした人`, write `signed_in`",),
    ),
    ("  - {name: r, match: {path: /a}, allow: none}\n", ("7:41: unknown `allow` `none`, write `nobody`",)),
    (
        "  - {name: r, match: {path: /a}, require: [市民], disclose: [sex]}\n",
        ("7:60: there is no fact or condition `sex`, write `gender`",),
    ),
    (
        "  - {name: r, match: {path: /a}, allow: nobody, say: {ja: 休, retry_after: 1時間}}\n",
        ("7:75: `1時間` is not seconds, write `3600`",),
    ),
    (
        "  - {name: r, match: {path: /a}, allow: nobody, say: {ja: 休, retry_after: 90秒}}\n",
        ("7:75: `90秒` is not seconds, write `90`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], limit: {name: x, once: 通算, counted_when: {status: 303}}}\n",
        ("7:72: unknown `once` `通算`, write `ever`",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], limit: {name: x, once: day, times: 3日, counted_when: {status: 303}}}\n",
        ("7:84: `3日` is not `times`, write 1 to 1000000",),
    ),
    (
        "  - {name: r, match: {path: /a}, require: [市民], limit: {name: 申込。, once: day, counted_when: {status: 303}}}\n",
        ("7:63: `。` at the end of the name `申込。`, write `申込`",),
    ),
    (
        "  - {name: r, match: {path: /a または /b}, require: [市民]}\n",
        ("7:29: `または` does not separate paths, write `[/a, /b]`",),
    ),
    (
        "  - {name: r, match: {path: /a, method: 閲覧}, require: [市民]}\n",
        ("7:41: unknown method `閲覧`, write `GET`",),
    ),
    ("  - {name: r, match: {url: /a}, require: [市民]}\n", ("7:23: unknown key `url`, write `path: …`",)),
    ("  - {name: 申込；, require: [市民]}\n", ("7:12: `；` at the end of the name `申込；`, write `申込`",)),
    ("  ･ name: r\n    require: [市民]\n", ("7:3: a sign `･` that is no hyphen, write `-`",)),
    ("  ① name: r\n    require: [市民]\n", ("7:3: a sign `①` that is no hyphen, write `-`",)),
    ("  ｰ name: r\n    require: [市民]\n", ("7:3: a sign `ｰ` that is no hyphen, write `-`",)),
    ("  ﹣ name: r\n    require: [市民]\n", ("7:3: a sign `﹣` that is no hyphen, write `-`",)),
    ("  - name︰ r\n    require: [市民]\n", ("7:9: a sign `︰` that is no colon, write `:`",)),
    ("  - name: r\n    require﹕ [市民]\n", ("8:12: a sign `﹕` that is no colon, write `:`",)),
]
"""Texts in the place of a rule."""

EXAMPLES: list[tuple[str, str, tuple[str, ...]]] = [
    ("who: {address: 横浜市}", "who: なし", ("9:37: `なし` is no person, write `nobody`",)),
    ("who: {address: 横浜市}", "who: ログインしていない", ("9:37: `ログインしていない` is no person, write `nobody`",)),
    (
        "who: {address: 横浜市}",
        "who: 市民",
        ("9:37: expected facts, or `nobody`, found `市民`, write `{birthdate: 1986-04-01, address: …}`, or `nobody`",),
    ),
    ("request: GET /a", "request: GET:/a", ("9:62: `GET:/a` is not a request, write `GET /a`",)),
    ("request: GET /a", "request: 閲覧 /a", ("9:62: `閲覧 /a` is not a request, write `GET /a`",)),
    ("request: GET /a", "request: GET a", ("9:62: `GET a` is not a request, write `GET /a`",)),
    (
        "request: GET /a",
        "request: https://city.example/a",
        ("9:62: `https://city.example/a` is not a request, write `GET /a`",),
    ),
    (
        "request: GET /a",
        "request: GET /a/**",
        ("9:62: `GET /a/**` is a pattern, and an example is one request, write `GET /a/1`",),
    ),
    ("expect: allow", "expect: denied 市民", ("9:78: `denied 市民` cannot be expected, write `deny 市民`",)),
    (
        "expect: allow",
        "expect: deny 市民, 期間",
        (
            '9:78: `expect` takes one value, and a comma ends it, write `expect: deny 市民`, or `expect: "deny 市民, 期間"` if the comma is a part of it',
        ),
    ),
    ("expect: allow", "expect: deny （市民）", ("9:78: `deny （市民）` cannot be expected, write `deny 市民`",)),
    ("expect: allow", "expect: deny 市民と期間", ("9:78: `deny 市民と期間` cannot be expected, write `deny 市民`",)),
    ("expect: allow", "expect: OK", ("9:78: `OK` cannot be expected, write `allow`",)),
    ("expect: allow", "expect: ○", ("9:78: `○` cannot be expected, write `allow`",)),
    ("expect: allow", "expect: ×", ("9:78: `×` cannot be expected, write `deny`",)),
    (
        "title: t",
        "title: 予約, 市民",
        (
            '9:13: `title` takes one value, and a comma ends it, write `title: 予約`, or `title: "予約, 市民"` if the comma is a part of it',
        ),
    ),
]
"""The good part of an example, the text in its place, and what is said."""

_WARDS = (
    "東京都千代田区, 東京都中央区, 東京都港区, 東京都新宿区, 東京都文京区, 東京都台東区, 東京都墨田区, 東京都江東区, 東京都品川区, "
    "東京都目黒区, 東京都大田区, 東京都世田谷区, 東京都渋谷区, 東京都中野区, 東京都杉並区, 東京都豊島区, 東京都北区, 東京都荒川区, "
    "東京都板橋区, 東京都練馬区, 東京都足立区, 東京都葛飾区, 東京都江戸川区"
)
_FACTS = "subject, name, address, birthdate, gender, prefecture, municipality, municipality_code, town, town_canonical, age, signed_in_at"

BOTH: list[tuple[str, str, tuple[str, ...], tuple[str, ...]]] = [
    (
        "require: [市民]",
        "require: {期間, 市民}",
        ("7:46: braces around a list, write `[期間, 市民]`",),
        ("7:46: リストの括弧が `{}` になっています、`[期間, 市民]` と書いてください",),
    ),
    *(
        (
            "require: [市民]",
            f"require: [市民, {test}]",
            ("7:51: a condition in the place of its name, put it under `conditions` and write its name here",),
            (
                "7:51: 条件の名前を書くところに条件そのものがあります、`conditions` に名前を付けて書き、ここにはその名前を書いてください",
            ),
        )
        for test in ("not: 期間", "{network: [192.0.2.0/24]}")
    ),
    (
        "{residence: {in: [横浜市]}}",
        "{age: 18}",
        ("4:13: `18` has no key, write `age: {at_least: 18}`, or `at_most`, `below` or `in`",),
        (
            "4:13: `18` に項目がありません、`age: {at_least: 18}`（以上）か、`at_most`（以下）・`below`（未満）・`in` で書いてください",
        ),
    ),
    (
        "{residence: {in: [横浜市]}}",
        "{age: at_least 18}",
        ("4:13: `at_least 18` has no key, write `age: {at_least: 18}`",),
        ("4:13: `at_least 18` に項目がありません、`age: {at_least: 18}` と書いてください",),
    ),
    *(
        (
            "[市民]",
            f"[{several}]",
            (f"7:47: `{sign}` does not separate names, write `[期間, 市民]`",),
            (f"7:47: `{sign}` は名前の区切りになりません、`[期間, 市民]` と書いてください",),
        )
        for several, sign in (("期間､市民", "､"), ("期間 AND 市民", "AND"), ("｢期間､市民｣", "｢"), ("<期間 市民>", "<"))
    ),
    *(
        (
            "[市民]",
            f"[{opposite}]",
            ("7:47: the opposite of `市民` is a condition of its own, write a condition `not: 市民` and name it here",),
            ("7:47: `市民` の反対は別の条件にします、`not: 市民` という条件を作り、その名前を書いてください",),
        )
        for opposite in ("市民以外", "市民以外の方", "市民でない方", "not 市民", "非市民")
    ),
    *(
        (
            "path: /a/**",
            f"path: {path}",
            (f"7:29: `{path}` has words behind its path, write `/a/**`",),
            (f"7:29: `{path}` のパスの後ろに言葉があります、`/a/**` と書いてください",),
        )
        for path in ("/a 以下", "/a/配下", "/a/**。", "/a以下のすべて")
    ),
    *(
        (
            "path: /a/**",
            f"path: /a/**, method: {every}",
            (f"7:44: `{every}` is no method, leave `method` out for every method",),
            (f"7:44: `{every}` というメソッドはありません、すべてのメソッドなら、`method` を書かないでください",),
        )
        for every in ("すべて", "ALL", "全て")
    ),
    *(
        (
            "require: [市民]",
            f"allow: {allow}, disclose: [subject]",
            (f"7:44: unknown `allow` `{allow}`, {english}",),
            (f"7:44: `allow` `{allow}` はありません、{japanese}",),
        )
        for allow, english, japanese in (
            ("sign in", "did you mean `signed_in`?", "`signed_in` のことですか"),
            (
                "ログイン者",
                "write one of `everyone`, `signed_in`, `nobody`",
                "`everyone`、`signed_in`、`nobody` のいずれかを書いてください",
            ),
        )
    ),
    *(
        (
            "require:",
            f"disclose: [{absent}], require:",
            (f"7:48: {english}",),
            (f"7:48: {japanese}",),
        )
        for absent, english, japanese in (
            (
                "郵便番号",
                "a card does not have `郵便番号`, ask the person for it in the application",
                "`郵便番号` はカードに記録されていません、アプリケーションの画面で本人に尋ねてください",
            ),
            (
                "マイナンバー",
                "`マイナンバー` is never read and never told, write `subject` to know a person again",
                "`マイナンバー` は読み取らず、伝えません、同じ人かどうかは `subject` で分かります",
            ),
        )
    ),
    *(
        (
            "{residence: {in: [横浜市]}}",
            f"{{age: {{at_least: 40, on: {day}}}}}",
            (f"4:32: `{day}` has no year, write the year before it, as in `2027-03-31`",),
            (f"4:32: `{day}` に年がありません、`2027-03-31` のように、年から書いてください",),
        )
        for day in ("3月31日", "3/31")
    ),
    (
        "[横浜市]",
        "[横浜市民]",
        ("4:25: there is no place `横浜市民`, did you mean `神奈川県横浜市`?",),
        ("4:25: `横浜市民` という場所はありません、`神奈川県横浜市` のことですか",),
    ),
    (
        "{residence: {in: [横浜市]}}",
        "{dates: {from: 2026年12月1日（水）9時}}",
        (
            "4:22: `2026年12月1日(水)` is not a day: 2026-12-01 is a 火, compare it with the notice, and write the day alone",
        ),
        (
            "4:22: `2026年12月1日(水)` という日はありません（2026-12-01 は火曜日です）、要綱と見比べ、日付だけを書いてください",
        ),
    ),
    (
        "{residence: {in: [横浜市]}}",
        "{dates: 2026-12-01 9:00〜2026-12-10 17:00}",
        (
            "4:15: `2026-12-01 9:00〜2026-12-10 17:00` is not a day but a period, write `dates: {from: 2026-12-01 09:00, until: 2026-12-10 17:00}`",
        ),
        (
            "4:15: `2026-12-01 9:00〜2026-12-10 17:00` は日付ではなく期間です、`dates: {from: 2026-12-01 09:00, until: 2026-12-10 17:00}` と書いてください",
        ),
    ),
    (
        "conditions:",
        "condition:",
        ("3:1: unknown key `condition`, did you mean `conditions`?",),
        ("3:1: `condition` という項目はありません、`conditions` のことですか",),
    ),
    *(
        (
            "  - {name: r, match: {path: /a/**}, require: [市民]}\n",
            f"  {mark}name: r\n    require: [市民]\n",
            (f"7:3: a sign `{mark.strip()}` that is no hyphen, write `- name: r`",),
            (f"7:3: ハイフンでない「{mark.strip()}」、`- name: r` と書いてください",),
        )
        for mark in (
            "1) ",
            "1)",
            "(1) ",
            "（１）",
            "1. ",
            "１．",
            "a) ",
            "ア）",
            "--",
            "-- ",
            "---",
            "・・",
            "+ ",
            "> ",
        )
    ),
    (
        "policy: p",
        "p\u043elicy: p",
        (
            "1:1: `p\u043elicy` has letters that only look like Latin ones: `\u043e` (U+043E, Cyrillic), write `policy: …`",
        ),
        (
            "1:1: `p\u043elicy` に、英字に似た別の文字があります（「\u043e」（U+043E、キリル文字））、`policy: …` と書いてください",
        ),
    ),
    (
        "name: r",
        "name: n\u03bf",
        ("7:12: `n\u03bf` has letters that only look like Latin ones: `\u03bf` (U+03BF, Greek), write `no`",),
        (
            "7:12: `n\u03bf` に、英字に似た別の文字があります（「\u03bf」（U+03BF、ギリシャ文字））、`no` と書いてください",
        ),
    ),
    (
        "path: /a/**",
        "path: /\u0430dmin/**",
        (
            "7:29: `/\u0430dmin/**` has letters that only look like Latin ones: `\u0430` (U+0430, Cyrillic), write `/admin/**`",
        ),
        (
            "7:29: `/\u0430dmin/**` に、英字に似た別の文字があります（「\u0430」（U+0430、キリル文字））、`/admin/**` と書いてください",
        ),
    ),
    (
        "path: /a/**",
        "path: /a/**, method: G\u0415T",
        (
            "7:44: unknown method `G\u0415T`, did you mean `GET`, which looks the same? `\u0415` (U+0415, Cyrillic) stands where it has `E` (U+0045)",
        ),
        (
            "7:44: メソッド `G\u0415T` はありません、見た目が同じ `GET` のことですか（「E」（U+0045）のところが「\u0415」（U+0415、キリル文字）になっています）",
        ),
    ),
    (
        "期間: {dates: {from: 2026-12-01, until: 2026-12-10}}\nrules:\n  - {name: r,",
        "カード: {dates: {from: 2026-12-01, until: 2026-12-10}}\nrules:\n  - {name: r, when: \u529bード,",
        (
            "7:21: there is no condition `\u529bード`, did you mean `カード`, which looks the same? `\u529b` (U+529B) stands where it has `カ` (U+30AB)",
        ),
        (
            "7:21: `\u529bード` という条件はありません、見た目が同じ `カード` のことですか（「カ」（U+30AB）のところが「\u529b」（U+529B）になっています）",
        ),
    ),
    *(
        (
            "[横浜市]",
            f"[{several}]",
            (f"4:25: `{several}` is several places, write `in: [{_WARDS}]`",),
            (f"4:25: `{several}` は一つの場所ではありません、`in: [{_WARDS}]` と書いてください",),
        )
        for several in ("東京23区", "東京都23区", "23区", "二十三区", "東京の特別区", "東京都の特別区")
    ),
    (
        "[横浜市]",
        "[一都三県]",
        ("4:25: `一都三県` is several places, write `in: [埼玉県, 千葉県, 東京都, 神奈川県]`",),
        ("4:25: `一都三県` は一つの場所ではありません、`in: [埼玉県, 千葉県, 東京都, 神奈川県]` と書いてください",),
    ),
    (
        "[横浜市]",
        "四国地方",
        ("4:24: `四国地方` is several places, write `in: [徳島県, 香川県, 愛媛県, 高知県]`",),
        ("4:24: `四国地方` は一つの場所ではありません、`in: [徳島県, 香川県, 愛媛県, 高知県]` と書いてください",),
    ),
    *(
        (
            "require:",
            f"disclose: {every}, require:",
            (
                f"7:47: `{every}` names no fact, name each fact that the application needs, since the person reads them: `disclose: [{_FACTS}]` is all of them",
            ),
            (
                f"7:47: `{every}` という事実はありません、本人に示すため、アプリが必要とする事実を一つずつ書いてください（すべてなら `disclose: [{_FACTS}]`）",
            ),
        )
        for every in ("全部", "全て", "すべて", "all", "All", "4情報")
    ),
    *(
        (
            "require:",
            f"disclose: [{nothing}], require:",
            (f"7:48: `{nothing}` names no fact, leave `disclose` out, and the application is told nothing",),
            (f"7:48: `{nothing}` という事実はありません、何も伝えないなら、`disclose` の行を消してください",),
        )
        for nothing in ("なし", "none", "不要")
    ),
    *(
        (
            "{residence: {in: [横浜市]}}",
            condition,
            (
                f"{place}: `in` names the file `lists/nai.{kind}`: there is no such file, write the path of a file as seen from the folder of `policy.yaml`",
            ),
            (
                f"{place}: `in` のファイル `lists/nai.{kind}`：このファイルはありません、`policy.yaml` のあるフォルダーから見たファイルの場所を書いてください",
            ),
        )
        for condition, place, kind in (
            ("{subject: {in: lists/nai.yaml}}", "4:22", "yaml"),
            ("{dates: {in: lists/nai.csv}}", "4:20", "csv"),
            ("{town: {of: 市川市, in: lists/nai.csv}}", "4:28", "csv"),
        )
    ),
    (
        "rules:",
        "use: nai.yaml\nrules:",
        (
            "6:6: `use` names the file `nai.yaml`: there is no such file, write the path of a file as seen from the folder of `policy.yaml`",
        ),
        (
            "6:6: `use` のファイル `nai.yaml`：このファイルはありません、`policy.yaml` のあるフォルダーから見たファイルの場所を書いてください",
        ),
    ),
]
"""A part of the good policy, the text in its place, and what is said in English and in Japanese."""
