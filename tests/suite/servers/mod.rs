//! What every server holds to that is really there (`tests/endpoints/`), through the real adapters, commands and ledger: nothing before the
//! time, one thing whatever is lost and wherever the process dies, with four workers on one ledger.

mod bluesky;
mod ghost;
mod mastodon;
mod micropub;
mod proxy;
mod websub;

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;

use async_trait::async_trait;
use dateline::channel;
use dateline::clock::Clock;
use dateline::config::Config;
use dateline::dispatch::{Dispatch, Route};
use dateline::ledger::{DeliveryId, Ledger, LedgerConfig};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::daemon::room::{Room, command, texts};
use crate::networks::png;
use crate::world::Fault;
pub use proxy::spoiling;

/// The instants at which it is sent and looked at again, in seconds: the looks after one, two, five, ten and fifteen minutes, and what they
/// set free.
const LATER: [i64; 9] = [0, 70, 130, 310, 400, 620, 930, 1_300, 2_000];

/// A server that is there.
#[async_trait]
pub trait Server: Sync {
    /// How many requests that change something make one thing with one picture there, from the log-in on.
    const WRITES: usize;

    fn url(&self) -> &str;

    /// A channel to it by way of `url`: its kind and settings, as they stand in `dateline.yaml`.
    fn channel(&self, url: &str) -> String;

    /// Everything there that holds `word`, seen by everybody or not, each in some words.
    async fn things(&self, word: &str) -> Vec<String>;
}

/// A word that nothing else has.
pub fn word(what: &str) -> String {
    format!("{what}{}", Clock::system().now().as_nanosecond())
}

/// A newsroom whose one channel leads to a server.
pub struct Bench<'a, S> {
    pub server: &'a S,
    pub room: Room,
}

/// The picture's description begins with it.
pub const ALT: &str = "The Aster EV, seen from the front";

impl<S: Server> Bench<'_, S> {
    pub fn new(server: &S) -> Bench<'_, S> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let room = Room::new(9);
        let channels = format!("channels:\n  there: {{ {} }}\n", server.channel(server.url()));
        room.write("dateline.yaml", &room.read("dateline.yaml").replacen("channels:\n", &channels, 1));
        room.write("audiences/public.yaml", "name: Public\nchannels: [there]\n");
        std::fs::create_dir_all(room.dir().join("releases/2026")).unwrap();
        std::fs::write(room.dir().join("releases/2026/front.png"), png()).unwrap();
        Bench { server, room }
    }

    /// Commits a release that is called `word` and says it, and issues it.
    pub fn release(&self, word: &str, publish: Timestamp) {
        self.write(word, publish, "", "");
    }

    /// The same with a second picture in its text, sent.
    pub fn pictured(&self, word: &str) {
        let path = self.room.dir().join("releases/2026/inside.png");
        std::fs::write(path, crate::wordpress::second_png()).unwrap();
        let media = "  - { file: inside.png, alt: The seats, credit: Halden Motors }\n";
        let publish = Clock::system().now() - SignedDuration::from_secs(2);
        self.write(word, publish, media, "\n\n![The seats](inside.png)");
        tokio::task::block_in_place(|| self.room.run(&["dispatch"], 0));
    }

    fn write(&self, word: &str, publish: Timestamp, media: &str, more: &str) {
        let media =
            format!("media:\n  - {{ file: front.png, alt: \"{ALT}\", credit: Halden Motors }}\n{media}");
        let text = crate::daemon::room::release(publish, &media, &format!("First words, {word}.{more}"));
        let text = text.replacen("[press, public]", "[public]", 1).replacen("The canary headline", word, 1);
        self.room.write(&format!("releases/2026/{word}.md"), &text);
        self.room.commit(word);
        tokio::task::block_in_place(|| self.room.run(&["issue"], 0));
    }

    /// Changes a release, commits that, issues what follows and sends it.
    pub fn change(&self, word: &str, from: &str, to: &str) {
        let path = format!("releases/2026/{word}.md");
        let text = self.room.read(&path);
        assert!(text.contains(from), "{text}");
        self.room.write(&path, &text.replacen(from, to, 1));
        self.room.commit(to);
        tokio::task::block_in_place(|| {
            self.room.run(&["issue"], 0);
            // Whether all of it went well, the tests ask of the server and of the ledger.
            command(self.room.dir(), &["dispatch"]).status().unwrap();
        });
    }

    /// Lets `workers` send what is due at each of these instants, by way of `url`. Gives the state of each delivery of `word`.
    pub async fn drain(&self, url: &str, workers: usize, instants: &[Timestamp], word: &str) -> Vec<String> {
        let channels = format!("channels:\n  there: {{ {} }}\n", self.server.channel(url));
        drain(&self.room, &channels, workers, instants, word).await
    }

    /// Four workers, one of whose answers is spoilt: one thing.
    async fn check(&self, fault: Fault, at: usize) {
        let word = word("spoilt");
        let now = Clock::system().now();
        self.release(&word, now - SignedDuration::from_secs(2));
        let way = spoiling(self.server.url(), fault, at).await;
        let later = LATER.map(|seconds| now + SignedDuration::from_secs(seconds));
        let states = self.drain(&way, 4, &later, &word).await;
        assert_eq!(states, ["sent"], "{fault:?} at {at}");
        let things = self.server.things(&word).await;
        assert_eq!(things.len(), 1, "{fault:?} at {at}: {things:#?}");
    }
}

/// Lets `workers` send over these channels what is due at each of these instants. Gives the state of each delivery of `word`.
async fn drain(
    room: &Room,
    channels: &str,
    workers: usize,
    instants: &[Timestamp],
    word: &str,
) -> Vec<String> {
    let clock = Clock::fixed(Clock::system().now());
    let config = LedgerConfig { folder: room.dir().join("state"), ..LedgerConfig::default() };
    let ledger = Ledger::open_exclusive(&config, clock.now()).await.unwrap();
    let (config, findings) = Config::read(channels);
    assert!(findings.is_empty(), "{findings:?}");
    let route = |key: &String| {
        let settings = &config.channels[key];
        let secrets = config.secrets(key, room.dir()).unwrap();
        let route = Route {
            channel: channel::open(settings, room.dir(), &secrets).unwrap(),
            kind: settings.kind(),
            limits: settings.limits().clone(),
            on_unknown: settings.on_unknown(),
        };
        (key.clone(), route)
    };
    let workers: Vec<Dispatch> = (0..workers)
        .map(|number| {
            let routes = config.channels.keys().map(route).collect();
            Dispatch::new(ledger.clone(), routes, clock.clone(), format!("worker {number}"), Arc::new(|_| {}))
        })
        .collect();
    for instant in instants {
        clock.set(*instant);
        let drains = workers.iter().map(|worker| {
            let worker = worker.clone();
            tokio::spawn(async move { worker.drain(&CancellationToken::new()).await.unwrap() })
        });
        for drain in drains.collect::<Vec<_>>() {
            drain.await.unwrap();
        }
    }
    let log = ledger.log(Some(word), DeliveryId(0), 100).await.unwrap();
    assert_eq!(ledger.verify().await.unwrap(), Vec::<String>::new());
    ledger.close(clock.now()).await.unwrap();
    log.iter().map(|entry| entry.state.to_string()).collect()
}

/// Whatever answer is spoilt, there is one thing in the end.
pub async fn survives_what_is_lost<S: Server>(server: &S) {
    for fault in [Fault::Lost, Fault::Broken, Fault::Says500, Fault::Breaks] {
        for at in 1..=S::WRITES {
            Bench::new(server).check(fault, at).await;
        }
    }
}

/// What is done after we gave up is still one thing. Half a minute.
pub async fn survives_what_is_slow<S: Server>(server: &S) {
    Bench::new(server).check(Fault::Slow, S::WRITES).await;
}

/// The process dies before anything left, after each request that was answered, and before the answer is on record.
pub async fn survives_deaths<S: Server>(server: &S) {
    if !cfg!(feature = "crashpoints") {
        return;
    }
    let each = (1..=S::WRITES).map(|number| format!("P3:{number}"));
    for point in ["P1".to_owned()].into_iter().chain(each).chain(["P4".to_owned()]) {
        let (bench, word) = (Bench::new(server), word("dead"));
        let now = Clock::system().now();
        bench.release(&word, now - SignedDuration::from_secs(2));
        tokio::task::block_in_place(|| {
            let run = |point: Option<&str>| {
                let mut command = command(bench.room.dir(), &["dispatch"]);
                command.envs(point.map(|point| ("DATELINE_CRASH", point)));
                command.output().unwrap()
            };
            let died = run(Some(&point));
            assert_eq!(died.status.signal(), Some(9), "{point}: {:?}", texts(&died));
            // So that the next death is not this one's second.
            let after = run(None);
            assert_eq!(after.status.signal(), None, "{point}: {:?}", texts(&after));
        });
        let later = LATER.map(|seconds| now + SignedDuration::from_secs(seconds));
        let states = bench.drain(server.url(), 1, &later, &word).await;
        assert_eq!(states, ["sent"], "{point}");
        let things = server.things(&word).await;
        assert_eq!(things.len(), 1, "{point}: {things:#?}");
    }
}

/// Nothing is there before its time, and all of it a second later.
pub async fn keeps_the_embargo<S: Server>(server: &S) {
    let bench = Bench::new(server);
    let word = word("canary");
    let publish = Clock::system().now() + SignedDuration::from_hours(2);
    let publish = Timestamp::from_second(publish.as_second()).unwrap();
    bench.release(&word, publish);
    for seconds in [7_000, 61, 59, 1] {
        let states =
            bench.drain(server.url(), 1, &[publish - SignedDuration::from_secs(seconds)], &word).await;
        assert_eq!(
            (states, server.things(&word).await),
            (vec!["scheduled".to_owned()], vec![]),
            "{seconds} s before"
        );
    }
    assert_eq!(bench.drain(server.url(), 1, &[publish], &word).await, ["sent"]);
    assert_eq!(server.things(&word).await.len(), 1);
}

/// Makes a test of each of these for a server, if it is given.
macro_rules! holds {
    ($server:ty) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn whatever_answer_is_spoilt_there_is_one_thing() {
            let Some(server) = <$server>::given() else { return };
            crate::servers::survives_what_is_lost(&server).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn what_is_done_after_we_gave_up_is_one_thing() {
            let Some(server) = <$server>::given() else { return };
            crate::servers::survives_what_is_slow(&server).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn wherever_the_process_dies_there_is_one_thing() {
            let Some(server) = <$server>::given() else { return };
            crate::servers::survives_deaths(&server).await;
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn before_its_time_there_is_nothing() {
            let Some(server) = <$server>::given() else { return };
            crate::servers::keeps_the_embargo(&server).await;
        }
    };
}
use holds;
