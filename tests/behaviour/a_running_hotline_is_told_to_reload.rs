//! `hotline reload`, `rollback`, `canary`, `versions`, `diff` and SIGHUP, as an operator uses them: what is said, and the exit
//! code.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::binary::{Server, run};
use crate::support::workshop::{Files, script};

struct House {
    server: Server,
    files: Files,
    config: String,
}

async fn house() -> House {
    let files = Files::new(&script("id"));
    let server = Server::start(&[("100", files.script().to_str().unwrap())], "info").await;
    let config = server.folder.path().join("hotline.toml").display().to_string();
    House { server, files, config }
}

impl House {
    async fn run(&self, command: &[&str]) -> (Option<i32>, String) {
        let (name, rest) = command.split_first().unwrap();
        run(&[&[*name, "--config", &self.config], rest].concat()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn by_commands() {
    let house = house().await;
    let socket = house.server.folder.path().join("hotline.db.socket");
    assert_eq!(std::fs::metadata(socket).unwrap().permissions().mode() & 0o777, 0o600);
    let (code, said) = house.run(&["reload"]).await;
    assert!(code == Some(0) && said.starts_with("nothing has changed: "), "{said}");
    let first = said.split_whitespace().nth(3).unwrap().to_owned();

    house.files.write(&script("identity"));
    let (code, said) = house.run(&["diff"]).await;
    assert!(
        code == Some(0) && said.contains("100, step identity is new") && said.contains("step id is gone"),
        "{said}"
    );
    let (code, said) = house.run(&["reload", "--check"]).await;
    assert!(code == Some(0) && said.starts_with("the files are well: a reload would serve"), "{said}");
    let (code, said) = house.run(&["reload", "--author", "li", "--note", "clearer words"]).await;
    assert!(code == Some(0) && said.contains(&format!("; it was {first}")), "{said}");
    let (code, said) = house.run(&["versions"]).await;
    assert_eq!((code, said.lines().count()), (Some(0), 2), "{said}");
    let served = said.lines().find(|line| line.starts_with("* ")).unwrap();
    assert!(served.contains("li") && served.ends_with("clearer words"), "{said}");

    house.files.write(&script("id").replace("then = \"verify\"", "then = \"verfy\""));
    let (code, said) = house.run(&["reload"]).await;
    assert!(code == Some(1) && said.contains("nothing was changed: 1 mistakes") && said.contains("verfy"), "{said}");
    assert!(said.contains("menu.toml:25:8") && said.contains("did you mean `verify`?"), "its place is shown: {said}");
    let (code, said) = house.run(&["reload", "--format", "json"]).await;
    assert!(code == Some(1) && said.contains("\"line\":25"), "{said}");
    house.server.prints("nothing was changed: 1 mistakes were found").await;

    let (code, said) = house.run(&["rollback", &first]).await;
    assert!(code == Some(0) && said.contains(&format!("served by {first} again")), "{said}");
    house.files.write(&script("other"));
    let (code, said) = house.run(&["reload", "--canary", "10"]).await;
    assert!(code == Some(0) && said.starts_with("10 of 100 new calls are served by "), "{said}");
    let (code, said) = house.run(&["versions"]).await;
    assert!(code == Some(0) && said.contains("\n% "), "{said}");
    let canary = |end: &'static str| {
        let config = house.config.clone();
        async move { run(&["canary", "--config", &config, end]).await }
    };
    assert!(canary("show").await.1.contains("10 of 100 calls are given"));
    let (code, said) = canary("take-back").await;
    assert!(code == Some(0) && said.contains("was taken back"), "{said}");
    assert_eq!(canary("accept").await.0, Some(1));
    let (code, said) = house.run(&["versions", "--deeds"]).await;
    let deeds: Vec<_> = said.lines().filter_map(|line| line.split_once("  ")?.1.split_once("  ")).collect();
    assert!(code == Some(0) && deeds.len() == 5, "{said}");
    assert_eq!(house.run(&["reload", "--canary", "100"]).await.0, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn by_a_signal() {
    let mut house = house().await;
    house.files.write(&script("identity"));
    house.server.signal("HUP");
    house.server.prints("calls that come now are served by").await;
    house.files.write("[hotline]");
    house.server.signal("HUP");
    house.server.prints("nothing was changed").await;
    assert!(house.run(&["reload"]).await.1.contains("nothing was changed"));
    house.server.terminate();
    let (status, printed) = house.server.ended().await;
    assert!(status.success(), "{printed}");
    assert!(!house.server.folder.path().join("hotline.db.socket").exists());
    let (code, said) = house.run(&["reload"]).await;
    assert!(code == Some(1) && said.contains("no hotline answers at"), "{said}");
}
