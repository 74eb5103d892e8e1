//! Text from outside as both databases take it.

use std::borrow::Cow;

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
