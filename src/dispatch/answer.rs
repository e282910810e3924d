//! Forwarding an answer by a person to the press desk: one try, whose point of no return is a row of the ledger's, so that
//! it is never forwarded twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Dispatch, attempt};
use crate::channel::{Failure, Gate, Parcel, Recipient};
use crate::clock::Clock;
use crate::contact::{EmailAddress, without_addresses};
use crate::digest::Digest;
use crate::ledger::{Forwarded, Ledger, LedgerError, Scope};
use crate::render::Edition;

/// An answer, ready to leave.
#[derive(Debug, Clone)]
pub struct Forwarding {
    /// The ledger's number of it.
    pub id: i64,
    /// The mail, as an edition for the channel that brings it.
    pub edition: Arc<Edition>,
    /// The desk.
    pub to: EmailAddress,
    /// When it came in.
    pub at: Timestamp,
}

impl Dispatch {
    /// Forwards an answer, once. What became of it is for the caller to record; holds are honoured.
    pub async fn forward(&self, forwarding: &Forwarding) -> Result<Forwarded, LedgerError> {
        let inner = &self.0;
        let channel = &forwarding.edition.request.channel;
        let Some(route) = inner.routes.get(channel) else { return Ok(Forwarded::Later) };
        let held = |scope: &Scope| *scope == Scope::Everything || *scope == Scope::Channel(channel.clone());
        if inner.ledger.holds().await?.iter().any(|hold| held(&hold.scope)) {
            return Ok(Forwarded::Later);
        }
        let parcel = Parcel {
            key: Digest::of_fields(&[b"answer", &forwarding.id.to_be_bytes()]),
            wire_key: format!("answer-{}", forwarding.id),
            edition: Arc::clone(&forwarding.edition),
            notice: forwarding.edition.request.notice,
            recipient: Recipient::Mailbox {
                email: forwarding.to.clone(),
                name: None,
                token: String::new(),
                bounce: None,
            },
            due: forwarding.at,
            now: inner.clock.now(),
            attempt: 1,
            previous: None,
            ahead: None,
        };
        let gate = AnswerGate {
            ledger: &inner.ledger,
            clock: &inner.clock,
            id: forwarding.id,
            passed: AtomicBool::new(false),
        };
        let result = attempt::caught(route.channel.deliver(&parcel, &gate)).await;
        let passed = gate.passed.load(Ordering::SeqCst);
        Ok(match result {
            Ok(Ok(_)) => Forwarded::Done,
            Ok(Err(Failure::Unknown { .. } | Failure::Broken { .. })) | Err(_) if passed => {
                Forwarded::Unknown
            }
            Ok(Err(Failure::Refused { .. } | Failure::Broken { .. })) | Err(_) => Forwarded::Failed,
            Ok(Err(failure)) => {
                let said = failure.to_string();
                let why = without_addresses(&said);
                tracing::info!(answer = forwarding.id, %why, "an answer could not be forwarded yet");
                Forwarded::Later
            }
        })
    }
}

/// Asks the ledger.
struct AnswerGate<'a> {
    ledger: &'a Ledger,
    clock: &'a Clock,
    id: i64,
    passed: AtomicBool,
}

#[async_trait]
impl Gate for AnswerGate<'_> {
    async fn open(&self) -> bool {
        match self.ledger.answer_leaves(self.id, self.clock.now()).await {
            Ok(leaves) => {
                self.passed.store(leaves, Ordering::SeqCst);
                leaves
            }
            Err(error) => {
                tracing::error!(%error, "the ledger does not let an answer leave");
                false
            }
        }
    }
}
