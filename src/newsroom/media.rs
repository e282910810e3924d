//! Pictures, recordings and documents: paths that stay inside, and bytes that are what they claim.

use crate::finding::Severity;
use crate::release::reserved;

/// What is wrong with a medium; the file that names it gives the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub severity: Severity,
    pub code: &'static str,
    pub message: String,
    pub hint: &'static str,
}

fn error(code: &'static str, message: impl Into<String>, hint: &'static str) -> Trouble {
    Trouble { severity: Severity::Error, code, message: message.into(), hint }
}

fn warning(code: &'static str, message: impl Into<String>, hint: &'static str) -> Trouble {
    Trouble { severity: Severity::Warning, code, message: message.into(), hint }
}

/// Why `file`, as written in a release, cannot be a file beside it.
pub(super) fn path_trouble(file: &str) -> Option<Trouble> {
    let hint = "write the name of a file that stands beside the release, such as `aster-front.jpg`";
    let inside = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with(['.', ' '])
            && !reserved(part)
            && !part.chars().any(|c| c.is_control() || "\\:*?\"<>|".contains(c))
    };
    if file.contains("://") {
        let message = "media must be in the repository; nothing is fetched from the network";
        return Some(error("media-remote", message, hint));
    }
    (file.len() > 200 || !file.split('/').all(inside)).then(|| {
        error("media-path", "this path leaves the release's folder, or is no file's name everywhere", hint)
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Png,
    Jpeg,
    Gif,
    Webp,
    Svg,
    Mp3,
    Mp4,
    Vtt,
    Pdf,
}

impl Kind {
    fn by_extension(path: &str) -> Option<Kind> {
        let (_, extension) = path.rsplit_once('.')?;
        Some(match extension.to_ascii_lowercase().as_str() {
            "png" => Kind::Png,
            "jpg" | "jpeg" => Kind::Jpeg,
            "gif" => Kind::Gif,
            "webp" => Kind::Webp,
            "svg" => Kind::Svg,
            "mp3" => Kind::Mp3,
            "m4a" | "mp4" => Kind::Mp4,
            "vtt" => Kind::Vtt,
            "pdf" => Kind::Pdf,
            _ => return None,
        })
    }

    fn by_bytes(bytes: &[u8]) -> Option<Kind> {
        let is = |at: usize, magic: &[u8]| bytes.get(at..at + magic.len()) == Some(magic);
        Some(if is(0, b"\x89PNG\r\n\x1a\n") {
            Kind::Png
        } else if is(0, b"\xff\xd8\xff") {
            Kind::Jpeg
        } else if is(0, b"GIF87a") || is(0, b"GIF89a") {
            Kind::Gif
        } else if is(0, b"RIFF") && is(8, b"WEBP") {
            Kind::Webp
        } else if is(0, b"ID3") || matches!(bytes, [0xff, second, ..] if second & 0xe6 == 0xe2) {
            Kind::Mp3
        } else if is(4, b"ftyp") {
            Kind::Mp4
        } else if is_vtt(bytes) {
            Kind::Vtt
        } else if is(0, b"%PDF-") {
            Kind::Pdf
        } else if svg_text(bytes).is_some() {
            Kind::Svg
        } else {
            return None;
        })
    }

    fn name(self) -> &'static str {
        match self {
            Kind::Png => "PNG",
            Kind::Jpeg => "JPEG",
            Kind::Gif => "GIF",
            Kind::Webp => "WebP",
            Kind::Svg => "SVG",
            Kind::Mp3 => "MP3",
            Kind::Mp4 => "MP4",
            Kind::Vtt => "WebVTT",
            Kind::Pdf => "PDF",
        }
    }

    /// The most megabytes it may have.
    fn most(self) -> usize {
        match self {
            Kind::Png | Kind::Jpeg | Kind::Gif | Kind::Webp => 20,
            Kind::Svg | Kind::Vtt => 2,
            Kind::Mp3 | Kind::Mp4 => 200,
            Kind::Pdf => 50,
        }
    }
}

/// Whether a file begins as captions do (w3.org/TR/webvtt1/#file-structure): the word stands alone.
fn is_vtt(bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    text.strip_prefix(b"WEBVTT").is_some_and(|rest| matches!(rest, [] | [b' ' | b'\t' | b'\n' | b'\r', ..]))
}

/// The most pixels of a side, and of a picture.
const MAX_SIDE: u32 = 12_000;
const MAX_PIXELS: u64 = 50_000_000;

/// The most bytes of a release's attachments together: receivers take 20 to 25 MB at the most, many half of that, and
/// base64 makes three bytes four.
pub(super) const ATTACHED: usize = 10_000_000;

/// What is wrong with a file that is to go with a mail. Beside pictures, sound and PDF there are spreadsheets and texts;
/// nothing that runs, and nothing that receivers hold back.
pub(super) fn attachment_trouble(path: &str, bytes: &[u8]) -> Vec<Trouble> {
    let extension = path.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
    let broken = |what: &str| {
        let message = format!("the name says {what}, but the file is something else");
        vec![error("media-type", message, "look whether it opens, and save it again")]
    };
    match extension.as_str() {
        "docx" | "xlsx" | "pptx" => {
            // ECMA-376 part 2: a ZIP archive that holds its list of types.
            let whole = bytes.starts_with(b"PK\x03\x04") && contains(bytes, b"[Content_Types].xml");
            if !whole {
                return broken("an Office document");
            }
            if contains(bytes, b"vbaProject.bin") {
                let message = "the document holds macros, and receivers refuse it";
                return vec![error("media-script", message, "save it without macros, or as PDF")];
            }
            Vec::new()
        }
        "csv" | "txt" => {
            let text = std::str::from_utf8(bytes).is_ok_and(|text| !text.contains('\0'));
            if text { Vec::new() } else { broken("text in UTF-8") }
        }
        "svg" => {
            let message = "receivers hold drawings in SVG back: they can run";
            vec![error("media-type", message, "attach it as PDF or PNG")]
        }
        _ => match content_trouble(path, bytes) {
            troubles
                if troubles.iter().any(|trouble| trouble.message == "files of this type are not sent") =>
            {
                let hint = "use pdf, docx, xlsx, pptx, csv, txt, png, jpg, gif, webp, mp3, m4a or mp4";
                troubles.into_iter().map(|trouble| Trouble { hint, ..trouble }).collect()
            }
            troubles => troubles,
        },
    }
}

/// What is wrong with the content of a medium.
pub(super) fn content_trouble(path: &str, bytes: &[u8]) -> Vec<Trouble> {
    if bytes.starts_with(b"version https://git-lfs.github.com/spec/") {
        let message = "this is a pointer of Git LFS, not the file itself";
        let hint = "commit the file without LFS: Dateline sends only what is in the commit";
        return vec![error("media-lfs", message, hint)];
    }
    let Some(claimed) = Kind::by_extension(path) else {
        let hint = "use png, jpg, gif, webp, svg, mp3, m4a, mp4, vtt or pdf";
        return vec![error("media-type", "files of this type are not sent", hint)];
    };
    match Kind::by_bytes(bytes) {
        Some(kind) if kind == claimed => look(kind, bytes),
        Some(kind) => {
            let message = format!("the name says {}, but the file is {}", claimed.name(), kind.name());
            vec![error("media-type", message, "rename it, or save it in the other format")]
        }
        None => {
            let message = format!("the name says {}, but the file is something else", claimed.name());
            vec![error("media-type", message, "look whether it opens, and save it again")]
        }
    }
}

fn look(kind: Kind, bytes: &[u8]) -> Vec<Trouble> {
    let mut found = Vec::new();
    if bytes.len() > kind.most() * 1_000_000 {
        let message = format!("the file has {} MB; {} MB are the most", bytes.len() / 1_000_000, kind.most());
        found.push(error("media-size", message, "save it smaller"));
    }
    let size = match kind {
        Kind::Png => png_size(bytes),
        Kind::Jpeg => jpeg_size(bytes),
        Kind::Gif => gif_size(bytes),
        Kind::Webp => webp_size(bytes),
        Kind::Svg => {
            found.extend(svg_text(bytes).and_then(svg_trouble));
            return found;
        }
        Kind::Pdf => {
            if [&b"/JavaScript"[..], b"/JS ", b"/JS("].iter().any(|word| contains(bytes, word)) {
                let message = "the document holds JavaScript";
                found.push(warning("media-script", message, "export it again without scripts"));
            }
            return found;
        }
        Kind::Mp3 | Kind::Mp4 | Kind::Vtt => return found,
    };
    match size {
        None => found.push(error("media-broken", "the picture has no readable size", "save it again")),
        Some((width, height)) => {
            if width.max(height) > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
                let message = format!("the picture has {width} × {height} pixels");
                found.push(error(
                    "media-pixels",
                    message,
                    "save it with at most 12,000 pixels a side and 50 million in all",
                ));
            }
            if width == 0 || height == 0 {
                found.push(error("media-broken", "the picture has no pixels", "save it again"));
            }
        }
    }
    if kind == Kind::Jpeg && jpeg_has_position(bytes) {
        let message = "the picture says where it was taken (GPS data)";
        found.push(warning(
            "media-gps",
            message,
            "remove the position if it is nobody's business: `exiftool -gps:all=`",
        ));
    }
    found
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

fn big(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    Some(bytes.get(at..at + length)?.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}

fn little(bytes: &[u8], at: usize, length: usize) -> Option<u32> {
    Some(bytes.get(at..at + length)?.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)))
}

/// PNG 3rd edition, 11.2.1: the header is the first chunk.
fn png_size(bytes: &[u8]) -> Option<(u32, u32)> {
    (bytes.get(12..16)? == b"IHDR").then_some(())?;
    Some((big(bytes, 16, 4)?, big(bytes, 20, 4)?))
}

fn gif_size(bytes: &[u8]) -> Option<(u32, u32)> {
    Some((little(bytes, 6, 2)?, little(bytes, 8, 2)?))
}

/// RFC 9649: lossy, lossless and extended files keep it in three places.
fn webp_size(bytes: &[u8]) -> Option<(u32, u32)> {
    match bytes.get(12..16)? {
        b"VP8 " => Some((little(bytes, 26, 2)? & 0x3fff, little(bytes, 28, 2)? & 0x3fff)),
        b"VP8L" => {
            let bits = little(bytes, 21, 4)?;
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => Some((little(bytes, 24, 3)? + 1, little(bytes, 27, 3)? + 1)),
        _ => None,
    }
}

/// The segments of a JPEG before its pixels: marker and content (ITU-T T.81, annex B).
fn jpeg_segments(bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut at = 2;
    std::iter::from_fn(move || {
        while bytes.get(at) == Some(&0xff) && bytes.get(at + 1) == Some(&0xff) {
            at += 1;
        }
        let marker = *bytes.get(at + 1)?;
        (bytes.get(at) == Some(&0xff) && marker != 0xda && marker != 0xd9).then_some(())?;
        let length = usize::try_from(big(bytes, at + 2, 2)?).ok()?;
        let content = bytes.get(at + 4..at + 2 + length)?;
        at += 2 + length;
        Some((marker, content))
    })
}

fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let frame = |marker: u8| matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
    let (_, content) = jpeg_segments(bytes).find(|(marker, _)| frame(*marker))?;
    Some((big(content, 3, 2)?, big(content, 1, 2)?))
}

/// Whether the Exif segment has a GPS directory with anything in it (Exif 2.32, 4.6.3).
fn jpeg_has_position(bytes: &[u8]) -> bool {
    jpeg_segments(bytes)
        .filter(|(marker, _)| *marker == 0xe1)
        .filter_map(|(_, content)| content.strip_prefix(b"Exif\0\0"))
        .any(|tiff| position_in(tiff).unwrap_or(false))
}

fn position_in(tiff: &[u8]) -> Option<bool> {
    let number = |at: usize, length: usize| -> Option<usize> {
        let read = if tiff.starts_with(b"II") { little } else { big };
        usize::try_from(read(tiff, at, length)?).ok()
    };
    let directory = number(4, 4)?;
    for entry in 0..number(directory, 2)? {
        let at = directory + 2 + entry * 12;
        if number(at, 2)? == 0x8825 {
            return Some(number(number(at + 8, 4)?, 2)? > 0);
        }
    }
    Some(false)
}

/// The text of an SVG: XML whose first element is `svg`.
fn svg_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}').trim_start();
    let head: String = text.chars().take(4_096).collect::<String>().to_ascii_lowercase();
    (text.starts_with('<') && head.contains("<svg")).then_some(text)
}

/// Scripts, entities and foreign content in an SVG, which browsers would run.
fn svg_trouble(text: &str) -> Option<Trouble> {
    let lower = text.to_ascii_lowercase();
    let word = [
        "<!entity",
        "<!doctype",
        "<script",
        "<foreignobject",
        "<iframe",
        "javascript:",
        "data:text/html",
        "<?xml-stylesheet",
    ]
    .into_iter()
    .find(|word| lower.contains(word));
    let handler = || {
        lower.match_indices("on").any(|(at, _)| {
            let before = lower[..at].chars().next_back();
            let rest = lower[at + 2..].trim_start_matches(|c: char| c.is_ascii_alphabetic());
            before.is_some_and(|c| c.is_whitespace() || matches!(c, '"' | '\'' | '/'))
                && rest.len() < lower.len() - at - 2
                && rest.trim_start().starts_with('=')
        })
    };
    let outside = || {
        ["href", "src", "url("].iter().any(|word| {
            lower.match_indices(word).any(|(at, _)| {
                let value =
                    lower[at + word.len()..].trim_start_matches([' ', '\n', '\t', '\r', '=', '"', '\'']);
                value.starts_with("http:")
                    || value.starts_with("https:")
                    || value.starts_with("//")
                    || value.starts_with("file:")
            })
        })
    };
    let message = match word {
        Some(word) => format!("the drawing holds `{word}`"),
        None if handler() => "the drawing holds a script (`on…=`)".to_owned(),
        None if outside() => "the drawing fetches something from the network".to_owned(),
        None => return None,
    };
    Some(error("media-script", message, "export it as plain SVG, or as PNG"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_beside_the_release() {
        for good in ["a.jpg", "img/a.jpg", "Aster front.jpg", "ö.png", "a..b.jpg"] {
            assert_eq!(path_trouble(good), None, "{good}");
        }
        for bad in [
            "../../etc/passwd",
            "/etc/shadow",
            "C:\\x",
            "c:/x",
            "a\0b",
            "CON",
            "con.jpg",
            ".git/config",
            "x/../../y",
            "./a.jpg",
            "a//b",
            "a/",
            "",
            "..",
            ".hidden.jpg",
            "a.jpg.",
            "a.jpg ",
            "x|y",
            "lpt1.png",
            "a\nb",
            "https://evil.test/x.png",
            "file:///etc/passwd",
            "//host/share",
            "a?.jpg",
        ] {
            assert!(path_trouble(bad).is_some(), "{bad:?}");
        }
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes
    }

    fn jpeg(width: u16, height: u16, exif: Option<&[u8]>) -> Vec<u8> {
        let mut bytes = b"\xff\xd8".to_vec();
        if let Some(tiff) = exif {
            bytes.extend(b"\xff\xe1");
            bytes.extend(u16::try_from(tiff.len() + 8).unwrap().to_be_bytes());
            bytes.extend(b"Exif\0\0");
            bytes.extend(tiff);
        }
        bytes.extend(b"\xff\xc0\0\x0b\x08");
        bytes.extend(height.to_be_bytes());
        bytes.extend(width.to_be_bytes());
        bytes.extend(b"\x01\x01\x11\0\xff\xda");
        bytes
    }

    fn gps(order: &[u8], count: u8) -> Vec<u8> {
        let little = order == b"II";
        let two = |n: u16| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let four = |n: u32| if little { n.to_le_bytes() } else { n.to_be_bytes() };
        let mut tiff = order.to_vec();
        tiff.extend(two(42));
        tiff.extend(four(8));
        tiff.extend(two(1));
        tiff.extend(two(0x8825));
        tiff.extend(two(4));
        tiff.extend(four(1));
        tiff.extend(four(26));
        tiff.extend(four(0));
        tiff.extend([two(u16::from(count))].concat());
        tiff.extend([0; 4]);
        tiff
    }

    #[test]
    fn attachments_are_what_receivers_take() {
        let office = |rest: &[u8]| [b"PK\x03\x04....[Content_Types].xml", rest].concat();
        for (path, bytes, expected) in [
            ("a.pdf", b"%PDF-1.7".to_vec(), &[][..]),
            ("a.PDF", b"hello".to_vec(), &["media-type"]),
            ("a.xlsx", office(b""), &[]),
            ("a.docx", office(b"word/vbaProject.bin"), &["media-script"]),
            ("a.docx", b"PK\x03\x04 some archive".to_vec(), &["media-type"]),
            ("a.docm", office(b""), &["media-type"]),
            ("a.csv", "Country;Price\nNorge;419 000".as_bytes().to_vec(), &[]),
            ("a.csv", b"a\0b".to_vec(), &["media-type"]),
            ("a.svg", b"<svg/>".to_vec(), &["media-type"]),
            ("a.vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\nIt goes.\n".to_vec(), &[]),
            ("a.VTT", b"\xef\xbb\xbfWEBVTT - the film\r\n".to_vec(), &[]),
            ("a.vtt", b"WEBVTT".to_vec(), &[]),
            ("a.vtt", b"WEBVTTS\n".to_vec(), &["media-type"]),
            ("a.vtt", b"webvtt\n".to_vec(), &["media-type"]),
            ("a.vtt", b"1\n00:00:00,000 --> 00:00:01,000\nSubRip.\n".to_vec(), &["media-type"]),
            ("a.mp4", b"WEBVTT\n".to_vec(), &["media-type"]),
            ("a.vtt", [&b"WEBVTT\n"[..], &vec![b'x'; 2_000_001]].concat(), &["media-size"]),
            ("a.exe", b"MZ".to_vec(), &["media-type"]),
            ("a.zip", b"PK\x03\x04".to_vec(), &["media-type"]),
            ("a.html", b"<p>".to_vec(), &["media-type"]),
        ] {
            let codes: Vec<&str> =
                attachment_trouble(path, &bytes).iter().map(|trouble| trouble.code).collect();
            assert_eq!(codes, expected, "{path}");
        }
    }

    #[test]
    fn content_is_what_it_claims_and_does_no_harm() {
        let svg =
            |inner: &str| format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{inner}</svg>").into_bytes();
        let webp = |kind: &[u8], rest: &[u8]| [b"RIFF\0\0\0\0WEBP", kind, b"\0\0\0\0", rest].concat();
        let cases: Vec<(&str, Vec<u8>, &[&str])> = vec![
            ("a.png", png(100, 100), &[]),
            ("a.PNG", png(100, 100), &[]),
            ("a.png", png(50_000, 50_000), &["media-pixels"]),
            ("a.png", png(12_001, 1), &["media-pixels"]),
            ("a.png", png(10_000, 6_000), &["media-pixels"]),
            ("a.png", png(0, 10), &["media-broken"]),
            ("a.png", b"\x89PNG\r\n\x1a\n".to_vec(), &["media-broken"]),
            ("a.jpg", png(1, 1), &["media-type"]),
            ("a.png", b"hello".to_vec(), &["media-type"]),
            ("a.png", Vec::new(), &["media-type"]),
            ("a.jpg", jpeg(640, 480, None), &[]),
            ("a.jpeg", jpeg(13_000, 480, None), &["media-pixels"]),
            ("a.jpg", b"\xff\xd8\xff\xe0\0".to_vec(), &["media-broken"]),
            ("a.jpg", jpeg(640, 480, Some(&gps(b"II", 3))), &["media-gps"]),
            ("a.jpg", jpeg(640, 480, Some(&gps(b"MM", 3))), &["media-gps"]),
            ("a.jpg", jpeg(640, 480, Some(&gps(b"MM", 0))), &[]),
            ("a.jpg", jpeg(640, 480, Some(b"II")), &[]),
            ("a.gif", b"GIF89a\x10\0\x10\0".to_vec(), &[]),
            ("a.gif", b"GIF89a\xff\xff\xff\xff".to_vec(), &["media-pixels"]),
            ("a.webp", webp(b"VP8X", &[0, 0, 0, 0, 0xff, 0, 0, 0xff, 0, 0]), &[]),
            ("a.webp", webp(b"VP8L", &[0x2f, 0xff, 0xff, 0xff, 0xff]), &["media-pixels"]),
            ("a.webp", webp(b"XXXX", &[]), &["media-broken"]),
            ("a.svg", svg("<path d=\"M0 0\"/>"), &[]),
            ("a.svg", svg("<a href=\"#b\"/><text>once = twice, click on it</text>"), &[]),
            ("a.svg", svg("<script>alert(1)</script>"), &["media-script"]),
            ("a.svg", svg("<g ONLOAD = \"x()\"/>"), &["media-script"]),
            ("a.svg", svg("<g/onload=x()>"), &["media-script"]),
            ("a.svg", svg("<image xlink:href='https://evil.test/p.png'/>"), &["media-script"]),
            ("a.svg", svg("<image href=\"file:///etc/passwd\"/>"), &["media-script"]),
            ("a.svg", svg("<style>@import url(//evil.test/x)</style>"), &["media-script"]),
            ("a.svg", svg("<foreignObject/>"), &["media-script"]),
            (
                "a.svg",
                b"<!DOCTYPE svg [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><svg>&x;</svg>".to_vec(),
                &["media-script"],
            ),
            ("a.svg", "<svg/>".encode_utf16().flat_map(u16::to_le_bytes).collect(), &["media-type"]),
            ("a.pdf", b"%PDF-1.7 /JavaScript (app)".to_vec(), &["media-script"]),
            ("a.pdf", b"%PDF-1.7".to_vec(), &[]),
            ("a.mp3", b"ID3\x04".to_vec(), &[]),
            ("a.mp3", vec![0xff, 0xfb, 0x90], &[]),
            ("a.m4a", b"\0\0\0\x20ftypM4A ".to_vec(), &[]),
            ("a.vtt", b"WEBVTT\n\n00:00.000 --> 00:01.000\nIt goes.\n".to_vec(), &[]),
            ("a.VTT", b"\xef\xbb\xbfWEBVTT - the film\r\n".to_vec(), &[]),
            ("a.vtt", b"WEBVTT".to_vec(), &[]),
            ("a.vtt", b"WEBVTTS\n".to_vec(), &["media-type"]),
            ("a.vtt", b"webvtt\n".to_vec(), &["media-type"]),
            ("a.vtt", b"1\n00:00:00,000 --> 00:00:01,000\nSubRip.\n".to_vec(), &["media-type"]),
            ("a.mp4", b"WEBVTT\n".to_vec(), &["media-type"]),
            ("a.vtt", [&b"WEBVTT\n"[..], &vec![b'x'; 2_000_001]].concat(), &["media-size"]),
            ("a.exe", b"MZ".to_vec(), &["media-type"]),
            ("a", b"MZ".to_vec(), &["media-type"]),
            ("a.svg", vec![b'<'; 3_000_000], &["media-type"]),
            ("a.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n".to_vec(), &["media-lfs"]),
        ];
        for (path, bytes, expected) in cases {
            let codes: Vec<&str> = content_trouble(path, &bytes).iter().map(|trouble| trouble.code).collect();
            assert_eq!(
                codes,
                expected,
                "{path} {:?}",
                String::from_utf8_lossy(&bytes[..bytes.len().min(60)])
            );
        }
    }
}
