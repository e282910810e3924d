//! The words of the pages for recipients, in the languages in which mails have fixed words too.
//!
//! A language that is not here gets English.

use crate::contact::Basis;
use crate::language::Language;

/// The columns of [`TABLE`].
const LANGUAGES: [&str; 8] = ["en", "sv", "de", "fr", "es", "nl", "da", "nb"];

/// `{}` is where the organization, an address or a date goes.
#[rustfmt::skip]
const TABLE: &[(&str, [&str; LANGUAGES.len()])] = &[
    ("title", ["Mail from {}", "Post från {}", "Post von {}", "Le courrier de {}", "Correo de {}", "Post van {}", "Post fra {}", "Post fra {}"]),
    ("door", ["You came here from a mail that {} sent you.", "Du kom hit från ett mejl som {} skickade till dig.", "Sie kommen aus einer E-Mail, die {} Ihnen geschickt hat.", "Vous venez d’un courriel que {} vous a envoyé.", "Ha llegado aquí desde un correo que {} le envió.", "U komt uit een e-mail die {} u heeft gestuurd.", "Du kom hertil fra en mail, som {} har sendt dig.", "Du kom hit fra en e-post som {} har sendt deg."]),
    ("leave", ["Stop all mail", "Sluta få mejl", "Keine E-Mails mehr", "Ne plus rien recevoir", "No recibir más correos", "Geen e-mail meer ontvangen", "Stop al mail", "Stopp all e-post"]),
    ("leave-note", ["Takes effect at once, for all lists of {}, and stays so.", "Gäller genast, för alla listor hos {}, och för alltid.", "Gilt sofort, für alle Verteiler von {}, und bleibt so.", "Effet immédiat et définitif, pour toutes les listes de {}.", "Tiene efecto inmediato y definitivo para todas las listas de {}.", "Geldt meteen en blijvend, voor alle lijsten van {}.", "Gælder straks og fremover for alle lister hos {}.", "Gjelder straks og for alltid, for alle listene til {}."]),
    ("choose", ["Why do I get this? Choose what I get", "Varför får jag det här? Välj vad jag får", "Warum bekomme ich das? Auswählen, was ich bekomme", "Pourquoi ce courrier ? Choisir ce que je reçois", "¿Por qué recibo esto? Elegir qué recibo", "Waarom krijg ik dit? Kiezen wat ik krijg", "Hvorfor får jeg dette? Vælg, hvad jeg får", "Hvorfor får jeg dette? Velg hva jeg får"]),
    ("left-title", ["You will get no more mail", "Du får inga fler mejl", "Sie bekommen keine E-Mails mehr", "Vous ne recevrez plus rien", "No recibirá más correos", "U ontvangt geen e-mail meer", "Du får ikke mere mail", "Du får ikke mer e-post"]),
    ("left", ["The address that this link was sent to gets nothing more from {}.", "Adressen som länken skickades till får inget mer från {}.", "Die Adresse, an die dieser Link ging, bekommt nichts mehr von {}.", "L’adresse à laquelle ce lien a été envoyé ne recevra plus rien de {}.", "La dirección a la que se envió este enlace no recibirá nada más de {}.", "Het adres waarnaar deze link is gestuurd, krijgt niets meer van {}.", "Adressen, som linket blev sendt til, får ikke mere fra {}.", "Adressen som lenken ble sendt til, får ikke mer fra {}."]),
    ("left-mistake", ["If that was a mistake, write to us:", "Blev det fel? Skriv till oss:", "War das ein Versehen? Schreiben Sie uns:", "Si c’était une erreur, écrivez-nous :", "Si fue un error, escríbanos:", "Was dat een vergissing? Schrijf ons:", "Var det en fejl, så skriv til os:", "Var det en feil, så skriv til oss:"]),
    ("nobody", ["Nothing is sent to you by this link, and nothing is held on you under it.", "Inget skickas till dig via den här länken, och inget om dig sparas under den.", "Unter diesem Link wird Ihnen nichts geschickt, und es ist nichts über Sie gespeichert.", "Rien ne vous est envoyé par ce lien, et rien n’est conservé sur vous.", "No se le envía nada con este enlace ni se guarda nada sobre usted.", "Onder deze link wordt u niets gestuurd en is niets over u opgeslagen.", "Der sendes ikke noget til dig via dette link, og der er ikke gemt noget om dig.", "Det sendes ingenting til deg via denne lenken, og ingenting er lagret om deg."]),
    ("busy-title", ["That did not work just now", "Det gick inte just nu", "Das hat gerade nicht geklappt", "Cela n’a pas fonctionné", "No ha funcionado ahora", "Dat lukte nu niet", "Det lykkedes ikke lige nu", "Det gikk ikke akkurat nå"]),
    ("busy", ["Nothing was changed. Please try again in a minute, or write to us:", "Inget ändrades. Försök igen om en minut, eller skriv till oss:", "Es wurde nichts geändert. Bitte versuchen Sie es in einer Minute noch einmal, oder schreiben Sie uns:", "Rien n’a changé. Réessayez dans une minute ou écrivez-nous :", "No se ha cambiado nada. Inténtelo de nuevo en un minuto o escríbanos:", "Er is niets gewijzigd. Probeer het over een minuut opnieuw, of schrijf ons:", "Intet blev ændret. Prøv igen om et minut, eller skriv til os:", "Ingenting ble endret. Prøv igjen om et minutt, eller skriv til oss:"]),
    ("choices-title", ["What you get from {}", "Vad du får från {}", "Was Sie von {} bekommen", "Ce que vous recevez de {}", "Qué recibe de {}", "Wat u van {} krijgt", "Hvad du får fra {}", "Hva du får fra {}"]),
    ("saved", ["Saved. It counts from the next mail on.", "Sparat. Det gäller från nästa mejl.", "Gespeichert. Es gilt ab der nächsten E-Mail.", "Enregistré. Cela vaut dès le prochain courriel.", "Guardado. Vale desde el próximo correo.", "Opgeslagen. Het geldt vanaf de volgende e-mail.", "Gemt. Det gælder fra næste mail.", "Lagret. Det gjelder fra neste e-post."]),
    ("stopped", ["Nothing has been sent to you since {}.", "Inget skickas till dig sedan {}.", "Seit {} wird Ihnen nichts mehr geschickt.", "Rien ne vous est envoyé depuis le {}.", "Desde {} no se le envía nada.", "Sinds {} wordt u niets gestuurd.", "Der er ikke sendt noget til dig siden {}.", "Det er ikke sendt noe til deg siden {}."]),
    ("why", ["Why you get this", "Varför du får det här", "Warum Sie das bekommen", "Pourquoi vous recevez ceci", "Por qué recibe esto", "Waarom u dit krijgt", "Hvorfor du får dette", "Hvorfor du får dette"]),
    ("address", ["Address", "Adress", "Adresse", "Adresse", "Dirección", "Adres", "Adresse", "Adresse"]),
    ("list", ["List", "Lista", "Verteiler", "Liste", "Lista", "Lijst", "Liste", "Liste"]),
    ("rule", ["Who is on it", "Vem som är med", "Wer darauf steht", "Qui y figure", "Quién figura en ella", "Wie erop staat", "Hvem der er på den", "Hvem som er på den"]),
    ("held", ["What we hold on you for it", "Det har vi noterat om dig för det", "Was dazu über Sie gespeichert ist", "Ce que nous conservons sur vous à ce titre", "Lo que guardamos sobre usted para ello", "Wat wij daarvoor over u bewaren", "Det har vi gemt om dig til det", "Det har vi lagret om deg til det"]),
    ("basis", ["Basis in law", "Rättslig grund", "Rechtsgrundlage", "Base légale", "Base jurídica", "Rechtsgrond", "Retsgrundlag", "Rettslig grunnlag"]),
    ("source", ["Where we have it from", "Varifrån vi har det", "Woher wir es haben", "D’où viennent les données", "De dónde proceden los datos", "Waar het vandaan komt", "Hvor vi har det fra", "Hvor vi har det fra"]),
    ("since", ["Since", "Sedan", "Seit", "Depuis", "Desde", "Sinds", "Siden", "Siden"]),
    ("topics", ["Topics", "Ämnen", "Themen", "Thèmes", "Temas", "Onderwerpen", "Emner", "Emner"]),
    ("topics-note", ["News that has none of these topics comes all the same; so do corrections of what you have.", "Nyheter utan något av de här ämnena kommer ändå; det gör också rättelser av sådant du har fått.", "Meldungen ohne eines dieser Themen kommen trotzdem, ebenso Berichtigungen dessen, was Sie haben.", "Les communiqués hors de ces thèmes arrivent quand même, comme les rectificatifs de ce que vous avez reçu.", "Las noticias sin ninguno de estos temas llegan igualmente, así como las correcciones de lo recibido.", "Nieuws zonder een van deze onderwerpen komt toch, net als correcties van wat u heeft.", "Nyheder uden et af disse emner kommer alligevel; det gør rettelser af det, du har fået, også.", "Nyheter uten noen av disse emnene kommer likevel; det gjør også rettelser av det du har fått."]),
    ("languages", ["Languages you read", "Språk du läser", "Sprachen, die Sie lesen", "Langues que vous lisez", "Idiomas que lee", "Talen die u leest", "Sprog, du læser", "Språk du leser"]),
    ("languages-note", ["A release that is written in none of them is not sent to you.", "Ett pressmeddelande som inte finns på något av dem skickas inte till dig.", "Was es in keiner davon gibt, wird Ihnen nicht geschickt.", "Un communiqué qui n’existe dans aucune d’elles ne vous est pas envoyé.", "Lo que no exista en ninguno de ellos no se le envía.", "Een bericht dat in geen ervan bestaat, wordt u niet gestuurd.", "En meddelelse, der ikke findes på et af dem, sendes ikke til dig.", "En melding som ikke finnes på noen av dem, sendes ikke til deg."]),
    ("save", ["Save", "Spara", "Speichern", "Enregistrer", "Guardar", "Opslaan", "Gem", "Lagre"]),
    ("rights", ["You may ask us for a copy of everything we hold on you, have it corrected or erased, or object:", "Du kan be oss om en kopia av allt vi har om dig, få det rättat eller raderat, eller invända:", "Sie können eine Kopie von allem verlangen, was über Sie gespeichert ist, es berichtigen oder löschen lassen oder widersprechen:", "Vous pouvez demander une copie de tout ce que nous conservons sur vous, le faire rectifier ou effacer, ou vous opposer :", "Puede pedir una copia de todo lo que guardamos sobre usted, su rectificación o supresión, u oponerse:", "U kunt een kopie vragen van alles wat wij over u bewaren, het laten verbeteren of wissen, of bezwaar maken:", "Du kan bede om en kopi af alt, vi har om dig, få det rettet eller slettet, eller gøre indsigelse:", "Du kan be om en kopi av alt vi har om deg, få det rettet eller slettet, eller protestere:"]),
];

/// The bases in law, in the order of [`Basis::ALL`].
#[rustfmt::skip]
const BASES: [[&str; LANGUAGES.len()]; 6] = [
    ["You agreed to it", "Du har samtyckt", "Sie haben eingewilligt", "Vous y avez consenti", "Usted lo consintió", "U heeft toestemming gegeven", "Du har givet samtykke", "Du har samtykket"],
    ["A contract with you", "Ett avtal med dig", "Ein Vertrag mit Ihnen", "Un contrat avec vous", "Un contrato con usted", "Een overeenkomst met u", "En aftale med dig", "En avtale med deg"],
    ["A legal obligation", "En rättslig förpliktelse", "Eine rechtliche Verpflichtung", "Une obligation légale", "Una obligación legal", "Een wettelijke verplichting", "En retlig forpligtelse", "En rettslig forpliktelse"],
    ["Vital interests", "Grundläggande intressen", "Lebenswichtige Interessen", "Intérêts vitaux", "Intereses vitales", "Vitale belangen", "Vitale interesser", "Vitale interesser"],
    ["A task in the public interest", "En uppgift av allmänt intresse", "Eine Aufgabe im öffentlichen Interesse", "Une mission d’intérêt public", "Una misión de interés público", "Een taak van algemeen belang", "En opgave i samfundets interesse", "En oppgave i allmennhetens interesse"],
    ["A legitimate interest: you write about our field", "Ett berättigat intresse: du skriver om vårt område", "Ein berechtigtes Interesse: Sie schreiben über unser Gebiet", "Un intérêt légitime : vous écrivez sur notre domaine", "Un interés legítimo: usted escribe sobre nuestro ámbito", "Een gerechtvaardigd belang: u schrijft over ons vakgebied", "En legitim interesse: du skriver om vores område", "En berettiget interesse: du skriver om vårt felt"],
];

/// The words `key` in `language`.
pub fn words(language: &Language, key: &str) -> &'static str {
    let row = TABLE.iter().find(|(name, _)| *name == key).map(|(_, row)| row);
    row.and_then(|row| row.get(column(language).unwrap_or(0))).copied().unwrap_or_default()
}

/// A basis in law, in words.
pub fn basis(language: &Language, basis: Basis) -> &'static str {
    let place = Basis::ALL.iter().position(|known| *known == basis).unwrap_or(0);
    let row = BASES.get(place).and_then(|row| row.get(column(language).unwrap_or(0)));
    row.copied().unwrap_or_default()
}

/// Whether the pages have words in it.
pub fn has(language: &Language) -> bool {
    column(language).is_some()
}

/// A language in its own words; its tag where they are not known.
pub fn own_name(language: &Language) -> &str {
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

/// The language in which [`words`] answers: itself, or English.
pub fn spoken(language: &Language) -> &str {
    if has(language) { language.as_str() } else { "en" }
}

fn column(language: &Language) -> Option<usize> {
    LANGUAGES.iter().position(|known| *known == base(language))
}

fn base(language: &Language) -> &str {
    match language.base() {
        "no" | "nn" => "nb",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_are_there_in_every_language_with_the_same_blanks() {
        for (key, row) in TABLE {
            for words in row {
                assert_eq!(words.matches("{}").count(), row[0].matches("{}").count(), "{key}: {words}");
                assert!(!words.is_empty(), "{key}");
            }
        }
        for (language, expected) in [("sv", "Spara"), ("nn", "Lagre"), ("fi", "Save"), ("de", "Speichern")] {
            assert_eq!(words(&language.parse().unwrap(), "save"), expected);
        }
        assert_eq!(basis(&Language::english(), Basis::LegitimateInterest), BASES[5][0]);
    }
}
