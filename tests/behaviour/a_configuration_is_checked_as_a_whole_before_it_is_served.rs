//! `hotline serve --check`: everything that is wrong with a configuration and all that it names is told at once, each thing
//! with its place and its mend; nothing is listened at, and nothing written.

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};

use hotline::facts::Month;
use hotline::records::demo::{self, DemoOptions};
use tempfile::TempDir;

use crate::support::binary::run;
use crate::support::hotline::in_tree;
use crate::support::tls::Authority;

const MENU: &str = "[hotline]\nname = \"x\"\nstart = \"s\"\nlanguages = [\"en\"]\n\n[s]\nsay = \"hello\"\nthen = \"e\"\n\n\
                    [e]\nhang-up = true\n";

/// A folder with a small hotline, whose configuration has this beside what it needs.
fn hotline(more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    put("menu/menu.toml", MENU);
    put("prompts/en/x.ftl", "hello = Hello.\n");
    fs::copy(in_tree("prompts/en/common.ftl"), folder.path().join("prompts/en/common.ftl")).unwrap();
    put("hotline.toml", &format!("{more}\n[numbers]\n\"100\" = \"menu\"\n\"*\" = \"menu\"\n"));
    let as_of = Month::new(2026, 9).unwrap();
    demo::write(&folder.path().join("hotline.db"), DemoOptions::named_only(as_of), false, || ()).unwrap();
    folder
}

async fn check(folder: &Path) -> (Option<i32>, String) {
    run(&["serve", "--check", "--config", folder.join("hotline.toml").to_str().unwrap()]).await
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => drop(found.insert(path.clone(), fs::read(path).unwrap())),
        }
    }
    found
}

#[tokio::test]
async fn mistakes_in_menu_prompts_and_trunks_are_all_shown() {
    let folder = hotline(
        "[sip]\ncalls = 0\n[trunks.a]\nfrom = [\"192.0.2.1\"]\nuser = \"a\"\npassword-file = \"none.secret\"\n\
         [trunks.b]\nfrom = [\"300.0.0.1\"]\n",
    );
    let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    put("menu/menu.toml", &MENU.replace("\"e\"", "\"ee\"").replace("hang-up = true", "hang-up = true\nnow = 1"));
    put("prompts/en/x.ftl", "hello = Hello { $x.\n");
    let (code, told) = check(folder.path()).await;
    assert_eq!(code, Some(1), "{told}");
    for piece in [
        "sip.calls is not between 1 and 100000",
        "hotline.toml:2:1",
        "help: as in calls = 1000",
        "`300.0.0.1` is no address, network or host name",
        "none.secret: the password cannot be read",
        "menu.toml:8:8",
        "help: did you mean `e`?",
        "a `hang-up` step has no key `now`",
        "x.ftl:1:",
        "6 errors, 0 warnings",
    ] {
        assert!(told.contains(piece), "{piece} not in\n{told}");
    }
}

#[tokio::test]
async fn a_start_tells_the_same_and_takes_no_port() {
    let folder = hotline(
        "[sip]\nlisten = [\"127.0.0.1:0\"]\n[trunks.a]\nfrom = [\"192.0.2.1\"]\nuser = \"a\"\npassword-file = \"none.secret\"\n",
    );
    fs::write(folder.path().join("menu/menu.toml"), MENU.replace("\"hello\"", "\"hallo\"")).unwrap();
    let config = folder.path().join("hotline.toml");
    let (code, told) = run(&["serve", "--config", config.to_str().unwrap()]).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("2 errors, ") && told.contains("hallo") && told.contains("none.secret"), "{told}");
}

#[tokio::test]
async fn what_would_be_served_is_told_and_nothing_done() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let folder = hotline(&format!(
        "[sip]\nlisten = [\"{listen}\"]\nrate = 50\n[sip.strangers]\npolicy = \"silence\"\n\
         [trunks.carrier]\nfrom = [\"203.0.113.0/24\"]\ncalls = 30\n"
    ));
    let before = files(folder.path());
    let (code, told) = check(folder.path()).await;
    assert_eq!(code, Some(0), "{told}");
    for piece in [
        "texts have no recording: they are synthesized before the first call",
        "hotline.toml is well; it would serve",
        "menu.toml: en",
        "other numbers",
        &format!("udp {listen}"),
        "1000 at once, 50 a second",
        "from 203.0.113.0/24; 30 calls at once",
        "are met with silence",
        "hotline.db",
    ] {
        assert!(told.contains(piece), "{piece} not in\n{told}");
    }
    assert_eq!(files(folder.path()), before, "something was written");
}

#[tokio::test]
async fn what_the_configuration_names_and_the_disk_lacks_is_told() {
    let authority = Authority::new();
    let (files, other) = (authority.renew(&["127.0.0.1"]), authority.issue(&["127.0.0.1"]).1);
    fs::write(&files.key, other).unwrap();
    let folder = hotline(&format!(
        "[sip]\nlisten = [\"127.0.0.1:5060\", \"0.0.0.0:5060\"]\n\
         [sip.tls]\ncertificate = \"{}\"\nkey = \"{}\"\nauthorities = \"none.pem\"\n[records]\ndatabase = \"none.db\"\n\
         [prompts]\nsynthesize = false\n",
        files.certificate.display(),
        files.key.display()
    ));
    let (code, told) = check(folder.path()).await;
    assert_eq!(code, Some(1), "{told}");
    for piece in [
        "cannot be listened at together",
        "is not the key of",
        "none.pem cannot be read",
        "there is no records database",
        "hotline records demo --database",
        "texts have no recording: prompts.synthesize is off",
        "5 errors, 0 warnings",
    ] {
        assert!(told.replace("\n  │ ", " ").contains(piece), "{piece} not in\n{told}");
    }
    assert!(!folder.path().join("none.db").exists());
}

#[tokio::test]
async fn a_configuration_that_is_not_there_is_wrong_use() {
    let (code, told) = run(&["serve", "--check", "--config", "/nowhere/hotline.toml"]).await;
    assert!(code == Some(2) && told.contains("/nowhere/hotline.toml"), "{told}");
    let (code, told) = run(&["serve", "--check", "--nonsense"]).await;
    assert_eq!(code, Some(2), "{told}");
}

#[tokio::test]
async fn the_configuration_of_the_demo_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("hotline.db");
    demo::write(&database, DemoOptions::named_only(Month::new(2026, 9).unwrap()), false, || ()).unwrap();
    let (config, database) = (in_tree("hotline.toml"), database.display().to_string());
    let (code, told) = run(&["serve", "--check", "--config", config.to_str().unwrap(), "--database", &database]).await;
    assert!(code == Some(0) && told.contains("voice-menus/12333/menu.toml: zh-CN, en"), "{told}");
}
