//! Tables: cells are written as everything else is, apart from what stands outside, and put together at the end.

use super::Writer;

#[derive(Default)]
/// A table in the making.
pub struct Table {
    rows: Vec<Vec<String>>,
    /// What was being written when a cell began.
    outside: Option<(String, Vec<(String, String)>)>,
}

impl Writer {
    /// A tag of a table.
    pub(super) fn table(&mut self, name: &str, closing: bool) {
        match (name, closing) {
            ("table", false) if self.table.is_none() => {
                self.end();
                self.table = Some(Table::default());
            }
            ("table", true) => self.end_table(),
            ("tr", false) => {
                if let Some(table) = &mut self.table {
                    table.rows.push(Vec::new());
                }
            }
            ("td" | "th", false) => {
                if let Some(table) = self.table.as_mut().filter(|table| table.outside.is_none()) {
                    let margins = std::mem::take(&mut self.margins);
                    table.outside = Some((std::mem::take(&mut self.out), margins));
                    self.fresh = true;
                }
            }
            ("td" | "th", true) => {
                let Some(table) = &mut self.table else { return };
                let Some((out, margins)) = table.outside.take() else { return };
                let cell = std::mem::replace(&mut self.out, out);
                self.margins = margins;
                self.fresh = true;
                if let Some(row) = table.rows.last_mut() {
                    row.push(cell.split_whitespace().collect::<Vec<_>>().join(" "));
                }
            }
            _ => {}
        }
    }

    fn end_table(&mut self) {
        let Some(table) = self.table.take() else { return };
        self.end();
        let columns = table.rows.iter().map(Vec::len).max().unwrap_or(0);
        for (at, row) in table.rows.iter().filter(|row| !row.is_empty()).enumerate() {
            if at == 0 {
                self.begin();
            } else {
                self.out.push('\n');
                self.margin();
            }
            let cells: Vec<&str> =
                (0..columns).map(|column| row.get(column).map_or("", String::as_str)).collect();
            self.out.push_str(&format!("| {} |", cells.join(" | ")));
            if at == 0 {
                self.out.push('\n');
                self.margin();
                self.out.push_str(&format!("|{}", " --- |".repeat(columns)));
            }
        }
        self.end();
    }
}
