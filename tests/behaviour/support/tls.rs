//! Certificates made for one test, and connections that are encrypted with them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hotline::sip::AgentConfig;
use hotline::sip::tls::IdentityFiles;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::sip_client::PATIENCE;

/// An authority, and the folder with its certificate and those it gives out.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub folder: TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("authority.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// Its own certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// Where the certificate that it gives out lies, and its key.
    pub fn files(&self) -> IdentityFiles {
        let file = |name| self.folder.path().join(name);
        IdentityFiles { certificate: file("certificate.pem"), key: file("key.pem") }
    }

    /// A new certificate for these names or addresses, and its key, in PEM.
    pub fn issue(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("nobody", String::as_str));
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Puts a new one where [`Authority::files`] says.
    pub fn renew(&self, names: &[&str]) -> IdentityFiles {
        let (files, (certificate, key)) = (self.files(), self.issue(names));
        put(&files.certificate, &certificate);
        put(&files.key, &key);
        files
    }

    /// Has an agent listen over TLS with a new certificate, believe this authority alone, and look at its files often.
    pub fn secure(&self, config: &mut AgentConfig) {
        config.listen = vec!["tls:127.0.0.1:0".parse().unwrap()];
        config.tls.identity = Some(self.renew(&["127.0.0.1"]));
        config.tls.authorities = Some(self.file());
        config.tls.look = std::time::Duration::from_millis(50);
    }

    /// An encrypted connection to 127.0.0.1, and the certificate that the far side has shown.
    pub async fn connect(&self, peer: SocketAddr) -> (TlsStream<TcpStream>, CertificateDer<'static>) {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connect = async {
            let stream = TcpStream::connect(peer).await.unwrap();
            TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
        };
        let stream = tokio::time::timeout(PATIENCE, connect).await.expect("no handshake");
        let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        (stream, shown)
    }

    /// What a far side shows these names with.
    pub fn acceptor(&self, names: &[&str]) -> TlsAcceptor {
        use tokio_rustls::rustls::ServerConfig;
        use tokio_rustls::rustls::pki_types::PrivateKeyDer;
        use tokio_rustls::rustls::pki_types::pem::PemObject as _;
        let (certificate, key) = self.issue(names);
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Replaces a file as one should: whoever reads sees the old one or the new one.
pub fn put(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, file).unwrap();
}
