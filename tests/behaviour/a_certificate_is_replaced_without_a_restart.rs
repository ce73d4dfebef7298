//! The files of a certificate change while calls run: they go on as they are, new connections see the new one; what is no
//! certificate changes nothing, and the log says so.

use std::io;
use std::sync::{Arc, Mutex};

use hotline::sip::CallEvent;
use hotline::sip::sdp::{self, Local};

use super::sip_client::{House, OFFER, PATIENCE, Phone, event};
use crate::support::tls::{Authority, put};

/// Connects anew until a certificate is shown that is, or is not, this one.
async fn until_shown(authority: &Authority, house: &House, old: &[u8]) -> Vec<u8> {
    let look = async {
        loop {
            let (_, shown) = authority.connect(house.address).await;
            if shown.as_ref() != old {
                return shown.to_vec();
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, look).await.expect("the old certificate is shown for ever")
}

#[tokio::test]
async fn while_a_call_runs() {
    let authority = Authority::new();
    let mut house = House::with(|config| authority.secure(config)).await;
    let (stream, old) = authority.connect(house.address).await;
    let here = stream.get_ref().0.local_addr().unwrap();
    let mut phone = Phone::over(Box::new(stream), house.address, here, "TLS", ";transport=tls");
    phone.send(&phone.invite(OFFER)).await;
    let call = house.call().await;
    let answer = sdp::answer(call.offer.as_ref().unwrap(), &Local::new(call.local, 30_000, 1)).unwrap().0;
    let mut call = call.accept(answer);
    phone.status(200).await;
    phone.ack("").await;
    assert!(matches!(event(&mut call).await, CallEvent::Confirmed { .. }));

    authority.renew(&["127.0.0.1"]);
    until_shown(&authority, &house, &old).await;
    phone.send(&phone.request("INFO", 2, "", "", "")).await;
    assert!(phone.status(200).await.contains("2 INFO"));
    assert!(matches!(event(&mut call).await, CallEvent::Info { .. }));
    call.hang_up();
    phone.request_of("BYE").await;
}

/// What has been logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn count(&self, words: &str) -> usize {
        String::from_utf8_lossy(&self.0.lock().unwrap()).matches(words).count()
    }

    async fn says(&self, words: &str, times: usize) {
        let look = async {
            while self.count(words) < times {
                tokio::task::yield_now().await;
            }
        };
        let text = || String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned();
        tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("`{words}` is not said: {}", text()));
    }
}

#[tokio::test]
async fn a_broken_pair_changes_nothing_and_is_told_of_once() {
    let log = Log::default();
    let writer = log.clone();
    // No other test here makes the agent complain of a certificate: the line is logged by this thread alone.
    let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(lines);
    let authority = Authority::new();
    let house = House::with(|config| authority.secure(config)).await;
    let old = authority.connect(house.address).await.1;
    let files = authority.files();
    let key = std::fs::read_to_string(&files.key).unwrap();
    let (certificate, its_key) = authority.issue(&["127.0.0.1"]);
    for (file, text, words) in [
        (&files.certificate, certificate.as_str(), "key.pem is not the key of"),
        (&files.key, "no key", "key.pem holds no private key"),
        (&files.certificate, "no certificate", "certificate.pem holds no certificates"),
    ] {
        put(file, text);
        log.says(words, 1).await;
        assert_eq!(authority.connect(house.address).await.1, old);
    }
    std::fs::remove_file(&files.key).unwrap();
    log.says("key.pem cannot be read", 1).await;
    // Many looks later.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(log.count("cannot be read"), 1, "each change is told of once");
    put(&files.certificate, &certificate);
    put(&files.key, &its_key);
    until_shown(&authority, &house, &old).await;
    for secret in key.lines().chain(its_key.lines()).filter(|line| !line.starts_with("-----")) {
        assert_eq!(log.count(secret), 0, "a key is in the log");
    }
}
