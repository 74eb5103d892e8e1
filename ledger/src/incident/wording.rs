//! The words of incidents: an index from words to numbers, so that a free text is found among a million incidents
//! without reading them.
//!
//! A row is one number: 31 bits of the word's hash, then 32 bits of the incident's number. The rows of a word lie
//! together, in the order of numbers, in the table's own key; that is 12 bytes a word on SQLite and no second index
//! on either database. Two words of one hash are told apart by nobody: a page then shows an incident too many, never
//! one too few.

use std::collections::BTreeSet;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder, QuerySelect};

use crate::{Result, bulk};

mod row {
    use sea_orm::entity::prelude::*;

    /// A word of an incident.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "incident_word")]
    pub struct Model {
        /// Hash of the word, and the number.
        #[sea_orm(primary_key, auto_increment = false)]
        pub key: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) use row::{Column, Entity};

/// Words of one incident that are indexed at most: a line is short, and nobody may fill the index with one.
const MOST: usize = 60;

/// The first key of a word.
pub(super) fn base(word: &str) -> i64 {
    let hash = blake3::hash(word.as_bytes());
    let bytes = hash.as_bytes();
    let hash = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) >> 1;
    i64::from(hash) << 32
}

/// Whether a character belongs to a script that is written without blanks.
fn is_dense(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{3040}'..='\u{30ff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{3ffff}')
}

/// The words of a text: runs of letters and digits, pairs of neighbors where no blanks stand between words, and
/// names of hosts with every domain above them.
pub(super) fn words(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let lower = text.to_lowercase();
    for part in
        lower.split(|c: char| c.is_whitespace() || "/,;\"'()<>?&=，。；：“”（）".contains(c))
    {
        let host = part.contains('.')
            && part
                .chars()
                .all(|c| c.is_alphanumeric() || ".-_".contains(c));
        if host {
            let mut rest = part.trim_matches('.');
            while rest.contains('.') {
                found.insert(rest.to_owned());
                rest = rest.split_once('.').map_or("", |(_, rest)| rest);
            }
        }
    }
    let mut run = String::new();
    let mut dense: Vec<char> = Vec::new();
    for c in lower.chars().chain([' ']) {
        if is_dense(c) {
            dense.push(c);
        } else {
            match dense.as_slice() {
                [one] => drop(found.insert(one.to_string())),
                many => {
                    found.extend(many.windows(2).map(|pair| pair.iter().collect::<String>()));
                }
            }
            dense.clear();
        }
        if c.is_alphanumeric() && !is_dense(c) {
            run.push(c);
        } else if !run.is_empty() {
            found.insert(std::mem::take(&mut run));
        }
    }
    found
}

/// The words under which an incident is found by these texts.
pub(super) fn keys<'a>(texts: impl IntoIterator<Item = &'a str>, number: i64) -> Vec<i64> {
    let mut all = BTreeSet::new();
    for text in texts {
        all.extend(words(text));
    }
    all.iter()
        .take(MOST)
        .map(|word| base(word) | (number & 0xffff_ffff))
        .collect()
}

/// Stores keys inside a transaction.
pub(super) async fn store<C: ConnectionTrait>(db: &C, mut keys: Vec<i64>) -> Result<()> {
    // In order, the pages of the index are written one after the other.
    keys.sort_unstable();
    keys.dedup();
    for chunk in keys.chunks(bulk::LIST * 4) {
        let rows = chunk.iter().map(|key| row::ActiveModel {
            key: sea_orm::ActiveValue::Set(*key),
        });
        Entity::insert_many(rows)
            .on_conflict(OnConflict::column(Column::Key).do_nothing().to_owned())
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

/// Indexes the words of every incident there is: for a ledger that was made before there was an index.
pub(crate) async fn index_words<C: ConnectionTrait>(db: &C) -> Result<()> {
    type Row = (
        i64,
        String,
        Option<String>,
        Option<String>,
        Option<String>,
        Option<String>,
    );
    let mut after = 0;
    loop {
        use super::Column as Own;
        let rows: Vec<Row> = super::Entity::find()
            .select_only()
            .columns([
                Own::Number,
                Own::What,
                Own::Host,
                Own::Name,
                Own::Brand,
                Own::ExternalNumber,
            ])
            .filter(Own::Number.gt(after))
            .order_by_asc(Own::Number)
            .limit(5_000)
            .into_tuple()
            .all(db)
            .await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = last.0;
        let mut all = Vec::new();
        for (number, what, host, name, brand, external) in &rows {
            let own = [host, name, brand, external]
                .into_iter()
                .flatten()
                .map(String::as_str);
            all.extend(keys([what.as_str()].into_iter().chain(own), *number));
        }
        store(db, all).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hosts_and_pairs_are_found() {
        let all = words("仿冒示例银行 login.example-bank.test/a Kit7");
        for word in [
            "仿冒",
            "冒示",
            "银行",
            "login.example-bank.test",
            "example-bank.test",
            "bank",
            "kit7",
            "test",
        ] {
            assert!(all.contains(word), "{word}: {all:?}");
        }
        assert!(!all.contains("仿"));
        assert!(words("A").contains("a") && words("行").contains("行"));
    }

    #[test]
    fn the_keys_of_a_word_lie_together_in_the_order_of_numbers() {
        let first = keys(["bank"], 1)[0];
        let last = keys(["bank"], 4_000_000_000)[0];
        assert_eq!(first - 1, base("bank"));
        assert!(base("bank") >= 0 && first < last && last - base("bank") == 4_000_000_000);
    }
}
