//! What a POST says, in either encoding that mail programs use, whatever its Content-Type.

use axum::body::Body;
use tokio_stream::StreamExt as _;

use crate::language::Language;

/// The most of a body that is kept; what follows is not looked at.
pub const MOST: usize = 16 * 1024;
/// The most that is read at all: whoever sends more than this does not hear the answer.
const ALL: usize = 2 * 1024 * 1024;
/// The most topics, and languages, of one form.
const BOXES: usize = 200;

/// What a POST says.
#[derive(Debug, PartialEq, Eq)]
pub struct Form {
    /// What is wanted.
    pub wanted: Wanted,
    /// The language of the page that it was on.
    pub language: Option<Language>,
}

/// What is wanted.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A mail program's button (RFC 8058).
    OneClick,
    /// The page's button.
    Leave,
    /// The preference page.
    Show,
    /// To keep what is ticked.
    Save {
        /// The topics that could be ticked.
        offered: Vec<String>,
        /// Those that were.
        topics: Vec<String>,
        /// The languages that were.
        languages: Vec<Language>,
    },
    /// Nothing that is understood.
    Nothing,
}

/// Reads a body as far as it is of interest. A body that breaks off says what came of it.
pub async fn read(body: Body) -> Form {
    let (mut bytes, mut all) = (Vec::new(), 0);
    let mut pieces = body.into_data_stream();
    while let Some(Ok(piece)) = pieces.next().await {
        let room = MOST - bytes.len();
        bytes.extend_from_slice(piece.get(..room).unwrap_or(&piece));
        all += piece.len();
        if all > ALL {
            break;
        }
    }
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Form {
    if multipart_one_click(bytes) {
        return Form { wanted: Wanted::OneClick, language: None };
    }
    let mut one_click = false;
    let (mut action, mut language) = (String::new(), None);
    let (mut offered, mut topics, mut languages) = (Vec::new(), Vec::new(), Vec::new());
    for (key, value) in url::form_urlencoded::parse(bytes) {
        let value = value.trim();
        match &*key {
            key if key.trim().eq_ignore_ascii_case("list-unsubscribe") => {
                one_click |= value.eq_ignore_ascii_case("one-click");
            }
            "do" => value.clone_into(&mut action),
            "in" => language = value.parse().ok(),
            "offered" if offered.len() < BOXES => offered.push(value.to_owned()),
            "topic" if topics.len() < BOXES => topics.push(value.to_owned()),
            "language" if languages.len() < BOXES => languages.extend(value.parse()),
            _ => {}
        }
    }
    let wanted = match action.as_str() {
        _ if one_click => Wanted::OneClick,
        "leave" => Wanted::Leave,
        "show" => Wanted::Show,
        "save" => Wanted::Save { offered, topics, languages },
        _ => Wanted::Nothing,
    };
    Form { wanted, language }
}

/// Whether it is RFC 8058's one field as `multipart/form-data`: one part, with this name and value.
fn multipart_one_click(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    text.starts_with("--")
        && text.contains("name=\"list-unsubscribe\"")
        && text.lines().any(|line| line.trim() == "one-click")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_understood_in_both_encodings() {
        let save = |offered: &str, topics: &str, languages: &str| Wanted::Save {
            offered: offered.split_whitespace().map(str::to_owned).collect(),
            topics: topics.split_whitespace().map(str::to_owned).collect(),
            languages: languages.split_whitespace().map(|tag| tag.parse().unwrap()).collect(),
        };
        let multipart =
            "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n";
        for (body, expected) in [
            ("List-Unsubscribe=One-Click", Wanted::OneClick),
            ("list-unsubscribe=one-click&x=y", Wanted::OneClick),
            ("List-Unsubscribe=One-Click\r\n", Wanted::OneClick),
            ("List%2DUnsubscribe=One%2DClick", Wanted::OneClick),
            (multipart, Wanted::OneClick),
            (
                "--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nOne-Click\r\n--x--\r\n",
                Wanted::Nothing,
            ),
            ("List-Unsubscribe=Maybe", Wanted::Nothing),
            ("do=leave&in=sv", Wanted::Leave),
            ("do=show", Wanted::Show),
            (
                "do=save&offered=ev&offered=family&topic=ev&language=sv&language=nonsense!",
                save("ev family", "ev", "sv"),
            ),
            ("do=everything", Wanted::Nothing),
            ("", Wanted::Nothing),
            ("\u{0}\u{1}%ff%zz&&&===", Wanted::Nothing),
        ] {
            assert_eq!(parse(body.as_bytes()).wanted, expected, "{body:?}");
        }
        assert_eq!(parse(b"do=leave&in=sv").language, "sv".parse().ok());
        assert_eq!(parse(b"do=leave&in=%00").language, None);
        let many = format!("do=save{}", "&topic=x".repeat(1_500));
        assert!(
            matches!(parse(many.as_bytes()).wanted, Wanted::Save { topics, .. } if topics.len() == BOXES)
        );
    }
}
