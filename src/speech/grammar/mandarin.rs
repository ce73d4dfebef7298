//! Mandarin: numbers in groups of four digits, 万 and 亿 and 兆.
//!
//! ```text
//!   2 0222 0010 0002        两兆 零二百二十二亿 零一十万 零二
//!   零    one for any run of zeros inside the number, none at a group's end, and before a group below a thousand
//!   十    only where the number begins with it; after anything it is 一十
//!   两    (counts and money) before 百 千, and for a whole group that is 2 before 万 亿 兆 元; 二 in tens and units
//! ```
//!
//! CLDR agrees up to 10⁸. Beyond, it leaves out the 零 (and the 一 of 一十) between 亿 and a group of 万 below a
//! thousand: 100100000 is 一亿十万 there, and 一亿零一十万 here, as schools teach it.

use super::{Form, Function, Token, YEARS, digits, pick, plain};
use crate::facts::{Fen, Month};
use crate::speech::Value;
use jiff::civil::Date;

const DIGITS: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];
const TENS: [&str; 10] = ["", "一十", "二十", "三十", "四十", "五十", "六十", "七十", "八十", "九十"];
const HUNDREDS: [&str; 10] = ["", "一百", "两百", "三百", "四百", "五百", "六百", "七百", "八百", "九百"];
const THOUSANDS: [&str; 10] = ["", "一千", "两千", "三千", "四千", "五千", "六千", "七千", "八千", "九千"];
const JIAO: [&str; 10] = ["", "一角", "两角", "三角", "四角", "五角", "六角", "七角", "八角", "九角"];
const FEN: [&str; 10] = ["", "一分", "两分", "三分", "四分", "五分", "六分", "七分", "八分", "九分"];
const MONTHS: [&str; 13] =
    ["", "一月", "二月", "三月", "四月", "五月", "六月", "七月", "八月", "九月", "十月", "十一月", "十二月"];

/// What a group of four digits counts. Its last digit and its name are one token.
struct Unit {
    /// After a group that ends in zero.
    bare: &'static str,
    /// With the group's last digit.
    with: [&'static str; 10],
    /// With a 2 that is the whole group, in two-mode.
    two: &'static str,
    /// Whether that is so behind higher groups as well: 一亿零两万, but 一万零二.
    two_inside: bool,
}

const ONES: Unit = Unit { bare: "", with: DIGITS, two: "两", two_inside: false };
const TEN_THOUSANDS: Unit = Unit {
    bare: "万",
    with: ["", "一万", "二万", "三万", "四万", "五万", "六万", "七万", "八万", "九万"],
    two: "两万",
    two_inside: true,
};
const HUNDRED_MILLIONS: Unit = Unit {
    bare: "亿",
    with: ["", "一亿", "二亿", "三亿", "四亿", "五亿", "六亿", "七亿", "八亿", "九亿"],
    two: "两亿",
    two_inside: true,
};
const YUAN: Unit = Unit {
    bare: "元",
    with: ["零元", "一元", "二元", "三元", "四元", "五元", "六元", "七元", "八元", "九元"],
    two: "两元",
    two_inside: false,
};

/// How a 2 is said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Two {
    /// 两 where people count.
    Liang,
    /// 二 everywhere.
    Er,
}

pub(super) fn tokens(function: Function, value: &Value) -> Vec<Token> {
    let mut out = Vec::new();
    match (function, value) {
        (_, Value::Money(amount)) => money(&mut out, *amount),
        (Function::Cardinal, Value::Count(count)) => integer(&mut out, *count, Two::Er, &ONES),
        (Function::Ordinal, Value::Count(count)) => {
            out.push(plain("第"));
            integer(&mut out, *count, Two::Er, &ONES);
        }
        (_, Value::Count(count)) => integer(&mut out, *count, Two::Liang, &ONES),
        (Function::Phone, Value::Digits(keyed) | Value::Phone(keyed)) => {
            out = digits::tokens(keyed, |digit| if digit == 1 { "幺" } else { pick(&DIGITS, digit.into()) });
        }
        (_, Value::Digits(keyed) | Value::Phone(keyed)) => {
            out = digits::tokens(keyed, |digit| pick(&DIGITS, digit.into()));
        }
        (_, Value::Year(number)) => year(&mut out, *number),
        (Function::Year, Value::Month(value)) => year(&mut out, value.year()),
        (_, Value::Month(value)) => month(&mut out, *value),
        (Function::Year, Value::Date(day)) => year(&mut out, day.year()),
        (Function::Month, Value::Date(day)) => month(&mut out, Month::of(*day)),
        (_, Value::Date(day)) => date(&mut out, *day),
        (_, Value::Word(_)) => {}
    }
    out
}

/// 负 before what is owed; jiao and fen without 零元; 零 before fen where there are yuan but no jiao.
fn money(out: &mut Vec<Token>, amount: Fen) {
    let (yuan, jiao, fen) = amount.parts();
    if amount.0 < 0 {
        out.push(plain("负"));
    }
    if yuan > 0 || (jiao == 0 && fen == 0) {
        integer(out, yuan, Two::Liang, &YUAN);
    }
    if jiao > 0 {
        out.push(plain(pick(&JIAO, jiao.into())));
    } else if fen > 0 && yuan > 0 {
        out.push(plain(DIGITS[0]));
    }
    if fen > 0 {
        out.push(plain(pick(&FEN, fen.into())));
    }
}

/// A whole number whose lowest group counts `last`.
fn integer(out: &mut Vec<Token>, number: u64, two: Two, last: &Unit) {
    if number == 0 {
        out.push(plain(pick(&last.with, 0)));
        return;
    }
    let (trillions, rest) = (number / 1_000_000_000_000, number % 1_000_000_000_000);
    if trillions > 0 {
        integer(out, trillions, two, &ONES);
        out.push(plain("兆"));
    }
    let mut begun = trillions > 0;
    let mut zeros = false;
    let groups =
        [(rest / 100_000_000, &HUNDRED_MILLIONS), (rest / 10_000 % 10_000, &TEN_THOUSANDS), (rest % 10_000, last)];
    for (value, unit) in groups {
        if value == 0 {
            zeros = begun;
            continue;
        }
        if begun && (zeros || value < 1000) {
            out.push(plain(DIGITS[0]));
        }
        group(out, value, !begun, two, unit);
        (begun, zeros) = (true, false);
    }
    if rest % 10_000 == 0 && !last.bare.is_empty() {
        out.push(plain(last.bare));
    }
}

/// One group, 1–9999, and what it counts. `first`: nothing stands before it.
fn group(out: &mut Vec<Token>, value: u64, first: bool, two: Two, unit: &Unit) {
    if value == 2 && two == Two::Liang && (first || unit.two_inside) {
        out.push(plain(unit.two));
        return;
    }
    let (thousands, hundreds, tens, units) = (value / 1000, value / 100 % 10, value / 10 % 10, value % 10);
    let mut zeros = false;
    for (digit, table, plain_two) in [(thousands, &THOUSANDS, "二千"), (hundreds, &HUNDREDS, "二百")] {
        if digit == 0 {
            zeros = value >= 1000;
        } else {
            let with_two = digit == 2 && two == Two::Er;
            out.push(plain(if with_two { plain_two } else { pick(table, digit) }));
        }
    }
    if tens > 0 {
        if zeros {
            out.push(plain(DIGITS[0]));
        }
        zeros = false;
        out.push(plain(if first && value < 20 { "十" } else { pick(&TENS, tens) }));
    } else {
        zeros = value >= 100;
    }
    if units > 0 {
        if zeros {
            out.push(plain(DIGITS[0]));
        }
        out.push(plain(pick(&unit.with, units)));
    } else if !unit.bare.is_empty() {
        out.push(plain(unit.bare));
    }
}

/// 二零二四年 as one token; other years digit by digit, then 年.
fn year(out: &mut Vec<Token>, number: i16) {
    if YEARS.contains(&number) {
        out.push(whole_year(number));
        return;
    }
    if number < 0 {
        out.push(plain("负"));
    }
    out.extend(year_digits(number).map(|text| Token { text: text.into(), form: Form::Inside }));
    out.push(plain("年"));
}

fn whole_year(number: i16) -> Token {
    let mut text: String = year_digits(number).collect();
    text.push('年');
    plain(text)
}

fn year_digits(number: i16) -> impl Iterator<Item = &'static str> {
    let written = number.unsigned_abs().to_string();
    written.into_bytes().into_iter().map(|digit| pick(&DIGITS, u64::from(digit.wrapping_sub(b'0'))))
}

fn month(out: &mut Vec<Token>, value: Month) {
    year(out, value.year());
    out.push(plain(pick(&MONTHS, u64::from(value.month().unsigned_abs()))));
}

fn date(out: &mut Vec<Token>, day: Date) {
    year(out, day.year());
    out.push(plain(pick(&MONTHS, u64::from(day.month().unsigned_abs()))));
    out.push(day_of_month(day.day().unsigned_abs()));
}

/// 一日 … 三十一日.
fn day_of_month(day: u8) -> Token {
    let mut parts = Vec::new();
    integer(&mut parts, day.into(), Two::Er, &ONES);
    let mut text: String = parts.iter().map(|token| token.text.as_ref()).collect();
    text.push('日');
    plain(text)
}

pub(super) fn vocabulary(function: Function) -> Vec<Token> {
    match function {
        Function::Money => {
            let money = [&JIAO[1..], &FEN[1..], &YUAN.with, &["负", YUAN.bare, YUAN.two]];
            numbers().chain(money.concat().into_iter().map(plain)).collect()
        }
        Function::Count => numbers().collect(),
        Function::Cardinal => numbers().chain(["二百", "二千"].map(plain)).collect(),
        Function::Ordinal => numbers().chain(["二百", "二千", "第"].map(plain)).collect(),
        Function::Digits => in_both_forms(DIGITS.into_iter().chain(["X"])),
        Function::Phone => in_both_forms(DIGITS.into_iter().filter(|digit| *digit != "一").chain(["幺", "X"])),
        Function::Year => years().collect(),
        Function::Month => years().chain(MONTHS.into_iter().skip(1).map(plain)).collect(),
        Function::Date => {
            years().chain(MONTHS.into_iter().skip(1).map(plain)).chain((1..=31).map(day_of_month)).collect()
        }
    }
}

/// What counts are made of.
fn numbers() -> impl Iterator<Item = Token> {
    let tables = [&DIGITS[..], &TENS[1..], &HUNDREDS[1..], &THOUSANDS[1..]].concat();
    let units = [&TEN_THOUSANDS, &HUNDRED_MILLIONS];
    let with_units = units.into_iter().flat_map(|unit| unit.with.into_iter().skip(1).chain([unit.bare, unit.two]));
    tables.into_iter().chain(with_units).chain(["十", "两", "兆"]).map(plain)
}

fn years() -> impl Iterator<Item = Token> {
    let digits = DIGITS.into_iter().map(|text| Token { text: text.into(), form: Form::Inside });
    YEARS.map(whole_year).chain(digits).chain([plain("年")])
}

fn in_both_forms(texts: impl Iterator<Item = &'static str>) -> Vec<Token> {
    let forms = [Form::Inside, Form::Ending];
    texts.flat_map(|text| forms.map(|form| Token { text: text.into(), form })).collect()
}
