//! What rendering costs: editions of one release for every audience and channel, and filling a mail.

use std::path::Path;

use dateline::newsroom::Newsroom;
use dateline::release::Notice;
use dateline::render::{Addressee, Content, Mail, Renderer, Request};

fn main() {
    divan::main();
}

/// The example newsroom at the root of the repository.
fn example() -> Newsroom {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = dateline::load::work_tree_files(root).map(|files| files.files).unwrap_or_default();
    Newsroom::build(None, files)
}

fn requests(newsroom: &Newsroom) -> Vec<Request> {
    let mut requests = Vec::new();
    for release in newsroom.releases.values() {
        for audience in &release.audiences {
            for channel in newsroom.audiences.get(audience).iter().flat_map(|audience| &audience.channels) {
                for text in &release.texts {
                    requests.push(Request {
                        slug: release.slug.clone(),
                        digest_of: Vec::new(),
                        notice: Notice::Original,
                        audience: audience.clone(),
                        channel: channel.value.clone(),
                        language: text.language.clone(),
                        advance: false,
                        test: false,
                        date: release.publish.unwrap_or_default(),
                    });
                }
            }
        }
    }
    requests
}

/// Every edition of the example newsroom; divide by their number for one.
#[divan::bench]
fn all_editions(bencher: divan::Bencher<'_, '_>) {
    let newsroom = example();
    let requests = requests(&newsroom);
    let renderer = Renderer::new(&newsroom);
    bencher
        .counter(divan::counter::ItemsCount::new(requests.len()))
        .bench(|| requests.iter().filter(|request| renderer.edition(request).is_ok()).count());
}

/// Compiling a newsroom's templates.
#[divan::bench]
fn new_renderer(bencher: divan::Bencher<'_, '_>) {
    let newsroom = example();
    bencher.bench(|| Renderer::new(&newsroom));
}

fn a_mail() -> Option<Mail> {
    let newsroom = example();
    let renderer = Renderer::new(&newsroom);
    requests(&newsroom).iter().find_map(|request| match renderer.edition(request).ok()?.content {
        Content::Mail(mail) => Some(mail),
        _ => None,
    })
}

/// One recipient's bytes from a compiled mail.
#[divan::bench]
fn fill_mail(bencher: divan::Bencher<'_, '_>) {
    let (Some(mail), Ok(email)) = (a_mail(), "jane@paper.example".parse()) else { return };
    let addressee = Addressee {
        email: &email,
        name: Some("Jane Roe"),
        message_id: "k4abcdefghijklmnopqrstuvwxyz@news.halden.example",
        in_reply_to: None,
        token: "abcdefghijklmnopqrstuvwxyz",
    };
    let mut message = Vec::new();
    bencher.bench_local(|| {
        mail.fill_into(&addressee, &mut message);
        message.len()
    });
}
