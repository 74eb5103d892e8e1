//! The token of a notice: stands in its subject and in the address that bounces go to, and so ties what
//! comes back to what went out, whatever a mail system does to the rest.

use std::fmt;

/// Digits and letters without those that are mistaken for others (i, l, o, u). Lower case, since mail systems
/// fold the case of addresses.
pub(super) const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 60 bits: nobody guesses one.
const LENGTH: usize = 12;

/// Twelve characters of [`ALPHABET`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(String);

impl Token {
    /// The token of what `id` names, by the instance's secret key: the same for ever, and not to be forged,
    /// so that nobody can make a notice seem bounced or answered.
    pub fn derive(key: &[u8; 32], id: &str) -> Token {
        Token(Token::drawn::<LENGTH>(key, id))
    }

    /// So many characters that follow from a secret key and what they are for.
    pub(super) fn drawn<const N: usize>(key: &[u8; 32], what: &str) -> String {
        let mut reader = blake3::Hasher::new_keyed(key)
            .update(what.as_bytes())
            .finalize_xof();
        let mut bytes = [0; N];
        reader.fill(&mut bytes);
        let text = bytes
            .iter()
            .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
        text.collect()
    }

    /// Reads a token, in either case.
    pub fn read(text: &str) -> Option<Token> {
        let lower = text.to_ascii_lowercase();
        let is_one = lower.len() == LENGTH && lower.bytes().all(|byte| ALPHABET.contains(&byte));
        is_one.then_some(Token(lower))
    }

    /// The first token in a subject or text, as [`Token::tag`] writes it.
    pub fn find(text: &str) -> Option<Token> {
        text.match_indices("[#")
            .find_map(|(at, _)| Token::read(text.get(at + 2..at + 2 + LENGTH)?))
    }

    /// The token in the local part of an address `anything+TOKEN@domain`.
    pub fn of_address(address: &str) -> Option<Token> {
        let (local, _) = address.rsplit_once('@')?;
        Token::read(local.rsplit_once('+')?.1)
    }

    /// The bare characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it stands in a subject: `[#0123456789ab]`.
    pub fn tag(&self) -> String {
        format!("[#{}]", self.0)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back_from_subjects_and_addresses() {
        let token = Token::derive(&[7; 32], "NOT-1");
        assert_eq!(token, Token::derive(&[7; 32], "NOT-1"));
        assert_ne!(token, Token::derive(&[8; 32], "NOT-1"));
        let subject = format!(
            "Re: AW: [#x] notice {} (was: x)",
            token.tag().to_uppercase()
        );
        assert_eq!(Token::find(&subject), Some(token.clone()));
        assert_eq!(
            Token::of_address(&format!("notice+{token}@cert.example")),
            Some(token)
        );
        assert_eq!(Token::find("烽火 [#烽火烽火烽火] [#short]"), None);
        assert_eq!(Token::of_address("notice@cert.example"), None);
    }
}
