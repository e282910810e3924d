//! Figures, dates and names that differ between versions.

use expect_test::expect;

use super::*;

/// The findings in a release and its Swedish translation.
#[track_caller]
fn check_pair(english: &str, swedish: &str, expected: &Expect) {
    let translation = format!(
        "---\ntitle: Aster EV går 620 km på en laddning\nsummary: Aster EV är här.\n---\n{swedish}\n"
    );
    check_files(&[("releases/a.md", &release("", english)), ("releases/a.sv.md", &translation)], expected);
}

#[test]
fn figures_of_a_translation_come_from_the_original() {
    check_pair(
        "It goes 620 km.",
        "Den går 602 km.",
        &expect![[r#"
        a.sv.md:2:21: warning[fact-figure]: `620 km` stands in the title, and `602 km` in the text
            compare both places, and correct the wrong one
        a.sv.md:5:9: warning[fact-figure]: `602 km` stands here; the original has `620 km`
            compare with the original, and correct the wrong one"#]],
    );
    check_pair(
        "It costs 41,900 euros and weighs 1,890 kg.",
        "Den kostar 49 100 euro och väger 1 890 kg.",
        &expect![[r#"
            a.sv.md:5:12: warning[fact-figure]: `49 100 euro` stands here; the original has `41,900 euros`
                compare with the original, and correct the wrong one"#]],
    );
    check_pair(
        "Sales were SEK 45.2 billion.",
        "Omsättningen var 45,2 miljoner kronor.",
        &expect![[r#"
        a.sv.md:5:18: warning[fact-figure]: `45,2 miljoner kronor` stands here; the original has `SEK 45.2 billion`
            compare with the original, and correct the wrong one"#]],
    );
    check_pair(
        "Profit rose 12 per cent.",
        "Vinsten steg 14 procent.",
        &expect![[r#"
        a.sv.md:5:14: warning[fact-figure]: `14 procent` stands here; the original has `12 per cent`
            compare with the original, and correct the wrong one"#]],
    );
    check_pair(
        "We recall 4,180 cars.",
        "Vi återkallar 4 810 bilar.",
        &expect![[r#"
        a.sv.md:5:15: warning[fact-figure]: `4 810` stands here; the original has `4,180`
            compare with the original, and correct the wrong one"#]],
    );
}

#[test]
fn the_same_amount_may_be_written_in_many_ways() {
    check_pair(
        "It goes 620 km (385 miles), uses 12.6 kWh per 100 km and costs €41,900. Sales were SEK 45.2 billion, \
         or 45,200 million. It sold two million cars in nineteen countries, 12 of them in Europe. Profit rose by 3.5%. \
         Call +46 31 390 06 10 at 9:30 a.m.; the 1st car is a 5G one. It was founded in 1961. See https://halden.example/2027/888.",
        "Den går 620 km, drar 12,6 kWh per 100 km och kostar 41 900 euro. Omsättningen var 45,2 miljarder kronor, \
         eller 45 200 miljoner. Det såldes 2 miljoner bilar i 19 länder, tolv av dem i Europa. Vinsten steg med 3,5 procent. \
         Ring 031-390 06 10 kl. 9.30; den 1:a bilen är en 5G-bil. Företaget grundades 1961. Se https://halden.example/2027/999.",
        &expect![""],
    );
    // A local price is news, not a mistake.
    check_pair("It costs 41,900 euros.", "Den kostar 41 900 euro, i Sverige 489 000 kronor.", &expect![""]);
}

#[test]
fn heads_and_variants_agree_with_the_text() {
    check_release(
        "title: Aster EV goes 602 km",
        "It goes 620 km on one charge.",
        &expect![[r#"
        a.md:9:22: warning[fact-figure]: `602 km` stands in the title, and `620 km` in the text
            compare both places, and correct the wrong one"#]],
    );
    check_release(
        "variants:\n  trade:\n    title: We drove 260 km",
        "It goes 620 km on one charge.",
        &expect![[r#"
            a.md:12:21: warning[fact-figure]: `260 km` stands in the title for `trade`, and `620 km` in the text
                compare both places, and correct the wrong one"#]],
    );
    check_release(
        "",
        "It goes 620 km.\n\n::: only trade\nThe trip meter said 602 km.\n:::",
        &expect![[r#"
            a.md:14:21: warning[fact-figure]: `602 km` stands in the block for some readers, and `620 km` in the title
                compare both places, and correct the wrong one"#]],
    );
    check_silent("", "It goes 620 km.\n\n::: only trade\nWe drove it 480 km in the snow, in 5.5 hours.\n:::");
}

#[test]
fn dates_agree() {
    check_release(
        "subtitle: Orders open on 8 December",
        "Orders open on 18 December 2026.",
        &expect![[r#"
            a.md:10:26: warning[fact-date]: `8 December` stands here; the text has `18 December`
                compare both places, and correct the wrong one"#]],
    );
    check_pair(
        "Orders open on 8 December 2026.",
        "Beställningarna öppnar den 9 december.",
        &expect![[r#"
            a.sv.md:5:28: warning[fact-date]: `9 december` stands here; the original has `8 December 2026`
                compare both places, and correct the wrong one"#]],
    );
    check_pair(
        "Orders open on 8 December 2026.",
        "Beställningarna öppnar den 8 december 2027.",
        &expect![[r#"
            a.sv.md:5:28: warning[fact-date]: `8 december 2027` stands here; the original has `8 December 2026`
                compare both places, and correct the wrong one"#]],
    );
    check_pair(
        "Orders open on 8 December, cars come on 3 March.",
        "Bilarna kommer den 3 mars, beställ från den 8 december.",
        &expect![""],
    );
    check_silent("subtitle: Orders open on 8 December", "Orders open next week. Cars came on 18 November.");
}

#[test]
fn names_are_spelt_one_way() {
    check_pair(
        "It works, said Anna Lindqvist, chief engineer.",
        "Det fungerar, säger Anna Lindkvist, chefsingenjör.",
        &expect![[r#"
            a.sv.md:5:21: warning[fact-name]: `Anna Lindkvist` stands here, and `Anna Lindqvist` in the original
                find out the right spelling, and use it everywhere"#]],
    );
    check_release(
        "",
        "It works, said Anna Lindqvist. Ask Anna Lindqvist or Anna Lindquist.",
        &expect![[r#"
            a.md:11:54: warning[fact-name]: `Anna Lindquist` stands here, and `Anna Lindqvist` elsewhere
                find out the right spelling, and use it everywhere"#]],
    );
    check_pair(
        "Halden Motors and Halden Motor Club met Anna Lindqvist and Anna Lindgren in West Gothenburg.",
        "Halden Motors och Halden Motor Club mötte Anna Lindqvists Anna Lindgren i Göteborg.",
        &expect![""],
    );
}
