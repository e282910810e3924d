//! What the guarantees cost: mails a second with the ledger's durable intents and results, and without.
//!
//! `cargo bench --bench guarantees [-- MAILS]`. Both sides send the same mails over the same channel and as many
//! connections to the same sink, in turn, several rounds. "Without" is possible only here: the channel is driven by hand, with
//! a gate that says yes at once and nothing written down. Postfix's smtp-source, where it is installed, sends as much to the same sink,
//! with a connection for each mail (as it does by itself) and over connections that stay (`-d`).
//! The ledger's folder is below the target folder, on whatever disk that is; what a sync of that disk takes meanwhile is printed as well.
//!
//! `-- MAILS --delay MILLISECONDS`: to a sink that says everything so much later, as one that is far away does.
//! `-- MAILS --only 4` (or 16): with so many connections alone.

mod sink;

use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dateline::channel::{self, Channel, Gate, Parcel, Recipient};
use dateline::clock::Clock;
use dateline::config::Config;
use dateline::contact::{Contact, ContactId};
use dateline::daemon::{self, Options};
use dateline::dispatch::{self, Dispatch, DispatchConfig, Route};
use dateline::ledger::{Claim, Ledger, State};
use dateline::newsroom::Newsroom;
use dateline::render::{Addressee, Content};
use sink::Sink;
use tokio_util::sync::CancellationToken;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const CONNECTIONS: [u32; 2] = [4, 16];
/// Paragraphs of a mail of about 23 and about 30 KiB; most of it is the look.
const LENGTHS: [usize; 2] = [1, 16];
const ROUNDS: usize = 3;
/// Mails for each connection that are handed to the channel beyond those on their way.
const READY: u32 = 4;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let at = words.iter().position(|word| word == name)?;
        words.get(at + 1)?.parse::<u32>().ok()
    };
    let delay = |name: &str| Duration::from_millis(after(name).unwrap_or(0).into());
    let done = if words.iter().any(|word| word == "--sink") {
        sink::run(delay("--sink")).map_err(Into::into)
    } else {
        let count = words.iter().find_map(|word| word.parse().ok()).unwrap_or(20_000);
        measure(count, delay("--delay"), after("--only"))
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(count: usize, delay: Duration, only: Option<u32>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // From far away it makes no difference how large a mail is.
    let lengths = if delay.is_zero() { &LENGTHS[..] } else { &LENGTHS[1..] };
    println!(
        "| mail | connections | with | without | ratio | smtp-source | smtp-source -d | with: µs/mail | without: µs/mail | a sync |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    for &paragraphs in lengths {
        for connections in CONNECTIONS.into_iter().filter(|one| only.is_none_or(|only| only == *one)) {
            let (mut with, mut without, mut size) = (Vec::new(), Vec::new(), 0);
            let (mut other, mut stays, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let sink = Sink::start(delay)?;
                let bench = runtime.block_on(Bench::set(&sink, count, paragraphs, connections))?;
                syncs.push(sync(bench.folder.path())?);
                let (cost, bytes) = runtime.block_on(bench.without(connections))?;
                size = bytes;
                without.push(cost);
                with.push(runtime.block_on(bench.with())?);
                other.extend(smtp_source(&sink, count, size, connections, &[]));
                stays.extend(smtp_source(&sink, count, size, connections, &["-d"]));
                syncs.push(sync(bench.folder.path())?);
            }
            let (with, without) = (median(&mut with), median(&mut without));
            syncs.sort();
            println!(
                "| {:.0} KiB | {connections} | {} | {} | {:.2} | {} | {} | {:.0} | {:.0} | {:.1} ms |",
                per(size, 1024),
                with.rate(),
                without.rate(),
                without.wall / with.wall,
                rate(&mut other),
                rate(&mut stays),
                with.processor * 1e6,
                without.processor * 1e6,
                syncs.get(syncs.len() / 2).map_or(f64::NAN, Duration::as_secs_f64) * 1e3,
            );
        }
    }
    Ok(())
}

fn rate(costs: &mut [Cost]) -> String {
    if costs.is_empty() { "not installed".to_owned() } else { median(costs).rate() }
}

/// What it takes to bring a page to the disk that has `folder`: the median of some.
fn sync(folder: &Path) -> Result<Duration> {
    let file = std::fs::File::create(folder.join("sync"))?;
    let mut took = Vec::new();
    for page in 0..31 {
        file.write_all_at(&[page; 4096], u64::from(page) * 4096)?;
        let began = Instant::now();
        file.sync_data()?;
        took.push(began.elapsed());
    }
    took.sort();
    Ok(took.get(took.len() / 2).copied().unwrap_or_default())
}

/// Seconds for each mail: on the clock, and of processors.
#[derive(Debug, Clone, Copy)]
struct Cost {
    wall: f64,
    processor: f64,
}

impl Cost {
    fn rate(self) -> String {
        format!("{:.0}/s", 1.0 / self.wall)
    }
}

fn median(costs: &mut [Cost]) -> Cost {
    costs.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    costs.get(costs.len() / 2).copied().unwrap_or(Cost { wall: f64::NAN, processor: f64::NAN })
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn per(a: usize, b: usize) -> f64 {
    a as f64 / b as f64
}

/// A ledger with one release issued to everybody, and the way to the sink.
struct Bench {
    folder: tempfile::TempDir,
    clock: Clock,
    ledger: Ledger,
    config: Config,
    count: usize,
}

impl Bench {
    async fn set(sink: &Sink, count: usize, paragraphs: usize, connections: u32) -> Result<Bench> {
        let target = std::env::current_exe()?;
        let folder = tempfile::tempdir_in(target.parent().unwrap_or(Path::new(".")))?;
        let files = files(sink, paragraphs, connections);
        let text = files.get("dateline.yaml").map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let (config, findings) = Config::read(&text.unwrap_or_default());
        if let Some(finding) = findings.first() {
            return Err(finding.to_string().into());
        }
        let newsroom = Newsroom::build(None, files);
        let clock = Clock::system();
        let ledger = Ledger::open_exclusive(&config.ledger(folder.path())?, clock.now()).await?;
        for first in (0..count).step_by(5_000) {
            let some = (first..count.min(first + 5_000)).map(reader).collect::<Result<Vec<_>>>()?;
            ledger.import(some, clock.now()).await?;
        }
        let options = Options { late: true, moved: false, only: None, by: "bench" };
        let report = daemon::issue(&ledger, &newsroom, clock.now(), options).await?;
        if let Some(failed) = report.failed.first() {
            return Err(failed.error.clone().into());
        }
        Ok(Bench { folder, clock, ledger, config, count })
    }

    fn route(&self) -> Result<Box<dyn Channel>> {
        let relay = self.config.channels.get("relay").ok_or("there is no relay")?;
        Ok(channel::open(relay, Path::new("."), &channel::Secrets::none())?)
    }

    /// The channel alone, driven by hand, with the same mails as dispatch.
    async fn without(&self, connections: u32) -> Result<(Cost, usize)> {
        let all = u32::try_from(self.count)?;
        let claims = self.ledger.claim("without", "relay", self.clock.now(), all).await?;
        let first = claims.first().ok_or("nothing was issued")?;
        let edition = self.ledger.edition(first.edition).await?;
        let size = size(&dispatch::parcel(&self.ledger, first, Arc::clone(&edition), &self.clock));
        let channel: Arc<dyn Channel> = Arc::from(self.route()?);
        let queue: Arc<Mutex<VecDeque<Claim>>> = Arc::new(Mutex::new(claims.into()));
        let meter = Meter::start();
        let mut workers = tokio::task::JoinSet::new();
        // As dispatch does: some are made ready while the others are on their way.
        for _ in 0..connections * (1 + READY) {
            let (queue, channel) = (Arc::clone(&queue), Arc::clone(&channel));
            let edition = Arc::clone(&edition);
            let (ledger, clock) = (self.ledger.clone(), self.clock.clone());
            workers.spawn(async move {
                loop {
                    let claim = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(claim) = claim else { return Ok(()) };
                    let parcel = dispatch::parcel(&ledger, &claim, Arc::clone(&edition), &clock);
                    channel.deliver(&parcel, &AlwaysOpen).await?;
                }
            });
        }
        while let Some(done) = workers.join_next().await {
            done?.map_err(|failure: channel::Failure| failure.to_string())?;
        }
        let cost = meter.stop(self.count);
        self.ledger.return_claims("without", self.clock.now()).await?;
        Ok((cost, size))
    }

    /// Everything as it is: claim, intent on disk before the dot, result.
    async fn with(&self) -> Result<Cost> {
        let relay = self.config.channels.get("relay").ok_or("there is no relay")?;
        let route = Route {
            channel: self.route()?,
            kind: relay.kind(),
            limits: relay.limits().clone(),
            on_unknown: relay.on_unknown(),
        };
        let routes = BTreeMap::from([("relay".to_owned(), route)]);
        let dispatch = Dispatch::new(
            self.ledger.clone(),
            routes,
            self.clock.clone(),
            "with".to_owned(),
            Arc::new(|_| ()),
        );
        dispatch.begin(&self.folder.path().join("breadcrumbs"), &DispatchConfig::default()).await?;
        let meter = Meter::start();
        let tally = dispatch.drain(&CancellationToken::new()).await?;
        let cost = meter.stop(self.count);
        if tally.get(&State::Sent) != Some(&(self.count as u64)) {
            return Err(format!("not everything was sent: {tally:?}").into());
        }
        self.ledger.close(self.clock.now()).await?;
        Ok(cost)
    }
}

/// Says yes without asking anybody.
struct AlwaysOpen;

#[async_trait]
impl Gate for AlwaysOpen {
    async fn open(&self) -> bool {
        true
    }
}

/// The bytes of a mail.
fn size(parcel: &Parcel) -> usize {
    let (Content::Mail(mail), Recipient::Mailbox { email, name, token, .. }) =
        (&parcel.edition.content, &parcel.recipient)
    else {
        return 0;
    };
    let (name, in_reply_to) = (name.as_deref(), None);
    mail.fill(&Addressee { email, name, message_id: &parcel.wire_key, in_reply_to, token }).len()
}

/// Wall time and this process's processor time.
struct Meter {
    wall: Instant,
    processor: Duration,
}

impl Meter {
    fn start() -> Meter {
        Meter { wall: Instant::now(), processor: processor() }
    }

    fn stop(self, count: usize) -> Cost {
        let mails = u32::try_from(count).map_or(f64::NAN, f64::from);
        let (wall, used) = (self.wall.elapsed(), processor().saturating_sub(self.processor));
        Cost { wall: wall.as_secs_f64() / mails, processor: used.as_secs_f64() / mails }
    }
}

/// The processor time of this process so far. Linux counts it in hundredths of a second (proc(5)).
fn processor() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(") ").next().unwrap_or_default().split(' ');
    Duration::from_millis(
        fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10,
    )
}

fn smtp_source(sink: &Sink, count: usize, size: usize, connections: u32, more: &[&str]) -> Option<Cost> {
    let wall = Instant::now();
    let status = Command::new("smtp-source")
        .args(more)
        .args(["-s", &connections.to_string(), "-l", &size.to_string(), "-m", &count.to_string()])
        .args(["-f", "press@halden.example", "-t", "reader@desk.example", &sink.address.to_string()])
        .status()
        .ok()?;
    let mails = u32::try_from(count).map_or(f64::NAN, f64::from);
    status.success().then(|| Cost { wall: wall.elapsed().as_secs_f64() / mails, processor: 0.0 })
}

fn reader(number: usize) -> Result<Contact> {
    Ok(Contact {
        id: ContactId(0),
        email: format!("reader-{number}@desk-{}.example", number % 997).parse()?,
        name: Some(format!("Reader {number}")),
        language: None,
        timezone: None,
        embargo_ok: false,
        tags: Vec::new(),
        fields: BTreeMap::from([("kind".to_owned(), vec!["reader".to_owned()])]),
        consent: None,
    })
}

fn files(sink: &Sink, paragraphs: usize, connections: u32) -> BTreeMap<String, Arc<[u8]>> {
    let settings = format!(
        "name: Halden Motors Newsroom\norganization: Halden Motors\nurl: https://news.halden.example\n\
         timezone: Europe/Stockholm\nlanguage: en\n\
         contacts:\n  press: {{ name: Astrid Wennerlöf, email: press@halden.example }}\n\
         boilerplate:\n  halden: {{ en: Halden Motors builds cars. }}\n\
         channels:\n  relay:\n    kind: smtp\n    host: {}\n    port: {}\n    tls: none\n\
         \x20   from: Halden Motors Press <press@news.halden.example>\n\
         \x20   postal_address: \"Box 1961, Göteborg\"\n    unsubscribe_url: https://news.halden.example/unsubscribe\n\
         \x20   limits: {{ connections: {connections}, per_connection: 1000000 }}\nledger: {{ folder: state }}\n",
        sink.address.ip(),
        sink.address.port(),
    );
    let mut release = format!(
        "---\ntitle: The year at Halden Motors\nsummary: What was built.\ndateline: Gothenburg\n\
         publish: {}[UTC]\nstatus: approved\naudiences: [everybody]\ncontacts: [press]\nboilerplate: [halden]\n---\n",
        Clock::system().now().strftime("%Y-%m-%dT%H:%M"),
    );
    for week in 1..=paragraphs {
        release.push_str(&format!(
            "In week {week} the plant in Lysekil built {} cars, and each of them was driven before it left. Workshops load \
             the new software in less than an hour, and nothing changes for owners who like their car as it is.\n\n",
            900 + week
        ));
    }
    let audience = "name: Everybody\nchannels: [relay]\nmembers:\n  where: kind = reader\n";
    [
        ("dateline.yaml", settings),
        ("audiences/everybody.yaml", audience.to_owned()),
        ("releases/2026/the-year.md", release),
    ]
    .into_iter()
    .map(|(path, text)| (path.to_owned(), text.into_bytes().into()))
    .collect()
}
