//! Questions to a name server, and its answers (RFC 1035, RFC 6891). Pure: bytes in, records out.
//!
//! An answer comes from anybody who can send a packet, so nothing in it is believed: whatever is too short, points in circles or
//! answers another question is [`Bad`], in bounded time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An IPv4 address.
    A = 1,
    /// The name of an address.
    Ptr = 12,
    /// Who takes mail.
    Mx = 15,
    /// Text.
    Txt = 16,
    /// An IPv6 address.
    Aaaa = 28,
}

/// One record of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An address.
    Address(IpAddr),
    /// A name, in lower case without the last dot.
    Name(String),
    /// Who takes mail; an empty host takes none (RFC 7505).
    Mx(u16, String),
    /// Text, its strings put together.
    Text(String),
}

/// A well-formed answer to the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// It did not fit; it is to be asked for over TCP.
    pub truncated: bool,
    /// 0 for an answer, 3 where there is no such name.
    pub code: u8,
    /// What was asked for, aliases followed.
    pub records: Vec<Record>,
}

/// Not an answer to the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what came is no answer to the question")]
pub struct Bad;

const CNAME: u16 = 5;
/// More records than these are not read.
const MOST: usize = 512;

/// The question's bytes; nothing for a name that cannot be asked for.
pub fn question(id: u16, name: &str, kind: Kind) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(name.len() + 30);
    bytes.extend_from_slice(&id.to_be_bytes());
    // A question that wants recursion; one question, and one additional record.
    bytes.extend_from_slice(&[0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1]);
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..64).contains(length))?;
        bytes.push(length);
        bytes.extend_from_slice(label.as_bytes());
    }
    if bytes.len() > 12 + 254 {
        return None;
    }
    bytes.push(0);
    bytes.extend_from_slice(&(kind as u16).to_be_bytes());
    bytes.extend_from_slice(&[0, 1]);
    // EDNS: 1232 bytes fit into every path (dnsflagday.net/2020).
    bytes.extend_from_slice(&[0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
    Some(bytes)
}

/// Reads the answer to the question of `id`, `name` and `kind`.
pub fn answer(bytes: &[u8], id: u16, name: &str, kind: Kind) -> Result<Answer, Bad> {
    let mut reader = Reader { bytes, at: 0 };
    let (got, flags) = (reader.number()?, reader.number()?);
    let (questions, answers) = (reader.number()?, reader.number()?);
    reader.skip(4)?;
    let wanted = name.trim_end_matches('.').to_ascii_lowercase();
    let asked = (got, flags & 0x8000, questions) == (id, 0x8000, 1)
        && reader.name()? == wanted
        && (reader.number()?, reader.number()?) == (kind as u16, 1);
    if !asked {
        return Err(Bad);
    }
    let (mut owner, mut records) = (wanted, Vec::new());
    for _ in 0..usize::from(answers).min(MOST) {
        let name = match reader.name() {
            Ok(name) => name,
            // Cut off in the middle, as it says itself.
            Err(Bad) if flags & 0x0200 != 0 => break,
            Err(Bad) => return Err(Bad),
        };
        let (found, class) = (reader.number()?, reader.number()?);
        reader.skip(4)?;
        let length = usize::from(reader.number()?);
        let data = reader.bytes.get(reader.at..reader.at + length).ok_or(Bad)?;
        let mut inner = Reader { bytes: reader.bytes, at: reader.at };
        reader.at += length;
        if class != 1 || name != owner {
            continue;
        }
        if found == CNAME {
            owner = inner.name()?;
        } else if found == kind as u16 {
            records.push(record(kind, data, &mut inner)?);
        }
    }
    Ok(Answer { truncated: flags & 0x0200 != 0, code: (flags & 0x0f).try_into().unwrap_or(2), records })
}

fn record(kind: Kind, data: &[u8], reader: &mut Reader<'_>) -> Result<Record, Bad> {
    Ok(match kind {
        Kind::A => Record::Address(IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(data).map_err(|_| Bad)?))),
        Kind::Aaaa => {
            Record::Address(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(data).map_err(|_| Bad)?)))
        }
        Kind::Ptr => Record::Name(reader.name()?),
        Kind::Mx => Record::Mx(reader.number()?, reader.name()?),
        Kind::Txt => {
            let mut text = Vec::with_capacity(data.len());
            let mut rest = data;
            while let Some((length, more)) = rest.split_first() {
                let (part, after) = more.split_at_checked(usize::from(*length)).ok_or(Bad)?;
                text.extend_from_slice(part);
                rest = after;
            }
            Record::Text(String::from_utf8_lossy(&text).into_owned())
        }
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn number(&mut self) -> Result<u16, Bad> {
        let two = self.bytes.get(self.at..self.at + 2).ok_or(Bad)?;
        self.at += 2;
        Ok(two.iter().fold(0, |number, byte| number << 8 | u16::from(*byte)))
    }

    fn skip(&mut self, count: usize) -> Result<(), Bad> {
        self.at += count;
        if self.at <= self.bytes.len() { Ok(()) } else { Err(Bad) }
    }

    /// A name, in lower case without the last dot. Pointers lead back alone, so there is no circle.
    fn name(&mut self) -> Result<String, Bad> {
        let mut name = String::new();
        let (mut at, mut lowest, mut after) = (self.at, self.at, None);
        loop {
            let length = *self.bytes.get(at).ok_or(Bad)?;
            match length {
                0 => {
                    self.at = after.unwrap_or(at + 1);
                    return Ok(name);
                }
                1..=63 => {
                    let label = self.bytes.get(at + 1..at + 1 + usize::from(length)).ok_or(Bad)?;
                    if !name.is_empty() {
                        name.push('.');
                    }
                    // What is no letter of a host name is shown, and matches nothing.
                    name.extend(label.iter().map(|byte| match byte {
                        byte if byte.is_ascii_graphic() && *byte != b'.' => {
                            char::from(byte.to_ascii_lowercase())
                        }
                        _ => '\u{fffd}',
                    }));
                    if name.len() > 3 * 255 {
                        return Err(Bad);
                    }
                    at += 1 + usize::from(length);
                }
                0xc0.. => {
                    let low = *self.bytes.get(at + 1).ok_or(Bad)?;
                    let to = usize::from(length & 0x3f) << 8 | usize::from(low);
                    after.get_or_insert(at + 2);
                    if to >= lowest {
                        return Err(Bad);
                    }
                    (at, lowest) = (to, to);
                }
                _ => return Err(Bad),
            }
        }
    }
}

#[cfg(test)]
pub mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer as a server writes it: owner names in full, data as given.
    pub fn reply(question: &[u8], flags: u16, answers: &[(&str, u16, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = question[..2].to_vec();
        bytes.extend_from_slice(&(0x8180 | flags).to_be_bytes());
        bytes.extend_from_slice(&[0, 1]);
        bytes.extend_from_slice(&u16::try_from(answers.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&question[12..question.len() - 11]);
        for (owner, kind, data) in answers {
            bytes.extend_from_slice(&name(owner));
            bytes.extend_from_slice(&kind.to_be_bytes());
            bytes.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
            bytes.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(data);
        }
        bytes
    }

    /// A name on the wire.
    pub fn name(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for label in text.split('.').filter(|label| !label.is_empty()) {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend_from_slice(label.as_bytes());
        }
        bytes.push(0);
        bytes
    }

    /// Text on the wire, in strings of at most 255 bytes.
    pub fn text(text: &str) -> Vec<u8> {
        let part = |part: &[u8]| [&[u8::try_from(part.len()).unwrap()], part].concat();
        text.as_bytes().chunks(255).flat_map(part).collect()
    }

    #[track_caller]
    fn check(kind: Kind, answers: &[(&str, u16, Vec<u8>)], expected: &str) {
        let asked = question(7, "Mail.Halden.example", kind).unwrap();
        let read = answer(&reply(&asked, 0, answers), 7, "mail.halden.example", kind);
        assert_eq!(
            read.map_or_else(|bad| format!("{bad:?}"), |read| format!("{:?}", read.records)),
            expected
        );
    }

    #[test]
    fn answers_are_read() {
        let here = "mail.halden.EXAMPLE";
        let long = "x".repeat(300);
        check(Kind::A, &[(here, 1, vec![192, 0, 2, 1])], "[Address(192.0.2.1)]");
        check(Kind::A, &[(here, 1, vec![192, 0, 2])], "Bad");
        check(Kind::A, &[], "[]");
        check(Kind::A, &[("other.example", 1, vec![192, 0, 2, 1])], "[]");
        check(Kind::Aaaa, &[(here, 28, vec![0; 16])], "[Address(::)]");
        check(
            Kind::Mx,
            &[(here, 15, [&[0, 10][..], &name("MX.halden.example")].concat())],
            "[Mx(10, \"mx.halden.example\")]",
        );
        check(Kind::Mx, &[(here, 15, [&[0, 0][..], &name("")].concat())], "[Mx(0, \"\")]");
        check(Kind::Txt, &[(here, 16, text(&long))], &format!("[Text(\"{long}\")]"));
        check(Kind::Txt, &[(here, 16, vec![5, b'a'])], "Bad");
        check(Kind::Ptr, &[(here, 12, name("a.example"))], "[Name(\"a.example\")]");
        // An alias, and what only looks like one.
        check(
            Kind::Txt,
            &[(here, 5, name("a.example")), ("a.example", 16, text("x")), (here, 16, text("y"))],
            "[Text(\"x\")]",
        );
        // Pointers: back is fine, to itself and forward is not.
        check(Kind::Ptr, &[(here, 12, vec![0xc0, 12])], "[Name(\"mail.halden.example\")]");
        check(Kind::Ptr, &[(here, 12, vec![0xc0, 68])], "Bad");
        check(Kind::Ptr, &[(here, 12, vec![0xff, 0xff])], "Bad");
        check(Kind::Ptr, &[(here, 12, vec![0x80, 1, 0])], "Bad");
    }

    #[test]
    fn only_the_answer_to_the_question_counts() {
        let asked = question(7, "a.example", Kind::A).unwrap();
        let good = reply(&asked, 0, &[("a.example", 1, vec![192, 0, 2, 1])]);
        assert!(answer(&good, 7, "a.example", Kind::A).is_ok());
        assert_eq!(answer(&good, 8, "a.example", Kind::A), Err(Bad));
        assert_eq!(answer(&good, 7, "b.example", Kind::A), Err(Bad));
        assert_eq!(answer(&good, 7, "a.example", Kind::Aaaa), Err(Bad));
        assert_eq!(answer(&asked, 7, "a.example", Kind::A), Err(Bad), "the question itself");
        let none = answer(&reply(&asked, 3, &[]), 7, "a.example", Kind::A).unwrap();
        assert_eq!((none.code, none.records.len(), none.truncated), (3, 0, false));
        let cut = reply(&asked, 0x0200, &[("a.example", 1, vec![192, 0, 2, 1])]);
        assert!(answer(&cut[..cut.len() - 16], 7, "a.example", Kind::A).is_ok_and(|answer| answer.truncated));
        for name in ["", "a..b", &"x".repeat(64), &"x.".repeat(200)] {
            assert_eq!(question(7, name, Kind::A), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_end(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..200, byte in any::<u8>(),
        ) {
            let _ = answer(&bytes, 7, "a.example", Kind::Txt);
            let asked = question(7, "a.example", Kind::Mx).unwrap();
            let mut good = reply(&asked, 0, &[("a.example", 15, [&[0, 10][..], &name("mx.a.example")].concat())]);
            if let Some(place) = good.get_mut(at) {
                *place = byte;
            }
            let _ = answer(&good, 7, "a.example", Kind::Mx);
            good.truncate(at);
            let _ = answer(&good, 7, "a.example", Kind::Mx);
            // A header that is believable, then rubbish.
            let mut head = asked[..asked.len() - 11].to_vec();
            head[2] = 0x80;
            head[7] = 0xff;
            head.append(&mut bytes);
            let _ = answer(&head, 7, "a.example", Kind::Mx);
        }
    }
}
