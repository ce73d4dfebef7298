//! Whose a call is: by the address that its INVITE comes from, or by the password that it knows, over every transport.

use std::time::Duration;

use hotline::node::Config;
use hotline::sip::IncomingCall;
use hotline::sip::door::{Refusals, StrangerPolicy, TrunkRule};
use tokio::net::TcpSocket;

use super::sip_client::{ANSWER, House, OFFER, PATIENCE, Phone, event, field};
use crate::support::node::start;
use crate::support::tls::Authority;
use crate::support::trunk::{authorization, challenged, from, with_login};

async fn house(trunks: Vec<TrunkRule>, strangers: StrangerPolicy) -> House {
    House::with(|config| {
        config.listen = vec!["127.0.0.1:0".parse().unwrap(), "tcp:127.0.0.1:0".parse().unwrap()];
        (config.door.trunks, config.door.strangers) = (trunks, strangers);
    })
    .await
}

async fn called(house: &mut House, phone: &Phone) -> (IncomingCall, Option<String>) {
    phone.send(&phone.invite(OFFER)).await;
    let call = house.call().await;
    let trunk = call.trunk.as_deref().map(str::to_owned);
    (call, trunk)
}

#[tokio::test]
async fn by_the_longest_prefix_of_its_address_over_udp_and_tcp() {
    let trunks = vec![from("carrier", &["127.0.0.0/24"]), from("office", &["127.0.0.3", "2001:db8::/32"])];
    let mut house = house(trunks, StrangerPolicy::Answer).await;
    for (address, trunk) in [("127.0.0.2", Some("carrier")), ("127.0.0.3", Some("office")), ("127.0.1.3", None)] {
        let phone = Phone::at(address, house.address).await;
        let (call, found) = called(&mut house, &phone).await;
        assert_eq!((found.as_deref(), call.source), (trunk, phone.here), "{address}");
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
        let stream = socket.connect(house.listens[1].address).await.unwrap();
        let here = stream.local_addr().unwrap();
        let phone = Phone::over(Box::new(stream), house.listens[1].address, here, "TCP", ";transport=tcp");
        assert_eq!(called(&mut house, &phone).await.1.as_deref(), trunk, "{address} over TCP");
    }
}

#[tokio::test]
async fn by_the_addresses_of_a_host_that_are_looked_up() {
    let mut house = House::with(|config| {
        config.door.trunks = vec![from("near", &["localhost"]), from("gone", &["host.invalid"])];
        config.door.strangers = StrangerPolicy::Refuse;
        config.look_up = Duration::from_millis(50);
    })
    .await;
    let phone = Phone::new(house.address).await;
    assert_eq!(called(&mut house, &phone).await.1.as_deref(), Some("near"));
    let mut stranger = Phone::at("127.0.0.9", house.address).await;
    stranger.send(&stranger.invite(OFFER)).await;
    stranger.status(403).await;
}

#[tokio::test]
async fn by_its_password_wherever_it_calls_from() {
    for algorithm in ["MD5", "SHA-256"] {
        let trunks = vec![with_login(from("roaming", &[]), "roamer", "p4ss w0rd"), from("office", &["127.0.0.3"])];
        let mut house = house(trunks, StrangerPolicy::Silence).await;
        for tcp in [false, true] {
            let mut phone = match tcp {
                false => Phone::new(house.address).await,
                true => Phone::over_tcp(house.listens[1].address).await,
            };
            let challenge = challenged(&mut phone, OFFER).await;
            let schemes: Vec<_> = challenge.lines().filter(|line| line.starts_with("WWW-Authenticate: ")).collect();
            assert!(schemes.len() == 2 && schemes[0].contains("algorithm=SHA-256"), "{challenge}");
            let proof = authorization(&challenge, algorithm, "roamer", "p4ss w0rd");
            let invite = phone.request("INVITE", 2, &phone.branch, &proof, OFFER);
            phone.send(&invite).await;
            phone.send(&invite).await;
            let call = house.call().await;
            assert_eq!(call.trunk.as_deref(), Some("roaming"));
            let mut call = call.accept(ANSWER.to_owned());
            phone.status(200).await;
            // Nothing inside the call is asked for a password again.
            phone.send(&phone.request("ACK", 2, "", "", "")).await;
            event(&mut call).await;
            phone.send(&phone.request("INFO", 3, "", "", "")).await;
            phone.status(200).await;
            phone.send(&phone.request("BYE", 4, "", "", "")).await;
            phone.status(200).await;
        }
        let mut office = Phone::at("127.0.0.3", house.address).await;
        assert_eq!(
            called(&mut house, &office).await.1.as_deref(),
            Some("office"),
            "known by its address, it is not asked"
        );
        office.status(480).await;
        assert_eq!(house.agent.refusals(), Refusals::default(), "fail2ban#2163: to be asked is no attack");
    }
}

#[tokio::test]
async fn by_its_password_over_tls() {
    let authority = Authority::new();
    let mut house = House::with(|config| {
        authority.secure(config);
        config.door.trunks = vec![with_login(from("roaming", &[]), "roamer", "secret")];
        config.door.strangers = StrangerPolicy::Refuse;
    })
    .await;
    let (stream, _) = authority.connect(house.address).await;
    let here = stream.get_ref().0.local_addr().unwrap();
    let mut phone = Phone::over(Box::new(stream), house.address, here, "TLS", ";transport=tls");
    let challenge = challenged(&mut phone, OFFER).await;
    let proof = authorization(&challenge, "SHA-256", "roamer", "secret");
    phone.send(&phone.request("INVITE", 2, &phone.branch, &proof, OFFER)).await;
    assert_eq!(house.call().await.trunk.as_deref(), Some("roaming"));
}

#[tokio::test]
async fn by_both_where_it_has_both() {
    let trunks = vec![
        with_login(from("carrier", &["127.0.0.2"]), "carrier", "secret"),
        with_login(from("roaming", &[]), "roamer", "other"),
    ];
    let mut house = house(trunks, StrangerPolicy::Refuse).await;
    let mut attempt = async |address, user, password| {
        let mut phone = Phone::at(address, house.address).await;
        let challenge = challenged(&mut phone, OFFER).await;
        let proof = authorization(&challenge, "SHA-256", user, password);
        phone.send(&phone.request("INVITE", 2, &phone.branch, &proof, OFFER)).await;
        tokio::select! {
            call = house.call() => Ok(call.trunk.as_deref().map(str::to_owned)),
            refused = phone.response() => Err(refused[8..11].to_owned()),
        }
    };
    assert_eq!(attempt("127.0.0.2", "carrier", "secret").await, Ok(Some("carrier".to_owned())));
    assert_eq!(attempt("127.0.0.5", "roamer", "other").await, Ok(Some("roaming".to_owned())));
    for (address, user, password) in [
        ("127.0.0.2", "carrier", "wrong"),
        ("127.0.0.2", "roamer", "other"),
        ("127.0.0.5", "carrier", "secret"),
        ("127.0.0.5", "nobody", ""),
    ] {
        assert_eq!(attempt(address, user, password).await, Err("401".to_owned()), "{user} from {address}");
    }
    assert_eq!(house.agent.refusals().wrong_password, 4);
}

#[tokio::test]
async fn an_answer_serves_one_call_and_an_old_nonce_is_told_from_a_wrong_password() {
    let mut house = house(vec![with_login(from("roaming", &[]), "roamer", "secret")], StrangerPolicy::Refuse).await;
    let mut phone = Phone::new(house.address).await;
    let challenge = challenged(&mut phone, OFFER).await;
    let proof = authorization(&challenge, "MD5", "roamer", "secret");
    phone.send(&phone.request("INVITE", 2, &phone.branch, &proof, OFFER)).await;
    house.call().await.reject(hotline::sip::Refusal::Busy);
    phone.status(486).await;
    let mut thief = Phone::new(house.address).await;
    thief.send(&thief.request("INVITE", 1, "", &proof, OFFER)).await;
    let again = thief.status(401).await;
    assert!(field(&again, "WWW-Authenticate").ends_with(", stale=true"), "{again}");
    thief.remote_tag.clear();
    thief.call_id.clone_from(&phone.call_id);
    thief.send(&thief.request("INVITE", 3, "", "", OFFER)).await;
    let known = thief.status(401).await;
    assert!(!known.contains("stale"), "the Call-ID of a call that has been let in lets nobody in: {known}");
    thief.remote_tag.clear();
    let proof = authorization(&again, "MD5", "roamer", "secret");
    thief.send(&thief.request("INVITE", 4, "", &proof, OFFER)).await;
    assert_eq!(house.call().await.trunk.as_deref(), Some("roaming"));
}

#[tokio::test]
async fn a_flood_of_invites_that_are_asked_leaves_nothing_behind() {
    let house = house(vec![with_login(from("roaming", &[]), "roamer", "secret")], StrangerPolicy::Silence).await;
    let mut phone = Phone::new(house.address).await;
    for _ in 0..2000 {
        phone.call_id = format!("{:x}", rand::random::<u64>());
        phone.send(&phone.request("INVITE", 1, "", "", OFFER)).await;
    }
    phone.status(401).await;
    let patience = tokio::time::timeout(PATIENCE, async {
        while house.agent.refusals().too_many < 500 {
            tokio::task::yield_now().await;
        }
    });
    patience.await.expect("the flood goes on being answered");
    let standing = house.agent.standing();
    assert_eq!((standing.calls, standing.dialogs, standing.transactions, standing.remembered), (0, 0, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_its_name_stands_in_the_record_of_the_call() {
    let running = start(&[("12333", "bench/300")], |config| {
        let text = "[trunks.carrier]\nfrom = [\"127.0.0.2\"]\ncalls = 3\n";
        config.trunks = Config::parse("hotline.toml", text).unwrap().trunks;
    })
    .await;
    for address in ["127.0.0.2", "127.0.0.9"] {
        let mut phone = Phone::at(address, running.address).await;
        phone.send(&phone.invite(OFFER)).await;
        phone.status(200).await;
        phone.ack("").await;
        let bye = phone.request_of("BYE").await;
        phone.answer(&bye, "200 OK", "", "").await;
    }
    let folder = running.folder;
    assert_eq!(running.node.drain().await, 0);
    let records = rusqlite::Connection::open(folder.path().join("hotline.db")).unwrap();
    let mut rows = records.prepare("SELECT trunk FROM calls ORDER BY call").unwrap();
    let trunks: Vec<Option<String>> = rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(trunks, [Some("carrier".to_owned()), None]);
}
