//! The preview in a real browser: what an editor sees, with the mouse, with keys alone, and by ear; and what a page of
//! somebody else gets.
//!
//! Runs `chromium` where it is installed, and says so where it is not.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Arc, Mutex};

use super::browser::Tab;
use super::preview::{Running, release};
use super::reading::documents::Document;
use super::reading::judges;

const HOSTILE: &str = "<script>top.document.title='owned'</script> <img src=x onerror=\"top.document.title='owned'\">\n\n\
                       [press](javascript:top.document.title='owned')\n\nPlain words.";

fn first_car(title: &str, body: &str) -> String {
    release(title, body).replace("[bloggers,", "[enthusiasts, bloggers,")
}

/// Goes to a place on the page.
fn place(tab: &mut Tab, hash: &str) {
    tab.evaluate(&format!("location.hash = {}", serde_json::json!(hash)));
}

const CARDS: &str = "document.querySelectorAll('.card').length > 5 && [...document.querySelectorAll('.card')].slice(0, 2).every((card) => card.dataset.shown)";

#[test]
fn an_editor_sees_every_channel_and_every_save() {
    let preview = Running::start(&[
        ("first-car", first_car("A first car", HOSTILE)),
        ("other", release("Something else", "Other words.")),
    ]);
    commit(&preview, "one");
    let Some(mut tab) = Tab::open(&[]) else { return };
    tab.visit(&format!("{}#/first-car", preview.address));
    tab.until("document.querySelector('h1')?.textContent === 'A first car'");
    tab.until(CARDS);
    assert_eq!(tab.evaluate("document.cookie"), "", "the cookie is not for scripts");
    assert_eq!(tab.evaluate("location.search"), "", "the token does not stay in the address");
    assert!(tab.evaluate("document.title").as_str().unwrap().ends_with("Dateline preview"));
    assert!(
        tab.evaluate("document.querySelector('#embargo').textContent").to_string().contains("Under embargo")
    );
    every_view(&mut tab, &preview);
    as_somebody(&mut tab);
    comparing(&mut tab, &preview);
    saving(&mut tab, &preview);
    with_keys_alone(&mut tab);
    assert!(tab.evaluate("document.title").as_str().unwrap().ends_with("Dateline preview"), "no script ran");
    // The commit that is not there was asked for, and editions while their template could not be filled.
    let asked_for = |complaint: &String| {
        complaint.contains("nowhere")
            || (complaint.contains("422") && complaint.contains("/edition/first-car/"))
    };
    tab.complaints.retain(|complaint| !asked_for(complaint));
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}

fn commit(preview: &Running, message: &str) {
    let git = |arguments: &[&str]| {
        let done = Command::new("git")
            .current_dir(preview.dir.path())
            .args(["-c", "user.name=E", "-c", "user.email=e@halden.example"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    if !preview.dir.path().join(".git").exists() {
        git(&["init", "-q"]);
    }
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", message]);
}

fn every_view(tab: &mut Tab, preview: &Running) {
    for (hash, words) in [
        ("#/first-car/bloggers/relay/en", "Plain words."),
        ("#/first-car/bloggers/relay/en?room=dark", "Plain words."),
        ("#/first-car/bloggers/relay/en?room=turned&images=off", "Plain words."),
        ("#/first-car/bloggers/relay/en?part=text&width=phone", "Plain words."),
        ("#/first-car/bloggers/relay/en?part=headers", "Message-ID"),
        ("#/first-car/bloggers/relay/en?part=source", "<title>A first car</title>"),
        ("#/first-car/enthusiasts/relay/en", "A round-up of 1"),
        ("#/first-car/public/newsroom/en", "news.halden.example/2031/first-car/"),
        ("#/first-car/public/newsroom/en?part=feed", "When the page is shared"),
        ("#/first-car/public/mastodon/en", "of 500 characters"),
        ("#/first-car/public/bluesky/en", "of 3000 bytes"),
        ("#/first-car/employees/intranet/en", "release.published"),
        ("#/first-car/employees/intranet/en?part=source", "\"release.published\""),
        ("#/~calendar", "November 2031"),
    ] {
        place(tab, hash);
        tab.until_seen(words);
    }
    tab.evaluate("document.querySelector('.month .after').click()");
    tab.until("document.querySelector('.month a.due .what')?.textContent === 'A first car'");
    // A save leaves the month that was turned to, and the place in it.
    tab.evaluate("(() => { document.querySelector('.month').kept = true; document.querySelector('.month .after').focus(); })()");
    preview.save("other", &release("Something other", "Other words."));
    tab.until("[...document.querySelectorAll('.month a.due .what')].some((line) => line.textContent === 'Something other')");
    assert_eq!(
        tab.evaluate(
            "document.querySelector('.month').kept && document.activeElement.classList.contains('after')"
        ),
        true
    );
    tab.evaluate("document.activeElement.click()");
    tab.until("document.querySelector('.month h1')?.textContent === 'January 2032'");
    tab.evaluate("document.querySelector('.month .before').click()");
    tab.until("document.querySelector('.month h1')?.textContent === 'December 2031'");
    preview.save("other", &release("Something else", "Other words."));
    tab.until("[...document.querySelectorAll('.month a.due .what')].some((line) => line.textContent === 'Something else')");
}

fn as_somebody(tab: &mut Tab) {
    place(tab, "#/first-car?who=name%3DAda%26kind%3Dblogger%26language%3Den&at=2031-11-30T08:00:00Z");
    tab.until("document.querySelector('#who span')?.textContent === 'Ada'");
    tab.until("[...document.querySelectorAll('.row')].map((row) => row.getAttribute('aria-label')).join() === 'Bloggers,Public'");
    tab.until("document.querySelector('.outside')?.textContent.includes('Employees') === true");
    tab.until("document.querySelector('.card.later time')?.textContent.includes('not yet') === true");
    place(tab, "#/first-car?who=name%3DAda%26kind%3Dblogger%26language%3Den&at=2031-12-02T08:00:00Z");
    tab.until("document.querySelector('.card.smtp time')?.textContent.includes('has it') === true");
    // Cards come one by one.
    tab.until("document.querySelectorAll('.card.later').length === 0");
    tab.until("document.querySelector('#embargo')?.textContent === 'Public'");
    tab.until("document.querySelector('.inbox-of a')?.textContent.includes('A first car') === true");
    place(tab, "#/first-car/bloggers/relay/en?who=name%3DAda%26kind%3Dblogger%26language%3Den");
    tab.until_seen("\"Ada\" <reader@recipient.example>");
    // Somebody made up in the dialog.
    place(tab, "#/first-car");
    tab.until("document.querySelector('#who span')?.textContent === 'Everybody'");
    tab.evaluate("document.querySelector('#who').click(); document.querySelector('#people [name=kind]').value = 'employee'; document.querySelector('#people [name=name]').value = 'Bo'; document.querySelector('#people .primary').click()");
    tab.until("document.querySelector('#who span')?.textContent === 'Bo' && [...document.querySelectorAll('.row')].map((row) => row.getAttribute('aria-label')).join() === 'Public,Employees'");
    place(tab, "#/first-car");
    tab.until("document.querySelector('#who span')?.textContent === 'Everybody'");
}

fn comparing(tab: &mut Tab, preview: &Running) {
    place(tab, "#/first-car/bloggers/relay/en?compare=way:employees/relay/en");
    tab.until("document.querySelector('.verdict')?.textContent.length > 0");
    preview.save(
        "first-car",
        &first_car("A first car", HOSTILE).replace(
            "\n---\n<script>",
            "\nvariants:\n  bloggers:\n    title: A car for bloggers\n---\n<script>",
        ),
    );
    tab.until("[...document.querySelectorAll('.pages tr.title mark')].some((mark) => mark.textContent.includes('bloggers'))");
    place(tab, "#/first-car/bloggers/relay/en?compare=commit:HEAD");
    tab.until(
        "[...document.querySelectorAll('.pages ins')].some((mark) => mark.textContent.includes('bloggers'))",
    );
    place(tab, "#/first-car/bloggers/relay/en?compare=commit:nowhere");
    tab.until("document.querySelector('.pages .banner')?.textContent.includes('nowhere') === true");
    preview.save("first-car", &first_car("A first car", HOSTILE));
    place(tab, "#/first-car");
    tab.until("document.querySelector('.grid') !== null");
}

fn saving(tab: &mut Tab, preview: &Running) {
    tab.until(CARDS);
    // What was saved before is shown, in every card, and nothing is on its way.
    tab.until(
        "document.querySelector('[data-way=\"bloggers/relay/en\"] .subject')?.textContent === 'A first car'",
    );
    tab.until("[...document.querySelectorAll('.card iframe')].every((frame) => !frame.classList.contains('coming'))");
    tab.until("new Set([...document.querySelectorAll('.card[data-shown]')].map((card) => card.dataset.shown)).size === 1");
    // Where the editor is stays, and only what changed is shown anew.
    tab.evaluate("document.querySelector('.grid').scrollTop = 120; document.querySelector('.card.mastodon .open').focus({ preventScroll: true }); document.querySelectorAll('.card iframe').forEach((frame) => { frame.kept = true; })");
    let before = tab.evaluate("document.querySelectorAll('.card iframe').length");
    preview.save(
        "first-car",
        &first_car("A first car", HOSTILE).replace(
            "\n---\n<script>",
            "\nvariants:\n  bloggers:\n    subject: A subject for bloggers\n---\n<script>",
        ),
    );
    tab.until("[...document.querySelectorAll('.card .subject')].some((line) => line.textContent === 'A subject for bloggers')");
    tab.until(
        "[...document.querySelectorAll('.card')].every((card) => !card.querySelector('iframe.coming'))",
    );
    // The new text stands in the frames that were there.
    let kept =
        tab.evaluate("[...document.querySelectorAll('.card iframe')].filter((frame) => frame.kept).length");
    assert_eq!(kept, before);
    assert_eq!(tab.evaluate("document.querySelector('.grid').scrollTop"), 120);
    // An error greys what was seen last, and nothing else.
    preview
        .save("first-car", &first_car("A first car", HOSTILE).replace("publish:", "embargoo: no\npublish:"));
    tab.until("document.querySelector('.grid > .banner[role=alert]') !== null && [...document.querySelectorAll('.card')].every((card) => card.classList.contains('stale'))");
    let kept =
        tab.evaluate("[...document.querySelectorAll('.card iframe')].filter((frame) => frame.kept).length");
    assert_eq!(kept, before);
    preview.save("first-car", &first_car("A first car", HOSTILE));
    tab.until("document.querySelector('.grid > .banner') === null && document.querySelector('.card.stale') === null");

    place(tab, "#/first-car/bloggers/relay/en");
    tab.until_seen("Plain words.");
    place_in_the_text_is_kept(tab, preview);
    preview.save("first-car", &first_car("A better car", HOSTILE));
    tab.until("document.querySelector('.inbox .subject')?.textContent === 'A better car'");
    tab.until_seen("A better car\n");
    preview
        .save("first-car", &first_car("A better car", HOSTILE).replace("publish:", "embargoo: no\npublish:"));
    tab.until("document.querySelector('.banner[role=alert]') !== null && document.querySelector('.finding.error .hit mark')?.textContent.includes('embargoo') === true");
    assert_eq!(tab.evaluate("document.querySelector('.inbox .subject').textContent"), "A better car");
    let link = tab.evaluate("document.querySelector('.finding a.place').href").as_str().unwrap().to_owned();
    assert!(link.starts_with("vscode://file/") && link.contains("/releases/2031/first-car.md:"), "{link}");
    // A template that cannot be filled: what was seen stays, and what was not is not replaced by something raw.
    let template = preview.dir.path().join("templates/email/default.hbs");
    let text = std::fs::read_to_string(&template).unwrap();
    preview.save("first-car", &first_car("A good car", HOSTILE));
    tab.until("document.querySelector('.inbox .subject')?.textContent === 'A good car' && document.querySelector('.banner[role=alert]') === null");
    std::fs::write(&template, format!("{{{{#if}}}}{text}")).unwrap();
    tab.until("document.querySelector('.banner[role=alert]')?.textContent.includes('default.hbs') === true");
    tab.until_seen("A good car\n");
    place(tab, "#/first-car/employees/relay/en");
    tab.until("document.querySelector('.banner[role=alert]')?.textContent.includes('default.hbs') === true && document.querySelector('.stand iframe') === null");
    std::fs::write(&template, text).unwrap();
    tab.until("document.querySelector('.banner[role=alert]') === null");
    tab.until_seen("A good car\n");
    place(tab, "#/first-car/bloggers/relay/en");
    tab.until_seen("A good car\n");
    preview.save("first-car", &first_car("A mended car", HOSTILE));
    tab.until("document.querySelector('.inbox .subject')?.textContent === 'A mended car' && document.querySelector('.banner[role=alert]') === null");
}

/// The editor has scrolled, and has selected a paragraph, in the text itself.
fn place_in_the_text_is_kept(tab: &mut Tab, preview: &Running) {
    const HERE: &str = "/edition/first-car/bloggers/relay/en/";
    let long = format!("{HOSTILE}\n\n{}", "A paragraph that makes it long.\n\n".repeat(60));
    preview.save("first-car", &first_car("A long text", &long));
    tab.until_seen("A paragraph that makes it long.");
    // Until the desk has heard what is looked at, a save has it loaded anew.
    tab.until("document.body.dataset.followed?.includes('[\"bloggers/relay/en\",\"seen\"]') === true");
    let select = "(() => { const one = [...document.querySelectorAll('p')].find((one) => one.textContent.includes('Plain words.')); getSelection().selectAllChildren(one); document.scrollingElement.scrollTop = 90; return [document.scrollingElement.scrollTop, getSelection().toString().trim()].join(' '); })()";
    assert_eq!(tab.within(HERE, select), "90 Plain words.");
    for (title, more) in [("Other words above", ""), ("Other words on both sides", "And at the end.\n")] {
        preview.save("first-car", &first_car(title, &format!("{long}{more}")));
        tab.until(&format!("document.querySelector('.inbox .subject')?.textContent === '{title}'"));
        tab.until_seen(&format!("{title}\n"));
        tab.until_seen(more.trim());
        let place = "[document.scrollingElement.scrollTop, getSelection().toString().trim()].join(' ')";
        assert_eq!(tab.within(HERE, place), "90 Plain words.");
    }
    // Words of a paragraph that is mended around them, too.
    let words = "(() => { const text = [...document.querySelectorAll('p')].find((one) => one.textContent.includes('Plain words.')).firstChild; const at = text.data.indexOf('words'); getSelection().setBaseAndExtent(text, at, text, at + 5); return getSelection().toString(); })()";
    assert_eq!(tab.within(HERE, words), "words");
    for (title, paragraph) in
        [("Added behind", "Plain words, and more."), ("Added before", "Very Plain words, and more.")]
    {
        preview.save("first-car", &first_car(title, &long.replace("Plain words.", paragraph)));
        tab.until_seen(paragraph);
        tab.until(&format!("document.querySelector('.inbox .subject')?.textContent === '{title}'"));
        assert_eq!(tab.within(HERE, "getSelection().toString()"), "words", "{paragraph}");
    }
    // Two saves at once: what is seen in the end is the second.
    preview.save("first-car", &first_car("The older of two", &long));
    preview.save("first-car", &first_car("The newer of two", &long));
    tab.until("document.querySelector('.inbox .subject')?.textContent === 'The newer of two'");
    tab.until_seen("The newer of two\n");
    place_is_kept_at_once(tab, preview, &long);
}

/// Nor is a place lost while the desk does not know yet what is looked at, or when everything is shown anew.
fn place_is_kept_at_once(tab: &mut Tab, preview: &Running, long: &str) {
    const HERE: &str = "/edition/first-car/public/newsroom/en/";
    const PLACE: &str = "[document.scrollingElement.scrollTop, getSelection().toString().trim()].join(' ')";
    // The desk is told of another look after 150 ms: here, never.
    tab.evaluate("window.timeout = setTimeout; window.setTimeout = (run, time, ...more) => (time === 150 ? 0 : timeout(run, time, ...more)); 1");
    place(tab, "#/first-car/public/newsroom/en");
    tab.until(
        "document.querySelector('.stand iframe:not(.coming)')?.src.includes('/public/newsroom/') === true",
    );
    tab.until_seen("Halden Motors builds electric");
    let select = format!(
        "(() => {{ const one = [...document.querySelectorAll('p')].find((one) => one.textContent.includes('Plain words.')); getSelection().selectAllChildren(one); document.scrollingElement.scrollTop = 70; return {PLACE}; }})()"
    );
    assert_eq!(tab.within(HERE, &select), "70 Plain words.");
    tab.evaluate("document.querySelector('.stand iframe').kept = true");
    preview.save("first-car", &first_car("Saved at once", long));
    tab.until_seen("Saved at once\n");
    assert!(!tab.evaluate("document.body.dataset.followed ?? ''").as_str().unwrap().contains("newsroom"));
    assert_eq!(tab.within(HERE, PLACE), "70 Plain words.");
    tab.evaluate("window.setTimeout = timeout; 1");
    // The settings are what every release is made of.
    let settings = preview.dir.path().join("dateline.yaml");
    let text = std::fs::read_to_string(&settings).unwrap();
    let other = text.replace("Halden Motors", "Halden Motor Works");
    assert_ne!(other, text);
    std::fs::write(&settings, other).unwrap();
    tab.until_seen("Halden Motor Works builds electric");
    assert_eq!(tab.within(HERE, PLACE), "70 Plain words.");
    std::fs::write(&settings, text).unwrap();
    tab.until_seen("Halden Motors builds electric");
    assert_eq!(tab.within(HERE, PLACE), "70 Plain words.");
    assert_eq!(tab.evaluate("document.querySelector('.stand iframe').kept"), true);
    // Who goes through the plan with keys, or has marked words beside the text, is not thrown out of it.
    tab.evaluate("(() => { const one = document.querySelector('#side .due button'); one.kept = true; one.focus({ preventScroll: true }); getSelection().selectAllChildren(document.querySelector('#side .times')); window.marked = getSelection().toString(); })()");
    preview.save("first-car", &first_car("Saved beside", &format!("{long}TBD\n")));
    tab.until("document.querySelector('#side .finding') !== null");
    assert_eq!(tab.evaluate("document.activeElement.kept"), true);
    assert_eq!(
        tab.evaluate("getSelection().toString() === window.marked && window.marked.length > 10"),
        true
    );
    place(tab, "#/first-car/bloggers/relay/en");
    tab.until_seen("Saved beside\n");
}

/// Everything that HTML can do to run or to fetch something, aimed at `port`.
fn poison(port: u16) -> String {
    let at = |what: &str| format!("http://127.0.0.1:{port}/{what}");
    let run = |what: &str| {
        format!(
            "document.documentElement.dataset.ran='{what}';new Image().src='{}'",
            at(&format!("ran-{what}"))
        )
    };
    format!(
        "<!doctype html><html lang=en onclick=\"{html}\"><head><meta http-equiv=refresh content='0;url={refresh}'>\
         <meta http-equiv=Content-Security-Policy content=\"default-src * 'unsafe-inline'\"><base href='{base}'>\
         <link rel=stylesheet href='{sheet}'><link rel=preconnect href='{base}'><link rel=prefetch href='{prefetch}'>\
         <style onload=\"{style}\">@import url({import});body{{background:url({ground})}}\
         @font-face{{font-family:x;src:url({font})}}p{{font-family:x}}</style></head>\
         <body onload=\"{body}\" background='{back}'><script>{script}</script><script src='{source}'></script>\
         <img src=x onerror=\"{image}\"><img src='{pixel}'><picture><source srcset='{set}'><img></picture>\
         <svg onload=\"{svg}\"><script>{inner}</script><image href='{drawn}'/><use href='{used}#a'/></svg>\
         <math><maction actiontype=statusline xlink:href=\"javascript:{math}\">m</maction></math>\
         <a id=js href=\"javascript:{link}\">press</a><a id=out href='{out}' target=_top>out</a><a id=ping href='#x' ping='{ping}'>ping</a>\
         <iframe src='{frame}'></iframe><iframe srcdoc=\"<script>{nested}</script>\"></iframe><iframe src=\"javascript:{framed}\"></iframe>\
         <object data='{object}'></object><embed src='{embed}'><video autoplay src='{video}' poster='{poster}' onerror=\"{failed}\"></video>\
         <form id=f action='{form}' target=_top><button id=send formaction='{button}'>send</button></form>\
         <details open ontoggle=\"{toggle}\"><summary>s</summary></details><input autofocus onfocus=\"{focus}\">\
         <p>Poisoned words.</p></body></html>",
        html = run("html"),
        refresh = at("refresh"),
        base = at(""),
        sheet = at("sheet"),
        prefetch = at("prefetch"),
        style = run("style"),
        import = at("import"),
        ground = at("ground"),
        font = at("font"),
        body = run("body"),
        back = at("back"),
        script = run("script"),
        source = at("source"),
        image = run("image"),
        pixel = at("pixel"),
        set = at("set"),
        svg = run("svg"),
        inner = run("inner"),
        drawn = at("drawn"),
        used = at("used"),
        math = run("math"),
        link = run("link"),
        out = at("out"),
        ping = at("ping"),
        frame = at("frame"),
        nested = run("nested"),
        framed = run("framed"),
        object = at("object"),
        embed = at("embed"),
        video = at("video"),
        poster = at("poster"),
        failed = run("failed"),
        form = at("form"),
        button = at("button"),
        toggle = run("toggle"),
        focus = run("focus"),
    )
}

#[test]
fn what_is_put_into_a_frame_runs_nothing_and_fetches_nothing() {
    const HERE: &str = "/edition/first-car/bloggers/relay/en/";
    let preview = Running::start(&[("first-car", first_car("A first car", "Plain words."))]);
    let Some(mut tab) = Tab::open(&[]) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let poison = poison(port);
    let page = poison.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (noted, page) = (Arc::clone(&noted), page.clone());
            // One that asks for nothing counts as well: it tells somebody that the text is read.
            noted.lock().unwrap().push("a connection".to_owned());
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let length = stream.read(&mut request).unwrap_or(0);
                let line =
                    String::from_utf8_lossy(&request[..length]).lines().next().unwrap_or_default().to_owned();
                let _ = if line.starts_with("GET / ") {
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
                    write!(stream, "{head}Content-Length: {}\r\n\r\n{page}", page.len())
                } else {
                    write!(stream, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
                };
                noted.lock().unwrap().push(line);
            });
        }
    });
    tab.visit(&format!("{}#/first-car/bloggers/relay/en", preview.address));
    tab.until("document.body.dataset.shown !== undefined");
    tab.until_seen("Plain words.");
    let put = |tab: &mut Tab, html: &str, version: u64| {
        let html = serde_json::json!(html);
        tab.evaluate(&format!(
            "document.querySelector('iframe[src$=\"/frame\"]').contentWindow.postMessage({{ puts: [{{ put: document.querySelector('.stand iframe').name, bytes: new TextEncoder().encode({html}).buffer, version: {version} }}] }}, '*')"
        ));
    };
    put(&mut tab, &poison, 1000);
    tab.until_seen("Poisoned words.");
    // A person does what can be done.
    tab.within(HERE, "for (const id of ['js', 'ping', 'out', 'send']) document.getElementById(id)?.click(); document.forms[0]?.requestSubmit(); 1");
    tab.evaluate("new Promise((ok) => { let left = 60; const next = () => (left-- ? requestAnimationFrame(next) : ok(1)); next(); })");
    assert_eq!(tab.within(HERE, "document.documentElement.dataset.ran ?? 'nothing'"), "nothing");
    assert!(tab.evaluate("document.title").as_str().unwrap().ends_with("Dateline preview"));
    // What is older never comes after what is newer, and the frame goes on.
    put(&mut tab, "<!doctype html><p>Older words.", 999);
    put(&mut tab, "<!doctype html><p>Wholesome words.", 1001);
    tab.until_seen("Wholesome words.");
    assert_eq!(tab.within(HERE, "document.body.innerText.trim()"), "Wholesome words.");
    assert_eq!(*asked.lock().unwrap(), Vec::<String>::new());
    // The same text in a page that nothing is forbidden to does all of it.
    tab.visit(&format!("http://127.0.0.1:{port}/"));
    tab.until_seen("Poisoned words.");
    let began = std::time::Instant::now();
    while !asked.lock().unwrap().iter().any(|line| line.contains("/ran-script")) {
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", asked.lock().unwrap());
        std::thread::yield_now();
    }
}

fn with_keys_alone(tab: &mut Tab) {
    tab.evaluate("location.hash = '#/first-car'; document.activeElement.blur()");
    tab.until(CARDS);
    tab.press("Enter");
    tab.until("document.querySelector('.large .tools') !== null");
    let first = tab.evaluate("location.hash").as_str().unwrap().to_owned();
    assert!(first.starts_with("#/first-car/enthusiasts/"), "{first}");
    tab.press("2");
    tab.until("location.hash.startsWith('#/first-car/bloggers/')");
    for (key, there) in
        [("t", "part=text"), ("d", "room=dark"), ("p", "width=phone"), ("i", "images=off"), ("x", "compare=")]
    {
        tab.press(key);
        tab.until(&format!("location.hash.includes('{there}')"));
    }
    tab.press("Escape");
    tab.until("document.querySelector('.grid') !== null");
    tab.press("m");
    tab.until("document.querySelector('.month') !== null");
    tab.press("m");
    tab.press("j");
    tab.until("location.hash.startsWith('#/other')");
    tab.press("k");
    tab.until("location.hash.startsWith('#/first-car')");
    tab.press("?");
    tab.until("document.querySelector('#help').open");
    tab.press("Escape");
    tab.until("!document.querySelector('#help').open");
    tab.press("w");
    tab.until("document.querySelector('#people').open && document.activeElement.tagName === 'INPUT'");
    tab.press("Escape");
    tab.until("!document.querySelector('#people').open");
    tab.press("/");
    tab.until("document.activeElement.id === 'search'");
    for key in "else".chars() {
        tab.press(&key.to_string());
    }
    tab.until("document.querySelectorAll('#list .item').length === 1");
    tab.press("Enter");
    tab.until("location.hash.startsWith('#/other')");
    // Whoever goes by Tab comes to every card, and sees where they are.
    tab.evaluate("document.querySelector('#theme').focus()");
    for _ in 0..60 {
        tab.press("Tab");
        if tab.evaluate("document.activeElement.classList.contains('open')") == true {
            break;
        }
    }
    assert_eq!(tab.evaluate("document.activeElement.classList.contains('open')"), true);
    tab.press("Enter");
    tab.until("document.querySelector('.large .tools') !== null");
}

/// A page of somebody else, which tries everything that a page can and says what came of it.
const ATTACK: &str = r#"<!doctype html><title>attack</title><body><script>
const results = [];
const until = (make) => Promise.race([new Promise(make), new Promise((ok) => setTimeout(() => ok('nothing'), 4000))]);
async function all(bases) {
  for (const base of bases) {
    for (const path of ['/', '/api/newsroom', '/api/release/secret-car', '/app/main.js', '/edition/secret-car/bloggers/relay/en/', '/frame']) {
      for (const options of [{}, { credentials: 'include' }, { mode: 'no-cors', credentials: 'include' }, { method: 'POST', credentials: 'include' }]) {
        const got = await fetch(base + path, options).then((answer) => (answer.type === 'opaque' ? 'opaque' : answer.text().then((text) => `read ${answer.status} ${text}`)), () => 'refused');
        results.push(['fetch', base + path, got.startsWith('read 200') || got.includes('car') ? got : 'refused']);
      }
      results.push(['script', base + path, await until((ok) => { const node = document.createElement('script'); node.onload = () => ok('ran'); node.onerror = () => ok('refused'); node.src = base + path; document.body.append(node); })]);
      results.push(['image', base + path, await until((ok) => { const node = new Image(); node.onload = () => ok('seen'); node.onerror = () => ok('refused'); node.src = base + path; })]);
    }
    results.push(['events', base, await until((ok) => { const news = new EventSource(base + '/api/events', { withCredentials: true }); news.addEventListener('hello', () => ok('heard')); news.onerror = () => { news.close(); ok('refused'); }; })]);
    results.push(['socket', base, await until((ok) => { const socket = new WebSocket(base.replace('http', 'ws') + '/api/events'); socket.onopen = () => ok('open'); socket.onerror = () => ok('refused'); })]);
    const frame = document.createElement('iframe');
    frame.src = base + '/';
    document.body.append(frame);
    await until((ok) => { frame.onload = () => ok('loaded'); });
    let inside = 'refused';
    try { if (frame.contentDocument && frame.contentDocument.body.innerText.includes('car')) inside = 'read'; } catch { inside = 'refused'; }
    results.push(['frame', base, inside]);
  }
  return results;
}
</script>"#;

#[test]
fn a_page_of_somebody_else_gets_nothing() {
    let preview = Running::start(&[("secret-car", release("Unannounced car", "Words."))]);
    let names = ["--host-resolver-rules=MAP evil.test 127.0.0.1, MAP localhost 127.0.0.1".to_owned()];
    let Some(mut tab) = Tab::open(&names) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let posted = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&posted);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let counted = Arc::clone(&counted);
            // A browser opens connections before it has a question for them.
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                if stream.read(&mut request).is_ok_and(|length| length > 0) {
                    *counted.lock().unwrap() += 1;
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n";
                    let answer = format!("{head}Content-Length: {}\r\n\r\n{ATTACK}", ATTACK.len());
                    let _ = stream.write_all(answer.as_bytes());
                }
            });
        }
    });
    // The editor has the preview open, so the browser holds the cookie.
    tab.visit(&preview.address);
    tab.until("document.querySelector('h1')?.textContent === 'Unannounced car'");
    let bases = serde_json::json!([
        format!("http://127.0.0.1:{}", preview.desk),
        format!("http://127.0.0.1:{}", preview.stage),
        // Names that lead here as well: DNS rebinding.
        format!("http://evil.test:{}", preview.desk),
        format!("http://evil.test:{}", preview.stage),
        format!("http://localhost:{}", preview.desk),
    ]);
    for origin in [format!("http://evil.test:{port}/"), format!("http://127.0.0.1:{port}/")] {
        tab.visit(&origin);
        tab.until("document.title === 'attack' && typeof all === 'function'");
        let results = tab.evaluate(&format!("all({bases})"));
        let results = results.as_array().unwrap_or_else(|| panic!("{origin}: {results}"));
        assert!(results.len() > 150, "{}", results.len());
        for result in results {
            let came = result[2].as_str().unwrap();
            assert!(["refused", "nothing"].contains(&came), "{origin}: {result}");
        }
    }
    assert!(*posted.lock().unwrap() > 0);
    // A rebound name shows nothing of the newsroom either when it is opened as a page.
    tab.visit(&format!("http://evil.test:{}/", preview.desk));
    tab.until("document.readyState === 'complete' && location.host.startsWith('evil.test')");
    assert!(!tab.seen().contains("Unannounced"));
}

#[test]
fn nobody_is_shut_out_of_the_preview() {
    let Some(folder) = judges::folder() else { return };
    let text = first_car("A first car", "Words about 620 km.\n\nSecond paragraph.");
    let broken = release("A broken one", "TBD and more.").replace("summary: One sentence.\n", "");
    let preview = Running::start(&[("first-car", text), ("broken", broken)]);
    let Some(mut tab) = Tab::open(&[]) else { return };
    let axe = std::fs::read_to_string(folder.join("node_modules/axe-core/axe.min.js")).unwrap();
    tab.visit(&format!("{}#/first-car", preview.address));
    tab.until(CARDS);
    tab.call("Page.setBypassCSP", &serde_json::json!({ "enabled": true }));
    let mut complaints = Vec::new();
    let mut documents = Vec::new();
    let who = "name%3DAda%26kind%3Dblogger%26language%3Den";
    for (width, scheme) in [(1440, "light"), (360, "dark")] {
        judges::show(&mut tab, width, scheme);
        for (name, hash, ready) in [
            ("grid", "#/first-car".to_owned(), CARDS),
            ("person", format!("#/first-car?who={who}"), "document.querySelector('.outside') !== null"),
            (
                "large",
                "#/first-car/bloggers/relay/en".to_owned(),
                "document.querySelector('.inbox .subject') !== null",
            ),
            (
                "compare",
                "#/first-car/bloggers/relay/en?compare=way:employees/relay/en".to_owned(),
                "document.querySelector('.pages table') !== null",
            ),
            ("findings", "#/broken".to_owned(), "document.querySelector('.finding') !== null"),
            ("calendar", "#/~calendar".to_owned(), "document.querySelector('.month table') !== null"),
            ("people", "#/first-car".to_owned(), "document.querySelector('#who') !== null"),
            ("keys", "#/first-car".to_owned(), "document.querySelector('#who') !== null"),
        ] {
            tab.evaluate(&format!("document.querySelectorAll('dialog').forEach((box) => box.close()); location.hash = '{hash}'; document.body.dataset.pane = 'main'"));
            tab.until(ready);
            match name {
                "people" => drop(tab.evaluate("document.querySelector('#who').click()")),
                "keys" => drop(tab.evaluate("document.querySelector('#keys').click()")),
                "findings" => drop(tab.evaluate("document.querySelector('#panes [data-to=side]').click()")),
                _ => {}
            }
            tab.evaluate(&format!("{axe};1"));
            // Frames are judged as documents of their own, below.
            let found = tab.evaluate(
                "axe.run(document, { iframes: false }).then((found) => found.violations.map((it) => it.id + ': ' + it.help + ': ' + it.nodes.map((node) => node.html.slice(0, 160) + ' ' + (node.any[0]?.message ?? '')).slice(0, 2).join(' | ')))",
            );
            let found = found.as_array().unwrap_or_else(|| panic!("{name}: axe said nothing: {found}"));
            complaints.extend(found.iter().map(|words| format!("{name} at {width}: {words}")));
            let wide = tab.evaluate("document.documentElement.scrollWidth").as_u64().unwrap();
            if wide > width.into() {
                complaints.push(format!("{name}: {wide} pixels wide on a screen of {width}"));
            }
            let html = tab.evaluate("document.documentElement.outerHTML").as_str().unwrap().to_owned();
            documents.push(Document {
                name: format!("preview {name} {width}"),
                html: format!("<!doctype html>{html}"),
                mail: false,
            });
        }
    }
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
    for (way, part) in [
        ("bloggers/relay/en", "text"),
        ("bloggers/relay/en", "headers"),
        ("bloggers/relay/en", "source"),
        ("public/newsroom/en", "feed"),
        ("public/mastodon/en", "seen"),
        ("public/bluesky/en", "seen"),
        ("employees/intranet/en", "seen"),
    ] {
        let html = preview.stage(&format!("/edition/first-car/{way}/?part={part}")).body;
        documents.push(Document { name: format!("card {way} {part}"), html, mail: false });
    }
    let complaints = judges::checker(&folder, &documents);
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
}
