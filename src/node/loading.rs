//! Everything that serving needs of files: read, checked, and every mistake told at once. Nothing is written.
//!
//! ```text
//!   hotline.toml ──┬─> menus ──> messages, recordings ──> texts without a recording
//!                  ├─> certificate and key, authorities
//!                  ├─> the trunks' passwords
//!                  └─> the records' database, as it stands
//! ```

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::Severity;

use super::draft::Draft;
use super::{inbound, outbound, tls};
use crate::audio::ClipStore;
use crate::facts::{Disk, Fault, Files, Form, Language};
use crate::menu::{self, Compiled, LONGEST_SCRIPT, wanted_clips};
use crate::records::{DatabaseStanding, OpenError, Source};
use crate::sip::door::DoorRules;
use crate::sip::tls::TlsFault;
use crate::sip::{Listen, Transport, tls as sip_tls};
use crate::speech::Catalogue;

/// Faults, and warnings, that are told at once.
const MOST_FAULTS: usize = 2_000;

/// A text that nobody has recorded.
pub(super) type Missing = (Language, Arc<str>, Form);

/// All of it.
pub(super) struct Loaded {
    /// By number.
    pub(super) menus: BTreeMap<String, Arc<Compiled>>,
    pub(super) catalogue: Catalogue,
    pub(super) clips: ClipStore,
    pub(super) missing: Vec<Missing>,
    pub(super) door: DoorRules,
    pub(super) outbound: outbound::Plan,
    pub(super) records: DatabaseStanding,
    /// What is allowed, but probably not meant.
    pub(super) warnings: Vec<Fault>,
}

/// Reads everything.
///
/// # Errors
/// Everything that is wrong, the draft's own faults first. What a refused part of the configuration names is not looked at.
pub(super) fn load(draft: &Draft, files: &dyn Files, before: Option<&ClipStore>) -> Result<Loaded, Vec<Fault>> {
    let mut loading = Loading { draft, files, faults: draft.faults.clone(), warnings: Vec::new() };
    let menus = loading.menus();
    let texts = loading.texts(&menus, before);
    loading.listens();
    loading.tls();
    let (door, outbound, records) = (loading.door(), loading.outbound(), loading.records());
    let (mut faults, mut warnings) = loading.told();
    match (texts, door, outbound, records) {
        (Some((catalogue, clips, missing)), Some(door), Some(outbound), Some(records)) if faults.is_empty() => {
            Ok(Loaded { menus, catalogue, clips, missing, door, outbound, records, warnings })
        }
        _ => {
            faults.append(&mut warnings);
            Err(faults)
        }
    }
}

/// What calls are served by, and nothing else: of an earlier version, which nothing else need agree with.
pub(super) struct Content {
    /// By number.
    pub(super) menus: BTreeMap<String, Arc<Compiled>>,
    pub(super) catalogue: Catalogue,
    pub(super) clips: ClipStore,
    pub(super) missing: Vec<Missing>,
}

/// Reads menus, texts and recordings.
///
/// # Errors
/// Everything that is wrong with them.
pub(super) fn load_content(
    draft: &Draft,
    files: &dyn Files,
    before: Option<&ClipStore>,
) -> Result<Content, Vec<Fault>> {
    let mut loading = Loading { draft, files, faults: draft.faults.clone(), warnings: Vec::new() };
    let menus = loading.menus();
    let texts = loading.texts(&menus, before);
    loading.outbound();
    let (faults, _) = loading.told();
    match texts {
        Some((catalogue, clips, missing)) if faults.is_empty() => Ok(Content { menus, catalogue, clips, missing }),
        _ => Err(faults),
    }
}

struct Loading<'a> {
    draft: &'a Draft,
    files: &'a dyn Files,
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
}

impl Loading<'_> {
    /// What is wrong, and what is probably not meant, each once.
    fn told(self) -> (Vec<Fault>, Vec<Fault>) {
        let once = |list: Vec<Fault>| {
            let mut told: Vec<Fault> = Vec::new();
            for fault in list.into_iter().take(MOST_FAULTS) {
                if !told.contains(&fault) {
                    told.push(fault);
                }
            }
            told
        };
        (once(self.faults), once(self.warnings))
    }

    fn menus(&mut self) -> BTreeMap<String, Arc<Compiled>> {
        let mut menus = BTreeMap::new();
        if !self.draft.has_whole("numbers") {
            return menus;
        }
        let mut known: BTreeMap<PathBuf, Option<Arc<Compiled>>> = BTreeMap::new();
        for (number, path) in &self.draft.config.numbers {
            let script = if self.files.is_dir(path) { path.join("menu.toml") } else { path.clone() };
            let menu = known.entry(script).or_insert_with_key(|script| self.menu(number, script));
            menus.extend(menu.as_ref().map(|menu| (number.clone(), Arc::clone(menu))));
        }
        if known.is_empty() {
            let fault = Fault::of_file("[numbers]", "no number has a menu")
                .hint("as in \"12333\" = \"voice-menus/12333\", or \"*\" for every number");
            self.faults.push(fault);
        }
        menus
    }

    fn menu(&mut self, number: &str, script: &Path) -> Option<Arc<Compiled>> {
        let file = script.display().to_string();
        let text = match script_of(self.files, script) {
            Ok(text) => text,
            Err(fault) => {
                let hint = format!("[numbers] names it for \"{number}\": write the folder of a menu.toml there");
                self.faults.push(Fault { hint: fault.hint.clone().or(Some(hint)), ..fault });
                return None;
            }
        };
        match menu::parse(&file, &text) {
            Ok(compiled) => {
                self.warnings.extend(compiled.warnings.iter().cloned());
                Some(Arc::new(compiled))
            }
            Err(found) => {
                let (faults, warnings): (Vec<_>, Vec<_>) = found.into_iter().partition(Fault::is_error);
                self.faults.extend(faults);
                self.warnings.extend(warnings);
                None
            }
        }
    }

    /// Texts and recordings, and what of them the menus lack.
    fn texts(
        &mut self,
        menus: &BTreeMap<String, Arc<Compiled>>,
        before: Option<&ClipStore>,
    ) -> Option<(Catalogue, ClipStore, Vec<Missing>)> {
        if !self.draft.has_whole("prompts") {
            return None;
        }
        let prompts = &self.draft.config.prompts;
        let shown = prompts.folder.display().to_string();
        let catalogue = Catalogue::from_files(self.files, &prompts.folder);
        if let Ok(catalogue) = &catalogue {
            self.faults.extend(menus.values().flat_map(|menu| menu::check_messages(menu, catalogue)));
        }
        let clips = ClipStore::load_from(self.files, &prompts.folder, before);
        let (catalogue, clips) = match (catalogue, clips) {
            (Ok(catalogue), Ok(clips)) => (catalogue, clips),
            (catalogue, clips) => {
                let before = self.faults.len();
                self.faults.extend(catalogue.err().unwrap_or_default());
                // A folder that is not there is told of once.
                if self.faults.len() == before || self.files.is_dir(&prompts.folder) {
                    let clips = clips.err().unwrap_or_default();
                    self.faults.extend(clips.iter().map(|fault| Fault::of_file(&shown, fault.to_string())));
                }
                return None;
            }
        };
        let wanted = menus.values().flat_map(|menu| wanted_clips(&menu.menu, &catalogue));
        let missing: HashSet<Missing> = wanted
            .filter(|clip| clips.find(clip.language, &clip.text, clip.form).is_none())
            .map(|clip| (clip.language, clip.text, clip.form))
            .collect();
        if !missing.is_empty() {
            let listed = "`hotline prompts missing` lists them";
            let (severity, told, hint) = match prompts.synthesize {
                true => (Severity::Warning, "they are synthesized before the first call", listed.to_owned()),
                false => (
                    Severity::Error,
                    "prompts.synthesize is off",
                    format!("{listed}; record them, or set synthesize = true in [prompts]"),
                ),
            };
            let message = format!("{} texts have no recording: {told}", missing.len());
            let fault = Fault { severity, ..Fault::of_file(&shown, message) }.hint(hint);
            if fault.is_error() { self.faults.push(fault) } else { self.warnings.push(fault) }
        }
        Some((catalogue, clips, missing.into_iter().collect()))
    }

    /// No two sockets at one place; something to show where TLS is spoken.
    fn listens(&mut self) {
        let sip = &self.draft.config.sip;
        if !self.draft.has_whole("sip.listen") {
            return;
        }
        let mut earlier: Vec<&Listen> = Vec::new();
        for listen in &sip.listen {
            if let Some(other) = earlier.iter().find(|other| collide(other, listen)) {
                let message = format!("sip.listen has {other} and {listen}, which cannot be listened at together");
                let hint = "leave one out: 0.0.0.0 and [::] stand for every address of their family";
                self.faults.push(Fault::of_file("[sip]", message).hint(hint));
            }
            earlier.push(listen);
        }
        let tls = sip.listen.iter().find(|listen| listen.transport == Transport::Tls);
        if let (Some(listen), None, true) = (tls, &sip.tls.certificate, self.draft.has_whole("sip.tls")) {
            let message = format!("{listen} wants a certificate: sip.tls.certificate and sip.tls.key name it");
            let hint = "as in [sip.tls] with certificate = \"hotline.pem\" and key = \"hotline.key.pem\"";
            self.faults.push(Fault::of_file("[sip]", message).hint(hint));
        }
    }

    fn tls(&mut self) {
        if self.draft.has_whole("sip.tls") {
            let faults = sip_tls::faults(&tls(&self.draft.config.sip.tls));
            self.faults
                .extend(faults.iter().map(|fault| Fault::of_file("[sip.tls]", fault.to_string()).hint(mend(fault))));
        }
    }

    fn door(&mut self) -> Option<DoorRules> {
        match inbound::rules(&self.draft.config) {
            Ok(rules) => Some(rules),
            Err(faults) => {
                self.faults.extend(faults);
                None
            }
        }
    }

    fn outbound(&mut self) -> Option<outbound::Plan> {
        if !self.draft.has_whole("numbers") {
            return None;
        }
        match outbound::Plan::of(&self.draft.config) {
            Ok(plan) => Some(plan),
            Err(faults) => {
                self.faults.extend(faults);
                None
            }
        }
    }

    fn records(&mut self) -> Option<DatabaseStanding> {
        if !self.draft.has_whole("records") {
            return None;
        }
        let config = &self.draft.config;
        let source = match config.source() {
            Ok(source) => source,
            Err(fault) => {
                self.faults.push(fault);
                return None;
            }
        };
        let wrong = |error: OpenError| Fault::of_file("[records]", error.to_string());
        let standing = source.look().map_err(|error| match error {
            // Topics, messages and people are there all the same.
            OpenError::Unreachable { .. } => {
                let hint = "callers are told that the records are not to be had, until they answer";
                Fault { severity: Severity::Warning, ..wrong(error) }.hint(hint)
            }
            error => wrong(error),
        });
        let standing = standing.and_then(|standing| {
            if source.lies_open().map_err(wrong)? {
                self.warnings.push(lying_open(&source));
            }
            Ok(standing)
        });
        match standing {
            Ok(standing) => Some(standing),
            Err(fault) if !fault.is_error() => {
                self.warnings.push(fault);
                Some(DatabaseStanding { version: 0, known: 0 })
            }
            Err(fault) => {
                self.faults.push(fault);
                None
            }
        }
    }
}

fn lying_open(records: &Source) -> Fault {
    let message = format!("there are keys, but the records in {records} lie open");
    let fault = Fault::of_file("[records]", message).hint("`hotline records rekey` seals them while calls run");
    Fault { severity: Severity::Warning, ..fault }
}

/// A script's text; of one that is too long, only so much that [`menu::parse`] refuses it.
///
/// # Errors
/// It cannot be read, or is not UTF-8.
pub fn read_script(script: &Path) -> Result<String, Fault> {
    script_of(&Disk, script)
}

fn script_of(files: &dyn Files, script: &Path) -> Result<String, Fault> {
    let file = script.display().to_string();
    let most = u64::try_from(LONGEST_SCRIPT).unwrap_or(u64::MAX).saturating_add(1);
    let bytes = files
        .read(script, most)
        .map_err(|error| Fault::of_file(&file, format!("the script cannot be read: {error}")))?;
    if bytes.len() > LONGEST_SCRIPT {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        Fault::of_file(&file, format!("line {line} is not UTF-8")).hint("save the script as UTF-8")
    })
}

/// Whether two sockets take each other's place. TLS is TCP.
fn collide(one: &Listen, other: &Listen) -> bool {
    let datagrams = |listen: &Listen| listen.transport == Transport::Udp;
    let (here, there) = (one.address, other.address);
    datagrams(one) == datagrams(other)
        && here.port() == there.port()
        && here.port() != 0
        && here.is_ipv4() == there.is_ipv4()
        && (here.ip() == there.ip() || here.ip().is_unspecified() || there.ip().is_unspecified())
}

fn mend(fault: &TlsFault) -> &'static str {
    match fault {
        TlsFault::Unreadable { .. } => {
            "write the path as it is from the configuration's folder, and let the hotline's user read it"
        }
        TlsFault::NoCertificate(_) => "put the certificate first, and after it those up to its authority's",
        TlsFault::NoKey(_) => "openssl pkey -in OLD.pem -out NEW.pem takes a pass phrase off",
        _ => "name the key that the certificate was made for",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_that_take_each_others_place_are_found() {
        let listen = |text: &str| text.parse::<Listen>().unwrap();
        for (one, other, together) in [
            ("0.0.0.0:5060", "127.0.0.1:5060", false),
            ("0.0.0.0:5060", "[::]:5060", true),
            ("0.0.0.0:5060", "tcp:0.0.0.0:5060", true),
            ("tcp:0.0.0.0:5061", "tls:0.0.0.0:5061", false),
            ("192.0.2.1:5060", "192.0.2.2:5060", true),
            ("192.0.2.1:5060", "192.0.2.1:5060", false),
            ("127.0.0.1:0", "127.0.0.1:0", true),
        ] {
            assert_eq!(!collide(&listen(one), &listen(other)), together, "{one} {other}");
        }
    }
}
