//! The leaf of a notice: a page at the public node on which its party sees and answers what the notice asks. The address
//! ends in a key behind `#`, which browsers keep to themselves: whoever holds the node gets neither key nor content.

use std::fmt;

use url::Url;

use super::token::{ALPHABET, Token};

/// 160 bits: a key decides alone who reads a leaf.
const LENGTH: usize = 32;

/// The key of a leaf: 32 digits and letters.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LeafKey(String);

impl LeafKey {
    /// That of a notice, by the instance's secret key: the same for ever, so nothing more is kept than the notice.
    pub fn derive(key: &[u8; 32], notice: &str) -> LeafKey {
        LeafKey(Token::drawn::<LENGTH>(key, &format!("leaf {notice}")))
    }

    /// Reads a key, in either case.
    pub fn read(text: &str) -> Option<LeafKey> {
        let lower = text.to_ascii_lowercase();
        let is_one = lower.len() == LENGTH && lower.bytes().all(|byte| ALPHABET.contains(&byte));
        is_one.then_some(LeafKey(lower))
    }

    /// The bare characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of its leaf at the node that stands at `base`.
    pub fn link(&self, base: &Url) -> String {
        let mut link = base.clone();
        link.set_path(&format!("{}/notice", base.path().trim_end_matches('/')));
        link.set_query(None);
        link.set_fragment(Some(&self.0));
        link.to_string()
    }
}

/// Logs say that there is one, not which.
impl fmt::Debug for LeafKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeafKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_by_notice_instance_and_use() {
        let key = LeafKey::derive(&[7; 32], "NOT-1");
        assert_eq!(key, LeafKey::derive(&[7; 32], "NOT-1"));
        assert_ne!(key, LeafKey::derive(&[8; 32], "NOT-1"));
        assert_ne!(key, LeafKey::derive(&[7; 32], "NOT-2"));
        // What stands in a subject says nothing of it.
        let token = Token::derive(&[7; 32], "NOT-1");
        assert!(!key.as_str().starts_with(token.as_str()));
        assert_eq!(LeafKey::read(&key.as_str().to_uppercase()), Some(key));
        assert_eq!(LeafKey::read("short"), None);
    }

    #[test]
    fn the_key_stands_where_browsers_keep_it_to_themselves() {
        let key = LeafKey::derive(&[7; 32], "NOT-1");
        for base in [
            "https://report.cert.example",
            "https://report.cert.example/",
        ] {
            let link = key.link(&base.parse().unwrap());
            let wanted = format!("https://report.cert.example/notice#{}", key.as_str());
            assert_eq!(link, wanted);
        }
        let below = key.link(&"https://cert.example/public/".parse().unwrap());
        assert!(below.starts_with("https://cert.example/public/notice#"));
    }
}
