//! Which edition is wanted and how, as it stands in an address.

use serde::Deserialize;

use super::card::{self, Look, escape_step};
use super::desk::Desk;
use super::edition::{Asked, Reader, Rendered};
use super::person;
use super::snapshot::Snapshot;

/// Release, audience, channel, language.
pub type Way = (String, String, String, String);

/// How an edition is wanted.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Wanted {
    /// A copy before the embargo.
    #[serde(default)]
    pub advance: bool,
    /// As which notice; the original where none is named.
    pub notice: Option<String>,
    /// Which side: `seen`, `text`, `source`, `headers`, `feed`.
    pub part: Option<String>,
    /// In which colours: `light`, `dark`, `turned`.
    pub room: Option<String>,
    /// `off` for blocked pictures.
    pub images: Option<String>,
    /// Who reads it.
    pub who: Option<String>,
    /// What it is compared with: `way:AUDIENCE/CHANNEL/LANGUAGE`, `commit:REVISION`, `issued:SHA`.
    pub with: Option<String>,
}

impl Wanted {
    /// Which side of it, and in which colours.
    pub fn look(&self) -> Look {
        Look::read(self.part.as_deref(), self.room.as_deref(), self.images.as_deref())
    }

    /// The edition of `way`; nothing only if nobody could be thought of who reads it.
    pub fn asked(&self, desk: &Desk, way: Way) -> Option<Asked> {
        let (slug, audience, channel, language) = way;
        let contact = self.who.as_deref().and_then(|who| person::find(who, desk.records.as_deref()).ok());
        let reader = contact.as_ref().map(person::reader).or_else(Reader::anybody)?;
        let notice = self.notice.clone();
        Some(Asked { slug, audience, channel, language, advance: self.advance, notice, reader })
    }
}

/// The document of an edition on the stage; nothing for a side that it does not have. A picture that changed has another
/// address than before, so that it is fetched anew where the rest of a document stays.
pub fn document(snapshot: &Snapshot, rendered: &Rendered, look: Look) -> Option<String> {
    let request = &rendered.edition.request;
    let slugs = std::iter::once(&request.slug).chain(&request.digest_of).map(String::as_str);
    let stamp = snapshot.media_stamp(slugs);
    let beside = |name: &str| {
        let name = escape_step(name);
        if stamp == 0 { format!("file/{name}") } else { format!("file/{name}?changed={stamp}") }
    };
    card::document(rendered, look, &beside)
}
