//! A newsroom of any size and its contact book, the same for the same numbers.
//!
//! Settings, audiences and templates are those of the example at the root of the repository; releases
//! are 3 to 6 KB of text made of sentences below. Four are published each working day. The last
//! hundredth is yet to come at `now`, the others are old. Every third is there in Swedish as well, every
//! fifth has a picture; blocks, variants, tables, events and corrections are mixed in.

mod words;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use dateline::contact::{Contact, ContactId};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};

use words::{CITIES, MODELS, PEOPLE, SENTENCES, TOPICS};

/// A newsroom's files.
pub type Files = BTreeMap<String, Arc<[u8]>>;

/// The files of a newsroom with `size` releases, as it looks at `now`.
pub fn newsroom(size: usize, now: Timestamp) -> Files {
    let mut files: Files = example().into_iter().filter(|(path, _)| !path.starts_with("releases/")).collect();
    for (index, day) in days(size, now).into_iter().enumerate() {
        release(&mut files, index, day);
    }
    files
}

/// The path of a release that can be edited: the text of the `index`th.
pub fn path(index: usize, now: Timestamp, size: usize) -> Option<String> {
    let day = days(size, now).into_iter().nth(index)?;
    let beside = if index.is_multiple_of(5) { "/index" } else { "" };
    Some(format!("releases/{}/release-{index:05}{beside}.md", day.year()))
}

/// The days of publication: four releases each working day, the last hundredth after `now`.
fn days(size: usize, now: Timestamp) -> Vec<Date> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let works = |day: &Date| day.weekday().to_monday_one_offset() <= 5;
    let coming = size.div_ceil(100);
    let ahead = today.series(1.day()).skip(2).filter(works).flat_map(|day| [day; 4]).take(coming);
    let behind = today.series((-1).day()).skip(2).filter(works).flat_map(|day| [day; 4]).take(size - coming);
    let mut days: Vec<Date> = behind.collect();
    days.reverse();
    days.extend(ahead);
    days
}

/// Numbers that look like chance and are none (xorshift64*, Vigna 2014).
struct Dice(u64);

impl Dice {
    fn new(seed: usize) -> Dice {
        Dice((seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn upto(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % most.max(1)
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.upto(list.len() as u64)).unwrap_or(0)]
    }
}

fn release(files: &mut Files, index: usize, day: Date) {
    let picture = index.is_multiple_of(5);
    let folder = format!("releases/{}", day.year());
    let base = if picture {
        format!("{folder}/release-{index:05}/index")
    } else {
        format!("{folder}/release-{index:05}")
    };
    files.insert(format!("{base}.md"), text(index, day, false));
    if index.is_multiple_of(3) {
        files.insert(format!("{base}.sv.md"), text(index, day, true));
    }
    if picture {
        let shade = index % 200 + 20;
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1600 1000\">\
             <rect width=\"1600\" height=\"1000\" fill=\"rgb({shade},90,120)\"/>\
             <path d=\"M100 700 Q 800 {index} 1500 700\" stroke=\"#faf6ee\" stroke-width=\"9\" fill=\"none\"/></svg>"
        );
        files.insert(format!("{folder}/release-{index:05}/picture.svg"), Arc::from(svg.into_bytes()));
    }
}

/// The original or the Swedish text of one release; both say the same, figure by figure.
fn text(index: usize, day: Date, swedish: bool) -> Arc<[u8]> {
    let dice = &mut Dice::new(index);
    let (model, city, topic) = (dice.of(MODELS), dice.of(CITIES), dice.of(TOPICS));
    let kilometres = 300 + dice.upto(500);
    let pick = |pair: (&'static str, &'static str)| if swedish { pair.1 } else { pair.0 };
    let title = format!("{model} {} {kilometres} km", pick(topic));
    let mut text = String::with_capacity(8192);
    let add = &mut text;
    // Writing to a text never fails.
    let _ = writeln!(add, "---\ntitle: {title} ({index})");
    let _ = writeln!(add, "subtitle: {}", pick(("What the year brings for owners", "Vad året ger ägarna")));
    let _ = writeln!(add, "summary: >-\n  {title}. {}", pick(words::SUMMARY));
    let _ =
        writeln!(add, "subject: \"{model}: {kilometres} km\"\nsocial: \"{title}. {}\"", pick(words::SOCIAL));
    let _ = writeln!(add, "dateline: {}", pick(city));
    if swedish {
        add.push_str("language: sv\n");
    } else {
        let hour = 8 + index % 4;
        let _ =
            writeln!(add, "publish: {day}T{hour:02}:00[Europe/Stockholm]\nstatus: approved\nlanguage: en");
        let audiences = [
            "trade-media, bloggers, employees, public",
            "trade-media, investors, public",
            "bloggers, enthusiasts, public",
            "trade-media, bloggers, enthusiasts, investors, employees, public",
        ];
        let _ = writeln!(add, "audiences: [{}]\ncontacts: [press-office, product]", dice.of(&audiences));
        let _ = writeln!(add, "boilerplate: [halden]\ntags: [{}, ev]", model.to_lowercase());
    }
    // Both languages throw the same dice from here on.
    let dice = &mut Dice::new(index + 7_000_000);
    if index.is_multiple_of(5) {
        let alt =
            pick(("The car on a coast road, seen from the front", "Bilen på en kustväg, sedd framifrån"));
        let _ = writeln!(
            add,
            "media:\n  - file: picture.svg\n    alt: {alt}\n    caption: {model}\n    credit: Halden Motors"
        );
    }
    if index.is_multiple_of(11) && !swedish {
        let _ = writeln!(
            add,
            "event:\n  starts: {day}T10:00[Europe/Stockholm]\n  ends: {day}T11:30[Europe/Stockholm]\n  place: Halden Motors, Lysekil"
        );
    }
    if index.is_multiple_of(17) {
        let note =
            pick(("An earlier version named another plant.", "En tidigare version nämnde en annan fabrik."));
        let _ = writeln!(add, "correction:\n  note: {note}\n  class: minor");
    }
    let _ = writeln!(add, "variants:\n  bloggers:\n    title: {}", pick(words::VARIANT));
    let _ = writeln!(add, "  mastodon:\n    social: \"{title}. {}\"\n---", pick(words::SOCIAL));

    let length = 2_400 + usize::try_from(dice.upto(2_600)).unwrap_or(0);
    let start = add.len();
    let mut paragraph = 0;
    while add.len() < start + length {
        paragraph += 1;
        match paragraph {
            3 => add.push_str(pick(("## Ready for winter\n\n", "## Redo för vintern\n\n"))),
            5 => table(add, dice, swedish),
            6 => add.push_str(pick(("::: only employees\n", "::: only employees\n"))),
            8 => add.push_str("::: except investors\n"),
            9 => {
                let _ = writeln!(add, "{}\n", pick(words::LIST));
            }
            _ => {}
        }
        for sentence in 0..4 {
            if sentence > 0 {
                add.push(' ');
            }
            let number = 1_000 + dice.upto(9_000);
            let number = if swedish {
                format!("{} {:03}", number / 1000, number % 1000)
            } else {
                format!("{},{:03}", number / 1000, number % 1000)
            };
            let (percent, person, place) = (2 + dice.upto(60), dice.of(PEOPLE), dice.of(CITIES));
            let said = pick(dice.of(SENTENCES))
                .replace("{n}", &number)
                .replace("{p}", &percent.to_string())
                .replace("{who}", person)
                .replace("{where}", pick(place))
                .replace("{car}", model);
            add.push_str(&said);
        }
        add.push_str("\n\n");
        if matches!(paragraph, 6 | 8) {
            add.push_str(":::\n\n");
        }
    }
    Arc::from(text.into_bytes())
}

fn table(add: &mut String, dice: &mut Dice, swedish: bool) {
    let (land, cars) = if swedish { ("Land", "Bilar") } else { ("Country", "Cars") };
    let _ = writeln!(add, "| {land} | {cars} |\n| --- | ---: |");
    for (english, swede) in [("Sweden", "Sverige"), ("Norway", "Norge"), ("Germany", "Tyskland")] {
        let _ = writeln!(add, "| {} | {} |", if swedish { swede } else { english }, 100 + dice.upto(900));
    }
    add.push('\n');
}

/// A contact book of `size` people, of the kinds that the example's audiences ask for.
pub fn contacts(size: usize) -> Vec<Contact> {
    let fields = |index: usize| {
        let pairs: &[(&str, &str)] = match index % 10 {
            0..=2 => &[("kind", "journalist"), ("beat", "ev"), ("region", "Nordics")],
            3 => &[("kind", "journalist"), ("beat", "finance"), ("region", "EU")],
            4 | 5 => &[("kind", "blogger"), ("beat", "family"), ("region", "EU")],
            6 | 7 => &[("kind", "enthusiast"), ("basis", "consent"), ("region", "UK")],
            8 => &[("kind", "employee"), ("region", "Nordics"), ("beat", "none")],
            _ => &[("kind", "investor"), ("region", "US"), ("beat", "none")],
        };
        pairs.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect()
    };
    let zones = ["Europe/Stockholm", "Europe/London", "America/New_York", "Asia/Tokyo", "Europe/Helsinki"];
    let contact = |index: usize| {
        Some(Contact {
            id: ContactId(i64::try_from(index).ok()? + 1),
            email: format!("reader-{index}@desk-{}.example", index % 700).parse().ok()?,
            name: Some(format!("{} {index}", PEOPLE[index % PEOPLE.len()])),
            language: if index.is_multiple_of(3) { "sv" } else { "en" }.parse().ok(),
            timezone: Some(zones[index % zones.len()].to_owned()),
            tags: Vec::new(),
            fields: fields(index),
            consent: None,
            embargo_ok: index.is_multiple_of(4),
        })
    };
    (0..size).filter_map(contact).collect()
}

/// The same contact book as a file for `dateline contacts import`.
pub fn contacts_csv(size: usize) -> String {
    let mut text = "email,name,language,timezone,kind,beat,region,basis,embargo_ok\n".to_owned();
    for contact in contacts(size) {
        let field = |name: &str| contact.fields.get(name).map_or(String::new(), |values| values.join(";"));
        let _ = writeln!(
            text,
            "{},{},{},{},{},{},{},{},{}",
            contact.email,
            contact.name.as_deref().unwrap_or_default(),
            contact.language.as_ref().map_or("", |language| language.as_str()),
            contact.timezone.as_deref().unwrap_or_default(),
            field("kind"),
            field("beat"),
            field("region"),
            field("basis"),
            if contact.embargo_ok { "yes" } else { "no" }
        );
    }
    text
}

/// Writes `files` below `folder`.
pub fn write(folder: &Path, files: &Files) -> std::io::Result<()> {
    for (path, bytes) in files {
        let place = folder.join(path);
        if let Some(parent) = place.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(place, bytes)?;
    }
    Ok(())
}

/// The example newsroom at the root of the repository.
fn example() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    dateline::load::work_tree_files(root).map(|files| files.files).unwrap_or_default()
}
