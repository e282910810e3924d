//! The kinds of channel there are: the one list.
//!
//! A line of [`kinds`] is all that a kind needs here: its name, its word in `dateline.yaml`, the form of what it is sent,
//! and the adapter below `channel` that carries it. From it come [`ChannelKind`], the enum of settings, the schema, and the opening of
//! adapters.

use crate::release::{Medium, Text};

/// How the names of videos end that a release may hold.
const VIDEO: &str = "mp4";

/// Hands the list of kinds to the macro named `$with`.
macro_rules! kinds {
    ($with:ident) => {
        $with! {
            /// Mail, through a submission server.
            Smtp = "smtp" Mail smtp::Smtp;
            /// Mail, through the API of Amazon SES.
            Ses = "ses" Mail ses::Ses;
            /// Mail, through the API of Postmark.
            Postmark = "postmark" Mail postmark::Postmark;
            /// Our own static site.
            Newsroom = "newsroom" Page newsroom::Newsroom;
            /// A blog on WordPress.
            Wordpress = "wordpress" Page wordpress::Wordpress;
            /// A blog on Ghost.
            Ghost = "ghost" Page ghost::Ghost;
            /// A site that speaks Micropub.
            Micropub = "micropub" Page micropub::Micropub;
            /// A Mastodon account.
            Mastodon = "mastodon" Post mastodon::Mastodon;
            /// A Bluesky account.
            Bluesky = "bluesky" Post bluesky::Bluesky;
            /// An account on X.
            X = "x" Post x::X;
            /// A page or a person on LinkedIn.
            Linkedin = "linkedin" Post linkedin::Linkedin;
            /// A page on Facebook.
            Facebook = "facebook" Post facebook::Facebook;
            /// An account on Threads.
            Threads = "threads" Post threads::Threads;
            /// A channel on YouTube.
            Youtube = "youtube" Post youtube::Youtube;
            /// A Slack channel.
            Slack = "slack" Chat slack::Slack;
            /// A Discord channel.
            Discord = "discord" Chat discord::Discord;
            /// A Mattermost channel.
            Mattermost = "mattermost" Chat mattermost::Mattermost;
            /// A channel or chat in Microsoft Teams.
            Teams = "teams" Chat teams::Teams;
            /// A room on Matrix.
            Matrix = "matrix" Chat matrix::Matrix;
            /// A Telegram channel or group.
            Telegram = "telegram" Chat telegram::Telegram;
            /// A signed webhook.
            Webhook = "webhook" Data webhook::Webhook;
            /// A ping to a WebSub hub.
            Websub = "websub" Data websub::Websub;
            /// Files of ninjs for news agencies.
            Ninjs = "ninjs" Data ninjs::Ninjs;
            /// Files in a folder.
            File = "file" Data file::Files;
        }
    };
}

pub(crate) use kinds;

/// What is sent over a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A mail to each contact of an audience; every other form goes to one account, site, room or folder.
    Mail,
    /// A page for everybody, which other channels link to.
    Page,
    /// Posts on a social network.
    Post,
    /// A message to a room of colleagues.
    Chat,
    /// JSON, for programs.
    Data,
}

macro_rules! define {
    ($($(#[$doc:meta])* $kind:ident = $word:literal $form:ident $module:ident::$adapter:ident;)*) => {
        /// The kinds of channel there are.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
            schemars::JsonSchema,
        )]
        #[serde(rename_all = "lowercase")]
        pub enum ChannelKind {
            $($(#[$doc])* $kind,)*
        }

        impl ChannelKind {
            /// All of them, in the order of the list.
            pub const ALL: &'static [ChannelKind] = &[$(ChannelKind::$kind,)*];

            /// The word in `dateline.yaml`, JSON and the ledger.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(ChannelKind::$kind => $word,)*
                }
            }

            /// What it is sent.
            pub fn form(self) -> Form {
                match self {
                    $(ChannelKind::$kind => Form::$form,)*
                }
            }
        }
    };
}

kinds!(define);

impl ChannelKind {
    /// Whether it carries mail to the contacts of an audience, each of whom gets their own; every other kind has one account.
    pub fn is_mail(self) -> bool {
        self.form() == Form::Mail
    }

    /// What is to be paid for a delivery, where the network wants money for it: in words, for people.
    pub fn cost(self) -> Option<&'static str> {
        match self {
            // docs.x.com/x-api/getting-started/pricing, read in November 2026.
            ChannelKind::X => {
                Some("X charges about 0.20 USD for the post with the link, and 0.015 USD for each other post")
            }
            _ => None,
        }
    }

    /// Whether a release with this text has something for it: YouTube shows videos alone.
    pub fn wants(self, text: &Text) -> bool {
        let video = |medium: &Medium| {
            medium.file.value.rsplit('.').next().is_some_and(|end| end.eq_ignore_ascii_case(VIDEO))
        };
        self != ChannelKind::Youtube || text.media.iter().any(video)
    }

    /// Whether everybody can see what it shows.
    pub fn is_public(self) -> bool {
        matches!(self.form(), Form::Page | Form::Post)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_of_a_kind_is_its_name() {
        for kind in ChannelKind::ALL {
            let word = format!("\"{}\"", kind.as_str());
            assert_eq!(serde_json::to_string(kind).unwrap(), word);
            assert_eq!(serde_json::from_str::<ChannelKind>(&word).unwrap(), *kind);
        }
    }
}
