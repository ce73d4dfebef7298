//! From facts to findings. Pure.

mod machine;
mod network;

use super::facts::Facts;
use super::rules::{FAULTY, LOADED};
use super::{Check, Finding};
use crate::node::Config;

/// Everything there is to say, in the order of [`Check::ALL`].
pub(super) fn judge(config: &Config, facts: &Facts) -> Vec<Finding> {
    Check::ALL.iter().flat_map(|check| look(*check, config, facts)).collect()
}

fn look(check: Check, config: &Config, facts: &Facts) -> Vec<Finding> {
    match check {
        Check::Configuration => vec![match facts.faults {
            0 => LOADED.said("what it names is there, and well"),
            faults => FAULTY.said(format!("{faults} faults would keep it from being served")),
        }],
        Check::Port => network::ports(facts),
        Check::Address => network::addresses(config, facts),
        Check::Nat => network::nat(config, facts),
        Check::MediaPorts => network::media_ports(config, facts),
        Check::Certificate => network::certificate(config, facts),
        Check::Authorities => network::authorities(config, facts),
        Check::Trunk => network::trunks(facts),
        Check::Password => machine::passwords(facts),
        Check::Clock => machine::clock(facts),
        Check::TimeZone => machine::zone(facts),
        Check::Files => machine::files(config, facts),
        Check::Precedence => machine::precedence(facts),
        Check::ReceiveBuffer => machine::buffer(facts),
        Check::Database => machine::database(config, facts),
        Check::Disk => machine::disk(facts),
        Check::Synthesis => machine::synthesis(config, facts),
    }
}

#[cfg(test)]
mod tests;
