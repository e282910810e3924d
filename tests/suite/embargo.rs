//! G5: one test for each item of the leak catalogue. The real daemon has a release full of canaries before it, approved and issued, on every
//! kind of channel at once. Until its time nothing that left it, or that others can read, holds one of them, in whatever encoding; at its
//! time they do arrive, so the search can find.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use dateline::clock::Clock;
use jiff::{SignedDuration, Timestamp};

use crate::daemon::process::Process;
use crate::daemon::room::{Room, command, git, relay, texts};
use crate::networks::png;
use crate::world::{self, Asked, VENDORS, World};

/// Each stands in one place of the release alone.
const CANARIES: [&str; 10] = [
    "zyxtitle",
    "zyxsubtitle",
    "zyxsummary",
    "zyxbody",
    "zyxalt",
    "zyxcaption",
    "zyxpicture",
    "zyxslug",
    "zyxtag",
    "zyxcommit",
];
/// The text that was approved first, and is not the one that is to go out.
const WITHDRAWN: &str = "zyxsecond";

/// Whether `bytes` hold `canary`, as it is or in an encoding that mails, forms, logs and addresses use.
fn carries(bytes: &[u8], canary: &str) -> bool {
    let text = String::from_utf8_lossy(bytes);
    // Quoted-printable and base64 break lines; an address is percent-encoded, a header may be split.
    let joined =
        text.replace("=\r\n", "").replace(['\r', '\n', '\t'], "").replace("%7A", "z").replace("%7a", "z");
    let lower = joined.to_lowercase();
    if lower.contains(canary) {
        return true;
    }
    let hex: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = canary.bytes().map(|byte| format!("%{byte:02x}")).collect();
    if lower.contains(&hex) || lower.contains(&percent) {
        return true;
    }
    // As a title begins with a capital, and at each of the three places in a group.
    let capital = canary[..1].to_uppercase() + &canary[1..];
    [canary, &capital, &canary.to_uppercase()].iter().any(|word| {
        (0..3).any(|shift| {
            let padded = [vec![b'x'; shift], word.as_bytes().to_vec()].concat();
            [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)].iter().any(|code| {
                // The first and the last sign depend on the neighbours.
                let sure = &code[(shift * 8).div_ceil(6)..padded.len() * 8 / 6];
                joined.contains(sure)
            })
        })
    })
}

/// The canaries in `bytes`.
fn found(bytes: &[u8]) -> Vec<&'static str> {
    CANARIES.into_iter().chain([WITHDRAWN]).filter(|canary| carries(bytes, canary)).collect()
}

#[test]
fn a_canary_is_found_in_every_dress() {
    for dressed in [
        "The Zyxbody sings".to_owned(),
        "zyx=\r\nbody".to_owned(),
        "%5Azyxbody".to_owned(),
        "%7Ayxbody %7ayxbody".to_owned(),
        "/2026/zyxbody/".to_owned(),
        "7a7978626f6479".to_owned(),
        STANDARD.encode("a zyxbody"),
        STANDARD.encode("ab zyxbody now"),
        STANDARD.encode("abc Zyxbody now"),
        URL_SAFE_NO_PAD.encode("??>zyxbody"),
    ] {
        assert!(carries(dressed.as_bytes(), "zyxbody"), "{dressed}");
    }
    for bare in ["zyxbod", "zyx body", &STANDARD.encode("zyxtitle")] {
        assert!(!carries(bare.as_bytes(), "zyxbody"), "{bare}");
    }
}

/// What was seen of one night before a release, and of the morning.
struct Night {
    due: Timestamp,
    requests: Vec<Asked>,
    /// When, to whom, what.
    mails: Vec<(Timestamp, Vec<String>, Vec<u8>)>,
    /// Each line of the daemon's log at its finest, with its time.
    log: Vec<(Timestamp, String)>,
    /// What its HTTP answered, by path, while it waited.
    http: BTreeMap<&'static str, String>,
    /// Names and contents that appeared in the folder for temporary files.
    temporary: Vec<String>,
    /// When each file of the site and the archive came.
    files: Vec<(PathBuf, Timestamp)>,
    /// Files and folders of the ledger with their modes, and the copy of it.
    private: Vec<(PathBuf, u32)>,
    /// `/proc/PID/limits`.
    limits: String,
    /// Addresses that it listened on.
    listened: Vec<String>,
    cmdline: String,
    waiting: String,
}

const BRIEFED: &str = "briefed@paper.example";

fn night() -> &'static Night {
    static NIGHT: OnceLock<Night> = OnceLock::new();
    NIGHT.get_or_init(|| {
        let live = || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(spend())
        };
        std::thread::spawn(live).join().unwrap()
    })
}

async fn spend() -> Night {
    let clock = Clock::system();
    let (world, relay) = (World::start().await, relay(&clock).await);
    let room = newsroom(&world, relay.smtp_port());
    let due = clock.now() + SignedDuration::from_secs(30);
    let due = Timestamp::from_second(due.as_second()).unwrap();
    // First a text that is not to go out; it is approved all the same, and then taken back.
    room.write(
        "releases/2026/zyxslug.md",
        &release(due).replace("zyxbody", WITHDRAWN).replace(", briefed]", "]"),
    );
    room.commit("zyxcommit one");
    let temporary = tempfile::tempdir().unwrap();
    let mut variables = world::variables(&world.url);
    variables.push(("DATELINE_LOG".to_owned(), "trace".to_owned()));
    variables.push(("TMPDIR".to_owned(), temporary.path().display().to_string()));
    let pairs: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let daemon = Process::start_with(&room, &[], &pairs);
    daemon.follows(&room.head()).await;
    room.write("releases/2026/zyxslug.md", &release(due));
    let head = room.commit("zyxcommit two");
    daemon.signal("HUP");
    daemon.follows(&head).await;
    let mut http = BTreeMap::new();
    for path in ["/metrics", "/healthz", "/readyz", "/", "/nothing", "/2026/zyxslug/"] {
        let (_, body) = daemon.ask(&format!("GET {path}"), "").await;
        // A 404 may repeat what was asked.
        http.insert(path, if path.contains("zyx") { body.replace(path, "") } else { body });
    }
    let process = PathBuf::from(format!("/proc/{}", daemon.id()));
    let limits = std::fs::read_to_string(process.join("limits")).unwrap();
    let cmdline = std::fs::read_to_string(process.join("cmdline")).unwrap();
    let listened = listened(&process);
    let backup = room.dir().join("backup.db");
    let output = command(room.dir(), &["ledger", "backup", &backup.display().to_string()]).output().unwrap();
    assert!(output.status.success(), "{:?}", texts(&output));
    let waiting = {
        let output =
            command(room.dir(), &["status", "--format", "json"]).envs(variables.clone()).output().unwrap();
        texts(&output).0
    };
    assert!(clock.now() < due, "the machine is too slow for this night");
    let mut seen = Vec::new();
    while clock.now() < due {
        walk(temporary.path(), &mut |path| {
            let content = std::fs::read(path).unwrap_or_default();
            seen.push(format!("{} {:?}", path.display(), found(&content)));
        });
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let deadline = clock.now() + SignedDuration::from_secs(120);
    loop {
        let states = room.states().await;
        if !states.contains("scheduled") && !states.contains("attempting") {
            break;
        }
        assert!(clock.now() < deadline, "{states}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut files = Vec::new();
    let here = ["site", "archive"].map(|folder| room.dir().join(folder));
    // Whatever a repository holds is in its objects and below its names.
    let there = ["bucket", "branch", "agency", "pages.git/objects", "pages.git/refs"];
    for folder in here.into_iter().chain(there.map(|folder| world.folder.path().join(folder))) {
        walk(&folder, &mut |path| {
            let modified = std::fs::metadata(path).and_then(|data| data.modified()).unwrap();
            files.push((path.to_owned(), Timestamp::try_from(modified).unwrap()));
        });
    }
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut private =
        vec![(backup.clone(), mode(&backup)), (room.dir().join("state"), mode(&room.dir().join("state")))];
    walk(&room.dir().join("state"), &mut |path| private.push((path.to_owned(), mode(path))));
    let (_, lines) = daemon.end().await;
    let line = |text: String| {
        let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        (value["timestamp"].as_str().and_then(|at| at.parse().ok()).unwrap_or(Timestamp::MIN), text)
    };
    let mails = relay.mails().iter().map(|mail| (mail.at, mail.to.clone(), mail.message.clone())).collect();
    Night {
        due,
        requests: world.asked(),
        mails,
        log: lines.into_iter().map(line).collect(),
        http,
        temporary: seen,
        files,
        private,
        limits,
        listened,
        cmdline,
        waiting,
    }
}

/// A newsroom that speaks on every kind of channel, and has briefed one journalist of four.
fn newsroom(world: &World, port: u16) -> Room {
    let room = Room::new(port);
    let channels = format!("channels:\n{}", world::channels(&world.url, world.folder.path()));
    let settings = room.read("dateline.yaml").replacen("channels:\n", &channels, 1);
    room.write("dateline.yaml", &settings.replacen("pages: []", "pages: [wordpress, ghost, micropub]", 1));
    let all = format!("newsroom, archive, {}", VENDORS.join(", "));
    room.write("audiences/public.yaml", &format!("name: Public\nchannels: [{all}]\n"));
    room.write(
        "audiences/briefed.yaml",
        "name: Briefed\nchannels: [relay]\nadvance: 48h\nmembers:\n  where: kind = briefed\n",
    );
    // Two of them, and one alone may have it early.
    room.write("book.csv", &format!("email,name,kind,embargo_ok\n{BRIEFED},Jo Roe,briefed,yes\nunbriefed@paper.example,Jo Doe,briefed,no\n"));
    let book = room.dir().join("book.csv").display().to_string();
    room.run(
        &["contacts", "import", &book, "--basis", "consent", "--source", "form", "--date", "2026-01-02"],
        0,
    );
    std::fs::create_dir_all(room.dir().join("releases/2026")).unwrap();
    let picture = [&png()[..], b"zyxpicture"].concat();
    std::fs::write(room.dir().join("releases/2026/zyxfile.png"), picture).unwrap();
    std::fs::write(room.dir().join("releases/2026/zyxfile.mp4"), [crate::once::FILM, b"zyxpicture"].concat())
        .unwrap();
    room
}

fn release(due: Timestamp) -> String {
    let more = "subtitle: Zyxsubtitle\ntags: [zyxtag]\nmedia:\n  - { file: zyxfile.png, alt: Zyxalt, caption: Zyxcaption, credit: Halden Motors }\n  \
                - { file: zyxfile.mp4, alt: Zyxalt, caption: Zyxcaption, credit: Halden Motors }\n";
    crate::daemon::room::release(due, more, "The zyxbody is here.")
        .replacen("The canary headline", "Zyxtitle", 1)
        .replacen("The canary summary", "The zyxsummary", 1)
        .replacen("[press, public]", "[press, public, briefed]", 1)
}

fn walk(folder: &Path, each: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, each) } else { each(&path) }
    }
}

/// Where a process listens: the local addresses of its sockets in state 0A (proc(5)).
fn listened(process: &Path) -> Vec<String> {
    let mut inodes = Vec::new();
    for entry in std::fs::read_dir(process.join("fd")).unwrap().flatten() {
        let target = std::fs::read_link(entry.path()).unwrap_or_default().display().to_string();
        inodes.extend(target.strip_prefix("socket:[").map(|rest| rest.trim_end_matches(']').to_owned()));
    }
    let mut addresses = Vec::new();
    for table in ["net/tcp", "net/tcp6"] {
        for line in std::fs::read_to_string(process.join(table)).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if fields[3] == "0A" && inodes.iter().any(|inode| inode == fields[9]) {
                addresses.push(fields[1].split(':').next().unwrap().to_owned());
            }
        }
    }
    addresses
}

impl Night {
    fn early(&self, vendors: &[&str]) -> Vec<&Asked> {
        let of = |asked: &&Asked| vendors.is_empty() || vendors.contains(&asked.vendor.as_str());
        self.requests.iter().filter(|asked| asked.at < self.due).filter(of).collect()
    }

    /// What a vendor was sent once it was time.
    fn sent(&self, vendor: &str) -> Vec<u8> {
        self.requests
            .iter()
            .filter(|asked| asked.vendor == vendor)
            .flat_map(|asked| asked.bytes.clone())
            .collect()
    }
}

#[test]
fn at_its_time_it_arrives_everywhere() {
    let night = night();
    for vendor in VENDORS {
        // A ping holds the addresses of feeds alone, ever; nothing else goes without the headline.
        let expected: &[&str] = match vendor {
            "websub" => &[],
            "bucket" => &["zyxtitle", "zyxbody", "zyxpicture"],
            // No request goes there; what came is among the files.
            "branch" | "agency" => continue,
            "youtube" => &["zyxtitle", "zyxpicture"],
            "wordpress" | "ghost" | "micropub" => &["zyxtitle", "zyxbody", "zyxpicture"],
            _ => &["zyxtitle"],
        };
        let seen = found(&night.sent(vendor));
        assert!(expected.iter().all(|canary| seen.contains(canary)), "{vendor}: {seen:?}");
        assert!(!night.sent(vendor).is_empty(), "{vendor}");
    }
    let mails: Vec<u8> = night.mails.iter().flat_map(|(_, _, message)| message.clone()).collect();
    assert!(found(&mails).contains(&"zyxbody"));
    for place in ["/site/", "/archive/", "/bucket/", "/branch/", "/agency/"] {
        let came = |(path, _): &(PathBuf, Timestamp)| {
            path.display().to_string().contains(place) && path.display().to_string().contains("zyxslug")
        };
        assert!(night.files.iter().any(came), "{place}");
    }
    assert!(night.files.iter().any(|(path, _)| path.ends_with("pages.git/refs/heads/pages")));
}

#[test]
fn leak_01_no_draft_and_nothing_scheduled_at_others() {
    assert_eq!(night().early(&["wordpress", "ghost", "micropub"]).len(), 0);
}

#[test]
fn leak_02_no_picture_early_and_none_under_a_name_that_can_be_guessed() {
    let night = night();
    assert_eq!(night.early(&[]).len(), 0);
    // Blogs serve a file under its name.
    for vendor in ["wordpress", "ghost", "micropub"] {
        assert!(!carries(&night.sent(vendor), "zyxfile"), "{vendor} was given the file's name");
    }
}

#[test]
fn leak_03_and_04_no_page_feed_sitemap_index_or_file_before_the_time() {
    let night = night();
    assert!(night.files.len() > 5, "{:?}", night.files);
    for (path, came) in &night.files {
        assert!(*came >= night.due, "{} came at {came}", path.display());
    }
}

#[test]
fn leak_05_and_06_nobody_is_told_before_the_page_is_there() {
    let night = night();
    assert_eq!(night.early(&["websub", "webhook"]).len(), 0);
    let shown =
        |asked: &&Asked| asked.vendor == "wordpress" && asked.path.starts_with("p/") && asked.method == "GET";
    let page = night.requests.iter().find(shown).expect("the page is looked at from outside");
    let ping = night.requests.iter().find(|asked| asked.vendor == "websub").unwrap();
    assert!(page.at < ping.at, "{} {}", page.at, ping.at);
}

#[test]
fn leak_07_no_room_and_no_network_can_make_a_card_early() {
    let rooms = [
        "slack",
        "slackhook",
        "mattermost",
        "teams",
        "discord",
        "matrix",
        "telegram",
        "mastodon",
        "bluesky",
        "x",
        "linkedin",
        "facebook",
        "threads",
        "youtube",
    ];
    assert_eq!(night().early(&rooms).len(), 0);
}

#[test]
fn leak_08_nothing_in_logs_metrics_and_answers() {
    let night = night();
    let early: Vec<&(Timestamp, String)> = night.log.iter().filter(|(at, _)| *at < night.due).collect();
    assert!(early.iter().any(|(_, line)| line.contains("serving health")), "the log is kept: {early:?}");
    for (_, line) in early {
        // The log speaks of a release by its slug, to operators; of its words it never does.
        let seen: Vec<&str> =
            found(line.as_bytes()).into_iter().filter(|canary| *canary != "zyxslug").collect();
        assert_eq!(seen, Vec::<&str>::new(), "{line}");
    }
    for (path, body) in &night.http {
        let seen: Vec<&str> =
            found(body.as_bytes()).into_iter().filter(|canary| *canary != "zyxslug").collect();
        assert_eq!(seen, Vec::<&str>::new(), "{path}: {body}");
    }
    assert_eq!(found(night.http["/metrics"].as_bytes()), Vec::<&str>::new(), "no label names a release");
    assert_eq!(found(night.cmdline.as_bytes()), Vec::<&str>::new());
}

#[test]
fn leak_09_no_temporary_file_no_core_and_nothing_that_others_can_read() {
    let night = night();
    assert_eq!(night.temporary, Vec::<String>::new());
    let core = night.limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    for (path, mode) in &night.private {
        // A folder that only its owner may enter keeps what is in it.
        let inside = path.parent().is_some_and(|folder| folder.ends_with("state"));
        assert!(mode & 0o077 == 0 || inside, "{} has mode {mode:o}", path.display());
    }
}

#[test]
fn leak_10_a_repository_that_everybody_can_read_is_named() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let world = World::start().await;
        let room = Room::new(9);
        let due = Clock::system().now() + SignedDuration::from_hours(5);
        room.release("aster", due, "", "Words.");
        let seen = |room: &Room| {
            let output = command(room.dir(), &["doctor", "--format", "json"]).output().unwrap();
            let said: serde_json::Value = serde_json::from_str(&texts(&output).0).unwrap();
            let one = said["found"]
                .as_array()
                .unwrap()
                .iter()
                .find(|one| one["what"] == "git: who can read it")
                .cloned();
            one.map(|one| format!("{} {}", one["good"], one["seen"].as_str().unwrap())).unwrap()
        };
        tokio::task::spawn_blocking(move || {
            assert_eq!(seen(&room), "true nobody without an account");
            git(room.dir(), &["remote", "add", "origin", &format!("{}/closed.git", world.url)]);
            assert_eq!(seen(&room), "true nobody without an account");
            let open = format!("{}/open.git", world.url);
            git(
                room.dir(),
                &["remote", "set-url", "origin", &open.replace("http://", "http://press:secret@")],
            );
            assert_eq!(
                seen(&room),
                format!("false everybody, at {open}: 1 releases under embargo can be read there")
            );
        })
        .await
        .unwrap();
    });
}

#[test]
fn leak_11_words_of_a_commit_go_nowhere() {
    let night = night();
    for asked in &night.requests {
        assert!(!carries(&asked.bytes, "zyxcommit"), "{} {}", asked.vendor, asked.path);
    }
    for (_, line) in &night.log {
        assert!(!carries(line.as_bytes(), "zyxcommit"), "{line}");
    }
}

#[test]
fn leak_12_no_name_on_the_wire_tells_what_it_is_about() {
    let night = night();
    for asked in &night.requests {
        for name in ["host", "idempotency-key", "webhook-id", "user-agent"] {
            let value = asked.headers.get(name).cloned().unwrap_or_default();
            assert_eq!(found(value.as_bytes()), Vec::<&str>::new(), "{name}: {value}");
        }
    }
    for (_, _, message) in &night.mails {
        let text = String::from_utf8_lossy(message);
        let id = text.lines().find(|line| line.to_lowercase().starts_with("message-id:")).unwrap();
        assert_eq!(found(id.as_bytes()), Vec::<&str>::new(), "{id}");
    }
}

#[test]
fn leak_13_and_19_before_the_time_a_mail_goes_to_who_was_briefed_alone_and_says_so() {
    let night = night();
    let early: Vec<_> = night.mails.iter().filter(|(at, _, _)| *at < night.due).collect();
    for (_, to, message) in &early {
        assert_eq!(to, &[BRIEFED]);
        assert!(String::from_utf8_lossy(message).contains("EMBARGOED"));
    }
    assert!((1..=2).contains(&early.len()), "{}", early.len());
    let late: Vec<&String> =
        night.mails.iter().filter(|(at, _, _)| *at >= night.due).flat_map(|(_, to, _)| to).collect();
    assert!(late.iter().any(|to| *to == "unbriefed@paper.example"), "{late:?}");
    assert!(late.len() >= 4, "{late:?}");
}

#[test]
fn leak_14_nothing_listens_beyond_this_machine() {
    let night = night();
    assert!(!night.listened.is_empty());
    for address in &night.listened {
        assert!(["0100007F", "00000000000000000000000001000000"].contains(&address.as_str()), "{address}");
    }
    // The preview has no flag by which it could.
    let output = command(Path::new("."), &["preview", "--help"]).output().unwrap();
    let help = texts(&output).0;
    assert!(help.contains("--port") && !help.contains("--host") && !help.contains("--listen"), "{help}");
}

#[test]
fn leak_15_what_a_picture_says_of_itself_is_named() {
    // A JPEG with a GPS directory of one entry (Exif 2.32, 4.6.3).
    let tiff = [
        &b"MM\0*\0\0\0\x08\0\x01\x88\x25\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0"[..],
        &b"\0\x01\0\0\0\x01\0\0\0\x04\x02\x02\0\0\0\0\0\0"[..],
    ]
    .concat();
    let exif = [b"Exif\0\0", &tiff[..]].concat();
    let mut jpeg = b"\xff\xd8\xff\xe1".to_vec();
    jpeg.extend(u16::try_from(exif.len() + 2).unwrap().to_be_bytes());
    jpeg.extend(&exif);
    jpeg.extend(b"\xff\xc0\0\x0b\x08\0\x40\0\x40\x01\x01\x11\0\xff\xd9");
    let room = Room::new(9);
    std::fs::create_dir_all(room.dir().join("releases/2026")).unwrap();
    std::fs::write(room.dir().join("releases/2026/front.jpg"), jpeg).unwrap();
    let media = "media:\n  - { file: front.jpg, alt: The car, credit: Halden Motors }\n";
    room.release("aster", Clock::system().now() + SignedDuration::from_hours(5), media, "Words.");
    let output = command(room.dir(), &["check"]).output().unwrap();
    let (out, error) = texts(&output);
    assert!(
        format!("{out}{error}").contains("GPS") || format!("{out}{error}").contains("position"),
        "{out}{error}"
    );
}

#[test]
fn leak_16_a_time_that_is_no_time_is_refused_and_never_means_now() {
    let room = Room::new(9);
    for time in [
        "2027-03-28T02:30[Europe/Stockholm]",
        "2027-10-31T02:30[Europe/Stockholm]",
        "2027-02-29T09:00[Europe/Stockholm]",
        "2027-03-01T24:00[Europe/Stockholm]",
        "2027-03-01T09:00[Europe/Stokholm]",
        "2027-06-01T09:00+01:00[Europe/Stockholm]",
        "2027-03-01",
        "tomorrow",
        "",
    ] {
        let text = crate::daemon::room::release(Clock::system().now(), "", "Words.");
        let lines: Vec<String> = text
            .lines()
            .map(
                |line| {
                    if line.starts_with("publish:") { format!("publish: {time}") } else { line.to_owned() }
                },
            )
            .collect();
        room.write("releases/2026/aster.md", &lines.join("\n"));
        room.commit(if time.is_empty() { "none" } else { time });
        let (out, _) = room.run(&["check"], 1);
        assert!(out.contains("publish") || out.contains("time"), "{time}: {out}");
        let output = command(room.dir(), &["issue"]).output().unwrap();
        assert_ne!(output.status.code(), Some(0), "{time}");
        let output = command(room.dir(), &["status", "--format", "json"]).output().unwrap();
        assert!(!texts(&output).0.contains("\"aster\""), "{time}");
    }
}

#[test]
fn leak_17_what_was_approved_first_is_not_what_leaves() {
    let night = night();
    for asked in &night.requests {
        assert!(!carries(&asked.bytes, WITHDRAWN), "{} {}", asked.vendor, asked.path);
    }
    let late = night.mails.iter().filter(|(at, _, _)| *at >= night.due);
    for (_, to, message) in late {
        assert!(!carries(message, WITHDRAWN), "{to:?}");
    }
}

#[test]
fn leak_18_a_test_goes_to_one_address_and_says_that_it_is_one() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let relay = relay(&Clock::system()).await;
        let room = Room::new(relay.smtp_port());
        room.release("aster", Clock::system().now() + SignedDuration::from_hours(5), "", "Words.");
        let room = tokio::task::spawn_blocking(move || {
            room.run(&["test-send", "aster", "--to", "me@halden.example"], 0);
            room
        })
        .await
        .unwrap();
        let mails = relay.mails();
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].to, ["me@halden.example"]);
        assert!(String::from_utf8_lossy(&mails[0].message).contains("TEST"));
        assert_eq!(room.states().await, "", "nothing of it is on record");
    });
}

#[test]
fn leak_20_a_copy_of_the_ledger_is_for_its_owner_alone() {
    let night = night();
    let (path, mode) = &night.private[0];
    assert!(path.ends_with("backup.db") && mode & 0o077 == 0, "{} {mode:o}", path.display());
    assert!(night.waiting.contains("scheduled"), "it was made while it waited: {}", night.waiting);
}
