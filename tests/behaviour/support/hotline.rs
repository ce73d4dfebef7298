//! The demo hotline, read from the tree.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hotline::audio::ClipStore;
use hotline::menu::Menu;
use hotline::simulate::Scene;
use hotline::speech::{Catalogue, Prompts};

/// A path of the project's tree.
pub fn in_tree(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The compiled menu of a folder under `voice-menus/`.
pub fn menu(folder: &str) -> Arc<Menu> {
    let script = in_tree("voice-menus").join(folder).join("menu.toml");
    let text = std::fs::read_to_string(&script).expect("a script");
    let compiled = hotline::menu::parse(&script.display().to_string(), &text).expect("a menu without faults");
    Arc::new(compiled.menu)
}

/// All texts and recordings of the tree.
pub fn prompts() -> Arc<Prompts> {
    let folder = in_tree("prompts");
    let catalogue = Catalogue::from_dir(&folder).expect("texts without faults");
    let clips = ClipStore::load(&folder).expect("recordings without faults");
    Arc::new(Prompts::new(catalogue, clips))
}

/// The demo hotline for simulated calls.
pub fn scene(folder: &str) -> Scene {
    Scene { menu: menu(folder), prompts: prompts() }
}
