//! A wire between the daemons and their database that can be cut, or fall silent.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
struct Wires {
    open: Mutex<Vec<TcpStream>>,
    silent: AtomicBool,
}

/// Forwards connections to one server.
pub struct Proxy {
    pub address: SocketAddr,
    wires: Arc<Wires>,
}

impl Proxy {
    pub fn to(server: SocketAddr) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let wires = Arc::new(Wires::default());
        let ours = Arc::clone(&wires);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                // While the server is away the daemon is told so, as by the server's machine.
                let Ok(far) = TcpStream::connect(server) else { continue };
                // As daemon and server have it: what is small is not kept back.
                near.set_nodelay(true).and_then(|()| far.set_nodelay(true)).unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let wires = Arc::clone(&ours);
                    std::thread::spawn(move || forward(from, to, &wires));
                }
                ours.open.lock().unwrap().extend([near, far]);
            }
        });
        Proxy { address, wires }
    }

    /// Cuts every connection, at whatever byte it is.
    pub fn cut(&self) {
        for wire in self.wires.open.lock().unwrap().drain(..) {
            let _ = wire.shutdown(Shutdown::Both);
        }
    }

    /// Lets no byte pass for a while, then cuts: what was under way is lost, and nobody was told.
    pub fn fall_silent(&self, span: Duration) {
        self.wires.silent.store(true, Ordering::SeqCst);
        std::thread::sleep(span);
        self.cut();
        self.wires.silent.store(false, Ordering::SeqCst);
    }

    /// The connection string that leads through here.
    pub fn instead_of(&self, url: &str) -> String {
        let (who, rest) = url.split_once('@').expect("the address has a user");
        let (_, rest) = rest.split_once('/').expect("the address has a database");
        format!("{who}@{}/{rest}", self.address)
    }
}

/// The server that a connection string names.
pub fn server(url: &str) -> SocketAddr {
    let rest = url.split_once('@').map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    host.parse().expect("the address has an IP address and a port")
}

fn forward(mut from: TcpStream, mut to: TcpStream, wires: &Wires) {
    let mut bytes = vec![0; 65_536];
    while let Ok(n) = from.read(&mut bytes) {
        while wires.silent.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if n == 0 || to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

pub fn self_test() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::to(listener.local_addr().unwrap());
    let mut near = TcpStream::connect(proxy.address).unwrap();
    let (mut far, _) = listener.accept().unwrap();
    near.write_all(b"ping").unwrap();
    let mut bytes = [0; 4];
    far.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"ping");
    proxy.fall_silent(Duration::from_millis(20));
    assert_eq!(near.read(&mut bytes).unwrap_or(0), 0, "it was not cut");
    let url = "postgres://dateline:pw@127.0.0.1:5432/dateline?options=x";
    assert_eq!(server(url).port(), 5432);
    assert!(proxy.instead_of(url).ends_with(&format!("@{}/dateline?options=x", proxy.address)));
}
