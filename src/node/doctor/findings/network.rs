//! Ports, addresses, certificates, trunks.

use std::net::IpAddr;

use super::super::facts::{Facts, Holder, Registration, Socket, Trunk};
use super::super::rules::*;
use super::super::{Finding, date};
use crate::node::Config;
use crate::sip::agent::is_inside;
use crate::sip::{Listen, Transport};

/// A certificate that ends sooner is warned of.
const SOON: i64 = 30 * 24 * 3600;

pub(super) fn ports(facts: &Facts) -> Vec<Finding> {
    facts.listens.iter().chain(&facts.metrics).filter_map(|(listen, socket)| port(listen, socket)).collect()
}

fn port(listen: &Listen, socket: &Socket) -> Option<Finding> {
    Some(match socket {
        Socket::Free if listen.address.port() == 0 => PORT_BY_CHANCE.said(format!("{listen} takes a port by chance")),
        Socket::Free => PORT_FREE.said(format!("{listen} is free")),
        Socket::Taken(holders) => taken(listen, holders),
        Socket::Forbidden => PORT_FORBIDDEN.said(format!("{listen} may not be listened at by this user")),
        // The addresses are looked at by a check of their own.
        Socket::Foreign => return None,
        Socket::Refused(why) => PORT_REFUSED.said(format!("{listen}: {why}")),
    })
}

fn taken(listen: &Listen, holders: &[Holder]) -> Finding {
    let named = |holder: &Holder| match &holder.process {
        Some((id, name)) => format!("{name} (process {id})"),
        None => format!("a process of user {}", holder.user),
    };
    let all: Vec<String> = holders.iter().map(named).collect();
    let by = if all.is_empty() { "a process that cannot be found".to_owned() } else { all.join(", ") };
    let said = format!("{listen} is held by {by}");
    if !holders.is_empty() && holders.iter().all(|holder| holder.hotline) {
        PORT_OURS.said(said)
    } else if holders.iter().any(|holder| holder.process.is_some() && !holder.hotline) {
        PORT_TAKEN.said(said)
    } else {
        PORT_HELD.said(said)
    }
}

pub(super) fn addresses(config: &Config, facts: &Facts) -> Vec<Finding> {
    let known = facts.here.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let foreign = facts.listens.iter().chain(&facts.metrics).filter(|(_, socket)| *socket == Socket::Foreign);
    let mut findings: Vec<_> = foreign
        .map(|(listen, _)| ADDRESS_FOREIGN.said(format!("{listen} is not of this machine, which has {known}")))
        .collect();
    let unknown = |address: &&IpAddr| !facts.here.is_empty() && !facts.here.contains(address) && !address.is_loopback();
    let foreign = config.media.address.iter().filter(unknown);
    findings.extend(foreign.map(|address| {
        ADDRESS_FOREIGN.said(format!("media.address {address} is not of this machine, which has {known}"))
    }));
    if findings.is_empty() {
        findings.push(ADDRESS_HERE.said(format!("this machine has {known}")));
    }
    findings
}

pub(super) fn nat(config: &Config, facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        config.sip.advertised.map(|address| advertised(address, config)).into_iter().flatten().collect();
    for (listen, socket) in &facts.listens {
        if *socket != Socket::Foreign {
            findings.extend(told(listen, config, facts));
        }
    }
    findings
}

/// What is wrong with `sip.advertised`, if anything is.
fn advertised(address: IpAddr, config: &Config) -> Option<Finding> {
    let said = format!("sip.advertised is {address}");
    let nowhere = address.is_unspecified() || address.is_multicast() || address.is_loopback();
    let listened = config.sip.listen.iter().any(|listen| listen.address.is_ipv4() == address.is_ipv4());
    if nowhere {
        Some(ADVERTISED_NOWHERE.said(said))
    } else if !listened {
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        Some(ADVERTISED_UNUSED.said(format!("{said}; nothing is listened for over {family}")))
    } else if is_inside(address) {
        Some(ADVERTISED_PRIVATE.said(said))
    } else {
        None
    }
}

/// What those are told who call by a socket: in Contact, and in the session description where that differs.
fn told(listen: &Listen, config: &Config, facts: &Facts) -> Option<Finding> {
    let bound = listen.address.ip();
    let same = |address: &&IpAddr| address.is_ipv4() == bound.is_ipv4();
    let advertised = config.sip.advertised.as_ref().filter(same).copied();
    let own = if bound.is_unspecified() { facts.leaves.iter().find(same).copied() } else { Some(bound) };
    let Some(contact) = advertised.or(own) else {
        let family = if bound.is_ipv4() { "IPv4" } else { "IPv6" };
        return Some(NO_ROUTE.said(format!("{listen}: this machine has no way to the Internet over {family}")));
    };
    let sound = config.media.address.iter().find(same).copied();
    let sound = if advertised.is_some() { contact } else { sound.unwrap_or(contact) };
    let what = match (sound == contact, bound.is_unspecified() && advertised.is_none()) {
        (true, false) => format!("Contact and SDP will say {contact}"),
        (true, true) => format!("Contact and SDP will say {contact} towards the Internet"),
        (false, _) => format!("Contact will say {contact}, SDP {sound}"),
    };
    let said = |more: &str| format!("{listen}: {what}{more}");
    let outside = facts.trunks.iter().find_map(|trunk| Some((trunk, public(trunk)?)));
    // Of an address that is advertised, what is wrong with it has been said.
    Some(match (is_inside(contact) || is_inside(sound), advertised, outside) {
        (false, ..) | (_, Some(_), _) => TOLD.said(said("")),
        (true, None, _) if contact.is_loopback() => TOLD_HERE.said(said(", this machine itself")),
        (true, None, Some((trunk, address))) => {
            TOLD_PRIVATE_TO_TRUNK.said(said(&format!(", which is private, while trunk {} is at {address}", trunk.name)))
        }
        (true, None, None) => TOLD_PRIVATE.said(said(", which is private")),
    })
}

/// An address of a trunk's that is not of a private network.
fn public(trunk: &Trunk) -> Option<IpAddr> {
    let of_hosts = trunk.hosts.iter().flat_map(|(_, addresses)| addresses);
    trunk.addresses.iter().chain(of_hosts).copied().find(|address| !is_inside(*address))
}

pub(super) fn media_ports(config: &Config, facts: &Facts) -> Vec<Finding> {
    let (first, last) = config.media.ports;
    let pairs = (first..last).filter(|port| port % 2 == 0).count();
    let (tried, free, calls) = (facts.pairs.tried, facts.pairs.free, config.sip.calls);
    let left = pairs.saturating_mul(free).checked_div(tried).unwrap_or(pairs);
    let said =
        format!("{first} to {last}: {pairs} pairs for {calls} calls; {free} of {tried} that were tried are free");
    let mut findings = vec![if pairs < calls {
        PAIRS_FEW.said(said)
    } else if left < calls {
        PAIRS_TAKEN.said(said)
    } else {
        PAIRS_ENOUGH.said(said)
    }];
    let shared = facts.given_away.map(|(from, to)| (from.max(first), to.min(last))).filter(|(from, to)| from <= to);
    let kept = |(from, to): (u16, u16)| facts.reserved.iter().any(|(first, last)| *first <= from && to <= *last);
    if let Some((from, to)) = shared.filter(|shared| !kept(*shared)) {
        findings
            .push(PAIRS_GIVEN_AWAY.said(format!("{from} to {to} are given by the system to any program that asks")));
    }
    findings
}

pub(super) fn certificate(config: &Config, facts: &Facts) -> Vec<Finding> {
    let chain = match &facts.identity {
        None => return Vec::new(),
        Some(Err(why)) => return vec![CERTIFICATE_UNUSABLE.said(why.clone())],
        Some(Ok(chain)) => chain,
    };
    let mut findings = Vec::new();
    for (number, certificate) in (1..).zip(chain) {
        let which = if number == 1 { "it".to_owned() } else { format!("certificate {number} of the file") };
        let (from, until) = (date(certificate.from), date(certificate.until));
        if certificate.until <= facts.now {
            findings.push(CERTIFICATE_EXPIRED.said(format!("{which} has expired on {until}")));
        } else if certificate.from > facts.now {
            findings.push(CERTIFICATE_EARLY.said(format!("{which} is valid from {from}")));
        } else if certificate.until - facts.now < SOON {
            let days = (certificate.until - facts.now) / (24 * 3600);
            findings.push(CERTIFICATE_SOON.said(format!("{which} expires on {until}, in {days} days")));
        }
    }
    let own = chain.first();
    let names = own.map(|own| own.names.join(", ")).unwrap_or_default();
    if names.is_empty() {
        findings.push(CERTIFICATE_NAMELESS.said("it is for no name and no address"));
    }
    if facts.key_open {
        findings.push(KEY_OPEN.said("the key may be read by everybody"));
    }
    if !config.sip.listen.iter().any(|listen| listen.transport == Transport::Tls) {
        findings.push(CERTIFICATE_UNUSED.said("nothing is listened for over TLS"));
    }
    if let (true, Some(own)) = (findings.is_empty(), own) {
        findings.push(CERTIFICATE.said(format!("it is for {names}, until {}", date(own.until))));
    }
    findings
}

pub(super) fn authorities(config: &Config, facts: &Facts) -> Vec<Finding> {
    let whose = if config.sip.tls.authorities.is_some() { "sip.tls.authorities has" } else { "this machine trusts" };
    vec![match &facts.authorities {
        Err(why) => AUTHORITIES_UNUSABLE.said(why.clone()),
        Ok(0) => AUTHORITIES_NONE.said(format!("{whose} none")),
        Ok(count) => AUTHORITIES.said(format!("{whose} {count}")),
    }]
}

pub(super) fn trunks(facts: &Facts) -> Vec<Finding> {
    facts.trunks.iter().flat_map(trunk).collect()
}

fn trunk(trunk: &Trunk) -> Vec<Finding> {
    let name = &trunk.name;
    let mut findings = Vec::new();
    for (host, addresses) in &trunk.hosts {
        let all: Vec<_> = addresses.iter().take(4).map(ToString::to_string).collect();
        findings.push(match addresses.is_empty() {
            true => TRUNK_LOST.said(format!("{name}: {host} has no address")),
            false => TRUNK_FOUND.said(format!("{name}: {host} is {}", all.join(", "))),
        });
    }
    for (peer, answered) in &trunk.asked {
        findings.push(match answered {
            true => TRUNK_ANSWERS.said(format!("{name}: {peer} answers")),
            false => TRUNK_SILENT.said(format!("{name}: {peer} does not answer")),
        });
    }
    findings.extend(trunk.registration.map(|registration| {
        match registration {
            Registration::Taken { back: true } => TRUNK_REGISTERED.said(format!("{name}: registered, and taken back")),
            Registration::Taken { back: false } => TRUNK_REGISTERED
                .said(format!("{name}: registered; it could not be taken back, and runs out within minutes")),
            Registration::Held => TRUNK_REGISTERED_ELSEWHERE.said(format!("{name}: a running hotline registers")),
            Registration::Refused(Some(status)) => {
                TRUNK_REFUSES.said(format!("{name}: the registrar answers {status}"))
            }
            Registration::Refused(None) => TRUNK_REFUSES.said(format!("{name}: the registrar does not answer")),
        }
    }));
    if trunk.asked.is_empty() && trunk.registration.is_none() {
        findings.push(TRUNK_NOT_ASKED.said(format!("{name}: nobody was asked")));
    }
    findings
}
