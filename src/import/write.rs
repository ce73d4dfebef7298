//! A draft as the files that operators edit.

use std::fmt::Write;

use super::draft::{Asking, Body, Draft, Goal, Step};
use super::{Origin, Source};
use crate::facts::Language;

/// What every hotline says when something goes wrong, without a word of a person, whom an imported menu does not have.
const COMMON_EN: &str = "common =
    .no-input = I did not hear a key.
    .no-input-2 = I still did not hear a key.
    .no-match = That is not one of the choices.
    .no-match-2 = That is still not one of the choices.
    .too-short = That number is too short.
    .too-long = That number is too long.
    .bad-area = The number does not begin as it should.
    .bad-date = The date of birth in the number is not right.
    .bad-check = One of the digits seems to be wrong.
    .help = Please key the number again.
    .out-of-range = There are no records of that year.
    .unlike = The two numbers are not the same.
    .one-moment = One moment, please.
    .call-limit = This call has reached its time limit. Goodbye.
    .gave-up = I did not receive a valid entry.
";

/// The same in Mandarin.
const COMMON_ZH_CN: &str = "common =
    .no-input = 没有收到您的按键。
    .no-input-2 = 仍然没有收到您的按键。
    .no-match = 没有这个选项。
    .no-match-2 = 仍然没有这个选项。
    .too-short = 您输入的号码位数不够。
    .too-long = 您输入的号码位数过多。
    .bad-area = 号码开头不正确。
    .bad-date = 号码中的出生日期不正确。
    .bad-check = 号码中有一位可能输错了。
    .help = 请重新输入号码。
    .out-of-range = 没有该年份的记录。
    .unlike = 两次输入的号码不一致。
    .one-moment = 请稍候。
    .call-limit = 本次通话已达到时间上限，再见。
    .gave-up = 没有收到有效的输入。
";

pub(super) fn common(language: Language) -> String {
    match language {
        Language::ZhCn => COMMON_ZH_CN,
        Language::En => COMMON_EN,
    }
    .to_owned()
}

/// The messages, each sound a line that names it.
pub(super) fn texts(draft: &Draft, source: &Source<'_>) -> String {
    let mut text = format!(
        "# Imported from {}. Put a text in the place of each line that names a sound; a line is one recording.\n",
        comment(source.file)
    );
    for name in draft.order.iter().filter(|name| draft.messages.contains_key(*name)) {
        let Some(message) = draft.messages.get(name) else { continue };
        let said: Vec<&String> = message.lines.iter().filter(|line| !line.is_empty()).collect();
        let _ = match said.as_slice() {
            // Nothing is said: the question waits in silence.
            [] => write!(text, "\n{name} = {{ \"\" }}\n"),
            [line] => write!(text, "\n{name} = {line}\n"),
            lines => {
                let _ = write!(text, "\n{name} =\n");
                lines.iter().try_for_each(|line| writeln!(text, "    {line}"))
            }
        };
        for (attribute, said) in &message.attributes {
            let _ = writeln!(text, "    .{attribute} = {said}");
        }
    }
    text
}

/// The script.
pub(super) fn menu(draft: &Draft, source: &Source<'_>) -> String {
    let system = match source.origin {
        Origin::FreeSwitch => "FreeSWITCH",
        Origin::Asterisk => "Asterisk",
    };
    let mut text = format!("# Imported from {}, a menu of {system}.\n\n[hotline]\n", comment(source.file));
    let (name, start, tag) = (&draft.name, &draft.start, source.language.tag());
    let _ = write!(text, "name = \"{name}\"\nstart = \"{start}\"\nlanguages = [\"{tag}\"]\n");
    text.push_str("\n[defaults]\n# person = \"…\"  the step that `0` leads to: the other menu does not say\n");
    for name in &draft.order {
        let Some(step) = draft.steps.get(name) else { continue };
        let before = source.text.get(..step.span.start).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let _ = write!(text, "\n[{name}]  # line {line}\n{}", body(step));
    }
    text
}

fn body(step: &Step) -> String {
    let mut text = String::new();
    let _ = match &step.body {
        Body::Say { message, skippable, then } => {
            let whole = if *skippable { "" } else { "skippable = false\n" };
            write!(text, "say = \"{message}\"\n{whole}then = \"{}\"\n", goal(then))
        }
        Body::Menu { message, choices, asking } => {
            let _ = writeln!(text, "menu = \"{message}\"");
            for (key, chosen) in choices {
                let symbol = key.symbol();
                let key = if symbol.is_ascii_alphanumeric() { symbol.to_string() } else { format!("\"{symbol}\"") };
                let _ = writeln!(text, "{key} = \"{}\"", goal(chosen));
            }
            rules(asking, &mut text);
            Ok(())
        }
        Body::Ask { message, most, store, then, asking } => {
            let _ = writeln!(text, "ask = \"{message}\"\nfield = {{ digits = {{ min = 1, max = {most} }} }}");
            let _ = writeln!(text, "store = \"{store}\"\nthen = \"{}\"", goal(then));
            rules(asking, &mut text);
            Ok(())
        }
        Body::Transfer { message, to, refused } => {
            write!(text, "transfer = \"{message}\"\nto = \"{to}\"\nrefused = \"{refused}\"\n")
        }
        Body::HangUp { message: Some(message) } => writeln!(text, "hang-up = \"{message}\""),
        Body::HangUp { message: None } => writeln!(text, "hang-up = true"),
    };
    text
}

fn rules(asking: &Asking, text: &mut String) {
    let times = [("first-key", asking.first_key), ("between-keys", asking.between_keys)];
    for (key, millis) in times.into_iter().filter_map(|(key, millis)| Some((key, millis?))) {
        let _ = if millis % 1000 == 0 {
            writeln!(text, "{key} = \"{}s\"", millis / 1000)
        } else {
            writeln!(text, "{key} = \"{millis}ms\"")
        };
    }
    let tries =
        [("tries", asking.tries), ("no-input-tries", asking.no_input_tries), ("no-match-tries", asking.no_match_tries)];
    for (key, tries) in tries.into_iter().filter_map(|(key, tries)| Some((key, tries?))) {
        let _ = writeln!(text, "{key} = {tries}");
    }
    let _ = writeln!(text, "gave-up = \"{}\"", asking.gave_up);
}

fn goal(goal: &Goal) -> &str {
    match goal {
        Goal::Step(step) => step,
        Goal::Repeat => "@repeat",
        Goal::Back => "@back",
    }
}

/// A file's name, on one line.
fn comment(file: &str) -> String {
    file.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}
