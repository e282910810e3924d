//! Dispatch between a real ledger and a scripted channel.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dateline::channel::config::{Limits, OnUnknown};
use dateline::channel::{Channel, Failure, Gate, Parcel, Probe, Receipt, Recipient, Reply};
use dateline::clock::Clock;
use dateline::dispatch::{Dispatch, Event, Route};
use dateline::ledger::{Ledger, LedgerConfig, Scope, State};
use dateline::newsroom::ChannelKind;
use dateline::plan::Action;
use dateline::release::Notice;
use tokio_util::sync::CancellationToken;

use crate::ledger::desk::{Desk, Part, at, mail, order};

/// What the channel does with a parcel for a local part.
#[derive(Clone)]
enum Script {
    Accept,
    /// Fails before the gate is asked.
    Early(Failure),
    /// Asks the gate, then fails.
    Late(Failure),
    /// Is lost after the gate, and found by a probe.
    LostButThere,
    /// Never asks the gate and gives up.
    Lame,
}

/// A channel that follows a script and remembers what passed the gate.
#[derive(Default)]
struct Scripted {
    script: BTreeMap<&'static str, Script>,
    passed: Arc<Mutex<Vec<String>>>,
}

fn name(parcel: &Parcel) -> String {
    match &parcel.recipient {
        Recipient::Mailbox { email, .. } => email.local().to_owned(),
        Recipient::Account => "account".to_owned(),
    }
}

#[async_trait]
impl Channel for Scripted {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let name = name(parcel);
        let script = self.script.get(name.as_str()).cloned().unwrap_or(Script::Accept);
        match &script {
            Script::Early(failure) => return Err(failure.clone()),
            Script::Lame => return Err(Failure::GateClosed),
            _ => {}
        }
        if !gate.open().await {
            return Err(Failure::GateClosed);
        }
        self.passed.lock().unwrap().push(name);
        match script {
            Script::Late(failure) => Err(failure),
            Script::LostButThere => Err(Failure::Unknown { reply: Reply::note("connection lost") }),
            _ => Ok(Receipt { remote_id: Some("r1".into()), url: None, reply: Reply::note("taken") }),
        }
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        match self.script.get(name(parcel).as_str()) {
            Some(Script::LostButThere) => Probe::Arrived(Receipt {
                remote_id: Some("r2".into()),
                url: None,
                reply: Reply::note("seen"),
            }),
            _ => Probe::CannotTell,
        }
    }
}

struct Bench {
    _folder: tempfile::TempDir,
    desk: Desk,
    clock: Clock,
    dispatch: Dispatch,
    passed: Arc<Mutex<Vec<String>>>,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Bench {
    async fn new(contacts: i64, script: &[(&'static str, Script)]) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let config = LedgerConfig { folder: folder.path().join("ledger"), postgres: None };
        let ledger = Ledger::open_exclusive(&config, at(-7200)).await.unwrap();
        let desk = Desk::with(ledger.clone(), contacts).await;
        let clock = Clock::fixed(at(-60));
        let passed = Arc::default();
        let channel = Scripted { script: script.iter().cloned().collect(), passed: Arc::clone(&passed) };
        let limits = Limits { connections: Some(3), ..Limits::default() };
        let route = Route {
            channel: Box::new(channel),
            kind: ChannelKind::Smtp,
            limits,
            on_unknown: OnUnknown::Hold,
        };
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let observer = {
            let events = Arc::clone(&events);
            Arc::new(move |event| events.lock().unwrap().push(event))
        };
        let routes = [("relay".to_owned(), route)].into();
        let dispatch = Dispatch::new(ledger, routes, clock.clone(), "bench".into(), observer);
        Bench { _folder: folder, desk, clock, dispatch, passed, events }
    }

    /// Drains at `seconds` after nine and says what the tally is.
    async fn drain(&self, seconds: i64) -> String {
        self.clock.set(at(seconds));
        let tally = self.dispatch.drain(&CancellationToken::new()).await.unwrap();
        let parts: Vec<String> = tally.iter().map(|(state, count)| format!("{count} {state}")).collect();
        parts.join(", ")
    }

    fn passed(&self) -> Vec<String> {
        let mut passed = self.passed.lock().unwrap().clone();
        passed.sort();
        passed
    }
}

fn later() -> Failure {
    Failure::Later { reply: Reply::new(451, Some("4.7.1".into()), "greylisted"), retry_after: None }
}

#[tokio::test]
async fn nothing_leaves_before_it_is_due_and_then_everything_once() {
    let bench = Bench::new(40, &[]).await;
    let everybody: Vec<i64> = (1..=40).collect();
    bench.desk.original("aster", "v1", &everybody).await;
    assert_eq!(bench.drain(-1).await, "");
    assert!(bench.passed().is_empty());
    assert_eq!(bench.drain(0).await, "40 sent");
    assert_eq!(bench.drain(1).await, "");
    let passed = bench.passed();
    assert_eq!(passed.len(), 40);
    assert!(passed.windows(2).all(|pair| pair[0] != pair[1]), "somebody got it twice: {passed:?}");
}

#[tokio::test]
async fn each_failure_ends_where_it_should_and_is_recorded_also_before_the_gate() {
    let refused =
        Failure::Refused { reply: Reply::new(550, Some("5.1.1".into()), "no such user"), suppress: true };
    let lost = Failure::Unknown { reply: Reply::note("connection lost after the dot") };
    let script = [
        ("c1", Script::Early(later())),
        ("c2", Script::Late(later())),
        ("c3", Script::Early(refused)),
        ("c4", Script::Late(lost)),
        ("c5", Script::LostButThere),
        ("c6", Script::Accept),
    ];
    let bench = Bench::new(6, &script).await;
    bench.desk.original("aster", "v1", &[1, 2, 3, 4, 5, 6]).await;
    assert_eq!(bench.drain(0).await, "2 scheduled, 2 sent, 1 failed, 1 unknown");
    let rows = bench.desk.rows("aster").await;
    assert_eq!(
        rows,
        [
            "c1 original scheduled",
            "c2 original scheduled",
            "c3 original failed",
            "c4 original unknown",
            "c5 original sent",
            "c6 original sent"
        ]
    );
    let suppressions = bench.desk.ledger.suppressions().await.unwrap();
    assert_eq!(suppressions.len(), 1, "only the dead address is suppressed");
    // The second try comes after about a minute, not before, and an unknown one never by itself.
    assert_eq!(bench.drain(30).await, "");
    assert_eq!(bench.drain(80).await, "2 scheduled");
    let words: Vec<String> =
        bench.events.lock().unwrap().iter().map(|event| event.recipient.clone()).collect();
    assert!(words.iter().all(|word| !word.contains("c1@")), "addresses are masked: {words:?}");
}

#[tokio::test]
async fn a_channel_that_refuses_us_is_held_and_nobody_fails() {
    let wrong = Failure::HoldChannel { reply: Reply::new(535, Some("5.7.8".into()), "bad password") };
    let script: Vec<(&str, Script)> = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"]
        .map(|name| (name, Script::Early(wrong.clone())))
        .into();
    let bench = Bench::new(8, &script).await;
    bench.desk.original("aster", "v1", &[1, 2, 3, 4, 5, 6, 7, 8]).await;
    bench.drain(0).await;
    let holds = bench.desk.ledger.holds().await.unwrap();
    assert_eq!(holds.len(), 1);
    assert_eq!(holds[0].scope, Scope::Channel("relay".into()));
    let rows = bench.desk.rows("aster").await;
    assert!(rows.iter().all(|row| row.ends_with("scheduled")), "{rows:?}");
    assert!(bench.events.lock().unwrap().len() <= 3, "at most one try for each connection");
}

#[tokio::test]
async fn a_destination_that_refuses_us_three_times_is_held() {
    let policy = Failure::HoldDestination { reply: Reply::new(550, Some("5.7.1".into()), "blocked") };
    let names = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"];
    let script: Vec<(&str, Script)> = names.map(|name| (name, Script::Early(policy.clone()))).into();
    let bench = Bench::new(9, &script).await;
    bench.desk.original("aster", "v1", &[1, 2, 3, 4, 5, 6, 7, 8, 9]).await;
    bench.drain(0).await;
    let holds = bench.desk.ledger.holds().await.unwrap();
    assert!(holds.iter().any(|hold| hold.scope == Scope::Destination("paper.example".into())), "{holds:?}");
    assert!(bench.desk.ledger.suppressions().await.unwrap().is_empty(), "nobody is suppressed for our fault");
}

#[tokio::test]
async fn a_hold_between_claim_and_gate_wins() {
    let bench = Bench::new(2, &[]).await;
    bench.desk.original("aster", "v1", &[1, 2]).await;
    bench.desk.ledger.hold(Scope::Everything, "stop", "test", at(-1)).await.unwrap();
    bench.drain(0).await;
    assert!(bench.passed().is_empty());
    bench.desk.ledger.resume(&Scope::Everything, "test", at(1)).await.unwrap();
    assert_eq!(bench.drain(2).await, "2 sent");
}

#[tokio::test]
async fn an_adapter_that_gives_up_without_asking_gives_its_claim_back() {
    let bench = Bench::new(1, &[("c1", Script::Lame)]).await;
    bench.desk.original("aster", "v1", &[1]).await;
    let stop = CancellationToken::new();
    bench.clock.set(at(0));
    let dispatch = bench.dispatch.clone();
    let events = Arc::clone(&bench.events);
    let halting = stop.clone();
    let watch = tokio::spawn(async move {
        while events.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        halting.cancel();
    });
    dispatch.drain(&stop).await.unwrap();
    watch.await.unwrap();
    assert_eq!(bench.desk.rows("aster").await, ["c1 original scheduled"]);
    let attempts = bench.desk.ledger.log(Some("aster"), dateline::ledger::DeliveryId(0), 10).await.unwrap();
    assert!(attempts[0].attempts.is_empty(), "nothing was tried: {:?}", attempts[0].attempts);
}

#[tokio::test]
async fn the_newsroom_site_goes_before_the_mails() {
    struct Ordered(&'static str, Arc<Mutex<Vec<&'static str>>>);
    #[async_trait]
    impl Channel for Ordered {
        async fn deliver(&self, _: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
            assert!(gate.open().await);
            self.1.lock().unwrap().push(self.0);
            Ok(Receipt::default())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let config = LedgerConfig { folder: folder.path().join("ledger"), postgres: None };
    let ledger = Ledger::open_exclusive(&config, at(-7200)).await.unwrap();
    let desk = Desk::with(ledger.clone(), 2).await;
    let site = Part("public", "site", Action::Create, dateline::plan::Recipients::Account);
    desk.issue(order("aster", Notice::Original, "v1", vec![mail(Action::Create, &[1, 2]), site])).await;
    let order: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let route = |name: &'static str, kind| Route {
        channel: Box::new(Ordered(name, Arc::clone(&order))),
        kind,
        limits: Limits::default(),
        on_unknown: OnUnknown::Hold,
    };
    let routes = [
        ("relay".to_owned(), route("mail", ChannelKind::Smtp)),
        ("site".to_owned(), route("site", ChannelKind::Newsroom)),
    ];
    let dispatch =
        Dispatch::new(ledger, routes.into(), Clock::fixed(at(0)), "bench".into(), Arc::new(|_| {}));
    let tally = dispatch.drain(&CancellationToken::new()).await.unwrap();
    assert_eq!(tally.get(&State::Sent), Some(&3));
    assert_eq!(*order.lock().unwrap(), ["site", "mail", "mail"]);
}
