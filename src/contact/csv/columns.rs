//! What the columns of a file mean.

use super::RowProblem;
use super::records::{Cell, Record};

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
    Field(String),
    /// Without a name, as spreadsheets leave behind: its cells must be empty.
    Nothing,
}

/// Reads the header.
pub(super) fn columns(header: &Record) -> Result<Vec<Column>, RowProblem> {
    let mut columns: Vec<Column> = Vec::new();
    for cell in &header.cells {
        let column = column(header.line, cell)?;
        if column != Column::Nothing
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
            .hint("the first line must name the columns: `email,name,language,…`"));
    }
    Ok(columns)
}

fn column(line: u64, cell: &Cell) -> Result<Column, RowProblem> {
    let name = cell.text.trim().to_lowercase();
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
        "domain" => {
            return Err(RowProblem::new(line, cell.column, "`domain` is taken from the address")
                .hint("remove the column or name it otherwise"));
        }
        _ => {
            let key = name.replace([' ', '-'], "_");
            if key.chars().count() > 64 || !key.chars().all(|c| c.is_alphanumeric() || c == '_') {
                return Err(RowProblem::new(line, cell.column, "this is no name for a column")
                    .hint("use up to 64 letters, digits, `_`, `-` and spaces"));
            }
            Column::Field(key)
        }
    })
}
