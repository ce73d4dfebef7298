//! TLS: what this side shows of itself, and whom it believes (RFC 3261, section 26.3; RFC 5922).
//!
//! ```text
//!   certificate.pem, key.pem ── looked at every 30 s ──┬─ same octets: nothing
//!                                                      ├─ a new pair ──> Identity ── shown to new connections
//!                                                      └─ no pair: the log says so, the one before stays
//!
//!   peer's certificate ──> Trust ── an authority of the machine's, or of a file; the name that was dialled ──> connection
//! ```
//!
//! A connection keeps what it began with. No session is resumed: connections last for hours, and a resumed one would go on
//! showing the certificate of the first. TLS 1.2 and 1.3, by rustls.

use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, OnceCell};
use tokio_rustls::rustls::client::{Resumption, WantsClientCert};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{self, ClientConfig, ConfigBuilder, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::field;

/// Octets read of a file; no chain of certificates has as many.
const MOST_OCTETS: u64 = 1024 * 1024;

/// What TLS stands on.
#[derive(Clone, Debug)]
pub struct TlsConfig {
    /// What this side shows. `None`: nothing can be listened for over TLS, calls out can still go.
    pub identity: Option<IdentityFiles>,
    /// Authorities that peers' certificates must come from, in PEM. `None`: those that the machine trusts.
    pub authorities: Option<PathBuf>,
    /// How often the identity's files are looked at.
    pub look: Duration,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self { identity: None, authorities: None, look: Duration::from_secs(30) }
    }
}

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The certificate and, after it, those between it and the authority's, in PEM.
    pub certificate: PathBuf,
    /// Its private key in PEM: PKCS #8, PKCS #1 or SEC 1, not encrypted.
    pub key: PathBuf,
}

/// What is wrong with certificates or keys.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file cannot be read.
    #[error("{} cannot be read: {fault}", .file.display())]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// What the operating system says.
        fault: io::Error,
    },
    /// A file without a certificate.
    #[error("{} holds no certificates in PEM (-----BEGIN CERTIFICATE-----), or broken ones", .0.display())]
    NoCertificate(PathBuf),
    /// A file without a key.
    #[error("{} holds no private key in PEM, or an encrypted one; write it without a pass phrase", .0.display())]
    NoKey(PathBuf),
    /// They cannot be used together.
    #[error("{} is not the key of {}, or of a kind that is not spoken (RSA, ECDSA, Ed25519 are): {fault}",
            .files.key.display(), .files.certificate.display())]
    NoPair {
        /// Which.
        files: IdentityFiles,
        /// What the library says.
        fault: rustls::Error,
    },
    /// The machine trusts nobody.
    #[error("this machine has no certificates of authorities (Debian: ca-certificates); name a file of them")]
    NoAuthorities,
    /// A peer's certificate is not believed.
    #[error(
        "its certificate is not accepted: {0}; an authority of your own is named by --tls-ca or sip.tls.authorities"
    )]
    NotBelieved(rustls::Error),
    /// What was dialled is no name that a certificate could have.
    #[error("its name is none that a certificate could be checked against")]
    NoName,
    /// The library refuses its set-up.
    #[error("TLS cannot be set up: {0}")]
    SetUp(#[from] rustls::Error),
}

impl From<TlsFault> for io::Error {
    fn from(fault: TlsFault) -> Self {
        Self::other(fault)
    }
}

/// Everything that is wrong with the files that TLS stands on; nothing is kept of them.
pub fn faults(config: &TlsConfig) -> Vec<TlsFault> {
    let identity = config.identity.clone().and_then(|files| Identity::load(files).err());
    let authorities = config.authorities.as_deref().and_then(|file| Trust::new(Some(file)).err());
    identity.into_iter().chain(authorities).collect()
}

/// The certificates of a file that fits its key, in DER, the machine's own first.
///
/// # Errors
/// [`TlsFault`]: they could not be shown.
pub fn chain(files: &IdentityFiles) -> Result<Vec<Vec<u8>>, TlsFault> {
    let certified = Pair::read(files)?.certified(files)?;
    Ok(certified.cert.iter().map(|certificate| certificate.to_vec()).collect())
}

/// How many authorities a file has.
///
/// # Errors
/// [`TlsFault`]: none.
pub fn authorities(file: &Path) -> Result<usize, TlsFault> {
    connector(file)?;
    Ok(certificates(&read(file)?, file)?.len())
}

/// What opens TLS connections to others than SIP peers: believing the authorities of a file, or the machine's, and showing a
/// certificate where one is named. Reads the files now.
///
/// # Errors
/// [`TlsFault`]
pub fn client(authorities: Option<&Path>, identity: Option<&IdentityFiles>) -> Result<ClientConfig, TlsFault> {
    let believed = match authorities {
        Some(file) => certificates(&read(file)?, file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let none = || authorities.map_or(TlsFault::NoAuthorities, |file| TlsFault::NoCertificate(file.to_owned()));
    let trusting = trusting(believed).ok_or_else(none)??;
    let Some(files) = identity else { return Ok(trusting.with_no_client_auth()) };
    let certified = Pair::read(files)?.certified(files)?;
    Ok(trusting.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified))))
}

/// The certificate that new connections are shown, and its key.
pub(super) struct Identity {
    files: IdentityFiles,
    shown: RwLock<Arc<CertifiedKey>>,
    /// What was in the files when they were last looked at, or why nothing was.
    seen: Mutex<[u8; 32]>,
}

impl Identity {
    /// Reads a pair.
    ///
    /// # Errors
    /// [`TlsFault`]: it is none.
    pub(super) fn load(files: IdentityFiles) -> Result<Arc<Self>, TlsFault> {
        let pair = Pair::read(&files)?;
        let shown = RwLock::new(Arc::new(pair.certified(&files)?));
        Ok(Arc::new(Self { shown, seen: Mutex::new(pair.digest()), files }))
    }

    /// What takes TLS connections with it.
    ///
    /// # Errors
    /// [`TlsFault::SetUp`].
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, TlsFault> {
        let versions = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let mut config = versions.with_no_client_auth().with_cert_resolver(Arc::clone(self) as _);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Looks at the files every so often, and when told to, until the agent stops.
    pub(super) async fn watch(self: Arc<Self>, every: Duration, now: Arc<Notify>, token: CancellationToken) {
        loop {
            #[allow(clippy::disallowed_methods, reason = "a shell: files do not say when they change")]
            let wait = tokio::time::sleep(every);
            tokio::select! {
                () = wait => {}
                () = now.notified() => {}
                () = token.cancelled() => return,
            }
            let files = self.files.clone();
            if let Ok(pair) = tokio::task::spawn_blocking(move || Pair::read(&files)).await {
                self.take(pair);
            }
        }
    }

    /// Takes what has changed, and tells the log of each change once.
    fn take(&self, pair: Result<Pair, TlsFault>) {
        let digest = pair.as_ref().map_or_else(|fault| Sha256::digest(fault.to_string()).into(), Pair::digest);
        let seen = std::mem::replace(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner), digest);
        if seen == digest {
            return;
        }
        match pair.and_then(|pair| pair.certified(&self.files)) {
            Ok(certified) => {
                *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
                tracing::info!("the TLS certificate has been read anew; new SIP connections are shown it");
            }
            Err(fault) => tracing::warn!(%fault, "the new TLS certificate cannot be used; the one before stays"),
        }
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("files", &self.files).finish_non_exhaustive()
    }
}

/// A certificate and its key as the files have them.
struct Pair {
    certificate: Zeroizing<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
}

impl Pair {
    fn read(files: &IdentityFiles) -> Result<Self, TlsFault> {
        Ok(Self { certificate: read(&files.certificate)?, key: read(&files.key)? })
    }

    fn certified(&self, files: &IdentityFiles) -> Result<CertifiedKey, TlsFault> {
        let chain = certificates(&self.certificate, &files.certificate)?;
        // What the library says of a key's text is not told: it may quote it.
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsFault::NoKey(files.key.clone()))?;
        CertifiedKey::from_der(chain, key, &provider())
            .map_err(|fault| TlsFault::NoPair { files: files.clone(), fault })
    }

    fn digest(&self) -> [u8; 32] {
        let each = [&self.certificate, &self.key].map(Sha256::digest);
        Sha256::digest(each.concat()).into()
    }
}

/// Whom this side believes to be who was dialled.
pub(super) struct Trust {
    connector: OnceCell<TlsConnector>,
}

impl Trust {
    /// Authorities of a file are read now, those of the machine when they are first needed.
    ///
    /// # Errors
    /// [`TlsFault`]: the file holds none.
    pub(super) fn new(authorities: Option<&Path>) -> Result<Self, TlsFault> {
        Ok(Self { connector: OnceCell::new_with(authorities.map(connector).transpose()?) })
    }

    /// What opens TLS connections.
    ///
    /// # Errors
    /// [`TlsFault::NoAuthorities`].
    pub(super) async fn connector(&self) -> Result<&TlsConnector, TlsFault> {
        let machine = || async {
            let read = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
            let trusting = trusting(read.map(|read| read.certs).unwrap_or_default()).ok_or(TlsFault::NoAuthorities)?;
            Ok(showing_nothing(trusting?))
        };
        self.connector.get_or_try_init(machine).await
    }
}

/// The name that a peer's certificate must have: the host of the URI that is dialled, a DNS name or an address.
///
/// # Errors
/// [`TlsFault::NoName`].
pub(super) fn name_of(uri: &str) -> Result<ServerName<'static>, TlsFault> {
    let host_port = field::host_port(uri);
    let host = match host_port.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host_port.split(':').next().unwrap_or_default(),
    };
    ServerName::try_from(host.to_owned()).map_err(|_| TlsFault::NoName)
}

/// What a handshake of ours failed by, with its mend.
pub(super) fn told(fault: io::Error) -> io::Error {
    let inner = fault.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(inner @ rustls::Error::InvalidCertificate(_)) => TlsFault::NotBelieved(inner.clone()).into(),
        _ => fault,
    }
}

fn connector(file: &Path) -> Result<TlsConnector, TlsFault> {
    let none = || TlsFault::NoCertificate(file.to_owned());
    Ok(showing_nothing(trusting(certificates(&read(file)?, file)?).ok_or_else(none)??))
}

/// Shows no certificate, and resumes nothing.
fn showing_nothing(trusting: ConfigBuilder<ClientConfig, WantsClientCert>) -> TlsConnector {
    let mut config = trusting.with_no_client_auth();
    config.resumption = Resumption::disabled();
    TlsConnector::from(Arc::new(config))
}

/// `None` where none of the certificates is one of an authority.
fn trusting(
    authorities: Vec<CertificateDer<'static>>,
) -> Option<Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsFault>> {
    let mut roots = RootCertStore::empty();
    // A machine's store may hold a few that are too old to be read.
    roots.add_parsable_certificates(authorities);
    if roots.is_empty() {
        return None;
    }
    let versions = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    Some(versions.map_err(TlsFault::from).map(|versions| versions.with_root_certificates(roots)))
}

fn certificates(pem: &[u8], file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let none = || TlsFault::NoCertificate(file.to_owned());
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| none())?;
    if chain.is_empty() { Err(none()) } else { Ok(chain) }
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>, TlsFault> {
    let unreadable = |fault| TlsFault::Unreadable { file: file.to_owned(), fault };
    let mut octets = Zeroizing::new(Vec::with_capacity(16 * 1024));
    let open = std::fs::File::open(file).map_err(unreadable)?;
    open.take(MOST_OCTETS).read_to_end(&mut octets).map_err(unreadable)?;
    Ok(octets)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_to_be_shown_is_the_host_that_is_dialled() {
        for (uri, name) in [
            ("sips:12333@hotline.example.org", "hotline.example.org"),
            ("sip:12333@hotline.example.org:5061;transport=tls", "hotline.example.org"),
            ("sips:192.0.2.1:5061", "192.0.2.1"),
            ("sips:a@[2001:db8::1]:5061", "2001:db8::1"),
            ("sips:[2001:db8::1]", "2001:db8::1"),
        ] {
            assert_eq!(name_of(uri).unwrap().to_str(), name, "{uri}");
        }
        for uri in ["sips:a@", "sips:a@-", "sips:a@h h"] {
            assert!(name_of(uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn files_that_are_no_pair_are_told_of_with_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            file
        };
        let made = || rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let (one, other) = (made(), made());
        let (good, key) = (write("good.pem", &one.cert.pem()), write("key.pem", &one.signing_key.serialize_pem()));
        let (empty, foreign) = (write("empty.pem", ""), write("foreign.pem", &other.signing_key.serialize_pem()));
        let cut = write("cut.pem", &one.signing_key.serialize_pem().lines().take(2).collect::<String>());
        let load = |certificate: &PathBuf, key: &PathBuf| {
            let files = IdentityFiles { certificate: certificate.clone(), key: key.clone() };
            Identity::load(files).map(|_| ()).map_err(|fault| fault.to_string())
        };
        assert_eq!(load(&good, &key), Ok(()));
        for (certificate, key, words) in [
            (&good, &folder.path().join("none.pem"), "none.pem cannot be read"),
            (&empty, &key, "empty.pem holds no certificates"),
            (&key, &key, "key.pem holds no certificates"),
            (&good, &empty, "empty.pem holds no private key"),
            (&good, &cut, "cut.pem holds no private key"),
            (&good, &foreign, "foreign.pem is not the key of"),
        ] {
            let fault = load(certificate, key).unwrap_err();
            assert!(fault.contains(words), "{fault}");
        }
        assert!(Trust::new(Some(&empty)).is_err());
        assert!(Trust::new(Some(&good)).is_ok());
    }
}
