//! The text part of a mail.

use std::borrow::Cow;

use super::super::markdown::{WIDTH, breadth, wrap};
use super::super::scene::{Prose, Scene};
use super::super::{Slot, phrases};
use super::html::Maker;
use super::part::{Literal, Part};
use crate::newsroom::PressContact;

/// Text in the making: blocks with blank lines between them, and slots.
#[derive(Default)]
pub(super) struct Letter {
    parts: Vec<Part>,
    text: Literal,
}

impl Letter {
    /// A block as it is.
    pub(super) fn block(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.space();
        self.text.text(text.trim_end());
        self.text.text("\n");
    }

    /// A text that stands in other mails as well.
    fn prose(&mut self, scene: &Scene<'_>, prose: &Prose, links: &mut Vec<String>, maker: &Maker) {
        match scene.plain(prose, links) {
            Cow::Borrowed(text) if !text.is_empty() => {
                self.space();
                self.text.engraved(maker.plain(prose, text));
                self.text.text("\n");
            }
            text => self.block(&text),
        }
    }

    /// What stands between two blocks.
    fn space(&mut self) {
        if !self.text.is_empty() || !self.parts.is_empty() {
            self.text.text("\n");
        }
    }

    /// A paragraph, wrapped.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.block(&wrap(text, WIDTH).join("\n"));
    }

    /// A headline, underlined.
    pub(super) fn headline(&mut self, text: &str, mark: char) {
        let lines = wrap(text, WIDTH);
        let longest = lines.iter().map(|line| breadth(line)).max().unwrap_or(0);
        self.block(&format!("{}\n{}", lines.join("\n"), mark.to_string().repeat(longest)));
    }

    /// A paragraph between rules, for what must be seen first.
    pub(super) fn banner(&mut self, label: &str, text: &str) {
        let rule = "*".repeat(WIDTH);
        let words = wrap(text, WIDTH).join("\n");
        self.block(&format!("{rule}\n{label}\n{words}\n{rule}"));
    }

    /// A line that ends with a slot.
    pub(super) fn slot_line(&mut self, before: &str, slot: Slot, after: &str) {
        self.text.text(before);
        self.parts.push(Part::Literal(std::mem::take(&mut self.text)));
        self.parts.push(Part::Slot(slot));
        self.text.text(after);
        self.text.text("\n");
    }

    pub(super) fn gap(&mut self) {
        self.text.text("\n");
    }

    pub(super) fn finish(mut self) -> Vec<Part> {
        self.text.trim_end();
        self.parts.push(Part::Literal(self.text));
        self.parts
    }
}

/// The whole text of a mail about one release.
pub(super) fn letter(scene: &Scene<'_>, body: &Prose, maker: &Maker, unsubscribe: bool) -> Vec<Part> {
    let mut letter = Letter::default();
    let request = scene.request;
    if request.test {
        letter.banner(scene.phrase("test"), scene.phrase("test-note"));
    }
    if request.advance {
        let until = scene.moment(scene.release.embargo.unwrap_or(scene.published));
        letter.banner(&scene.phrase("embargoed").replace("{}", &until), scene.phrase("embargoed-note"));
    }
    if let Some((label, words)) = scene.notice() {
        letter.banner(label, &words);
    }
    if let Some(kicker) = &scene.text.file.front.kicker {
        letter.paragraph(&kicker.value);
    }
    letter.headline(scene.words.title, '-');
    letter.paragraph(scene.words.subtitle.unwrap_or_default());
    if scene.shows_body() {
        if let Some(byline) = &scene.text.file.front.byline {
            letter.paragraph(&byline.value);
        }
        event(scene, &mut letter);
        let mut links = Vec::new();
        letter.prose(scene, body, &mut links, maker);
        letter.block("###");
        for standing in scene.boilerplate() {
            letter.prose(scene, &scene.standing(standing, !request.advance), &mut links, maker);
        }
        attachments(scene, &mut letter);
        if !links.is_empty() {
            let list: Vec<String> =
                links.iter().enumerate().map(|(at, url)| format!("[{}] {url}", at + 1)).collect();
            letter.block(&format!("{}\n{}", scene.phrase("links"), list.join("\n")));
        }
    }
    let contacts = scene.contacts();
    if !contacts.is_empty() {
        letter.headline(scene.phrase("press-contacts"), '-');
        for (at, contact) in contacts.iter().enumerate() {
            if at > 0 {
                letter.gap();
            }
            letter.text.text(&card(contact, phrases::right_to_left(scene.language())));
        }
    }
    if !request.advance {
        letter.block(&format!("{}:\n{}", scene.phrase("read-online"), scene.url));
    }
    footer(scene, &mut letter, unsubscribe);
    letter.finish()
}

fn event(scene: &Scene<'_>, letter: &mut Letter) {
    let event = scene.event();
    let text = |key: &str| event.get(key).and_then(|value| value.as_str());
    let place: Vec<&str> = [text("place"), text("address")].into_iter().flatten().collect();
    let place = place.join(", ");
    let mut lines = Vec::new();
    for (label, value) in [("when", text("when")), ("where", Some(place.as_str())), ("register", text("url"))]
    {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            lines.push(format!("{}: {value}", scene.phrase(label)));
        }
    }
    if !lines.is_empty() {
        lines.push(scene.phrase("calendar").to_owned());
    }
    letter.block(&lines.join("\n"));
}

/// The files that come with the mail.
fn attachments(scene: &Scene<'_>, letter: &mut Letter) {
    let files: Vec<String> =
        scene.attachments().iter().map(|file| format!("- {} ({})", file.name, file.size())).collect();
    if !files.is_empty() {
        letter.block(&format!("{}\n{}", scene.phrase("attachments"), files.join("\n")));
    }
}

/// A contact; `turned` where the text runs from right to left: there a mark keeps a number from running so, too.
fn card(contact: &PressContact, turned: bool) -> String {
    let mut card = contact.name.clone();
    if let Some(title) = &contact.title {
        card.push_str(", ");
        card.push_str(title);
    }
    card.push('\n');
    card.push_str(&contact.email);
    card.push('\n');
    if let Some(phone) = &contact.phone {
        if turned {
            card.push('\u{200e}');
        }
        card.push_str(phone);
        card.push('\n');
    }
    card
}

/// Who sent it, why, and how to leave.
pub(super) fn footer(scene: &Scene<'_>, letter: &mut Letter, unsubscribe: bool) {
    let language = scene.language();
    let why = phrases::phrase(language, "why").unwrap_or_default();
    let why = why.replace("{list}", scene.audience_name());
    letter.block(&"-".repeat(WIDTH));
    let (before, after) = why.split_once("{}").unwrap_or((&why, ""));
    letter.slot_line(before, Slot::NameText, after);
    if unsubscribe {
        letter.slot_line(&format!("{}: ", scene.phrase("unsubscribe")), Slot::UnsubscribeText, "");
    }
    letter.text.text(&scene.newsroom.organization);
    letter.text.text("\n");
    if let Some(address) = &scene.channel.postal_address {
        letter.text.text(address.trim());
        letter.text.text("\n");
    }
}
