//! A mailbox over IMAP with IDLE (RFC 2177): every unread mail is fetched, handed in, and marked as read once it is on record.
//!
//! An IMAP client of our own, because what is needed of IMAP is seven commands, and the libraries bring some twenty crates. A
//! death of the process before the mark leaves the mail unread, and it is handed in again.

mod wire;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::MOST_OF_A_MAIL;
use crate::crashpoint;
use crate::intake::config::{ImapConfig, MailboxTls};
use crate::intake::desk::{Desk, Done};
use wire::{Response, Stream, Wire, clean, quoted};

/// How long anything may take but waiting for news.
const PATIENCE: Duration = Duration::from_mins(1);
/// IDLE is begun anew after this; servers end it after half an hour, and routers forget sooner (RFC 2177).
const IDLE_FOR: Duration = Duration::from_mins(9);
/// Without IDLE, the mailbox is looked at this often.
const POLL_EVERY: Duration = Duration::from_mins(1);
/// What came too early is handed in again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(20);
/// The most mails of one look; then the mailbox is asked again.
const AT_ONCE: usize = 500;

/// A mailbox that can be reached, as far as one can know without trying.
pub struct Mailbox {
    config: ImapConfig,
    password: SecretString,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

/// What a server can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Abilities {
    idle: bool,
    moves: bool,
    uidplus: bool,
    plain: bool,
    initial: bool,
    starttls: bool,
    no_login: bool,
}

/// A mailbox that is open.
struct Open {
    wire: Wire,
    abilities: Abilities,
    mails: u64,
    /// What was marked as read over this connection.
    finished: BTreeSet<u64>,
}

impl Mailbox {
    /// Makes ready; reads certificates, relative to `root`, and opens no connection.
    pub fn new(config: &ImapConfig, password: SecretString, root: &Path) -> Result<Mailbox, String> {
        let tls = match config.tls {
            MailboxTls::None => None,
            MailboxTls::Implicit | MailboxTls::Starttls => {
                let name = ServerName::try_from(config.host.clone())
                    .map_err(|_| format!("`{}` is no host name", config.host))?;
                let client = client(config.ca_file.as_ref().map(|file| root.join(file)))?;
                Some((TlsConnector::from(Arc::new(client)), name))
            }
        };
        Ok(Mailbox { config: config.clone(), password, tls })
    }

    /// Looks whether the mailbox can be opened, in words for a person. Nothing in it is changed.
    pub async fn examine(&self) -> Result<String, String> {
        let mut open = self.open().await?;
        let news = if open.abilities.idle { "IDLE" } else { "no IDLE: looked at once a minute" };
        let mails = open.mails;
        let _ = open.wire.command("LOGOUT", "LOGOUT").await;
        Ok(format!("{} at {}, {mails} mails, {news}", self.config.folder, self.config.host))
    }

    /// Opens the mailbox and takes in what comes until `stop`, or until something goes wrong. `well` is told whenever the
    /// mailbox was looked at.
    pub async fn follow(
        &self,
        source: &str,
        desk: &Desk,
        stop: &CancellationToken,
        well: impl Fn(),
    ) -> Result<(), String> {
        let mut open = self.open().await?;
        while !stop.is_cancelled() {
            let wait = self.look(&mut open, source, desk, stop).await?;
            well();
            match wait {
                Some(wait) if wait.is_zero() => {}
                wait => open.wait(wait.unwrap_or(IDLE_FOR).min(IDLE_FOR), stop).await?,
            }
        }
        // The server would find out by itself; this is politeness.
        let _ = timeout(Duration::from_secs(1), open.wire.command("LOGOUT", "LOGOUT")).await;
        Ok(())
    }

    /// Takes in what is unread; returns after what time to look again if nothing comes meanwhile.
    async fn look(
        &self,
        open: &mut Open,
        source: &str,
        desk: &Desk,
        stop: &CancellationToken,
    ) -> Result<Option<Duration>, String> {
        let answer = open.wire.command("SEARCH", "UID SEARCH UNSEEN UNDELETED").await?;
        // What came while it was searched may not be found yet; IDLE would not speak of it again.
        let news = answer.untagged.iter().any(|response| response.line.ends_with(" EXISTS"));
        let mails = numbers(&answer.untagged);
        let (mut again, mut done) = (None, 0);
        for mail in mails.iter().take(AT_ONCE) {
            if stop.is_cancelled() {
                return Ok(None);
            }
            if open.finished.contains(mail) {
                return Err("the server does not keep what is marked as read".to_owned());
            }
            let Some(bytes) = fetch(&mut open.wire, *mail).await? else { continue };
            let taken = desk.mail(source, &bytes).await.map_err(|error| error.to_string())?;
            crashpoint!("S11");
            match taken {
                Done::Yes => {
                    self.finish(open, *mail).await?;
                    open.finished.insert(*mail);
                    done += 1;
                }
                Done::NotYet => again = Some(AGAIN_AFTER),
            }
        }
        Ok(if news || done > 0 { Some(Duration::ZERO) } else { again })
    }

    /// Marks a mail as read and, if so configured, puts it away.
    async fn finish(&self, open: &mut Open, mail: u64) -> Result<(), String> {
        open.wire.command("STORE", &format!("UID STORE {mail} +FLAGS.SILENT (\\Seen)")).await?;
        let Some(folder) = self.config.move_to.as_deref().and_then(quoted) else { return Ok(()) };
        if open.abilities.moves {
            open.wire.command("MOVE", &format!("UID MOVE {mail} {folder}")).await?;
            return Ok(());
        }
        // RFC 6851 §3.3 says what MOVE stands for.
        open.wire.command("COPY", &format!("UID COPY {mail} {folder}")).await?;
        open.wire.command("STORE", &format!("UID STORE {mail} +FLAGS.SILENT (\\Deleted)")).await?;
        if open.abilities.uidplus {
            open.wire.command("EXPUNGE", &format!("UID EXPUNGE {mail}")).await?;
        }
        Ok(())
    }

    async fn open(&self) -> Result<Open, String> {
        let config = &self.config;
        let (tcp, peer) = dial(&config.host, config.port()).await?;
        let mut wire = match &self.tls {
            Some(tls) if config.tls == MailboxTls::Implicit => wire(shake(tls, Box::new(tcp)).await?),
            _ => wire(Box::new(tcp)),
        };
        let greeting = wire.response(PATIENCE).await?.line;
        if !greeting.starts_with("* OK") {
            return Err(format!("the server does not greet: {}", clean(&greeting)));
        }
        let mut secure = config.tls == MailboxTls::Implicit;
        let mut abilities = abilities(&mut wire).await?;
        if let (MailboxTls::Starttls, Some(tls)) = (config.tls, &self.tls) {
            if !abilities.starttls {
                return Err("the server does not offer STARTTLS; nobody logs in without TLS".to_owned());
            }
            wire.command("STARTTLS", "STARTTLS").await?;
            wire = self::wire(shake(tls, wire.into_stream()?).await?);
            secure = true;
            // What was said before TLS may be anybody's words (RFC 3501 §6.2.1).
            abilities = self::abilities(&mut wire).await?;
        }
        if !secure && !peer.is_loopback() {
            return Err(
                "the password would travel without TLS; set `tls: implicit` or `tls: starttls`".to_owned()
            );
        }
        self.log_in(&mut wire, abilities).await?;
        abilities = self::abilities(&mut wire).await?;
        let folder = quoted(&config.folder)
            .ok_or("the folder's name has letters that are not ASCII; write it in modified UTF-7")?;
        let answer = wire.command("SELECT", &format!("SELECT {folder}")).await?;
        if answer.words.to_ascii_uppercase().contains("[READ-ONLY]") {
            return Err("the mailbox can only be read: mails could not be marked as taken in".to_owned());
        }
        let exists =
            |response: &Response| response.line.strip_prefix("* ")?.strip_suffix(" EXISTS")?.parse().ok();
        let mails = answer.untagged.iter().find_map(exists).unwrap_or(0);
        Ok(Open { wire, abilities, mails, finished: BTreeSet::new() })
    }

    async fn log_in(&self, wire: &mut Wire, abilities: Abilities) -> Result<(), String> {
        let (username, password) = (&self.config.username, self.password.expose_secret());
        if abilities.plain {
            let plain = Zeroizing::new(format!("\0{username}\0{password}"));
            let encoded = Zeroizing::new(BASE64.encode(plain.as_bytes()));
            let command = if abilities.initial {
                Zeroizing::new(format!("AUTHENTICATE PLAIN {}", *encoded))
            } else {
                Zeroizing::new("AUTHENTICATE PLAIN".to_owned())
            };
            let tag = wire.begin(&command).await?;
            if !abilities.initial {
                let asked = wire.response(PATIENCE).await?.line;
                if !asked.starts_with('+') {
                    return Err(format!("login: {}", clean(&asked)));
                }
                wire.send(&Zeroizing::new(format!("{}\r\n", *encoded))).await?;
            }
            wire.finish(&tag, "login").await?;
        } else if abilities.no_login {
            return Err("the server takes no password here (LOGINDISABLED)".to_owned());
        } else {
            let (Some(username), Some(password)) = (quoted(username), quoted(password)) else {
                return Err("the server takes only names and passwords in ASCII".to_owned());
            };
            let command = Zeroizing::new(format!("LOGIN {username} {password}"));
            wire.command("login", &command).await?;
        }
        Ok(())
    }
}

impl Open {
    /// Waits until the mailbox has news, for `limit` at the most, or until `stop`.
    async fn wait(&mut self, limit: Duration, stop: &CancellationToken) -> Result<(), String> {
        let end = Instant::now() + limit;
        if !self.abilities.idle {
            let pause = POLL_EVERY.min(limit);
            tokio::select! { () = tokio::time::sleep(pause) => {}, () = stop.cancelled() => return Ok(()) }
            return self.wire.command("NOOP", "NOOP").await.map(drop);
        }
        let tag = self.wire.begin("IDLE").await?;
        let mut news = false;
        let mut begun = false;
        while !news {
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            // `response` must not be dropped in the middle of a line: the next would begin there. After a stop or the end of
            // the time nothing but the end of IDLE is read, so what was begun is thrown away with the connection.
            let said = tokio::select! {
                said = self.wire.response(if begun { left } else { PATIENCE }) => said,
                () = stop.cancelled() => return Ok(()),
            };
            match said {
                Ok(response) if response.line.starts_with('+') => begun = true,
                Ok(response) => {
                    if response.line.starts_with("* BYE") {
                        return Err(format!("the server says good-bye: {}", clean(&response.line)));
                    }
                    if response.line.starts_with(&format!("{tag} ")) {
                        return Err(format!("IDLE: {}", clean(&response.line)));
                    }
                    news = response.line.ends_with(" EXISTS") || response.line.ends_with(" RECENT");
                }
                Err(_) if begun && Instant::now() >= end => break,
                Err(error) => return Err(error),
            }
        }
        self.wire.send("DONE\r\n").await?;
        self.wire.finish(&tag, "IDLE").await.map(drop)
    }
}

fn wire(stream: Box<dyn Stream>) -> Wire {
    // A server may round the length that it was asked for.
    Wire::new(stream, PATIENCE, MOST_OF_A_MAIL + 1024)
}

/// Tries each address of the host in turn.
async fn dial(host: &str, port: u16) -> Result<(TcpStream, IpAddr), String> {
    let lookup = timeout(PATIENCE, tokio::net::lookup_host((host, port))).await;
    let addresses =
        lookup.map_err(|_| "the name server does not answer")?.map_err(|error| error.to_string())?;
    let mut last = "the host has no address".to_owned();
    for address in addresses {
        match timeout(Duration::from_secs(20), TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                return Ok((stream, address.ip()));
            }
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => "no answer".clone_into(&mut last),
        }
    }
    Err(format!("{host}:{port}: {last}"))
}

async fn shake(
    (connector, name): &(TlsConnector, ServerName<'static>),
    stream: Box<dyn Stream>,
) -> Result<Box<dyn Stream>, String> {
    match timeout(PATIENCE, connector.connect(name.clone(), stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(format!("TLS: {error}; check `host` and `ca_file`")),
        Err(_) => Err("TLS: no answer".to_owned()),
    }
}

/// TLS 1.2 and 1.3, trusting `ca_file` alone or, without one, what the system trusts.
fn client(ca_file: Option<PathBuf>) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let Some(path) = ca_file else {
        let trusted = builder.with_platform_verifier().map_err(|error| error.to_string())?;
        return Ok(trusted.with_no_client_auth());
    };
    let unreadable = |why: String| format!("`ca_file` {}: {why}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&path).map_err(|error| unreadable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unreadable("there is no certificate in it".to_owned()));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn abilities(wire: &mut Wire) -> Result<Abilities, String> {
    let answer = wire.command("CAPABILITY", "CAPABILITY").await?;
    let mut found = Abilities::default();
    for response in &answer.untagged {
        let line = response.line.to_ascii_uppercase();
        let Some(words) = line.strip_prefix("* CAPABILITY") else { continue };
        for word in words.split_whitespace() {
            match word {
                "IDLE" => found.idle = true,
                "MOVE" => found.moves = true,
                "UIDPLUS" => found.uidplus = true,
                "AUTH=PLAIN" => found.plain = true,
                "SASL-IR" => found.initial = true,
                "STARTTLS" => found.starttls = true,
                "LOGINDISABLED" => found.no_login = true,
                _ => {}
            }
        }
    }
    Ok(found)
}

/// The numbers that a search found, ascending.
fn numbers(responses: &[Response]) -> Vec<u64> {
    let mut all: Vec<u64> = responses
        .iter()
        .filter_map(|response| response.line.strip_prefix("* SEARCH"))
        .flat_map(str::split_whitespace)
        .filter_map(|number| number.parse().ok())
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A mail, or its first [`MOST_OF_A_MAIL`] bytes; nothing where it is gone.
async fn fetch(wire: &mut Wire, mail: u64) -> Result<Option<Vec<u8>>, String> {
    let command = format!("UID FETCH {mail} (UID BODY.PEEK[]<0.{MOST_OF_A_MAIL}>)");
    let answer = wire.command("FETCH", &command).await?;
    let ours = format!("UID {mail}");
    let of_it = |response: &Response| {
        let line = &response.line;
        line.contains(" FETCH ")
            && line.match_indices(&ours).any(|(at, _)| {
                let end = line.as_bytes().get(at + ours.len());
                end.is_none_or(|byte| !byte.is_ascii_digit())
            })
    };
    Ok(answer.untagged.into_iter().find(of_it).and_then(|response| response.literals.into_iter().next()))
}
