//! A relay that takes everything and keeps nothing, as fast as it can: a process of its own, so that its time is not ours.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A sink that runs.
pub struct Sink {
    /// Its process.
    pub child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Sink {
    /// Starts this program again as a sink that waits so long before it says anything, as one far away does.
    pub fn start(delay: Duration) -> io::Result<Sink> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--sink")
            .arg(delay.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.trim().parse().map_err(io::Error::other)?;
        Ok(Sink { child, address })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until stdin ends.
pub fn run(delay: Duration) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    io::stdout().flush()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that goes away is no trouble of a sink's.
            std::thread::spawn(move || serve(stream, delay));
        }
    });
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn serve(stream: TcpStream, delay: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(128 * 1024, stream);
    let mut said = b"220 sink ESMTP\r\n".to_vec();
    let mut line = Vec::new();
    loop {
        if input.buffer().is_empty() {
            say(&mut input, &mut said, delay)?;
        }
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        match line.get(..4).unwrap_or_default() {
            b"EHLO" => said.extend_from_slice(b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"),
            b"DATA" => {
                said.extend_from_slice(b"354 go\r\n");
                say(&mut input, &mut said, delay)?;
                loop {
                    line.clear();
                    if input.read_until(b'\n', &mut line)? == 0 {
                        return Ok(());
                    }
                    if line == b".\r\n" {
                        break;
                    }
                }
                said.extend_from_slice(b"250 2.0.0 Ok\r\n");
            }
            b"QUIT" => {
                said.extend_from_slice(b"221 bye\r\n");
                return say(&mut input, &mut said, delay);
            }
            _ => said.extend_from_slice(b"250 ok\r\n"),
        }
    }
}

/// Says what is to be said, after the time that it takes to come here.
fn say(input: &mut BufReader<TcpStream>, said: &mut Vec<u8>, delay: Duration) -> io::Result<()> {
    std::thread::sleep(delay);
    input.get_mut().write_all(said)?;
    said.clear();
    Ok(())
}
