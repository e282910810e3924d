//! The few fixed words around a release, and how dates are written, by language.
//!
//! A language that is not here gets English.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::language::Language;

mod more;
mod table;

/// The fixed words `key` in `language`; nothing if there are none.
pub(super) fn phrase(language: &Language, key: &str) -> Option<&'static str> {
    fn pick<const N: usize>(
        table: &'static [(&'static str, [&'static str; N])],
        key: &str,
        column: usize,
    ) -> Option<&'static str> {
        table.iter().find(|(name, _)| *name == key)?.1.get(column).copied()
    }
    let wanted = base(language);
    if let Some(column) = more::LANGUAGES.iter().position(|known| *known == wanted)
        && let Some(words) = pick(more::TABLE, key, column)
    {
        return Some(words);
    }
    let column = table::LANGUAGES.iter().position(|known| *known == wanted).unwrap_or(0);
    pick(table::TABLE, key, column)
}

/// The names of all fixed words.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    table::TABLE.iter().map(|(name, _)| *name)
}

/// The language as the tables name it: Chinese in traditional characters is one of its own.
fn base(language: &Language) -> &str {
    match language.base() {
        "no" | "nn" => "nb",
        "zh" if matches!(language.as_str(), "zh-TW" | "zh-HK" | "zh-MO") => "zh-Hant",
        other => other,
    }
}

/// The language's own name; its tag where it is not known.
pub(super) fn endonym(language: &Language) -> &str {
    match base(language) {
        "en" => "English",
        "sv" => "Svenska",
        "de" => "Deutsch",
        "fr" => "Français",
        "es" => "Español",
        "nl" => "Nederlands",
        "da" => "Dansk",
        "nb" => "Norsk",
        "fi" => "Suomi",
        "it" => "Italiano",
        "pt" => "Português",
        "pl" => "Polski",
        "ja" => "日本語",
        "ko" => "한국어",
        "zh" => "简体中文",
        "zh-Hant" => "繁體中文",
        "ar" => "العربية",
        "fa" => "فارسی",
        "he" => "עברית",
        _ => language.as_str(),
    }
}

/// Whether the language is written from right to left.
pub(super) fn right_to_left(language: &Language) -> bool {
    matches!(language.base(), "ar" | "fa" | "he" | "ur" | "yi")
}

/// What stands between two parts of a line: `GOTHENBURG, 1 December`.
pub(super) fn comma(language: &Language) -> &'static str {
    match base(language) {
        "ja" => "、",
        "zh" | "zh-Hant" => "，",
        "ar" | "fa" | "ur" => "، ",
        _ => ", ",
    }
}

/// What stands between two sentences: nothing where letters need no spaces.
pub(super) fn sentence_gap(language: &Language) -> &'static str {
    if unspaced(language) { "" } else { " " }
}

/// The sign that ends a sentence.
pub(super) fn full_stop(language: &Language) -> &'static str {
    if unspaced(language) { "。" } else { "." }
}

/// Whether words stand without spaces between them.
fn unspaced(language: &Language) -> bool {
    matches!(language.base(), "ja" | "zh")
}

/// The typefaces for texts in `language` that its readers' machines have, best first. Windows' own comes first:
/// Outlook takes Times where it does not know the first.
pub(super) fn typeface(language: &Language) -> &'static str {
    match base(language) {
        "ja" => {
            "Meiryo, 'Hiragino Sans', 'Hiragino Kaku Gothic ProN', 'Noto Sans CJK JP', 'Noto Sans JP', sans-serif"
        }
        "zh" => "'Microsoft YaHei', 'PingFang SC', 'Noto Sans CJK SC', 'Noto Sans SC', sans-serif",
        "zh-Hant" => "'Microsoft JhengHei', 'PingFang TC', 'Noto Sans CJK TC', 'Noto Sans TC', sans-serif",
        "ko" => "'Malgun Gothic', 'Apple SD Gothic Neo', 'Noto Sans CJK KR', 'Noto Sans KR', sans-serif",
        "ar" | "fa" | "ur" => "'Segoe UI', Tahoma, 'Geeza Pro', 'Noto Sans Arabic', Arial, sans-serif",
        "he" | "yi" => "'Segoe UI', 'Arial Hebrew', 'Noto Sans Hebrew', Arial, sans-serif",
        _ => "'Segoe UI', -apple-system, BlinkMacSystemFont, Roboto, Helvetica, Arial, sans-serif",
    }
}

/// The typefaces for headlines: with serifs where the script has them on most machines.
pub(super) fn headline_typeface(language: &Language) -> &'static str {
    match language.base() {
        "ja" | "zh" | "ko" | "ar" | "fa" | "ur" | "he" | "yi" => typeface(language),
        _ => "Georgia, 'Times New Roman', serif",
    }
}

/// Whether letters may be set apart and in capitals, as in a line above a headline: joined and ideographic
/// scripts have no capitals, and come apart.
pub(super) fn spaced_capitals(language: &Language) -> bool {
    !right_to_left(language) && !matches!(language.base(), "ja" | "zh" | "ko")
}

/// The months; a language that is not here has none of its own.
const MONTHS: [(&str, &str); 14] = [
    ("en", "January February March April May June July August September October November December"),
    ("sv", "januari februari mars april maj juni juli augusti september oktober november december"),
    ("de", "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"),
    ("fr", "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"),
    ("es", "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"),
    ("nl", "januari februari maart april mei juni juli augustus september oktober november december"),
    ("da", "januar februar marts april maj juni juli august september oktober november december"),
    ("nb", "januar februar mars april mai juni juli august september oktober november desember"),
    (
        "fi",
        "tammikuuta helmikuuta maaliskuuta huhtikuuta toukokuuta kesäkuuta heinäkuuta elokuuta syyskuuta \
         lokakuuta marraskuuta joulukuuta",
    ),
    ("it", "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre"),
    ("pt", "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"),
    (
        "pl",
        "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    ),
    ("ar", "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر"),
    ("he", "ינואר פברואר מרץ אפריל מאי יוני יולי אוגוסט ספטמבר אוקטובר נובמבר דצמבר"),
];

/// The day in `zone`, as `language` writes it: `1 December 2026`.
pub(super) fn date(language: &Language, zone: &TimeZone, instant: Timestamp) -> String {
    let day = instant.to_zoned(zone.clone());
    let own = MONTHS.iter().find(|(known, _)| *known == base(language));
    let month_index = usize::try_from(day.month() - 1).unwrap_or(0);
    let names = own.unwrap_or(&MONTHS[0]).1;
    let month = names.split_whitespace().nth(month_index).unwrap_or_default();
    let (number, year) = (day.day(), day.year());
    match base(language) {
        "en" if language.as_str() == "en-US" => format!("{month} {number}, {year}"),
        "de" | "da" | "nb" | "fi" => format!("{number}. {month} {year}"),
        "fr" if number == 1 => format!("1er {month} {year}"),
        "it" if number == 1 => format!("1º {month} {year}"),
        "es" | "pt" => format!("{number} de {month} de {year}"),
        "he" => format!("{number} ב{month} {year}"),
        "ja" | "zh" | "zh-Hant" => format!("{year}年{}月{number}日", day.month()),
        "ko" => format!("{year}년 {}월 {number}일", day.month()),
        _ => format!("{number} {month} {year}"),
    }
}

/// What stands between a day and a time.
fn time_gap(language: &Language) -> &'static str {
    match language.base() {
        "ja" | "zh" | "ko" => " ",
        _ => comma(language),
    }
}

/// Day, time and zone: `1 December 2026, 09:00 CET`.
pub(super) fn moment(language: &Language, zone: &TimeZone, instant: Timestamp) -> String {
    let local = instant.to_zoned(zone.clone());
    let (day, gap) = (date(language, zone, instant), time_gap(language));
    format!("{day}{gap}{} {}", clock(&local), zone_name(&local))
}

/// From one moment to another; the day stands once if it is one.
pub(super) fn span(
    language: &Language,
    zone: &TimeZone,
    from: Timestamp,
    until: Option<Timestamp>,
) -> String {
    let Some(until) = until else { return moment(language, zone, from) };
    let (first, last) = (from.to_zoned(zone.clone()), until.to_zoned(zone.clone()));
    if first.date() == last.date() {
        let day = date(language, zone, from);
        let gap = time_gap(language);
        format!("{day}{gap}{}–{} {}", clock(&first), clock(&last), zone_name(&last))
    } else {
        format!("{} – {}", moment(language, zone, from), moment(language, zone, until))
    }
}

fn clock(local: &Zoned) -> String {
    format!("{:02}:{:02}", local.hour(), local.minute())
}

/// `CET`, or `UTC+3` where the zone has no letters.
fn zone_name(local: &Zoned) -> String {
    let name = local.strftime("%Z").to_string();
    if name.starts_with(['+', '-']) { format!("UTC{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_language_writes_them() {
        let zone = TimeZone::get("Europe/Stockholm").unwrap();
        let instant: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        for (language, expected) in [
            ("en", "1 December 2026, 09:00 CET"),
            ("en-US", "December 1, 2026, 09:00 CET"),
            ("sv", "1 december 2026, 09:00 CET"),
            ("de", "1. Dezember 2026, 09:00 CET"),
            ("fr", "1er décembre 2026, 09:00 CET"),
            ("es", "1 de diciembre de 2026, 09:00 CET"),
            ("nn", "1. desember 2026, 09:00 CET"),
            ("fi", "1. joulukuuta 2026, 09:00 CET"),
            ("it", "1º dicembre 2026, 09:00 CET"),
            ("pt-BR", "1 de dezembro de 2026, 09:00 CET"),
            ("pl", "1 grudnia 2026, 09:00 CET"),
            ("ar", "1 ديسمبر 2026، 09:00 CET"),
            ("he", "1 בדצמבר 2026, 09:00 CET"),
            ("ja", "2026年12月1日 09:00 CET"),
            ("zh-TW", "2026年12月1日 09:00 CET"),
            ("ko", "2026년 12월 1일 09:00 CET"),
            ("cs", "1 December 2026, 09:00 CET"),
        ] {
            assert_eq!(moment(&language.parse().unwrap(), &zone, instant), expected, "{language}");
        }
        let brazil = TimeZone::get("America/Sao_Paulo").unwrap();
        assert_eq!(moment(&Language::english(), &brazil, instant), "1 December 2026, 05:00 UTC-03");
    }

    #[test]
    fn a_span_names_its_day_once() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let english = Language::english();
        for (from, until, expected) in [
            ("2026-12-01T08:00:00Z", Some("2026-12-01T10:30:00Z"), "1 December 2026, 08:00–10:30 UTC"),
            ("2026-12-01T08:00:00Z", None, "1 December 2026, 08:00 UTC"),
            (
                "2026-12-01T08:00:00Z",
                Some("2026-12-02T10:30:00Z"),
                "1 December 2026, 08:00 UTC – 2 December 2026, 10:30 UTC",
            ),
        ] {
            assert_eq!(span(&english, &TimeZone::UTC, at(from), until.map(at)), expected);
        }
    }

    #[test]
    fn every_phrase_has_the_same_blanks_in_every_language() {
        for (key, row) in table::TABLE {
            let (_, more) = more::TABLE.iter().find(|(name, _)| name == key).unwrap();
            for blank in ["{}", "{list}", "{date}"] {
                let wanted = row[0].contains(blank);
                let all = row.iter().chain(more);
                assert!(all.into_iter().all(|words| words.contains(blank) == wanted), "{key}: {blank}");
            }
        }
        assert_eq!(more::TABLE.len(), table::TABLE.len());
    }

    #[test]
    fn phrases_are_those_of_the_language() {
        for (language, expected) in [
            ("en", "Read more"),
            ("no", "Les mer"),
            ("ja", "続きを読む"),
            ("zh", "阅读全文"),
            ("zh-SG", "阅读全文"),
            ("zh-HK", "閱讀全文"),
            ("ar-EG", "اقرأ المزيد"),
            ("cs", "Read more"),
        ] {
            assert_eq!(phrase(&language.parse().unwrap(), "read-more"), Some(expected), "{language}");
        }
    }
}
