//! `dateline new`: a release to start from.

use jiff::Zoned;
use jiff::civil::Time;

use super::{CliError, Ctx, Exit, output};
use crate::load;

/// Start a release
///
/// Writes `releases/YEAR/SLUG.md` as a draft with everything that a release needs, due on the next
/// working day at 09:00 in the newsroom's zone. Nothing leaves while it says `status: draft`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The headline
    title: String,

    /// The slug [default: from the headline]
    #[arg(long)]
    slug: Option<String>,

    /// A folder of its own, for pictures beside it
    #[arg(long)]
    folder: bool,
}

/// Runs `dateline new`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let dir = ctx.newsroom_dir()?;
    let newsroom = load::work_tree(&dir)?;
    let slug = match &args.slug {
        Some(slug) => slug.clone(),
        None => slugify(&args.title),
    };
    let publish = next_morning(&ctx.clock.now().to_zoned(newsroom.timezone.clone()));
    let year = publish.year();
    let path = if args.folder {
        format!("releases/{year}/{slug}/index.md")
    } else {
        format!("releases/{year}/{slug}.md")
    };
    if slug.is_empty() || crate::release::place(&path).is_none() {
        return Err(CliError::usage(format!("`{slug}` cannot be a slug"))
            .hint("give one with --slug: small letters, digits and hyphens"));
    }
    if newsroom.releases.contains_key(&slug) || newsroom.sources.iter().any(|source| source.slug == slug) {
        return Err(CliError::refused(format!("there is a release `{slug}` already"))
            .hint("give another slug with --slug"));
    }
    let file = dir.join(&path);
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let text = draft(&newsroom, &args.title, &publish);
    std::io::Write::write_all(&mut std::fs::File::create_new(&file)?, text.as_bytes())?;
    output::say(format_args!("{path}"))?;
    eprintln!("Write it, look at it with `dateline preview`, then set `status: approved` and commit.");
    Ok(Exit::Done)
}

/// The next working day at nine, at least half a day away.
pub fn next_morning(now: &Zoned) -> Zoned {
    let mut day = now.date();
    loop {
        day = day.saturating_add(jiff::Span::new().days(1));
        if day.weekday().to_monday_one_offset() <= 5 {
            break;
        }
    }
    day.to_datetime(Time::constant(9, 0, 0, 0))
        .to_zoned(now.time_zone().clone())
        .unwrap_or_else(|_| now.clone())
}

fn draft(newsroom: &crate::newsroom::Newsroom, title: &str, publish: &Zoned) -> String {
    let list =
        |keys: &mut dyn Iterator<Item = &String>| keys.map(String::as_str).collect::<Vec<_>>().join(", ");
    let zone = publish.time_zone().iana_name().unwrap_or("UTC");
    let audiences = list(&mut newsroom.audiences.keys());
    let contacts = list(&mut newsroom.contacts.keys().take(1));
    let boilerplate = list(&mut newsroom.boilerplate.keys().take(1));
    let quoted = serde_json::Value::from(title);
    format!(
        "---\n\
         title: {quoted}\n\
         summary: One or two sentences that stand alone.\n\
         dateline: Place\n\
         publish: {}[{zone}]\n\
         status: draft                # draft | approved | held | killed\n\
         language: {}\n\
         audiences: [{audiences}]\n\
         contacts: [{contacts}]\n\
         boilerplate: [{boilerplate}]\n\
         tags: []\n\
         ---\n\
         Who did what, when and where, in one sentence of at most thirty words.\n\n\
         What it means for the reader. \"A quotation that says something,\" said Name, role.\n",
        publish.strftime("%Y-%m-%dT%H:%M"),
        newsroom.language,
    )
}

/// A slug from a headline: small ASCII letters, digits and hyphens, at most 60.
pub fn slugify(title: &str) -> String {
    let mut slug = String::new();
    for c in title.chars().flat_map(char::to_lowercase) {
        match fold(c) {
            Some(letters) => slug.push_str(letters),
            None if c.is_ascii_alphanumeric() => slug.push(c),
            None if matches!(c, '\'' | '’') => {}
            None if !slug.ends_with('-') => slug.push('-'),
            None => {}
        }
    }
    let mut slug = slug.trim_matches('-');
    if slug.len() > 60 {
        slug = &slug[..60];
        slug = slug.rsplit_once('-').map_or(slug, |(whole, _)| whole);
    }
    slug.to_owned()
}

/// The ASCII letters that stand for a letter with marks, in the languages of Europe.
fn fold(c: char) -> Option<&'static str> {
    Some(match c {
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ä' | 'ā' | 'ą' | 'ă' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => "e",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
        'ł' | 'ľ' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' => "o",
        'ŕ' | 'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ť' | 'ţ' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'æ' => "ae",
        'œ' => "oe",
        'ß' => "ss",
        'þ' => "th",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_short_and_plain() {
        for (title, slug) in [
            ("Aster EV goes 620 km on one charge", "aster-ev-goes-620-km-on-one-charge"),
            ("Bilen är här – nu!", "bilen-ar-har-nu"),
            ("Let's talk", "lets-talk"),
            ("  ", ""),
            ("東京", ""),
            (&"word ".repeat(30), "word-word-word-word-word-word-word-word-word-word-word-word"),
        ] {
            assert_eq!(slugify(title), slug, "{title:?}");
        }
    }

    #[test]
    fn drafts_are_due_on_a_working_morning() {
        for (now, expected) in [
            ("2026-11-20T23:00[Europe/Stockholm]", "2026-11-23T09:00:00+01:00[Europe/Stockholm]"),
            ("2026-11-23T08:00[Europe/Stockholm]", "2026-11-24T09:00:00+01:00[Europe/Stockholm]"),
        ] {
            assert_eq!(next_morning(&now.parse().unwrap()).to_string(), expected);
        }
    }
}
