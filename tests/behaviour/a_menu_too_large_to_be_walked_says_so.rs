//! Ten menus, each of which leads to all others, have more ways back than can be walked: `hotline check` says so, names the
//! steps that it did not come to, and holds nothing against what it has not seen.

use std::fmt::Write as _;
use std::sync::Arc;

use hotline::menu::parse;
use hotline::proof::prove_within;
use hotline::simulate::Scene;

use crate::support::hotline::prompts;

fn large() -> String {
    let mut script = String::from(
        "[hotline]\nname = \"large\"\nstart = \"m0\"\nlanguages = [\"en\"]\n\n[defaults]\nperson = \"person\"\n\n[limits]\nperson-within \
         = \"60m\"\nsilent-within = \"60m\"\nwrong-within = \"60m\"\n\n[person]\nsay = \"person\"\nthen = \"end\"\n\n[end]\nhang-up = \
         true\n",
    );
    for menu in 0..10 {
        let _ = writeln!(script, "\n[m{menu}]\nmenu = \"topics\"\n\"#\" = \"@back\"");
        for key in 1..10 {
            let _ = writeln!(script, "{key} = \"m{}\"", (menu + key) % 10);
        }
    }
    // A way that begins where few come to.
    script.push_str("\"*\" = \"far-1\"\n");
    for step in 1..9 {
        let _ = writeln!(script, "\n[far-{step}]\nmenu = \"topics\"\n1 = \"far-{}\"", step + 1);
    }
    script.push_str("\n[far-9]\nsay = \"goodbye\"\nthen = \"end\"\n");
    script
}

#[test]
fn what_was_not_walked_is_told_and_not_judged() {
    let compiled = parse("menu.toml", &large()).unwrap_or_else(|faults| panic!("{faults:#?}"));
    let scene = Scene { menu: Arc::new(compiled.menu.clone()), prompts: prompts() };
    let proof = prove_within(&compiled, &scene, 1_500);
    assert!(proof.faults.is_empty(), "{:#?}", proof.faults);
    for piece in [
        "walked the 1500 states of a call that are nearest to its beginning",
        "not all was walked that can be done in `person`, `m1`",
        "of 21 steps were not come to: `far-",
    ] {
        assert!(proof.summary.iter().any(|line| line.contains(piece)), "{piece} not in {:#?}", proof.summary);
    }
}
