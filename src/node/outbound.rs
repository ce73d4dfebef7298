//! What this hotline does towards its trunks: it registers with them, and asks whether they are alive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::config::Config;
use super::metrics::Metrics;
use super::read_password;
use super::trunk::Trunk;
use crate::facts::Fault;
use crate::sip::agent::{DialFault, PingConfig, Pinging, RegisterConfig, Registering};
use crate::sip::{Agent, Patience};

/// What is to be done, checked before anything is listened for.
pub(super) struct Plan {
    registrations: Vec<RegisterConfig>,
    pings: Vec<PingConfig>,
}

/// What is being done.
pub(super) struct Outbound {
    registrations: Vec<Registering>,
    _pings: Vec<Pinging>,
}

impl Plan {
    /// Reads what trunks there are, and their passwords.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub(super) fn of(config: &Config) -> Result<Plan, Vec<Fault>> {
        let (mut plan, mut faults) = (Plan { registrations: Vec::new(), pings: Vec::new() }, Vec::new());
        for (name, trunk) in &config.trunks {
            let name: Arc<str> = name.as_str().into();
            match registration(&name, trunk, &config.numbers) {
                Ok(registration) => plan.registrations.extend(registration),
                Err(fault) => faults.push(fault),
            }
            plan.pings.extend(ping(&name, trunk));
        }
        if faults.is_empty() { Ok(plan) } else { Err(faults) }
    }

    /// Begins it.
    ///
    /// # Errors
    /// An address of the configuration is none.
    pub(super) fn begin(self, agent: &Agent, metrics: &Arc<Metrics>) -> Result<Outbound, Fault> {
        let wrong = |name: &str, part: &str, fault: &DialFault| {
            Fault::of_file(&format!("[trunks.{name}.{part}]"), fault.to_string())
        };
        let mut outbound = Outbound { registrations: Vec::new(), _pings: Vec::new() };
        for config in self.registrations {
            let name = Arc::clone(&config.name);
            let (metrics, trunk) = (Arc::clone(metrics), Arc::clone(&name));
            let on = move |news| metrics.registers(&trunk, news);
            let registering = agent.register(config, on).map_err(|fault| wrong(&name, "register", &fault))?;
            outbound.registrations.push(registering);
        }
        for config in self.pings {
            let name = Arc::clone(&config.name);
            let (metrics, trunk) = (Arc::clone(metrics), Arc::clone(&name));
            let on = move |alive| metrics.answers(&trunk, alive);
            let pinging = agent.ping(config, on).map_err(|fault| wrong(&name, "ping", &fault))?;
            outbound._pings.push(pinging);
        }
        Ok(outbound)
    }
}

impl Outbound {
    /// Takes every registration back, all at once, as far as that is done within so long.
    pub(super) async fn end(self, within: Duration) {
        let ends: Vec<_> =
            self.registrations.into_iter().map(|registering| tokio::spawn(registering.end(within))).collect();
        for end in ends {
            if !end.await.unwrap_or(false) {
                tracing::warn!("a registration could not be taken back: its registrar does not answer");
            }
        }
    }
}

pub(super) fn registration<T>(
    name: &Arc<str>,
    trunk: &Trunk,
    numbers: &BTreeMap<String, T>,
) -> Result<Option<RegisterConfig>, Fault> {
    let Some(register) = &trunk.register else { return Ok(None) };
    let number = register.number();
    if !numbers.contains_key(number) && !numbers.contains_key("*") {
        let message = format!("calls of trunk {name} would come to {number}, where no menu answers");
        let hint = "put it into [numbers], or name one of those there: number = \"12333\"";
        return Err(Fault::of_file(&format!("[trunks.{name}.register]"), message).hint(hint));
    }
    Ok(Some(RegisterConfig {
        name: Arc::clone(name),
        registrar: register.registrar.clone(),
        domain: register.domain.clone(),
        user: register.user.clone(),
        auth_user: register.auth_user.clone(),
        password: register.password_file.as_deref().map(read_password).transpose()?,
        number: number.to_owned(),
        expires: register.expires,
        patience: Patience::default(),
    }))
}

fn ping(name: &Arc<str>, trunk: &Trunk) -> Option<PingConfig> {
    let ping = trunk.ping.as_ref()?;
    Some(PingConfig { name: Arc::clone(name), to: trunk.asked()?.to_owned(), every: ping.every })
}
