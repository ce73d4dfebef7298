//! Passwords, clock, limits, disks.

use super::super::facts::{DiskKind, Facts};
use super::super::rules::*;
use super::super::{Finding, date};
use crate::node::Config;
use crate::sip::gate::RECEIVE_BUFFER;

/// Files that are open whatever is served: the database, the log, menus while they are read.
const OTHER_FILES: usize = 64;
/// RTP's two sockets, and RTCP's.
const FILES_A_CALL: usize = 3;
const MB: u64 = 1_000_000;
/// Less than this is warned of.
const LOW: u64 = 500 * MB;
/// With less than this, records are lost soon.
const FULL: u64 = 20 * MB;
/// 2025-01-01 and 2100-01-01, in seconds since 1970: no clock that is right shows less, or more.
const YEARS: std::ops::Range<i64> = 1_735_689_600..4_102_444_800;

pub(super) fn passwords(facts: &Facts) -> Vec<Finding> {
    let each = facts.passwords.iter().map(|password| {
        let place = format!("{}: {}", password.trunk, password.file);
        match &password.open {
            Ok(false) => PASSWORD.said(place),
            Ok(true) => PASSWORD_OPEN.said(format!("{place} may be read by everybody")),
            Err(why) => PASSWORD_UNREADABLE.said(format!("{}: {why}", password.trunk)),
        }
    });
    each.collect()
}

pub(super) fn clock(facts: &Facts) -> Vec<Finding> {
    let today = date(facts.now);
    vec![match (YEARS.contains(&facts.now), facts.synchronised) {
        (false, _) => CLOCK_WRONG.said(format!("it is said to be {today}")),
        (true, Some(true)) => CLOCK.said(format!("it is {today}, and synchronised")),
        (true, Some(false)) => CLOCK_ALONE.said(format!("it is {today}, by this machine's clock alone")),
        (true, None) => CLOCK_UNKNOWN.said(format!("it is said to be {today}")),
    }]
}

pub(super) fn zone(facts: &Facts) -> Vec<Finding> {
    vec![match &facts.zone {
        Some(zone) => ZONE.said(zone.clone()),
        None => ZONE_UNKNOWN.said("no time zone is set"),
    }]
}

pub(super) fn files(config: &Config, facts: &Facts) -> Vec<Finding> {
    let needed = config.sip.calls.saturating_mul(FILES_A_CALL).saturating_add(config.sip.connections + OTHER_FILES);
    let needed = u64::try_from(needed).unwrap_or(u64::MAX);
    vec![match facts.files {
        Some(most) if most < needed => FILES_FEW.said(format!("{most} may be open, {needed} are needed at the most")),
        Some(most) => FILES.said(format!("{most} may be open, {needed} are needed at the most")),
        None => FILES.said(format!("any number may be open, {needed} are needed at the most")),
    }]
}

pub(super) fn precedence(facts: &Facts) -> Vec<Finding> {
    vec![match facts.precedence {
        true => PRECEDENCE.said("nice -11 is allowed"),
        false => PRECEDENCE_NONE.said("nice -11 is not allowed"),
    }]
}

pub(super) fn buffer(facts: &Facts) -> Vec<Finding> {
    let wanted = u64::try_from(RECEIVE_BUFFER).unwrap_or(u64::MAX);
    let judged = facts.buffer.map(|most| match most < wanted {
        true => BUFFER_SMALL.said(format!("{most} octets of {wanted} are given")),
        false => BUFFER.said(format!("{wanted} octets are given")),
    });
    judged.into_iter().collect()
}

pub(super) fn database(config: &Config, facts: &Facts) -> Vec<Finding> {
    let records = &config.records;
    let place = records.url.as_ref().map_or_else(|| records.database.to_string(), ToString::to_string);
    let file = records.file().display();
    vec![match &facts.database {
        Err(why) => DATABASE_UNUSABLE.said(why.clone()),
        Ok(_) if !facts.database_writable => DATABASE_READ_ONLY.said(format!("{file} cannot be written by this user")),
        Ok(standing) if standing.version < standing.known => DATABASE.said(format!(
            "{place}; a start brings its tables from version {} to {}",
            standing.version, standing.known
        )),
        Ok(_) => DATABASE.said(place),
    }]
}

pub(super) fn disk(facts: &Facts) -> Vec<Finding> {
    let Some(disk) = facts.disk else { return Vec::new() };
    let left = format!("{} MB are left", disk.left / MB);
    let mut findings = Vec::new();
    match disk.kind {
        DiskKind::Real => {}
        DiskKind::Memory => findings.push(DISK_FLEETING.said("the records lie in memory")),
        DiskKind::Network => findings.push(DISK_NETWORK.said("the records lie on a network's disk")),
        DiskKind::Layer => findings.push(DISK_LAYER.said("the records lie in a container's layer")),
    }
    findings.push(match disk.left {
        ..FULL => DISK_FULL.said(left),
        FULL..LOW => DISK_LOW.said(left),
        _ => DISK.said(left),
    });
    findings
}

pub(super) fn synthesis(config: &Config, facts: &Facts) -> Vec<Finding> {
    let Some(missing) = facts.missing else { return Vec::new() };
    if missing == 0 || !config.prompts.synthesize {
        return vec![VOICE.said("nothing has to be synthesized")];
    }
    let mut findings = Vec::new();
    if !facts.voice {
        findings.push(VOICE_MISSING.said(format!("{missing} texts have no recording, and espeak-ng is not installed")));
    }
    if !facts.cache_writable {
        findings.push(CACHE_READ_ONLY.said(format!("{} cannot be written", config.prompts.cache.display())));
    }
    if findings.is_empty() {
        findings
            .push(VOICE.said(format!("{missing} texts have no recording, and are synthesized before the first call")));
    }
    findings
}
