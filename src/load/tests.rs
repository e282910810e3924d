use std::fs;
use std::process::Command;

use super::*;

const CONFIG: &str = "name: N\norganization: O\nurl: https://n.example\ntimezone: UTC\nchannels:\n  site: {kind: newsroom, dir: site}\n";
const AUDIENCE: &str = "name: Public\nchannels: [site]\n";
const RELEASE: &str =
    "---\ntitle: One\npublish: 2026-12-01T09:00\nstatus: approved\naudiences: [public]\n---\nText.\n";

/// A repository with a small newsroom, and a place for a mark that hostile content tries to leave.
struct Repository {
    dir: tempfile::TempDir,
}

impl Repository {
    fn new() -> Repository {
        let repository = Repository { dir: tempfile::tempdir().unwrap() };
        repository.git(&["init", "--quiet", "--initial-branch=main", "."]);
        repository.write("dateline.yaml", CONFIG);
        repository.write("audiences/public.yaml", AUDIENCE);
        repository.write("releases/one.md", RELEASE);
        repository.commit();
        repository
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn git_dir(&self) -> PathBuf {
        git_dir(self.path()).unwrap()
    }

    /// What hostile content would create.
    fn mark(&self) -> PathBuf {
        self.path().join(".git/MARK")
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn script(&self, path: &str) {
        self.write(path, format!("#!/bin/sh\ntouch {}\ncat\n", self.mark().display()));
        set_executable(&self.path().join(path));
    }

    fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .args([
                "-c",
                "user.name=A",
                "-c",
                "user.email=a@halden.example",
                "-c",
                "core.hooksPath=/dev/null",
            ])
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Adds a tree entry that no work tree would give, and commits it.
    fn entry(&self, mode: &str, content: &str, path: &str) -> String {
        let object = if mode == "160000" {
            "1111111111111111111111111111111111111111".to_owned()
        } else {
            self.write(".git/blob", content);
            self.git(&["hash-object", "-w", "--no-filters", ".git/blob"])
        };
        self.git(&["update-index", "--add", "--cacheinfo", &format!("{mode},{object},{path}")]);
        self.git(&["commit", "--quiet", "--message", "x"]);
        self.git(&["rev-parse", "HEAD"])
    }
}

#[cfg(unix)]
fn set_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn codes(newsroom: &Newsroom) -> Vec<String> {
    newsroom.findings.iter().map(|f| format!("{} {}", f.file, f.code)).collect()
}

#[test]
fn a_commit_and_the_work_tree_give_the_same_newsroom() {
    let repository = Repository::new();
    let disk = work_tree(repository.path()).unwrap();
    let commit = commit(&repository.git_dir(), "HEAD").unwrap();
    assert_eq!(disk.findings, []);
    assert_eq!(commit.findings, []);
    assert_eq!(disk.releases, commit.releases);
    assert_eq!(disk.releases.len(), 1);
    assert_eq!(disk.revision, None);
    assert_eq!(commit.revision, Some(repository.git(&["rev-parse", "HEAD"])));
}

#[test]
fn an_older_commit_and_a_bare_mirror_are_read_without_a_work_tree() {
    let repository = Repository::new();
    repository.write("releases/one.md", RELEASE.replace("One", "Two"));
    repository.commit();
    fs::write(repository.path().join("releases/one.md"), "not committed").unwrap();
    let mirror = tempfile::tempdir().unwrap();
    let url = repository.path().to_str().unwrap();
    repository.git(&["clone", "--quiet", "--mirror", url, mirror.path().to_str().unwrap()]);
    for git_dir in [repository.git_dir(), git_dir(mirror.path()).unwrap()] {
        for (rev, title) in [("main", "Two"), ("main~1", "One"), ("HEAD", "Two")] {
            let newsroom = commit(&git_dir, rev).unwrap();
            assert_eq!(newsroom.releases["one"].original().title, title, "{rev}");
        }
    }
}

#[test]
fn a_newsroom_may_stand_below_the_root() {
    let repository = Repository::new();
    repository.write("press/dateline.yaml", CONFIG);
    repository.write("press/audiences/public.yaml", AUDIENCE);
    repository.write("press/releases/two.md", RELEASE);
    repository.commit();
    let files = commit_files(&repository.git_dir(), "HEAD", "press/").unwrap();
    assert_eq!(
        files.files.keys().collect::<Vec<_>>(),
        ["audiences/public.yaml", "dateline.yaml", "releases/two.md"]
    );
}

#[test]
fn a_revision_is_a_name_and_never_an_option() {
    let repository = Repository::new();
    let git_dir = repository.git_dir();
    for rev in
        ["", "-h", "--help", "--git-dir=/tmp", "nothing", "HEAD:releases", "HEAD\n", "HEAD..HEAD", "a b"]
    {
        assert!(matches!(resolve(&git_dir, rev), Err(LoadError::Revision(_))), "{rev:?}");
    }
    let none = tempfile::tempdir().unwrap();
    assert!(matches!(resolve(none.path(), "HEAD"), Err(LoadError::NoRepository(_))));
    assert!(matches!(super::git_dir(none.path()), Err(LoadError::NoRepository(_))));
    assert!(matches!(find(none.path()), Err(LoadError::NoNewsroom(_))));
    assert!(matches!(work_tree(none.path()), Err(LoadError::NoNewsroom(_))));
    assert_eq!(find(&repository.path().join("releases")).unwrap(), repository.path());
}

#[test]
fn links_and_submodules_are_refused() {
    let repository = Repository::new();
    repository.entry("120000", "/etc/passwd", "releases/passwd.md");
    repository.entry("120000", "../dateline.yaml", "audiences/all.yaml");
    repository.entry("160000", "", "releases/sub");
    repository.entry(
        "100644",
        "[submodule \"releases/sub\"]\n\tpath = releases/sub\n\turl = ext::sh -c \"touch MARK\"\n",
        ".gitmodules",
    );
    let newsroom = commit(&repository.git_dir(), "HEAD").unwrap();
    assert_eq!(
        codes(&newsroom),
        ["audiences/all.yaml symlink", "releases/passwd.md symlink", "releases/sub submodule"]
    );
    assert_eq!(newsroom.releases.len(), 1);
    assert!(!repository.mark().exists());

    let root = Repository::new();
    root.git(&["rm", "--quiet", "-r", "--cached", "releases", "dateline.yaml"]);
    root.entry("120000", "/etc", "releases");
    root.entry("120000", "/etc/hostname", "dateline.yaml");
    let newsroom = commit(&root.git_dir(), "HEAD").unwrap();
    assert_eq!(codes(&newsroom), ["dateline.yaml missing-file", "dateline.yaml symlink", "releases symlink"]);
}

#[cfg(unix)]
#[test]
fn a_second_look_reads_what_is_named_and_looks_at_everything_where_that_is_not_enough() {
    type Change = fn(&Repository);
    let repository = Repository::new();
    let dir = repository.path();
    repository.write("releases/two.md", RELEASE);
    let mut before = work_tree_files(dir).unwrap();
    // Only the file that is named is read.
    repository.write("releases/one.md", "---\ntitle: Other\n---\n");
    repository.write("releases/two.md", "---\ntitle: Unnoticed\n---\n");
    let swap = ["releases/.one.md.swp", "state/ledger.db", "releases/gone.tmp"];
    let named = |paths: &[&str]| paths.iter().map(|path| dir.join(path)).collect::<Vec<_>>();
    let files =
        work_tree_again(dir, &before, &named(&["releases/one.md", swap[0], swap[1], swap[2]])).unwrap();
    let text = |files: &Files, path: &str| String::from_utf8(files.files[path].to_vec()).unwrap();
    assert!(text(&files, "releases/one.md").contains("Other"));
    assert_eq!(text(&files, "releases/two.md"), RELEASE);
    before.files.clone_from(&files.files);
    // Each of these makes it look at everything.
    let changes: [(&str, Change); 4] = [
        ("releases/new.md", |it| it.write("releases/new.md", RELEASE)),
        ("releases/one.md", |it| fs::remove_file(it.path().join("releases/one.md")).unwrap()),
        ("releases", |it| it.write("releases/more/three.md", RELEASE)),
        ("releases/two.md", |it| {
            fs::remove_file(it.path().join("releases/two.md")).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", it.path().join("releases/two.md")).unwrap();
        }),
    ];
    for (path, change) in changes {
        change(&repository);
        let again = work_tree_again(dir, &before, &named(&[path])).unwrap();
        let whole = work_tree_files(dir).unwrap();
        assert_eq!(again.files, whole.files, "{path}");
        assert_eq!(again.findings.len(), whole.findings.len(), "{path}");
        before = again;
    }
    assert!(before.findings.iter().any(|finding| finding.code == "symlink"));
}

#[test]
fn the_work_tree_follows_no_link_and_no_repository_inside() {
    use std::os::unix::fs::symlink;
    let repository = Repository::new();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.md"), RELEASE).unwrap();
    symlink(outside.path(), repository.path().join("releases/linked")).unwrap();
    symlink(outside.path().join("secret.md"), repository.path().join("releases/secret.md")).unwrap();
    let fifo = repository.path().join("releases/fifo.md");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    symlink("loop", repository.path().join("releases/loop")).unwrap();
    repository.write("releases/sub/.git", "gitdir: ../../.git/modules/sub\n");
    repository.write("releases/sub/two.md", RELEASE);
    repository.write("releases/.hidden/three.md", RELEASE);
    let newsroom = work_tree(repository.path()).unwrap();
    assert_eq!(
        codes(&newsroom),
        [
            "releases/fifo.md path",
            "releases/linked symlink",
            "releases/loop symlink",
            "releases/secret.md symlink",
            "releases/sub submodule"
        ]
    );
    assert_eq!(newsroom.releases.keys().collect::<Vec<_>>(), ["one"]);
}

#[test]
fn strange_paths_are_reported_and_not_read() {
    let repository = Repository::new();
    for path in ["releases/a\\b.md", "releases/a\nb.md", "releases/con.md", "releases/Upper.md"] {
        repository.git(&[
            "-c",
            "core.protectNTFS=false",
            "update-index",
            "--add",
            "--cacheinfo",
            &format!("100644,{},{path}", repository.git(&["rev-parse", "HEAD:releases/one.md"])),
        ]);
    }
    repository.git(&["-c", "core.protectNTFS=false", "commit", "--quiet", "--message", "x"]);
    let newsroom = commit(&repository.git_dir(), "HEAD").unwrap();
    assert_eq!(
        codes(&newsroom),
        ["releases/Upper.md slug", "releases/a\nb.md path", "releases/a\\b.md path", "releases/con.md slug"]
    );
    assert_eq!(newsroom.releases.keys().collect::<Vec<_>>(), ["one"]);
}

#[test]
fn hooks_filters_and_monitors_never_run() {
    let repository = Repository::new();
    for hook in [
        "post-checkout",
        "pre-commit",
        "reference-transaction",
        "post-merge",
        "fsmonitor",
        "smudge",
        "textconv",
    ] {
        repository.script(&format!(".git/hooks/{hook}"));
    }
    let script =
        |name: &str| repository.path().join(format!(".git/hooks/{name}")).to_str().unwrap().to_owned();
    for (key, value) in [
        ("core.fsmonitor", script("fsmonitor")),
        ("filter.evil.smudge", script("smudge")),
        ("filter.evil.clean", "cat".to_owned()),
        ("filter.evil.required", "true".to_owned()),
        ("diff.evil.textconv", script("textconv")),
        ("core.pager", script("smudge")),
        ("core.alternateRefsCommand", script("smudge")),
    ] {
        repository.git(&["config", key, &value]);
    }
    repository.entry(
        "100644",
        "* filter=evil diff=evil export-subst ident eol=crlf working-tree-encoding=UTF-16\n",
        ".gitattributes",
    );
    // Plain git does run them: the mark shows that the trap is set.
    repository.git(&["status"]);
    fs::remove_file(repository.mark()).unwrap();
    let git_dir = repository.git_dir();
    let newsroom = commit(&git_dir, "HEAD").unwrap();
    assert_eq!(&*newsroom.sources[0].text, RELEASE);
    let url = repository.path().to_str().unwrap();
    fetch(&git_dir, url, "main", Duration::from_mins(1), &|| false).unwrap();
    assert!(is_ancestor(&git_dir, "HEAD~1", "HEAD").unwrap());
    assert!(!repository.mark().exists());
}

#[test]
fn a_replaced_object_is_not_taken_for_the_original() {
    let repository = Repository::new();
    let old = repository.git(&["rev-parse", "HEAD:releases/one.md"]);
    repository.write(".git/blob", RELEASE.replace("One", "Forged"));
    let new = repository.git(&["hash-object", "-w", "--no-filters", ".git/blob"]);
    repository.git(&["replace", &old, &new]);
    let newsroom = commit(&repository.git_dir(), "HEAD").unwrap();
    assert_eq!(newsroom.releases["one"].original().title, "One");
}

#[test]
fn a_pointer_of_lfs_is_not_taken_for_a_picture() {
    let repository = Repository::new();
    repository.write("releases/one.md", RELEASE.replace("status", "media: [{file: a.png}]\nstatus"));
    repository.entry(
        "100644",
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n",
        "releases/a.png",
    );
    repository.git(&["add", "releases/one.md"]);
    repository.git(&["commit", "--quiet", "--message", "x"]);
    assert_eq!(codes(&commit(&repository.git_dir(), "HEAD").unwrap()), ["releases/one.md media-lfs"]);
}

#[test]
fn fetching_shows_rewritten_history_and_moves_nothing() {
    let repository = Repository::new();
    let mirror = tempfile::tempdir().unwrap();
    let url = repository.path().to_str().unwrap();
    repository.git(&["clone", "--quiet", "--bare", url, mirror.path().to_str().unwrap()]);
    let first = resolve(mirror.path(), "main").unwrap();

    repository.write("releases/two.md", RELEASE);
    let second = repository.commit();
    let limit = Duration::from_mins(1);
    assert_eq!(fetch(mirror.path(), url, "main", limit, &|| false).unwrap(), second);
    assert_eq!(fetch(mirror.path(), "origin", "main", limit, &|| false).unwrap(), second);
    assert!(is_ancestor(mirror.path(), &first, &second).unwrap());
    assert_eq!(resolve(mirror.path(), "main").unwrap(), first);

    repository.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
    repository.write("releases/three.md", RELEASE);
    let third = repository.commit();
    assert_eq!(fetch(mirror.path(), url, "main", limit, &|| false).unwrap(), third);
    assert!(!is_ancestor(mirror.path(), &second, &third).unwrap());
    assert_eq!(commit(mirror.path(), &second).unwrap().releases.len(), 2);
}

#[test]
fn remotes_that_are_programs_are_refused() {
    let repository = Repository::new();
    let mark = repository.mark();
    let evil = format!("ext::sh -c touch% {}", mark.display());
    for remote in [
        evil.as_str(),
        "--upload-pack=touch MARK",
        "-x",
        "",
        "fd::7",
        "git://127.0.0.1/x",
        "http://127.0.0.1/x",
    ] {
        assert!(
            fetch(&repository.git_dir(), remote, "main", Duration::from_mins(1), &|| false).is_err(),
            "{remote}"
        );
    }
    for branch in ["", "-f", "a:refs/heads/main", "a b", "a..b", "@{-1}", "a*", "a.lock", "../x", "/x", "x/"]
    {
        let found = fetch(
            &repository.git_dir(),
            repository.path().to_str().unwrap(),
            branch,
            Duration::from_mins(1),
            &|| false,
        );
        assert!(matches!(found, Err(LoadError::Revision(_))), "{branch}: {found:?}");
    }
    assert!(!mark.exists());
}

#[test]
fn a_remote_that_says_nothing_is_given_up() {
    let repository = Repository::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://user:hunter2@{}/x.git", silent.local_addr().unwrap());
    let error =
        fetch(&repository.git_dir(), &url, "main", Duration::from_millis(300), &|| false).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(matches!(error, LoadError::Timeout { .. } | LoadError::Git { .. }), "{error:?}");
}

#[test]
fn files_that_are_too_large_are_reported() {
    let repository = Repository::new();
    repository.write("releases/large.md", vec![b'a'; 3 * 1024 * 1024]);
    repository.commit();
    for newsroom in [work_tree(repository.path()).unwrap(), commit(&repository.git_dir(), "HEAD").unwrap()] {
        assert_eq!(codes(&newsroom), ["releases/large.md too-large"]);
    }
}
