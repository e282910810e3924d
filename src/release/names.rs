//! Digests of one file, found once: parsed files are kept between two looks at a newsroom.

use std::sync::OnceLock;

use crate::digest::{Digest, Fields};
use crate::release::{File, WallTime};
use crate::yaml::Spanned;

/// The two names of a file, once somebody asked for them. All are equal: they follow from the file.
#[derive(Debug, Clone, Default)]
pub struct Memo {
    text: OnceLock<Digest>,
    words: OnceLock<Digest>,
}

impl PartialEq for Memo {
    fn eq(&self, _: &Memo) -> bool {
        true
    }
}

impl File {
    /// The name of its text, byte by byte; the first call digests it.
    pub fn text_name(&self) -> Digest {
        *self.memo.text.get_or_init(|| Digest::of(self.text.as_bytes()))
    }

    /// The name of what readers would call its words, but for title, dateline and media, which a
    /// translation may take from the original.
    pub fn words_name(&self) -> Digest {
        *self.memo.words.get_or_init(|| self.words())
    }

    fn words(&self) -> Digest {
        let front = &self.front;
        let mut words = Fields::default();
        let value = |text: &Option<Spanned<String>>, words: &mut Fields| {
            words.maybe(text.as_ref().map(|text| text.value.as_str()));
        };
        for text in
            [&front.subtitle, &front.kicker, &front.summary, &front.subject, &front.social, &front.byline]
        {
            value(text, &mut words);
        }
        for (key, variant) in &front.variants {
            words.text(key);
            for text in
                [&variant.title, &variant.subtitle, &variant.summary, &variant.subject, &variant.social]
            {
                value(text, &mut words);
            }
        }
        if let Some(event) = &front.event {
            let time = |time: &Option<Spanned<WallTime>>| {
                time.as_ref().map(|time| format!("{} {:?}", time.value.civil, time.value.zone))
            };
            words.maybe(time(&event.value.starts).as_deref()).maybe(time(&event.value.ends).as_deref());
            for text in [&event.value.place, &event.value.address, &event.value.url] {
                value(text, &mut words);
            }
        }
        words.words(self.text.get(self.body.span.clone()).unwrap_or_default());
        words.name()
    }
}
