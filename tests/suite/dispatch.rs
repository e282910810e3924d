//! Dispatch between a real ledger and a scripted channel.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dateline::channel::config::{Limits, OnUnknown};
use dateline::channel::{Channel, Failure, Gate, Parcel, Probe, Receipt, Recipient, Reply};
use dateline::clock::Clock;
use dateline::dispatch::{Dispatch, Event, Route};
use dateline::ledger::{Ledger, LedgerConfig, Scope, State, Want};
use dateline::newsroom::ChannelKind;
use dateline::plan::Action;
use dateline::release::Notice;
use tokio::sync::Notify;
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
    /// Panics before the gate is asked.
    Panics,
    /// Panics after it.
    PanicsLate,
    /// Asks the gate, and is told by the test when to go on.
    Waits(Arc<Notify>, Arc<Notify>),
}

/// A channel that follows a script and remembers what passed the gate.
#[derive(Default)]
struct Scripted {
    script: BTreeMap<&'static str, Script>,
    /// It says that it is faster than the disk.
    fast: bool,
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
            Script::Panics => panic!("poison"),
            Script::Waits(asked, go) => {
                if !gate.ask().await {
                    return Err(Failure::GateClosed);
                }
                asked.notify_one();
                go.notified().await;
                if !gate.pass() {
                    return Err(Failure::GateClosed);
                }
                self.passed.lock().unwrap().push(name);
                return Ok(Receipt::default());
            }
            _ => {}
        }
        if !gate.open().await {
            return Err(Failure::GateClosed);
        }
        self.passed.lock().unwrap().push(name);
        match script {
            Script::Late(failure) => Err(failure),
            Script::PanicsLate => panic!("poison"),
            Script::LostButThere => Err(Failure::Unknown { reply: Reply::note("connection lost") }),
            _ => Ok(Receipt { remote_id: Some("r1".into()), url: None, reply: Reply::note("taken") }),
        }
    }

    fn line(&self) -> u32 {
        if self.fast { 4 } else { 0 }
    }

    fn is_fast(&self) -> bool {
        self.fast
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
        Bench::with(contacts, script, OnUnknown::Hold, false).await
    }

    /// To a channel that is faster than the disk, or is not.
    async fn to(fast: bool, contacts: i64, script: &[(&'static str, Script)]) -> Bench {
        Bench::with(contacts, script, OnUnknown::Hold, fast).await
    }

    async fn with(
        contacts: i64,
        script: &[(&'static str, Script)],
        on_unknown: OnUnknown,
        fast: bool,
    ) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let config = LedgerConfig { folder: folder.path().join("ledger"), ..LedgerConfig::default() };
        let ledger = Ledger::open_exclusive(&config, at(-7200)).await.unwrap();
        let desk = Desk::with(ledger.clone(), contacts).await;
        let clock = Clock::fixed(at(-60));
        let passed = Arc::default();
        let script = script.iter().cloned().collect();
        let channel = Scripted { script, fast, passed: Arc::clone(&passed) };
        let limits = Limits { connections: Some(3), ..Limits::default() };
        let route = Route { channel: Box::new(channel), kind: ChannelKind::Smtp, limits, on_unknown };
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
    for fast in [false, true] {
        let bench = Bench::to(fast, 40, &[]).await;
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
}

#[tokio::test]
async fn each_failure_ends_where_it_should_and_is_recorded_also_before_the_gate() {
    for fast in [false, true] {
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
        let bench = Bench::to(fast, 6, &script).await;
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
    for fast in [false, true] {
        let bench = Bench::to(fast, 2, &[]).await;
        bench.desk.original("aster", "v1", &[1, 2]).await;
        bench.desk.ledger.hold(Scope::Everything, "stop", "test", at(-1)).await.unwrap();
        bench.drain(0).await;
        assert!(bench.passed().is_empty());
        bench.desk.ledger.resume(&Scope::Everything, "test", at(1)).await.unwrap();
        assert_eq!(bench.drain(2).await, "2 sent");
    }
}

#[tokio::test]
async fn an_adapter_that_gives_up_without_asking_gives_its_claim_back() {
    for fast in [false, true] {
        let bench = Bench::to(fast, 1, &[("c1", Script::Lame)]).await;
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
        let attempts =
            bench.desk.ledger.log(Some("aster"), dateline::ledger::DeliveryId(0), 10).await.unwrap();
        assert!(attempts[0].attempts.is_empty(), "nothing was tried: {:?}", attempts[0].attempts);
    }
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
    let config = LedgerConfig { folder: folder.path().join("ledger"), ..LedgerConfig::default() };
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

/// However long another channel keeps this daemon at work.
#[tokio::test]
async fn a_channel_with_nothing_to_send_leaves_its_connections_to_other_daemons() {
    let folder = tempfile::tempdir().unwrap();
    let config = LedgerConfig { folder: folder.path().join("ledger"), ..LedgerConfig::default() };
    let ledger = Ledger::open_exclusive(&config, at(-7200)).await.unwrap();
    let desk = Desk::with(ledger.clone(), 3).await;
    let post = Part("public", "slow", Action::Create, dateline::plan::Recipients::Account);
    desk.issue(order("aster", Notice::Original, "v1", vec![mail(Action::Create, &[1, 2]), post])).await;
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let route = |script: &[(&'static str, Script)], kind| Route {
        channel: Box::new(Scripted { script: script.iter().cloned().collect(), ..Scripted::default() }),
        kind,
        limits: Limits { connections: Some(3), ..Limits::default() },
        on_unknown: OnUnknown::Hold,
    };
    let waits = ("account", Script::Waits(Arc::clone(&asked), Arc::clone(&go)));
    let routes = [
        ("relay".to_owned(), route(&[], ChannelKind::Smtp)),
        ("slow".to_owned(), route(&[waits], ChannelKind::Webhook)),
    ];
    let dispatch =
        Dispatch::new(ledger.clone(), routes.into(), Clock::fixed(at(0)), "bench".into(), Arc::new(|_| {}));
    let drain = tokio::spawn(async move { dispatch.drain(&CancellationToken::new()).await.unwrap() });
    asked.notified().await;
    let others = async {
        loop {
            let want = |name: &str| Want { name: name.to_owned(), limit: 3, used: 0, wanted: 3 };
            let granted = ledger.share("another", vec![want("relay"), want("slow")], at(0)).await.unwrap();
            if granted[0] == 3 {
                return granted;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    // The clock stands still, so no lease ends.
    let granted = tokio::time::timeout(std::time::Duration::from_secs(30), others).await.unwrap();
    assert!(granted[1] < 3, "what is at work keeps what it works with: {granted:?}");
    // What comes later is sent all the same.
    ledger
        .share("another", vec![Want { name: "relay".into(), limit: 3, used: 0, wanted: 0 }], at(0))
        .await
        .unwrap();
    desk.original("lupin", "v1", &[1, 2, 3]).await;
    while desk.rows("lupin").await.iter().any(|row| !row.ends_with("sent")) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    go.notify_one();
    assert_eq!(drain.await.unwrap().get(&State::Sent), Some(&6));
}

#[tokio::test]
async fn a_panic_costs_its_own_delivery_alone() {
    for fast in [false, true] {
        let bench = Bench::to(fast, 6, &[("c2", Script::Panics), ("c5", Script::PanicsLate)]).await;
        bench.desk.original("aster", "v1", &[1, 2, 3, 4, 5, 6]).await;
        // What never left is tried once more, alone; what may have left never is.
        assert_eq!(bench.drain(0).await, "1 scheduled, 4 sent, 1 unknown, 1 quarantined");
        assert_eq!(
            bench.desk.rows("aster").await,
            [
                "c1 original sent",
                "c2 original quarantined",
                "c3 original sent",
                "c4 original sent",
                "c5 original unknown",
                "c6 original sent"
            ]
        );
        bench.desk.is_sound().await;
    }
}

/// A drain that waits behind its gate; `f` runs meanwhile.
async fn while_it_waits(fast: bool, f: impl AsyncFnOnce(&Bench)) -> (Bench, String) {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let bench = Bench::to(fast, 1, &[("c1", Script::Waits(Arc::clone(&asked), Arc::clone(&go)))]).await;
    bench.desk.original("aster", "v1", &[1]).await;
    bench.clock.set(at(0));
    let dispatch = bench.dispatch.clone();
    let stop = CancellationToken::new();
    let drain = {
        let stop = stop.clone();
        tokio::spawn(async move { dispatch.drain(&stop).await.unwrap() })
    };
    asked.notified().await;
    f(&bench).await;
    stop.cancel();
    go.notify_one();
    let tally = drain.await.unwrap();
    let parts: Vec<String> = tally.iter().map(|(state, count)| format!("{count} {state}")).collect();
    (bench, parts.join(", "))
}

#[tokio::test]
async fn a_late_answer_is_evidence() {
    for fast in [false, true] {
        let (bench, tally) = while_it_waits(fast, async |bench| {
            // Its lease ended, somebody gave it up; the dot was allowed in time all the same.
            assert_eq!(bench.desk.ledger.rescue(at(60)).await.unwrap().unknown, 1);
            assert_eq!(bench.desk.rows("aster").await, ["c1 original unknown"]);
        })
        .await;
        assert_eq!(tally, "1 sent");
        let log = bench.desk.ledger.log(None, dateline::ledger::DeliveryId(0), 1).await.unwrap();
        let results: Vec<(&str, bool)> =
            log[0].attempts[0].results.iter().map(|result| (result.outcome.as_str(), result.late)).collect();
        assert_eq!(results, [("unknown", false), ("sent", true)]);
    }
}

#[tokio::test]
async fn whoever_comes_too_late_to_the_gate_does_not_pass() {
    for fast in [false, true] {
        for (seconds, passes) in [(29, true), (30, false), (3_600, false)] {
            let (bench, tally) = while_it_waits(fast, async |bench| bench.clock.set(at(seconds))).await;
            assert_eq!(tally, if passes { "1 sent" } else { "1 scheduled" }, "{seconds}");
            assert_eq!(bench.passed().len(), usize::from(passes), "{seconds}");
            let log = bench.desk.ledger.log(None, dateline::ledger::DeliveryId(0), 1).await.unwrap();
            assert_eq!(log[0].attempts[0].results[0].outcome, if passes { "sent" } else { "not-sent" });
        }
    }
}

fn lost() -> Script {
    Script::Late(Failure::Unknown { reply: Reply::note("connection lost after the dot") })
}

#[tokio::test]
async fn what_nobody_knows_is_parked_when_the_quarantine_is_over() {
    let bench = Bench::new(1, &[("c1", lost())]).await;
    bench.desk.original("aster", "v1", &[1]).await;
    assert_eq!(bench.drain(0).await, "1 unknown");
    for seconds in [59, 60, 119, 120, 600, 899] {
        assert_eq!(bench.drain(seconds).await, "", "{seconds}");
    }
    assert_eq!(bench.drain(900).await, "1 parked");
    assert_eq!(bench.drain(99_999).await, "");
    assert_eq!(bench.passed().len(), 1);
}

#[tokio::test]
async fn what_shows_late_is_found() {
    let there = Arc::new(Mutex::new(false));
    struct Slow(Arc<Mutex<bool>>);
    #[async_trait]
    impl Channel for Slow {
        async fn deliver(&self, _: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
            assert!(gate.open().await);
            Err(Failure::Unknown { reply: Reply::note("connection lost") })
        }

        async fn probe(&self, _: &Parcel) -> Probe {
            if !*self.0.lock().unwrap() {
                return Probe::CannotTell;
            }
            let receipt = Receipt { remote_id: Some("r9".into()), ..Receipt::default() };
            Probe::Arrived(receipt)
        }
    }
    let bench = Bench::new(1, &[]).await;
    bench.desk.original("aster", "v1", &[1]).await;
    let route = Route {
        channel: Box::new(Slow(Arc::clone(&there))),
        kind: ChannelKind::Mastodon,
        limits: Limits::default(),
        on_unknown: OnUnknown::Hold,
    };
    let routes = [("relay".to_owned(), route)].into();
    let ledger = bench.desk.ledger.clone();
    let dispatch = Dispatch::new(ledger, routes, bench.clock.clone(), "slow".into(), Arc::new(|_| {}));
    let bench = Bench { dispatch, ..bench };
    assert_eq!(bench.drain(0).await, "1 unknown");
    *there.lock().unwrap() = true;
    assert_eq!(bench.drain(59).await, "");
    assert_eq!(bench.drain(60).await, "1 sent");
    let log = bench.desk.ledger.log(None, dateline::ledger::DeliveryId(0), 1).await.unwrap();
    assert_eq!(log[0].remote_id.as_deref(), Some("r9"), "a correction needs what the destination calls it");
}

#[tokio::test]
async fn a_channel_that_says_so_sends_once_more_and_never_twice() {
    let bench = Bench::with(2, &[("c1", lost())], OnUnknown::ResendOnce, false).await;
    bench.desk.original("aster", "v1", &[1, 2]).await;
    assert_eq!(bench.drain(0).await, "1 sent, 1 unknown");
    assert_eq!(bench.drain(899).await, "");
    assert_eq!(bench.drain(900).await, "1 scheduled, 1 unknown");
    assert_eq!(bench.drain(1_799).await, "");
    assert_eq!(bench.drain(1_800).await, "1 parked");
    assert_eq!(bench.drain(99_999).await, "");
    assert_eq!(bench.passed(), ["c1", "c1", "c2"]);
}

/// A result that the disk did not take is recorded when it does, although the mail has left long ago.
#[tokio::test]
async fn what_the_ledger_could_not_take_is_not_forgotten() {
    for fast in [false, true] {
        let bench = Bench::to(fast, 2, &[]).await;
        bench.desk.original("aster", "v1", &[1, 2]).await;
        let file = bench._folder.path().join("ledger/ledger.db");
        let disk = rusqlite::Connection::open(file).unwrap();
        disk.execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON result BEGIN SELECT RAISE(ABORT, 'the disk is full'); END",
        )
        .unwrap();
        bench.clock.set(at(0));
        let stopped = bench.dispatch.drain(&CancellationToken::new()).await;
        assert!(stopped.is_err_and(|error| error.to_string().contains("the disk is full")));
        let left = bench.passed();
        assert!(!left.is_empty(), "something had left before the first result was refused");
        disk.execute_batch("DROP TRIGGER full").unwrap();
        bench.drain(1).await;
        assert_eq!(bench.desk.rows("aster").await, ["c1 original sent", "c2 original sent"]);
        assert_eq!(bench.passed(), ["c1", "c2"], "nobody got it twice");
        bench.desk.is_sound().await;
    }
}

#[tokio::test]
async fn to_a_fast_channel_the_ledger_is_asked_for_many_at_once() {
    for fast in [false, true] {
        let bench = Bench::to(fast, 300, &[]).await;
        let everybody: Vec<i64> = (1..=300).collect();
        bench.desk.original("aster", "v1", &everybody).await;
        let disk = rusqlite::Connection::open(bench._folder.path().join("ledger/ledger.db")).unwrap();
        let transactions =
            || -> i64 { disk.query_row("SELECT serial FROM ledger_meta", [], |row| row.get(0)).unwrap() };
        let before = transactions();
        assert_eq!(bench.drain(0).await, "300 sent");
        let each = (transactions() - before) as f64 / 300.0;
        // Three connections and four more ready for each are 15, of which at least half are asked for together.
        assert!(!fast || each < 0.2, "{each} transactions for each");
        assert_eq!(bench.passed().len(), 300);
        bench.desk.is_sound().await;
    }
}

/// What was asked for ahead is seen to its end when the process is to stop, and nothing else is begun.
#[tokio::test]
async fn a_stop_sees_to_its_end_what_has_its_intent() {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    // A channel is handed more than it has connections for only once it has taken something.
    let names: Vec<&'static str> = (4..=60).map(|n| &*format!("c{n}").leak()).collect();
    let script: Vec<(&'static str, Script)> =
        names.iter().map(|name| (*name, Script::Waits(Arc::clone(&asked), Arc::clone(&go)))).collect();
    let bench = Bench::to(true, 60, &script).await;
    let everybody: Vec<i64> = (1..=60).collect();
    bench.desk.original("aster", "v1", &everybody).await;
    bench.clock.set(at(0));
    let (dispatch, stop) = (bench.dispatch.clone(), CancellationToken::new());
    let drain = {
        let stop = stop.clone();
        tokio::spawn(async move { dispatch.drain(&stop).await.unwrap() })
    };
    let attempting = async || {
        let rows = bench.desk.rows("aster").await;
        rows.iter().filter(|row| row.ends_with("attempting")).count()
    };
    // More have their intents than are being carried: three for each of three connections.
    while attempting().await < 12 {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    while !drain.is_finished() {
        go.notify_one();
        tokio::task::yield_now().await;
    }
    let tally = drain.await.unwrap();
    let sent = tally.get(&State::Sent).copied().unwrap_or_default();
    assert!(
        (15..=18).contains(&sent) && tally.len() == 1,
        "three and those that had their intents: {tally:?}"
    );
    let rows = bench.desk.rows("aster").await;
    assert_eq!(rows.iter().filter(|row| row.ends_with("scheduled")).count() as u64, 60 - sent, "{rows:?}");
    bench.desk.is_sound().await;
}

/// A channel with a line before its connections.
#[derive(Clone, Default)]
struct Lined(Arc<Line>);

#[derive(Default)]
struct Line {
    handed: AtomicUsize,
    /// What has a connection.
    on_its_way: AtomicUsize,
    limit: AtomicU32,
    answers: Mutex<usize>,
}

impl Line {
    fn is_answered(&self) -> bool {
        let mut answers = self.answers.lock().unwrap();
        let come = *answers > 0;
        *answers -= usize::from(come);
        come
    }
}

#[async_trait]
impl Channel for Lined {
    async fn deliver(&self, _: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        self.0.handed.fetch_add(1, Ordering::SeqCst);
        while self.0.on_its_way.load(Ordering::SeqCst) >= self.0.limit.load(Ordering::SeqCst) as usize {
            tokio::task::yield_now().await;
        }
        self.0.on_its_way.fetch_add(1, Ordering::SeqCst);
        if !gate.open().await {
            return Err(Failure::GateClosed);
        }
        while !self.0.is_answered() {
            tokio::task::yield_now().await;
        }
        self.0.on_its_way.fetch_sub(1, Ordering::SeqCst);
        Ok(Receipt::default())
    }

    fn line(&self) -> u32 {
        2
    }

    fn limit(&self, connections: u32) -> Option<u32> {
        self.0.limit.store(connections, Ordering::SeqCst);
        u32::try_from(self.0.on_its_way.load(Ordering::SeqCst)).ok()
    }
}

#[tokio::test]
async fn a_stop_gives_back_what_stands_in_line_and_sees_to_its_end_what_may_have_left() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        LedgerConfig { folder: folder.path().join("ledger"), allow_network_disk: false, postgres: None };
    let ledger = Ledger::open_exclusive(&config, at(-7200)).await.unwrap();
    let desk = Desk::with(ledger.clone(), 20).await;
    let everybody: Vec<i64> = (1..=20).collect();
    desk.original("aster", "v1", &everybody).await;
    let channel = Lined::default();
    let line = Arc::clone(&channel.0);
    let limits = Limits { connections: Some(2), ..Limits::default() };
    let on_unknown = OnUnknown::Hold;
    let route = Route { channel: Box::new(channel), kind: ChannelKind::Smtp, limits, on_unknown };
    let routes = [("relay".to_owned(), route)].into();
    let dispatch = Dispatch::new(ledger, routes, Clock::fixed(at(0)), "bench".into(), Arc::new(|_| ()));
    let stop = CancellationToken::new();
    let (drained, ()) = tokio::join!(dispatch.drain(&stop), async {
        // Nothing stands in line before the channel has taken one.
        while line.on_its_way.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        *line.answers.lock().unwrap() += 1;
        // Then two are on their way, and two more for each connection in line; nobody is begun beyond that.
        while line.handed.load(Ordering::SeqCst) < 7 {
            tokio::task::yield_now().await;
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert_eq!(line.handed.load(Ordering::SeqCst), 7);
        // What was on its way is answered before it is on record, and the next one does not wait for that.
        let is = |rows: &[String], state: &str, n| rows.iter().filter(|row| row.contains(state)).count() == n;
        loop {
            let rows = desk.rows("aster").await;
            if is(&rows, "sent", 1) && is(&rows, "attempting", 2) {
                break;
            }
        }
        stop.cancel();
        // Those in line go back before there is room for them.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        *line.answers.lock().unwrap() += 2;
    });
    let tally = drained.unwrap();
    assert_eq!(tally.get(&State::Sent), Some(&3), "{tally:?}");
    let rows = desk.rows("aster").await;
    let count = |state: &str| rows.iter().filter(|row| row.contains(state)).count();
    assert_eq!((count("sent"), count("scheduled")), (3, 17), "{rows:?}");
    desk.is_sound().await;
}
