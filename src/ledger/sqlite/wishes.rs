//! What recipients say of themselves: they leave, they pick, they ask what is held on them.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params};
use serde_json::json;

use super::values::At;
use super::{Result, Sqlite, audit, contacts, log};
use crate::contact::{Contact, EmailAddress, Wishes};
use crate::digest::Digest;
use crate::ledger::{Bearer, DeliveryId, Dossier, LedgerError, Suppression};

const ADDRESS: &str = "
    SELECT c.address FROM delivery AS d CROSS JOIN contact AS c ON c.id = d.recipient WHERE d.id = :delivery";
const BEARER: &str = "
    SELECT i.release, p.audience, p.channel, p.language, c.address
      FROM delivery AS d
           CROSS JOIN block AS b ON b.id = d.block
           CROSS JOIN part AS p ON p.id = b.part
           CROSS JOIN issued AS i ON i.id = p.issued
           LEFT JOIN contact AS c ON c.id = d.recipient
     WHERE d.id = :delivery";
const WISHES: &str = "SELECT wishes FROM wish WHERE address = :address";
const WISH: &str = "
    INSERT INTO wish (address, wishes, changed_at) VALUES (:address, :wishes, :now)
    ON CONFLICT (address) DO UPDATE SET wishes = excluded.wishes, changed_at = excluded.changed_at";
const NO_WISH: &str = "DELETE FROM wish WHERE address = :address";
const ALL: &str = "SELECT c.id, w.wishes FROM wish AS w CROSS JOIN contact AS c ON c.address = w.address";
const SUPPRESSION: &str = "SELECT reason, evidence, since FROM suppression WHERE address = :address";
const CHANGED: &str = "SELECT changed_at FROM contact WHERE address = :address";
/// The recipient's rows are found by the index that gives everybody one seat on a course.
const DELIVERIES: &str = "
    SELECT d.id
      FROM course AS s CROSS JOIN delivery AS d ON d.course = s.id AND d.recipient = :recipient
     WHERE s.account = ''
  ORDER BY d.id";

impl Sqlite {
    pub(in crate::ledger) async fn suppress_recipient(
        &self,
        delivery: DeliveryId,
        reason: &str,
        evidence: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let (reason, evidence) = (reason.to_owned(), evidence.to_owned());
        self.write("suppress a recipient", 1, move |write| {
            let address: Option<Digest> = write
                .sql(ADDRESS)?
                .query_row(named_params! { ":delivery": delivery.0 }, |row| row.get(0))
                .optional()?;
            match address {
                Some(address) => contacts::suppress_address(write, &address, &reason, &evidence, now),
                // Erased: nothing is ever sent to them.
                None => Ok(false),
            }
        })
        .await
    }

    pub(in crate::ledger) async fn choose(
        &self,
        delivery: DeliveryId,
        wishes: Wishes,
        now: Timestamp,
    ) -> Result<bool> {
        self.write("keep what a recipient picked", 1, move |write| {
            let address: Option<Digest> = write
                .sql(ADDRESS)?
                .query_row(named_params! { ":delivery": delivery.0 }, |row| row.get(0))
                .optional()?;
            let Some(address) = address else { return Ok(false) };
            let old: Option<String> = write
                .sql(WISHES)?
                .query_row(named_params! { ":address": address }, |row| row.get(0))
                .optional()?;
            let new = if wishes.is_empty() { None } else { Some(contacts::json(&wishes)?) };
            if old == new {
                return Ok(true);
            }
            match new {
                Some(new) => {
                    let row = named_params! { ":address": address, ":wishes": new, ":now": At(now) };
                    write.sql(WISH)?.execute(row)?
                }
                None => write.sql(NO_WISH)?.execute(named_params! { ":address": address })?,
            };
            audit::add(write, now, "recipient", "choose", &address.to_string(), &json!({}))?;
            Ok(true)
        })
        .await
    }

    pub(in crate::ledger) async fn bearer_of(&self, delivery: DeliveryId) -> Result<Option<Bearer>> {
        self.read("say who holds a token", move |db, _| {
            let row = db
                .prepare_cached(BEARER)?
                .query_row(named_params! { ":delivery": delivery.0 }, |row| {
                    let address: Option<Digest> = row.get(4)?;
                    let bearer = Bearer {
                        delivery,
                        release: row.get(0)?,
                        audience: row.get(1)?,
                        channel: row.get(2)?,
                        language: row.get(3)?,
                        contact: None,
                        wishes: Wishes::default(),
                        suppressed: None,
                    };
                    Ok((bearer, address))
                })
                .optional()?;
            let Some((mut bearer, address)) = row else { return Ok(None) };
            if let Some(address) = address {
                bearer.contact = find(db, &address)?;
                bearer.wishes = picked(db, &address)?.unwrap_or_default();
                bearer.suppressed = suppression(db, &address, None)?.map(|s| (s.reason, s.since));
            }
            Ok(Some(bearer))
        })
        .await
    }

    pub(in crate::ledger) async fn dossier(&self, email: &EmailAddress) -> Result<Dossier> {
        let email = email.clone();
        self.read("say what is held on a person", move |db, facts| {
            let address = facts.address(&email);
            let contact = find(db, &address)?;
            let changed_at: Option<At> = db
                .prepare_cached(CHANGED)?
                .query_row(named_params! { ":address": address }, |row| row.get(0))
                .optional()?;
            let mut deliveries = Vec::new();
            if let Some(contact) = &contact {
                let mut all = db.prepare_cached(DELIVERIES)?;
                let ids: Vec<i64> = all
                    .query_map(named_params! { ":recipient": contact.id.0 }, |row| row.get(0))?
                    .collect::<rusqlite::Result<_>>()?;
                deliveries = log::these(db, &ids)?;
            }
            let email = contact.as_ref().map(|contact| contact.email.clone());
            Ok(Dossier {
                changed_at: changed_at.map(|at| at.0),
                wishes: picked(db, &address)?,
                suppression: suppression(db, &address, email)?,
                contact,
                deliveries,
            })
        })
        .await
    }
}

/// What everybody in the book picked, by contact.
pub(super) fn all(db: &Connection) -> Result<std::collections::BTreeMap<crate::contact::ContactId, Wishes>> {
    let mut all = db.prepare_cached(ALL)?;
    let mut rows = all.query([])?;
    let mut wishes = std::collections::BTreeMap::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(1)?;
        wishes.insert(crate::contact::ContactId(row.get(0)?), read(&text)?);
    }
    Ok(wishes)
}

fn find(db: &Connection, address: &Digest) -> Result<Option<Contact>> {
    let mut find = db.prepare_cached(contacts::FIND)?;
    Ok(find.query_row(named_params! { ":address": address }, contacts::contact).optional()?)
}

fn picked(db: &Connection, address: &Digest) -> Result<Option<Wishes>> {
    let mut wishes = db.prepare_cached(WISHES)?;
    let text: Option<String> =
        wishes.query_row(named_params! { ":address": address }, |row| row.get(0)).optional()?;
    text.map(|text| read(&text)).transpose()
}

fn suppression(
    db: &Connection,
    address: &Digest,
    email: Option<EmailAddress>,
) -> Result<Option<Suppression>> {
    let mut suppression = db.prepare_cached(SUPPRESSION)?;
    let row = named_params! { ":address": address };
    let found = suppression.query_row(row, |row| {
        Ok(Suppression {
            email,
            address: *address,
            reason: row.get(0)?,
            evidence: row.get(1)?,
            since: row.get::<_, At>(2)?.0,
        })
    });
    Ok(found.optional()?)
}

fn read(text: &str) -> Result<Wishes> {
    serde_json::from_str(text).map_err(|error| LedgerError::Damaged(format!("what somebody picked: {error}")))
}
