//! `dateline import` from outside: posts in the forms of four programs, by the binary itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Output};

/// Path, text. Invented for this test.
const POSTS: &[(&str, &str)] = &[
    (
        "hugo/content/news/winter-range/index.md",
        "---\ntitle: \"Winter: what is left of 620 km\"\ndate: 2024-02-03T09:00:00+01:00\ndescription: Measured at minus eighteen.\nauthors:\n  - name: Tuva Lindqvist\n    mail: tuva@halden.example\ntags: [EV, Long Distance]\nweight: 7\n# ask Priya about the tyres\n---\n\nWe drove **north**.\n\n![The frosted charging flap](flap.png \"Photograph: Ivar Moe\")\n\n{{< figure src=\"map (1).png\" alt=\"Route map\" caption=\"The route & its stops\" >}}\n\n{{< youtube w7Ft2ymGmfc >}}\n\n<blockquote class=\"pull\">\n  <p>It is the <em>wind</em>, not the cold.</p>\n  <footer>&mdash; <cite>Oddny Berg</cite>, driver</footer>\n</blockquote>\n\nThe [log as CSV](log.csv), the [older post]({{< ref \"heat-pump.md\" >}}) and <a href=\"/cars/aster/\">the car</a>.\n",
    ),
    (
        "hugo/content/news/heat-pump.md",
        "+++\ntitle = 'A heat pump, explained'\ndate = 2023-11-20\nslug = 'Heat-Pump'\ncategories = ['Technology']\n[params]\nhero = 'pump.jpg'\n+++\n\n| Outside | Share |\n|---|---|\n| −18 °C | 31 % |\n\n{{% notice tip %}}\nWarm the car *before* you leave.\n{{% /notice %}}\n\n[1]: /papers/pump.pdf\n\nSee the [paper][1].[^n]\n\n[^n]: Peer reviewed.\n",
    ),
    ("hugo/content/news/_index.md", "---\ntitle: News\n---\n"),
    (
        "jekyll/_posts/2024-5-1-lysekil-line.md",
        "---\nlayout: post\ntitle: Lysekil gets a second line\ncategories: works lysekil\npublished: true\n---\n\nThe line {% include badge.html kind=\"new\" %} opens.\n{: .lead}\n\n{% highlight yaml %}\nshift: {early: 06:00}\n{% endhighlight %}\n\nAs said in [this post]({% post_url 2024-06-02-shifts %}) and on [the page]({{ site.baseurl }}/about/).\n",
    ),
    (
        "jekyll/_posts/2024-06-02-shifts.md",
        "---\ntitle: Shifts\ntags: [works]\n---\n\n## Early {#early}\n\nFrom six.\n\n<!-- Confirm with Katarina -->\n",
    ),
    ("jekyll/_drafts/someday.md", "---\ntitle: Someday\n---\n\nNot yet.\n"),
    (
        "zola/content/quarter.md",
        "+++\ntitle = \"A quiet quarter\"\ndate = 2024-07-18\ndescription = \"Figures of spring\"\n[taxonomies]\ntags = [\"Results\", \"C++\"]\nauthors = [\"Katarina Brännmark\"]\n[extra]\nseries = \"quarterly\"\n+++\n\nSales held.\n\n{{ chart(id=\"sales\") }}\n\n{% quote(author=\"Ada\") %}\nQuiet is good.\n{% end %}\n\n<table><tr><th>Cars</th><th>Revenue</th></tr><tr><td>14 200</td><td>6.1 bn</td></tr></table>\n",
    ),
    (
        "eleventy/blog/blog.json",
        "{\"tags\": \"blog\", \"layout\": \"layouts/entry.njk\", \"author\": \"Mateo Ibarra\"}",
    ),
    (
        "eleventy/blog/hubs.md",
        "---\ntitle: Twelve hubs\ndate: 2024-08-09\ntags: [charging]\n---\n\n::: tip Where they are\nAlong the E6.\n:::\n\n10<sup>6</sup> kWh a year; CO<sub>2</sub> falls.\n",
    ),
    ("eleventy/blog/hubs.sv.md", "---\ntitle: Tolv laddplatser\ndate: 2024-08-09\n---\n\nLängs E6.\n"),
    (
        "eleventy/other/hubs.md",
        "---json\n{\"title\": \"Hubs, the other kind\", \"date\": \"2025-01-10\"}\n---\n\nWheel hubs.\n",
    ),
    ("eleventy/other/broken.md", "---\ntitle: [\n---\n\nText\n"),
];

/// Keys, syntax and names of tags: what is no word of the author's.
const SYNTAX: &[&str] = &[
    "title",
    "date",
    "description",
    "authors",
    "author",
    "name",
    "tags",
    "categories",
    "taxonomies",
    "blockquote",
    "class",
    "p",
    "em",
    "footer",
    "cite",
    "mdash",
    "href",
    "a",
    "src",
    "alt",
    "figure",
    "caption",
    "ref",
    "site",
    "baseurl",
    "post_url",
    "url",
    "highlight",
    "endhighlight",
    "table",
    "tr",
    "th",
    "td",
    "sup",
    "sub",
    "published",
    "true",
    "end",
    "post",
    "notice",
    "json",
    "n",
    "tip",
    "extra",
    "params",
    "pull",
    "slug",
    "md",
];

fn newsroom() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::create_dir_all(dir.path().join("newsroom")).unwrap();
    for part in ["dateline.yaml", "audiences", "templates"] {
        super::preview::copy(&root.join(part), &dir.path().join("newsroom").join(part));
    }
    std::fs::create_dir_all(dir.path().join("newsroom/releases")).unwrap();
    let picture = std::fs::read(root.join("templates/assets/logo.png")).unwrap();
    for (path, bytes) in POSTS.iter().map(|(path, text)| (*path, text.as_bytes())).chain([
        ("hugo/content/news/winter-range/flap.png", picture.as_slice()),
        ("hugo/content/news/winter-range/map (1).png", picture.as_slice()),
        ("hugo/content/news/winter-range/log.csv", b"km,kWh\n"),
        ("hugo/content/news/winter-range/spare.png", picture.as_slice()),
    ]) {
        let path = dir.path().join("old").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    dir
}

fn dateline(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dateline"));
    command.current_dir(dir.join("newsroom")).args(args).output().unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn import(dir: &Path) -> Output {
    dateline(dir, &["import", "../old", "--site", "https://www.halden.example", "--format", "json"])
}

fn files(dir: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.insert(path.to_string_lossy().into_owned(), std::fs::read(&path).unwrap());
        }
    }
}

#[test]
fn posts_of_four_programs_become_releases() {
    let dir = newsroom();
    let first = import(dir.path());
    assert_eq!(first.status.code(), Some(1), "one file is broken: {first:?}");
    let report = json(&first);
    let places: BTreeMap<&str, &str> = report["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| (file["from"].as_str().unwrap(), file["to"].as_str().unwrap_or("-")))
        // A draft without a date goes to the present year.
        .filter(|(from, _)| !from.contains("_drafts/"))
        .collect();
    expect_test::expect![[r#"
        {
            "eleventy/blog/hubs.md": "releases/2024/hubs.md",
            "eleventy/blog/hubs.sv.md": "releases/2024/hubs.sv.md",
            "eleventy/other/broken.md": "-",
            "eleventy/other/hubs.md": "releases/2025/hubs-2025.md",
            "hugo/content/news/heat-pump.md": "releases/2023/heat-pump.md",
            "hugo/content/news/winter-range/index.md": "releases/2024/winter-range/index.md",
            "jekyll/_posts/2024-06-02-shifts.md": "releases/2024/shifts.md",
            "jekyll/_posts/2024-5-1-lysekil-line.md": "releases/2024/lysekil-line.md",
            "zola/content/quarter.md": "releases/2024/quarter.md",
        }
        [{"from":"hugo/content/news/_index.md","reason":"a section of the site, no item"}]"#]]
    .assert_eq(&format!("{places:#?}\n{}", report["skipped"]));

    let check = json(&dateline(dir.path(), &["check", "--format", "json"]));
    let findings = check["findings"].as_array().unwrap().iter();
    let errors: Vec<_> = findings.filter(|finding| finding["severity"] == "error").collect();
    assert_eq!(errors, [&serde_json::Value::Null; 0]);
    let plan = json(&dateline(dir.path(), &["plan", "--all", "--format", "json"]));
    let planned: BTreeSet<&str> = plan["releases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|release| release["slug"].as_str().unwrap())
        .collect();
    for slug in ["winter-range", "heat-pump", "lysekil-line", "shifts", "quarter", "hubs", "hubs-2025"] {
        assert!(planned.contains(slug), "{slug}: {planned:?}");
    }
    assert!(!planned.contains("someday"), "a draft is not planned");
    let render = dateline(dir.path(), &["render", "winter-range", "--out", "out"]);
    assert!(render.status.success(), "{render:?}");

    let mut before = BTreeMap::new();
    files(&dir.path().join("newsroom/releases"), &mut before);
    let second = import(dir.path());
    assert_eq!(second.status.code(), Some(1));
    assert_eq!(json(&second)["imported"], 0, "{second:?}");
    let mut after = BTreeMap::new();
    files(&dir.path().join("newsroom/releases"), &mut after);
    assert!(before == after, "nothing is overwritten, nothing is added");
}

/// Every word and every value of a source is in the release, in its text or among its comments.
#[test]
fn nothing_is_lost() {
    let dir = newsroom();
    let report = json(&import(dir.path()));
    for file in report["files"].as_array().unwrap() {
        let (from, Some(to)) = (file["from"].as_str().unwrap(), file["to"].as_str()) else { continue };
        let source = POSTS.iter().find(|(path, _)| *path == from).unwrap().1;
        let release = std::fs::read_to_string(dir.path().join("newsroom").join(to)).unwrap();
        let release = format!("{release} {to}").replace('⁶', "6").replace('₂', "2").to_lowercase();
        let split = |text: &str| -> BTreeSet<String> {
            let text = text.to_lowercase();
            text.split(|c: char| !c.is_alphanumeric() && c != '_').map(str::to_owned).collect()
        };
        let (have, want) = (split(&release), split(source));
        let lost: Vec<&String> = want
            .iter()
            .filter(|word| !have.contains(*word) && !SYNTAX.contains(&word.as_str()))
            // Instants are written in UTC, and words of a path become one name.
            .filter(|word| {
                word.parse::<u32>().is_err() && !word.starts_with("03t09") && !release.contains(word.as_str())
            })
            .collect();
        assert!(lost.is_empty(), "{from}: {lost:?}\n{release}");
    }
    // The folder's own words, and the files of a bundle.
    let hubs = std::fs::read_to_string(dir.path().join("newsroom/releases/2024/hubs.md")).unwrap();
    for word in ["byline: Mateo Ibarra", "tags: [blog, charging]", "layouts/entry.njk", "Where they are"] {
        assert!(hubs.contains(word), "{word}: {hubs}");
    }
    for name in ["flap.png", "map--1-.png", "log.csv", "spare.png"] {
        assert!(dir.path().join("newsroom/releases/2024/winter-range").join(name).is_file(), "{name}");
    }
    let winter =
        std::fs::read_to_string(dir.path().join("newsroom/releases/2024/winter-range/index.md")).unwrap();
    for words in [
        "[older post](../../2023/heat-pump)",
        "[the car](https://www.halden.example/cars/aster/)",
        "![Route map](map--1-.png)",
        "# imported comment: ask Priya about the tyres",
        "> It is the *wind*, not the cold.",
    ] {
        assert!(winter.contains(words), "{words}: {winter}");
    }
}
