//! The program with a trunk in its configuration: registered, called by it, and taken back as it ends; the password is
//! nowhere.

use std::os::unix::fs::PermissionsExt as _;

use super::sip_client::{Phone, field};
use crate::support::binary::{Server, hotline};

const PASSWORD: &str = "Aeg6Yo4ieh";

#[tokio::test]
async fn the_password_is_in_a_file_and_in_no_log() {
    // Its peer is known only once the program has started.
    let mut registrar = Phone::new("127.0.0.1:9".parse().unwrap()).await;
    let uri = format!("sip:{}", registrar.here);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("carrier.secret");
    std::fs::write(&file, PASSWORD).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let sip = format!(
        "listen = [\"127.0.0.1:0\"]\n[trunks.carrier.register]\nregistrar = \"{uri}\"\nuser = \"02112333\"\n\
         auth-user = \"account\"\npassword-file = \"{}\"\nnumber = \"300\"\n[trunks.carrier.ping]\nevery = \"1s\"",
        file.display()
    );
    let mut server = Server::launch(hotline(), &sip, &[("300", "bench/300")], "trace").await;
    registrar.peer = server.address;
    let mut last = 0;
    let mut register = async |registrar: &mut Phone| loop {
        let request = registrar.request_of("REGISTER").await;
        let sequence: u32 = field(&request, "CSeq").split(' ').next().unwrap().parse().unwrap();
        if sequence > last {
            last = sequence;
            break request;
        }
    };
    let first = register(&mut registrar).await;
    assert_eq!(field(&first, "Contact"), format!("<sip:300@{}>", server.address));
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n";
    registrar.answer(&first, "401 Unauthorized", challenge, "").await;
    let second = register(&mut registrar).await;
    assert!(field(&second, "Authorization").starts_with("Digest username=\"account\", realm=\"r\", nonce=\"n\""));
    registrar.answer(&second, "200 OK", &format!("Contact: {}\r\n", field(&second, "Contact")), "").await;
    let ping = registrar.request_of("OPTIONS").await;
    registrar.answer(&ping, "200 OK", "", "").await;
    server.prints("a trunk answers").await;
    server.terminate();
    let end = register(&mut registrar).await;
    assert_eq!(field(&end, "Expires"), "0");
    registrar.answer(&end, "200 OK", "", "").await;
    let (status, printed) = server.ended().await;
    assert!(status.success(), "{printed}");
    assert!(printed.contains("everybody on this machine may read a password"), "{printed}");
    assert!(printed.contains("registered") && printed.contains("a registration is taken back"), "{printed}");
    assert!(!printed.contains(PASSWORD));
    let digest = field(&second, "Authorization").split_once("response=\"").unwrap().1;
    assert!(!printed.contains(&digest[..32]), "nor what was made of it");
}
