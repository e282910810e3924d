//! The contact book and the addresses that must not be contacted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::json;
use tokio_postgres::Row;

use super::locks::Lock;
use super::session::{Param, Tx};
use super::values::At;
use super::{Postgres, Result, again, audit, blocks};
use crate::contact::{Contact, ContactId, EmailAddress};
use crate::digest::Digest;
use crate::language::Language;
use crate::ledger::{ImportReport, Known, LedgerError, State, Suppression};
use crate::plan::Crowd;

pub(super) const FIND: &str = "
    SELECT id, email, name, language, timezone, embargo_ok, tags, fields, consent, address
      FROM contact
     WHERE address = ANY($1::bytea[])";
const ADD: &str = "
    INSERT INTO contact (address, email, domain, name, language, timezone, embargo_ok, tags, fields, consent, changed_at)
         SELECT q.address, q.email, q.domain, q.name, q.language, q.timezone, q.embargo_ok, q.tags, q.fields, q.consent,
                $11
           FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[],
                       $8::text[], $9::text[], $10::text[])
                     WITH ORDINALITY
                     AS q (address, email, domain, name, language, timezone, embargo_ok, tags, fields, consent, ord)
       ORDER BY q.ord
    ON CONFLICT (address) DO UPDATE
       SET email = excluded.email, domain = excluded.domain, name = excluded.name, language = excluded.language,
           timezone = excluded.timezone, embargo_ok = excluded.embargo_ok, tags = excluded.tags,
           fields = excluded.fields, consent = excluded.consent, changed_at = excluded.changed_at";
const CHANGE: &str = "
    UPDATE contact AS c
       SET email = q.email, domain = q.domain, name = q.name, language = q.language, timezone = q.timezone,
           embargo_ok = q.embargo_ok, tags = q.tags, fields = q.fields, consent = q.consent,
           changed_at = $11
      FROM unnest($1::bytea[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[],
                  $8::text[], $9::text[], $10::text[])
                AS q (address, email, domain, name, language, timezone, embargo_ok, tags, fields, consent)
     WHERE c.address = q.address";
const PAGE: &str = "
      SELECT id, email, name, language, timezone, embargo_ok, tags, fields, consent
        FROM contact
       WHERE id > $1
    ORDER BY id
       LIMIT $2";
const REMOVE: &str = "DELETE FROM contact WHERE address = $1 RETURNING id";
const ARE_SUPPRESSED: &str = "SELECT address, reason FROM suppression WHERE address = ANY($1::bytea[])";
const SUPPRESS: &str = "
    INSERT INTO suppression (address, reason, evidence, since) VALUES ($1, $2, $3, $4)
    ON CONFLICT (address) DO NOTHING";
const UNSUPPRESS: &str = "DELETE FROM suppression WHERE address = $1";
const SUPPRESSIONS: &str = "
       SELECT s.address, s.reason, s.evidence, s.since, c.email
         FROM suppression AS s
    LEFT JOIN contact AS c ON c.address = s.address
     ORDER BY s.since, s.address";
const COURSES: &str = "SELECT id FROM course WHERE account = ''";
const FORGET_WISHES: &str = "DELETE FROM wish WHERE address = $1";
const CROWD: &str = "SELECT crowd FROM part WHERE id = $1 FOR UPDATE";
const SET_CROWD: &str = "UPDATE part SET crowd = $2 WHERE id = $1";
const WAITING: &str = "
    SELECT d.id, b.part
      FROM delivery AS d JOIN block AS b ON b.id = d.block
     WHERE d.course = ANY($1::bigint[]) AND d.recipient = $2 AND d.state = 'scheduled'
FOR NO KEY UPDATE OF d";

/// Contacts in one transaction of an import: short, so that dispatch is not kept waiting.
const SOME: usize = 2_000;

impl Postgres {
    pub(in crate::ledger) async fn import(
        &self,
        contacts: Vec<Contact>,
        now: Timestamp,
    ) -> Result<ImportReport> {
        let mut total = ImportReport::default();
        for some in contacts.chunks(SOME) {
            let report: ImportReport = again!(self.import_some(some, now))?;
            total.new += report.new;
            total.changed += report.changed;
            total.unchanged += report.unchanged;
            total.suppressed += report.suppressed;
        }
        Ok(total)
    }

    async fn import_some(&self, some: &[Contact], now: Timestamp) -> Result<ImportReport> {
        let tx = self.begin("import contacts", &[]).await?;
        let addresses: Vec<Digest> = some.iter().map(|contact| tx.facts().address(&contact.email)).collect();
        let mut known: HashMap<Digest, Contact> = HashMap::new();
        for row in tx.query(FIND, &[&addresses]).await? {
            known.insert(row.try_get(9)?, contact(&row)?);
        }
        let mut suppressed = BTreeSet::new();
        for row in tx.query(ARE_SUPPRESSED, &[&addresses]).await? {
            suppressed.insert(row.try_get::<_, Digest>(0)?.0);
        }
        let mut report = ImportReport::default();
        // An address that stands in the list twice is written once, as it stood last.
        let (mut new, mut changed): (Columns<'_>, Columns<'_>) = (Columns::default(), Columns::default());
        let mut fresh: BTreeSet<[u8; 32]> = BTreeSet::new();
        for (contact, address) in some.iter().zip(&addresses) {
            report.suppressed += u64::from(suppressed.contains(&address.0));
            let same = |old: &Contact| Contact { id: contact.id, ..old.clone() } == *contact;
            match known.get(address) {
                Some(old) if same(old) => {
                    report.unchanged += 1;
                    continue;
                }
                Some(_) => report.changed += 1,
                None => {
                    report.new += 1;
                    fresh.insert(address.0);
                }
            }
            known.insert(*address, contact.clone());
            let columns = if fresh.contains(&address.0) { &mut new } else { &mut changed };
            columns.put(*address, contact);
        }
        new.write(&tx, ADD, now).await?;
        changed.write(&tx, CHANGE, now).await?;
        tx.commit().await?;
        Ok(report)
    }

    pub(in crate::ledger) async fn contacts(&self, after: ContactId, limit: u32) -> Result<Vec<Contact>> {
        let tx = self.look("list contacts").await?;
        let rows = tx.query(PAGE, &[&after.0, &i64::from(limit)]).await?;
        tx.commit().await?;
        rows.iter().map(contact).collect()
    }

    pub(in crate::ledger) async fn contact_by_email(&self, email: &EmailAddress) -> Result<Option<Contact>> {
        let tx = self.look("find a contact").await?;
        let row = tx.opt(FIND, &[&vec![tx.facts().address(email)]]).await?;
        tx.commit().await?;
        row.as_ref().map(contact).transpose()
    }

    pub(in crate::ledger) async fn known(&self, addresses: Vec<EmailAddress>) -> Result<Vec<Known>> {
        let tx = self.look("compare contacts").await?;
        let addresses: Vec<Digest> = addresses.iter().map(|email| tx.facts().address(email)).collect();
        let mut all: HashMap<Digest, Known> = HashMap::new();
        for row in tx.query(FIND, &[&addresses]).await? {
            all.entry(row.try_get(9)?).or_default().contact = Some(contact(&row)?);
        }
        for row in tx.query(ARE_SUPPRESSED, &[&addresses]).await? {
            all.entry(row.try_get(0)?).or_default().suppressed = Some(row.try_get(1)?);
        }
        tx.commit().await?;
        Ok(addresses.iter().map(|address| all.get(address).cloned().unwrap_or_default()).collect())
    }

    pub(in crate::ledger) async fn erase(
        &self,
        email: &EmailAddress,
        by: &str,
        now: Timestamp,
    ) -> Result<bool> {
        again!(self.erase_once(email, by, now))
    }

    async fn erase_once(&self, email: &EmailAddress, by: &str, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin("erase a contact", &[Lock::Forbid]).await?;
        let address = tx.facts().address(email);
        let gone: Option<i64> = match tx.opt(REMOVE, &[&address]).await? {
            Some(row) => Some(row.try_get(0)?),
            None => None,
        };
        let cancelled = match gone {
            Some(id) => cancel_waiting(&mut tx, id).await?,
            None => 0,
        };
        tx.execute(FORGET_WISHES, &[&address]).await?;
        suppress_address(&tx, &address, "erased", "", now).await?;
        let detail = json!({ "contact": gone, "cancelled": cancelled });
        audit::add(&tx, now, by, "erase", &address.to_string(), &detail).await?;
        tx.commit().await?;
        Ok(gone.is_some())
    }

    pub(in crate::ledger) async fn suppress(
        &self,
        email: &EmailAddress,
        reason: &str,
        evidence: &str,
        now: Timestamp,
    ) -> Result<bool> {
        again!(self.suppress_once(email, reason, evidence, now))
    }

    async fn suppress_once(
        &self,
        email: &EmailAddress,
        reason: &str,
        evidence: &str,
        now: Timestamp,
    ) -> Result<bool> {
        let tx = self.begin("suppress an address", &[Lock::Forbid]).await?;
        let address = tx.facts().address(email);
        let new = suppress_address(&tx, &address, reason, evidence, now).await?;
        tx.commit().await?;
        Ok(new)
    }

    pub(in crate::ledger) async fn unsuppress(
        &self,
        email: &EmailAddress,
        by: &str,
        now: Timestamp,
    ) -> Result<bool> {
        again!(self.unsuppress_once(email, by, now))
    }

    async fn unsuppress_once(&self, email: &EmailAddress, by: &str, now: Timestamp) -> Result<bool> {
        let tx = self.begin("allow an address", &[]).await?;
        let address = tx.facts().address(email);
        let there = tx.execute(UNSUPPRESS, &[&address]).await? > 0;
        if there {
            audit::add(&tx, now, by, "unsuppress", &address.to_string(), &json!({})).await?;
        }
        tx.commit().await?;
        Ok(there)
    }

    pub(in crate::ledger) async fn suppressions(&self) -> Result<Vec<Suppression>> {
        let tx = self.look("list suppressions").await?;
        let rows = tx.query(SUPPRESSIONS, &[]).await?;
        tx.commit().await?;
        rows.iter()
            .map(|row| {
                Ok(Suppression {
                    address: row.try_get(0)?,
                    reason: row.try_get(1)?,
                    evidence: row.try_get(2)?,
                    since: row.try_get::<_, At>(3)?.0,
                    email: row.try_get(4)?,
                })
            })
            .collect()
    }
}

/// Forbids an address; returns whether it is new. The transaction must have the lock `Forbid`.
pub(super) async fn suppress_address(
    tx: &Tx<'_>,
    address: &Digest,
    reason: &str,
    evidence: &str,
    now: Timestamp,
) -> Result<bool> {
    let new = tx.execute(SUPPRESS, &[address, &reason, &evidence, &At(now)]).await? > 0;
    if new {
        let detail = json!({ "reason": reason });
        audit::add(tx, now, "ledger", "suppress", &address.to_string(), &detail).await?;
    }
    Ok(new)
}

async fn cancel_waiting(tx: &mut Tx<'_>, contact: i64) -> Result<u64> {
    let mut courses: Vec<i64> = Vec::new();
    for row in tx.query(COURSES, &[]).await? {
        courses.push(row.try_get(0)?);
    }
    let mut by_part: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for row in tx.query(WAITING, &[&courses, &contact]).await? {
        by_part.entry(row.try_get(1)?).or_default().push(row.try_get(0)?);
    }
    let mut cancelled = 0;
    for (part, deliveries) in by_part {
        blocks::give_up(tx, &deliveries, part, State::Cancelled).await?;
        leave_crowd(tx, part, ContactId(contact)).await?;
        cancelled += deliveries.len() as u64;
    }
    Ok(cancelled)
}

/// Who is erased is no change of the list that somebody has to decide on.
async fn leave_crowd(tx: &Tx<'_>, part: i64, contact: ContactId) -> Result<()> {
    if let Some(crowd) = tx.one(CROWD, &[&part]).await?.try_get::<_, Option<i64>>(0)? {
        let crowd = Crowd(crowd.cast_unsigned()).without(contact).0.cast_signed();
        tx.execute(SET_CROWD, &[&part, &crowd]).await?;
    }
    Ok(())
}

/// Contacts to be written, by column.
#[derive(Default)]
struct Columns<'a> {
    rows: Vec<(Digest, &'a Contact)>,
    at: HashMap<Digest, usize>,
}

impl<'a> Columns<'a> {
    fn put(&mut self, address: Digest, contact: &'a Contact) {
        let end = self.rows.len();
        let at = *self.at.entry(address).or_insert(end);
        if at == end {
            self.rows.push((address, contact));
        } else if let Some(row) = self.rows.get_mut(at) {
            row.1 = contact;
        }
    }

    async fn write(&self, tx: &Tx<'_>, sql: &'static str, now: Timestamp) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let all = || self.rows.iter().map(|(_, contact)| *contact);
        let addresses: Vec<Digest> = self.rows.iter().map(|(address, _)| *address).collect();
        let emails: Vec<String> = all().map(|c| c.email.to_string()).collect();
        let domains: Vec<&str> = all().map(|c| c.email.domain()).collect();
        let names: Vec<Option<&str>> = all().map(|c| c.name.as_deref()).collect();
        let languages: Vec<Option<&str>> = all().map(|c| c.language.as_ref().map(Language::as_str)).collect();
        let zones: Vec<Option<&str>> = all().map(|c| c.timezone.as_deref()).collect();
        let embargo: Vec<bool> = all().map(|c| c.embargo_ok).collect();
        let tags: Vec<String> = all().map(|c| json_text(&c.tags)).collect::<Result<_>>()?;
        let fields: Vec<String> = all().map(|c| json_text(&c.fields)).collect::<Result<_>>()?;
        let consents: Vec<Option<String>> =
            all().map(|c| c.consent.as_ref().map(json_text).transpose()).collect::<Result<_>>()?;
        let now = At(now);
        let row: [Param<'_>; 11] = [
            &addresses, &emails, &domains, &names, &languages, &zones, &embargo, &tags, &fields, &consents,
            &now,
        ];
        tx.execute(sql, &row).await?;
        Ok(())
    }
}

pub(super) fn json_text<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| LedgerError::Damaged(error.to_string()))
}

/// Reads a contact from the columns of [`FIND`] and [`PAGE`].
pub(super) fn contact(row: &Row) -> Result<Contact> {
    let damaged = |error: serde_json::Error| LedgerError::Damaged(format!("a contact's fields: {error}"));
    let (tags, fields): (&str, &str) = (row.try_get(6)?, row.try_get(7)?);
    let consent: Option<&str> = row.try_get(8)?;
    Ok(Contact {
        id: ContactId(row.try_get(0)?),
        email: row.try_get(1)?,
        name: row.try_get(2)?,
        language: row.try_get(3)?,
        timezone: row.try_get(4)?,
        embargo_ok: row.try_get(5)?,
        tags: serde_json::from_str(tags).map_err(damaged)?,
        fields: serde_json::from_str(fields).map_err(damaged)?,
        consent: consent.map(serde_json::from_str).transpose().map_err(damaged)?,
    })
}
