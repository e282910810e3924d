//! What recipients say of themselves: they leave, they pick, they ask what is held on them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::locks::Lock;
use super::session::Tx;
use super::values::At;
use super::{Postgres, Result, again, audit, contacts, log};
use crate::contact::{Contact, ContactId, EmailAddress, Wishes};
use crate::digest::Digest;
use crate::ledger::{Bearer, DeliveryId, Dossier, LedgerError, Suppression};

const ADDRESS: &str =
    "SELECT c.address FROM delivery AS d JOIN contact AS c ON c.id = d.recipient WHERE d.id = $1";
const BEARER: &str = "
    SELECT i.release, p.audience, p.channel, p.language, c.address
      FROM delivery AS d
           JOIN block AS b ON b.id = d.block
           JOIN part AS p ON p.id = b.part
           JOIN issued AS i ON i.id = p.issued
           LEFT JOIN contact AS c ON c.id = d.recipient
     WHERE d.id = $1";
const WISHES: &str = "SELECT wishes FROM wish WHERE address = $1";
const WISH: &str = "
    INSERT INTO wish (address, wishes, changed_at) VALUES ($1, $2, $3)
    ON CONFLICT (address) DO UPDATE SET wishes = excluded.wishes, changed_at = excluded.changed_at";
const NO_WISH: &str = "DELETE FROM wish WHERE address = $1";
const ALL: &str = "SELECT c.id, w.wishes FROM wish AS w JOIN contact AS c ON c.address = w.address";
const SUPPRESSION: &str = "SELECT reason, evidence, since FROM suppression WHERE address = $1";
const CHANGED: &str = "SELECT changed_at FROM contact WHERE address = $1";
/// The recipient's rows are found by the index that gives everybody one seat on a course.
const DELIVERIES: &str = "
    SELECT d.id
      FROM course AS s JOIN delivery AS d ON d.course = s.id AND d.recipient = $1
     WHERE s.account = ''
  ORDER BY d.id";

impl Postgres {
    pub(in crate::ledger) async fn suppress_recipient(
        &self,
        delivery: DeliveryId,
        reason: &str,
        evidence: &str,
        now: Timestamp,
    ) -> Result<bool> {
        again!(self.suppress_recipient_once(delivery, reason, evidence, now))
    }

    async fn suppress_recipient_once(
        &self,
        delivery: DeliveryId,
        reason: &str,
        evidence: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let tx = self.begin("suppress a recipient", &[Lock::Forbid]).await?;
        let new = match tx.opt(ADDRESS, &[&delivery.0]).await? {
            Some(row) => {
                let address: Digest = row.try_get(0)?;
                contacts::suppress_address(&tx, &address, reason, evidence, now).await?
            }
            // Erased: nothing is ever sent to them.
            None => false,
        };
        tx.commit().await?;
        Ok(new)
    }

    pub(in crate::ledger) async fn choose(
        &self,
        delivery: DeliveryId,
        wishes: Wishes,
        now: Timestamp,
    ) -> Result<bool> {
        again!(self.choose_once(delivery, &wishes, now))
    }

    async fn choose_once(&self, delivery: DeliveryId, wishes: &Wishes, now: Timestamp) -> Result<bool> {
        let tx = self.begin("keep what a recipient picked", &[]).await?;
        let Some(row) = tx.opt(ADDRESS, &[&delivery.0]).await? else {
            tx.commit().await?;
            return Ok(false);
        };
        let address: Digest = row.try_get(0)?;
        let old: Option<String> = match tx.opt(WISHES, &[&address]).await? {
            Some(row) => Some(row.try_get(0)?),
            None => None,
        };
        let new = if wishes.is_empty() { None } else { Some(contacts::json_text(wishes)?) };
        if old != new {
            match &new {
                Some(new) => tx.execute(WISH, &[&address, new, &At(now)]).await?,
                None => tx.execute(NO_WISH, &[&address]).await?,
            };
            audit::add(&tx, now, "recipient", "choose", &address.to_string(), &json!({})).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    pub(in crate::ledger) async fn bearer_of(&self, delivery: DeliveryId) -> Result<Option<Bearer>> {
        let tx = self.look("say who holds a token").await?;
        let Some(row) = tx.opt(BEARER, &[&delivery.0]).await? else {
            tx.commit().await?;
            return Ok(None);
        };
        let mut bearer = Bearer {
            delivery,
            release: row.try_get(0)?,
            audience: row.try_get(1)?,
            channel: row.try_get(2)?,
            language: row.try_get(3)?,
            contact: None,
            wishes: Wishes::default(),
            suppressed: None,
        };
        if let Some(address) = row.try_get::<_, Option<Digest>>(4)? {
            bearer.contact = find(&tx, address).await?;
            bearer.wishes = picked(&tx, &address).await?.unwrap_or_default();
            bearer.suppressed = suppression(&tx, &address, None).await?.map(|s| (s.reason, s.since));
        }
        tx.commit().await?;
        Ok(Some(bearer))
    }

    pub(in crate::ledger) async fn dossier(&self, email: &EmailAddress) -> Result<Dossier> {
        let tx = self.look("say what is held on a person").await?;
        let address = tx.facts().address(email);
        let contact = find(&tx, address).await?;
        let changed_at = match tx.opt(CHANGED, &[&address]).await? {
            Some(row) => Some(row.try_get::<_, At>(0)?.0),
            None => None,
        };
        let mut deliveries = Vec::new();
        if let Some(contact) = &contact {
            let mut ids: Vec<i64> = Vec::new();
            for row in tx.query(DELIVERIES, &[&contact.id.0]).await? {
                ids.push(row.try_get(0)?);
            }
            deliveries = log::these(&tx, &ids).await?;
        }
        let email = contact.as_ref().map(|contact| contact.email.clone());
        let dossier = Dossier {
            changed_at,
            wishes: picked(&tx, &address).await?,
            suppression: suppression(&tx, &address, email).await?,
            contact,
            deliveries,
        };
        tx.commit().await?;
        Ok(dossier)
    }
}

/// What everybody in the book picked, by contact.
pub(super) async fn all(tx: &Tx<'_>) -> Result<BTreeMap<ContactId, Wishes>> {
    let mut wishes = BTreeMap::new();
    for row in tx.query(ALL, &[]).await? {
        wishes.insert(ContactId(row.try_get(0)?), read(row.try_get(1)?)?);
    }
    Ok(wishes)
}

async fn find(tx: &Tx<'_>, address: Digest) -> Result<Option<Contact>> {
    tx.opt(contacts::FIND, &[&vec![address]]).await?.as_ref().map(contacts::contact).transpose()
}

async fn picked(tx: &Tx<'_>, address: &Digest) -> Result<Option<Wishes>> {
    match tx.opt(WISHES, &[address]).await? {
        Some(row) => Ok(Some(read(row.try_get(0)?)?)),
        None => Ok(None),
    }
}

async fn suppression(
    tx: &Tx<'_>,
    address: &Digest,
    email: Option<EmailAddress>,
) -> Result<Option<Suppression>> {
    match tx.opt(SUPPRESSION, &[address]).await? {
        Some(row) => Ok(Some(Suppression {
            email,
            address: *address,
            reason: row.try_get(0)?,
            evidence: row.try_get(1)?,
            since: row.try_get::<_, At>(2)?.0,
        })),
        None => Ok(None),
    }
}

fn read(text: &str) -> Result<Wishes> {
    serde_json::from_str(text).map_err(|error| LedgerError::Damaged(format!("what somebody picked: {error}")))
}
