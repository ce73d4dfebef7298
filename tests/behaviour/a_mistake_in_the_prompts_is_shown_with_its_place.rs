//! Every mistake in the prompts is told at once: file, line, column, what, and how to mend it.

use hotline::facts::{Fault, Language};
use hotline::speech::{Catalogue, ValueKind};

fn load(files: &[(&str, &str)]) -> Result<Catalogue, Vec<Fault>> {
    Catalogue::from_texts(files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())))
}

/// `file:line:column message | hint`.
fn told(faults: &[Fault]) -> Vec<String> {
    let told = faults.iter().map(|fault| {
        let (line, column) = fault.line_column();
        format!("{}:{line}:{column} {} | {}", fault.file, fault.message, fault.hint.as_deref().unwrap_or(""))
    });
    told.collect()
}

#[test]
fn all_mistakes_are_told_at_once() {
    let account = "\
good = 好。
unclosed = 余额{ MONEY($amount)
twice = 一
twice = 二
unknown = { MONY($x) }
-term = 叫{ $name }
number = { 5 }
refers = { god }
loop = { loop }
choice = { MONEY($x) ->
   *[b] 乙
 }
named = { MONEY($x, digits: 2) }
no default = 三
one-line = { $x -> *[b] 乙 }
";
    let more = "twice = 三\nMONEY = 四\nprivate = \u{E000}\n";
    let more_again = "twice = 三\nMONEY = 四\nlate = { -gone }\n";
    let faults = load(&[
        ("prompts/zh-CN/account.ftl", account),
        ("prompts/zh-CN/more.ftl", more),
        ("prompts/zh-CN/more-again.ftl", more_again),
        ("prompts/yue/a.ftl", "a = 甲"),
    ])
    .unwrap_err();
    let told = told(&faults);
    for expected in [
        "prompts/zh-CN/account.ftl:3:1 ",
        "prompts/zh-CN/account.ftl:4:1 twice is defined twice | twice is in prompts/zh-CN/account.ftl already: keep one",
        "prompts/zh-CN/account.ftl:5:13 there is no function MONY | did you mean MONEY?",
        "prompts/zh-CN/account.ftl:6:13 a term names the value $name | a term is a fixed text: use a message instead",
        "prompts/zh-CN/account.ftl:7:12 a number in braces | write it as part of the text, without braces",
        "prompts/zh-CN/account.ftl:8:12 there is no god to refer to | did you mean good?",
        "prompts/zh-CN/account.ftl:9:10 loop is too large, or refers to itself",
        "prompts/zh-CN/account.ftl:10:12 MONEY cannot be chosen by | write { $x -> … }",
        "prompts/zh-CN/account.ftl:13:11 MONEY speaks one value and nothing else | write MONEY($value)",
        "prompts/zh-CN/account.ftl:14:4 expected a token starting with \"=\" | a message is written: name = text",
        "prompts/zh-CN/account.ftl:15:20 expected a line break | each variant is on a line of its own, and so is the } behind them",
        "prompts/zh-CN/more.ftl:3:11 a character of Unicode's private use area",
        "prompts/zh-CN/more-again.ftl:1:1 twice is defined twice",
        "prompts/zh-CN/more-again.ftl:2:1 MONEY is defined twice | MONEY is a function: give it another name",
        "prompts/zh-CN/more-again.ftl:3:11 there is no -gone to refer to",
        "prompts/yue:1:1 yue is no language Hotline speaks | languages are zh-CN, en: name the folder so",
    ] {
        assert!(told.iter().any(|line| line.starts_with(expected)), "{expected}\nnot in\n{}", told.join("\n"));
    }
}

#[test]
fn a_message_must_fit_what_its_step_gives() {
    let catalogue = load(&[
        ("prompts/zh-CN/a.ftl", "balance = 余额{ MONEY($amuont) }，截至{ MONEY($as-of) }。\nhelp = 帮助\n"),
        (
            "prompts/en/a.ftl",
            "balance = { $insurance } { $amount ->\n [0] none\n *[other] { $amount }\n } { $insurance ->\n [1] a\n *[b] b\n }\n",
        ),
    ])
    .unwrap();
    let given = [("amount", ValueKind::Money), ("as-of", ValueKind::Month), ("insurance", ValueKind::Word)];
    let faults = catalogue.check_line("balance", &given);
    assert_eq!(
        told(&faults),
        [
            "prompts/zh-CN/a.ftl:1:21 balance names $amuont, which its step does not give | did you mean $amount?",
            "prompts/zh-CN/a.ftl:1:42 $as-of is no value for MONEY | write MONTH($as-of)",
            "prompts/en/a.ftl:1:13 $insurance is a word to choose by, and is not spoken | \
             write { $insurance -> [pension] … *[medical] … }",
            "prompts/en/a.ftl:1:28 $amount cannot be chosen by | choose by a word or a count; this value can only be spoken",
            "prompts/en/a.ftl:4:6 $insurance is a word and never 1 | choose among words, as in [pension]",
        ]
    );
    let faults = catalogue.check_line("help", &[]);
    assert_eq!(
        told(&faults),
        ["prompts/en:1:1 there is no message help in en | write help = … in a file of this folder"]
    );
    assert_eq!(catalogue.check_line_in(Language::ZhCn, "help", &[]), []);
    let faults = catalogue.check_line_in(Language::ZhCn, "balance.too-short", &[]);
    assert_eq!(faults.len(), 1);
    let drawn = format!("{:?}", miette::Report::new(catalogue.check_line("balance", &given).remove(0)));
    assert!(drawn.contains("balance = 余额{ MONEY($amuont) }"), "{drawn}");
}

#[test]
fn files_that_would_break_the_parser_are_refused() {
    let nested = format!("a = {}", "{".repeat(100_000));
    let nested_by_calls = format!("a = {}", "{\nFOO({\n".repeat(50_000));
    let nested_by_strings = format!("a = {}", "{ $x ->\n [b] \" {\"}}}}\"} ".repeat(50_000));
    let large = "#".repeat(2 << 20);
    let escapes = ["a = { \"\\u4F余\" }\n", "a = { \"\\U01F60余\" }\n", "a = { \"\\u余\" }\n"].map(str::to_owned);
    for text in [nested, nested_by_calls, nested_by_strings, large].into_iter().chain(escapes) {
        let faults = load(&[("en/a.ftl", &text)]).unwrap_err();
        assert_eq!(faults.len(), 1, "{:?}", told(&faults).first());
    }
    let whole = load(&[("en/a.ftl", "a = { \"\\u4F59\\U01F600余\" }\n")]);
    whole.expect("escapes with all their digits");
    // As deep as is allowed, on the small stack of a test's thread.
    let deep = format!("a = {}\"x\"{}\n", "{".repeat(100), "}".repeat(100));
    load(&[("en/a.ftl", &deep)]).expect("deep enough");
    let laughs: String = (1..30).map(|level| format!("a{level} = {{ a{0} }}{{ a{0} }}\n", level - 1)).collect();
    let faults = load(&[("en/a.ftl", &format!("a0 = ha\n{laughs}"))]).unwrap_err();
    assert!(faults.iter().all(|fault| fault.message.contains("too large")));
    let chain: String = (1..20_000).map(|level| format!("c{level:05} = {{ c{:05} }}\n", level + 1)).collect();
    let faults = load(&[("en/a.ftl", &format!("{chain}c20000 = end\n"))]).unwrap_err();
    assert_eq!(faults.len(), 1000);
}

#[test]
fn prompts_are_read_from_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let faults = Catalogue::from_dir(folder.path()).unwrap_err();
    assert!(faults[0].message.contains("no prompts"));
    let faults = Catalogue::from_dir(&folder.path().join("missing")).unwrap_err();
    assert!(faults[0].message.contains("cannot be read"));
    std::fs::create_dir(folder.path().join("en")).unwrap();
    std::fs::create_dir(folder.path().join("notes")).unwrap();
    std::fs::write(folder.path().join("en/a.ftl"), "a = One.\r\nb =\r\n    Two\r\n    three.\r\n").unwrap();
    std::fs::write(folder.path().join("en/a.wav"), [0xFF]).unwrap();
    std::fs::write(folder.path().join("recordings.toml"), "").unwrap();
    let catalogue = Catalogue::from_dir(folder.path()).unwrap();
    assert!(catalogue.has(Language::En, "a"));
    let texts = catalogue.fixed_texts(Language::En, "b").unwrap();
    assert_eq!(texts.iter().map(|fixed| &*fixed.text).collect::<Vec<&str>>(), ["Two", "three"]);
    std::fs::write(folder.path().join("en/b.ftl"), [0xFF]).unwrap();
    assert!(Catalogue::from_dir(folder.path()).unwrap_err()[0].file.ends_with("b.ftl"));
}
