//! Vectors of how amounts, counts, digits, years, months and days are said.

use hotline::facts::{Fen, Language, Month};
use hotline::speech::{Form, Function, Value, grammar};
use jiff::civil::date;

const ZH: Language = Language::ZhCn;
const EN: Language = Language::En;

fn pieces(language: Language, function: Function, value: &Value) -> String {
    let tokens = grammar::tokens(language, function, value);
    tokens.iter().map(|token| token.text.as_ref()).collect::<Vec<_>>().join("|")
}

fn written(language: Language, function: Function, value: &Value) -> String {
    grammar::written(language, &grammar::tokens(language, function, value))
}

fn own(language: Language, value: &Value) -> String {
    pieces(language, Function::of(value.kind()).expect("not a word"), value)
}

#[test]
fn zeros_and_tens_of_mandarin() {
    // S01 mod_say_zh: 1010–1019, 10010, 10110, 200000, 100000, 1000000, 100010000. S08: no 零 at the end.
    // S11 num2words: 120078900500090.
    for (number, expected) in [
        (0, "零"),
        (10, "十"),
        (101, "一百零一"),
        (110, "一百一十"),
        (1010, "一千零一十"),
        (1015, "一千零一十五"),
        (1050, "一千零五十"),
        (10010, "一万零一十"),
        (10110, "一万零一百一十"),
        (10500, "一万零五百"),
        (100_000, "十万"),
        (105_000, "十万五千"),
        (200_000, "二十万"),
        (230_000, "二十三万"),
        (300_500, "三十万零五百"),
        (1_000_000, "一百万"),
        (1_005_000, "一百万五千"),
        (100_010_000, "一亿零一万"),
        (100_010_001, "一亿零一万零一"),
        (120_078_900_500_090, "一百二十兆零七百八十九亿零五十万零九十"),
        (9_999_999_999_999_999, "九千九百九十九兆九千九百九十九亿九千九百九十九万九千九百九十九"),
    ] {
        assert_eq!(written(ZH, Function::Cardinal, &Value::Count(number)), expected);
    }
}

#[test]
fn two_of_mandarin() {
    // S05 libnumbertext#83, S06 GPT-SoVITS#1612.
    for (number, expected) in [
        (2, "两"),
        (12, "十二"),
        (20, "二十"),
        (200, "两百"),
        (222, "两百二十二"),
        (1002, "一千零二"),
        (2222, "两千两百二十二"),
        (20_000, "两万"),
        (22_222, "两万两千两百二十二"),
        (20_000_000, "两千万"),
        (222_222, "二十二万两千两百二十二"),
        (240, "两百四十"),
        (2345, "两千三百四十五"),
        (200_000_000, "两亿"),
        (100_020_000, "一亿零两万"),
        (2_000_000_000_000, "两兆"),
    ] {
        assert_eq!(written(ZH, Function::Count, &Value::Count(number)), expected);
    }
    assert_eq!(written(ZH, Function::Ordinal, &Value::Count(234)), "第二百三十四");
    assert_eq!(written(ZH, Function::Ordinal, &Value::Count(2)), "第二");
    assert_eq!(pieces(ZH, Function::Count, &Value::Count(222_222)), "二十|二万|两千|两百|二十|二");
    assert_eq!(pieces(ZH, Function::Count, &Value::Count(100_000)), "十|万");
    assert_eq!(pieces(ZH, Function::Count, &Value::Count(2_000_000_000_000)), "两|兆");
}

#[test]
fn money_of_mandarin() {
    for (fen, expected) in [
        (0, "零元"),
        (5, "五分"),
        (50, "五角"),
        (20, "两角"),
        (2, "两分"),
        (55, "五角|五分"),
        (200, "两元"),
        (1200, "十|二元"),
        // S11 num2words: 10.05.
        (1005, "十|元|零|五分"),
        (22_000, "两百|二十|元"),
        (123_405, "一千|两百|三十|四元|零|五分"),
        (123_450, "一千|两百|三十|四元|五角"),
        (32_504, "三百|二十|五元|零|四分"),
        (100_200, "一千|零|二元"),
        (2_000_000, "两万|元"),
        (20_000_000, "二十|万|元"),
        (-12_300, "负|一百|二十|三元"),
        (-5, "负|五分"),
    ] {
        assert_eq!(own(ZH, &Value::Money(Fen(fen))), expected);
    }
}

#[test]
fn money_of_english() {
    // S02 freeswitch#647: fractions are said.
    for (fen, expected) in [
        (0, "zero|yuan"),
        (5, "five|fen"),
        (50, "fifty|fen"),
        (200, "two|yuan"),
        (123_405, "one|thousand|two hundred|thirty-four|yuan|and|five|fen"),
        (357, "three|yuan|and|fifty-seven|fen"),
        (-12_300, "minus|one hundred|twenty-three|yuan"),
    ] {
        assert_eq!(own(EN, &Value::Money(Fen(fen))), expected);
    }
}

#[test]
fn ordinals_of_english_do_not_stop_at_ten() {
    // S02 freeswitch#647.
    let said = [1, 2, 12, 20, 21, 100, 111, 1000].map(|n| written(EN, Function::Ordinal, &Value::Count(n)));
    let expected = [
        "first",
        "second",
        "twelfth",
        "twentieth",
        "twenty-first",
        "one hundredth",
        "one hundred eleventh",
        "one thousandth",
    ];
    assert_eq!(said, expected);
}

#[test]
fn digits_are_said_in_groups() {
    let said = |language, value: &Value| {
        let tokens = grammar::tokens(language, Function::of(value.kind()).unwrap(), value);
        let pieces = tokens.iter().map(|token| match token.form {
            Form::Inside => token.text.to_string(),
            Form::Ending => format!("{}.", token.text),
            Form::Plain => panic!("a digit has a form"),
        });
        pieces.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(said(ZH, &Value::Digits("002X".into())), "零 零 二 X.");
    assert_eq!(said(ZH, &Value::Digits("12333".into())), "一 二 三 三 三.");
    assert_eq!(
        said(ZH, &Value::Digits("11010519491231002x".into())),
        "一 一 零 一 零 五. 一 九 四 九. 一 二 三 一. 零 零 二 X."
    );
    assert_eq!(said(ZH, &Value::Phone("13800138000".into())), "幺 三 八. 零 零 幺 三. 八 零 零 零.");
    assert_eq!(said(ZH, &Value::Phone("+86 (10) 12333".into())), "八 六 幺. 零 幺 二. 三 三 三.");
    assert_eq!(said(EN, &Value::Phone("110".into())), "one one zero.");
    assert_eq!(said(EN, &Value::Digits("12345678".into())), "one two three four. five six seven eight.");
}

#[test]
fn years_months_and_days() {
    let march = Value::Month(Month::new(2024, 3).unwrap());
    assert_eq!(own(ZH, &march), "二零二四年|三月");
    assert_eq!(own(EN, &march), "March|twenty twenty-four");
    assert_eq!(own(EN, &Value::Month(Month::new(2000, 3).unwrap())), "March|two thousand");
    assert_eq!(own(ZH, &Value::Year(2000)), "二零零零年");
    assert_eq!(own(ZH, &Value::Year(1949)), "一|九|四|九|年");
    assert_eq!(own(EN, &Value::Year(1949)), "nineteen|forty-nine");
    assert_eq!(own(EN, &Value::Year(1905)), "one|thousand|nine hundred|five");
    assert_eq!(own(EN, &Value::Year(1970)), "nineteen seventy");
    assert_eq!(own(EN, &Value::Year(2005)), "two thousand five");
    assert_eq!(own(EN, &Value::Year(2010)), "twenty ten");
    assert_eq!(own(EN, &Value::Year(2040)), "twenty forty");
    let day = Value::Date(date(2026, 10, 31));
    assert_eq!(own(ZH, &day), "二零二六年|十月|三十一日");
    assert_eq!(own(EN, &day), "October|thirty-first|twenty twenty-six");
    assert_eq!(own(ZH, &Value::Date(date(2026, 11, 1))), "二零二六年|十一月|一日");
    assert_eq!(pieces(ZH, Function::Year, &day), "二零二六年");
    assert_eq!(pieces(ZH, Function::Month, &day), "二零二六年|十月");
}

#[test]
fn the_ends_of_the_range_are_said_too() {
    for language in Language::ALL {
        for number in [0, 1, u64::MAX, u64::MAX - 1, 10_u64.pow(16), 10_u64.pow(19)] {
            for function in [Function::Count, Function::Cardinal, Function::Ordinal] {
                assert!(!written(language, function, &Value::Count(number)).is_empty());
            }
        }
        for fen in [i64::MIN, i64::MAX, -1] {
            assert!(!own(language, &Value::Money(Fen(fen))).is_empty());
        }
        for year in [i16::MIN, -1, 0, 9, 10, 999, 1000, 9999, 10_000, i16::MAX] {
            assert!(!own(language, &Value::Year(year)).is_empty());
        }
        assert!(!own(language, &Value::Date(jiff::civil::Date::MIN)).is_empty());
        assert!(!own(language, &Value::Date(jiff::civil::Date::MAX)).is_empty());
    }
}
