//! What generated releases are made of, in English and Swedish.

pub const MODELS: &[&str] = &["Aster", "Linnea", "Bris", "Torsten", "Fjord", "Vinga", "Ekko", "Runa"];

pub const CITIES: &[(&str, &str)] = &[
    ("Gothenburg", "Göteborg"),
    ("Lysekil", "Lysekil"),
    ("Åmål", "Åmål"),
    ("Copenhagen", "Köpenhamn"),
    ("Stockholm", "Stockholm"),
    ("Munich", "München"),
];

pub const PEOPLE: &[&str] = &[
    "Astrid Wennerlöf",
    "Mateo Ibarra Quiroga",
    "Katarina Brännmark",
    "Priya Raghunathan",
    "Amara Eze Lundqvist",
    "Ingeborg Rask",
];

pub const TOPICS: &[(&str, &str)] = &[
    ("drives on one charge for", "kör på en laddning i"),
    ("crosses the mountains and adds", "korsar fjällen och lägger till"),
    ("keeps its battery warm over", "håller batteriet varmt i"),
    ("tows a caravan for", "drar en husvagn i"),
];

pub const SUMMARY: (&str, &str) = (
    "Deliveries begin this winter, and prices stay as they are.",
    "Leveranserna börjar i vinter, och priserna är oförändrade.",
);

pub const SOCIAL: (&str, &str) =
    ("All figures are in the release.", "Alla siffror finns i pressmeddelandet.");

pub const VARIANT: (&str, &str) = ("We drove it until it stopped", "Vi körde tills den stannade");

pub const LIST: (&str, &str) = (
    "- The heat pump works from the first minute.\n- The tow bar folds away by itself.\n- Owners read more at <https://halden.example/owners>.",
    "- Värmepumpen arbetar från första minuten.\n- Dragkroken fälls in av sig själv.\n- Ägare läser mer på <https://halden.example/owners>.",
);

/// Places: `{n}` a number, `{p}` a percentage, `{who}` a name, `{where}` a city, `{car}` the model.
pub const SENTENCES: &[(&str, &str)] = &[
    (
        "The plant in {where} built {n} cars in the period, and each of them was driven before it left.",
        "Fabriken i {where} byggde {n} bilar under perioden, och var och en kördes innan den lämnade.",
    ),
    (
        "\"We asked owners what they miss on long roads, and then we built it,\" said {who} in {where}.",
        "”Vi frågade ägarna vad de saknar på långa vägar, och sedan byggde vi det”, sade {who} i {where}.",
    ),
    (
        "Some {p} percent of all orders came from people who had **never owned** an electric car before.",
        "Omkring {p} procent av alla order kom från personer som **aldrig hade ägt** en elbil tidigare.",
    ),
    (
        "The {car} needs no new parts for this; workshops load the software in *less than an hour*.",
        "{car} behöver inga nya delar för detta; verkstäderna laddar programvaran på *mindre än en timme*.",
    ),
    (
        "Testing took place on ice, on gravel and in the city, over {n} kilometres in all.",
        "Proven gjordes på is, på grus och i staden, över sammanlagt {n} kilometer.",
    ),
    (
        "More about the method stands on [the page for engineers](https://halden.example/engineering).",
        "Mer om metoden står på [sidan för ingenjörer](https://halden.example/engineering).",
    ),
    (
        "Dealers in {where} expect the first cars before the snow, and keep {n} of them in stock.",
        "Återförsäljarna i {where} väntar de första bilarna före snön, och har {n} av dem i lager.",
    ),
    (
        "Drivers used {p} percent less energy on the same road, measured from door to door.",
        "Förarna använde {p} procent mindre energi på samma väg, mätt från dörr till dörr.",
    ),
    (
        "{who} leads the group of engineers who took the battery apart and put it together again.",
        "{who} leder den grupp ingenjörer som tog isär batteriet och satte ihop det igen.",
    ),
    (
        "Nothing changes for owners who like their car as it is; the old setting stays in the menu.",
        "Ingenting ändras för ägare som gillar bilen som den är; den gamla inställningen finns kvar i menyn.",
    ),
];
