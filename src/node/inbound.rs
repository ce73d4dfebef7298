//! Who may bring calls, as the configuration has it: `[sip.strangers]`, and of each `[trunks.NAME]` what its calls are known
//! by and how many there may be.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;

use super::config::Config;
use super::draft::Wrong;
use super::read_password;
use super::trunk::Trunk;
use crate::facts::Fault;
use crate::sip::door::admission::Allowance;
use crate::sip::door::challenge::Login;
use crate::sip::door::{DoorRules, StrangerPolicy, TrunkRule};

/// Trunks at most.
const MOST_TRUNKS: usize = 256;
/// Addresses, networks and names of a trunk at most.
const MOST_SOURCES: usize = 256;
/// Calls a second, at most.
const MOST_RATE: u32 = 10_000;

/// `[sip.strangers]`: requests outside a call from sources that are no trunk's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Strangers {
    /// What becomes of them.
    pub policy: StrangerPolicy,
    /// Calls at once of one source, where they are answered; an IPv6 /64 is one.
    pub calls: Option<usize>,
    /// Calls a second of one source.
    pub rate: Option<u32>,
}

/// What no hotline could mean, trunk by trunk.
pub(super) fn check(config: &Config) -> Vec<Wrong> {
    let (strangers, mut wrongs) = (&config.sip.strangers, Vec::new());
    if config.trunks.len() > MOST_TRUNKS {
        let message = format!("there are more than {MOST_TRUNKS} trunks");
        wrongs.push(Wrong::at("trunks", "", message, "one trunk may name many networks"));
    }
    wrongs.extend(config.trunks.iter().flat_map(|(name, trunk)| check_trunk(name, trunk)));
    wrongs.extend(check_share("sip.strangers", strangers.calls, strangers.rate));
    wrongs.extend(check_share("sip", None, config.sip.rate));
    let mut digest = config.sip.digest.clone();
    digest.dedup();
    if !(1..=2).contains(&digest.len()) || digest.len() != config.sip.digest.len() {
        let hint = "as in digest = [\"sha-256\", \"md5\"]";
        wrongs.push(Wrong::at("sip", "digest", "sip.digest names no way, or one twice", hint));
    }
    wrongs
}

/// What is wrong between trunks, and between them and `[sip.strangers]`.
pub(super) fn check_together(config: &Config) -> Vec<Wrong> {
    let mut wrongs = check_apart(config);
    let brings = config.trunks.values().any(|trunk| !trunk.sources().is_empty() || trunk.user.is_some());
    let by_password = config.trunks.iter().find(|(_, trunk)| trunk.from.is_empty() && trunk.user.is_some());
    match (config.sip.strangers.policy, by_password) {
        (StrangerPolicy::Answer, Some((name, _))) => wrongs.push(Wrong::at(
            format!("trunks.{name}"),
            "",
            format!(
                "trunks.{name} is known by its password alone, so every caller must be asked for one, and strangers are to be answered"
            ),
            "say where its calls come from, as in from = [\"203.0.113.0/24\"], or sip.strangers.policy = \"refuse\"",
        )),
        (StrangerPolicy::Refuse | StrangerPolicy::Silence | StrangerPolicy::Decoy, None) if !brings => {
            wrongs.push(Wrong::at(
                "sip.strangers",
                "policy",
                "sip.strangers.policy lets nobody call: no trunk says where its calls come from",
                "as in [trunks.carrier] and from = [\"203.0.113.0/24\"]; or policy = \"answer\"",
            ));
        }
        _ => {}
    }
    wrongs
}

fn check_trunk(name: &str, trunk: &Trunk) -> Vec<Wrong> {
    let letters = name.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'));
    let place = format!("trunks.{name}");
    if !letters || !(1..=32).contains(&name.len()) {
        let short: String = name.chars().take(40).collect();
        let hint = "letters, digits, - and _, at most 32, as in [trunks.carrier]";
        return vec![Wrong::at(place, "", format!("`{short}` is no name of a trunk"), hint)];
    }
    let mut wrongs = Vec::new();
    let mut wrong = |key, message, hint| wrongs.push(Wrong::at(&place, key, message, hint));
    if trunk.user.is_some() != trunk.password_file.is_some() {
        let message = format!("{place} has a user without a password-file, or a password-file without a user");
        wrong("", message, "as in user = \"carrier\" and password-file = \"carrier.secret\"");
    }
    let user = |user: &String| {
        (1..=128).contains(&user.len())
            && !user.contains(|symbol: char| symbol.is_control() || ":\"\\".contains(symbol))
    };
    if !trunk.user.as_ref().is_none_or(user) {
        wrong("user", format!("{place}.user is no user"), "1 to 128 octets, none of them : or \" or \\");
    }
    if trunk.from.len() > MOST_SOURCES {
        let message = format!("{place}.from has more than {MOST_SOURCES} entries");
        wrong("from", message, "name networks, as in \"203.0.113.0/24\"");
    }
    let bounded = trunk.calls.is_some() || trunk.rate.is_some();
    if bounded && trunk.sources().is_empty() && trunk.user.is_none() {
        let message = format!("{place} says how many calls it may bring, and not what they are known by");
        wrong("", message, "as in from = [\"203.0.113.0/24\"]");
    }
    wrongs.extend(check_share(&place, trunk.calls, trunk.rate));
    wrongs
}

/// No two trunks are known by the same.
fn check_apart(config: &Config) -> Vec<Wrong> {
    let (mut sources, mut users, mut wrongs) = (HashMap::new(), HashMap::new(), Vec::new());
    for (name, trunk) in &config.trunks {
        let place = format!("trunks.{name}");
        for whence in &trunk.from {
            if let Some(other) = sources.insert(whence, name).filter(|other| *other != name) {
                let message = format!("trunks.{other} and {place} both have {whence}");
                let hint = "a source is one trunk's; the longer prefix wins where networks lie within one another";
                wrongs.push(Wrong::at(&place, "from", message, hint));
            }
        }
        if let Some(other) = trunk.user.as_ref().and_then(|user| users.insert(user, name)) {
            let message = format!("trunks.{other} and {place} have the same user");
            wrongs.push(Wrong::at(&place, "user", message, "each needs one of its own"));
        }
    }
    wrongs
}

fn check_share(place: &str, calls: Option<usize>, rate: Option<u32>) -> Vec<Wrong> {
    let mut wrongs = Vec::new();
    if calls.is_some_and(|calls| !(1..=100_000).contains(&calls)) {
        let message = format!("{place}.calls is not between 1 and 100000");
        wrongs.push(Wrong::at(place, "calls", message, "as in calls = 30; without it there is no bound"));
    }
    if rate.is_some_and(|rate| !(1..=MOST_RATE).contains(&rate)) {
        let message = format!("{place}.rate is not between 1 and {MOST_RATE}");
        wrongs.push(Wrong::at(place, "rate", message, "calls a second, as in rate = 10"));
    }
    wrongs
}

/// The rules of the agent's door; passwords are read now.
///
/// # Errors
/// Each password file that cannot be read, or has no password in it.
pub(super) fn rules(config: &Config) -> Result<DoorRules, Vec<Fault>> {
    // A source that two would imply is the first one's: what is written goes before.
    let mut taken: HashSet<_> = config.trunks.values().flat_map(|trunk| trunk.from.clone()).collect();
    let (mut trunks, mut faults) = (Vec::new(), Vec::new());
    for (name, trunk) in &config.trunks {
        let mut from = trunk.sources();
        if trunk.from.is_empty() {
            from.retain(|source| taken.insert(source.clone()));
        }
        let login = trunk.user.as_ref().zip(trunk.password_file.as_ref());
        let login =
            login.map(|(user, file)| Ok(Login { user: user.clone(), password: read_password(file)? })).transpose();
        let allowance = Allowance { calls: trunk.calls, rate: trunk.rate };
        match login {
            Ok(login) => trunks.push(TrunkRule { name: Arc::from(name.as_str()), from, login, allowance }),
            Err(fault) => faults.push(fault),
        }
    }
    let strangers = &config.sip.strangers;
    let rules = DoorRules {
        trunks,
        strangers: strangers.policy,
        stranger_allowance: Allowance { calls: strangers.calls, rate: strangers.rate },
        rate: config.sip.rate,
        digest: config.sip.digest.clone(),
    };
    if faults.is_empty() { Ok(rules) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        Config::parse("hotline.toml", text).expect_err(text).message
    }

    #[test]
    fn a_trunk_is_read() {
        let text = "[sip]\nrate = 50\n[sip.strangers]\npolicy = \"decoy\"\ncalls = 2\nrate = 1\n\
                    [trunks.carrier]\nfrom = [\"203.0.113.0/24\", \"sip.carrier.example\"]\ncalls = 30\nrate = 10\n";
        let config = Config::parse("hotline.toml", text).unwrap();
        let rules = rules(&config).unwrap();
        assert_eq!((rules.strangers, rules.rate), (StrangerPolicy::Decoy, Some(50)));
        assert_eq!(rules.stranger_allowance, Allowance { calls: Some(2), rate: Some(1) });
        let [carrier] = rules.trunks.as_slice() else { panic!("one trunk") };
        assert_eq!((&*carrier.name, carrier.from.len(), carrier.login.is_none()), ("carrier", 2, true));
        assert_eq!(carrier.allowance, Allowance { calls: Some(30), rate: Some(10) });
    }

    #[test]
    fn calls_of_a_registrar_are_its_trunks_where_nothing_else_is_said() {
        let register = |name: &str, host: &str| {
            format!("[trunks.{name}.register]\nregistrar = \"sip:{host}:5070;transport=tcp\"\nuser = \"1\"\n")
        };
        let text = register("a", "sip.carrier.example")
            + &register("b", "sip.carrier.example")
            + &register("c", "[2001:db8::1]")
            + "[trunks.d]\nfrom = [\"192.0.2.1\"]\n"
            + &register("e", "192.0.2.1")
            + "[sip.strangers]\npolicy = \"refuse\"\n[trunks.a]\ncalls = 3\n";
        let rules = rules(&Config::parse("hotline.toml", &text).unwrap()).unwrap();
        let sources: Vec<Vec<String>> =
            rules.trunks.iter().map(|rule| rule.from.iter().map(ToString::to_string).collect()).collect();
        assert_eq!(sources, [vec!["sip.carrier.example"], vec![], vec!["2001:db8::1"], vec!["192.0.2.1"], vec![]]);
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        for (text, told) in [
            ("[trunks.\"my carrier\"]\n", "no name of a trunk"),
            ("[trunks.a]\nfrom = [\"300.1.1.1\"]\n", "no address, network or host name"),
            ("[trunks.a]\nuser = \"u\"\n", "without a password-file"),
            ("[trunks.a]\nfrom = [\"192.0.2.1\"]\nuser = \"a:b\"\npassword-file = \"f\"\n", "is no user"),
            ("[trunks.a]\ncalls = 3\n", "not what they are known by"),
            ("[trunks.a]\nfrom = [\"192.0.2.1\"]\ncalls = 0\n", "trunks.a.calls"),
            ("[trunks.a]\nfrom = [\"192.0.2.1\"]\nrate = 0\n", "trunks.a.rate"),
            ("[sip]\nrate = 100000\n", "sip.rate"),
            ("[sip]\ndigest = []\n", "sip.digest"),
            ("[sip]\ndigest = [\"md5\", \"md5\"]\n", "sip.digest"),
            ("[sip]\ndigest = [\"sha-512\"]\n", "sha-512"),
            ("[trunks.a]\nfrom = [\"192.0.2.1\"]\n[trunks.b]\nfrom = [\"192.0.2.1/32\"]\n", "both have 192.0.2.1"),
            ("[sip.strangers]\npolicy = \"refuse\"\n", "lets nobody call"),
            ("[sip.strangers]\npolicy = \"refuse\"\n[trunks.a]\n", "lets nobody call"),
            ("[sip.strangers]\npolicy = \"hang-up\"\n", "hang-up"),
            ("[trunks.a]\nuser = \"u\"\npassword-file = \"f\"\n", "known by its password alone"),
        ] {
            assert!(wrong(text).contains(told), "{text}: {}", wrong(text));
        }
        let user =
            |name: &str| format!("[trunks.{name}]\nfrom = [\"{name}.example\"]\nuser = \"u\"\npassword-file = \"f\"\n");
        assert!(wrong(&(user("a") + &user("b"))).contains("the same user"));
    }
}
