//! The table, read from top to bottom; the first line that fits decides. Codes and texts as read in November 2026.

use super::super::trouble::Phase;

/// The version of the table: raised whenever a line changes.
pub const VERSION: u32 = 2;

/// What a line decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Another try may succeed, after this many seconds at least where that is not 0.
    Later(u64),
    /// The destination takes nothing now, for so many seconds where that is not 0.
    Busy(u64),
    /// The relay takes nothing now, for so many seconds where that is not 0.
    Away(u64),
    /// Not for this recipient, but not because of the mailbox.
    Refuse,
    /// Not for this recipient: the mailbox is not there.
    Suppress,
    /// The destination refuses us: after the third recipient, nothing more until somebody looks.
    HoldDestination,
    /// Our credentials, our sender or our configuration: nothing more until somebody looks.
    HoldChannel,
}

use Verdict::{Away, Busy, HoldChannel, HoldDestination, Later, Refuse, Suppress};

/// One line: all that is said must fit; what is left empty fits everything.
pub struct Line {
    pub phases: &'static [Phase],
    /// Basic codes; a single digit stands for its class.
    pub codes: &'static [u16],
    /// Enhanced codes; one that ends in a dot stands for all that begin so, an empty one for none.
    pub enhanced: &'static [&'static str],
    /// Parts of the text, in lower case; one of them must be there.
    pub texts: &'static [&'static str],
    pub verdict: Verdict,
}

const ANY: Line = Line { phases: &[], codes: &[], enhanced: &[], texts: &[], verdict: Refuse };

/// Before there is an envelope: nothing that is said here is about a recipient.
pub const SETUP: &[Phase] =
    &[Phase::Connect, Phase::Tls, Phase::Greeting, Phase::Ehlo, Phase::StartTls, Phase::Auth];
/// Where a server speaks about the recipient.
const MAILBOX: &[Phase] = &[Phase::Rcpt, Phase::Data, Phase::Body, Phase::Dot];

pub static TABLE: &[Line] = &[
    // Setting up. 432: the account needs a new password (RFC 4954 §6).
    Line { phases: SETUP, codes: &[432], verdict: HoldChannel, ..ANY },
    Line { phases: SETUP, codes: &[4], verdict: Away(0), ..ANY },
    Line { phases: SETUP, codes: &[5], verdict: HoldChannel, ..ANY },
    // How much our account at the relay may send, whatever the code: it is over by itself.
    Line {
        codes: &[4, 5],
        texts: &[
            "sending quota",
            "sending limit",
            "daily quota",
            "daily message quota",
            "daily smtp relay limit",
            "hourly quota",
            "message quota exceeded",
            "exceeded the rate limit for your account",
            "exceeded its max emails per hour",
            "maximum sending rate exceeded",
            "submission quota",
            "too many messages from your account",
        ],
        verdict: Away(1_800),
        ..ANY
    },
    // For now is for now, whatever the words are.
    // MAIL speaks about the sender and the session alone. After 421 the server goes away (RFC 5321 §3.8).
    Line {
        phases: &[Phase::Mail],
        codes: &[421],
        enhanced: &["", "4.3.2", "4.4.2"],
        verdict: Later(0),
        ..ANY
    },
    Line { phases: &[Phase::Mail], codes: &[4], verdict: Away(0), ..ANY },
    // Greylisting is about one sender and one recipient: it passes.
    Line {
        codes: &[4],
        texts: &["greylist", "graylist", "grey-list", "gray-list", "grey list", "postgrey"],
        verdict: Later(300),
        ..ANY
    },
    // The destination has had enough of us for now: Gmail's 4.7.28, Yahoo's [TSS..], Microsoft's 4.7.650 and [S775..],
    // Apple, GMX, T-Online and whoever writes it in words.
    Line {
        codes: &[4],
        enhanced: &[
            "4.7.23", "4.7.24", "4.7.25", "4.7.26", "4.7.27", "4.7.28", "4.7.29", "4.7.30", "4.7.31",
            "4.7.32", "4.7.40", "4.7.500", "4.7.501", "4.7.505", "4.7.650", "4.7.651", "4.7.652", "4.7.653",
        ],
        verdict: Busy(0),
        ..ANY
    },
    Line {
        codes: &[4],
        texts: &[
            "[tss",
            "[ts0",
            "[s775",
            "[s3",
            "rate limit",
            "rate-limit",
            "ratelimit",
            "rate limited",
            "throttl",
            "unusual rate",
            "too many connections",
            "too many concurrent",
            "too many sessions",
            "too many messages",
            "too many mails",
            "too much mail",
            "too many recipients from",
            "connection limit",
            "message rate",
            "exceeded the maximum number of connections",
            "user complaints",
            "unexpected volume",
            "suspicious due to",
            "reputation",
            "blocked",
            "block list",
            "blocklist",
            "blacklist",
            "spamhaus",
            "temporarily deferred",
            "temporarily rejected",
            "policy reasons",
            "authentication checks",
            "spf",
            "dkim",
            "dmarc",
            "reverse dns",
            "ptr record",
        ],
        verdict: Busy(0),
        ..ANY
    },
    // 4.7.1 is how greylisting shows itself, 4.2.1 a mailbox that gets too much: five minutes at least.
    Line { codes: &[450], enhanced: &["4.2.1"], verdict: Later(300), ..ANY },
    Line { codes: &[450, 451], enhanced: &["4.7.1"], verdict: Later(300), ..ANY },
    Line { codes: &[421], enhanced: &["4.7."], verdict: Busy(0), ..ANY },
    Line { codes: &[454], verdict: Away(0), ..ANY },
    // 4.3.x: their servers; 4.2.2: a full mailbox; 4.5.3, 4.4.7, 4.1.2 and all others.
    Line { codes: &[4], verdict: Later(0), ..ANY },
    // The address needs SMTPUTF8 (RFC 6531 §3.5).
    Line { codes: &[5], enhanced: &["5.6.7"], verdict: Refuse, ..ANY },
    // Our commands (RFC 5321 §4.2.4, RFC 3463 §3.6).
    Line { codes: &[500, 501, 502, 503, 504, 555], enhanced: &["", "5.5."], verdict: HoldDestination, ..ANY },
    // MAIL speaks about the sender and the session alone.
    Line { phases: &[Phase::Mail], codes: &[5], verdict: HoldChannel, ..ANY },
    // Credentials and TLS (RFC 4954 §6, RFC 3207 §4, RFC 7817; Exchange's 5.7.57 and 5.7.139).
    Line { codes: &[530, 534, 535, 538], verdict: HoldChannel, ..ANY },
    // Yahoo says DMARC's refusals with 5.7.9.
    Line {
        phases: MAILBOX,
        codes: &[554],
        enhanced: &["5.7.9"],
        texts: &["for policy reasons", "dmarc"],
        verdict: HoldDestination,
    },
    Line {
        codes: &[5],
        enhanced: &["5.7.3", "5.7.8", "5.7.9", "5.7.10", "5.7.11", "5.7.57", "5.7.139"],
        verdict: HoldChannel,
        ..ANY
    },
    // The relay does not take us for one of its own.
    Line {
        codes: &[5],
        texts: &[
            "relay access denied",
            "relaying denied",
            "relay not permitted",
            "relaying not permitted",
            "relaying not allowed",
            "relay denied",
            "unable to relay",
            "not permitted to relay",
            "not allowed to relay",
            "authentication required",
            "authentication is required",
            "you must authenticate",
            "must authenticate before",
            "not authenticated",
            "starttls",
            "tls required",
            "tls is required",
            "must use tls",
        ],
        enhanced: &["", "5.7.", "5.5.", "5.1.0", "5.4.1"],
        verdict: HoldChannel,
        ..ANY
    },
    // Our sender address: not ours, unknown, or of a domain that takes no mail (RFC 7505 §4.2).
    Line {
        codes: &[5],
        texts: &[
            "not owned by user",
            "sender address rejected",
            "sender address is not verified",
            "email address is not verified",
            "sender domain not verified",
            "from address does not match",
            "from address is not",
            "sender identity",
            "sendasdenied",
            "does not have permissions to send as",
            "unverified address",
        ],
        enhanced: &["", "5.7.", "5.1.0"],
        verdict: HoldChannel,
        ..ANY
    },
    Line { codes: &[5], enhanced: &["5.7.27"], texts: &["null mx"], verdict: HoldChannel, ..ANY },
    Line { codes: &[5], enhanced: &["5.7.60", "5.1.7", "5.1.8"], verdict: HoldChannel, ..ANY },
    // The edition is too large (RFC 3463 §3.3, §3.4).
    Line { codes: &[5], enhanced: &["5.3.4", "5.2.3"], verdict: HoldChannel, ..ANY },
    Line {
        codes: &[552],
        texts: &["message size", "too large", "too big", "size limit"],
        verdict: HoldChannel,
        ..ANY
    },
    // Full mailboxes are emptied.
    Line { codes: &[5], enhanced: &["5.2.2"], verdict: Later(0), ..ANY },
    Line {
        phases: MAILBOX,
        codes: &[550, 552, 554],
        enhanced: &["", "5.2."],
        texts: &[
            "mailbox is full",
            "mailbox full",
            "over quota",
            "overquota",
            "exceeded storage allocation",
            "quota exceeded",
            "out of storage space",
        ],
        verdict: Later(0),
    },
    // Null MX (RFC 7505 §4.1), and a mailbox that has another owner (RFC 7293 §5.2): these codes say nothing else.
    Line {
        phases: MAILBOX,
        codes: &[525, 550, 551, 553],
        enhanced: &["5.7.13", "5.7.17"],
        verdict: Suppress,
        ..ANY
    },
    // Our reputation, our authentication, our text, our DNS: the recipient has no part in it. The texts are those of block
    // lists, Yahoo's [BL..], Microsoft's S3xxx, and of filters; they stand above the mailbox's codes, because some
    // hide a block behind 5.1.1.
    Line {
        codes: &[5],
        texts: &[
            "block list",
            "blocklist",
            "block-list",
            "blacklist",
            "black list",
            "blackhole",
            "denylist",
            "blocked using",
            "client host",
            "spamhaus",
            "spamcop",
            "barracuda",
            "proofpoint",
            "cloudmark",
            "sorbs",
            "uceprotect",
            "senderscore",
            "[bl",
            "[tss",
            "(s3",
            "spam",
            "reputation",
            "unsolicited",
            "banned",
            "virus",
            "malware",
            "phish",
            "dmarc",
            "dkim",
            "spf ",
            "spf-",
            "spf)",
            "spf:",
            "unauthenticated",
            "reverse dns",
            "ptr record",
            "dns ptr",
            "rdns",
            "reverse lookup",
            "helo",
            "sending mta",
            "poor karma",
            "bulk mail",
            "message content",
            "content rejected",
            "message rejected due to content",
            "rate limit",
            "too many",
        ],
        verdict: HoldDestination,
        ..ANY
    },
    // The mailbox is not there, is closed, or has another owner (RFC 3463 §3.2, RFC 7505 §4.1).
    Line {
        phases: MAILBOX,
        codes: &[550, 551, 553],
        enhanced: &["5.1.1", "5.1.6", "5.2.1"],
        verdict: Suppress,
        ..ANY
    },
    Line { phases: MAILBOX, codes: &[5], enhanced: &["5.1.10"], verdict: Suppress, ..ANY },
    Line { phases: &[Phase::Rcpt], codes: &[521, 556], verdict: Suppress, ..ANY },
    // A bad domain or a bad address: our list may be wrong.
    Line { codes: &[5], enhanced: &["5.1.2", "5.1.3"], verdict: Refuse, ..ANY },
    // The recipient's own policy: a list or a mailbox that takes mail from few (Exchange's 5.7.12x and 5.7.13x, and words).
    Line {
        phases: MAILBOX,
        codes: &[5],
        enhanced: &[
            "5.7.2", "5.7.118", "5.7.120", "5.7.121", "5.7.122", "5.7.123", "5.7.124", "5.7.125", "5.7.126",
            "5.7.127", "5.7.128", "5.7.129", "5.7.130", "5.7.131", "5.7.132", "5.7.133", "5.7.134",
            "5.7.135", "5.7.136",
        ],
        verdict: Refuse,
        ..ANY
    },
    Line {
        phases: MAILBOX,
        codes: &[5],
        enhanced: &["", "5.7.1", "5.7.0", "5.2.0"],
        texts: &[
            "recipient only accepts",
            "recipient has blocked",
            "recipient does not accept",
            "recipient not accept",
            "recipient address rejected",
            "resolver.rst",
            "blocked by recipient",
            "blocked by the recipient",
            "rejected by recipient",
            "user has blocked",
            "members only",
            "members-only",
            "only members",
            "not a member",
            "not allowed to post",
            "not authorized to send to",
            "internal use only",
        ],
        verdict: Refuse,
    },
    // Policy: 5.7.0, 5.7.1, Gmail's 5.7.25 to 5.7.30, Microsoft's 5.7.509, 5.7.515, 5.7.606 to 5.7.750; and our text.
    Line { codes: &[5], enhanced: &["5.7.", "5.6."], verdict: HoldDestination, ..ANY },
    // Policy in words, without an enhanced code.
    Line {
        phases: MAILBOX,
        codes: &[550, 554, 571],
        enhanced: &[""],
        texts: &["policy", "access denied", "not authorized", "transaction failed", "permission denied"],
        verdict: HoldDestination,
    },
    // Our commands, said with another basic code.
    Line { codes: &[5], enhanced: &["5.5."], verdict: HoldDestination, ..ANY },
    Line { codes: &[5], verdict: Refuse, ..ANY },
];
