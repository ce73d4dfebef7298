//! PostgreSQL, which keeps the records and the call records, is killed (SIGKILL of the server) in the midst of a hundred calls of
//! the demo menu, and started again. Each caller is read a balance before; is told that the records do not answer, and is at the
//! main menu, meanwhile; and who stays is read a balance after, in the same call. Not one call record is lost, and none is there twice.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hotline::node::CallRecordsTo;
use hotline::records::demo::{self, DemoOptions};
use hotline::records::{CallEntry, CallPlace, CallServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::records_support::as_of;
use crate::sip_client::{OFFER, Phone};
use crate::support::node::start;
use crate::support::ports::free_port;
use crate::support::postgres::PostgresServer;
use crate::support::together::all;

const CALLS: usize = 100;
/// Of them so many hang up while the server is down.
const HANG_UP: usize = 40;
/// A hundred calls of some half a minute each.
const LONG: Duration = Duration::from_secs(120);

/// A caller with a number of their own.
struct Caller {
    phone: Phone,
    number: String,
    sequence: u32,
}

impl Caller {
    async fn dial(address: SocketAddr, place: usize) -> Caller {
        let mut phone = Phone::new(address).await;
        let number = format!("139000000{place:02}");
        phone.send(&phone.invite(OFFER).replace("13800000000", &number)).await;
        phone.status(200).await;
        phone.ack("").await;
        Caller { phone, number, sequence: 1 }
    }

    async fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            self.sequence += 1;
            let body = format!("Signal={key}\r\nDuration=100\r\n");
            let info = self.phone.request("INFO", self.sequence, "", "", &body);
            self.phone.send(&info.replace("application/sdp", "application/dtmf-relay")).await;
            assert!(self.phone.response().await.starts_with("SIP/2.0 200 "), "{}", self.number);
        }
    }

    async fn hang_up(mut self) {
        self.phone.send(&self.phone.request("BYE", self.sequence + 1, "", "", "")).await;
        while !self.phone.response().await.contains("BYE") {}
    }
}

/// The sum of a metric over its labels.
async fn metric(address: SocketAddr, name: &str) -> u64 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    let of_it =
        page.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', '}', ' '])));
    of_it.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
}

async fn until(what: &str, address: SocketAddr, is: impl Fn(u64, u64) -> bool) {
    let begun = Instant::now();
    loop {
        let asked = metric(address, "hotline_lookups_total").await;
        let failed = metric(address, "hotline_lookups_failed_total").await;
        if is(asked, failed) {
            return;
        }
        assert!(begun.elapsed() < LONG, "{what}: {asked} look-ups, {failed} of them failed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_callers_each_hears_how_it_stands() {
    let mut server = PostgresServer::start();
    demo::write_to_server(&server.options(), DemoOptions::named_only(as_of()), false, || ()).unwrap();
    let (url, metrics) = (server.url(), SocketAddr::from(([127, 0, 0, 1], free_port())));
    let running = start(&[("12333", "12333")], |config| {
        config.records.local = config.records.file().to_owned();
        config.records.database = url.parse().unwrap();
        config.records.deadline = Duration::from_secs(20);
        config.call_records.to = CallRecordsTo::Postgres;
        config.call_records.server = Some(url.clone());
        config.media.time_out = LONG;
        config.metrics.listen = Some(metrics);
    })
    .await;

    let address = running.address;
    // Each as soon as it is up: one after the other, the last would be asked again and again before its turn to key.
    let mut callers = all(0..CALLS, |place| async move {
        let mut caller = Caller::dial(address, place).await;
        caller.press("12119999198503150010#10000001#1").await;
        caller
    })
    .await;
    // Who they are, and a balance.
    let both = 2 * CALLS as u64;
    until("all are read a balance", metrics, |asked, failed| (asked, failed) == (both, 0)).await;

    server.kill();
    let press = |keys: &'static str| {
        move |mut caller: Caller| async move {
            caller.press(keys).await;
            caller
        }
    };
    callers = all(callers, press("1")).await;
    until("all are told that they do not answer", metrics, |_, failed| failed == CALLS as u64).await;
    for caller in callers.drain(..HANG_UP) {
        caller.hang_up().await;
    }

    server.go_on();
    let (begun, mut pressed) = (Instant::now(), Instant::now());
    while metric(metrics, "hotline_call_records_down").await
        + metric(metrics, "hotline_call_records_waiting_bytes").await
        > 0
    {
        assert!(begun.elapsed() < LONG, "call records are written when it is back");
        // Nobody falls silent for long: they hear the main menu again.
        if pressed.elapsed() > Duration::from_secs(5) {
            callers = all(callers, press("*")).await;
            pressed = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    callers = all(callers, press("21")).await;
    let all = both + CALLS as u64 + (CALLS - HANG_UP) as u64;
    until("those who stayed are read a balance again", metrics, |asked, _| asked >= all).await;
    for caller in callers {
        caller.hang_up().await;
    }
    assert_eq!(running.node.drain().await, 0);

    let place = CallPlace::Postgres(CallServer::new(&server.url(), None).unwrap());
    let mut kept: Vec<CallEntry> = Vec::new();
    place.read(None, None, &mut |call| kept.push(call)).unwrap();
    let ids: HashSet<&str> = kept.iter().map(|call| call.call_id.as_str()).collect();
    assert_eq!((kept.len(), ids.len()), (CALLS, CALLS), "each call is recorded once");
    // The steps say what was heard: a balance, that the records do not answer, the main menu, a balance again. Those who ask while
    // the breaker still tries are told once more that they do not.
    let before = "welcome > language > mandarin > notice > main > own-records > enter-id > enter-number > verify > verified > \
                  account > balance > account > balance > records-down";
    let after = format!("{before} > main > own-records > account > balance");
    let mut heard = [0; 3];
    for call in &kept {
        match call.path.strip_prefix(&after) {
            None if call.path.starts_with(before) => heard[0] += 1,
            Some("") => heard[1] += 1,
            Some(rest) if rest.starts_with(" > records-down") => heard[2] += 1,
            _ => panic!("{}", call.path),
        }
    }
    println!(
        "{} hung up while it was down; {} were read a balance again, {} asked too early",
        heard[0], heard[1], heard[2]
    );
    assert_eq!((heard[0], heard[1] + heard[2]), (HANG_UP, CALLS - HANG_UP));
    assert!(heard[1] > 0, "{heard:?}");
}
