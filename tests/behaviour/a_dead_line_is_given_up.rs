//! A far end from which neither sound nor RTCP comes is gone; one that is only silent is not.

use std::time::Duration;

use hotline::audio::Codec;
use hotline::facts::Moment;
use hotline::media::MediaEvent;
use hotline::rtp::{Reception, Report, Reporter};

use super::sip_client::{OFFER, Phone};
use crate::support::media::*;
use crate::support::node::start;

#[tokio::test(flavor = "multi_thread")]
async fn the_call_record_says_that_the_line_was_dead() {
    let running = start(&[("12333", "bench/100")], |config| config.media.time_out = Duration::from_millis(500)).await;
    let mut phone = Phone::new(running.address).await;
    phone.send(&phone.request("INVITE", 1, &phone.branch, "", OFFER)).await;
    phone.status(200).await;
    phone.ack("").await;
    let bye = phone.request_of("BYE").await;
    phone.answer(&bye, "200 OK", "", "").await;
    let database = running.folder.path().join("hotline.db");
    running.node.drain().await;
    let row = "SELECT ending FROM calls";
    let ending = rusqlite::Connection::open(database).unwrap().query_row(row, [], |row| row.get(0));
    assert_eq!(ending, Ok("media-timed-out".to_owned()));
}

#[test]
fn a_call_without_any_packet_times_out_once() {
    let engine = engine(|config| config.time_out = Duration::from_millis(150));
    let mut leg = engine.reserve().unwrap();
    let far_end = FarEnd::of(&leg);
    let mut player = Player::of(&[list(160_000, 1)]);
    let told = player.listen();
    let events = begin(&mut leg, far_end.params(), player);
    assert_eq!(events.recv_timeout(DEADLINE), Ok(MediaEvent::TimedOut));
    await_told(&told, &Told::HungUp);
    far_end.rest();
    leg.end();
    let stats = ended(&events);
    assert_eq!(far_end.rest(), []);
    assert_eq!((stats.packets_received, stats.refused), (0, 0));
    assert!(told.is_empty());
}

#[test]
fn rtcp_alone_keeps_a_silent_caller() {
    let engine = engine(|config| config.time_out = Duration::from_millis(1500));
    let mut leg = engine.reserve().unwrap();
    let far_end = FarEnd::of(&leg);
    let lists = [list(32_000, 1)];
    let events = begin(&mut leg, far_end.params(), Player::of(&lists));
    let rtcp = std::net::SocketAddr::new(far_end.to.ip(), far_end.to.port() + 1);
    let report = Report { now: Moment::ZERO, ntp: 0, sent: None, cname: "far", bye: false };
    let mut datagram = [0; 200];
    let length = Reporter::new(77).write(&mut datagram, &mut Reception::default(), &report).unwrap();
    let mut heard = Vec::new();
    // Four seconds of sound: more than two time-outs.
    while heard.len() < 32_000 {
        heard.extend(far_end.get().payload);
        far_end.rtcp.send_to(&datagram[..length], rtcp).unwrap();
    }
    assert_eq!(heard, bytes(&lists, Codec::Pcma, 160));
    assert!(events.is_empty());
    leg.end();
    ended(&events);
}
