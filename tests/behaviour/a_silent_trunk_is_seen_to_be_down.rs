//! Whether a trunk is alive, by OPTIONS to a peer made of a socket, over datagrams and over a connection.

use std::time::Duration;

use hotline::sip::Agent;
use hotline::sip::agent::{PingConfig, Pinging};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::sip_client::{House, PATIENCE, Phone, field};

fn begin(agent: &Agent, to: String) -> (Pinging, mpsc::UnboundedReceiver<bool>) {
    let (tell, told) = mpsc::unbounded_channel();
    let config = PingConfig { name: "carrier".into(), to, every: Duration::from_millis(60) };
    let on = move |alive| {
        let _ = tell.send(alive);
    };
    (agent.ping(config, on).unwrap(), told)
}

async fn becomes(told: &mut mpsc::UnboundedReceiver<bool>) -> bool {
    timeout(PATIENCE, told.recv()).await.expect("nothing is told").expect("it goes on")
}

/// The next OPTIONS with a higher number than the last.
async fn options(phone: &mut Phone, last: &mut u32) -> String {
    loop {
        let request = phone.request_of("OPTIONS").await;
        let sequence = field(&request, "CSeq").strip_suffix(" OPTIONS").unwrap().parse().unwrap();
        if sequence > *last {
            *last = sequence;
            return request;
        }
    }
}

/// Answers everything that is asked, or nothing, until something new is told of.
async fn answers_until_it_is_told(
    peer: &mut Phone,
    last: &mut u32,
    told: &mut mpsc::UnboundedReceiver<bool>,
    answer: Option<&str>,
) -> bool {
    loop {
        tokio::select! {
            alive = becomes(told) => return alive,
            request = options(peer, last) => if let Some(answer) = answer {
                peer.answer(&request, answer, "", "").await;
            },
        }
    }
}

#[tokio::test]
async fn three_misses_in_a_row_are_down_and_one_answer_is_up() {
    let house = House::with(|config| config.t1 = Duration::from_millis(10)).await;
    let mut peer = Phone::new(house.address).await;
    let (pinging, mut told) = begin(&house.agent, format!("sip:{}", peer.here));
    let mut last = 0;
    let first = options(&mut peer, &mut last).await;
    assert!(first.starts_with(&format!("OPTIONS sip:{} SIP/2.0\r\n", peer.here)), "{first}");
    assert!(field(&first, "Contact").contains(&house.address.to_string()) && field(&first, "Allow").contains("INVITE"));
    // Whoever refuses is there.
    peer.answer(&first, "404 Not Found", "", "").await;
    assert!(becomes(&mut told).await);
    // Silence, and what a balancer says of those behind it.
    for (answer, alive) in [
        (None, false),
        (Some("200 OK"), true),
        (Some("503 Service Unavailable"), false),
        (Some("405 Method Not Allowed"), true),
        (None, false),
        (Some("600 Busy Everywhere"), true),
    ] {
        assert_eq!(answers_until_it_is_told(&mut peer, &mut last, &mut told, answer).await, alive, "{answer:?}");
    }
    drop(pinging);
    while let Some(alive) = timeout(PATIENCE, told.recv()).await.expect("it is asked no more") {
        assert!(!alive);
    }
}

#[tokio::test]
async fn a_connection_is_opened_again_for_whoever_is_to_be_asked() {
    let house = House::with(|config| config.listen = vec!["tcp:127.0.0.1:0".parse().unwrap()]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    let (_pinging, mut told) = begin(&house.agent, format!("sip:{here};transport=tcp"));
    let mut last = 0;
    for alive in [true, false] {
        let (stream, peer) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        let mut phone = Phone::over(Box::new(stream), peer, here, "TCP", "");
        for _ in 0..2 {
            let request = options(&mut phone, &mut last).await;
            phone.answer(&request, "501 Not Implemented", "", "").await;
        }
        if alive {
            assert!(becomes(&mut told).await);
        }
    }
    drop(listener);
    assert!(!becomes(&mut told).await, "nobody takes its connections");
}
