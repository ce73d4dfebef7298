//! A rollback gives back the script, the texts and the recordings exactly as they were, whatever has become of the files; it
//! outlives a restart, and versions are listed with their time and author.

use hotline::audio::{Codec, Law};
use hotline::node::{Node, Order, Shelf, differences};
use hotline::phone;
use hotline::phone::parse_script;

use crate::support::node::Running;
use crate::support::workshop::{Files, by, order, reload, script};

/// The samples that a caller hears most, not counting silence.
async fn heard(running: &Running) -> i16 {
    let target = format!("sip:12333@{}", running.address);
    let script = parse_script("s 119999198503150010# s 10000001#").unwrap();
    let call = phone::Call { script: Some(script), codec: Some(Codec::Pcma), ..phone::Call::to(&target) };
    let (_, heard) = phone::dial(call, &mut std::io::sink()).await.expect("a call");
    let mut loud: Vec<i16> = heard.into_iter().filter(|sample| sample.unsigned_abs() > 100).collect();
    loud.sort_unstable();
    loud[loud.len() / 2]
}

fn law(sample: i16) -> i16 {
    Law::A.decode(Law::A.encode_all(&[sample])[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn script_texts_and_recordings() {
    let files = Files::new(&script("id"));
    let running = files.serve(|_| ()).await;
    let first = order(&running.node, Order::Tell).await.serving;
    assert_eq!(heard(&running).await, law(1000));
    files.write(&script("identity"));
    files.say("Your ID number", "The number of your card");
    files.record(4000);
    let second = reload(&running.node).await;
    assert!(second.done, "{second:?}");
    assert_eq!(heard(&running).await, law(4000));
    // What the files hold then does not matter.
    std::fs::remove_dir_all(files.prompts()).unwrap();
    std::fs::remove_file(files.script()).unwrap();
    let back = order(&running.node, Order::Rollback { to: None, by: by() }).await;
    assert!(back.done && back.serving == first, "{back:?}");
    assert_eq!(heard(&running).await, law(1000));
    let again = order(&running.node, Order::Rollback { to: Some(second.serving[..6].to_owned()), by: by() }).await;
    assert!(again.done && again.serving == second.serving, "{again:?}");
    assert_eq!(heard(&running).await, law(4000));

    let nowhere = order(&running.node, Order::Rollback { to: Some("ffff".into()), by: by() }).await;
    assert!(!nowhere.done && nowhere.said[0].contains("`hotline versions` lists"), "{nowhere:?}");
    let shelf = Shelf::at(&running.folder.path().join("hotline.db.versions"), 20);
    let versions = shelf.versions().unwrap();
    assert_eq!(versions.iter().map(|kept| &kept.digest).collect::<Vec<_>>(), [&first, &second.serving]);
    assert_eq!((versions[1].author.as_str(), versions[1].note.as_str()), ("wang", "a test"));
    let deeds = shelf.history().deeds;
    let what: Vec<_> = deeds.iter().map(|deed| deed.what.as_str()).collect();
    assert_eq!(what, ["started", "reloaded", "rolled back", "rolled back"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_restart_until_the_files_change() {
    let files = Files::new(&script("id"));
    let mut config = None;
    let running = files.serve(|made| config = Some(made.clone())).await;
    let config = config.unwrap();
    let first = order(&running.node, Order::Tell).await.serving;
    files.write(&script("identity"));
    let second = reload(&running.node).await.serving;
    assert!(order(&running.node, Order::Rollback { to: None, by: by() }).await.done);
    running.node.drain().await;
    let start = async || Node::start(&config, |_, _, _| ()).await.unwrap_or_else(|faults| panic!("{faults:?}"));
    let node = start().await;
    assert_eq!(order(&node, Order::Tell).await.serving, first, "the files still hold what was taken back");
    // Asked for, it is taken.
    assert_eq!(reload(&node).await.serving, second);
    node.drain().await;
    let node = start().await;
    assert_eq!(order(&node, Order::Tell).await.serving, second);
    node.drain().await;
    drop(running.folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_long_as_it_is_kept() {
    let files = Files::new(&script("id"));
    let running = files.serve(|config| config.versions.kept = 3).await;
    let first = order(&running.node, Order::Tell).await.serving;
    let folder = running.folder.path().join("hotline.db.versions");
    let contents = || std::fs::read_dir(folder.join("contents")).unwrap().count();
    let before = contents();
    for step in ["a", "b", "c", "d", "e"] {
        files.write(&script(step));
        assert!(reload(&running.node).await.done);
    }
    let shelf = Shelf::at(&folder, 3);
    let kept: Vec<_> = shelf.versions().unwrap().into_iter().map(|kept| kept.digest).collect();
    assert!(kept.len() == 3 && !kept.contains(&first), "{kept:?}");
    assert_eq!(contents(), before + 2, "three scripts, and everything else once");
    let gone = order(&running.node, Order::Rollback { to: Some(first), by: by() }).await;
    assert!(!gone.done);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_told_in_the_operators_words() {
    let files = Files::new(&script("id"));
    let running = files.serve(|_| ()).await;
    let shelf = Shelf::at(&running.folder.path().join("hotline.db.versions"), 20);
    let served = shelf.named(&order(&running.node, Order::Tell).await.serving).unwrap();
    let changed = script("id")
        .replace("store = \"number\"", "store = \"number\"\nfirst-key = \"20s\"")
        .replace("unmatched = \"end\"", "unmatched = \"sorry\"");
    files.write(&format!("{changed}\n[sorry]\nhang-up = \"bench-number\"\n"));
    files.say("Your ID number, then pound.", "Your ID number, then the pound key.");
    files.record(2000);
    let text = format!(
        "[prompts]\nfolder = {:?}\nsynthesize = false\n[numbers]\n\"12333\" = {:?}\n",
        files.prompts(),
        files.script()
    );
    let draft = hotline::node::Draft::parse("hotline.toml", &text);
    let said = differences(&draft, &shelf, &served, None).unwrap();
    for line in [
        "12333, step number: waits for the first key 20s (before: 10s)",
        "12333, step verify: for wrong numbers leads to sorry (before: end)",
        "12333, step sorry is new: ends the call after bench-number",
        "12333, bench-id in en: \"Your ID number, then the pound key.\" where it was \"Your ID number, then pound.\"",
        "12333, \"Your social security number, then pound\" in en sounds otherwise: another recording",
    ] {
        assert!(said.iter().any(|found| found == line), "{line}\n{said:#?}");
    }
    assert!(differences(&draft, &shelf, &served, Some(&served)).unwrap().is_empty());
}
