//! Text in the database: typed values that are stored as their text (words of closed lists, ids with
//! their prefix), so that a row can be read in the database itself and is the same in both; and text from
//! outside as both take it.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::str::FromStr;

use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, DbErr, QueryResult, TryFromU64, TryGetError, TryGetable, Value};

/// A value that is stored as its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<T>(pub T);

impl<T: Display> Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Display> serde::Serialize for Text<T> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<T: Display> From<Text<T>> for Value {
    fn from(value: Text<T>) -> Self {
        Value::from(value.0.to_string())
    }
}

impl<T: FromStr> TryGetable for Text<T>
where
    T::Err: Display,
{
    fn try_get_by<I: ColIdx>(
        row: &QueryResult,
        index: I,
    ) -> std::result::Result<Self, TryGetError> {
        let text = String::try_get_by(row, index)?;
        text.parse()
            .map(Text)
            .map_err(|error: T::Err| TryGetError::DbErr(DbErr::Type(error.to_string())))
    }
}

impl<T: FromStr> ValueType for Text<T> {
    fn try_from(value: Value) -> std::result::Result<Self, ValueTypeErr> {
        let text = <String as ValueType>::try_from(value)?;
        text.parse().map(Text).map_err(|_| ValueTypeErr)
    }

    fn type_name() -> String {
        std::any::type_name::<T>().to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::String
    }

    fn column_type() -> ColumnType {
        ColumnType::Text
    }
}

impl<T> Nullable for Text<T> {
    fn null() -> Value {
        Value::String(None)
    }
}

impl<T> TryFromU64 for Text<T> {
    fn try_from_u64(_: u64) -> std::result::Result<Self, DbErr> {
        Err(DbErr::Type(
            "a key that is a text is not numbered".to_owned(),
        ))
    }
}

/// The text without NUL characters, each shown as U+FFFD: PostgreSQL stores none, and SQLite cuts the
/// text there for whoever reads it as C does. For what comes from others as text (names, subjects,
/// messages that quote a row); what is kept to the byte is stored as bytes or as JSON, which escapes it.
pub(crate) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nul_is_replaced() {
        assert_eq!(without_nul("a\0b\u{1}烽"), "a\u{fffd}b\u{1}烽");
        assert!(matches!(without_nul("plain"), Cow::Borrowed("plain")));
    }
}
