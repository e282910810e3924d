//! The dialogue on a simulated network that fails at every byte in turn: the relay hangs up, falls silent, the link is cut, the
//! link stalls and comes back, and the caller loses patience.
//!
//! The relay is honest and keeps book of what it has taken before it says so. Two things must hold whatever the weather: a mail counts
//! as taken only if that very mail was, and one that failed before its dot was not.

use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use turmoil::net::{TcpListener, TcpStream};

use crate::channel::smtp::envelope::Envelope;
use crate::channel::smtp::session::Session;
use crate::channel::smtp::trouble::{Phase, Timeouts, Trouble};

const LIMITS: Timeouts = {
    let limit = Duration::from_secs(5);
    Timeouts { connect: limit, greeting: limit, command: limit, data: limit, block: limit, dot: limit }
};
/// Mails in one run; the later ones go over the same connection where that is still good.
const MAILS: usize = 2;
/// The hosts take turns, and each has this much time in its turn.
const TICK: Duration = Duration::from_millis(10);
/// Longer than every limit.
const FOREVER: Duration = Duration::from_hours(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    /// The relay closes the connection.
    HangsUp,
    /// The relay says nothing more, and leaves the connection open.
    Silent,
    /// Nothing gets through any more, in either direction.
    Cut,
    /// Nothing gets through for a while that is longer than every limit; then all of it arrives.
    Stalls,
    /// Nothing gets through for a while that is shorter than the limits.
    Slow,
    /// The caller gives up and drops the future of the step.
    Impatient,
}

/// What the relay has taken, and how many bytes went over the wire so far.
#[derive(Default)]
struct Book {
    taken: Vec<String>,
    bytes: usize,
}

/// How a mail ended for the sender; `None` where the caller gave up.
type End = Option<Result<u16, Phase>>;

struct Run {
    ends: Vec<End>,
    taken: Vec<String>,
    bytes: usize,
}

/// Sends [`MAILS`] mails, with `weather` at the byte `at` of the conversation.
fn run(weather: Weather, at: usize, together: bool) -> Run {
    let mut sim = turmoil::Builder::new()
        .simulation_duration(FOREVER)
        .tick_duration(TICK)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(20))
        .rng_seed(at as u64)
        .build();
    let book = Arc::new(Mutex::new(Book::default()));
    let kept = Arc::clone(&book);
    sim.host("relay", move || {
        let book = Arc::clone(&kept);
        async move {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 25)).await?;
            loop {
                let (stream, _) = listener.accept().await?;
                let book = Arc::clone(&book);
                tokio::spawn(async move { Relay { stream, book, weather, at }.serve().await });
            }
        }
    });
    let ends = Rc::new(Mutex::new(Vec::new()));
    let seen = Rc::clone(&ends);
    let count = Arc::clone(&book);
    sim.client("dateline", async move {
        let mut idle: Option<Session> = None;
        for number in 0..MAILS {
            let mut session = idle.take();
            let step = mail(&mut session, number, together);
            let end = if weather == Weather::Impatient {
                tokio::select! {
                    end = step => Some(end),
                    () = passed(&count, at) => None,
                }
            } else {
                Some(step.await)
            };
            seen.lock().unwrap().push(end.map(|end| end.map_err(|trouble| trouble.phase)));
            idle = session.filter(|session| session.is_ready() || session.is_begun());
        }
        Ok(())
    });
    sim.run().unwrap();
    let book = book.lock().unwrap();
    let ends = std::mem::take(&mut *ends.lock().unwrap());
    Run { ends, taken: book.taken.clone(), bytes: book.bytes }
}

/// Until the conversation has had `at` bytes; for ever where it had them before.
async fn passed(book: &Mutex<Book>, at: usize) {
    if book.lock().unwrap().bytes >= at {
        std::future::pending::<()>().await;
    }
    while book.lock().unwrap().bytes < at {
        tokio::time::sleep(TICK).await;
    }
}

/// One mail over `session`, or over a new one; `together` with the envelope of the next.
async fn mail(session: &mut Option<Session>, number: usize, together: bool) -> Result<u16, Trouble> {
    let away = |()| Trouble::misfit(Phase::Connect, "not to be had");
    if session.is_none() {
        let stream = timeout(LIMITS.connect, TcpStream::connect(("relay", 25))).await;
        let stream = stream.map_err(|_| ()).and_then(|stream| stream.map_err(|_| ())).map_err(away)?;
        *session = Some(Session::greet(Box::new(stream), "dateline.test", LIMITS).await?);
    }
    let Some(session) = session else { return Err(away(())) };
    let (from, to) = ("press@halden.example".parse().unwrap(), "jane@paper.example".parse().unwrap());
    let envelope = Envelope::new(&from, &to, 100, session.extensions())?;
    if session.is_begun() {
        session.begun(&envelope).await?;
    } else {
        session.envelope(&envelope).await?;
    }
    let text = format!("Subject: {number}\r\n\r\nHello\r\n");
    session.body(text.as_bytes(), false, async {}).await.0?;
    let next = (together && number + 1 < MAILS).then_some(&envelope);
    Ok(session.dot(next, || ()).await?.code)
}

/// An honest relay, until the weather comes.
struct Relay {
    stream: TcpStream,
    book: Arc<Mutex<Book>>,
    weather: Weather,
    at: usize,
}

impl Relay {
    /// Until the other side, or the weather, ends it.
    async fn serve(mut self) -> Option<()> {
        self.say("220 relay\r\n").await?;
        loop {
            let line = self.hear().await?;
            let reply = match line.split(' ').next()? {
                "EHLO" => "250-relay\r\n250 PIPELINING\r\n",
                "DATA" => {
                    self.say("354 go on\r\n").await?;
                    let mut text = String::new();
                    loop {
                        match self.hear().await?.as_str() {
                            "." => break,
                            line => text += &format!("{line}\n"),
                        }
                    }
                    self.book.lock().unwrap().taken.push(text);
                    "250 taken\r\n"
                }
                "QUIT" => return None,
                _ => "250 fine\r\n",
            };
            self.say(reply).await?;
        }
    }

    async fn hear(&mut self) -> Option<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.stream.read_u8().await.ok()?);
            self.tick().await?;
        }
        line.truncate(line.len() - 2);
        String::from_utf8(line).ok()
    }

    /// One byte at a time, with time between them: the sender sees every reply in every state of being cut.
    async fn say(&mut self, text: &str) -> Option<()> {
        for byte in text.bytes() {
            tokio::time::sleep(2 * TICK).await;
            self.tick().await?;
            self.stream.write_u8(byte).await.ok()?;
        }
        Some(())
    }

    /// Counts one byte; at the chosen one the weather comes.
    async fn tick(&mut self) -> Option<()> {
        let bytes = {
            let mut book = self.book.lock().unwrap();
            book.bytes += 1;
            book.bytes
        };
        if bytes != self.at {
            return Some(());
        }
        let stall = |time| async move {
            turmoil::hold("dateline", "relay");
            tokio::time::sleep(time).await;
            turmoil::release("dateline", "relay");
        };
        match self.weather {
            Weather::HangsUp => return None,
            Weather::Silent => tokio::time::sleep(FOREVER).await,
            Weather::Cut => turmoil::partition("dateline", "relay"),
            Weather::Stalls => stall(Duration::from_secs(8)).await,
            Weather::Slow => stall(Duration::from_secs(2)).await,
            Weather::Impatient => {}
        }
        Some(())
    }
}

#[track_caller]
fn check(weather: Weather, at: usize, together: bool) {
    let Run { ends, taken, .. } = run(weather, at, together);
    for (number, end) in ends.iter().enumerate() {
        let name = format!("Subject: {number}\n\nHello\n");
        let copies = taken.iter().filter(|text| **text == name).count();
        let case = format!("{weather:?} at byte {at}: mail {number} ended {end:?}; taken: {taken:?}");
        match end {
            Some(Ok(code)) => assert!(*code == 250 && copies == 1, "{case}"),
            Some(Err(phase)) if *phase < Phase::Dot => assert!(copies == 0, "{case}"),
            Some(Err(_)) | None => assert!(copies <= 1, "{case}"),
        }
        if weather == Weather::Slow {
            assert!(matches!(end, Some(Ok(_))), "{case}");
        }
    }
    let known = |text: &String| (0..MAILS).any(|number| *text == format!("Subject: {number}\n\nHello\n"));
    assert!(taken.iter().all(known), "{weather:?} at byte {at}: {taken:?}");
}

fn every_byte(weather: Weather) {
    for together in [false, true] {
        let calm = run(weather, usize::MAX, together);
        assert_eq!(calm.ends, vec![Some(Ok(250)); MAILS]);
        assert!(calm.bytes > 300, "{}", calm.bytes);
        for at in 1..=calm.bytes {
            check(weather, at, together);
        }
    }
}

#[test]
fn a_relay_that_hangs_up_at_any_byte_is_believed_only_what_it_took() {
    every_byte(Weather::HangsUp);
}

#[test]
fn a_relay_that_falls_silent_at_any_byte_is_believed_only_what_it_took() {
    every_byte(Weather::Silent);
}

#[test]
fn a_link_that_is_cut_at_any_byte_makes_no_success() {
    every_byte(Weather::Cut);
}

#[test]
fn a_link_that_stalls_past_the_limits_at_any_byte_makes_no_success_of_the_next_mail() {
    every_byte(Weather::Stalls);
}

#[test]
fn a_link_that_is_slow_at_any_byte_loses_nothing() {
    every_byte(Weather::Slow);
}

#[test]
fn a_caller_who_gives_up_at_any_byte_never_takes_an_old_answer_for_a_new_one() {
    every_byte(Weather::Impatient);
}
