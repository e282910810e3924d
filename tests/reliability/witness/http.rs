//! The witness's HTTP: takes POST requests with a `webhook-id`.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use dateline::digest::Digest;

use super::Stand;
use super::fault::{Act, Point};
use super::record::{Line, What};

/// Serves one client to its end.
pub fn serve(stand: &Stand, stream: &TcpStream, connection: u64) -> io::Result<()> {
    let mut input = BufReader::new(stream);
    while let Some((id, body)) = request(&mut input)? {
        let line = |what| Line {
            id: id.clone(),
            sha: Digest::of(&body).to_string(),
            to: "webhook".to_owned(),
            ..Line::new(what, connection)
        };
        if !suffer(stand, &mut input, Point::Request, &id)? {
            stand.recorder.note(&line(What::Refused));
            return Ok(());
        }
        stand.recorder.note_durably(&line(What::Taken));
        if !suffer(stand, &mut input, Point::Applied, &id)? {
            return Ok(());
        }
        input.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
        stand.recorder.note(&line(What::Answered));
    }
    Ok(())
}

/// The id and the body of the next request; nothing at the end.
fn request(input: &mut BufReader<&TcpStream>) -> io::Result<Option<(String, Vec<u8>)>> {
    let (mut id, mut length, mut first) = (String::new(), 0, true);
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() && !first {
            break;
        }
        first = false;
        if let Some((name, value)) = line.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "webhook-id" => value.trim().clone_into(&mut id),
                "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
                _ => {}
            }
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body)?;
    Ok(Some((id, body)))
}

/// Does what the faults say; whether the request goes on. A refusal closes the connection as well.
fn suffer(stand: &Stand, input: &mut BufReader<&TcpStream>, point: Point, who: &str) -> io::Result<bool> {
    for act in stand.faults.at(point, who) {
        match act {
            Act::Delay(time) => std::thread::sleep(time),
            Act::Drop => return Ok(false),
            Act::Garbage => {
                input.get_mut().write_all(b"\x01\x02 what is this\r\n")?;
                return Ok(false);
            }
            Act::Silence => {
                input.read_to_end(&mut Vec::new())?;
                return Ok(false);
            }
            Act::Reply(code) => {
                let answer = format!("HTTP/1.1 {code} no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                input.get_mut().write_all(answer.as_bytes())?;
                return Ok(false);
            }
        }
    }
    Ok(true)
}
