//! What a configuration would have served, for whoever has just written it.
//!
//! ```text
//!   12333              voice-menus/12333/menu.toml: zh-CN, en
//!   listens            udp 0.0.0.0:5060, tls 0.0.0.0:5061
//!   trunk carrier      from 203.0.113.0/24; 30 calls at once, 10 a second
//! ```

use std::fmt;
use std::path::Path;

use super::draft::Draft;
use super::loading::load;
use super::trunk::Trunk;
use crate::facts::{Disk, Fault};
use crate::sip::door::StrangerPolicy;

/// What would be served, by lines of a name and what there is to say of it.
#[derive(Debug)]
pub struct Survey {
    lines: Vec<(String, String)>,
    /// What is allowed, but probably not meant.
    pub warnings: Vec<Fault>,
}

/// Loads everything that serving would load, opens no socket, and writes nothing.
///
/// # Errors
/// Everything that is wrong, the draft's own faults first; warnings are among them.
pub fn survey(draft: &Draft) -> Result<Survey, Vec<Fault>> {
    let (config, loaded) = (&draft.config, load(draft, &Disk, None)?);
    let mut lines = Vec::new();
    let mut line = |name: &str, said: String| lines.push((name.to_owned(), said));
    for (number, menu) in &loaded.menus {
        let languages: Vec<_> = menu.menu.languages.iter().map(|language| language.tag()).collect();
        let name = if number == "*" { "other numbers" } else { number };
        line(name, format!("{}: {}", menu.file, languages.join(", ")));
    }
    let listens: Vec<_> = config.sip.listen.iter().map(ToString::to_string).collect();
    line("listens", listens.join(", "));
    let addresses: Vec<_> = config.media.address.iter().map(ToString::to_string).collect();
    let place = if addresses.is_empty() { "the address a call comes in by".to_owned() } else { addresses.join(", ") };
    line("sound", format!("{place}, ports {} to {}", config.media.ports.0, config.media.ports.1));
    if let Some(advertised) = config.sip.advertised {
        line("advertised", advertised.to_string());
    }
    line("calls", format!("{} at once{}", config.sip.calls, each_second(config.sip.rate)));
    for (name, trunk) in &config.trunks {
        line(&format!("trunk {name}"), trunk_line(trunk));
    }
    let strangers = match config.sip.strangers.policy {
        StrangerPolicy::Answer => "may call",
        StrangerPolicy::Refuse => "are refused (403)",
        StrangerPolicy::Silence => "are met with silence",
        StrangerPolicy::Decoy => "are told that nobody picks up (480)",
    };
    line("strangers", strangers.to_owned());
    let file = |path: &Path| path.display().to_string();
    let old = loaded.records.version < loaded.records.known;
    let brought = if old { ", whose tables a start brings up to date" } else { "" };
    let place = match &config.records.url {
        Some(url) => url.to_string(),
        None => config.records.database.to_string(),
    };
    line("records", place.clone() + brought);
    let own = file(config.records.file());
    if own != place {
        line("call records", own);
    }
    if let Some(certificate) = &config.sip.tls.certificate {
        line("certificate", file(certificate));
    }
    if let Some(address) = config.metrics.listen {
        line("metrics", format!("http://{address}/metrics, /health"));
    }
    Ok(Survey { lines, warnings: loaded.warnings })
}

fn trunk_line(trunk: &Trunk) -> String {
    let from: Vec<_> = trunk.sources().iter().map(ToString::to_string).collect();
    let known = match (from.is_empty(), &trunk.user) {
        (true, None) => "brings no calls".to_owned(),
        (true, Some(user)) => format!("asked for the password of {user}"),
        (false, None) => format!("from {}", from.join(", ")),
        (false, Some(user)) => format!("from {}, asked for the password of {user}", from.join(", ")),
    };
    let calls = trunk.calls.map(|calls| format!("; {calls} calls at once")).unwrap_or_default();
    let registered = trunk.register.as_ref().map(|register| {
        format!("; registered as {} with {}, for {}", register.user, register.registrar, register.number())
    });
    let asked = trunk.ping.as_ref().and(trunk.asked()).map(|to| format!("; {to} asked whether it is alive"));
    format!("{known}{calls}{}{}{}", each_second(trunk.rate), registered.unwrap_or_default(), asked.unwrap_or_default())
}

fn each_second(rate: Option<u32>) -> String {
    rate.map(|rate| format!(", {rate} a second")).unwrap_or_default()
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|(name, said)| writeln!(f, "  {name:18} {said}"))
    }
}
