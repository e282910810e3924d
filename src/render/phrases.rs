//! The few fixed words around a release, and how dates are written, by language.
//!
//! A language that is not here gets English.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::language::Language;

/// The columns of [`TABLE`].
const LANGUAGES: [&str; 8] = ["en", "sv", "de", "fr", "es", "nl", "da", "nb"];

/// `{}` is where a value goes.
#[rustfmt::skip]
const TABLE: &[(&str, [&str; LANGUAGES.len()])] = &[
    ("embargoed", ["EMBARGOED until {}", "EMBARGO till {}", "SPERRFRIST bis {}", "SOUS EMBARGO jusqu’au {}", "EMBARGADO hasta el {}", "ONDER EMBARGO tot {}", "EMBARGO indtil {}", "SPERREFRIST til {}"]),
    ("embargoed-note", ["Not for publication, broadcast or posting before that time.", "Får inte publiceras, sändas eller delas före den tiden.", "Vorher bitte nicht veröffentlichen, senden oder teilen.", "Ne pas publier, diffuser ni partager avant cette heure.", "No publicar, emitir ni compartir antes de esa hora.", "Niet eerder publiceren, uitzenden of delen.", "Må ikke offentliggøres, udsendes eller deles før dette tidspunkt.", "Må ikke publiseres, kringkastes eller deles før dette tidspunktet."]),
    ("test", ["TEST", "TEST", "TEST", "TEST", "PRUEBA", "TEST", "TEST", "TEST"]),
    ("test-note", ["This copy is a test. It went to nobody else.", "Det här exemplaret är ett test. Ingen annan har fått det.", "Dies ist ein Test. Niemand sonst hat ihn erhalten.", "Ceci est un essai. Personne d’autre ne l’a reçu.", "Esta copia es una prueba. Nadie más la ha recibido.", "Dit exemplaar is een test. Niemand anders heeft het ontvangen.", "Dette eksemplar er en test. Ingen andre har fået det.", "Dette eksemplaret er en test. Ingen andre har fått det."]),
    ("correction", ["Correction", "Rättelse", "Berichtigung", "Rectificatif", "Corrección", "Correctie", "Rettelse", "Rettelse"]),
    ("correction-note", ["The text below is corrected. Please use it instead of the earlier one.", "Texten nedan är rättad. Använd den i stället för den tidigare.", "Der Text unten ist berichtigt. Bitte verwenden Sie ihn anstelle des früheren.", "Le texte ci-dessous est corrigé. Merci de l’utiliser à la place du précédent.", "El texto siguiente está corregido. Úselo en lugar del anterior.", "De tekst hieronder is gecorrigeerd. Gebruik deze in plaats van de eerdere.", "Teksten nedenfor er rettet. Brug den i stedet for den tidligere.", "Teksten nedenfor er rettet. Bruk den i stedet for den tidligere."]),
    ("hold", ["Do not use", "Använd inte", "Nicht verwenden", "Ne pas utiliser", "No utilizar", "Niet gebruiken", "Må ikke bruges", "Ikke bruk"]),
    ("hold-note", ["We are checking this release. Please do not use it until you hear from us.", "Vi kontrollerar det här pressmeddelandet. Använd det inte förrän vi hör av oss.", "Wir prüfen diese Mitteilung. Bitte verwenden Sie sie nicht, bis Sie von uns hören.", "Nous vérifions ce communiqué. Merci de ne pas l’utiliser avant de nos nouvelles.", "Estamos comprobando este comunicado. No lo utilice hasta que le avisemos.", "Wij controleren dit bericht. Gebruik het niet tot u van ons hoort.", "Vi er ved at kontrollere denne meddelelse. Brug den ikke, før De hører fra os.", "Vi kontrollerer denne meldingen. Ikke bruk den før dere hører fra oss."]),
    ("kill", ["Withdrawn", "Återkallat", "Zurückgezogen", "Retiré", "Retirado", "Ingetrokken", "Trukket tilbage", "Trukket tilbake"]),
    ("kill-note", ["We have withdrawn this release. Please do not use it, and remove what you have published from it.", "Vi har återkallat det här pressmeddelandet. Använd det inte, och ta bort det som publicerats ur det.", "Wir haben diese Mitteilung zurückgezogen. Bitte verwenden Sie sie nicht und entfernen Sie, was daraus veröffentlicht wurde.", "Nous avons retiré ce communiqué. Merci de ne pas l’utiliser et de supprimer ce qui en a été publié.", "Hemos retirado este comunicado. No lo utilice y retire lo que haya publicado de él.", "Wij hebben dit bericht ingetrokken. Gebruik het niet en verwijder wat eruit is gepubliceerd.", "Vi har trukket denne meddelelse tilbage. Brug den ikke, og fjern det, der er offentliggjort fra den.", "Vi har trukket denne meldingen tilbake. Ikke bruk den, og fjern det som er publisert fra den."]),
    ("press-contacts", ["Press contacts", "Presskontakt", "Pressekontakt", "Contacts presse", "Contactos de prensa", "Perscontact", "Pressekontakt", "Pressekontakt"]),
    ("read-online", ["Read it in the newsroom", "Läs i pressrummet", "Im Newsroom lesen", "Lire dans l’espace presse", "Leer en la sala de prensa", "Lees het in de newsroom", "Læs i presserummet", "Les i presserommet"]),
    ("read-more", ["Read more", "Läs mer", "Weiterlesen", "Lire la suite", "Leer más", "Lees verder", "Læs mere", "Les mer"]),
    ("pictures-online", ["Pictures in full size are in the newsroom.", "Bilder i full storlek finns i pressrummet.", "Bilder in voller Größe stehen im Newsroom.", "Les images en pleine taille sont dans l’espace presse.", "Las imágenes a tamaño completo están en la sala de prensa.", "Foto’s op volledig formaat staan in de newsroom.", "Billeder i fuld størrelse findes i presserummet.", "Bilder i full størrelse finnes i presserommet."]),
    ("unsubscribe", ["Unsubscribe", "Avsluta prenumerationen", "Abmelden", "Se désabonner", "Darse de baja", "Uitschrijven", "Afmeld", "Meld deg av"]),
    ("why", ["Sent to {} because you are on our list “{list}”.", "Skickat till {} för att du finns på vår lista ”{list}”.", "Gesendet an {}, weil Sie auf unserer Liste „{list}“ stehen.", "Envoyé à {} car vous figurez sur notre liste « {list} ».", "Enviado a {} porque está en nuestra lista «{list}».", "Verzonden aan {} omdat u op onze lijst “{list}” staat.", "Sendt til {}, fordi du er på vores liste »{list}«.", "Sendt til {} fordi du står på vår liste «{list}»."]),
    ("when", ["When", "När", "Wann", "Quand", "Cuándo", "Wanneer", "Hvornår", "Når"]),
    ("where", ["Where", "Var", "Wo", "Où", "Dónde", "Waar", "Hvor", "Hvor"]),
    ("register", ["Register", "Anmälan", "Anmeldung", "Inscription", "Inscripción", "Aanmelden", "Tilmelding", "Påmelding"]),
    ("media", ["Pictures and recordings", "Bilder och ljud", "Bilder und Ton", "Images et sons", "Imágenes y sonido", "Beeld en geluid", "Billeder og lyd", "Bilder og lyd"]),
    ("download", ["Download", "Ladda ner", "Herunterladen", "Télécharger", "Descargar", "Downloaden", "Hent", "Last ned"]),
    ("press-kit", ["Download the press kit: text and pictures", "Ladda ner presskitet: text och bilder", "Pressemappe herunterladen: Text und Bilder", "Télécharger le dossier de presse : texte et images", "Descargar el dossier de prensa: texto e imágenes", "Download de persmap: tekst en beeld", "Hent pressemappen: tekst og billeder", "Last ned pressemappen: tekst og bilder"]),
    ("all-news", ["All news", "Alla nyheter", "Alle Meldungen", "Toute l’actualité", "Todas las noticias", "Al het nieuws", "Alle nyheder", "Alle nyheter"]),
    ("skip", ["Skip to the text", "Hoppa till texten", "Zum Text springen", "Aller au texte", "Ir al texto", "Naar de tekst", "Gå til teksten", "Gå til teksten"]),
    ("languages", ["In other languages", "På andra språk", "In anderen Sprachen", "Dans d’autres langues", "En otros idiomas", "In andere talen", "På andre sprog", "På andre språk"]),
    ("topics", ["Topics", "Ämnen", "Themen", "Thèmes", "Temas", "Onderwerpen", "Emner", "Emner"]),
    ("links", ["Links", "Länkar", "Links", "Liens", "Enlaces", "Links", "Links", "Lenker"]),
    ("digest-subject", ["News from {}, {date}", "Nyheter från {}, {date}", "Neues von {}, {date}", "Les nouvelles de {}, {date}", "Noticias de {}, {date}", "Nieuws van {}, {date}", "Nyt fra {}, {date}", "Nytt fra {}, {date}"]),
    ("digest-intro", ["What we have published since our last round-up.", "Det här har vi publicerat sedan förra sammanfattningen.", "Was wir seit der letzten Übersicht veröffentlicht haben.", "Ce que nous avons publié depuis notre dernier récapitulatif.", "Lo que hemos publicado desde el último resumen.", "Wat we sinds het vorige overzicht hebben gepubliceerd.", "Det har vi offentliggjort siden sidste oversigt.", "Dette har vi publisert siden forrige oversikt."]),
    ("no-news", ["Nothing here yet.", "Inget här ännu.", "Noch nichts hier.", "Rien pour l’instant.", "Todavía no hay nada.", "Nog niets.", "Intet her endnu.", "Ingenting her ennå."]),
];

/// The fixed words `key` in `language`; nothing if there are none.
pub(super) fn phrase(language: &Language, key: &str) -> Option<&'static str> {
    let column = LANGUAGES.iter().position(|known| *known == base(language)).unwrap_or(0);
    let (_, row) = TABLE.iter().find(|(name, _)| *name == key)?;
    row.get(column).copied()
}

/// The names of all fixed words.
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| *name)
}

fn base(language: &Language) -> &str {
    match language.base() {
        "no" | "nn" => "nb",
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
        "zh" => "中文",
        "ar" => "العربية",
        _ => language.as_str(),
    }
}

/// Whether the language is written from right to left.
pub(super) fn right_to_left(language: &Language) -> bool {
    matches!(language.base(), "ar" | "fa" | "he" | "ur" | "yi")
}

const MONTHS: [&str; LANGUAGES.len()] = [
    "January February March April May June July August September October November December",
    "januari februari mars april maj juni juli augusti september oktober november december",
    "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "januari februari maart april mei juni juli augustus september oktober november december",
    "januar februar marts april maj juni juli august september oktober november december",
    "januar februar mars april mai juni juli august september oktober november desember",
];

/// The day in `zone`, as `language` writes it: `1 December 2026`.
pub(super) fn date(language: &Language, zone: &TimeZone, instant: Timestamp) -> String {
    let day = instant.to_zoned(zone.clone());
    let column = LANGUAGES.iter().position(|known| *known == base(language)).unwrap_or(0);
    let month_index = usize::try_from(day.month() - 1).unwrap_or(0);
    let month = MONTHS.get(column).and_then(|names| names.split(' ').nth(month_index)).unwrap_or_default();
    let (number, year) = (day.day(), day.year());
    match base(language) {
        "en" if language.as_str() == "en-US" => format!("{month} {number}, {year}"),
        "de" | "da" | "nb" => format!("{number}. {month} {year}"),
        "fr" if number == 1 => format!("1er {month} {year}"),
        "es" => format!("{number} de {month} de {year}"),
        _ => format!("{number} {month} {year}"),
    }
}

/// Day, time and zone: `1 December 2026, 09:00 CET`.
pub(super) fn moment(language: &Language, zone: &TimeZone, instant: Timestamp) -> String {
    let local = instant.to_zoned(zone.clone());
    format!("{}, {} {}", date(language, zone, instant), clock(&local), zone_name(&local))
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
        format!("{day}, {}–{} {}", clock(&first), clock(&last), zone_name(&last))
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
            ("fi", "1 December 2026, 09:00 CET"),
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
        for (key, row) in TABLE {
            for blank in ["{}", "{list}", "{date}"] {
                let wanted = row[0].contains(blank);
                assert!(row.iter().all(|words| words.contains(blank) == wanted), "{key}: {blank}");
            }
        }
    }
}
