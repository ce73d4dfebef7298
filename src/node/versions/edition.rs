//! A version made whole: what was read becomes what calls are served by, and what is kept of it.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::StartFaults;
use super::super::config::Config;
use super::super::draft::Draft;
use super::super::loading::{Content, Loaded, load_content};
use super::super::outbound::Plan;
use super::answer::By;
use super::keys;
use super::shelf::{self, Kept, Shelf};
use crate::facts::{Fault, Files};
use crate::menu::Compiled;
use crate::speech::Prompts;
use crate::telephony::Version;

/// One whole version, as it is served.
pub(in crate::node) struct Edition {
    pub(in crate::node) digest: String,
    pub(in crate::node) config: Config,
    pub(in crate::node) menus: BTreeMap<String, Arc<Compiled>>,
    pub(in crate::node) version: Arc<Version>,
}

impl Edition {
    pub(super) fn new(digest: String, config: Config, content: Content) -> Edition {
        let menu = |(number, compiled): (&String, &Arc<Compiled>)| (number.clone(), Arc::new(compiled.menu.clone()));
        let mut numbers: HashMap<_, _> = content.menus.iter().map(menu).collect();
        let version = Version {
            digest: Some(Arc::from(digest.as_str())),
            any: numbers.remove("*"),
            numbers,
            prompts: Arc::new(Prompts::new(content.catalogue, content.clips)),
            media_addresses: config.media.address.clone(),
            srtp: config.media.srtp,
            keys: config.media.keys.clone(),
            ring: config.sip.ring,
        };
        Edition { digest, config, menus: content.menus, version: Arc::new(version) }
    }
}

pub(super) fn edition_of(
    shelf: &Shelf,
    kept: &Kept,
    around: &Config,
    before: Option<&Edition>,
) -> Result<Edition, Vec<Fault>> {
    let name = format!("version {}", kept.digest);
    let config = Config::parse(&name, &kept.config).map_err(|fault| vec![fault])?;
    let config = keys::with(around, config);
    let files: Box<dyn Files> = Box::new(shelf.files(kept));
    let clips = before.map(|edition| edition.version.prompts.clips());
    let mut content = load_content(&Draft::of(config.clone()), &*files, clips)?;
    super::super::synthesize(&config.prompts, &mut content.clips, &content.missing, |_, _, _| ())
        .map_err(|faults| faults.0)?;
    Ok(Edition::new(kept.digest.clone(), config, content))
}

pub(super) fn parts(loaded: Loaded) -> (Content, Plan, crate::sip::door::DoorRules, Vec<Fault>) {
    let Loaded { menus, catalogue, clips, missing, door, outbound, warnings, .. } = loaded;
    (Content { menus, catalogue, clips, missing }, outbound, door, warnings)
}

/// What is missing is synthesized, and the version has its name.
pub(super) fn finish(
    config: Config,
    mut content: Content,
    files: BTreeMap<String, String>,
    by: &By,
    progress: impl FnMut(&str, usize, usize),
) -> Result<(Edition, Kept), StartFaults> {
    super::super::synthesize(&config.prompts, &mut content.clips, &content.missing, progress)?;
    Ok(kept(config, content, files, by))
}

pub(super) fn kept(config: Config, content: Content, files: BTreeMap<String, String>, by: &By) -> (Edition, Kept) {
    let scripts: BTreeMap<String, String> =
        content.menus.iter().map(|(number, menu)| (number.clone(), menu.file.clone())).collect();
    let digest = shelf::digest(&keys::settings(&config), &scripts, &config.prompts.folder, &files);
    let mut named = config.clone();
    named.numbers = scripts.into_iter().map(|(number, script)| (number, PathBuf::from(script))).collect();
    let By { author, note } = by.clone();
    let kept = Kept { digest: digest.clone(), time: time(), author, note, config: keys::frozen(&named), files };
    (Edition::new(digest, config, content), kept)
}

#[allow(clippy::disallowed_methods, reason = "versions tell when they were taken")]
pub(super) fn time() -> String {
    format!("{:.3}", Timestamp::now())
}
