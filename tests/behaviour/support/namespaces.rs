//! Three hosts on one machine, in network namespaces: two networks and the router between them.
//!
//! ```text
//!   outside                     router                     inside
//!   203.0.113.2        203.0.113.1 | 10.0.0.1        10.0.0.2
//!   2001:db8:1::2    2001:db8:1::1 | 2001:db8:2::1   2001:db8:2::2
//! ```
//!
//! IPv6 is routed. For IPv4 the router does as a home's does: who speaks from inside has its address outside (NAT), and
//! some ports of its own lead to the host inside.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::hotline::in_tree;

/// The ports of the router that lead inside: SIP, and a few for sound.
pub const FORWARDED: &str = "{ 5060, 20000-20099 }";

/// The hosts; gone when dropped.
pub struct Networks {
    names: [String; 3],
}

impl Networks {
    /// Sets them up; `None`, with a word why, where this machine does not allow it.
    pub fn new() -> Option<Networks> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let names = ["outside", "router", "inside"].map(|host| format!("hotline-{mark}-{host}"));
        for tool in ["ip", "nft"] {
            if Command::new(tool).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
                println!("skipped: there is no {tool} (Debian: iproute2, nftables)");
                return None;
            }
        }
        if !quietly("ip", &["netns", "add", &names[0]]) {
            println!("skipped: network namespaces may not be made here");
            return None;
        }
        let networks = Networks { names };
        networks.connect();
        Some(networks)
    }

    fn connect(&self) {
        let [outside, router, inside] = &self.names;
        let script = format!(
            "set -e
             ip netns add {router}
             ip netns add {inside}
             ip link add net0 netns {outside} type veth peer name out netns {router}
             ip link add net0 netns {inside} type veth peer name in netns {router}
             address() {{ ip -n $1 addr add $3 dev $2; ip -n $1 addr add $4 dev $2 nodad; ip -n $1 link set $2 up; }}
             for host in {outside} {router} {inside}; do ip -n $host link set lo up; done
             address {outside} net0 203.0.113.2/24 2001:db8:1::2/64
             address {router} out 203.0.113.1/24 2001:db8:1::1/64
             address {router} in 10.0.0.1/24 2001:db8:2::1/64
             address {inside} net0 10.0.0.2/24 2001:db8:2::2/64
             ip -n {outside} route add 2001:db8:2::/64 via 2001:db8:1::1
             ip -n {inside} route add default via 10.0.0.1
             ip -n {inside} route add 2001:db8:1::/64 via 2001:db8:2::1
             ip netns exec {router} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward
                                           echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
             ip netns exec {router} nft '
                table ip nat {{
                    chain pre {{ type nat hook prerouting priority -100; iifname out udp dport {FORWARDED} dnat to 10.0.0.2; }}
                    chain post {{ type nat hook postrouting priority 100; oifname out masquerade; }}
                }}'"
        );
        assert!(quietly("sh", &["-c", &script]), "the hosts cannot be connected");
    }

    /// The server of names that the hosts outside and inside ask.
    pub fn ask_for_names_at(&self, server: &str) {
        for name in [&self.names[0], &self.names[2]] {
            // What lies here stands before /etc for all that `ip netns exec` runs.
            let folder = format!("/etc/netns/{name}");
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(format!("{folder}/resolv.conf"), format!("nameserver {server}\n")).expect("a file");
        }
    }

    /// A program on the host outside.
    pub fn outside(&self, program: &str) -> Command {
        within(&self.names[0], program)
    }

    /// A program on the host inside.
    pub fn inside(&self, program: &str) -> Command {
        within(&self.names[2], program)
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for name in &self.names {
            quietly("ip", &["netns", "del", name]);
            let _ = std::fs::remove_dir_all(format!("/etc/netns/{name}"));
        }
    }
}

fn within(name: &str, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", name, program]).stdin(Stdio::null());
    command
}

/// A program that ends with its test.
pub fn ours(command: Command) -> tokio::process::Command {
    let mut command = tokio::process::Command::from(command);
    command.current_dir(in_tree("")).stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn quietly(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
