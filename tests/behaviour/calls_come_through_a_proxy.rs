//! Kamailio in front of two hotlines, with the configuration of `docs/peers/kamailio.cfg`: SIPp calls through it, over UDP and
//! TCP. The proxy keeps itself on the route (Record-Route), so the ACK, and the hotline's BYE, come through it too; a
//! hotline that is going down is passed over.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::sip_client::Phone;
use crate::support::hotline::in_tree;
use crate::support::node::{Running, start};
use crate::support::ports::free_port;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_are_spread_over_hotlines_and_kept_on_the_route() {
    let [one, two] = [hotline().await, hotline().await];
    let Some(proxy) = Proxy::of(&[&one, &two]).await else { return };
    proxy.sipp_is_answered_and_hung_up("u1").await;
    proxy.sipp_is_answered_and_hung_up("u1").await;
    // Both addresses of the proxy are on the route then, and what comes from the hotline crosses over to TCP.
    proxy.sipp_is_answered_and_hung_up("t1").await;
    let [one, two] = [served(one).await, served(two).await];
    assert_eq!((one + two, one.abs_diff(two)), (3, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn and_pass_over_a_hotline_that_is_going_down() {
    let [one, two] = [hotline().await, hotline().await];
    let Some(proxy) = Proxy::of(&[&one, &two]).await else { return };
    let folder = one.folder;
    let going = tokio::spawn(one.node.drain());
    proxy.sipp_is_answered_and_hung_up("u1").await;
    proxy.sipp_is_answered_and_hung_up("u1").await;
    assert_eq!(going.await.unwrap(), 0);
    assert_eq!(served(two).await, 2);
    drop(folder);
}

async fn hotline() -> Running {
    start(&[("300", "bench/300")], |_| ()).await
}

/// How many calls a hotline has answered and hung up.
async fn served(running: Running) -> u32 {
    running.node.drain().await;
    let count = "SELECT count(*) FROM calls WHERE ending = 'hotline-hung-up'";
    let database = rusqlite::Connection::open(running.folder.path().join("hotline.db")).unwrap();
    database.query_row(count, [], |row| row.get(0)).unwrap()
}

struct Proxy {
    kamailio: Child,
    address: SocketAddr,
    folder: TempDir,
}

/// Kamailio is many processes: told to end by its first, all of them do; were that one killed, the others would stay.
impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(id) = self.kamailio.id() {
            let _ = std::process::Command::new("kill").args(["-TERM", &id.to_string()]).status();
        }
    }
}

impl Proxy {
    /// `None`, with a word why, where there is no Kamailio or SIPp.
    async fn of(hotlines: &[&Running]) -> Option<Proxy> {
        for program in ["/usr/sbin/kamailio", "/usr/bin/sipp"] {
            if !std::path::Path::new(program).exists() {
                println!("skipped: there is no {program} (Debian: kamailio, sip-tester)");
                return None;
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let list: String = hotlines.iter().map(|hotline| format!("1 sip:{}\n", hotline.address)).collect();
        std::fs::write(folder.path().join("hotlines.list"), list).unwrap();
        let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        let mut kamailio = Command::new("/usr/sbin/kamailio");
        kamailio.arg("-f").arg(in_tree("docs/peers/kamailio.cfg")).args(["-DD", "-E", "-m", "32", "-M", "4"]);
        kamailio.args(["-l", &format!("udp:{address}"), "-l", &format!("tcp:{address}")]);
        kamailio.arg("-A").arg(format!("HOTLINES=\"{}\"", folder.path().join("hotlines.list").display()));
        kamailio.arg("-Y").arg(folder.path()).arg("-w").arg(folder.path()).stdin(Stdio::null());
        let log = std::fs::File::create(folder.path().join("kamailio.log")).unwrap();
        kamailio.stdout(log.try_clone().unwrap()).stderr(log);
        let proxy = Proxy { kamailio: kamailio.spawn().unwrap(), address, folder };
        proxy.is_there().await;
        Some(proxy)
    }

    /// Waits until it answers.
    async fn is_there(&self) {
        let mut phone = Phone::new(self.address).await;
        let answered = async {
            loop {
                phone.send(&phone.request("OPTIONS", 1, "", "", "")).await;
                if tokio::time::timeout(Duration::from_millis(200), phone.status(200)).await.is_ok() {
                    return;
                }
            }
        };
        let log = || std::fs::read_to_string(self.folder.path().join("kamailio.log")).unwrap_or_default();
        tokio::time::timeout(Duration::from_secs(30), answered).await.unwrap_or_else(|_| panic!("{}", log()));
    }

    async fn sipp_is_answered_and_hung_up(&self, transport: &str) {
        let mut sipp = Command::new("/usr/bin/sipp");
        sipp.arg("-sf").arg(in_tree("tests/sipp/answered.xml")).args(["-s", "300", "-m", "1", "-nostdin"]);
        sipp.args(["-t", transport, "-i", "127.0.0.1", "-mi", "127.0.0.1", "-timeout", "60s"]);
        sipp.arg(self.address.to_string()).current_dir(self.folder.path()).env("TERM", "dumb").stdin(Stdio::null());
        let call = tokio::time::timeout(Duration::from_secs(90), sipp.kill_on_drop(true).output());
        let done = call.await.expect("sipp hangs").unwrap();
        assert!(done.status.success(), "{}\n{}", done.status, String::from_utf8_lossy(&done.stdout));
    }
}
