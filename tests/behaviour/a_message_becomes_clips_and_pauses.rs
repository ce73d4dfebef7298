//! What is played for a message, in order: clips by their text, pauses in milliseconds.

use hotline::facts::{Fen, Language, Month};
use hotline::speech::{Catalogue, Form, Line, MOST_PARTS, Pace, Part, Spoken, Value};
use jiff::civil::date;

const ZH: Language = Language::ZhCn;
const EN: Language = Language::En;

const MANDARIN: &str = "\
balance = 您的{ $insurance ->
        [pension] 养老保险
       *[medical] 医疗保险
    }个人账户余额为{ MONEY($amount) }，截至{ MONTH($as-of) }。
plain = 余额{ $amount }。
menu =
    查询余额，请按一；
    人工服务，请按零。

    重听请按星号键。
months = 累计缴费{ COUNT($months) }个月。
read = 尾号{ DIGITS($number) }，日期{ $day }。
call = 请拨打{ PHONE($phone) }。
only-here = 只有中文。
-hotline = 一二三三三
about = 这里是{ -hotline }热线{ \"。\" }{ only-here }{ ask.too-short }
ask = 请输入。
    .too-short = 太短了！
every = { MONEY($a) }{ COUNT($b) }{ DIGITS($c) }{ PHONE($d) }{ YEAR($e) }{ MONTH($f) }{ DATE($g) }{ ORDINAL($b) }{ CARDINAL($b) }
";

const ENGLISH: &str = "\
balance = The balance of your { $insurance ->
        [pension] pension
       *[medical] medical
    } account is { MONEY($amount) }, as of { MONTH($as-of) }.
months = Paid for { COUNT($months) } { $months ->
        [0] months; nothing yet
        [one] month
       *[other] months
    }.
menu =
    For your balance,  press one.
    \"Quotes\" stay... To end, press nine!
";

fn catalogue() -> Catalogue {
    let files = [("prompts/zh-CN/a.ftl", MANDARIN), ("prompts/en/a.ftl", ENGLISH)];
    Catalogue::from_texts(files.map(|(name, text)| (name.to_owned(), text.to_owned()))).expect("no mistakes")
}

/// `text|text|150|text`; a digit that ends its group has a dot.
fn heard(spoken: &Spoken) -> String {
    let parts = spoken.parts.iter().map(|part| match part {
        Part::Clip { text, form: Form::Ending } => format!("{text}."),
        Part::Clip { text, .. } => text.to_string(),
        Part::Pause(length) => length.as_millis().to_string(),
    });
    parts.collect::<Vec<_>>().join("|")
}

fn said(language: Language, line: &Line) -> (String, String) {
    let spoken = catalogue().speak(language, line, Pace::Normal).expect("there is such a message");
    (spoken.text.clone(), heard(&spoken))
}

fn balance() -> Line {
    Line::new("balance")
        .with("insurance", Value::Word("pension"))
        .with("amount", Value::Money(Fen(123_405)))
        .with("as-of", Value::Month(Month::new(2026, 10).unwrap()))
}

#[test]
fn an_amount_in_a_sentence() {
    let (text, clips) = said(ZH, &balance());
    assert_eq!(text, "您的养老保险个人账户余额为一千两百三十四元零五分，截至二零二六年十月。");
    assert_eq!(clips, "您的养老保险个人账户余额为|一千|两百|三十|四元|零|五分|150|截至|二零二六年|十月");
    let (text, clips) = said(EN, &balance());
    let words = "one thousand two hundred thirty-four yuan and five fen";
    assert_eq!(text, format!("The balance of your pension account is {words}, as of October twenty twenty-six."));
    assert_eq!(
        clips,
        "The balance of your pension account is|one|thousand|two hundred|thirty-four|yuan|and|five|fen|150|as of|\
         October|twenty twenty-six"
    );
}

#[test]
fn a_value_without_a_function_is_spoken_in_its_own_way() {
    assert_eq!(said(ZH, &Line::new("plain").with("amount", Value::Money(Fen(50)))).1, "余额|五角");
    let line = Line::new("plain").with("amount", Value::Count(2));
    assert_eq!(said(ZH, &line).1, "余额|两");
}

#[test]
fn counts_are_chosen_by_number_and_by_plural() {
    let months = |count| said(EN, &Line::new("months").with("months", Value::Count(count)));
    assert_eq!(months(1), ("Paid for one month.".into(), "Paid for|one|month".into()));
    assert_eq!(months(2).1, "Paid for|two|months");
    assert_eq!(months(0).1, "Paid for|zero|months; nothing yet");
    assert_eq!(months(101).0, "Paid for one hundred one months.");
    // Beyond what a float holds exactly, and where plural rules of a float would panic.
    assert_eq!(months(9_007_199_254_740_993).1, said_number(9_007_199_254_740_993));
    assert_eq!(months(u64::MAX).1, said_number(u64::MAX));
    assert_eq!(said(ZH, &Line::new("months").with("months", Value::Count(240))).1, "累计缴费|两百|四十|个月");
}

fn said_number(count: u64) -> String {
    let value = Value::Count(count);
    let tokens = hotline::speech::grammar::tokens(EN, hotline::speech::Function::Count, &value);
    let words: Vec<&str> = tokens.iter().map(|token| token.text.as_ref()).collect();
    format!("Paid for|{}|months", words.join("|"))
}

#[test]
fn each_line_of_a_message_is_a_clip() {
    let (text, clips) = said(ZH, &Line::new("menu"));
    assert_eq!(text, "查询余额，请按一；人工服务，请按零。重听请按星号键。");
    assert_eq!(clips, "查询余额，请按一|400|人工服务，请按零|400|重听请按星号键");
    let (text, clips) = said(EN, &Line::new("menu"));
    assert_eq!(text, "For your balance, press one. \"Quotes\" stay... To end, press nine!");
    assert_eq!(clips, "For your balance, press one|400|\"Quotes\" stay... To end, press nine");
}

#[test]
fn digits_are_heard_in_groups() {
    let line =
        Line::new("read").with("number", Value::Digits("12345678".into())).with("day", Value::Date(date(2026, 11, 25)));
    assert_eq!(said(ZH, &line).1, "尾号|一|二|三|四.|250|五|六|七|八.|150|日期|二零二六年|十一月|二十五日");
    let line = Line::new("call").with("phone", Value::Phone("01012333".into()));
    assert_eq!(said(ZH, &line).0, "请拨打零幺零幺二三三三。");
}

#[test]
fn slow_reading_lengthens_pauses_and_parts_values() {
    let spoken = catalogue().speak(ZH, &balance(), Pace::Slow).unwrap();
    assert_eq!(
        heard(&spoken),
        "您的养老保险个人账户余额为|一千|200|两百|200|三十|200|四元|200|零|200|五分|300|截至|二零二六年|200|十月"
    );
    assert_eq!(spoken.text, said(ZH, &balance()).0);
    let line = Line::new("call").with("phone", Value::Phone("123456".into()));
    let spoken = catalogue().speak(ZH, &line, Pace::Slow).unwrap();
    assert_eq!(heard(&spoken), "请拨打|幺|200|二|200|三.|500|四|200|五|200|六.");
}

#[test]
fn references_are_followed() {
    let (text, clips) = said(ZH, &Line::new("about"));
    assert_eq!(text, "这里是一二三三三热线。只有中文。太短了！");
    assert_eq!(clips, "这里是一二三三三热线。只有中文。太短了");
    assert_eq!(said(ZH, &Line::new("ask.too-short")).1, "太短了");
}

#[test]
fn a_message_missing_in_a_language_is_said_in_the_first_that_has_it() {
    let spoken = catalogue().speak(EN, &Line::new("only-here"), Pace::Normal).unwrap();
    assert_eq!((spoken.language, spoken.text.as_str()), (ZH, "只有中文。"));
    assert_eq!(catalogue().speak(EN, &balance(), Pace::Normal).unwrap().language, EN);
    for unknown in ["", ".", "unknown", "ask.unknown", "ask.", ".too-short", "-hotline", "MONEY", "ask.too-short.x"] {
        assert_eq!(catalogue().speak(EN, &Line::new(unknown), Pace::Normal), None, "{unknown}");
    }
}

#[test]
fn a_value_that_is_not_given_is_left_out() {
    assert_eq!(said(ZH, &Line::new("plain")), ("余额。".into(), "余额".into()));
    assert_eq!(said(ZH, &Line::new("months")).1, "累计缴费|个月");
    assert_eq!(said(EN, &Line::new("balance")).0, "The balance of your medical account is , as of .");
}

#[test]
fn a_value_of_another_kind_is_spoken_in_its_own_way() {
    let odd = [
        Value::Money(Fen(200)),
        Value::Count(3),
        Value::Digits("12".into()),
        Value::Year(2026),
        Value::Word("pension"),
    ];
    for value in odd {
        let mut line = Line::new("every");
        for name in ["a", "b", "c", "d", "e", "f", "g"] {
            line = line.with(name, value.clone());
        }
        let spoken = catalogue().speak(ZH, &line, Pace::Slow).unwrap();
        assert_eq!(spoken.parts.is_empty(), value == Value::Word("pension"));
    }
}

#[test]
fn huge_and_hostile_values_are_bounded() {
    let marker = "\u{E000}\u{E010}\u{E100}\u{E001}";
    let huge = [
        "1".repeat(1_000_000),
        "X".repeat(1_000_000),
        "汉".repeat(1_000_000),
        marker.repeat(100_000),
        "{ $amount }".to_owned(),
        String::new(),
    ];
    for keyed in huge {
        let line = Line::new("read").with("number", Value::Digits(keyed.clone()));
        let spoken = catalogue().speak(ZH, &line, Pace::Slow).unwrap();
        assert!(spoken.parts.len() <= 2 + 64 * 2, "{}", spoken.parts.len());
        assert!(!spoken.text.contains('$') && !spoken.text.contains('\u{E000}'));
        let mut crowded = Line::new("every");
        for _ in 0..200 {
            crowded = crowded.with("c", Value::Digits(keyed.chars().take(200).collect()));
        }
        assert!(catalogue().speak(ZH, &crowded, Pace::Slow).unwrap().parts.len() <= MOST_PARTS);
    }
}

#[test]
fn no_line_has_more_parts_than_its_bound() {
    let many = format!("many = {}\n", "{ DIGITS($x) }，".repeat(100));
    let catalogue = Catalogue::from_texts([("en/a.ftl".to_owned(), many)]).expect("no mistakes");
    let line = Line::new("many").with("x", Value::Digits("1".repeat(64)));
    let spoken = catalogue.speak(EN, &line, Pace::Slow).unwrap();
    assert!(spoken.parts.len() <= MOST_PARTS && spoken.parts.len() >= MOST_PARTS - 1);
    assert!(matches!(spoken.parts.last(), Some(Part::Clip { .. })));
}

#[test]
fn it_tells_what_it_holds() {
    let catalogue = catalogue();
    assert_eq!(catalogue.languages().collect::<Vec<_>>(), [ZH, EN]);
    assert!(catalogue.has(ZH, "ask") && catalogue.has(ZH, "ask.too-short") && !catalogue.has(EN, "ask"));
    assert_eq!(catalogue.attributes(ZH, "ask"), ["too-short"]);
    assert_eq!(catalogue.messages(EN), ["balance", "menu", "months"]);
}
