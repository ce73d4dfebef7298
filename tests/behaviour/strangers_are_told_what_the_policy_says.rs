//! Requests outside a call from sources that are no trunk's: answered, refused, met with silence, or with what a telephone
//! says that nobody picks up; and a call goes on whatever address its far side speaks from.

use std::time::Duration;

use hotline::sip::door::StrangerPolicy;
use hotline::sip::{CallEvent, EndCause};
use tokio::time::timeout;

use super::sip_client::{ANSWER, House, OFFER, Phone, event, field};
use crate::support::trunk::from;

const ME: &str = "127.0.0.1";
const STRANGER: &str = "127.0.0.9";

async fn house(strangers: StrangerPolicy) -> House {
    House::with(|config| {
        config.listen = vec!["127.0.0.1:0".parse().unwrap(), "tcp:127.0.0.1:0".parse().unwrap()];
        config.numbers = Some(["12333".to_owned()].into());
        (config.door.trunks, config.door.strangers) = (vec![from("carrier", &[ME])], strangers);
    })
    .await
}

/// What a stranger is answered; none where a trunk is answered before anything comes.
async fn answers(house: &House, methods: &[&str]) -> Vec<Option<String>> {
    let mut found = Vec::new();
    for method in methods {
        let mut stranger = Phone::at(STRANGER, house.address).await;
        stranger.send(&stranger.request(method, 1, "", "", "")).await;
        assert!(house.is_alive().await, "a trunk is served");
        let answer = timeout(Duration::from_millis(50), stranger.message()).await;
        found.push(answer.ok().map(|answer| answer[8..11].to_owned()));
    }
    found
}

const METHODS: [&str; 6] = ["INVITE", "OPTIONS", "REGISTER", "BYE", "ACK", "BREW"];

#[tokio::test]
async fn refused() {
    let house = house(StrangerPolicy::Refuse).await;
    let refused = || Some("403".to_owned());
    assert_eq!(answers(&house, &METHODS).await, [refused(), refused(), refused(), refused(), None, refused()]);
    let standing = house.agent.standing();
    assert_eq!((standing.calls, standing.transactions, standing.remembered), (0, 0, 0));
}

#[tokio::test]
async fn met_with_silence() {
    let house = house(StrangerPolicy::Silence).await;
    assert_eq!(answers(&house, &METHODS).await, vec![None; 6]);
    assert_eq!(house.agent.refusals().unknown_source, 5, "an ACK is no attempt");
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("{STRANGER}:0").parse().unwrap()).unwrap();
    let stream = socket.connect(house.listens[1].address).await.unwrap();
    let here = stream.local_addr().unwrap();
    let mut stranger = Phone::over(Box::new(stream), house.listens[1].address, here, "TCP", "");
    stranger.send(&stranger.request("OPTIONS", 1, "", "", "")).await;
    assert!(stranger.is_closed().await, "who is told nothing keeps no connection");
}

#[tokio::test]
async fn met_with_a_decoy_that_tells_no_number_from_another() {
    let house = house(StrangerPolicy::Decoy).await;
    let statuses = answers(&house, &METHODS).await;
    assert_eq!(
        statuses.iter().map(|status| status.as_deref()).collect::<Vec<_>>(),
        [Some("480"), Some("480"), Some("405"), Some("481"), None, Some("405")]
    );
    let mut heard = Vec::new();
    for number in ["12333", "99999"] {
        let mut stranger = Phone::at(STRANGER, house.address).await;
        let invite = stranger.invite(OFFER).replacen("sip:12333", &format!("sip:{number}"), 1);
        stranger.send(&invite).await;
        let answer = stranger.response().await;
        let shape: Vec<_> = answer.lines().map(|line| line.split(':').next().unwrap().to_owned()).collect();
        heard.push((answer.lines().next().unwrap().to_owned(), shape));
        assert!(answer.len() < invite.len() + 100, "no more comes back than was sent");
    }
    assert_eq!(heard[0], heard[1]);
    let standing = house.agent.standing();
    assert_eq!((standing.calls, standing.transactions, standing.remembered), (0, 0, 0));
}

#[tokio::test]
async fn answered() {
    let mut house = house(StrangerPolicy::Answer).await;
    let stranger = Phone::at(STRANGER, house.address).await;
    stranger.send(&stranger.invite(OFFER)).await;
    assert_eq!(house.call().await.trunk, None);
    assert_eq!(
        answers(&house, &["OPTIONS", "REGISTER", "BYE"]).await,
        [Some("200".to_owned()), Some("405".to_owned()), Some("481".to_owned())]
    );
}

#[tokio::test]
async fn one_source_is_answered_so_often_and_no_more() {
    let house = house(StrangerPolicy::Refuse).await;
    let mut stranger = Phone::at(STRANGER, house.address).await;
    for _ in 0..2000 {
        stranger.send(&stranger.request("OPTIONS", 1, "", "", "")).await;
    }
    let mut answered = 0;
    while timeout(Duration::from_millis(200), stranger.message()).await.is_ok() {
        answered += 1;
    }
    assert!((1..1000).contains(&answered), "{answered} answers to a flood");
    assert!(house.is_alive().await);
}

#[tokio::test]
async fn a_call_is_heard_from_whatever_address_its_far_side_speaks() {
    for policy in [StrangerPolicy::Refuse, StrangerPolicy::Silence, StrangerPolicy::Decoy] {
        let mut house = house(policy).await;
        let mut phone = Phone::new(house.address).await;
        phone.send(&phone.invite(OFFER)).await;
        let mut call = house.call().await.accept(ANSWER.to_owned());
        let accepted = phone.status(200).await;
        let mut elsewhere = Phone::at(STRANGER, house.address).await;
        elsewhere.call_id.clone_from(&phone.call_id);
        elsewhere.remote_tag.clone_from(&phone.remote_tag);
        assert!(field(&accepted, "To").ends_with(&phone.remote_tag));
        elsewhere.ack("").await;
        assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));
        elsewhere.send(&elsewhere.request("BYE", 2, "", "", "")).await;
        elsewhere.status(200).await;
        assert!(matches!(event(&mut call).await, CallEvent::Ended(EndCause::ByeReceived)));
        assert_eq!(house.agent.refusals().unknown_source, 0);
    }
}
