//! How the ledger's values stand in PostgreSQL's columns.

use std::error::Error;

use jiff::Timestamp;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use crate::contact::EmailAddress;
use crate::digest::Digest;
use crate::language::Language;
use crate::ledger::State;
use crate::newsroom::ChannelKind;
use crate::release::Notice;

type Boxed = Box<dyn Error + Sync + Send>;

/// An instant as microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct At(pub Timestamp);

impl ToSql for At {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        self.0.as_microsecond().to_sql(kind, out)
    }
    fn accepts(kind: &Type) -> bool {
        <i64 as ToSql>::accepts(kind)
    }
    to_sql_checked!();
}

impl<'a> FromSql<'a> for At {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<At, Boxed> {
        Ok(At(Timestamp::from_microsecond(i64::from_sql(kind, raw)?)?))
    }
    fn accepts(kind: &Type) -> bool {
        <i64 as FromSql>::accepts(kind)
    }
}

impl ToSql for Digest {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
        (&self.0[..]).to_sql(kind, out)
    }
    fn accepts(kind: &Type) -> bool {
        <&[u8] as ToSql>::accepts(kind)
    }
    to_sql_checked!();
}

impl<'a> FromSql<'a> for Digest {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Digest, Boxed> {
        Ok(Digest(<&[u8]>::from_sql(kind, raw)?.try_into()?))
    }
    fn accepts(kind: &Type) -> bool {
        <&[u8] as FromSql>::accepts(kind)
    }
}

/// Texts: how each is written and read.
macro_rules! text {
    ($($name:ty: $write:expr, $read:expr;)*) => { $(
        impl ToSql for $name {
            fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Boxed> {
                let write: fn(&$name) -> String = $write;
                write(self).to_sql(kind, out)
            }
            fn accepts(kind: &Type) -> bool {
                <String as ToSql>::accepts(kind)
            }
            to_sql_checked!();
        }

        impl<'a> FromSql<'a> for $name {
            fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<$name, Boxed> {
                let read: fn(&str) -> Result<$name, Boxed> = $read;
                read(<&str>::from_sql(kind, raw)?)
            }
            fn accepts(kind: &Type) -> bool {
                <&str as FromSql>::accepts(kind)
            }
        }
    )* };
}

text! {
    State: |state| state.as_str().to_owned(), |text| Ok(text.parse()?);
    Notice: |notice| notice.as_str().to_owned(), |text| Ok(serde_json::from_value(text.into())?);
    ChannelKind: |kind| kind.as_str().to_owned(), |text| Ok(serde_json::from_value(text.into())?);
    Language: |language| language.as_str().to_owned(), |text| Ok(text.parse()?);
    EmailAddress: |email| email.to_string(), |text| Ok(text.parse()?);
}
