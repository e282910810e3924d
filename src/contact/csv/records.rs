//! Bytes into records: quotes, line ends, and limits on everything.

use std::io::{BufRead, Chain, Cursor, Read as _};

use super::RowProblem;

/// The most bytes in a field.
const FIELD: usize = 64 * 1024;
/// The most fields in a record.
const FIELDS: usize = 1_000;
/// The most bytes in the first line.
const HEADER: usize = 1024 * 1024;

/// The text of one cell and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub text: String,
    pub column: u64,
}

/// One record and the line that it begins in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub line: u64,
    pub cells: Vec<Cell>,
}

/// Reads records, one at a time.
pub(super) struct Records<R> {
    bytes: Bytes<Chain<Cursor<Vec<u8>>, R>>,
    separator: u8,
    ended: bool,
}

/// Single bytes, with line and column. `\n`, `\r\n` and `\r` all end a line and come out as `\n`.
struct Bytes<R> {
    reader: R,
    line: u64,
    column: u64,
}

impl<R: BufRead> Bytes<R> {
    fn peek(&mut self) -> Result<Option<u8>, RowProblem> {
        loop {
            match self.reader.fill_buf() {
                Ok(buffer) => return Ok(buffer.first().copied()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.problem(format!("the file cannot be read: {error}"))),
            }
        }
    }

    fn next(&mut self) -> Result<Option<u8>, RowProblem> {
        let Some(byte) = self.peek()? else { return Ok(None) };
        self.reader.consume(1);
        if byte == b'\r' && self.peek()? == Some(b'\n') {
            self.reader.consume(1);
        }
        if matches!(byte, b'\r' | b'\n') {
            self.line += 1;
            self.column = 1;
            return Ok(Some(b'\n'));
        }
        // A continuation byte of UTF-8 is no character of its own.
        self.column += u64::from(byte & 0xc0 != 0x80);
        Ok(Some(byte))
    }

    fn problem(&self, message: impl Into<String>) -> RowProblem {
        RowProblem::new(self.line, self.column, message)
    }
}

impl<R: BufRead> Records<R> {
    /// Looks at the first line: encoding, `sep=`, separator.
    pub fn open(mut reader: R) -> Result<Records<R>, RowProblem> {
        let mut first = Vec::new();
        let fail = |error| RowProblem::new(1, 1, format!("the file cannot be read: {error}"));
        loop {
            let buffer = reader.fill_buf().map_err(fail)?;
            if buffer.is_empty() {
                break;
            }
            let end = buffer.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let taken = end.unwrap_or(buffer.len());
            first.extend_from_slice(&buffer[..taken]);
            reader.consume(taken);
            if end.is_some() {
                break;
            }
            if first.len() > HEADER {
                return Err(RowProblem::new(1, 1, "the first line is longer than 1 MB")
                    .hint("the first line must name the columns; the file may not be CSV"));
            }
        }
        if first.starts_with(&[0xff, 0xfe]) || first.starts_with(&[0xfe, 0xff]) || first.contains(&0) {
            return Err(
                RowProblem::new(1, 1, "the file is UTF-16 or not text").hint("save it as `CSV UTF-8`")
            );
        }
        if first.starts_with(&[0xef, 0xbb, 0xbf]) {
            first.drain(..3);
        }
        let mut line = 1;
        let separator = match first.as_slice() {
            // What Excel writes to name the separator: a line that is no record.
            [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', separator @ (b',' | b';' | b'\t')] => {
                let separator = *separator;
                first.clear();
                skip_line_end(&mut reader).map_err(fail)?;
                line = 2;
                separator
            }
            line => separator_of(line),
        };
        let bytes = Bytes { reader: Cursor::new(first).chain(reader), line, column: 1 };
        Ok(Records { bytes, separator, ended: false })
    }

    /// The next record that is not an empty line; nothing at the end.
    pub fn next(&mut self) -> Option<Result<Record, RowProblem>> {
        while !self.ended {
            match self.record() {
                Ok(None) => self.ended = true,
                Ok(Some(record)) if record.cells.iter().all(|cell| cell.text.is_empty()) => {}
                Ok(Some(record)) => return Some(Ok(record)),
                Err(problem) => return Some(Err(problem)),
            }
        }
        None
    }

    fn record(&mut self) -> Result<Option<Record>, RowProblem> {
        match self.bytes.peek() {
            Ok(Some(_)) => {}
            Ok(None) => return Ok(None),
            Err(problem) => {
                self.ended = true;
                return Err(problem);
            }
        }
        let line = self.bytes.line;
        let mut cells = Vec::new();
        loop {
            match self.cell() {
                Ok((cell, last)) => {
                    cells.push(cell);
                    if last {
                        return Ok(Some(Record { line, cells }));
                    }
                }
                Err(problem) => {
                    self.skip_line()?;
                    return Err(problem);
                }
            }
            if cells.len() >= FIELDS {
                let problem = self
                    .bytes
                    .problem(format!("the line has more than {FIELDS} cells"))
                    .hint("the file may use another separator, or no line ends that Dateline knows");
                self.skip_line()?;
                return Err(problem);
            }
        }
    }

    /// Goes to the next line, so that one bad row costs one row.
    fn skip_line(&mut self) -> Result<(), RowProblem> {
        while !self.ended && self.bytes.column > 1 {
            if self.bytes.next()?.is_none() {
                self.ended = true;
            }
        }
        Ok(())
    }

    /// One cell, and whether it is the last of its record.
    fn cell(&mut self) -> Result<(Cell, bool), RowProblem> {
        let (line, column) = (self.bytes.line, self.bytes.column);
        let quoted = self.bytes.peek()? == Some(b'"');
        let mut text = Vec::new();
        let mut open = quoted;
        if quoted {
            self.bytes.next()?;
        }
        let last = loop {
            let Some(byte) = self.bytes.next()? else {
                if open {
                    return Err(self.unterminated(line, column));
                }
                break true;
            };
            match byte {
                b'"' if open => {
                    if self.bytes.peek()? == Some(b'"') {
                        self.bytes.next()?;
                        text.push(b'"');
                    } else {
                        open = false;
                    }
                }
                b'\n' if !open => break true,
                byte if byte == self.separator && !open => break false,
                _ if quoted && !open => {
                    if byte != b' ' {
                        return Err(RowProblem::new(line, column, "there is text after the closing quote")
                            .hint("write a quote inside a quoted cell twice"));
                    }
                }
                0 => {
                    return Err(self
                        .bytes
                        .problem("there is a NUL byte")
                        .hint("the file is damaged, or UTF-16; save it as `CSV UTF-8`"));
                }
                byte => text.push(byte),
            }
            if text.len() > FIELD {
                if open {
                    return Err(self.unterminated(line, column));
                }
                return Err(RowProblem::new(line, column, "the cell is longer than 64 KB"));
            }
        };
        let text = String::from_utf8(text).map_err(|_| {
            RowProblem::new(line, column, "the cell is not UTF-8").hint("save the file as `CSV UTF-8`")
        })?;
        Ok((Cell { text, column }, last))
    }

    /// A quote that is never closed swallows what follows: nothing after it can be trusted.
    fn unterminated(&mut self, line: u64, column: u64) -> RowProblem {
        self.ended = true;
        RowProblem::new(line, column, "the quote is not closed; nothing from here on was read")
            .hint("close it with `\"`")
    }
}

fn skip_line_end<R: BufRead>(reader: &mut R) -> std::io::Result<()> {
    if reader.fill_buf()?.first() == Some(&b'\r') {
        reader.consume(1);
    }
    if reader.fill_buf()?.first() == Some(&b'\n') {
        reader.consume(1);
    }
    Ok(())
}

/// The separator that the header uses most, outside quotes.
fn separator_of(line: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0_u32), (b';', 0), (b'\t', 0)];
    for byte in line {
        quoted ^= *byte == b'"';
        for (separator, count) in &mut counts {
            *count += u32::from(byte == separator && !quoted);
        }
    }
    // The first of equals: the comma.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(separator, _)| separator)
}
