//! The daemon inside the test, on a clock that stands until it is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dateline::clock::Clock;
use dateline::config::Config;
use dateline::daemon::{Daemon, Follower, Watch};
use dateline::dispatch::{Dispatch, Route, Tally};
use dateline::ledger::{Ledger, LedgerConfig, LedgerError};
use dateline::web::Health;
use dateline::{channel, load};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::room::Room;

pub struct Inside {
    pub clock: Clock,
    pub ledger: Ledger,
    pub health: watch::Receiver<Health>,
    nudge: mpsc::Sender<()>,
    stop: CancellationToken,
    task: JoinHandle<Result<Tally, LedgerError>>,
}

impl Inside {
    pub async fn start(room: &Room, clock: &Clock) -> Inside {
        Inside::accepting(room, clock, None).await
    }

    /// Starts it and waits for its first look.
    pub async fn accepting(room: &Room, clock: &Clock, accept: Option<&str>) -> Inside {
        let (config, findings) = Config::read(&room.read("dateline.yaml"));
        assert!(findings.is_empty(), "{findings:?}");
        let folder = LedgerConfig { folder: room.dir().join("state"), ..LedgerConfig::default() };
        let ledger = Ledger::open_exclusive(&folder, clock.now()).await.unwrap();
        let routes: BTreeMap<String, Route> = config
            .channels
            .iter()
            .map(|(key, settings)| {
                let secrets = channel::Secrets::none().with("password", "rätt lösen");
                let channel = channel::open(settings, room.dir(), &secrets).unwrap();
                (
                    key.clone(),
                    Route {
                        channel,
                        kind: settings.kind(),
                        limits: settings.limits().clone(),
                        on_unknown: settings.on_unknown(),
                    },
                )
            })
            .collect();
        let git = load::git_dir(&room.dir().join(&config.git.path)).unwrap();
        let follower = Follower::open(&git, config.git.clone(), folder.folder.join("followed"), accept);
        let (nudge, nudges) = mpsc::channel(1);
        let (health, seen) = watch::channel(Health::default());
        let stop = CancellationToken::new();
        let dispatch =
            Dispatch::new(ledger.clone(), routes, clock.clone(), "inside".into(), Arc::new(|_| ()));
        let watch = Watch::new(clock.clone(), ledger.clone(), &folder.folder, config.clock.clone(), None);
        let daemon = Daemon {
            ledger: ledger.clone(),
            dispatch,
            follower: follower.unwrap(),
            poll: config.git.poll.0,
            clock: clock.clone(),
            health,
            nudges,
            watch,
            room: watch::channel(Arc::default()).0,
        };
        let task = tokio::spawn(daemon.run(false, stop.clone()));
        let inside = Inside { clock: clock.clone(), ledger, health: seen, nudge, stop, task };
        inside.healthy("its first look", |health| health.looked_at.is_some()).await;
        inside
    }

    /// Waits until it says so of itself.
    pub async fn healthy(&self, what: &str, mut wanted: impl FnMut(&Health) -> bool) -> Health {
        let mut health = self.health.clone();
        let seen = tokio::time::timeout(Duration::from_secs(60), health.wait_for(|seen| wanted(seen))).await;
        match seen {
            Ok(seen) => seen.unwrap().clone(),
            Err(_) => panic!("waited in vain for {what}: {:?}", self.health.borrow().clone()),
        }
    }

    /// Moves the clock, makes it look at git, and waits until it has.
    pub async fn look_at(&self, now: Timestamp) -> Health {
        self.clock.set(now);
        self.nudge.send(()).await.unwrap();
        self.healthy("a look at git", |health| health.looked_at == Some(now)).await
    }

    /// Moves the clock and waits until the ledger counts `expected`: `5 sent`.
    pub async fn reach(&self, room: &Room, now: Timestamp, expected: &str) {
        self.clock.set(now);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let states = room.states().await;
            if states == expected {
                return;
            }
            let problems = &self.health.borrow().problems;
            assert!(Instant::now() < deadline, "waited in vain for {expected}: {states}; {problems:?}");
        }
    }

    /// Stops it and waits for its end.
    pub async fn end(self) -> Tally {
        self.stop.cancel();
        let tally = self.task.await.unwrap().unwrap();
        self.ledger.close(self.clock.now()).await.unwrap();
        tally
    }
}
