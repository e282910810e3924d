//! What a large newsroom costs: reading, parsing, checking, planning and rendering it.
//!
//! `cargo bench --bench newsroom` measures. For the scripts beside this file, which measure whole programs,
//! `-- --generate DIR SIZE` writes the newsroom and its contact book, and `-- --render DIR OUT` renders it.
//! On a machine that others use as well, `-- --processor SIZE` tells processor time instead of wall time.
//! `-- --names DIR` prints digests of everything that comes out of a newsroom: findings, plan, editions.
//! Two versions of the program that print the same do the same.

#[path = "generate/mod.rs"]
mod generate;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use dateline::check;
use dateline::clock::Clock;
use dateline::contact::Contact;
use dateline::digest::Digest;
use dateline::load;
use dateline::newsroom::Newsroom;
use dateline::plan::{Held, HeldGroup, HeldRelease, Plan, Planner};
use dateline::release::{Cache, Notice};
use dateline::render::{Addressee, Content, Mail, Renderer, Request};
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use generate::Files;
use jiff::Timestamp;

const SIZES: [usize; 2] = [1_000, 10_000];
const READERS: usize = 10_000;

fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let argument = |at: usize| args.get(at).map(std::path::PathBuf::from).unwrap_or_default();
    let place = |name: &str| args.iter().position(|arg| arg == name);
    let done = if let Some(at) = place("--generate") {
        let size = args.get(at + 2).and_then(|size| size.parse().ok()).unwrap_or(SIZES[1]);
        write(&argument(at + 1), size)
    } else if let Some(at) = place("--render") {
        render(&argument(at + 1), &argument(at + 2))
    } else if let Some(at) = place("--names") {
        names(&argument(at + 1))
    } else if let Some(at) = place("--processor") {
        Ok(processor(args.get(at + 1).and_then(|size| size.parse().ok()).unwrap_or(SIZES[1])))
    } else {
        divan::main();
        return std::process::ExitCode::SUCCESS;
    };
    match done {
        Ok(told) => {
            println!("{told}");
            std::process::ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}

/// Writes a newsroom that is `size` releases long today, and its contact book.
fn write(folder: &Path, size: usize) -> Result<String, Box<dyn Error>> {
    let files = generate::newsroom(size, Clock::system().now());
    generate::write(folder, &files)?;
    std::fs::write(folder.join("contacts.csv"), generate::contacts_csv(READERS))?;
    let bytes: usize = files.values().map(|bytes| bytes.len()).sum();
    Ok(format!("{size} releases, {} files, {bytes} bytes", files.len()))
}

/// Reads the newsroom in `folder`, renders every edition of every release, and writes its pages to `out`.
/// Says how many editions and how many documents there are: a mail is two (HTML and text), a page is two (with
/// its press kit's text), every post is one, JSON is one.
fn render(folder: &Path, out: &Path) -> Result<String, Box<dyn Error>> {
    let newsroom = load::work_tree(folder)?;
    let renderer = Renderer::new(&newsroom);
    let requests = requests(&newsroom);
    let (mut pages, mut documents) = (0, 0);
    for request in &requests {
        documents += match renderer.edition(request)?.content {
            Content::Mail(_) => 2,
            Content::Social(social) => social.posts.len(),
            Content::Chat(_) | Content::Json(_) => 1,
            Content::Page(page) => {
                let place = out.join(request.language.as_str()).join(&request.slug);
                std::fs::create_dir_all(&place)?;
                std::fs::write(place.join("index.html"), page.html)?;
                pages += 1;
                2
            }
        };
    }
    Ok(format!("{} editions, {documents} documents, {pages} pages", requests.len()))
}

/// Digests of all findings, of plans with an empty and with a full ledger, and of every edition of every
/// release: as an original, as a correction, a hold and a kill, ahead of the embargo and as a test.
fn names(folder: &Path) -> Result<String, Box<dyn Error>> {
    let newsroom = load::work_tree(folder)?;
    let findings = check::check(&newsroom, now(), None);
    let findings = dateline::finding::human(&findings, &check::texts(&newsroom), false);
    let held = issued(&newsroom);
    let plans = format!("{:?}{:?}", plan(&newsroom, &Held::default()), plan(&newsroom, &held));
    let renderer = Renderer::new(&newsroom);
    let mut editions = String::new();
    let mut count = 0;
    let kinds = [
        (Notice::Original, false, false),
        (Notice::Original, true, false),
        (Notice::Original, false, true),
        (Notice::Correction, false, false),
        (Notice::Hold, false, false),
        (Notice::Kill, false, false),
    ];
    for request in requests(&newsroom) {
        for (notice, advance, test) in kinds {
            let request = Request { notice, advance, test, ..request.clone() };
            match renderer.edition(&request) {
                Ok(edition) => editions.push_str(&edition.sha().to_string()),
                Err(error) => editions.push_str(&error.to_string()),
            }
            count += 1;
        }
    }
    let name = |text: &str| Digest::of(text.as_bytes()).to_string();
    Ok(format!(
        "findings {} ({} bytes)\nplans {} ({} bytes)\neditions {} ({count})",
        name(&findings),
        findings.len(),
        name(&plans),
        plans.len(),
        name(&editions)
    ))
}

/// The processor time of this process until now, all threads together, in milliseconds (Linux; the
/// kernel counts in hundredths of a second).
fn spent() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    ticks.sum::<u64>() * 10
}

/// Processor time of every step, in milliseconds: medians of rounds.
fn processor(size: usize) -> String {
    fn step(told: &mut String, what: &str, mut work: impl FnMut(usize)) {
        const ROUNDS: usize = 5;
        let mut rounds: Vec<u64> = (0..ROUNDS)
            .map(|round| {
                let before = spent();
                work(round);
                spent() - before
            })
            .collect();
        rounds.sort_unstable();
        told.push_str(&format!("{what:<24} {:>6} ms\n", rounds[ROUNDS / 2]));
    }
    let told = &mut String::new();
    let markdown = markdown(size);
    step(told, "parse", |_| drop(black_box(Cache::default().parse_all(markdown.clone()))));
    let mut cache = Cache::default();
    let newsroom = Newsroom::build_with(None, files(size), &mut cache);
    let held = issued(&newsroom);
    step(told, "build, parsed", |_| {
        drop(black_box(Newsroom::build_with(None, files(size), &mut cache.clone())));
    });
    step(told, "check", |_| drop(black_box(check::check(&newsroom, now(), None))));
    step(told, "plan, empty ledger", |_| drop(black_box(plan(&newsroom, &Held::default()))));
    step(told, "plan, full ledger", |_| drop(black_box(plan(&newsroom, &held))));
    step(told, "all, cold", |_| {
        let newsroom = Newsroom::build(None, files(size));
        drop(black_box((check::check(&newsroom, now(), None), plan(&newsroom, &held))));
    });
    let mut look = looks(&held);
    look(files(size));
    step(told, "all, warm", |_| look(files(size)));
    step(told, "all, after an edit", |round| look(edited(size, round)));
    told.trim_end().to_owned()
}

/// Looks at a newsroom again and again, with everything that is kept between two looks.
fn looks(held: &Held) -> impl FnMut(Files) {
    let (mut cache, mut known) = (Cache::default(), check::Known::default());
    let mut sources = dateline::plan::Known::default();
    move |files| {
        let newsroom = Newsroom::build_with(None, files, &mut cache);
        let findings = check::check_with(&newsroom, now(), None, &mut known);
        let planner = Planner::with(&newsroom, held, now(), &mut sources);
        drop(black_box((findings, planned(planner))));
    }
}

/// The instant of all measurements: a Sunday.
fn now() -> Timestamp {
    Timestamp::constant(1_795_338_000, 0)
}

fn files(size: usize) -> Files {
    static SMALL: LazyLock<Files> = LazyLock::new(|| generate::newsroom(SIZES[0], now()));
    static LARGE: LazyLock<Files> = LazyLock::new(|| generate::newsroom(SIZES[1], now()));
    if size == SIZES[0] { SMALL.clone() } else { LARGE.clone() }
}

/// The releases among them.
fn markdown(size: usize) -> Vec<(String, Arc<[u8]>)> {
    let is_release = |path: &str| Path::new(path).extension().is_some_and(|end| end == "md");
    files(size).into_iter().filter(|(path, _)| is_release(path)).collect()
}

/// The files with another word in one release, which is yet to come.
fn edited(size: usize, round: usize) -> Files {
    let mut files = files(size);
    if let Some(bytes) = generate::path(size - 2, now(), size).and_then(|path| files.get_mut(&path)) {
        *bytes = [&**bytes, format!("\nEdited {round}.\n").as_bytes()].concat().into();
    }
    files
}

fn readers() -> &'static [Contact] {
    static READ: LazyLock<Vec<Contact>> = LazyLock::new(|| generate::contacts(READERS));
    &READ
}

fn plan(newsroom: &Newsroom, held: &Held) -> Plan {
    planned(Planner::new(newsroom, held, now()))
}

fn planned(mut planner: Planner<'_>) -> Plan {
    if planner.wants_contacts() {
        for contact in readers() {
            planner.contact(contact);
        }
    }
    planner.finish()
}

/// A ledger in which everything that is old was sent.
fn issued(newsroom: &Newsroom) -> Held {
    let plan = plan(newsroom, &Held::default());
    let old =
        plan.releases.into_iter().filter(|planned| planned.publish < now() && planned.digest_of.is_empty());
    let releases: BTreeMap<String, HeldRelease> = old
        .map(|planned| {
            let group = |group: &dateline::plan::Group| HeldGroup {
                audience: group.audience.clone(),
                channel: group.channel.clone(),
                language: group.language.clone(),
                advance: group.advance,
                due: group.due,
                waiting: 0,
                open: 0,
                sent: group.recipients.count(),
                ended: 0,
                crowd: None,
            };
            let groups = planned.deliveries.iter().map(group).collect();
            let source = Some((*planned.source).clone());
            let publish = Some(planned.publish);
            (planned.slug.clone(), HeldRelease { notice: Notice::Original, source, publish, groups })
        })
        .collect();
    Held { releases, ..Held::default() }
}

/// Reading all files of a newsroom from the disk.
#[divan::bench(args = SIZES, sample_count = 5)]
fn load_files(bencher: Bencher<'_, '_>, size: usize) {
    let Ok(folder) = tempfile::tempdir() else { return };
    if generate::write(folder.path(), &files(size)).is_err() {
        return;
    }
    bencher
        .counter(ItemsCount::new(size))
        .bench_local(|| load::work_tree_files(folder.path()).map_or(0, |files| files.files.len()));
}

/// Parsing every file.
#[divan::bench(args = SIZES, sample_count = 5)]
fn parse(bencher: Bencher<'_, '_>, size: usize) {
    let files = markdown(size);
    bencher.counter(ItemsCount::new(size)).bench_local(|| Cache::default().parse_all(files.clone()).len());
}

/// Putting the newsroom together from files that are parsed already.
#[divan::bench(args = SIZES, sample_count = 5)]
fn build(bencher: Bencher<'_, '_>, size: usize) {
    let mut cache = Cache::default();
    let _ = Newsroom::build_with(None, files(size), &mut cache);
    bencher
        .counter(ItemsCount::new(size))
        .with_inputs(|| files(size))
        .bench_local_values(|files| Newsroom::build_with(None, files, &mut cache));
}

/// Every rule on every release.
#[divan::bench(args = SIZES, sample_count = 5)]
fn check_all(bencher: Bencher<'_, '_>, size: usize) {
    let newsroom = Newsroom::build(None, files(size));
    bencher
        .counter(ItemsCount::new(size))
        .bench_local(|| check::check(black_box(&newsroom), now(), None).len());
}

/// Planning with an empty ledger: the old releases are counted, and come too late.
#[divan::bench(args = SIZES, sample_count = 5)]
fn plan_first(bencher: Bencher<'_, '_>, size: usize) {
    let newsroom = Newsroom::build(None, files(size));
    let held = Held::default();
    bencher.counter(ItemsCount::new(size)).bench_local(|| plan(black_box(&newsroom), &held));
}

/// Planning with a ledger that has all old releases.
#[divan::bench(args = SIZES, sample_count = 5)]
fn plan_issued(bencher: Bencher<'_, '_>, size: usize) {
    let newsroom = Newsroom::build(None, files(size));
    let held = issued(&newsroom);
    bencher.counter(ItemsCount::new(size)).bench_local(|| plan(black_box(&newsroom), &held));
}

/// From bytes to findings and a plan, with nothing known.
#[divan::bench(args = SIZES, sample_count = 5)]
fn all_cold(bencher: Bencher<'_, '_>, size: usize) {
    let held = issued(&Newsroom::build(None, files(size)));
    bencher.counter(ItemsCount::new(size)).with_inputs(|| files(size)).bench_local_values(|files| {
        let newsroom = Newsroom::build(None, files);
        (check::check(&newsroom, now(), None).len(), plan(&newsroom, &held))
    });
}

fn again(bencher: Bencher<'_, '_>, size: usize, files: impl Fn(usize) -> Files) {
    let held = issued(&Newsroom::build(None, self::files(size)));
    let mut round = 0;
    let mut look = looks(&held);
    look(self::files(size));
    bencher
        .counter(ItemsCount::new(size))
        .with_inputs(|| {
            round += 1;
            files(round)
        })
        .bench_local_values(look);
}

/// The same once more: nothing changed.
#[divan::bench(args = SIZES, sample_count = 10)]
fn all_warm(bencher: Bencher<'_, '_>, size: usize) {
    again(bencher, size, |_| files(size));
}

/// The same once more after one release was edited.
#[divan::bench(args = SIZES, sample_count = 10)]
fn all_after_an_edit(bencher: Bencher<'_, '_>, size: usize) {
    again(bencher, size, |round| edited(size, round));
}

/// Every edition there is of every release: audiences, channels, languages.
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

/// All editions of 1,000 releases; the rate is editions a second on one processor.
#[divan::bench(sample_count = 3)]
fn render_1000(bencher: Bencher<'_, '_>) {
    let newsroom = Newsroom::build(None, files(1_000));
    let requests = requests(&newsroom);
    bencher.counter(ItemsCount::new(requests.len())).bench_local(|| {
        let renderer = Renderer::new(&newsroom);
        requests.iter().filter(|request| renderer.edition(request).is_ok()).count()
    });
}

/// The newsroom's pages of 1,000 releases, as a site generator would make them.
#[divan::bench(sample_count = 5)]
fn render_1000_pages(bencher: Bencher<'_, '_>) {
    let newsroom = Newsroom::build(None, files(1_000));
    let mut requests = requests(&newsroom);
    requests.retain(|request| request.channel == "newsroom");
    bencher.counter(ItemsCount::new(requests.len())).bench_local(|| {
        let renderer = Renderer::new(&newsroom);
        requests.iter().filter(|request| renderer.edition(request).is_ok()).count()
    });
}

/// The largest of the first mails.
fn mail() -> Option<Mail> {
    let newsroom = Newsroom::build(None, files(1_000));
    let renderer = Renderer::new(&newsroom);
    let requests = requests(&newsroom);
    let mails = requests.iter().filter(|request| request.channel == "relay").take(200);
    let made = mails.filter_map(|request| match renderer.edition(request).ok()?.content {
        Content::Mail(mail) => Some(mail),
        _ => None,
    });
    made.max_by_key(|mail| fill(mail, &mut Vec::new()))
}

fn fill(mail: &Mail, message: &mut Vec<u8>) -> usize {
    static EMAIL: LazyLock<Option<dateline::contact::EmailAddress>> =
        LazyLock::new(|| "jane@paper.example".parse().ok());
    let Some(email) = &*EMAIL else { return 0 };
    let addressee = Addressee {
        email,
        name: Some("Jane Roe"),
        message_id: "k4abcdefghijklmnopqrstuvwxyz@news.halden.example",
        in_reply_to: None,
        token: "abcdefghijklmnopqrstuvwxyz",
    };
    mail.fill_into(&addressee, message);
    message.len()
}

/// One reader's bytes from a compiled mail.
#[divan::bench]
fn fill_mail(bencher: Bencher<'_, '_>) {
    let Some(mail) = mail() else { return };
    let mut message = Vec::new();
    let length = fill(&mail, &mut message);
    bencher.counter(BytesCount::new(length)).bench_local(|| fill(&mail, &mut message));
}
