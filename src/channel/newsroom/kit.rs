//! The press kit: text, media and captions of a release in one archive. Same input, same bytes.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::render::{Asset, Page};

/// The archive, or what keeps it from being made.
///
/// Media are compressed already, so nothing is compressed again. The times in it are fixed,
/// because a second try on another day must write the same file.
pub fn archive(page: &Page, assets: &[Asset]) -> Result<Vec<u8>, zip::result::ZipError> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let slug = page.entry.slug.rsplit('/').next().unwrap_or_default();
    zip.start_file(format!("{slug}.txt"), options)?;
    zip.write_all(page.text.as_bytes())?;
    if !assets.is_empty() {
        zip.start_file("captions.txt", options)?;
        zip.write_all(captions(assets).as_bytes())?;
    }
    for asset in assets {
        zip.start_file(format!("media/{}", asset.name), options)?;
        zip.write_all(&asset.bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

fn captions(assets: &[Asset]) -> String {
    assets.iter().fold(String::new(), |mut text, asset| {
        let _ = writeln!(text, "{}\n  {}\n  {}\n", asset.name, asset.caption, asset.alt);
        text
    })
}
