//! A `transfer` step: the caller's side is asked to call the other end (REFER); answered there, the call ends here; busy,
//! unanswered or refused, it goes on where the script says.

use std::sync::Arc;

use hotline::dialogue::Ending;
use hotline::menu::{Menu, parse};
use hotline::records::MemoryRecords;
use hotline::simulate::{self, Scene, play};

use crate::sip_client::{OFFER, Phone, body, field};
use crate::support::hotline::{in_tree, prompts};
use crate::support::node::{Running, start};

const MENU: &str = r#"
[hotline]
name = "agents"
start = "agents"
languages = ["en"]

[agents]
transfer = "person"
to = "sip:agents@pbx.example.com"
within = "20s"
busy = "busy"
unanswered = "nobody"
refused = "refused"

[busy]
say = "verified"
then = "end"

[nobody]
say = "wrong-details"
then = "end"

[refused]
say = "records-down"
then = "end"

[end]
hang-up = "goodbye"
"#;

fn menu() -> Arc<Menu> {
    Arc::new(parse("agents.toml", MENU).expect("a menu without faults").menu)
}

/// The simulated call's transcript and how it ended.
fn simulated(scene: &Scene, actions: &str) -> (String, Option<Ending>) {
    let call = simulate::parse("agents.call", "agents", actions).expect("a test call");
    let records = MemoryRecords::new(hotline::facts::Month::new(2026, 9).unwrap(), []);
    let played = play(scene, &call, &records);
    (played.transcript, played.stories[0].ending)
}

#[test]
fn in_a_simulated_call() {
    let handed = "Hotline hands the call over to sip:agents@pbx.example.com\n";
    let scene = Scene { menu: menu(), prompts: prompts() };
    let (transcript, ending) = simulated(&scene, "Transfer answered\n");
    assert!(transcript.starts_with(handed), "{transcript}");
    assert!(transcript.contains("Hotline (person, cut short)"), "{transcript}");
    assert!(transcript.contains("Transfer answered\n") && transcript.ends_with("Hotline hangs up\n"), "{transcript}");
    assert_eq!(ending, Some(Ending::Transferred));
    for (action, message) in [
        ("Transfer busy\n", "Hotline (verified): "),
        ("Transfer unanswered\n", "Hotline (wrong-details): "),
        ("Transfer refused\n", "Hotline (records-down): "),
        // Nothing is ever heard of it: after 20 seconds nobody has answered. Keys do not matter meanwhile.
        ("Caller presses 0* at once\n", "Hotline (wrong-details): "),
    ] {
        let (transcript, ending) = simulated(&scene, action);
        assert!(transcript.contains(message), "{action}: {transcript}");
        assert_eq!(ending, Some(Ending::HotlineHungUp), "{action}");
    }
    let (transcript, _) = simulated(&scene, "");
    assert!(transcript.matches("Hotline (person").count() >= 2, "said again while the caller waits: {transcript}");
}

#[test]
fn an_address_that_is_none_is_told() {
    for bad in ["agents", "sip:agents", "sip:a b@c", "http://x", "tel:", "tel:12x", "sip:a@b>;x=\\\"", "mailto:a@b"] {
        let faults = parse("agents.toml", &MENU.replace("sip:agents@pbx.example.com", bad)).unwrap_err();
        let told: String = faults.iter().map(|fault| fault.message.clone()).collect();
        assert!(told.contains("is no address"), "{bad}: {told}");
    }
    assert!(parse("agents.toml", &MENU.replace("sip:agents@pbx.example.com", "tel:+86-10-12333")).is_ok());
}

/// A hotline whose every call is handed over at once, a telephone in it, and the REFER that it got.
async fn referred() -> (Running, Phone, String) {
    referred_by(MENU).await
}

async fn referred_by(menu: &str) -> (Running, Phone, String) {
    let file = tempfile::tempdir().expect("a folder");
    let script = file.path().join("menu.toml");
    std::fs::write(&script, menu).unwrap();
    let running = start(&[], |config| {
        config.numbers.insert("12333".into(), script.clone());
        config.prompts.folder = in_tree("prompts");
    })
    .await;
    let mut phone = Phone::new(running.address).await;
    phone.send(&phone.invite(OFFER)).await;
    phone.status(200).await;
    phone.ack("").await;
    let refer = phone.request_of("REFER").await;
    assert_eq!(field(&refer, "Refer-To"), "<sip:agents@pbx.example.com>");
    assert!(field(&refer, "Referred-By").starts_with("<sip:12333@"), "{refer}");
    assert!(field(&refer, "Contact").contains("127.0.0.1"), "{refer}");
    (running, phone, refer)
}

async fn notify(phone: &mut Phone, sequence: u32, state: &str, fragment: &str) -> String {
    let more = format!("Event: refer\r\nSubscription-State: {state}\r\n");
    let notify = phone.request("NOTIFY", sequence, "", &more, fragment);
    phone.send(&notify.replace("application/sdp", "message/sipfrag;version=2.0")).await;
    loop {
        let message = phone.message().await;
        // F03 jambonz-feature-server#1428: nothing is known yet.
        assert!(!message.starts_with("BYE ") || state.starts_with("terminated"), "hung up too early");
        if message.starts_with("SIP/2.0 ") {
            return message;
        }
    }
}

/// The call's row, once the phone has answered the hotline's BYE.
async fn row(running: Running, mut phone: Phone) -> (String, String) {
    let bye = phone.request_of("BYE").await;
    phone.answer(&bye, "200 OK", "", "").await;
    recorded(running).await
}

async fn recorded(running: Running) -> (String, String) {
    let database = running.folder.path().join("hotline.db");
    running.node.drain().await;
    rusqlite::Connection::open(database)
        .unwrap()
        .query_row("SELECT path, ending FROM calls", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .expect("one call record")
}

/// F01 GlomarGadaffi/pocket-dial#197: the one BYE is the hotline's own, and comes after the other end has answered (F03
/// jambonz-feature-server#1428); F05 opensips#1621: the NOTIFY is found to be of the call.
#[tokio::test(flavor = "multi_thread")]
async fn answered_there_it_ends_here() {
    let (running, mut phone, refer) = referred().await;
    phone.answer(&refer, "202 Accepted", "", "").await;
    assert!(notify(&mut phone, 2, "active;expires=60", "SIP/2.0 180 Ringing\r\n").await.starts_with("SIP/2.0 200 "));
    assert!(
        notify(&mut phone, 3, "terminated;reason=noresource", "SIP/2.0 200 OK\r\n").await.starts_with("SIP/2.0 200 ")
    );
    assert_eq!(row(running, phone).await, ("agents".into(), "transferred".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn busy_there_it_goes_on_here() {
    let (running, mut phone, refer) = referred().await;
    // A NOTIFY that overtakes the answer to the REFER.
    assert!(notify(&mut phone, 2, "active", "SIP/2.0 100 Trying\r\n").await.starts_with("SIP/2.0 200 "));
    phone.answer(&refer, "202 Accepted", "", "").await;
    let told = notify(&mut phone, 3, "terminated;reason=noresource", "SIP/2.0 486 Busy Here\r\n").await;
    assert!(told.starts_with("SIP/2.0 200 ") && body(&told).is_empty(), "{told}");
    // The subscription is over: what is told of it now changes nothing.
    let late = notify(&mut phone, 4, "active", "SIP/2.0 200 OK\r\n").await;
    assert!(late.starts_with("SIP/2.0 481 "), "{late}");
    assert_eq!(row(running, phone).await, ("agents > busy > end".into(), "hotline-hung-up".into()));
}

/// F06 sipsorcery#288: taken on, and declined then.
#[tokio::test(flavor = "multi_thread")]
async fn declined_there_it_goes_on_here() {
    let (running, mut phone, refer) = referred().await;
    phone.answer(&refer, "202 Accepted", "", "").await;
    let told = notify(&mut phone, 2, "terminated;reason=rejected", "SIP/2.0 603 Declined\r\n").await;
    assert!(told.starts_with("SIP/2.0 200 "), "{told}");
    assert_eq!(row(running, phone).await, ("agents > refused > end".into(), "hotline-hung-up".into()));
}

/// F04 asterisk#1467: the caller is gone while the other end rings; what is told of it afterwards finds no call.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_while_it_rings_there_is_gone() {
    let (running, mut phone, refer) = referred().await;
    phone.answer(&refer, "202 Accepted", "", "").await;
    assert!(notify(&mut phone, 2, "active;expires=60", "SIP/2.0 180 Ringing\r\n").await.starts_with("SIP/2.0 200 "));
    phone.send(&phone.request("BYE", 3, "", "", "")).await;
    assert!(phone.response().await.starts_with("SIP/2.0 200 "));
    let late = notify(&mut phone, 4, "terminated", "SIP/2.0 200 OK\r\n").await;
    assert!(late.starts_with("SIP/2.0 481 "), "{late}");
    assert_eq!(recorded(running).await, ("agents".into(), "caller-hung-up".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telephone_that_knows_no_refer_keeps_its_call() {
    let (running, phone, refer) = referred().await;
    phone.answer(&refer, "405 Method Not Allowed", "", "").await;
    assert_eq!(row(running, phone).await, ("agents > refused > end".into(), "hotline-hung-up".into()));
}

/// Nobody answers in time, and the call is handed over to somebody else: what still comes of the first is not taken for
/// the second.
#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_given_up_says_nothing_of_the_next() {
    let next = "[nobody]\ntransfer = \"person\"\nto = \"tel:+861012333\"\nrefused = \"refused\"\n";
    let menu = MENU.replace("20s", "1s").replace("[nobody]\nsay = \"wrong-details\"\nthen = \"end\"\n", next);
    let (running, mut phone, first) = referred_by(&menu).await;
    phone.answer(&first, "202 Accepted", "", "").await;
    let second = phone.request_of("REFER").await;
    assert_eq!(field(&second, "Refer-To"), "<tel:+861012333>");
    phone.answer(&second, "202 Accepted", "", "").await;
    let id = |refer: &str| field(refer, "CSeq").split(' ').next().unwrap().to_owned();
    for (place, event) in ["refer".to_owned(), format!("refer;id={}", id(&first))].iter().enumerate() {
        let more = format!("Event: {event}\r\nSubscription-State: terminated\r\n");
        phone.send(&phone.request("NOTIFY", 2 + place as u32, "", &more, "SIP/2.0 486 Busy Here\r\n")).await;
        let told = phone.response().await;
        assert!(told.starts_with("SIP/2.0 481 "), "{event}: {told}");
    }
    let more = format!("Event: refer;id={}\r\nSubscription-State: terminated\r\n", id(&second));
    phone.send(&phone.request("NOTIFY", 4, "", &more, "SIP/2.0 200 OK\r\n")).await;
    assert!(phone.response().await.starts_with("SIP/2.0 200 "));
    assert_eq!(row(running, phone).await, ("agents > nobody".into(), "transferred".into()));
}
