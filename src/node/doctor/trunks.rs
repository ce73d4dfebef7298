//! Asking trunks: their hosts' addresses, OPTIONS, REGISTER; all at once, each for four seconds.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::facts::{Facts, Registration, Socket, Trunk};
use crate::node::config::Config;
use crate::node::{outbound, tls, trunk};
use crate::sip::agent::{PingConfig, RegisterConfig, RegisterNews, registrar_host};
use crate::sip::door::sources::Whence;
use crate::sip::door::{DoorRules, StrangerPolicy};
use crate::sip::{Agent, AgentConfig, Listen, Names, Transport};

/// How long each is waited for.
const WITHIN: Duration = Duration::from_secs(4);
/// What is asked of a registrar: a registration that could not be taken back is soon over.
const REGISTERED_FOR: Duration = Duration::from_secs(60);
/// Those of one trunk that are asked.
const MOST_ASKED: usize = 8;
/// Those of all trunks that are asked.
const MOST_ASKED_IN_ALL: usize = 64;

/// One answer to what was asked.
enum Told {
    Host(usize, String, Vec<IpAddr>),
    Asked(usize, String, bool),
    Registered(usize, Registration),
}

/// Asks all of them.
pub(super) async fn ask(config: &Config, facts: &Facts) -> Vec<Trunk> {
    let mut trunks: Vec<Trunk> = config.trunks.iter().map(|(name, trunk)| written(name, trunk)).collect();
    if trunks.is_empty() {
        return trunks;
    }
    let mut asking = JoinSet::new();
    let held = facts
        .listens
        .iter()
        .any(|(_, socket)| matches!(socket, Socket::Taken(holders) if holders.iter().any(|holder| holder.hotline)));
    let agent = agent(config, facts).await;
    let names = Arc::<Names>::default();
    let mut asked = 0;
    for (number, (name, trunk)) in config.trunks.iter().enumerate() {
        for host in hosts(trunk) {
            let names = Arc::clone(&names);
            asking.spawn(async move {
                let found = names.addresses(&host).await;
                Told::Host(number, host, found)
            });
        }
        let Some(agent) = &agent else { continue };
        for peer in peers(trunk) {
            if asked < MOST_ASKED_IN_ALL {
                asked += 1;
                asking.spawn(options(agent.clone(), number, Arc::from(name.as_str()), peer));
            }
        }
        let registration = outbound::registration(&Arc::from(name.as_str()), trunk, &config.numbers);
        match registration {
            Ok(Some(_)) if held => drop(asking.spawn(async move { Told::Registered(number, Registration::Held) })),
            Ok(Some(registration)) => drop(asking.spawn(register(agent.clone(), number, registration))),
            // What is wrong with it has been told of by its own check.
            Ok(None) | Err(_) => {}
        }
    }
    while let Some(told) = asking.join_next().await {
        let Ok(told) = told else { continue };
        let (Told::Host(number, ..) | Told::Asked(number, ..) | Told::Registered(number, _)) = told;
        let Some(trunk) = trunks.get_mut(number) else { continue };
        match told {
            Told::Host(_, host, addresses) => trunk.hosts.push((host, addresses)),
            Told::Asked(_, peer, answered) => trunk.asked.push((peer, answered)),
            Told::Registered(_, registration) => trunk.registration = Some(registration),
        }
    }
    for trunk in &mut trunks {
        trunk.hosts.sort();
        trunk.asked.sort();
    }
    trunks
}

/// What is known of a trunk without asking.
fn written(name: &str, trunk: &trunk::Trunk) -> Trunk {
    let network = |whence: &Whence| match whence {
        Whence::Network(network) => Some(network.addr()),
        Whence::Host(_) => None,
    };
    let addresses = trunk.sources().iter().filter_map(network).collect();
    Trunk { name: name.to_owned(), addresses, ..Trunk::default() }
}

/// The names of hosts that a trunk is written with.
fn hosts(trunk: &trunk::Trunk) -> Vec<String> {
    let named = |whence: &Whence| match whence {
        Whence::Host(host) => Some(host.clone()),
        Whence::Network(_) => None,
    };
    let mut hosts: Vec<String> = trunk.sources().iter().filter_map(named).collect();
    let uris = trunk.asked().into_iter().chain(trunk.register.as_ref().map(|register| register.registrar.as_str()));
    hosts.extend(uris.map(registrar_host).filter(|host| host.parse::<IpAddr>().is_err()).map(str::to_ascii_lowercase));
    hosts.sort();
    hosts.dedup();
    hosts
}

/// Who of a trunk is asked whether it is alive: as the configuration has it, or else whoever it is known by.
fn peers(trunk: &trunk::Trunk) -> Vec<String> {
    if let Some(asked) = trunk.asked() {
        return vec![asked.to_owned()];
    }
    let peer = |whence: &Whence| match whence {
        Whence::Host(host) => Some(format!("sip:{host}")),
        Whence::Network(network) if network.prefix_len() == network.max_prefix_len() => Some(match network.addr() {
            IpAddr::V4(v4) => format!("sip:{v4}"),
            IpAddr::V6(v6) => format!("sip:[{v6}]"),
        }),
        Whence::Network(_) => None,
    };
    trunk.from.iter().filter_map(peer).take(MOST_ASKED).collect()
}

/// An agent that takes no calls, on ports of its own at the addresses that the hotline would speak from.
async fn agent(config: &Config, facts: &Facts) -> Option<Agent> {
    let mut listens: Vec<Listen> = Vec::new();
    for (listen, socket) in &facts.listens {
        let listen = Listen { transport: Transport::Udp, address: SocketAddr::new(listen.address.ip(), 0) };
        if matches!(socket, Socket::Free | Socket::Taken(_) | Socket::Forbidden) && !listens.contains(&listen) {
            listens.push(listen);
        }
    }
    let mut agent = AgentConfig::new(listens);
    agent.advertised = config.sip.advertised;
    agent.door = DoorRules { strangers: StrangerPolicy::Silence, ..DoorRules::default() };
    agent.numbers = Some(std::collections::HashSet::new());
    agent.tls = tls(&config.sip.tls);
    agent.tls.identity = None;
    let (calls, _) = mpsc::channel(1);
    Agent::start(agent, calls).await.ok().map(|(agent, _)| agent)
}

async fn options(agent: Agent, number: usize, name: Arc<str>, peer: String) -> Told {
    let (tell, mut told) = mpsc::unbounded_channel();
    let config = PingConfig { name, to: peer.clone(), every: WITHIN };
    let on = move |alive| {
        let _ = tell.send(alive);
    };
    let Ok(_pinging) = agent.ping(config, on) else { return Told::Asked(number, peer, false) };
    let alive = tokio::time::timeout(WITHIN, told.recv()).await;
    Told::Asked(number, peer, matches!(alive, Ok(Some(true))))
}

async fn register(agent: Agent, number: usize, config: RegisterConfig) -> Told {
    let (tell, mut told) = mpsc::unbounded_channel();
    let config = RegisterConfig { expires: REGISTERED_FOR, ..config };
    let Ok(registering) = agent.register(config, move |news| {
        let _ = tell.send(news);
    }) else {
        return Told::Registered(number, Registration::Refused(None));
    };
    let mut last = None;
    let listen = async {
        while let Some(news) = told.recv().await {
            match news {
                RegisterNews::Registered(true) => return true,
                RegisterNews::Registered(false) => {}
                // What stands for no answer at all.
                RegisterNews::Answered(408 | 503) => {}
                RegisterNews::Answered(status) => last = Some(status),
            }
        }
        false
    };
    let taken = matches!(tokio::time::timeout(WITHIN, listen).await, Ok(true));
    let registration = match taken {
        true => Registration::Taken { back: registering.end(WITHIN).await },
        false => Registration::Refused(last),
    };
    Told::Registered(number, registration)
}
