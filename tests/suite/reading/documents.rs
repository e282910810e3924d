//! Every kind of mail and page that Dateline makes, from the example newsroom and from releases in other scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dateline::channel::{self, Gate, Parcel, Recipient, Secrets};
use dateline::config::Config;
use dateline::digest::Digest;
use dateline::newsroom::{ChannelKind, Newsroom};
use dateline::release::Notice;
use dateline::render::{Addressee, Content, Edition, Renderer, Request};
use mail_parser::MessageParser;

use super::super::leave;
use super::scripts;

/// Something that people read.
pub struct Document {
    /// What it is: `mail aster-ev trade-media en original`.
    pub name: String,
    pub html: String,
    /// A mail, which stands inside of a mail program.
    pub mail: bool,
}

/// Whether it is worth a look in the browser, which takes longer: one of every kind.
pub fn looked_at(document: &Document) -> bool {
    const KINDS: [&str; 21] = [
        "page leave ",
        "mail aster-ev trade-media en ",
        "mail aster-ev bloggers sv original",
        "mail preview-advisory trade-media en original",
        "mail q3-2025 investors en original",
        "mail sound-check-7 enthusiasts en original",
        "mail digest ",
        "mail world world ar original",
        "mail world world ja correction",
        "mail world world ko original",
        "page index.html",
        "page sv/index.html",
        "page ar/index.html",
        "page 2026/index.html",
        "page tags/index.html",
        "page tags/ev/index.html",
        "page ar/2026/world/",
        "page 2026/aster-ev/",
        "page 2026/preview-advisory/",
        "page 2026/havsra-ferries/",
        "page 2026/lysekil-sea-heat/",
    ];
    KINDS.iter().any(|kind| document.name.starts_with(kind))
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The example newsroom, with a release in many languages beside its own.
pub fn newsroom() -> Newsroom {
    newsroom_with(&[])
}

/// As [`newsroom`], with more files.
pub fn newsroom_with(more: &[(&str, &[u8])]) -> Newsroom {
    fn gather(folder: &Path, into: &mut BTreeMap<String, Arc<[u8]>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                gather(&path, into);
            } else {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                into.insert(name, Arc::from(std::fs::read(&path).unwrap()));
            }
        }
    }
    let mut files = BTreeMap::new();
    for folder in ["releases", "audiences", "templates"] {
        gather(&root().join(folder), &mut files);
    }
    let config = std::fs::read_to_string(root().join("dateline.yaml")).unwrap();
    let languages: Vec<&str> = scripts::TEXTS.iter().map(|(language, _)| *language).collect();
    let languages = languages.join(", ");
    let config = config.replace("languages: [en, sv]", &format!("languages: [en, sv, {languages}]"));
    let mut put = |path: &str, text: &str| drop(files.insert(path.to_owned(), Arc::from(text.as_bytes())));
    put("dateline.yaml", &config);
    put(
        "audiences/world.yaml",
        &format!(
            "name: World\nchannels: [relay, newsroom]\nmembers:\n  where: kind = journalist\nlanguages: [en, {languages}]\n"
        ),
    );
    put("releases/2026/world/index.md", scripts::ORIGINAL);
    for (language, text) in scripts::TEXTS {
        put(&format!("releases/2026/world/index.{language}.md"), text);
    }
    let front = Arc::clone(&files["releases/2026/aster-ev/aster-front.jpg"]);
    files.insert("releases/2026/world/aster-front.jpg".to_owned(), front);
    files.extend(more.iter().map(|(path, bytes)| ((*path).to_owned(), Arc::from(*bytes))));
    let newsroom = Newsroom::build(None, files);
    let errors: Vec<String> = newsroom.findings.iter().map(ToString::to_string).collect();
    assert_eq!(errors, [""; 0]);
    newsroom
}

/// All of them.
pub fn every_document() -> Vec<Document> {
    let newsroom = newsroom();
    let renderer = Renderer::new(&newsroom);
    let mut documents = mails(&newsroom, &renderer);
    documents.extend(site(&newsroom, &renderer));
    documents.extend(leave::documents().into_iter().map(|(name, html)| Document {
        name: format!("page leave {name}"),
        html,
        mail: false,
    }));
    documents
}

pub fn request(newsroom: &Newsroom, slug: &str, audience: &str, channel: &str, language: &str) -> Request {
    let release = newsroom.releases.get(slug);
    Request {
        slug: slug.to_owned(),
        digest_of: Vec::new(),
        notice: Notice::Original,
        audience: audience.to_owned(),
        channel: channel.to_owned(),
        language: language.parse().unwrap(),
        advance: false,
        test: false,
        date: release.and_then(|release| release.publish).unwrap_or("2026-12-04T07:00:00Z".parse().unwrap()),
    }
}

/// One edition of a mail as it leaves.
pub fn message(renderer: &Renderer<'_>, request: &Request) -> Vec<u8> {
    let Content::Mail(mail) = renderer.edition(request).unwrap().content else { panic!("no mail") };
    let email = "jane.roe@paper.example".parse().unwrap();
    mail.fill(&Addressee {
        email: &email,
        name: Some("Jane Roe"),
        message_id: "a@news.halden.example",
        in_reply_to: None,
        token: "TOKEN",
    })
}

/// What one edition of a mail holds: HTML and text.
pub fn letter(renderer: &Renderer<'_>, request: &Request) -> (String, String) {
    let message = message(renderer, request);
    let parsed = MessageParser::default().parse(&message).unwrap();
    (parsed.body_html(0).unwrap().into_owned(), parsed.body_text(0).unwrap().into_owned())
}

fn mails(newsroom: &Newsroom, renderer: &Renderer<'_>) -> Vec<Document> {
    let mut wanted = BTreeSet::new();
    for (slug, release) in &newsroom.releases {
        for audience in release.audiences.iter().filter_map(|key| newsroom.audiences.get(key)) {
            let mailed = audience.channels.iter().any(|channel| channel.value == "relay");
            for text in release.texts.iter().filter(|_| mailed) {
                wanted.insert(request(newsroom, slug, &audience.key, "relay", text.language.as_str()));
            }
        }
    }
    let special: Vec<Request> = wanted
        .iter()
        .filter(|request| {
            (request.audience == "trade-media" && matches!(&*request.slug, "aster-ev" | "preview-advisory"))
                || matches!((&*request.slug, request.language.as_str()), ("world", "ar" | "ja"))
        })
        .cloned()
        .collect();
    for plain in special {
        wanted.insert(Request { advance: true, ..plain.clone() });
        wanted.insert(Request { test: true, ..plain.clone() });
        for notice in [Notice::Correction, Notice::Hold, Notice::Kill] {
            wanted.insert(Request { notice, ..plain.clone() });
        }
    }
    let digest_of: Vec<String> = ["aster-ev", "lysekil-sea-heat", "havsra-ferries", "sound-check-7", "world"]
        .map(str::to_owned)
        .into();
    for (audience, language) in
        [("enthusiasts", "en"), ("enthusiasts", "sv"), ("world", "ar"), ("world", "ja")]
    {
        let plain = request(newsroom, "digest", audience, "relay", language);
        wanted.insert(Request { digest_of: digest_of.clone(), ..plain });
    }
    wanted
        .iter()
        .map(|request| {
            let kind = match (request.advance, request.test) {
                (true, _) => "advance",
                (_, true) => "test",
                _ => request.notice.as_str(),
            };
            let name = format!("mail {} {} {} {kind}", request.slug, request.audience, request.language);
            Document { name, html: letter(renderer, request).0, mail: true }
        })
        .collect()
}

struct Open;

#[async_trait::async_trait]
impl Gate for Open {
    async fn open(&self) -> bool {
        true
    }
}

/// The site as its channel writes it: pages, start pages, pages of tags and years.
fn site(newsroom: &Newsroom, renderer: &Renderer<'_>) -> Vec<Document> {
    let dir = tempfile::tempdir().unwrap();
    let (config, _) = Config::read(&newsroom.config_text);
    let (key, config) =
        config.channels.iter().find(|(_, config)| config.kind() == ChannelKind::Newsroom).unwrap();
    let channel = channel::open(config, dir.path(), &Secrets::none()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut requests = Vec::new();
    for (slug, release) in &newsroom.releases {
        for text in &release.texts {
            let plain = request(newsroom, slug, "public", key, text.language.as_str());
            match &**slug {
                "havsra-ferries" => requests.push(Request { notice: Notice::Kill, ..plain }),
                "lysekil-sea-heat" => requests.push(Request { notice: Notice::Correction, ..plain }),
                "charging-hubs" => requests.push(Request { notice: Notice::Hold, ..plain }),
                _ => requests.push(plain),
            }
        }
    }
    for request in requests {
        let edition: Edition = renderer.edition(&request).unwrap();
        let parcel = Parcel {
            key: Digest::of(edition.sha().to_string().as_bytes()),
            wire_key: edition.sha().to_string(),
            notice: request.notice,
            edition: Arc::new(edition),
            recipient: Recipient::Account,
            due: request.date,
            now: request.date,
            attempt: 1,
            previous: None,
            ahead: None,
        };
        runtime.block_on(channel.deliver(&parcel, &Open)).unwrap();
    }
    let mut documents = Vec::new();
    let mut open: Vec<PathBuf> = vec![dir.path().to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "html") {
                let name = path.strip_prefix(dir.path().join("site")).unwrap_or(&path).display();
                documents.push(Document {
                    name: format!("page {name}"),
                    html: std::fs::read_to_string(&path).unwrap(),
                    mail: false,
                });
            }
        }
    }
    documents.sort_by(|left, right| left.name.cmp(&right.name));
    documents
}
