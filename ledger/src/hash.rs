//! A BLAKE3 hash as it is stored (32 bytes) and printed (64 hex digits). Not an id: it names content.

use std::fmt;
use std::str::FromStr;

use sea_orm::sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr};
use sea_orm::{ColIdx, DbErr, QueryResult, TryGetError, TryGetable, Value};

/// BLAKE3 of some content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The hash of bytes at hand.
    pub fn of(bytes: &[u8]) -> Self {
        blake3::hash(bytes).into()
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Hash(bytes)
    }
}

impl From<blake3::Hash> for Hash {
    fn from(hash: blake3::Hash) -> Self {
        Hash(*hash.as_bytes())
    }
}

impl From<Hash> for [u8; 32] {
    fn from(hash: Hash) -> Self {
        hash.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        blake3::Hash::from_hex(text)
            .map(Hash::from)
            .map_err(|_| format!("`{text}` is not a hash (64 hex digits)"))
    }
}

impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl From<Hash> for Value {
    fn from(hash: Hash) -> Self {
        Value::from(hash.0.to_vec())
    }
}

impl TryGetable for Hash {
    fn try_get_by<I: ColIdx>(
        row: &QueryResult,
        index: I,
    ) -> std::result::Result<Self, TryGetError> {
        let bytes = Vec::<u8>::try_get_by(row, index)?;
        let len = bytes.len();
        bytes.try_into().map(Hash).map_err(|_| {
            TryGetError::DbErr(DbErr::Type(format!(
                "a stored hash has {len} bytes instead of 32"
            )))
        })
    }
}

impl ValueType for Hash {
    fn try_from(value: Value) -> std::result::Result<Self, ValueTypeErr> {
        let bytes = <Vec<u8> as ValueType>::try_from(value)?;
        bytes.try_into().map(Hash).map_err(|_| ValueTypeErr)
    }

    fn type_name() -> String {
        "Hash".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::Bytes
    }

    fn column_type() -> ColumnType {
        ColumnType::Blob
    }
}

impl Nullable for Hash {
    fn null() -> Value {
        Value::Bytes(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_hex() {
        let hash = Hash::of(b"");
        assert_eq!(
            hash.to_string(),
            "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
        );
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!("af13".parse::<Hash>().is_err());
        let json = serde_json::to_string(&hash).expect("serializes");
        assert_eq!(
            serde_json::from_str::<Hash>(&json).expect("reads back"),
            hash
        );
    }
}
