//! Pictures and recordings of a release, with their public addresses and their bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Scene;
use super::address::{path_escape, resolve};
use crate::digest::Digest;
use crate::release::Medium;
use crate::render::{Asset, RenderError};

/// A picture or recording of a release.
pub struct Piece<'a> {
    pub medium: &'a Medium,
    /// Path below the newsroom.
    pub path: String,
    /// Name beside the page.
    pub name: String,
    pub media_type: &'static str,
    /// The address once it is public.
    pub url: String,
}

impl<'a> Piece<'a> {
    pub fn is_image(&self) -> bool {
        self.media_type.starts_with("image/")
    }

    pub fn is_audio(&self) -> bool {
        self.media_type.starts_with("audio/")
    }

    pub fn alt(&self) -> &'a str {
        self.medium.alt.as_ref().map_or("", |alt| alt.value.as_str())
    }

    /// Caption and credit in one line.
    pub fn caption(&self) -> String {
        let caption = self.medium.caption.as_ref().map(|text| text.value.trim());
        let credit = self.medium.credit.as_ref().map(|text| text.value.trim());
        match (caption, credit) {
            (Some(caption), Some(credit)) => {
                let stop = if caption.ends_with(['.', '!', '?']) { "" } else { "." };
                format!("{caption}{stop} {credit}")
            }
            (one, other) => one.or(other).unwrap_or_default().to_owned(),
        }
    }
}

impl<'a> Scene<'a> {
    pub(super) fn gather_media(&self) -> Vec<Piece<'a>> {
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        let mut pieces = Vec::new();
        for medium in &self.text.media {
            let Some(path) = resolve(&self.release.folder, &medium.file.value) else { continue };
            let base = path.rsplit('/').next().unwrap_or(&path).to_owned();
            let seen = names.entry(base.clone()).or_default();
            *seen += 1;
            let name = if *seen == 1 { base } else { format!("{seen}-{base}") };
            let url = format!("{}{}", self.url, path_escape(&name));
            pieces.push(Piece { medium, media_type: media_type(&path), path, name, url });
        }
        pieces
    }

    /// The bytes of the release's media.
    pub fn assets(&self) -> Result<Vec<Asset>, RenderError> {
        let mut assets = Vec::new();
        for piece in &self.media {
            let bytes = self.newsroom.files.get(&piece.path).ok_or_else(|| {
                let file = &self.text.file.path;
                RenderError::Content(format!(
                    "{file}: there is no file `{}`; put it beside the release, or remove it from `media`",
                    piece.medium.file.value
                ))
            })?;
            assets.push(Asset {
                name: piece.name.clone(),
                media_type: piece.media_type.to_owned(),
                alt: piece.alt().to_owned(),
                caption: piece.caption(),
                sha: Digest::of(bytes),
                bytes: Arc::clone(bytes),
            });
        }
        Ok(assets)
    }
}

/// A file that goes with a mail.
pub struct Attached<'a> {
    pub name: &'a str,
    pub media_type: &'static str,
    pub bytes: &'a [u8],
}

impl Attached<'_> {
    /// What kind of file it is and how large: `PDF, 1.2 MB`.
    pub fn size(&self) -> String {
        let kind = self.name.rsplit('.').next().unwrap_or_default().to_uppercase();
        let kilobytes = self.bytes.len().div_ceil(1_000);
        if kilobytes < 1_000 {
            format!("{kind}, {kilobytes} kB")
        } else {
            format!("{kind}, {}.{} MB", kilobytes / 1_000, kilobytes % 1_000 / 100)
        }
    }
}

impl<'a> Scene<'a> {
    /// The files that go with the release's mails.
    pub fn attachments(&self) -> Vec<Attached<'a>> {
        let attached = self.text.attachments.iter().filter_map(|file| {
            let path = resolve(&self.release.folder, file)?;
            let bytes = self.newsroom.files.get(&path)?;
            let name = file.rsplit('/').next().unwrap_or(file);
            Some(Attached { name, media_type: media_type(name), bytes })
        });
        attached.collect()
    }

    /// The bytes of a picture or recording.
    pub fn bytes_of(&self, piece: &Piece<'_>) -> Option<&'a Arc<[u8]>> {
        self.newsroom.files.get(&piece.path)
    }
}

/// The media type of a file, by the end of its name.
pub fn media_type(path: &str) -> &'static str {
    let end = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match end.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "svg" => "image/svg+xml",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "vtt" => "text/vtt",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "csv" => "text/csv",
        "txt" => "text/plain",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "pptx" => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        _ => "application/octet-stream",
    }
}
