//! The contact book as people use it: a dry import, an import, why somebody gets a release, everything on one person.

use std::path::Path;
use std::process::{Command, Stdio};

/// Runs `dateline` in a newsroom; its code, stdout and stderr.
fn run(dir: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_dateline"))
        .current_dir(dir)
        .env_remove("DATELINE_NEWSROOM")
        .stdin(Stdio::null())
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn check(dir: &Path, arguments: &[&str], code: i32, stdout: &str) -> String {
    let (found, out, err) = run(dir, arguments);
    assert_eq!(found, code, "{arguments:?}: {out}{err}");
    assert!(out.contains(stdout), "{arguments:?} does not say `{stdout}`: {out}{err}");
    out
}

/// A newsroom with an approved release for three audiences, of which the last is the widest.
fn room() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), &["init", "room"], 0, "room");
    let room = folder.path().join("room");
    let write = |path: &str, text: &str| std::fs::write(room.join(path), text).unwrap();
    let settings = std::fs::read_to_string(room.join("dateline.yaml")).unwrap();
    write("dateline.yaml", &format!("{settings}topics: {{ ev: {{ en: Electric cars }} }}\n"));
    for (key, rule) in [
        ("electric", "kind = journalist and beat = ev"),
        ("press", "kind = journalist"),
        ("everybody", "not kind = nobody"),
    ] {
        write(
            &format!("audiences/{key}.yaml"),
            &format!(
                "name: {key}\nchannels: [relay]\nmembers:\n  where: {rule}\nlimits: {{ per_week: 3 }}\n"
            ),
        );
    }
    let year = std::fs::read_dir(room.join("releases")).unwrap().next().unwrap().unwrap().path();
    let hello = std::fs::read_to_string(year.join("hello-world.md")).unwrap();
    let hello = hello.replace("status: draft ", "status: approved ");
    let audiences = hello.lines().find(|line| line.starts_with("audiences:")).unwrap();
    let three = "audiences: [electric, press, everybody]";
    let hello = hello.replace(audiences, three).replace("tags: [company]", "tags: [ev]");
    std::fs::write(year.join("hello-world.md"), hello).unwrap();
    folder
}

#[test]
fn a_dry_import_says_what_an_import_would_do() {
    let folder = room();
    let room = folder.path().join("room");
    let write = |text: &str| std::fs::write(room.join("book.csv"), text).unwrap();
    let why = ["--basis", "legitimate-interest", "--source", "press register", "--date", "2026-03-02"];
    let map = ["--map", "email=Adresse", "--map", "name=Full name", "--map", "kind=Typ", "--ignore", "Notes"];
    let import = |more: &[&'static str]| -> Vec<&'static str> {
        [&["contacts", "import", "book.csv"][..], &map, more].concat()
    };
    write(
        "Adresse,Full name,Typ,beat,Notes,basis,source,date\n\
         jane@paper.example,Jane Roe,journalist,ev,knows the CEO,consent,form,2026-04-05\n\
         joe@paper.example,Joe Doe,journalist,,,,,\n\
         no address,X,journalist,,,,,\n\
         JANE@paper.example,Jane,journalist,,,,,\n\
         åsa@bücher.example,Åsa,blogger,,,because,,\n",
    );
    // Without the consent of row 3 it is refused, and nothing is written either way.
    let (code, out, err) = run(&room, &import(&["--dry-run"]));
    assert_eq!(code, 1);
    assert!(err.contains("book.csv:3:1: the row does not say why we may write: `basis` is missing"), "{err}");
    assert!(out.contains("+ 2: jane@paper.example") && out.contains("nothing was written"), "{out}");
    check(&room, &["contacts", "list"], 0, "");
    let dry: Vec<&str> = [&import(&["--dry-run"])[..], &why].concat();
    let (code, out, err) = run(&room, &dry);
    assert_eq!(code, 1);
    assert!(
        out.contains("2 new, 0 changed, 0 as they were; 0 of them must not be contacted; 3 rows refused"),
        "{out}"
    );
    for refused in [
        "book.csv:4:1: not an e-mail",
        "book.csv:5:1: the same address as in line 2",
        "6:34: `because` is no basis",
    ] {
        assert!(err.contains(refused), "{refused}: {err}");
    }
    assert_eq!(check(&room, &["contacts", "list"], 0, ""), "");
    let real: Vec<&str> = [&import(&[])[..], &why].concat();
    check(&room, &real, 1, "2 new");
    let list = check(&room, &["contacts", "list", "--format", "json"], 0, "");
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["contacts"][0]["consent"]["source"], "form");
    assert_eq!(list["contacts"][1]["consent"]["basis"], "legitimate-interest");
    assert!(!list.to_string().contains("CEO"), "{list:#}");

    // Somebody leaves; a new list names them again, and changes another.
    check(&room, &["suppress", "jane@PAPER.example", "--reason", "asked by telephone"], 0, "Suppressed.");
    write(
        "Adresse,Full name,Typ,beat,Notes,basis,source,date\n\
         Jane@paper.example.,Jane Roe,journalist,ev,,consent,form,2026-04-05\n\
         joe@paper.example,Joe Doe,blogger,ev;family,,,,\n",
    );
    let out = check(&room, &dry, 0, "0 new, 2 changed, 0 as they were; 1 of them must not be contacted");
    for line in [
        "~ 3: joe@paper.example: beat nothing → ev;family; kind journalist → blogger",
        "~ 2: Jane@paper.example: email jane@paper.example → Jane@paper.example",
        "x 2: Jane@paper.example: must not be contacted: asked by telephone",
    ] {
        assert!(out.contains(line), "{line}: {out}");
    }
    let json: Vec<&str> = [&dry[..], &["--format", "json"]].concat();
    let answer: serde_json::Value = serde_json::from_str(&check(&room, &json, 0, "")).unwrap();
    assert_eq!(answer["rows"].as_array().unwrap().len(), 2);
    assert_eq!(answer["rows"][1]["differences"][0]["field"], "beat");
    assert_eq!(answer["report"]["suppressed"], 1);
    // A mapping that is wrong says so before anything is read.
    let twice = ["contacts", "import", "book.csv", "--map", "name=Typ", "--map", "kind=Typ"];
    assert!(run(&room, &twice).2.contains("`Typ` is mapped twice"));
    let none = ["contacts", "import", "book.csv", "--map", "name=Nome"];
    assert!(run(&room, &none).2.contains("no column is named `Nome`"));
}

#[test]
fn somebody_is_told_why_they_get_it_and_what_is_held_on_them() {
    let folder = room();
    let room = folder.path().join("room");
    std::fs::write(
        room.join("book.csv"),
        "email,name,kind,beat,basis,source,date\n\
         jane@paper.example,Jane,journalist,ev,consent,form,2026-04-05\n\
         bo@radio.example,Bo,journalist,radio,consent,form,2026-04-05\n\
         nobody@paper.example,,nobody,,consent,form,2026-04-05\n",
    )
    .unwrap();
    check(&room, &["contacts", "import", "book.csv"], 0, "3 new");
    // One person in three audiences gets one mail: for the one that the release names first.
    let plan = check(&room, &["plan", "--format", "json"], 0, "");
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let parts = plan["releases"][0]["deliveries"].as_array().unwrap();
    let counts: Vec<String> =
        parts.iter().map(|part| format!("{} {}", part["audience"], part["recipients"])).collect();
    assert_eq!(counts, ["\"electric\" 1", "\"press\" 1", "\"everybody\" 0"]);

    let out = check(
        &room,
        &["explain", "Jane@paper.example", "hello-world"],
        0,
        "gets it as electric on relay at ",
    );
    for words in [
        "yes  beat = ev   (has ev)",
        "press: gets it as electric, which the release names first",
        "consent, from form, 2026-04-05",
        "at most 3 mails in seven days; 0 so far",
        "topics   ev",
    ] {
        assert!(out.contains(words), "{words}: {out}");
    }
    let out = check(&room, &["explain", "bo@radio.example", "hello-world"], 0, "gets it as press");
    assert!(out.contains("no   beat = ev   (has radio)"), "{out}");
    let out = check(&room, &["explain", "nobody@paper.example", "hello-world", "--format", "json"], 1, "");
    let answer: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (answer["gets"].as_bool(), answer["audiences"][0]["outcome"].as_str()),
        (Some(false), Some("not-a-member"))
    );
    assert_eq!(answer["audiences"][2]["rule"]["found"][0], "nobody");
    check(&room, &["explain", "who@paper.example", "hello-world"], 1, "is not in the contact book");
    check(&room, &["suppress", "jane@paper.example", "--reason", "asked"], 0, "");
    check(&room, &["explain", "jane@paper.example", "hello-world"], 1, "gets nothing: asked, since ");

    super::daemon::room::git(&room, &["init", "--quiet", "--initial-branch=main"]);
    super::daemon::room::git(&room, &["add", "--all"]);
    super::daemon::room::git(&room, &["commit", "--quiet", "--message", "room"]);
    check(&room, &["issue"], 0, "hello-world: 1 new");
    check(&room, &["explain", "bo@radio.example", "hello-world"], 0, "the ledger has it as scheduled");
    let dossier = check(&room, &["contacts", "export", "bo@radio.example"], 0, "press");
    let dossier: serde_json::Value = serde_json::from_str(&dossier).unwrap();
    assert_eq!(dossier["contact"]["name"], "Bo");
    assert_eq!(dossier["deliveries"][0]["release"], "hello-world");
    check(&room, &["contacts", "export", "--out", "out.csv"], 0, "");
    let book = std::fs::read_to_string(room.join("out.csv")).unwrap();
    assert!(
        book.starts_with("email,name,language,timezone,tags,embargo_ok,basis,source,date,beat,kind\r\n"),
        "{book}"
    );
    check(&room, &["contacts", "import", "out.csv", "--dry-run"], 0, "0 new, 0 changed, 3 as they were");

    check(&room, &["contacts", "erase", "bo@radio.example"], 0, "Erased.");
    let (code, out, err) = run(&room, &["contacts", "export", "bo@radio.example"]);
    assert_eq!((code, out.contains("erased"), out.contains("Bo")), (0, true, false), "{out}{err}");
    assert_eq!(run(&room, &["contacts", "export", "who@paper.example"]).0, 1);
    let status = check(&room, &["status", "--format", "json"], 0, "");
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["releases"][0]["states"]["cancelled"], 1, "the counts stay");
}
