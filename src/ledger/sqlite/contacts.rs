//! The contact book and the addresses that must not be contacted.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, named_params};
use serde_json::json;

use super::values::At;
use super::writer::Write;
use super::{Result, Sqlite, audit, blocks};
use crate::contact::{Contact, ContactId, EmailAddress};
use crate::digest::Digest;
use crate::ledger::{ImportReport, Known, LedgerError, State, Suppression};
use crate::plan::Crowd;

pub(super) const FIND: &str = "
    SELECT id, email, name, language, timezone, embargo_ok, tags, fields, consent FROM contact WHERE address = :address";
const ADD: &str = "
    INSERT INTO contact (address, email, domain, name, language, timezone, embargo_ok, tags, fields, consent, changed_at)
         VALUES (:address, :email, :domain, :name, :language, :timezone, :embargo_ok, :tags, :fields, :consent, :now)";
const CHANGE: &str = "
    UPDATE contact
       SET email = :email, domain = :domain, name = :name, language = :language, timezone = :timezone,
           embargo_ok = :embargo_ok, tags = :tags, fields = :fields, consent = :consent, changed_at = :now
     WHERE address = :address";
const PAGE: &str = "
      SELECT id, email, name, language, timezone, embargo_ok, tags, fields, consent
        FROM contact
       WHERE id > :after
    ORDER BY id
       LIMIT :limit";
const REMOVE: &str = "DELETE FROM contact WHERE address = :address RETURNING id";
const REASON: &str = "SELECT reason FROM suppression WHERE address = :address";
const IS_SUPPRESSED: &str = "SELECT 1 FROM suppression WHERE address = :address";
const SUPPRESS: &str = "
    INSERT INTO suppression (address, reason, evidence, since) VALUES (:address, :reason, :evidence, :now)
    ON CONFLICT (address) DO NOTHING";
const UNSUPPRESS: &str = "DELETE FROM suppression WHERE address = :address";
const SUPPRESSIONS: &str = "
       SELECT s.address, s.reason, s.evidence, s.since, c.email
         FROM suppression AS s
    LEFT JOIN contact AS c ON c.address = s.address
     ORDER BY s.since, s.address";
const COURSES: &str = "SELECT id FROM course WHERE account = ''";
const FORGET_WISHES: &str = "DELETE FROM wish WHERE address = :address";
const CROWD: &str = "SELECT crowd FROM part WHERE id = :part";
const SET_CROWD: &str = "UPDATE part SET crowd = :crowd WHERE id = :part";
const WAITING: &str = "
    SELECT d.id, b.part
      FROM delivery AS d JOIN block AS b ON b.id = d.block
     WHERE d.course = :course AND d.recipient = :recipient AND d.state = 'scheduled'";

impl Sqlite {
    pub(in crate::ledger) async fn import(
        &self,
        contacts: Vec<Contact>,
        now: Timestamp,
    ) -> Result<ImportReport> {
        let mut total = ImportReport::default();
        let mut rest = contacts.into_iter().peekable();
        while rest.peek().is_some() {
            // Short transactions, so that dispatch is not kept waiting.
            let some: Vec<Contact> = rest.by_ref().take(2_000).collect();
            let weight = some.len();
            let report = self
                .write("import contacts", weight, move |write| {
                    let mut report = ImportReport::default();
                    for contact in &some {
                        import_one(write, contact, now, &mut report)?;
                    }
                    Ok(report)
                })
                .await?;
            total.new += report.new;
            total.changed += report.changed;
            total.unchanged += report.unchanged;
            total.suppressed += report.suppressed;
        }
        Ok(total)
    }

    pub(in crate::ledger) async fn contacts(&self, after: ContactId, limit: u32) -> Result<Vec<Contact>> {
        self.read("list contacts", move |db, _| {
            let mut page = db.prepare_cached(PAGE)?;
            let rows = page.query_map(named_params! { ":after": after.0, ":limit": limit }, contact)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    pub(in crate::ledger) async fn contact_by_email(&self, email: &EmailAddress) -> Result<Option<Contact>> {
        let email = email.clone();
        self.read("find a contact", move |db, facts| {
            let address = facts.address(&email);
            Ok(db
                .prepare_cached(FIND)?
                .query_row(named_params! { ":address": address }, contact)
                .optional()?)
        })
        .await
    }

    pub(in crate::ledger) async fn known(&self, addresses: Vec<EmailAddress>) -> Result<Vec<Known>> {
        self.read("compare contacts", move |db, facts| {
            let mut find = db.prepare_cached(FIND)?;
            let mut reason = db.prepare_cached(REASON)?;
            let mut known = Vec::with_capacity(addresses.len());
            for email in &addresses {
                let address = named_params! { ":address": facts.address(email) };
                known.push(Known {
                    contact: find.query_row(address, contact).optional()?,
                    suppressed: reason.query_row(address, |row| row.get(0)).optional()?,
                });
            }
            Ok(known)
        })
        .await
    }

    pub(in crate::ledger) async fn erase(
        &self,
        email: &EmailAddress,
        by: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let (email, by) = (email.clone(), by.to_owned());
        self.write("erase a contact", 100, move |write| {
            let address = write.facts.address(&email);
            let gone: Option<i64> = write
                .sql(REMOVE)?
                .query_row(named_params! { ":address": address }, |row| row.get(0))
                .optional()?;
            write.sql(FORGET_WISHES)?.execute(named_params! { ":address": address })?;
            suppress_address(write, &address, "erased", "", now)?;
            let cancelled = match gone {
                Some(id) => cancel_waiting(write, id)?,
                None => 0,
            };
            audit::add(
                write,
                now,
                &by,
                "erase",
                &address.to_string(),
                &json!({ "contact": gone, "cancelled": cancelled }),
            )?;
            Ok(gone.is_some())
        })
        .await
    }

    pub(in crate::ledger) async fn suppress(
        &self,
        email: &EmailAddress,
        reason: &str,
        evidence: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let (email, reason, evidence) = (email.clone(), reason.to_owned(), evidence.to_owned());
        self.write("suppress an address", 1, move |write| {
            let address = write.facts.address(&email);
            suppress_address(write, &address, &reason, &evidence, now)
        })
        .await
    }

    pub(in crate::ledger) async fn unsuppress(
        &self,
        email: &EmailAddress,
        by: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let (email, by) = (email.clone(), by.to_owned());
        self.write("allow an address", 1, move |write| {
            let address = write.facts.address(&email);
            let there = write.sql(UNSUPPRESS)?.execute(named_params! { ":address": address })? > 0;
            if there {
                audit::add(write, now, &by, "unsuppress", &address.to_string(), &json!({}))?;
            }
            Ok(there)
        })
        .await
    }

    pub(in crate::ledger) async fn suppressions(&self) -> Result<Vec<Suppression>> {
        self.read("list suppressions", |db, _| {
            let mut all = db.prepare_cached(SUPPRESSIONS)?;
            let rows = all.query_map([], |row| {
                Ok(Suppression {
                    address: row.get(0)?,
                    reason: row.get(1)?,
                    evidence: row.get(2)?,
                    since: row.get::<_, At>(3)?.0,
                    email: row.get(4)?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

/// Forbids an address; returns whether it is new.
pub(super) fn suppress_address(
    write: &Write<'_>,
    address: &Digest,
    reason: &str,
    evidence: &str,
    now: Timestamp,
) -> Result<bool> {
    let new = write.sql(SUPPRESS)?.execute(named_params! {
        ":address": address, ":reason": reason, ":evidence": evidence, ":now": At(now),
    })? > 0;
    if new {
        audit::add(write, now, "ledger", "suppress", &address.to_string(), &json!({ "reason": reason }))?;
    }
    Ok(new)
}

/// Whether an address must not be contacted.
pub(super) fn is_suppressed(write: &Write<'_>, address: &Digest) -> Result<bool> {
    Ok(write.sql(IS_SUPPRESSED)?.exists(named_params! { ":address": address })?)
}

fn import_one(write: &Write<'_>, new: &Contact, now: Timestamp, report: &mut ImportReport) -> Result<()> {
    let address = write.facts.address(&new.email);
    let old = write.sql(FIND)?.query_row(named_params! { ":address": address }, contact).optional()?;
    let same = |old: &Contact| Contact { id: new.id, ..old.clone() } == *new;
    let statement = match &old {
        Some(old) if same(old) => {
            report.unchanged += 1;
            None
        }
        Some(_) => {
            report.changed += 1;
            Some(CHANGE)
        }
        None => {
            report.new += 1;
            Some(ADD)
        }
    };
    if let Some(statement) = statement {
        write.sql(statement)?.execute(named_params! {
            ":address": address, ":email": new.email, ":domain": new.email.domain(), ":name": new.name,
            ":language": new.language, ":timezone": new.timezone, ":embargo_ok": new.embargo_ok,
            ":tags": json(&new.tags)?, ":fields": json(&new.fields)?,
            ":consent": new.consent.as_ref().map(json).transpose()?, ":now": At(now),
        })?;
    }
    if is_suppressed(write, &address)? {
        report.suppressed += 1;
    }
    Ok(())
}

fn cancel_waiting(write: &mut Write<'_>, contact: i64) -> Result<u64> {
    let courses: Vec<i64> =
        write.sql(COURSES)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut cancelled = 0;
    for course in courses {
        let waiting: Vec<(i64, i64)> = write
            .sql(WAITING)?
            .query_map(named_params! { ":course": course, ":recipient": contact }, |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        for (delivery, part) in waiting {
            blocks::give_up(write, delivery, part, State::Cancelled)?;
            leave_crowd(write, part, ContactId(contact))?;
            cancelled += 1;
        }
    }
    Ok(cancelled)
}

/// Who is erased is no change of the list that somebody has to decide on.
fn leave_crowd(write: &Write<'_>, part: i64, contact: ContactId) -> Result<()> {
    let crowd: Option<i64> =
        write.sql(CROWD)?.query_row(named_params! { ":part": part }, |row| row.get(0))?;
    if let Some(crowd) = crowd {
        let crowd = Crowd(crowd.cast_unsigned()).without(contact).0.cast_signed();
        write.sql(SET_CROWD)?.execute(named_params! { ":part": part, ":crowd": crowd })?;
    }
    Ok(())
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| LedgerError::Damaged(error.to_string()))
}

/// Reads a contact from the columns of [`FIND`] and [`PAGE`].
pub(super) fn contact(row: &Row<'_>) -> rusqlite::Result<Contact> {
    let parsed = |at: usize, error: serde_json::Error| {
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, error.into())
    };
    let (tags, fields): (String, String) = (row.get(6)?, row.get(7)?);
    let consent: Option<String> = row.get(8)?;
    Ok(Contact {
        id: ContactId(row.get(0)?),
        email: row.get(1)?,
        name: row.get(2)?,
        language: row.get(3)?,
        timezone: row.get(4)?,
        embargo_ok: row.get(5)?,
        tags: serde_json::from_str(&tags).map_err(|error| parsed(6, error))?,
        fields: serde_json::from_str(&fields).map_err(|error| parsed(7, error))?,
        consent: consent
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|error| parsed(8, error))?,
    })
}
