//! How the newsroom's site and mails look: names, logo and colours that can be read.

use base64::Engine as _;

use super::{Look, media_type};
use crate::language::Language;
use crate::newsroom::Newsroom;

/// How the newsroom's site and mails look.
pub(super) fn look(newsroom: &Newsroom, language: &Language) -> Look {
    let color = |key: &str, default: &str| {
        let color = newsroom.colors.get(key).map_or(default, |color| color.trim());
        let digits = color.strip_prefix('#').unwrap_or_default();
        let long: String = match digits.len() {
            6 => digits.to_owned(),
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            _ => String::new(),
        };
        let good = !long.is_empty() && long.bytes().all(|byte| byte.is_ascii_hexdigit());
        if good { format!("#{}", long.to_lowercase()) } else { default.to_owned() }
    };
    // A large logo would be in every page; its name does the same then.
    let logo = newsroom.logo.as_ref().and_then(|path| {
        let bytes = newsroom.files.get(path).filter(|bytes| bytes.len() <= 32 * 1024)?;
        let media_type = Some(media_type(path)).filter(|kind| kind.starts_with("image/"))?;
        Some(format!("data:{media_type};base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes)))
    });
    Look {
        name: newsroom.name.clone(),
        organization: newsroom.organization.clone(),
        url: newsroom.url.clone(),
        language: language.clone(),
        timezone: newsroom.timezone.iana_name().unwrap_or("UTC").to_owned(),
        logo,
        accent: color("accent", "#0b5d6b"),
        ink: color("ink", "#16191d"),
        paper: color("paper", "#ffffff"),
    }
}

/// The accent colour for dark grounds, and the colour of words on the accent: enough contrast for
/// both (WCAG 2.2 1.4.3).
pub(super) fn contrasts(accent: &str) -> (String, &'static str) {
    let channel = |at: usize| {
        accent.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).map_or(0, u32::from)
    };
    let [red, green, blue] = [channel(1), channel(3), channel(5)];
    let light = |value: u32| value + (255 - value) * 55 / 100;
    let dark = format!("#{:02x}{:02x}{:02x}", light(red), light(green), light(blue));
    // Relative luminance, with the square in place of the exact curve.
    let luminance = (2126 * red * red + 7152 * green * green + 722 * blue * blue) / (255 * 255);
    (dark, if luminance > 3000 { "#111111" } else { "#ffffff" })
}
