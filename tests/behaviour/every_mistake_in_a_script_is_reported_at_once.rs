//! An operator mends a script in one round, however many mistakes of however many sorts it has.

use hotline::menu;

const SCRIPT: &str = r##"
[hotline]
name = "12333"
start = "wellcome"
languages = ["zh-CN", "en"]

[defaults]
person = "person"
first-key = "10 seconds"

[welcome]
say = "welcome"
then = "main"

[main]
menu = main-menu
1 = "balance"
2 = "enter-id"
skippable = true

[enter-id]
ask = "enter-id"
field = "citizen-id"
then = "verify"

[verify]
verify = { id = "id", number = "number" }
matched = "balance"
unmatched = "main"

[balance]
say = "balance"
about = "balance"
then = "goodby"

[person]
say = "person"
say-again = "person"
then = "goodbye"

[goodbye]
hang-up = "goodbye"
"##;

#[test]
fn mistakes_of_every_sort_are_in_one_report() {
    let faults = menu::parse("menu.toml", SCRIPT).unwrap_err();
    let found: Vec<(usize, usize, &str)> =
        faults.iter().map(|fault| (fault.line_column().0, fault.line_column().1, fault.message.as_str())).collect();
    let expected = [
        (4, 9, "there is no step `wellcome`"),
        (9, 13, "`first-key`: `10 seconds` is no length of time"),
        (16, 8, "this is not TOML: string values must be quoted"),
        (19, 1, "a `menu` step has no key `skippable`"),
        (21, 2, "an `ask` step needs `store`, which is missing"),
        (26, 2, "a `verify` step needs `locked`, which is missing"),
        (33, 9, "`about`: unknown value `balance`"),
        (34, 8, "there is no step `goodby`"),
        (38, 1, "a `say` step has no key `say-again`"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!((found.0, found.1), (expected.0, expected.1), "{found:?}");
        assert!(found.2.starts_with(expected.2), "{found:?}");
    }
    assert!(faults.iter().all(|fault| fault.is_error() && fault.hint.is_some() && fault.file == "menu.toml"));
}

#[test]
fn a_name_that_is_nearly_right_is_offered() {
    let faults = menu::parse("menu.toml", SCRIPT).unwrap_err();
    let hint = |line: usize| {
        let fault = faults.iter().find(|fault| fault.line_column().0 == line).unwrap();
        fault.hint.clone().unwrap()
    };
    assert_eq!(hint(4), "did you mean `welcome`?");
    assert_eq!(hint(33), "did you mean `balances`?");
    assert_eq!(hint(34), "did you mean `goodbye`?");
}

#[test]
fn a_script_of_nothing_but_mistakes_shows_a_hundred_and_counts_the_rest() {
    let mut script =
        String::from("[hotline]\nname = \"x\"\nstart = \"s\"\nlanguages = [\"en\"]\n[s]\nhang-up = true\n");
    for wrong in 0..5_000 {
        script.push_str(&format!("wrong-{wrong} = 1\n"));
    }
    let faults = menu::parse("menu.toml", &script).unwrap_err();
    assert_eq!(faults.len(), menu::MOST_FAULTS + 1);
    assert_eq!(faults[0].message, "a `hang-up` step has no key `wrong-0`");
    assert_eq!(faults[100].message, "and 4900 more faults, which are not shown");
}

#[test]
fn a_script_without_end_is_refused_as_a_whole() {
    let long = "#".repeat(menu::LONGEST_SCRIPT + 1);
    let faults = menu::parse("menu.toml", &long).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].message.contains("at most 1048576 bytes"));

    let mut many = String::from("[hotline]\nname = \"x\"\nstart = \"s0\"\nlanguages = [\"en\"]\n");
    for step in 0..=menu::MOST_STEPS {
        many.push_str(&format!("[s{step}]\ngo-to = \"s{}\"\n", step + 1));
    }
    many.push_str(&format!("[s{}]\nhang-up = true\n", menu::MOST_STEPS + 1));
    let faults = menu::parse("menu.toml", &many).unwrap_err();
    let found: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
    assert_eq!(found, ["a script has at most 1000 steps"]);
}
