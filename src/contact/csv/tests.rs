use std::io::{BufRead, Read};

use expect_test::{Expect, expect};

use super::*;

/// Every row, or what is wrong with it; or what is wrong with the file.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "the cases read better")]
fn check(text: impl AsRef<[u8]>, expected: Expect) {
    let show = |row: Result<crate::contact::Contact, RowProblem>| match row {
        Err(problem) => problem.to_string(),
        Ok(contact) => {
            let crate::contact::Contact { email, name, language, timezone, embargo_ok, tags, fields, .. } =
                contact;
            let language = language.map_or(String::new(), |language| language.to_string());
            format!("{email} {name:?} {language:?} {timezone:?} {embargo_ok} {tags:?} {fields:?}")
        }
    };
    let lines = match read(text.as_ref()) {
        Err(problem) => format!("refused: {problem}"),
        Ok(rows) => rows.map(show).collect::<Vec<_>>().join("\n"),
    };
    expected.assert_eq(&lines);
}

#[test]
fn known_columns_have_their_place_and_others_become_fields() {
    check(
        "E-Mail,Name,language,Time zone,tags,embargo_ok,Beat,press outlet\n\
         jane@paper.example,\"Roe, Jane\",sv,Europe/Stockholm,a; b,Yes,ev;family,\"The \"\"Paper\"\"\"\n\
         joe@paper.example,,,,,,,\n",
        expect![[r#"
            jane@paper.example Some("Roe, Jane") "sv" Some("Europe/Stockholm") true ["a", "b"] {"beat": ["ev", "family"], "press_outlet": ["The \"Paper\""]}
            joe@paper.example None "" None false [] {}"#]],
    );
    check(
        "first name,Last Name,mail\nJane,Roe,jane@paper.example\n",
        expect![[r#"jane@paper.example Some("Jane Roe") "" None false [] {}"#]],
    );
}

#[test]
fn what_spreadsheets_do_to_files_is_understood() {
    for text in [
        "email,name\njane@paper.example,Jöe; x\n",
        "\u{feff}email,name\njane@paper.example,Jöe; x\n",
        "email;name\r\njane@paper.example;\"Jöe; x\"\r\n",
        "email\tname\rjane@paper.example\tJöe; x\r",
        "sep=;\r\nemail;name\r\njane@paper.example;\"Jöe; x\"",
        "\"email\",\"name\"\n\n\"jane@paper.example\",\"Jöe; x\"\n,\n",
        "email,name,,\njane@paper.example,Jöe; x,,\n",
        "email,name\njane@paper.example,Jöe; x,,,\n",
    ] {
        check(text, expect![[r#"jane@paper.example Some("Jöe; x") "" None false [] {}"#]]);
    }
}

#[test]
fn a_name_that_would_end_a_header_is_refused() {
    check(
        "email,name,first name\njane@paper.example,\"Jane\r\nBcc: x@evil.example\",\njoe@paper.example,\u{202e}eoJ,\n\
         jim@paper.example,,J\u{7}im\nbob@paper.example,\"Bob\nRoe\",\n",
        expect![[r#"
            2:20: there is a control character (\u{a})
              hint: remove it; a cell has one line
            4:19: the name holds the character U+202E, which is not visible
              hint: remove it
            5:20: there is a control character (\u{7})
              hint: remove it; a cell has one line
            6:19: there is a control character (\u{a})
              hint: remove it; a cell has one line"#]],
    );
}

#[test]
fn a_file_without_sense_is_refused_and_says_why() {
    check(
        "",
        expect![[r#"
        refused: 1:1: the file is empty
          hint: the first line must name the columns: `email,name,language,…`"#]],
    );
    check(
        "name,kind\nJane,blogger\n",
        expect![[r#"
            refused: 1:1: no column is named `email`
              hint: the first line must name the columns: `email,name,language,…`; `--map email=COLUMN` says which one it is"#]],
    );
    check(
        "email,Kind,kind\n",
        expect![[r#"
        refused: 1:12: `kind` means the same as `Kind` before it
          hint: keep one of the two columns"#]],
    );
    check(
        "email,E-mail\n",
        expect![[r#"
        refused: 1:7: `E-mail` means the same as `email` before it
          hint: keep one of the two columns"#]],
    );
    check(
        "email,domain\n",
        expect![[r#"
        refused: 1:7: `domain` is taken from the address
          hint: remove the column or name it otherwise"#]],
    );
    check(
        "email,=cmd|x\n",
        expect![[r#"
        refused: 1:7: this is no name for a column
          hint: use up to 64 letters, digits, `_`, `-` and spaces"#]],
    );
    for utf16 in [&b"\xff\xfee\0m\0a\0"[..], b"\xfe\xff\0e\0m", b"e\0m\0a\0i\0l\0"] {
        check(
            utf16,
            expect![[r#"
            refused: 1:1: the file is UTF-16 or not text
              hint: save it as `CSV UTF-8`"#]],
        );
    }
    check(
        "email,".repeat(500_000),
        expect![[r#"
        refused: 1:1: the first line is longer than 1 MB
          hint: the first line must name the columns; the file may not be CSV"#]],
    );
    check(
        "x,".repeat(5_000),
        expect![[r#"
        refused: 1:2001: the line has more than 1000 cells
          hint: the file may use another separator, or no line ends that Dateline knows"#]],
    );
}

#[test]
fn a_bad_row_costs_that_row_alone() {
    check(
        "email,name,language,timezone,embargo_ok\n\
         nobody,,,,\n\
         ,Jane,,,\n\
         a@paper.example,,swedish,,\n\
         b@paper.example,,,Mars/Olympus,\n\
         c@paper.example,,,,maybe\n\
         d@paper.example\n\
         e@paper.example,,,,,extra\n\
         f@paper.example,\"x\"y,,,\n\
         \"g\r\nBcc: x\"@paper.example,,,,\n\
         h@paper.example,\"Jane\r\nBcc: all@evil.test\",,,\n\
         i@paper.example,Jane\u{2028}x,,,\n\
         j@paper.example,J,,,\n",
        expect![[r#"
            2:1: not an e-mail address: there is no `@`
              hint: write it as `name@host.example`
            3:1: the row has no address
              hint: fill in `email` or remove the row
            4:18: `swedish` is no language tag; write one such as `en`, `sv` or `pt-BR`
              hint: leave it empty for the newsroom's language
            5:19: `Mars/Olympus` is no time zone
              hint: write an IANA name such as `Europe/Stockholm`, or leave it empty
            6:20: this is neither yes nor no
              hint: write `yes`, `no` or nothing
            7:1: the row has 1 cells, the header 5
              hint: put a cell that holds the separator into quotes
            8:21: the row has 6 cells, the header 5
              hint: put a cell that holds the separator into quotes
            9:17: there is text after the closing quote
              hint: write a quote inside a quoted cell twice
            10:1: there is text after the closing quote
              hint: write a quote inside a quoted cell twice
            12:17: there is a control character (\u{a})
              hint: remove it; a cell has one line
            14:17: there is a control character (\u{2028})
              hint: remove it; a cell has one line
            j@paper.example Some("J") "" None false [] {}"#]],
    );
}

#[test]
fn bytes_that_are_no_text_are_named() {
    check(
        b"email,name\na@paper.example,J\xf6rg\nb@paper.example,x\0y\nc@paper.example,ok\n",
        expect![[r#"
        2:17: the cell is not UTF-8
          hint: save the file as `CSV UTF-8`
        3:19: there is a NUL byte
          hint: the file is damaged, or UTF-16; save it as `CSV UTF-8`
        c@paper.example Some("ok") "" None false [] {}"#]],
    );
}

#[test]
fn a_quote_that_is_not_closed_ends_the_reading() {
    check(
        "email,name\na@paper.example,\"Jane\nb@paper.example,Joe\n",
        expect![[r#"
        2:17: the quote is not closed; nothing from here on was read
          hint: close it with `"`"#]],
    );
    let long = format!("email,name\na@paper.example,\"{}\nb@paper.example,x\"\n", "x".repeat(10_000_000));
    check(
        long,
        expect![[r#"
        2:17: the quote is not closed; nothing from here on was read
          hint: close it with `"`"#]],
    );
    let long = format!("email,name\na@paper.example,{}\nb@paper.example,x\n", "x".repeat(10_000_000));
    check(
        long,
        expect![[r#"
        2:17: the cell is longer than 64 KB
        b@paper.example Some("x") "" None false [] {}"#]],
    );
}

#[test]
fn one_person_is_one_row_however_the_address_is_written() {
    check(
        "email\njane@bücher.example\nJANE@xn--bcher-kva.example\njane@BÜCHER.example.\n",
        expect![[r#"
            jane@xn--bcher-kva.example None "" None false [] {}
            3:1: the same address as in line 2
              hint: remove one of the two rows
            4:1: the same address as in line 2
              hint: remove one of the two rows"#]],
    );
}

#[test]
fn what_is_written_runs_nothing_and_reads_back_as_it_was() {
    let mut contact = read(&b"email\njane@paper.example\n"[..]).unwrap().next().unwrap().unwrap();
    contact.tags = vec!["a".to_owned(), "b".to_owned()];
    contact.embargo_ok = true;
    for name in
        ["=HYPERLINK(\"x\")", "+1", "-1", "@SUM(A1)", "＝1", "'=1", "''=1", "Jane, \"x\"", "O'Hara", "'tis"]
    {
        contact.name = Some(name.to_owned());
        contact.fields = [("outlet".to_owned(), vec![name.to_owned()])].into();
        let mut file = Vec::new();
        write(&mut file, std::slice::from_ref(&contact)).unwrap();
        let text = String::from_utf8(file.clone()).unwrap();
        let cell = text.lines().nth(1).unwrap().split(',').nth(1).unwrap().trim_start_matches('"');
        assert!(!cell.starts_with(['=', '+', '-', '@', '＝', '\t']), "{text}");
        let back: Vec<_> = read(file.as_slice()).unwrap().collect();
        assert_eq!(back, [Ok(contact.clone())], "{text}");
    }
}

/// A long file that is never in memory.
struct Endless {
    row: u32,
    line: Vec<u8>,
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.fill_buf()?.read(into)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Endless {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.at == self.line.len() && self.row < 100_000 {
            self.line = if self.row == 0 {
                "email,name\n".into()
            } else {
                format!("c{}@paper.example,Jane\n", self.row).into()
            };
            self.row += 1;
            self.at = 0;
        }
        Ok(&self.line[self.at..])
    }

    fn consume(&mut self, n: usize) {
        self.at += n;
    }
}

#[test]
fn a_long_file_is_read_row_by_row() {
    let rows = read(Endless { row: 0, line: Vec::new(), at: 0 }).unwrap();
    assert_eq!(rows.flatten().count(), 99_999);
}
