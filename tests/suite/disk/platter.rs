//! A disk as strict as it may be: what is not synced may be there or not, sector by sector.
//!
//! - A successful `fsync` or `fdatasync` of a file makes durable what had been written to it before the call began.
//! - Each 512-byte sector holds what it held at any instant since it was durable last; sectors are independent of each other, so
//!   later writes may be there and earlier ones not. One sector may be torn in its middle. A file's length likewise;
//!   where it grew and the new sectors were not written, there is nothing or anybody's old data.
//! - A name that was made, changed or removed is durable after a sync of its folder; until then each change of a name may be there
//!   or not. A rename is whole or not at all.
//! - After a sync that failed, what it should have made durable never is, even if a later sync succeeds (Linux marks the pages as
//!   clean): only writing it again helps.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::trace::{Did, Event};
use super::{Dice, make};

const SECTOR: usize = 512;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    File(usize),
    Folder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// The call has not returned.
    UnderWay,
    Done,
    /// A sync that covered it failed.
    Doomed,
    Durable,
}

#[derive(Debug, Clone)]
struct Change {
    event: usize,
    rest: Rest,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Write { at: usize, data: Vec<u8> },
    Cut(usize),
}

/// One file, whatever it is called.
#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    changes: Vec<Change>,
    /// As the running program sees it.
    len: usize,
}

#[derive(Debug, Clone)]
struct Renaming {
    event: usize,
    rest: Rest,
    set: Vec<(PathBuf, Option<Node>)>,
}

#[derive(Debug, Clone, Default)]
struct Folder {
    durable: BTreeMap<PathBuf, Node>,
    changes: Vec<Renaming>,
}

#[derive(Debug, Clone)]
enum Handle {
    File { file: usize, name: PathBuf, at: usize },
    Folder(PathBuf),
}

/// Which of the changes that are not durable are on the disk after all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    None,
    All,
    /// Each sector as it was at some instant.
    Sectors,
    /// Some whole writes.
    Writes,
    /// All until some instant, and of the next write some sectors, one of them torn.
    Torn,
}

/// The disk below one folder, which itself is durable.
#[derive(Clone)]
pub struct Platter {
    root: PathBuf,
    files: Vec<File>,
    folders: BTreeMap<PathBuf, Folder>,
    now: BTreeMap<PathBuf, Node>,
    open: HashMap<i32, Handle>,
    /// Files whose syncs do nothing, by the end of their name.
    pub lies: Option<&'static str>,
}

impl Platter {
    /// Everything below `root` as it is now, durable.
    pub fn load(root: &Path) -> Platter {
        let mut platter = Platter {
            root: root.to_owned(),
            files: Vec::new(),
            folders: BTreeMap::new(),
            now: BTreeMap::new(),
            open: HashMap::new(),
            lies: None,
        };
        platter.load_folder(root);
        platter
    }

    fn load_folder(&mut self, folder: &Path) {
        let mut names = BTreeMap::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let node = if path.is_dir() {
                self.load_folder(&path);
                Node::Folder
            } else {
                let durable = std::fs::read(&path).unwrap();
                self.files.push(File { len: durable.len(), durable, changes: Vec::new() });
                Node::File(self.files.len() - 1)
            };
            names.insert(path, node);
        }
        self.now.extend(names.clone());
        self.folders.insert(folder.to_owned(), Folder { durable: names, changes: Vec::new() });
    }

    /// The call begins: from now on it may have happened.
    pub fn begin(&mut self, number: usize, event: &Event) {
        if !event.ok && event.ended != usize::MAX {
            return;
        }
        match &event.did {
            Did::Open { path, create, cut, .. } => match self.now.get(path) {
                None if *create => {
                    self.files.push(File::default());
                    let node = Node::File(self.files.len() - 1);
                    self.rename(number, vec![(path.clone(), Some(node))]);
                }
                Some(Node::File(file)) if *cut => self.change(*file, number, What::Cut(0)),
                _ => {}
            },
            Did::Write { fd, at, data, .. } => {
                let Some(Handle::File { file, at: here, .. }) = self.open.get_mut(fd) else { return };
                let file = *file;
                let at = match at {
                    Some(at) => usize::try_from(*at).unwrap(),
                    None => {
                        let at = if *here == usize::MAX { self.files[file].len } else { *here };
                        *here = if *here == usize::MAX { *here } else { at + data.len() };
                        at
                    }
                };
                self.change(file, number, What::Write { at, data: data.clone() });
            }
            Did::Seek { fd, to } => {
                if let Some(Handle::File { at, .. }) = self.open.get_mut(fd) {
                    *at = usize::try_from(*to).unwrap();
                }
            }
            Did::Cut { fd, len } => {
                if let Some(Handle::File { file, .. }) = self.open.get(fd) {
                    self.change(*file, number, What::Cut(usize::try_from(*len).unwrap()));
                }
            }
            Did::Rename { from, to } => {
                assert_eq!(from.parent(), to.parent(), "a rename between folders is not modelled");
                let node = self.now.get(from).copied();
                self.rename(number, vec![(from.clone(), None), (to.clone(), node)]);
            }
            Did::Remove { path } => self.rename(number, vec![(path.clone(), None)]),
            Did::MakeFolder { path } => {
                self.folders.insert(path.clone(), Folder::default());
                self.rename(number, vec![(path.clone(), Some(Node::Folder))]);
            }
            Did::Close { fd } => {
                self.open.remove(fd);
            }
            Did::Sync { .. } | Did::Send { .. } => {}
        }
    }

    fn change(&mut self, file: usize, event: usize, what: What) {
        let file = &mut self.files[file];
        file.len = match &what {
            What::Write { at, data } => file.len.max(at + data.len()),
            What::Cut(len) => *len,
        };
        file.changes.push(Change { event, rest: Rest::UnderWay, what });
    }

    fn rename(&mut self, event: usize, set: Vec<(PathBuf, Option<Node>)>) {
        for (path, node) in &set {
            match node {
                Some(node) => self.now.insert(path.clone(), *node),
                None => self.now.remove(path),
            };
        }
        let folder = set[0].0.parent().unwrap().to_owned();
        let folder = self.folders.entry(folder).or_default();
        folder.changes.push(Renaming { event, rest: Rest::UnderWay, set });
    }

    /// The call has returned. `began` is the line where it began: what a sync covers had returned before.
    pub fn end(&mut self, number: usize, event: &Event, events: &[Event]) {
        match &event.did {
            Did::Open { path, fd, append, .. } => {
                let handle = match self.now.get(path) {
                    Some(Node::File(file)) => Handle::File {
                        file: *file,
                        name: path.clone(),
                        at: if *append { usize::MAX } else { 0 },
                    },
                    _ => Handle::Folder(path.clone()),
                };
                self.open.insert(*fd, handle);
            }
            Did::Sync { fd } => {
                let becomes = if event.ok { Rest::Durable } else { Rest::Doomed };
                let covered = |of: usize| events[of].ended < event.began;
                match self.open.get(fd) {
                    Some(Handle::File { file, name, .. }) => {
                        if self.lies.is_some_and(|end| name.to_string_lossy().ends_with(end)) {
                            return;
                        }
                        let file = &mut self.files[*file];
                        for change in &mut file.changes {
                            if change.rest == Rest::Done && covered(change.event) {
                                change.rest = becomes;
                            }
                        }
                        file.settle();
                    }
                    Some(Handle::Folder(folder)) => {
                        let folder = self.folders.entry(folder.clone()).or_default();
                        for change in &mut folder.changes {
                            if change.rest == Rest::Done && covered(change.event) {
                                change.rest = becomes;
                            }
                        }
                        folder.settle();
                    }
                    None => {}
                }
            }
            _ => {}
        }
        for change in self.files.iter_mut().flat_map(|file| &mut file.changes) {
            if change.event == number && change.rest == Rest::UnderWay {
                change.rest = Rest::Done;
            }
        }
        for change in self.folders.values_mut().flat_map(|folder| &mut folder.changes) {
            if change.event == number && change.rest == Rest::UnderWay {
                change.rest = Rest::Done;
            }
        }
    }

    /// Writes what may be there after the power went into `to`, a new folder. What SQLite keeps in shared memory is
    /// not on any disk.
    pub fn restart(&self, luck: Luck, dice: &mut Dice, to: &Path) {
        self.write_folder(&self.root, luck, dice, to);
    }

    fn write_folder(&self, folder: &Path, luck: Luck, dice: &mut Dice, to: &Path) {
        make(to);
        let Some(state) = self.folders.get(folder) else { return };
        for (path, node) in state.after(luck, dice) {
            let name = path.file_name().unwrap();
            let to = to.join(name);
            match node {
                Node::Folder => self.write_folder(&path, luck, dice, &to),
                Node::File(_) if name.to_string_lossy().ends_with("-shm") => {}
                Node::File(file) => std::fs::write(to, self.files[file].after(luck, dice)).unwrap(),
            }
        }
    }
}

impl Folder {
    /// Forgets what is durable down to the first change that is not.
    fn settle(&mut self) {
        let durable = self.changes.iter().take_while(|change| change.rest == Rest::Durable).count();
        for change in self.changes.drain(..durable) {
            for (path, node) in change.set {
                match node {
                    Some(node) => self.durable.insert(path, node),
                    None => self.durable.remove(&path),
                };
            }
        }
    }

    fn after(&self, luck: Luck, dice: &mut Dice) -> BTreeMap<PathBuf, Node> {
        let mut names = self.durable.clone();
        let until = dice.below(self.changes.len() + 1);
        for (at, change) in self.changes.iter().enumerate() {
            let there = change.rest == Rest::Durable
                || match luck {
                    Luck::None => false,
                    Luck::All => true,
                    Luck::Torn => at < until,
                    Luck::Sectors | Luck::Writes => dice.one_in(2),
                };
            if !there {
                continue;
            }
            for (path, node) in &change.set {
                match node {
                    Some(node) => names.insert(path.clone(), *node),
                    None => names.remove(path),
                };
            }
        }
        names
    }
}

impl File {
    fn settle(&mut self) {
        let durable = self.changes.iter().take_while(|change| change.rest == Rest::Durable).count();
        for change in self.changes.drain(..durable) {
            apply(&mut self.durable, &change.what);
        }
    }

    fn after(&self, luck: Luck, dice: &mut Dice) -> Vec<u8> {
        if self.changes.is_empty() {
            return self.durable.clone();
        }
        let last = self.changes.len();
        let until = dice.below(last + 1);
        let kept: Vec<bool> = self.changes.iter().map(|_| dice.one_in(2)).collect();
        // Up to which change one thing that changes touched is there.
        let pick = |touched: &[usize], dice: &mut Dice| -> usize {
            let floor =
                touched.iter().rposition(|at| self.changes[*at].rest == Rest::Durable).map_or(0, |at| at + 1);
            match luck {
                Luck::None => floor,
                Luck::All => touched.len(),
                Luck::Sectors => floor + dice.below(touched.len() - floor + 1),
                Luck::Writes => touched.iter().rposition(|at| kept[*at]).map_or(0, |at| at + 1).max(floor),
                Luck::Torn => {
                    let whole = touched.iter().filter(|at| **at < until).count();
                    let next = touched.get(whole) == Some(&until) && dice.one_in(2);
                    (whole + usize::from(next)).max(floor)
                }
            }
        };

        // The length.
        let mut lengths = vec![self.durable.len()];
        for change in &self.changes {
            let before = *lengths.last().unwrap();
            lengths.push(match &change.what {
                What::Write { at, data } => before.max(at + data.len()),
                What::Cut(len) => *len,
            });
        }
        let all: Vec<usize> = (0..last).collect();
        let length = lengths[pick(&all, dice)];
        let most = *lengths.iter().max().unwrap();

        // The sectors.
        let mut touched: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, change) in self.changes.iter().enumerate() {
            let sectors = match &change.what {
                What::Write { data, .. } if data.is_empty() => continue,
                What::Write { at, data } => at / SECTOR..(at + data.len()).div_ceil(SECTOR),
                What::Cut(len) => len / SECTOR..most.div_ceil(SECTOR),
            };
            for sector in sectors {
                touched.entry(sector).or_default().push(at);
            }
        }
        let mut bytes = self.durable.clone();
        bytes.resize(most.next_multiple_of(SECTOR), 0);
        let garbage = dice.one_in(4);
        let mut tear = luck == Luck::Torn;
        for (sector, changes) in touched {
            let here = sector * SECTOR;
            let mut content = bytes[here..here + SECTOR].to_vec();
            let there = pick(&changes, dice);
            if there == 0 && garbage && here >= self.durable.len() {
                content.iter_mut().for_each(|byte| *byte = dice.next() as u8);
            }
            for at in &changes[..there] {
                put(&mut content, here, &self.changes[*at].what);
            }
            if tear && let Some(next) = changes.get(there) {
                tear = false;
                let mut newer = content.clone();
                put(&mut newer, here, &self.changes[*next].what);
                let from = dice.below(SECTOR);
                content[..from].copy_from_slice(&newer[..from]);
            }
            bytes[here..here + SECTOR].copy_from_slice(&content);
        }
        bytes.resize(length, 0);
        bytes
    }
}

/// Does to the sector that begins at `here` what a change does to it.
fn put(sector: &mut [u8], here: usize, what: &What) {
    match what {
        What::Write { at, data } => {
            let (from, to) = ((*at).max(here), (at + data.len()).min(here + sector.len()));
            if from < to {
                sector[from - here..to - here].copy_from_slice(&data[from - at..to - at]);
            }
        }
        What::Cut(len) => {
            let from = len.saturating_sub(here).min(sector.len());
            sector[from..].fill(0);
        }
    }
}

fn apply(bytes: &mut Vec<u8>, what: &What) {
    match what {
        What::Write { at, data } => {
            if bytes.len() < at + data.len() {
                bytes.resize(at + data.len(), 0);
            }
            bytes[*at..at + data.len()].copy_from_slice(data);
        }
        What::Cut(len) => bytes.resize(*len, 0),
    }
}

/// A history of events, played onto a disk instant by instant.
pub struct Play<'a> {
    events: &'a [Event],
    steps: Vec<(usize, bool, usize)>,
    next: usize,
    pub platter: Platter,
}

impl<'a> Play<'a> {
    pub fn new(platter: Platter, events: &'a [Event]) -> Play<'a> {
        let mut steps: Vec<(usize, bool, usize)> = Vec::new();
        for (number, event) in events.iter().enumerate() {
            steps.push((event.began, false, number));
            if event.ended != usize::MAX {
                steps.push((event.ended, true, number));
            }
        }
        // One line is one call; where it began and ended on it, it begins first.
        steps.sort_unstable();
        Play { events, steps, next: 0, platter }
    }

    /// Goes on until all lines before `line` have happened.
    pub fn until(&mut self, line: usize) {
        while let Some((at, end, number)) = self.steps.get(self.next).copied() {
            if at >= line {
                return;
            }
            let event = &self.events[number];
            if end {
                self.platter.end(number, event, self.events);
            } else {
                self.platter.begin(number, event);
            }
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(line: usize, did: Did) -> Event {
        Event { began: line, ended: line, ok: true, did }
    }

    fn write(fd: i32, at: u64, byte: u8, len: usize) -> Did {
        Did::Write { fd, path: PathBuf::new(), at: Some(at), data: vec![byte; len] }
    }

    /// What may be there after all of `dids`, over many dice: each file's name and its sectors' first bytes.
    fn outcomes(dids: &[(bool, Did)]) -> std::collections::BTreeSet<String> {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &Path| root.path().join(path.strip_prefix("/r").unwrap_or(path));
        let events: Vec<Event> = dids
            .iter()
            .enumerate()
            .map(|(line, (ok, did))| {
                let did = match did.clone() {
                    Did::Open { path, fd, create, cut, append } => {
                        Did::Open { path: at(&path), fd, create, cut, append }
                    }
                    Did::Rename { from, to } => Did::Rename { from: at(&from), to: at(&to) },
                    Did::Remove { path } => Did::Remove { path: at(&path) },
                    other => other,
                };
                Event { ok: *ok, ..done(line, did) }
            })
            .collect();
        let mut play = Play::new(Platter::load(root.path()), &events);
        play.until(usize::MAX);
        let mut all = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mut dice = Dice(seed);
            let luck = [Luck::None, Luck::All, Luck::Sectors, Luck::Writes][dice.below(4)];
            let to = tempfile::tempdir().unwrap();
            play.platter.restart(luck, &mut dice, to.path());
            let mut told: Vec<String> = std::fs::read_dir(to.path())
                .unwrap()
                .map(|entry| {
                    let path = entry.unwrap().path();
                    let bytes = std::fs::read(&path).unwrap();
                    let sectors: String = bytes
                        .chunks(SECTOR)
                        .map(|s| if b"ab".contains(&s[0]) { s[0] as char } else { '?' })
                        .collect();
                    format!("{}:{sectors}", path.file_name().unwrap().to_string_lossy())
                })
                .collect();
            told.sort();
            all.insert(told.join(" "));
        }
        all
    }

    fn check(dids: &[(bool, Did)], expected: &[&str]) {
        let found = outcomes(dids);
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    fn open(name: &str, fd: i32) -> (bool, Did) {
        let path = PathBuf::from(format!("/r/{name}"));
        (true, Did::Open { path, fd, create: true, cut: false, append: false })
    }

    /// A sync of the root, which must be open as 9.
    fn root() -> [(bool, Did); 2] {
        let path = PathBuf::from("/r/");
        [
            (true, Did::Open { path, fd: 9, create: false, cut: false, append: false }),
            (true, Did::Sync { fd: 9 }),
        ]
    }

    #[test]
    fn only_what_was_synced_is_certain() {
        let [folder, sync_folder] = root();
        let sync = (true, Did::Sync { fd: 3 });
        let a = (true, write(3, 0, b'a', 1024));
        let b = (true, write(3, 0, b'b', 512));
        let all = [open("db", 3), folder.clone(), sync_folder.clone(), a.clone(), sync.clone()];
        check(&all, &["db:aa"]);
        // Without the folder's sync the file may be gone altogether.
        check(&[open("db", 3), a.clone(), sync.clone()], &["", "db:aa"]);
        // A later write may be there or not.
        let more = [&all[..], std::slice::from_ref(&b)].concat();
        check(&more, &["db:aa", "db:ba"]);
        check(&[&more[..], std::slice::from_ref(&sync)].concat(), &["db:ba"]);
        // A sync that failed makes nothing durable, nor does a later one that succeeds; writing again does.
        let failed = [&more[..], &[(false, Did::Sync { fd: 3 }), sync.clone()]].concat();
        check(&failed, &["db:aa", "db:ba"]);
        check(&[&failed[..], &[b.clone(), sync.clone()]].concat(), &["db:ba"]);
    }

    #[test]
    fn names_follow_the_syncs_of_their_folder() {
        let [folder, sync_folder] = root();
        let begin = [
            open("new", 3),
            (true, write(3, 0, b'b', 512)),
            (true, Did::Sync { fd: 3 }),
            folder,
            sync_folder.clone(),
        ];
        let rename = (true, Did::Rename { from: "/r/new".into(), to: "/r/mark".into() });
        let renamed = [&begin[..], std::slice::from_ref(&rename)].concat();
        check(&renamed, &["mark:b", "new:b"]);
        check(&[&renamed[..], std::slice::from_ref(&sync_folder)].concat(), &["mark:b"]);
        let removed = [&begin[..], &[(true, Did::Remove { path: "/r/new".into() })]].concat();
        check(&removed, &["", "new:b"]);
    }

    #[test]
    fn sectors_are_independent_and_a_file_may_be_shorter() {
        let [folder, sync_folder] = root();
        let all = [open("db", 3), folder, sync_folder, (true, write(3, 0, b'a', 1024))];
        check(&all, &["db:", "db:??", "db:?a", "db:a?", "db:aa"]);
    }
}
