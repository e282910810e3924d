//! What `strace` wrote down, as events.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The system calls that change files or send; those that are not modelled end the test when they touch our files.
pub const CALLS: &str = "openat,open,creat,close,write,writev,pwrite64,pwritev,pwritev2,lseek,ftruncate,truncate,fallocate,\
    rename,renameat,renameat2,link,linkat,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,fsync,fdatasync,\
    sync_file_range,copy_file_range,sendfile,splice,mmap,dup,dup2,dup3,sendto,sendmsg";

/// What a system call did. File descriptors are those of the one process that uses our files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Did {
    Open {
        path: PathBuf,
        fd: i32,
        create: bool,
        cut: bool,
        append: bool,
    },
    Close {
        fd: i32,
    },
    /// Without `at`: where the descriptor stands.
    Write {
        fd: i32,
        path: PathBuf,
        at: Option<u64>,
        data: Vec<u8>,
    },
    Seek {
        fd: i32,
        to: u64,
    },
    Cut {
        fd: i32,
        len: u64,
    },
    Sync {
        fd: i32,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    MakeFolder {
        path: PathBuf,
    },
    /// To a socket.
    Send {
        data: Vec<u8>,
    },
}

/// One system call. It took effect between two lines of the log.
#[derive(Debug, Clone)]
pub struct Event {
    pub began: usize,
    /// `usize::MAX` if the process ended first.
    pub ended: usize,
    /// Whether it succeeded; nobody knows if it did not end, and it may have.
    pub ok: bool,
    pub did: Did,
}

/// The events below `root`, what was written to `also`, and what went to sockets; and the number of lines.
pub fn read(log: &Path, root: &Path, also: &Path) -> (Vec<Event>, usize) {
    let text = std::fs::read_to_string(log).unwrap();
    let (mut events, mut begun, mut lines) = (Vec::new(), HashMap::new(), 0);
    for (number, line) in text.lines().enumerate() {
        lines = number + 1;
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(call) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(thread, (number, call.trim_end()));
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|r| r.split_once(" resumed>")) {
            let Some((began, call)) = begun.remove(thread) else { continue };
            events.extend(event(&format!("{call}{end}"), root, also, (began, number)));
        } else {
            events.extend(event(rest, root, also, (number, number)));
        }
    }
    for (began, call) in begun.into_values() {
        events.extend(event(&format!("{call}) = ?"), root, also, (began, usize::MAX)));
    }
    events.sort_by_key(|event| event.began);
    (events, lines)
}

fn event(call: &str, root: &Path, also: &Path, (began, ended): (usize, usize)) -> Option<Event> {
    let (name, rest) = call.split_once('(')?;
    let (arguments, answer) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    // Strings are all `\x..`, so commas and quotes stand between arguments alone.
    let arguments: Vec<&str> = arguments.split(", ").collect();
    let fails = answer.starts_with('-');
    let number = answer.split(['<', ' ']).next().and_then(|number| number.parse::<i64>().ok());
    let ok = number.is_some_and(|number| number >= 0);
    if fails && !matches!(name, "fsync" | "fdatasync") {
        return None;
    }
    let ours = |path: &Path| path.starts_with(root) || path == also;
    let fd = arguments.first().and_then(|fd| descriptor(fd));
    let mine = fd.as_ref().is_some_and(|(_, path)| ours(path));
    let at = |which: usize| arguments.get(which).and_then(|at| at.parse().ok());
    let done = |count: usize| number.map_or(count, |number| usize::try_from(number).unwrap());
    let did = match name {
        "openat" | "open" => {
            let at = usize::from(name == "openat");
            let path = resolve(arguments.first()?, arguments.get(at)?);
            let flags: Vec<&str> = arguments.get(at + 1)?.split('|').collect();
            if !ours(&path) || !ok {
                return None;
            }
            let has = |flag| flags.contains(&flag);
            Did::Open {
                path,
                fd: i32::try_from(number?).unwrap(),
                create: has("O_CREAT"),
                cut: has("O_TRUNC"),
                append: has("O_APPEND"),
            }
        }
        "close" if mine => Did::Close { fd: fd?.0 },
        "write" | "pwrite64" if mine => {
            let mut data = bytes(arguments.get(1)?);
            data.truncate(done(data.len()));
            let (fd, path) = fd?;
            Did::Write { fd, path, at: if name == "write" { None } else { Some(at(3)?) }, data }
        }
        "write" | "writev" | "sendto" | "sendmsg"
            if fd.as_ref()?.1.to_string_lossy().starts_with("socket:") =>
        {
            let mut data: Vec<u8> = arguments[1..].iter().flat_map(|text| bytes(text)).collect();
            data.truncate(done(data.len()));
            Did::Send { data }
        }
        "lseek" if mine => Did::Seek { fd: fd?.0, to: u64::try_from(number?).unwrap() },
        "ftruncate" if mine => Did::Cut { fd: fd?.0, len: at(1)? },
        "fsync" | "fdatasync" if mine => Did::Sync { fd: fd?.0 },
        "rename" | "renameat" | "renameat2" => {
            let wide = usize::from(name != "rename");
            let from = resolve(arguments.first()?, arguments.get(wide)?);
            let to = resolve(arguments.get(wide + usize::from(wide == 1))?, arguments.get(1 + 2 * wide)?);
            if !ours(&from) && !ours(&to) {
                return None;
            }
            Did::Rename { from, to }
        }
        "unlink" | "rmdir" | "mkdir" | "unlinkat" | "mkdirat" => {
            let path = resolve(arguments.first()?, arguments.get(usize::from(name.ends_with("at")))?);
            if !ours(&path) {
                return None;
            }
            if name.starts_with("mkdir") { Did::MakeFolder { path } } else { Did::Remove { path } }
        }
        "mmap" => {
            let (_, path) = descriptor(arguments.get(4)?)?;
            let shared = arguments.get(3)?.contains("MAP_SHARED") && arguments.get(2)?.contains("PROT_WRITE");
            assert!(
                !(shared && ours(&path)) || path.to_string_lossy().ends_with("-shm"),
                "{} is written through memory, which nothing records",
                path.display()
            );
            return None;
        }
        _ => {
            let touches = arguments.iter().any(|text| descriptor(text).is_some_and(|(_, path)| ours(&path)));
            assert!(!touches, "{name} on our files is not modelled: {call:.200}");
            return None;
        }
    };
    Some(Event { began, ended, ok, did })
}

/// `7<\x2f...>` and what strace may add.
fn descriptor(text: &str) -> Option<(i32, PathBuf)> {
    let (fd, rest) = text.split_once('<')?;
    let path = plain(rest.split_once('>')?.0);
    Some((fd.parse().ok()?, PathBuf::from(String::from_utf8_lossy(&path).into_owned())))
}

/// The path `text`, which may start from the folder `from`.
fn resolve(from: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(String::from_utf8_lossy(&bytes(text)).into_owned());
    let folder = from.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    match folder {
        Some((folder, _)) => Path::new(&*String::from_utf8_lossy(&plain(folder))).join(path),
        None => path,
    }
}

/// What stands between quotes.
fn bytes(text: &str) -> Vec<u8> {
    let Some((_, rest)) = text.split_once('"') else { return Vec::new() };
    let Some((inside, after)) = rest.split_once('"') else { return Vec::new() };
    assert!(!after.starts_with("..."), "strace cut a string short");
    plain(inside)
}

fn plain(text: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap_or(0) as u8;
    let coded = text.as_bytes();
    let mut plain = Vec::with_capacity(coded.len() / 4);
    let mut at = 0;
    while at < coded.len() {
        if coded[at] == b'\\' && coded.get(at + 1) == Some(&b'x') {
            plain.push(digit(coded[at + 2]) << 4 | digit(coded[at + 3]));
            at += 4;
        } else {
            plain.push(coded[at]);
            at += 1;
        }
    }
    plain
}

#[test]
fn lines_of_strace_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let hex = |text: &str| text.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let (root, db, new) = (hex("/r"), hex("/r/db"), hex("/r/new"));
    let text = format!(
        "7 openat(AT_FDCWD<{root}>, \"{db}\", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3<{db}>\n\
         7 pwrite64(3<{db}>, \"\\x68\\x69\", 2, 4096) = 2\n\
         7 fdatasync(3<{db}> <unfinished ...>\n\
         8 sendto(9<socket:[1]>, \"\\x2e\\x0d\\x0a\", 3, MSG_NOSIGNAL, NULL, 0) = 3\n\
         7 <... fdatasync resumed>)           = 0\n\
         7 fsync(3<{db}>) = -1 EIO (Input/output error) (INJECTED)\n\
         7 rename(\"{db}\", \"{new}\") = 0\n\
         7 mkdir(\"{root}\", 0777) = -1 EEXIST (File exists)\n\
         7 ftruncate(3<{new}>, 0) = 0\n\
         7 openat(AT_FDCWD<{root}>, \"{}\", O_RDONLY) = 4<{}>\n\
         7 pwrite64(3<{new}>, \"\\x68\\x69\", 2, 0 <unfinished ...>\n",
        hex("/etc/passwd"),
        hex("/etc/passwd"),
    );
    std::fs::write(&log, text).unwrap();
    let (events, lines) = read(&log, Path::new("/r"), Path::new("/acks"));
    assert_eq!(lines, 11);
    let told: Vec<String> =
        events.iter().map(|e| format!("{}-{} {} {:?}", e.began, e.ended.min(99), e.ok, e.did)).collect();
    assert_eq!(
        told,
        [
            "0-0 true Open { path: \"/r/db\", fd: 3, create: true, cut: false, append: false }",
            "1-1 true Write { fd: 3, path: \"/r/db\", at: Some(4096), data: [104, 105] }",
            "2-4 true Sync { fd: 3 }",
            "3-3 true Send { data: [46, 13, 10] }",
            "5-5 false Sync { fd: 3 }",
            "6-6 true Rename { from: \"/r/db\", to: \"/r/new\" }",
            "8-8 true Cut { fd: 3, len: 0 }",
            "10-99 false Write { fd: 3, path: \"/r/new\", at: Some(0), data: [104, 105] }",
        ]
    );
}
