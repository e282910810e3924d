//! How far each attempt under way is, in a file that outlives the process.
//!
//! One slot of 64 bytes for each attempt, rewritten with one `pwrite` and never synced: what was written is in the kernel's page cache
//! and still there after a panic, an abort, a SIGKILL or the OOM killer, but not after a loss of power. A slot of another start of the
//! machine, or whose checksum is wrong, says nothing.
//!
//! What a slot proves, the next process tells the ledger ([`Crumb::proof`]):
//! - not about to write the byte that makes it happen: it never left;
//! - answered: what the answer means, as the adapter had read it;
//! - about to write, or written, and no answer: nobody can know. That is the gap which cannot be closed (RFC 1047).
//!
//! Only that one mark (`About`) is a condition: where it cannot be written, nothing is sent. All others are lost in
//! silence, and what they would have proved is unknown.
//!
//! A slot whose attempt is on record as taken is left as it is until it is used again, or until none is in use: the ledger knows better
//! than it, and is not changed by it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::channel::{Failure, Receipt};
use crate::digest::Digest;
use crate::ledger::{DeliveryId, Epoch};

/// Bytes of a slot; a divisor of the page and the sector, so none is torn between two.
const SLOT: usize = 64;
/// Slots that the file has room for from the start: more than one channel has under way.
const ROOM: usize = 320;
/// The most bytes of a destination's own name that a slot holds.
const ID: usize = 26;
const VERSION: u8 = 2;

/// How far an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Phase {
    /// It has its intent, or the ledger is asked for it; nothing else was done for it yet.
    Waiting = 0,
    /// Its bytes are being made.
    Filling = 1,
    /// Connecting, greeting, handing over what can be taken back.
    Talking = 2,
    /// The ledger is asked for the intent, or has said yes.
    Asked = 3,
    /// The byte that makes it happen is about to be written.
    About = 4,
    /// It was written.
    Written = 5,
    /// The destination has answered.
    Answered = 6,
}

const PHASES: [Phase; 7] = [
    Phase::Waiting,
    Phase::Filling,
    Phase::Talking,
    Phase::Asked,
    Phase::About,
    Phase::Written,
    Phase::Answered,
];

/// What an answer means, without its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Verdict {
    /// There is none, or it says nothing for certain.
    #[default]
    None,
    /// Taken.
    Sent {
        /// What the destination calls it, if that is short enough for a slot.
        remote_id: Option<String>,
        /// It has a name, but a longer one.
        longer: bool,
    },
    /// Not taken; another try may succeed, after so long.
    Later(Option<Duration>),
    /// Not taken, and never will be; whether the address is dead.
    Refused(bool),
}

impl Verdict {
    /// What `result` means for the delivery alone. That a destination or a channel refuses us shows itself again at the next try.
    pub fn of(result: &Result<Receipt, Failure>) -> Verdict {
        match result {
            Ok(receipt) => {
                let longer = receipt.remote_id.as_ref().is_some_and(|id| id.len() > ID);
                Verdict::Sent { remote_id: receipt.remote_id.clone().filter(|_| !longer), longer }
            }
            Err(
                Failure::Later { retry_after, .. }
                | Failure::PauseDestination { retry_after, .. }
                | Failure::PauseChannel { retry_after, .. },
            ) => Verdict::Later(*retry_after),
            Err(Failure::HoldDestination { .. } | Failure::HoldChannel { .. }) => Verdict::Later(None),
            Err(Failure::Refused { suppress, .. }) => Verdict::Refused(*suppress),
            Err(Failure::Unknown { .. } | Failure::Broken { .. } | Failure::GateClosed) => Verdict::None,
        }
    }
}

/// One slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crumb {
    /// What is being delivered.
    pub delivery: DeliveryId,
    /// Under which claim; with the delivery it names the attempt, also before that has a number.
    pub epoch: Epoch,
    /// How far it is.
    pub phase: Phase,
    /// Nothing else was under way beside it.
    pub alone: bool,
    /// The reply's code.
    pub code: Option<u16>,
    /// What the reply means.
    pub verdict: Verdict,
}

/// What a crumb proves about its attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// It never left.
    NotSent,
    /// The answer.
    Answered(Verdict),
    /// Nothing.
    Nothing,
}

impl Crumb {
    /// A delivery whose bytes are about to be made.
    pub fn new(delivery: DeliveryId, epoch: Epoch, alone: bool) -> Crumb {
        Crumb { delivery, epoch, phase: Phase::Filling, alone, code: None, verdict: Verdict::None }
    }

    /// A delivery for which the ledger is about to be asked, long before its turn.
    pub fn waiting(delivery: DeliveryId, epoch: Epoch) -> Crumb {
        Crumb { phase: Phase::Waiting, ..Crumb::new(delivery, epoch, false) }
    }

    /// What is certain after the process died with this crumb.
    pub fn proof(&self) -> Proof {
        match (self.phase, &self.verdict) {
            (Phase::Waiting | Phase::Filling | Phase::Talking | Phase::Asked, _) => Proof::NotSent,
            (Phase::Answered, Verdict::None) | (Phase::About | Phase::Written, _) => Proof::Nothing,
            (Phase::Answered, verdict) => Proof::Answered(verdict.clone()),
        }
    }

    /// How much speaks for this delivery being what the process died of.
    ///
    /// Twice while its bytes are made is enough for quarantine ([`crate::ledger::QUARANTINE_AT`] is 10). While many wait for the
    /// network each is hardly suspect; from then on it is worked on alone, and what dies again and again with it alone is
    /// stopped in the end. An attempt that left is never repeated by itself, so it cannot kill twice.
    ///
    /// So it is written when bytes are begun and when they are made, although each is a write; but see [`Breadcrumbs::be_wary`].
    pub fn guilt(&self) -> u32 {
        match self.phase {
            Phase::Filling => 5,
            Phase::Talking | Phase::Asked if self.alone => 2,
            Phase::Talking | Phase::Asked => 1,
            Phase::Waiting | Phase::About | Phase::Written | Phase::Answered => 0,
        }
    }

    /// Whether this says more than what stands in the slot, `before`. `wary`: whom the process dies of is to be found.
    pub fn says_more(&self, before: &Crumb, wary: bool) -> bool {
        self.proof() != before.proof() || (wary && self.guilt() != before.guilt())
    }

    fn to_bytes(&self, boot: [u8; 8]) -> [u8; SLOT] {
        let (verdict, seconds, id): (u8, u32, &str) = match &self.verdict {
            Verdict::None => (0, 0, ""),
            Verdict::Sent { remote_id, longer: false } => (1, 0, remote_id.as_deref().unwrap_or_default()),
            Verdict::Sent { longer: true, .. } => (2, 0, ""),
            Verdict::Later(None) => (3, 0, ""),
            Verdict::Later(Some(wait)) => (4, u32::try_from(wait.as_secs()).unwrap_or(u32::MAX), ""),
            Verdict::Refused(false) => (5, 0, ""),
            Verdict::Refused(true) => (6, 0, ""),
        };
        let id = if id.len() > ID { &[] } else { id.as_bytes() };
        let length = u8::try_from(id.len()).unwrap_or(0);
        let head = [VERSION, self.phase as u8, verdict | u8::from(self.alone) << 7, length];
        let code = self.code.unwrap_or(0).to_be_bytes();
        let (delivery, epoch) = (self.delivery.0.to_be_bytes(), self.epoch.0.to_be_bytes());
        let mut bytes = [0; SLOT];
        let (body, sum) = bytes.split_at_mut(SLOT - 4);
        let parts: [&[u8]; 7] = [&head, &boot, &delivery, &epoch, &code, &seconds.to_be_bytes(), id];
        for (to, from) in body.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        sum.copy_from_slice(&checksum(body));
        bytes
    }

    fn from_bytes(bytes: &[u8], boot: [u8; 8]) -> Option<Crumb> {
        let (body, sum) = bytes.split_at_checked(SLOT - 4)?;
        if sum != checksum(body) {
            return None;
        }
        let mut rest = body;
        let [version, phase, verdict, length] = take(&mut rest)?;
        if version != VERSION || take::<8>(&mut rest)? != boot {
            return None;
        }
        let phase = PHASES.into_iter().find(|known| *known as u8 == phase)?;
        let delivery = DeliveryId(i64::from_be_bytes(take(&mut rest)?));
        let epoch = Epoch(i64::from_be_bytes(take(&mut rest)?));
        let code = Some(u16::from_be_bytes(take(&mut rest)?)).filter(|code| *code > 0);
        let wait = Duration::from_secs(u32::from_be_bytes(take(&mut rest)?).into());
        let id = std::str::from_utf8(rest.get(..length.into())?).ok()?;
        let remote_id = (!id.is_empty()).then(|| id.to_owned());
        let alone = verdict >> 7 == 1;
        let verdict = match verdict & 0x7f {
            0 => Verdict::None,
            1 => Verdict::Sent { remote_id, longer: false },
            2 => Verdict::Sent { remote_id: None, longer: true },
            3 => Verdict::Later(None),
            4 => Verdict::Later(Some(wait)),
            5 => Verdict::Refused(false),
            6 => Verdict::Refused(true),
            _ => return None,
        };
        Some(Crumb { delivery, epoch, phase, alone, code, verdict })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

/// Against tearing, not against forgers, who could as well write the ledger.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32fast::hash(bytes).to_be_bytes()
}

fn start<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

/// The file, open and locked by this process. Clones share it.
#[derive(Clone)]
pub struct Breadcrumbs(Arc<Inner>);

struct Inner {
    file: File,
    boot: [u8; 8],
    wary: AtomicBool,
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    /// The first ones first, so that those which are taken together mostly stand beside each other.
    slots: BinaryHeap<Reverse<usize>>,
    next: usize,
    used: usize,
    /// Those of `slots` that still say what became of their attempts.
    stale: BTreeSet<usize>,
}

impl Breadcrumbs {
    /// Opens the file (made with mode 0600) and reads what the process before left. `boot` names this start of the machine and the
    /// ledger; what was left under another name is not believed.
    ///
    /// Fails with `WouldBlock` where another process has it.
    pub fn open(path: &Path, boot: &str) -> std::io::Result<(Breadcrumbs, Vec<Crumb>)> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.try_lock()?;
        let boot = start(&Digest::of(boot.as_bytes()).0);
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0)?;
        let found = bytes.chunks_exact(SLOT).filter_map(|slot| Crumb::from_bytes(slot, boot)).collect();
        let inner = Inner { file, boot, wary: AtomicBool::new(false), free: Mutex::default() };
        Ok((Breadcrumbs(Arc::new(inner)), found))
    }

    /// The process before died of something: this one writes down whose bytes are being made, also of mails that leave in rounds. Nobody
    /// who is not to blame is suspected for the first death, and until there is one such a mail needs two writes less.
    ///
    /// Where everything that waits was suspected a little instead, and the second death decided, two of 10,000 that were not to blame
    /// were quarantined in 300 kills.
    pub fn be_wary(&self) {
        self.0.wary.store(true, Ordering::Relaxed);
    }

    /// Forgets what the process before left, once the ledger has it, and makes room.
    pub fn clear(&self) -> std::io::Result<()> {
        let file = &self.0.file;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
        file.write_all_at(&vec![0; length.max(ROOM * SLOT)], 0)
    }

    /// A slot of one's own, until it is dropped.
    pub fn slot(&self) -> Slot {
        let mut free = self.free();
        let index = match free.slots.pop() {
            Some(Reverse(index)) => index,
            None => {
                free.next += 1;
                free.next - 1
            }
        };
        free.used += 1;
        free.stale.remove(&index);
        Slot { crumbs: self.clone(), index, stays: false }
    }

    /// Writes how far each of them is, with one write for all that stand beside each other; returns whether all is written.
    pub fn write_all(&self, all: &[(&Slot, Crumb)]) -> bool {
        let mut all: Vec<(usize, [u8; SLOT])> =
            all.iter().map(|(slot, crumb)| (slot.index, crumb.to_bytes(self.0.boot))).collect();
        all.sort_unstable_by_key(|(index, _)| *index);
        all.chunk_by(|(one, _), (next, _)| *next == one + 1).fold(true, |good, beside| {
            let first = beside.first().map_or(0, |(index, _)| *index);
            let bytes: Vec<u8> = beside.iter().flat_map(|(_, bytes)| *bytes).collect();
            self.put(first, &bytes) && good
        })
    }

    fn put(&self, index: usize, bytes: &[u8]) -> bool {
        match self.0.file.write_all_at(bytes, (index * SLOT) as u64) {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, "a breadcrumb cannot be written; a crash now would leave more unknown");
                false
            }
        }
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt's place in the file.
pub struct Slot {
    crumbs: Breadcrumbs,
    index: usize,
    /// The ledger has what it says.
    stays: bool,
}

impl Slot {
    /// Writes how far it is; returns whether that is written.
    pub fn write(&self, crumb: &Crumb) -> bool {
        self.crumbs.put(self.index, &crumb.to_bytes(self.crumbs.0.boot))
    }

    /// See [`Breadcrumbs::be_wary`].
    pub fn is_wary(&self) -> bool {
        self.crumbs.0.wary.load(Ordering::Relaxed)
    }

    /// The delivery is on record as taken, and this slot says that or less: it need not be wiped before it is used again.
    pub fn is_on_record(&mut self) {
        self.stays = true;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.stays {
            self.crumbs.put(self.index, &[0; SLOT]);
        }
        let mut free = self.crumbs.free();
        free.slots.push(Reverse(self.index));
        free.used -= 1;
        if self.stays {
            free.stale.insert(self.index);
        }
        if free.used == 0 {
            // Nobody can take a slot meanwhile.
            for index in std::mem::take(&mut free.stale) {
                self.crumbs.put(index, &[0; SLOT]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Reply;

    fn verdicts() -> Vec<Verdict> {
        vec![
            Verdict::None,
            Verdict::Sent { remote_id: None, longer: false },
            Verdict::Sent { remote_id: Some("4ABCdef".to_owned()), longer: false },
            Verdict::Sent { remote_id: None, longer: true },
            Verdict::Later(None),
            Verdict::Later(Some(Duration::from_mins(5))),
            Verdict::Refused(false),
            Verdict::Refused(true),
        ]
    }

    fn crumb(phase: Phase, verdict: Verdict) -> Crumb {
        Crumb { phase, verdict, code: Some(250), ..Crumb::new(DeliveryId(7), Epoch(3), true) }
    }

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_is_believed() {
        let boot = [7; 8];
        for phase in PHASES {
            for verdict in verdicts() {
                let crumb = crumb(phase, verdict);
                let bytes = crumb.to_bytes(boot);
                assert_eq!(Crumb::from_bytes(&bytes, boot), Some(crumb.clone()));
                assert_eq!(Crumb::from_bytes(&bytes, [8; 8]), None, "another start of the machine");
                for at in 0..SLOT {
                    let mut torn = bytes;
                    torn[at] ^= 1;
                    assert_eq!(Crumb::from_bytes(&torn, boot), None, "byte {at} of {crumb:?}");
                }
            }
        }
        assert_eq!(Crumb::from_bytes(&[0; SLOT], boot), None);
        assert_eq!(Crumb::from_bytes(&[0; 10], boot), None);
    }

    #[test]
    fn only_certainty_is_proof() {
        for (phase, verdict, expected) in [
            (Phase::Waiting, Verdict::None, Proof::NotSent),
            (Phase::Filling, Verdict::None, Proof::NotSent),
            (Phase::Talking, Verdict::None, Proof::NotSent),
            (Phase::Asked, Verdict::None, Proof::NotSent),
            (Phase::About, Verdict::None, Proof::Nothing),
            (Phase::Written, Verdict::None, Proof::Nothing),
            (Phase::Answered, Verdict::None, Proof::Nothing),
            (Phase::Answered, Verdict::Refused(true), Proof::Answered(Verdict::Refused(true))),
        ] {
            assert_eq!(crumb(phase, verdict.clone()).proof(), expected, "{phase:?} {verdict:?}");
        }
    }

    #[test]
    fn a_result_keeps_its_meaning_without_its_words() {
        let sent =
            |id: &str| Ok(Receipt { remote_id: Some(id.to_owned()), url: None, reply: Reply::note("taken") });
        let reply = || Reply::note("words");
        let short = "x".repeat(ID);
        for (result, expected) in [
            (sent(&short), Verdict::Sent { remote_id: Some(short.clone()), longer: false }),
            (sent(&"x".repeat(ID + 1)), Verdict::Sent { remote_id: None, longer: true }),
            (Ok(Receipt::default()), Verdict::Sent { remote_id: None, longer: false }),
            (Err(Failure::Later { reply: reply(), retry_after: None }), Verdict::Later(None)),
            (Err(Failure::HoldChannel { reply: reply() }), Verdict::Later(None)),
            (Err(Failure::HoldDestination { reply: reply() }), Verdict::Later(None)),
            (Err(Failure::Refused { reply: reply(), suppress: true }), Verdict::Refused(true)),
            (Err(Failure::Unknown { reply: reply() }), Verdict::None),
            (Err(Failure::GateClosed), Verdict::None),
        ] {
            assert_eq!(Verdict::of(&result), expected, "{result:?}");
        }
    }

    #[test]
    fn what_only_finds_the_guilty_is_written_by_the_wary() {
        let taken = Verdict::Sent { remote_id: None, longer: false };
        for (before, after, always, wary) in [
            (crumb(Phase::Waiting, Verdict::None), crumb(Phase::Filling, Verdict::None), false, true),
            (crumb(Phase::Filling, Verdict::None), crumb(Phase::Talking, Verdict::None), false, true),
            (crumb(Phase::Talking, Verdict::None), crumb(Phase::Asked, Verdict::None), false, false),
            (crumb(Phase::Asked, Verdict::None), crumb(Phase::About, Verdict::None), true, true),
            (crumb(Phase::About, Verdict::None), crumb(Phase::Written, Verdict::None), false, false),
            (crumb(Phase::Written, Verdict::None), crumb(Phase::Answered, taken), true, true),
        ] {
            let found = (after.says_more(&before, false), after.says_more(&before, true));
            assert_eq!(found, (always, wary), "{before:?}, then {after:?}");
        }
    }

    #[test]
    fn a_file_tells_what_was_under_way_and_a_slot_that_ended_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breadcrumbs");
        let (crumbs, found) = Breadcrumbs::open(&path, "boot").unwrap();
        assert_eq!(found, []);
        crumbs.clear().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), (ROOM * SLOT) as u64);
        let slots: Vec<Slot> = (0..ROOM + 3).map(|_| crumbs.slot()).collect();
        for (at, slot) in slots.iter().enumerate() {
            assert!(slot.write(&Crumb::new(DeliveryId(i64::try_from(at).unwrap()), Epoch(1), false)));
        }
        assert!(slots[2].write(&crumb(Phase::Written, Verdict::None)));
        assert!(Breadcrumbs::open(&path, "boot").is_err(), "another process has it");
        // A process that dies drops nothing.
        let slots = std::mem::ManuallyDrop::new(slots);
        drop(crumbs);
        let copy = folder.path().join("copy");
        std::fs::copy(&path, &copy).unwrap();
        let (_, other) = Breadcrumbs::open(&copy, "another boot").unwrap();
        assert_eq!(other, []);
        std::fs::copy(&path, &copy).unwrap();
        let (crumbs, found) = Breadcrumbs::open(&copy, "boot").unwrap();
        assert_eq!(found.len(), ROOM + 3);
        assert_eq!(found[2], crumb(Phase::Written, Verdict::None));
        crumbs.clear().unwrap();
        drop(crumbs);
        assert_eq!(Breadcrumbs::open(&copy, "boot").unwrap().1, []);
        // One that lives takes its slots back.
        drop(std::mem::ManuallyDrop::into_inner(slots));
        let (crumbs, found) = Breadcrumbs::open(&path, "boot").unwrap();
        assert_eq!(found, []);
        let index = crumbs.slot().index;
        assert_eq!(crumbs.slot().index, index, "a slot is used again");
    }

    #[test]
    fn several_are_written_at_once_and_what_is_on_record_stays_until_its_slot_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breadcrumbs");
        let (crumbs, _) = Breadcrumbs::open(&path, "boot").unwrap();
        crumbs.clear().unwrap();
        // Of five in a row the middle one is somebody else's.
        let mut slots: Vec<Slot> = (0..5).map(|_| crumbs.slot()).collect();
        let other = slots.remove(2);
        assert!(other.write(&crumb(Phase::About, Verdict::None)));
        let waiting = |n: usize| Crumb::waiting(DeliveryId(i64::try_from(n).unwrap()), Epoch(1));
        let all: Vec<(&Slot, Crumb)> = [3, 0, 2, 1].map(|at| (&slots[at], waiting(at))).into();
        assert!(crumbs.write_all(&all));
        let read = || {
            let boot = start(&Digest::of(b"boot").0);
            let bytes = std::fs::read(&path).unwrap();
            bytes.chunks_exact(SLOT).filter_map(|slot| Crumb::from_bytes(slot, boot)).collect::<Vec<_>>()
        };
        let about = crumb(Phase::About, Verdict::None);
        assert_eq!(read(), [waiting(0), waiting(1), about.clone(), waiting(2), waiting(3)]);
        slots[0].is_on_record();
        drop(slots.drain(..2));
        assert_eq!(read(), [waiting(0), about.clone(), waiting(2), waiting(3)], "the second was wiped");
        let again = crumbs.slot();
        assert!(again.write(&waiting(9)));
        assert_eq!(read(), [waiting(9), about, waiting(2), waiting(3)], "the first free one is used first");
        slots.iter_mut().for_each(Slot::is_on_record);
        drop((slots, other));
        assert_eq!(read(), [waiting(9), waiting(2), waiting(3)]);
        drop(again);
        assert_eq!(read(), [], "none is in use: nothing is left");
    }

    /// `cargo test --release --lib breadcrumb -- --ignored --nocapture`
    #[test]
    #[ignore = "prints a measure"]
    fn the_cost_of_a_mark() {
        let folder = tempfile::tempdir().unwrap();
        let (crumbs, _) = Breadcrumbs::open(&folder.path().join("breadcrumbs"), "boot").unwrap();
        crumbs.clear().unwrap();
        let slot = crumbs.slot();
        let crumb = crumb(Phase::Written, Verdict::None);
        let count = 200_000_u32;
        let begun = std::time::Instant::now();
        for _ in 0..count {
            assert!(slot.write(&crumb));
        }
        println!("one mark takes {:?}", begun.elapsed() / count);
    }
}
