//! How data reaches stdout.

use std::io::{BufWriter, IsTerminal, StdoutLock, Write};

use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::presets::NOTHING;

/// The form of what a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// For machines.
    Json,
}

/// Writes `text` to stdout; a reader that has gone away (`| head`) is no error.
pub fn print(text: &str) -> std::io::Result<()> {
    write(|out| out.write_all(text.as_bytes()))
}

/// Has `work` write to stdout, as [`print`] does: what is long is not held as one text.
pub fn write(
    work: impl FnOnce(&mut BufWriter<StdoutLock<'_>>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(64 * 1024, std::io::stdout().lock());
    match work(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Writes one line to stdout.
pub fn say(line: impl std::fmt::Display) -> std::io::Result<()> {
    print(&format!("{line}\n"))
}

/// Writes `value` as one JSON document.
pub fn print_json(value: &impl serde::Serialize) -> std::io::Result<()> {
    write(|out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        out.write_all(b"\n")
    })
}

/// Whether stdout shows colours: a terminal, and nobody asked for none (<https://no-color.org>).
pub fn color() -> bool {
    std::io::stdout().is_terminal() && !crate::config::no_color()
}

/// The same of stderr.
pub fn color_on_stderr() -> bool {
    std::io::stderr().is_terminal() && !crate::config::no_color()
}

/// Writes a line beside the data, to stderr; nobody has to read it.
pub fn note(line: impl std::fmt::Display) {
    // Whoever closed stderr does not want it.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// How wide stdout is, for tables; 120 characters where it is no terminal.
pub fn width() -> u16 {
    let term = console::Term::stdout();
    if term.is_term() { term.size().1.max(60) } else { 120 }
}

/// A table without lines, as wide as stdout.
pub fn table<'a>(header: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_width(width());
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    table.set_header(header.into_iter().collect::<Vec<_>>());
    table
}
