//! The way to the relay: addresses, TLS, login.
//!
//! A password is sent under TLS alone, or to a relay on this very machine. A relay that should have TLS
//! and offers none gets nothing.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::OpenError;
use super::session::Session;
use super::trouble::{Phase, Timeouts, Trouble, What};
use super::wire::{Stream, WireError};
use crate::channel::config::{SmtpConfig, Tls};

/// How a session was protected, for `dateline doctor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    /// `TLSv1_3`.
    pub version: String,
    /// The cipher suite.
    pub suite: String,
}

/// Everything needed to make a session.
pub struct Route {
    host: String,
    port: u16,
    helo: Option<String>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    implicit: bool,
    login: Option<(String, SecretString)>,
    timeouts: Timeouts,
}

/// A session, and how it came to be.
pub struct Arrival {
    /// The session, logged in.
    pub session: Session,
    /// TLS, where there is any.
    pub protection: Option<Protection>,
    /// The address that answered.
    pub peer: SocketAddr,
}

impl Route {
    /// Makes ready; reads the certificates, opens no connection.
    pub fn new(
        config: &SmtpConfig,
        password: Option<SecretString>,
        timeouts: Timeouts,
    ) -> Result<Route, OpenError> {
        let login = match (&config.username, password) {
            (Some(username), Some(password)) => Some((username.clone(), password)),
            (None, None) => None,
            (Some(_), None) => return Err(OpenError::Login("there is a `username` but no `password`")),
            (None, Some(_)) => return Err(OpenError::Login("there is a `password` but no `username`")),
        };
        let helo = config.helo.clone();
        if helo.as_ref().is_some_and(|helo| !helo.bytes().all(|b| b.is_ascii_graphic()) || helo.is_empty()) {
            return Err(OpenError::Helo);
        }
        let tls = match config.tls {
            Tls::None => None,
            Tls::Starttls | Tls::Implicit => {
                let name = ServerName::try_from(config.host.clone())
                    .map_err(|_| OpenError::Host(config.host.clone()))?;
                let client = client(config.ca_file.as_deref().map(Path::new))?;
                Some((TlsConnector::from(Arc::new(client)), name))
            }
        };
        Ok(Route {
            host: config.host.clone(),
            port: config.port(),
            helo,
            tls,
            implicit: config.tls == Tls::Implicit,
            login,
            timeouts,
        })
    }

    /// Connects, protects, greets and logs in.
    pub async fn travel(&self) -> Result<Arrival, Trouble> {
        let (tcp, peer) = self.dial().await?;
        let name = self.name(&tcp);
        let (mut session, protection) = match &self.tls {
            None => (Session::greet(Box::new(tcp), &name, self.timeouts).await?, None),
            Some(tls) if self.implicit => {
                let (stream, protection) = self.shake(tls, Box::new(tcp)).await?;
                (Session::greet(stream, &name, self.timeouts).await?, Some(protection))
            }
            Some(tls) => {
                let plain = Session::greet(Box::new(tcp), &name, self.timeouts).await?;
                let (stream, protection) = self.shake(tls, plain.starttls().await?).await?;
                (Session::resume(stream, &name, self.timeouts).await?, Some(protection))
            }
        };
        if let Some((username, password)) = &self.login {
            if !may_log_in(protection.is_some(), peer.ip()) {
                let text = "the password would travel without TLS; set `tls: starttls` or `tls: implicit`";
                return Err(Trouble::misfit(Phase::Auth, text));
            }
            session.auth(username, password).await?;
        }
        Ok(Arrival { session, protection, peer })
    }

    /// Whether there is a login.
    pub fn logs_in(&self) -> bool {
        self.login.is_some()
    }

    /// Tries each address of the host in turn.
    async fn dial(&self) -> Result<(TcpStream, SocketAddr), Trouble> {
        let limit = self.timeouts.connect;
        let lookup = tokio::net::lookup_host((self.host.as_str(), self.port));
        let addresses: Vec<SocketAddr> = within(limit, lookup).await?.collect();
        let mut last = WireError::Io(std::io::Error::other("the host has no address"));
        for address in addresses {
            match timeout(limit, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Without this every reply waits for the delayed acknowledgement of the one before.
                    match stream.set_nodelay(true) {
                        Ok(()) => return Ok((stream, address)),
                        Err(error) => last = WireError::Io(error),
                    }
                }
                Ok(Err(error)) => last = WireError::Io(error),
                Err(_) => last = WireError::Silent(limit),
            }
        }
        Err(Trouble::wire(Phase::Connect, last))
    }

    async fn shake(
        &self,
        (connector, name): &(TlsConnector, ServerName<'static>),
        stream: Box<dyn Stream>,
    ) -> Result<(Box<dyn Stream>, Protection), Trouble> {
        let limit = self.timeouts.connect;
        let shaken = timeout(limit, connector.connect(name.clone(), stream)).await;
        let stream = match shaken {
            Err(_) => return Err(Trouble::wire(Phase::Tls, WireError::Silent(limit))),
            Ok(Err(error)) => return Err(Trouble { phase: Phase::Tls, what: handshake(error) }),
            Ok(Ok(stream)) => stream,
        };
        let connection = stream.get_ref().1;
        let protection = Protection {
            version: connection.protocol_version().map(|v| format!("{v:?}")).unwrap_or_default(),
            suite: connection
                .negotiated_cipher_suite()
                .map(|s| format!("{:?}", s.suite()))
                .unwrap_or_default(),
        };
        Ok((Box::new(stream), protection))
    }

    /// What we call ourselves: as configured, or the address we speak from (RFC 5321 §4.1.3).
    fn name(&self, stream: &TcpStream) -> String {
        match (&self.helo, stream.local_addr()) {
            (Some(name), _) => name.clone(),
            (None, Ok(SocketAddr::V4(address))) => format!("[{}]", address.ip()),
            (None, Ok(SocketAddr::V6(address))) => format!("[IPv6:{}]", address.ip()),
            (None, Err(_)) => "[127.0.0.1]".to_owned(),
        }
    }
}

/// Whether a password may be sent: under TLS, or without it to this very machine (RFC 4954 §4).
pub fn may_log_in(secure: bool, peer: IpAddr) -> bool {
    secure || peer.is_loopback()
}

async fn within<T>(limit: Duration, lookup: impl Future<Output = std::io::Result<T>>) -> Result<T, Trouble> {
    match timeout(limit, lookup).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(Trouble::wire(Phase::Connect, WireError::Io(error))),
        Err(_) => Err(Trouble::wire(Phase::Connect, WireError::Silent(limit))),
    }
}

/// A certificate that is not to be trusted needs a person; any other failure may pass.
fn handshake(error: std::io::Error) -> What {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(why)) => What::Certificate(format!("certificate: {why}")),
        _ => What::Wire(WireError::from(error)),
    }
}

/// TLS 1.2 and 1.3, trusting `ca_file` alone or, without one, what the system trusts.
fn client(ca_file: Option<&Path>) -> Result<ClientConfig, OpenError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::Tls(error.to_string()))?;
    let Some(path) = ca_file else {
        let trusted = builder.with_platform_verifier().map_err(|error| OpenError::Tls(error.to_string()))?;
        return Ok(trusted.with_no_client_auth());
    };
    let unreadable = |why: String| OpenError::CaFile { path: path.display().to_string(), why };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unreadable("there is no certificate in it".to_owned()));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
