//! Menus, prompts and what else calls are served by are read anew while calls run: a call goes on with what it began with,
//! the next one has what is new, and what is faulty changes nothing.

use std::time::Duration;

use hotline::node::Order;
use hotline::phone::{self, CallEnd, parse_script};

use crate::sip_client::Phone;
use crate::support::together::all;
use crate::support::workshop::{Files, by, call_up, calls, carry_out, hang_up, order, reload, script};

// R07 siphon-ai#207
#[tokio::test(flavor = "multi_thread")]
async fn a_call_keeps_what_it_began_with_and_the_next_has_what_is_new() {
    let files = Files::new(&script("id"));
    let running = files.serve(|_| ()).await;
    let workshop = running.node.workshop();
    let first = order(&running.node, Order::Tell).await.serving;
    let old = call_up(&running).await;
    files.write(&script("identity"));
    let answer = reload(&running.node).await;
    assert!(answer.done && answer.serving != first, "{answer:?}");
    assert_eq!(workshop.live(), 2, "the call that runs has its own");
    let new = call_up(&running).await;
    hang_up(old).await;
    hang_up(new).await;
    let database = running.folder.path().join("hotline.db");
    running.node.drain().await;
    let found: Vec<_> = calls(&database).into_iter().map(|(_, menu, _, version)| (menu, version)).collect();
    assert_eq!(found, [("id".to_owned(), first), ("identity".to_owned(), answer.serving)]);
    assert_eq!(workshop.live(), 1, "what no call has is gone");
}

// R02 AllStarLink/app_rpt#1242
#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_one_changes_nothing_and_says_why() {
    let files = Files::new(&script("id"));
    let running = files.serve(|_| ()).await;
    let first = order(&running.node, Order::Tell).await.serving;
    files.write(&script("id").replace("then = \"verify\"", "then = \"verfy\""));
    let text = std::fs::read_to_string(files.prompts().join("en/bench.ftl")).unwrap();
    for _ in 0..3 {
        let answer = reload(&running.node).await;
        let faults: Vec<hotline::facts::Fault> = answer.faults.into_iter().map(Into::into).collect();
        assert!(!answer.done && answer.said[0].starts_with("nothing was changed"), "{:?}", answer.said);
        let fault = faults.iter().find(|fault| fault.message.contains("verfy")).expect("the mistake");
        assert_eq!((fault.line_column(), fault.hint.as_deref()), ((25, 8), Some("did you mean `verify`?")));
        assert_eq!(answer.serving, first);
    }
    // A text that has no recording, where none may be synthesized; then a text that is none.
    files.write(&script("id"));
    std::fs::write(files.prompts().join("en/bench.ftl"), text.replace("Your ID number", "Your number")).unwrap();
    assert!(!reload(&running.node).await.done);
    std::fs::write(files.prompts().join("en/bench.ftl"), "bench-id = {").unwrap();
    assert!(!reload(&running.node).await.done);
    hang_up(call_up(&running).await).await;
    std::fs::write(files.prompts().join("en/bench.ftl"), text).unwrap();
    let answer = reload(&running.node).await;
    assert!(answer.done && answer.said[0].starts_with("nothing has changed"), "{answer:?}");
    // What was read of faulty ones is not kept.
    let kept = std::fs::read_dir(running.folder.path().join("hotline.db.versions")).unwrap();
    let kept = kept.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "json"));
    assert_eq!(kept.count(), 2, "one version and the history");
}

// R05 asterisk#551
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_reloaded_that_nobody_asked_for() {
    let files = Files::new(&script("id"));
    let running = files.serve(|_| ()).await;
    let first = order(&running.node, Order::Tell).await.serving;
    files.write(&script("identity"));
    let checked = order(&running.node, Order::Reload { check: true, share: None, by: by() }).await;
    assert!(checked.done && checked.said.iter().any(|line| line.contains("identity")), "{checked:?}");
    hang_up(call_up(&running).await).await;
    assert_eq!(order(&running.node, Order::Tell).await.serving, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_watched_is_reloaded_by_itself() {
    let files = Files::new(&script("id"));
    let running = files.serve(|config| config.versions.watch = true).await;
    let first = order(&running.node, Order::Tell).await.serving;
    let workshop = running.node.workshop();
    let look = async {
        // The watch may begin after the first change: then the next one is seen.
        for place in 0.. {
            files.write(&format!("{}# {place}\n", script("identity")));
            for _ in 0..40 {
                let now = carry_out(&workshop, Order::Tell).await.serving;
                if now != first {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), look).await.expect("the change is never seen");
}

// R04 fusionpbx#5304
#[tokio::test(flavor = "multi_thread")]
async fn two_numbers_that_exchange_their_menus_have_each_others() {
    let files = Files::new(&script("id"));
    let other = files.0.path().join("other.toml");
    std::fs::write(&other, script("identity")).unwrap();
    let running = files
        .serve(|config| {
            config.numbers.insert("100".into(), other.clone());
        })
        .await;
    let call = async |number: &str| {
        let mut phone = crate::sip_client::Phone::new(running.address).await;
        let invite = phone.invite(crate::sip_client::OFFER);
        phone.send(&invite.replace("sip:12333@", &format!("sip:{number}@"))).await;
        phone.status(200).await;
        phone.ack("").await;
        hang_up(phone).await;
    };
    for number in ["12333", "100"] {
        call(number).await;
    }
    files.write(&script("identity"));
    std::fs::write(&other, script("id")).unwrap();
    assert!(reload(&running.node).await.done);
    for number in ["12333", "100"] {
        call(number).await;
    }
    let database = running.folder.path().join("hotline.db");
    running.node.drain().await;
    let found: Vec<_> = calls(&database).into_iter().map(|(called, menu, ..)| (called, menu)).collect();
    let expected = [("12333", "id"), ("100", "identity"), ("12333", "identity"), ("100", "id")];
    assert_eq!(found, expected.map(|(called, menu)| (called.to_owned(), menu.to_owned())));
}

/// Two hundred callers are in the middle of their numbers when the menu becomes another: each goes on to
/// where it would have, and only those who call now go the new way.
// R01 asterisk#627
#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_running_calls_go_on_where_they_were_going() {
    const CALLS: u32 = 200;
    let files = Files::new(&script("id"));
    let running = files.serve(|config| config.sip.calls = 400).await;
    let mut phones = Vec::new();
    for _ in 0..CALLS {
        phones.push(call_up(&running).await);
    }
    let phones = all(phones, |mut phone| async move {
        key(&mut phone, 2, "119999198503150010#").await;
        phone
    })
    .await;
    files.write(&script("identity"));
    let answer = reload(&running.node).await;
    assert!(answer.done && answer.said[0].starts_with("calls that come now"), "{answer:?}");
    all(phones, |mut phone| async move {
        key(&mut phone, 40, "10000001#").await;
        is_hung_up_on(phone).await;
    })
    .await;
    let mut late = call_up(&running).await;
    key(&mut late, 2, "119999198503150010#10000001#").await;
    is_hung_up_on(late).await;
    let database = running.folder.path().join("hotline.db");
    running.node.drain().await;
    let rows = rusqlite::Connection::open(database).unwrap();
    let mut asked = rows.prepare("SELECT path, ending, count(*) FROM calls GROUP BY path, ending ORDER BY 3").unwrap();
    let rows = asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let found: Vec<(String, String, u32)> = rows.map(Result::unwrap).collect();
    let ended = |path: &str, count| (path.to_owned(), "hotline-hung-up".to_owned(), count);
    assert_eq!(
        found,
        [ended("identity > number > verify > balance > end", 1), ended("id > number > verify > balance > end", CALLS)]
    );
}

/// Presses keys by INFO, the first with this CSeq.
async fn key(phone: &mut Phone, first: u32, keys: &str) {
    for (cseq, key) in (first..).zip(keys.chars()) {
        let info = phone.request("INFO", cseq, "", "", &key.to_string()).replace("application/sdp", "application/dtmf");
        phone.send(&info).await;
        phone.status(200).await;
        // As fast as fingers, from when the key before was heard: the same key sooner is the same press sent twice.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn is_hung_up_on(mut phone: Phone) {
    let bye = phone.request_of("BYE").await;
    phone.answer(&bye, "200 OK", "", "").await;
}

/// What this process has in memory, in KiB.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

// R01 asterisk#627
// R03 asterisk PR#1920
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_reloads_under_calls_leave_one_version_and_no_look_up_fails() {
    // Without the balances, and the hundreds of recordings that say them.
    let short = |first: &str| {
        let text = script(first).replace("matched = \"balance\"", "matched = \"end\"");
        let (before, after) = text.split_once("[balance]").expect("the step");
        format!("{before}{}", &after[after.find("[end]").expect("the next")..])
    };
    let files = Files::new(&short("id"));
    let running = files.serve(|config| config.media.workers = 1).await;
    let (workshop, address) = (running.node.workshop(), running.address);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let caller = async || {
        let (target, mut made) = (format!("sip:12333@{address}"), 0);
        while !*stopped.borrow() {
            let script = parse_script("s 119999198503150010# s 10000001#").unwrap();
            let call = phone::Call { script: Some(script), ..phone::Call::to(&target) };
            let (end, _) = phone::dial(call, &mut std::io::sink()).await.expect("a call");
            assert_eq!(end, CallEnd::FarEnd);
            made += 1;
        }
        made
    };
    let reloads = async {
        let mut after_warming = 0;
        for round in 0..1000 {
            files.write(&short(if round % 2 == 0 { "identity" } else { "id" }));
            let answer = reload(&running.node).await;
            assert!(answer.done && answer.said[0].starts_with("calls that come now"), "{answer:?}");
            if round == 400 {
                after_warming = resident();
            }
        }
        let grown = resident().saturating_sub(after_warming);
        stop.send(true).unwrap();
        grown
    };
    let (first, second, third, fourth, grown) = tokio::join!(caller(), caller(), caller(), caller(), reloads);
    let made = first + second + third + fourth;
    assert!(made >= 4, "calls were made meanwhile: {made}");
    println!("{made} calls; 600 reloads added {grown} KiB");
    // With what is remembered of the calls, of which a slow machine makes more meanwhile.
    assert!(grown < 24 * 1024, "{grown} KiB more than after 400 reloads");
    let database = running.folder.path().join("hotline.db");
    running.node.drain().await;
    assert_eq!(workshop.live(), 1, "only the version that is served is left");
    let calls = calls(&database);
    assert_eq!(calls.len(), made);
    assert!(calls.iter().all(|(_, _, outcome, _)| outcome == "verified"), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_wait_for_a_restart_are_named_and_the_rest_is_taken() {
    let files = Files::new(&script("id"));
    let (running, written) = files.serve_written(|_| ()).await;
    {
        let mut config = written.lock().unwrap();
        config.sip.calls = 5;
        config.media.workers = 2;
        config.sip.ring = Duration::from_secs(1);
        config.numbers.insert("100".into(), files.script());
    }
    let answer = reload(&running.node).await;
    let said = answer.said.join("\n");
    assert!(answer.done && said.contains("sip.ring is 1s where it was 0ns"), "{said}");
    assert!(said.contains("100 is answered now"), "{said}");
    assert!(
        said.contains("waits for a restart, since a reload does not change it: sip.calls, media.workers"),
        "{said}"
    );
    // It stays said as long as it waits.
    assert!(reload(&running.node).await.said.iter().any(|line| line.contains("sip.calls")));
}
