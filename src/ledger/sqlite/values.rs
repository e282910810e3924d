//! How the ledger's values stand in SQLite's columns.

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::contact::EmailAddress;
use crate::digest::Digest;
use crate::language::Language;
use crate::ledger::State;
use crate::newsroom::ChannelKind;
use crate::release::Notice;

/// An instant as microseconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct At(pub Timestamp);

impl ToSql for At {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_microsecond().into())
    }
}

impl FromSql for At {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<At> {
        let micros = value.as_i64()?;
        Timestamp::from_microsecond(micros).map(At).map_err(|_| FromSqlError::OutOfRange(micros))
    }
}

impl ToSql for Digest {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for Digest {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Digest> {
        let bytes = value.as_blob()?;
        let bytes = bytes
            .try_into()
            .map_err(|_| FromSqlError::InvalidBlobSize { expected_size: 32, blob_size: bytes.len() })?;
        Ok(Digest(bytes))
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<State> {
        value.as_str()?.parse().map_err(FromSqlError::other)
    }
}

impl ToSql for Notice {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Notice {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Notice> {
        let text = value.as_str()?;
        [Notice::Original, Notice::Correction, Notice::Hold, Notice::Kill]
            .into_iter()
            .find(|notice| notice.as_str() == text)
            .ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for ChannelKind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for ChannelKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<ChannelKind> {
        serde_json::from_value(value.as_str()?.into()).map_err(FromSqlError::other)
    }
}

impl ToSql for Language {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Language {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Language> {
        value.as_str()?.parse().map_err(FromSqlError::other)
    }
}

impl ToSql for EmailAddress {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl FromSql for EmailAddress {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<EmailAddress> {
        value.as_str()?.parse().map_err(FromSqlError::other)
    }
}
