//! The preview in a real browser: what an editor sees.
//!
//! Runs `chromium` where it is installed, and says so where it is not.

use super::browser::Tab;
use super::preview::{Running, release};

#[test]
fn an_editor_sees_every_channel_and_every_save() {
    let hostile = "<script>top.document.title='owned'</script> <img src=x onerror=\"top.document.title='owned'\">\n\n\
                   [press](javascript:top.document.title='owned')\n\nPlain words.";
    let preview = Running::start(&[("first-car", release("A first car", hostile))]);
    let Some(mut tab) = Tab::open(&[]) else { return };
    tab.visit(&preview.address);
    tab.until("document.body?.dataset.shown === '1'");
    assert_eq!(tab.evaluate("document.querySelector('h1').textContent"), "A first car");
    assert_eq!(tab.evaluate("document.cookie"), "", "the cookie is not for scripts");
    assert_eq!(tab.evaluate("location.search"), "", "the token does not stay in the address");
    assert!(tab.evaluate("document.title").as_str().unwrap().ends_with("Dateline preview"));
    for (choose, seen) in [
        (
            "go({ audience: 'bloggers', channel: 'relay' })",
            "document.querySelector('.inbox .line b')?.textContent === 'A first car'",
        ),
        (
            "see({ part: 'text' })",
            "document.querySelector('.plain')?.textContent.includes('Plain words.') === true",
        ),
        (
            "see({ part: 'headers' })",
            "document.querySelector('.heads')?.textContent.includes('Message-ID') === true",
        ),
        (
            "see({ part: 'html' }); go({ audience: 'public', channel: 'newsroom' })",
            "document.querySelector('.address .bar')?.textContent.includes('first-car') === true",
        ),
        (
            "go({ channel: 'mastodon' })",
            "/^\\d+ \\/ 500$/.test(document.querySelector('.post footer span')?.textContent)",
        ),
        (
            "go({ audience: 'employees', channel: 'intranet' })",
            "document.querySelector('.json')?.textContent.includes('first-car') === true",
        ),
    ] {
        tab.evaluate(choose);
        tab.until(seen);
    }

    tab.evaluate("go({ audience: 'bloggers', channel: 'relay' })");
    tab.until("Boolean(document.querySelector('.inbox'))");
    preview.save("first-car", &release("A better car", hostile));
    tab.until("document.body.dataset.shown === '2' && document.querySelector('.inbox .line b')?.textContent === 'A better car'");
    preview
        .save("first-car", &release("A better car", hostile).replace("publish:", "embargoo: no\npublish:"));
    tab.until("Boolean(document.querySelector('.stage.stale .banner')) && document.querySelector('.finding.error .hit em')?.textContent.includes('embargoo') === true");
    assert_eq!(tab.evaluate("document.querySelector('.inbox .line b').textContent"), "A better car");
    assert!(tab.evaluate("document.title").as_str().unwrap().ends_with("Dateline preview"));
    assert!(tab.complaints.is_empty(), "{:?}", tab.complaints);
}
