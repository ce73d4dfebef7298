//! The caller's telephone is told by RTCP how its stream arrives, and the same stands in the call's record.

use std::time::Duration;

use hotline::facts::Moment;
use hotline::rtp::{Header, Reception, Report, Reporter, SentSoFar};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::sip_client::{PATIENCE, Phone, body};
use crate::support::node::start;

/// The source of the telephone's stream.
const SSRC: u32 = 4711;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn packets_that_never_came_are_counted() {
    let running = start(&[("12333", "bench/100")], |_| ()).await;
    let rtp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let rtcp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let port_of = |socket: &UdpSocket| socket.local_addr().unwrap().port();
    let mut phone = Phone::new(running.address).await;
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {} RTP/AVP 8\r\n\
         a=rtcp:{}\r\n",
        port_of(&rtp),
        port_of(&rtcp)
    );
    phone.send(&phone.invite(&sdp)).await;
    let answer = phone.status(200).await;
    phone.ack("").await;
    let line = body(&answer).lines().find_map(|line| line.strip_prefix("m=audio ")).unwrap();
    let port: u16 = line.split(' ').next().unwrap().parse().unwrap();

    // Every fifth packet is lost; the wrap of the sequence number is no loss.
    for index in (0_u16..50).filter(|index| index % 5 != 2) {
        let (sequence, timestamp) = (65_520_u16.wrapping_add(index), u32::from(index) * 160);
        let header = Header { payload_type: 8, marker: index == 0, sequence, timestamp, ssrc: SSRC };
        rtp.send_to(&[&header.to_bytes()[..], &[0xD5; 160]].concat(), ("127.0.0.1", port)).await.unwrap();
    }
    let sent = Some(SentSoFar { packets: 40, octets: 6400, timestamp: 8000 });
    let report = Report { now: Moment::ZERO, ntp: 0x1234_5678_9ABC_DEF0, sent, cname: "phone", bye: false };
    let mut datagram = [0; 500];
    let mut reporter = Reporter::new(SSRC);
    let length = reporter.write(&mut datagram, &mut Reception::default(), &report).unwrap();
    rtcp.send_to(&datagram[..length], ("127.0.0.1", port + 1)).await.unwrap();

    let about_us = loop {
        let (length, _) = timeout(PATIENCE, rtcp.recv_from(&mut datagram)).await.expect("no report came").unwrap();
        let heard = reporter.receive(Moment::ZERO, &datagram[..length]).expect("RTCP");
        assert!(heard.sender_report.is_some() && !heard.bye, "the hotline speaks, so it reports as a sender");
        if let Some(about_us) = heard.about_us {
            break about_us;
        }
    };
    assert_eq!((about_us.lost, about_us.highest), (10, 65_520 + 49));
    assert_eq!(about_us.fraction_lost, 51, "a fifth, in 256ths");

    phone.send(&phone.request("BYE", 2, "", "", "")).await;
    phone.status(200).await;
    let database = rusqlite::Connection::open(running.folder.path().join("hotline.db")).unwrap();
    let row = async {
        loop {
            let row = database.query_row("SELECT rtp_lost, rtp_jitter_us FROM calls", [], |row| {
                Ok::<(i64, i64), _>((row.get(0)?, row.get(1)?))
            });
            match row {
                Ok(row) => return row,
                // Records are written behind the call's back.
                Err(rusqlite::Error::QueryReturnedNoRows) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let (lost, jitter) = timeout(PATIENCE, row).await.expect("a call record");
    assert_eq!(lost, 10);
    // All at once, where they should have come 20 ms apart.
    assert!(jitter > 0, "{jitter}");
}
