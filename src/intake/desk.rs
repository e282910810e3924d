//! Where everything that comes back is taken in, whatever its source.
//!
//! Whom it is about is verified by the ledger; what it does is one transaction there. Handing in the same again does nothing, so a
//! source may forget what it has handed in, but never mark as done what it has not.

use crate::clock::Clock;
use crate::ledger::{Class, Ledger, LedgerError, Report, Taken, UNSUBSCRIBED};
use crate::token::Purpose;

use super::read::{self, Reading, Trust};

/// A longer answer is not kept for forwarding: many mail servers would not take it.
const MOST_OF_AN_ANSWER: usize = 5 * 1024 * 1024;

/// The desk.
#[derive(Clone)]
pub struct Desk {
    /// The record.
    pub ledger: Ledger,
    /// The time.
    pub clock: Clock,
    /// Whose complaints by mail are believed.
    pub trust: Trust,
    /// Whether answers by people are kept for the press desk.
    pub keep: bool,
}

/// What a source does with what it handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// It is on record: mark it as done.
    Yes,
    /// Its delivery is being attempted this very moment: hand it in again in a minute.
    NotYet,
}

impl Desk {
    /// Takes in a mail.
    pub async fn mail(&self, source: &str, mail: &[u8]) -> Result<Done, LedgerError> {
        let reading = read::read(mail, &self.trust);
        self.reading(source, reading).await
    }

    /// Takes in what was read.
    pub async fn reading(&self, source: &str, reading: Reading) -> Result<Done, LedgerError> {
        let mut bearer = None;
        if let Some(token) = &reading.token {
            for purpose in [Purpose::Bounce, Purpose::Unsubscribe] {
                if let Some(delivery) = self.ledger.bearer(purpose, token).await? {
                    bearer = Some((purpose, delivery));
                    break;
                }
            }
        }
        let class = reading.meaning(bearer.map(|(purpose, _)| purpose));
        let delivery = bearer.map(|(_, delivery)| delivery).filter(|_| class != Class::Unrelated);
        let Reading { digest, words, kept, .. } = reading;
        if let (Class::Unsubscribe, Some(delivery)) = (class, delivery) {
            let how = format!("intake: {source}");
            self.ledger.suppress_recipient(delivery, UNSUBSCRIBED, &how, self.clock.now()).await?;
        }
        let kept = kept.filter(|kept| self.keep && kept.message.len() <= MOST_OF_AN_ANSWER);
        let report = Report { digest, source: source.to_owned(), class, delivery, words, kept };
        let taken = self.ledger.take_in(report, self.clock.now()).await?;
        match taken {
            Taken::Before => {}
            Taken::TooEarly => return Ok(Done::NotYet),
            Taken::New { became, suppressed, held } => {
                let delivery = delivery.map(|delivery| delivery.0);
                tracing::info!(
                    source,
                    %class,
                    delivery,
                    became = became.map(crate::ledger::State::as_str),
                    suppressed,
                    "a report was taken in"
                );
                if held {
                    tracing::error!(
                        source,
                        "too many addresses were suppressed within an hour: the channel is held; `dateline status` says why"
                    );
                }
            }
        }
        Ok(Done::Yes)
    }
}
