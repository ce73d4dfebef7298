//! A share of the calls is given the new version; when it is significantly worse it is taken back by itself, with its
//! figures; when it is not, it goes to all calls, by itself or by command.

use std::time::Duration;

use hotline::node::{History, Order, Shelf};

use crate::sip_client::{OFFER, Phone};
use crate::support::node::Running;
use crate::support::workshop::{Files, by, hang_up, order, script};

/// Whether a call is taken; it is ended then.
async fn is_taken(running: &Running) -> bool {
    let mut phone = Phone::new(running.address).await;
    phone.send(&phone.invite(OFFER)).await;
    let taken = phone.response().await;
    if taken.starts_with("SIP/2.0 404 ") {
        phone.ack_refusal().await;
        return false;
    }
    assert!(taken.starts_with("SIP/2.0 200 "), "{taken}");
    phone.ack("").await;
    hang_up(phone).await;
    true
}

async fn until_over(running: &Running) -> History {
    let look = async {
        while order(&running.node, Order::Tell).await.tried.is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look).await.expect("the trial never ends");
    Shelf::at(&running.folder.path().join("hotline.db.versions"), 20).history()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worse_one_is_taken_back_with_its_figures() {
    let files = Files::new(&script("id"));
    let (running, written) = files.serve_written(|config| config.versions.least_calls = 10).await;
    let first = order(&running.node, Order::Tell).await.serving;
    // It answers at another number: who dials this one is refused.
    let numbers = [("100".to_owned(), files.script())].into();
    let before = std::mem::replace(&mut written.lock().unwrap().numbers, numbers);
    let tried = order(&running.node, Order::Reload { check: false, share: Some(25), by: by() }).await;
    let digest = tried.tried.clone().expect("a trial");
    assert!(tried.done && tried.serving == first, "{tried:?}");
    assert!(tried.said[0].starts_with("25 of 100 new calls"), "{tried:?}");
    let mut taken = 0;
    for _ in 0..40 {
        taken += u32::from(is_taken(&running).await);
    }
    assert_eq!(taken, 30, "a quarter of the calls was given the new version");
    let history = until_over(&running).await;
    assert_eq!(history.serving, Some(first.clone()));
    assert!(history.taken_back.iter().eq([&digest]));
    let deed = history.deeds.last().unwrap();
    assert_eq!((deed.what.as_str(), &deed.digest, deed.author.as_str()), ("taken back", &digest, "canary"));
    // The last calls may end after the look.
    let figures =
        ["28", "29", "30"].map(|calls| format!("failure: 10 of 10 calls against 0 of {calls} (Fisher's exact test"));
    assert!(figures.iter().any(|figures| deed.note.starts_with(figures)), "{}", deed.note);
    for _ in 0..4 {
        assert!(is_taken(&running).await, "all calls have the version before");
    }
    written.lock().unwrap().numbers = before;
    let same = order(&running.node, Order::Reload { check: false, share: None, by: by() }).await;
    assert!(same.said[0].starts_with("nothing has changed"), "{same:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_no_worse_goes_to_all() {
    let files = Files::new(&script("id"));
    let running = files
        .serve(|config| {
            config.versions.least_calls = 10;
            config.versions.proven_calls = 20;
        })
        .await;
    files.write(&script("identity"));
    let tried = order(&running.node, Order::Reload { check: false, share: Some(50), by: by() }).await.tried.unwrap();
    for _ in 0..40 {
        assert!(is_taken(&running).await);
    }
    let history = until_over(&running).await;
    assert_eq!(history.serving, Some(tried));
    let deed = history.deeds.last().unwrap();
    assert!(deed.what == "accepted" && deed.note.contains("after 20 calls none of its rates is worse"), "{deed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_to_all_or_to_none_by_command() {
    let files = Files::new(&script("id"));
    let running = files.serve(|_| ()).await;
    let first = order(&running.node, Order::Tell).await.serving;
    for (end, accepted) in [(Order::TakeBack { by: by() }, false), (Order::Accept { by: by() }, true)] {
        files.write(&script("identity"));
        let tried = order(&running.node, Order::Reload { check: false, share: Some(10), by: by() }).await;
        let ended = order(&running.node, end).await;
        assert!(ended.done && ended.tried.is_none(), "{ended:?}");
        assert_eq!(Some(&ended.serving), if accepted { tried.tried.as_ref() } else { Some(&first) });
    }
    let none = order(&running.node, Order::Accept { by: by() }).await;
    assert!(!none.done && none.said[0].contains("no version is on trial"), "{none:?}");
}
