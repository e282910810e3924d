//! Asks name servers: over UDP, and over TCP where an answer does not fit.
//!
//! A stub for `dateline doctor`, which asks a few dozen questions: no cache, no DNSSEC. It ends: each question is tried twice at each
//! server, for three seconds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::dns::{self, Answer, Kind, Record};

const PATIENCE: Duration = Duration::from_secs(3);
const TRIES: usize = 2;

/// Why nothing is known of a name. That there is nothing is an empty answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// No server answered.
    #[error("no name server answers ({0})")]
    Silent(String),
    /// The server cannot answer.
    #[error("the name server has an error for {0} (code {1})")]
    Server(String, u8),
    /// Nobody can ask for it.
    #[error("`{0}` is no name")]
    Name(String),
}

/// Asks these servers.
pub struct Resolver {
    servers: Vec<SocketAddr>,
    /// Nobody answered a question: the next ones would wait as long, for nothing.
    silent: OnceLock<Trouble>,
}

impl Resolver {
    /// Asks `server`, or those that the system asks.
    pub fn new(server: Option<SocketAddr>) -> Resolver {
        let servers = match server {
            Some(server) => vec![server],
            None => servers(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default()),
        };
        Resolver { servers, silent: OnceLock::new() }
    }

    /// The records of a name; none where there is no such name.
    pub async fn ask(&self, name: &str, kind: Kind) -> Result<Vec<Record>, Trouble> {
        if let Some(trouble) = self.silent.get() {
            return Err(trouble.clone());
        }
        let mut last = Trouble::Silent("none is configured".to_owned());
        for server in (0..TRIES).flat_map(|_| &self.servers) {
            match timeout(PATIENCE, exchange(*server, name, kind)).await {
                Err(_) => last = Trouble::Silent(format!("{server} is silent")),
                Ok(Err(Asked::Name)) => return Err(Trouble::Name(name.to_owned())),
                Ok(Err(Asked::Io(error))) => last = Trouble::Silent(format!("{server}: {error}")),
                Ok(Ok(Answer { code: 0 | 3, records, .. })) => return Ok(records),
                Ok(Ok(Answer { code, .. })) => last = Trouble::Server(name.to_owned(), code),
            }
        }
        if let Trouble::Silent(_) = last {
            // Set already: then it says the same.
            let _ = self.silent.set(last.clone());
        }
        Err(last)
    }

    /// The texts of a name.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, Trouble> {
        let records = self.ask(name, Kind::Txt).await?;
        Ok(records
            .into_iter()
            .filter_map(|r| if let Record::Text(text) = r { Some(text) } else { None })
            .collect())
    }

    /// The addresses of a name, of both kinds.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, Trouble> {
        let mut all = self.ask(name, Kind::A).await?;
        all.extend(self.ask(name, Kind::Aaaa).await?);
        Ok(all
            .into_iter()
            .filter_map(|r| if let Record::Address(ip) = r { Some(ip) } else { None })
            .collect())
    }

    /// The names of an address.
    pub async fn names(&self, address: IpAddr) -> Result<Vec<String>, Trouble> {
        let records = self.ask(&reverse(address), Kind::Ptr).await?;
        Ok(records
            .into_iter()
            .filter_map(|r| if let Record::Name(name) = r { Some(name) } else { None })
            .collect())
    }
}

enum Asked {
    Name,
    Io(std::io::Error),
}

impl From<std::io::Error> for Asked {
    fn from(error: std::io::Error) -> Asked {
        Asked::Io(error)
    }
}

async fn exchange(server: SocketAddr, name: &str, kind: Kind) -> Result<Answer, Asked> {
    let mut id = [0; 2];
    SystemRandom::new()
        .fill(&mut id)
        .map_err(|_| std::io::Error::other("the system gives no random numbers"))?;
    let id = u16::from_be_bytes(id);
    let question = dns::question(id, name, kind).ok_or(Asked::Name)?;
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    // Connected, so that packets of others do not come here.
    socket.connect(server).await?;
    socket.send(&question).await?;
    let mut buffer = vec![0; 4096];
    let answer = loop {
        let length = socket.recv(&mut buffer).await?;
        // What does not fit the question is somebody else's guess; the true answer may still come.
        if let Ok(answer) = dns::answer(buffer.get(..length).unwrap_or_default(), id, name, kind) {
            break answer;
        }
    };
    if !answer.truncated {
        return Ok(answer);
    }
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(question.len()).map_err(|_| Asked::Name)?;
    stream.write_all(&[&length.to_be_bytes()[..], &question].concat()).await?;
    let length = usize::from(stream.read_u16().await?);
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    let whole = dns::answer(&bytes, id, name, kind);
    Ok(whole.map_err(|bad| std::io::Error::new(std::io::ErrorKind::InvalidData, bad))?)
}

/// The servers that resolv.conf(5) names.
fn servers(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        let address = (words.next()? == "nameserver").then(|| words.next())??;
        Some(SocketAddr::new(address.split('%').next()?.parse().ok()?, 53))
    };
    text.lines().filter_map(server).take(3).collect()
}

/// The name under which an address has its names (RFC 1035 §3.5, RFC 3596 §2.5).
fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let nibbles = address.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).collect::<String>() + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_reverse_names() {
        let text = "# x\nnameserver 192.0.2.53\nsearch a.example\nnameserver fe80::1%eth0\nnameserver x\n";
        let found: Vec<String> = servers(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.53:53", "[fe80::1]:53"]);
        for (address, expected) in [
            ("192.0.2.25", "25.2.0.192.in-addr.arpa"),
            ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
        ] {
            assert_eq!(reverse(address.parse().unwrap()), expected);
        }
    }

    #[tokio::test]
    async fn a_guess_is_ignored_and_a_cut_answer_is_asked_for_again() {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = udp.local_addr().unwrap();
        let tcp = tokio::net::TcpListener::bind(server).await.unwrap();
        let serving = tokio::spawn(async move {
            let mut buffer = [0; 512];
            let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
            let question = buffer[..length].to_vec();
            let mut guess = dns::tests::reply(&question, 0, &[("a.example", 16, dns::tests::text("evil"))]);
            guess[0] ^= 1;
            udp.send_to(&guess, from).await.unwrap();
            udp.send_to(b"x", from).await.unwrap();
            udp.send_to(&dns::tests::reply(&question, 0x0200, &[]), from).await.unwrap();
            let (mut stream, _) = tcp.accept().await.unwrap();
            let length = stream.read_u16().await.unwrap();
            let mut question = vec![0; usize::from(length)];
            stream.read_exact(&mut question).await.unwrap();
            let reply =
                dns::tests::reply(&question, 0, &[("a.example", 16, dns::tests::text(&"t".repeat(2000)))]);
            stream.write_u16(u16::try_from(reply.len()).unwrap()).await.unwrap();
            stream.write_all(&reply).await.unwrap();
        });
        let texts = Resolver::new(Some(server)).texts("a.example").await.unwrap();
        assert_eq!(texts, ["t".repeat(2000)]);
        serving.await.unwrap();
        assert!(matches!(Resolver::new(Some(server)).texts("a..b").await, Err(Trouble::Name(_))));
    }
}
