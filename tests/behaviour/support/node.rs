//! A whole running hotline on ports of its own, with made-up records in a temporary folder.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hotline::facts::Month;
use hotline::node::{Config, Node};
use hotline::records::demo::{self, DemoOptions};
use tempfile::TempDir;

use super::hotline::in_tree;

/// A hotline that answers, and the folder of its records.
pub struct Running {
    pub node: Node,
    pub address: SocketAddr,
    pub folder: TempDir,
}

/// Starts the hotlines of some folders under `voice-menus/`, each at a number.
pub async fn start(numbers: &[(&str, &str)], change: impl FnOnce(&mut Config)) -> Running {
    let folder = tempfile::tempdir().expect("a folder");
    let database = folder.path().join("hotline.db");
    let as_of = Month::new(2026, 9).expect("a month");
    demo::write(&database, DemoOptions::named_only(as_of), false, || ()).expect("made-up people");
    let mut config = Config::default();
    config.sip.listen = vec!["127.0.0.1:0".parse().expect("an address")];
    config.records.database = database.into();
    config.prompts.folder = in_tree("prompts");
    config.prompts.cache = in_tree("target/synthesized");
    config.media.workers = 1;
    let menu = |folder: &str| in_tree("voice-menus").join(folder);
    config.numbers =
        numbers.iter().map(|(number, folder)| ((*number).to_owned(), menu(folder))).collect::<BTreeMap<_, _>>();
    change(&mut config);
    let node = Node::start(&config, |_, _, _| ()).await.unwrap_or_else(|faults| panic!("{:?}", faults.0));
    let address = node.addresses.first().expect("an address").address;
    Running { node, address, folder }
}
