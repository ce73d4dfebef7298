//! English: numbers by thousands, years by pairs, jiao spoken as fen.
//!
//! ```text
//!   1234.50 yuan   one|thousand|two hundred|thirty-four|yuan|and|fifty|fen
//!   March 2024     March|twenty twenty-four          2005  two thousand five       1949  nineteen|forty-nine
//! ```

use super::{Form, Function, Token, YEARS, digits, pick, plain};
use crate::facts::{Fen, Month};
use crate::speech::Value;
use jiff::civil::Date;

const BELOW_TWENTY: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
const HUNDREDS: [&str; 10] = [
    "",
    "one hundred",
    "two hundred",
    "three hundred",
    "four hundred",
    "five hundred",
    "six hundred",
    "seven hundred",
    "eight hundred",
    "nine hundred",
];
const SCALES: [(u64, &str); 3] = [(1_000_000_000, "billion"), (1_000_000, "million"), (1000, "thousand")];
const MONTHS: [&str; 13] = [
    "",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

pub(super) fn tokens(function: Function, value: &Value) -> Vec<Token> {
    let mut out = Vec::new();
    match (function, value) {
        (_, Value::Money(amount)) => money(&mut out, *amount),
        (Function::Ordinal, Value::Count(count)) => {
            integer(&mut out, *count);
            if let Some(last) = out.last_mut() {
                *last = plain(ordinal(&last.text));
            }
        }
        (_, Value::Count(count)) => integer(&mut out, *count),
        (_, Value::Digits(keyed) | Value::Phone(keyed)) => {
            out = digits::tokens(keyed, |digit| pick(&BELOW_TWENTY, digit.into()));
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

fn money(out: &mut Vec<Token>, amount: Fen) {
    let (yuan, jiao, fen) = amount.parts();
    let fen = u64::from(jiao) * 10 + u64::from(fen);
    if amount.0 < 0 {
        out.push(plain("minus"));
    }
    if yuan > 0 || fen == 0 {
        integer(out, yuan);
        out.push(plain("yuan"));
    }
    if fen > 0 {
        if yuan > 0 {
            out.push(plain("and"));
        }
        integer(out, fen);
        out.push(plain("fen"));
    }
}

/// CLDR's `spellout-cardinal`; from 10¹⁵ on, thousands of trillions.
fn integer(out: &mut Vec<Token>, number: u64) {
    if number == 0 {
        out.push(plain(pick(&BELOW_TWENTY, 0)));
        return;
    }
    let (trillions, mut rest) = (number / 1_000_000_000_000, number % 1_000_000_000_000);
    if trillions > 0 {
        integer(out, trillions);
        out.push(plain("trillion"));
    }
    for (scale, name) in SCALES {
        if rest >= scale {
            below_thousand(out, rest / scale);
            out.push(plain(name));
            rest %= scale;
        }
    }
    below_thousand(out, rest);
}

/// 0–999; nothing for 0.
fn below_thousand(out: &mut Vec<Token>, value: u64) {
    if value >= 100 {
        out.push(plain(pick(&HUNDREDS, value / 100)));
    }
    match value % 100 {
        0 => {}
        rest => out.push(below_hundred(rest)),
    }
}

/// 0–99, each one token.
fn below_hundred(value: u64) -> Token {
    match (value, value / 10, value % 10) {
        (0..20, _, _) => plain(pick(&BELOW_TWENTY, value)),
        (_, tens, 0) => plain(pick(&TENS, tens)),
        (_, tens, units) => plain([pick(&TENS, tens), "-", pick(&BELOW_TWENTY, units)].concat()),
    }
}

/// `twenty-one` becomes `twenty-first`, `thousand` `thousandth`.
fn ordinal(cardinal: &str) -> String {
    const IRREGULAR: [(&str, &str); 7] = [
        ("one", "first"),
        ("two", "second"),
        ("three", "third"),
        ("five", "fifth"),
        ("eight", "eighth"),
        ("nine", "ninth"),
        ("twelve", "twelfth"),
    ];
    for (ending, ordinal) in IRREGULAR {
        if let Some(before) = cardinal.strip_suffix(ending) {
            return format!("{before}{ordinal}");
        }
    }
    match cardinal.strip_suffix('y') {
        Some(before) => format!("{before}ieth"),
        None => format!("{cardinal}th"),
    }
}

/// The years with a recording of their own as one token; others by pairs, or as a number where a pair begins with 0.
fn year(out: &mut Vec<Token>, number: i16) {
    if number < 0 {
        out.push(plain("minus"));
    }
    let size = u64::from(number.unsigned_abs());
    let mut parts = Vec::new();
    if size >= 1000 && size % 100 >= 10 && size < 10_000 {
        parts.extend([below_hundred(size / 100), below_hundred(size % 100)]);
    } else {
        integer(&mut parts, size);
    }
    if YEARS.contains(&number) {
        out.push(plain(super::written(crate::facts::Language::En, &parts)));
    } else {
        out.append(&mut parts);
    }
}

fn month(out: &mut Vec<Token>, value: Month) {
    out.push(plain(pick(&MONTHS, u64::from(value.month().unsigned_abs()))));
    year(out, value.year());
}

fn date(out: &mut Vec<Token>, day: Date) {
    out.push(plain(pick(&MONTHS, u64::from(day.month().unsigned_abs()))));
    out.push(day_of_month(day.day().unsigned_abs()));
    year(out, day.year());
}

/// `first` … `thirty-first`.
fn day_of_month(day: u8) -> Token {
    plain(ordinal(&below_hundred(day.into()).text))
}

pub(super) fn vocabulary(function: Function) -> Vec<Token> {
    let months = || MONTHS.into_iter().skip(1).map(plain);
    match function {
        Function::Money => numbers().chain(["yuan", "fen", "and", "minus"].map(plain)).collect(),
        Function::Count | Function::Cardinal => numbers().collect(),
        Function::Ordinal => numbers().chain((1..=31).map(day_of_month)).collect(),
        Function::Digits | Function::Phone => {
            let texts = BELOW_TWENTY.into_iter().take(10).chain(["X"]);
            let forms = [Form::Inside, Form::Ending];
            texts.flat_map(|text| forms.map(|form| Token { text: text.into(), form })).collect()
        }
        Function::Year => years().collect(),
        Function::Month => months().chain(years()).collect(),
        Function::Date => months().chain((1..=31).map(day_of_month)).chain(years()).collect(),
    }
}

/// What numbers are made of.
fn numbers() -> impl Iterator<Item = Token> {
    let scales = SCALES.into_iter().map(|(_, name)| name).chain(["trillion"]);
    (0..100).map(below_hundred).chain(HUNDREDS.into_iter().skip(1).chain(scales).map(plain))
}

/// The years from 1970 to 2040, and what those from 1000 on are made of.
fn years() -> impl Iterator<Item = Token> {
    let whole = YEARS.flat_map(|number| {
        let mut out = Vec::new();
        year(&mut out, number);
        out
    });
    let others = (0..100).map(below_hundred).chain(HUNDREDS.into_iter().skip(1).chain(["thousand"]).map(plain));
    whole.chain(others)
}
