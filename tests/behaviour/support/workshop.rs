//! A small hotline whose files a test may change: a script, English texts, and a recording of every text in it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hotline::audio::WavFile;
use hotline::menu::{parse, wanted_clips};
use hotline::node::{Answer, By, Config, Draft, Node, Order, Workshop};
use hotline::speech::Catalogue;
use tempfile::TempDir;

use super::hotline::in_tree;
use super::node::Running;
use crate::sip_client::{OFFER, Phone};

/// Its files.
pub struct Files(pub TempDir);

/// The script that asks for two numbers and tells balances; it and its first step have this name.
pub fn script(first: &str) -> String {
    let text = std::fs::read_to_string(in_tree("voice-menus/bench/100/menu.toml")).unwrap();
    let text = text.replace("name = \"bench-100\"", &format!("name = \"{first}\""));
    text.replace("start = \"id\"", &format!("start = \"{first}\"")).replace("[id]", &format!("[{first}]"))
}

impl Files {
    /// With a script, and a recording of each text, as loud as it is long.
    pub fn new(script: &str) -> Files {
        let files = Files(tempfile::tempdir().unwrap());
        std::fs::create_dir_all(files.prompts().join("en")).unwrap();
        for name in ["common.ftl", "bench.ftl"] {
            std::fs::copy(in_tree("prompts/en").join(name), files.prompts().join("en").join(name)).unwrap();
        }
        files.write(script);
        files.record(1000);
        files
    }

    pub fn script(&self) -> PathBuf {
        self.0.path().join("menu.toml")
    }

    pub fn prompts(&self) -> PathBuf {
        self.0.path().join("prompts")
    }

    pub fn write(&self, script: &str) {
        std::fs::write(self.script(), script).unwrap();
    }

    /// Changes a text.
    pub fn say(&self, from: &str, to: &str) {
        let file = self.prompts().join("en/bench.ftl");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from));
        std::fs::write(file, text.replace(from, to)).unwrap();
    }

    /// Records every text anew, this loud.
    pub fn record(&self, loud: i16) {
        let text = std::fs::read_to_string(self.script()).unwrap();
        let menu = parse("menu.toml", &text).unwrap().menu;
        let catalogue = Catalogue::from_dir(&self.prompts()).unwrap();
        let mut list = String::new();
        for (place, clip) in wanted_clips(&menu, &catalogue).into_iter().enumerate() {
            let samples = 160 + place % 7 * 16;
            let name = format!("{place}.wav");
            let mut file = WavFile::create(&self.prompts().join("en").join(&name)).unwrap();
            file.write(&vec![loud; samples]).unwrap();
            file.finish().unwrap();
            let (text, form, seconds) = (&clip.text, clip.form.name(), samples as f64 / 8000.0);
            list += &format!(
                "[[clip]]\nfile = {name:?}\ntext = {text:?}\nform = {form:?}\nvoice = \"test\"\nmade = 2026-11-26\n\
                 seconds = {seconds}\n"
            );
        }
        std::fs::write(self.prompts().join("en/recordings.toml"), list).unwrap();
    }

    /// A hotline of these files at 12333.
    pub async fn serve(&self, change: impl FnOnce(&mut Config)) -> Running {
        let (script, prompts) = (self.script(), self.prompts());
        super::node::start(&[], |config| {
            config.numbers.insert("12333".into(), script);
            config.prompts.folder = prompts;
            config.prompts.synthesize = false;
            change(config);
        })
        .await
    }
}

impl Files {
    /// The same, whose configuration a test may change afterwards.
    pub async fn serve_written(&self, change: impl FnOnce(&mut Config)) -> (Running, Arc<Mutex<Config>>) {
        let mut written = None;
        let Running { node, folder, .. } = self
            .serve(|config| {
                change(config);
                written = Some(config.clone());
            })
            .await;
        node.drain().await;
        let written = Arc::new(Mutex::new(written.unwrap()));
        let source = Arc::clone(&written);
        let read = Box::new(move || Draft::of(source.lock().unwrap().clone()));
        let node = Node::start_from(read, None, |_, _, _| ()).await.unwrap_or_else(|faults| panic!("{faults:?}"));
        let address = node.addresses[0].address;
        (Running { node, address, folder }, written)
    }
}

/// Has an order carried out.
pub async fn order(node: &Node, order: Order) -> Answer {
    carry_out(&node.workshop(), order).await
}

pub async fn carry_out(workshop: &Arc<Workshop>, order: Order) -> Answer {
    let workshop = Arc::clone(workshop);
    tokio::task::spawn_blocking(move || workshop.carry_out(&order)).await.unwrap()
}

pub async fn reload(node: &Node) -> Answer {
    order(node, Order::Reload { check: false, share: None, by: by() }).await
}

pub fn by() -> By {
    By::new("wang", "a test")
}

/// A telephone whose call is up.
pub async fn call_up(running: &Running) -> Phone {
    let mut phone = Phone::new(running.address).await;
    phone.send(&phone.invite(OFFER)).await;
    phone.status(200).await;
    phone.ack("").await;
    phone
}

pub async fn hang_up(mut phone: Phone) {
    phone.send(&phone.request("BYE", 2, "", "", "")).await;
    phone.status(200).await;
}

/// What was called, the menu, the outcome and the version of each call, in the order of their beginnings.
pub fn calls(database: &Path) -> Vec<(String, String, String, String)> {
    let rows = rusqlite::Connection::open(database).unwrap();
    let mut asked = rows.prepare("SELECT called, menu, outcome, version FROM calls ORDER BY started, call").unwrap();
    let rows = asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
    rows.map(Result::unwrap).collect()
}
