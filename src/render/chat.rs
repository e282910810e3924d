//! Messages for rooms of colleagues: the parts, which each channel puts into its own form.

use super::scene::Scene;
use super::{Asset, Chat, RenderError};

/// The message and its picture, the release's first photograph.
pub(super) fn compose(scene: &Scene<'_>) -> Result<(Chat, Vec<Asset>), RenderError> {
    let shown = scene.shows_body();
    let photograph = |media_type: &str| matches!(media_type, "image/jpeg" | "image/png" | "image/gif");
    let piece = scene.media.iter().find(|piece| shown && photograph(piece.media_type));
    let assets = match piece {
        Some(piece) => scene.assets()?.into_iter().filter(|asset| asset.name == piece.name).collect(),
        None => Vec::new(),
    };
    let (label, note) = scene.notice().unzip();
    let look = scene.look();
    let chat = Chat {
        label: label.map(str::to_owned),
        title: scene.words.title.to_owned(),
        text: if shown { scene.summary_alone().into_owned() } else { String::new() },
        note,
        url: scene.url.clone(),
        more: scene.phrase("read-more").to_owned(),
        picture: piece.map(|piece| piece.url.clone()),
        organization: scene.newsroom.organization.clone(),
        accent: look.accent.clone(),
        test: scene.request.test,
    };
    Ok((chat, assets))
}

/// The same without its link, and without the picture that stands where the link leads.
pub(super) fn without_link(chat: &Chat) -> Chat {
    Chat { url: String::new(), picture: None, ..chat.clone() }
}

#[cfg(test)]
mod tests {
    use super::super::{Content, Request, edition, sample};
    use super::*;
    use crate::release::Notice;

    fn chat(front: &str, body: &str, notice: Notice) -> Chat {
        let newsroom = sample::release(front, body);
        let request = Request { notice, ..sample::request("r", "slack") };
        match edition(&newsroom, &request).unwrap().content {
            Content::Chat(chat) => chat,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_message_has_headline_summary_link_and_picture() {
        let front = "summary: In short.\nmedia:\n  - { file: front.png, alt: A car, credit: H }\n";
        let chat = chat(front, "First words.", Notice::Original);
        assert_eq!((chat.title.as_str(), chat.text.as_str()), ("A title", "In short."));
        assert_eq!(chat.url, "https://news.halden.example/2026/r/");
        assert_eq!(chat.picture.as_deref(), Some("https://news.halden.example/2026/r/front.png"));
        assert_eq!((chat.label, chat.note), (None, None));
    }

    #[test]
    fn what_is_withdrawn_is_not_repeated() {
        let chat = chat("reason: It was wrong\nsummary: Secret\n", "Secret.", Notice::Kill);
        assert_eq!((chat.label.as_deref(), chat.text.as_str()), (Some("Withdrawn"), ""));
        assert!(chat.note.as_deref().is_some_and(|note| note.starts_with("It was wrong.")), "{chat:?}");
        assert_eq!(chat.picture, None);
    }
}
