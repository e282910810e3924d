//! What the columns of a file mean.

use super::records::Record;
use super::{Options, RowProblem};

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    Email,
    Name,
    FirstName,
    LastName,
    Language,
    Timezone,
    Tags,
    EmbargoOk,
    Basis,
    Source,
    Date,
    Field(String),
    /// Without a name, as spreadsheets leave behind: its cells must be empty.
    Nothing,
    /// Left out on purpose: data that is not needed is not kept.
    Ignored,
}

/// Reads the header.
pub(super) fn columns(header: &Record, options: &Options) -> Result<Vec<Column>, RowProblem> {
    for wanted in options.columns() {
        if !header.cells.iter().any(|cell| same(&cell.text, wanted)) {
            let message = format!("no column is named `{wanted}`");
            let names: Vec<&str> = header.cells.iter().map(|cell| cell.text.trim()).collect();
            return Err(
                RowProblem::new(header.line, 1, message).hint(format!("the file has {}", names.join(", ")))
            );
        }
    }
    let mut columns: Vec<Column> = Vec::new();
    for cell in &header.cells {
        let column = match options.field(&cell.text) {
            Some("") => Column::Ignored,
            Some(field) => column(header.line, cell.column, field)?,
            None => column(header.line, cell.column, cell.text.trim())?,
        };
        if !matches!(column, Column::Nothing | Column::Ignored)
            && let Some(first) = columns.iter().position(|other| *other == column)
        {
            let (one, two) = (header.cells[first].text.trim(), cell.text.trim());
            return Err(RowProblem::new(
                header.line,
                cell.column,
                format!("`{two}` means the same as `{one}` before it"),
            )
            .hint("keep one of the two columns"));
        }
        columns.push(column);
    }
    if !columns.contains(&Column::Email) {
        return Err(RowProblem::new(header.line, 1, "no column is named `email`")
            .hint("the first line must name the columns: `email,name,language,…`; `--map email=COLUMN` says which one it is"));
    }
    Ok(columns)
}

fn column(line: u64, at: u64, name: &str) -> Result<Column, RowProblem> {
    let name = name.to_lowercase();
    let plain: String = name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')).collect();
    Ok(match plain.as_str() {
        "" => Column::Nothing,
        "email" | "mail" | "emailaddress" | "mailaddress" | "epost" => Column::Email,
        "name" | "fullname" | "displayname" => Column::Name,
        "firstname" | "givenname" => Column::FirstName,
        "lastname" | "surname" | "familyname" => Column::LastName,
        "language" | "lang" | "locale" => Column::Language,
        "timezone" | "tz" => Column::Timezone,
        "tags" | "tag" | "labels" => Column::Tags,
        "embargook" | "embargo" => Column::EmbargoOk,
        "basis" | "consentbasis" | "legalbasis" | "lawfulbasis" => Column::Basis,
        "source" | "consentsource" | "origin" => Column::Source,
        "date" | "consentdate" => Column::Date,
        "domain" => {
            return Err(RowProblem::new(line, at, "`domain` is taken from the address")
                .hint("remove the column or name it otherwise"));
        }
        _ => {
            let key = name.replace([' ', '-'], "_");
            if key.chars().count() > 64 || !key.chars().all(|c| c.is_alphanumeric() || c == '_') {
                return Err(RowProblem::new(line, at, "this is no name for a column")
                    .hint("use up to 64 letters, digits, `_`, `-` and spaces"));
            }
            Column::Field(key)
        }
    })
}

/// Whether a header's cell is the column that is meant.
pub(super) fn same(cell: &str, column: &str) -> bool {
    cell.trim().to_lowercase() == column.trim().to_lowercase()
}
