//! Values of header fields as types that cannot hold a line break: what is none of them reaches no header.

use std::fmt;

use model::ids::NoticeId;

/// Text of a header field: one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(String);

impl Line {
    /// Any text as one line of at most 500 characters; control characters become spaces.
    pub fn new(text: &str) -> Line {
        Line(crate::notice::words::line(text, 500))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Something is no mail address that we can write to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no mail address: {reason}")]
pub struct BadAddress {
    /// What was given, shortened.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// A mailbox: an address of ASCII, perhaps with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox {
    /// Name that is shown.
    pub name: Option<Line>,
    local: String,
    domain: String,
}

impl Mailbox {
    /// Reads `local@domain`. The local part is a dot-atom of RFC 5322 (quoted local parts are not written to),
    /// the domain may be international and is kept as A-labels.
    ///
    /// # Errors
    /// It is not such an address.
    pub fn read(address: &str) -> Result<Mailbox, BadAddress> {
        let bad = |reason| BadAddress {
            text: crate::notice::words::line(address, 80),
            reason,
        };
        let (local, domain) = address
            .trim()
            .rsplit_once('@')
            .ok_or_else(|| bad("there is no @"))?;
        let atom =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
        if local.is_empty() || local.len() > 64 {
            return Err(bad("the part before the @ has 1 to 64 characters"));
        }
        if !local.bytes().all(atom) {
            return Err(bad(
                "the part before the @ has a character that is not written there unquoted",
            ));
        }
        if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
            return Err(bad(
                "a dot stands at an end of the part before the @, or beside another",
            ));
        }
        let domain = match url::Host::parse(domain) {
            Ok(url::Host::Domain(domain)) => domain,
            Ok(_) => return Err(bad("an address of a machine is no domain")),
            Err(_) => return Err(bad("the part after the @ is no domain")),
        };
        let label = |label: &str| {
            let edge = label.starts_with('-') || label.ends_with('-');
            !label.is_empty()
                && label.len() <= 63
                && !edge
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if domain.len() > 253 || !domain.split('.').all(label) {
            return Err(bad("the part after the @ is no domain"));
        }
        Ok(Mailbox {
            name: None,
            local: local.to_owned(),
            domain,
        })
    }

    /// The same with a name.
    pub fn named(self, name: &str) -> Mailbox {
        Mailbox {
            name: Some(Line::new(name)).filter(|line| !line.as_str().is_empty()),
            ..self
        }
    }

    /// The same without a name, as an envelope has it.
    pub fn bare(&self) -> Mailbox {
        Mailbox {
            name: None,
            ..self.clone()
        }
    }

    /// `local@domain`.
    pub fn address(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }

    /// The domain, in A-labels and lower case.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The same mailbox with a detail behind a plus: `local+detail@domain`; a detail that is
    /// there is replaced. It has no name.
    ///
    /// # Errors
    /// The detail cannot stand in an address.
    pub fn with_detail(&self, detail: &str) -> Result<Mailbox, BadAddress> {
        let local = self
            .local
            .split_once('+')
            .map_or(self.local.as_str(), |(bare, _)| bare);
        Mailbox::read(&format!("{local}+{detail}@{}", self.domain))
    }
}

/// A Message-ID, without its angle brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(String);

impl MessageId {
    /// The id of what a notice says to a contact: the same for ever, so that a retry repeats and never doubles.
    /// A reminder is a notice of its own and so has an id of its own, and so has another contact.
    pub fn of(notice: NoticeId, contact: &str, domain: &str) -> MessageId {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(notice.0.as_bytes())
            .update(contact.as_bytes());
        let hash = hasher.finalize().to_hex();
        let fine = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let domain: String = domain.chars().filter(fine).collect();
        MessageId(format!("notice.{}@{domain}", &hash.as_str()[..32]))
    }

    /// The id of an edition's mail to a subscriber: the same for ever.
    pub fn of_edition(edition: &str, subscriber: i64, domain: &str) -> MessageId {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(edition.as_bytes())
            .update(&subscriber.to_le_bytes());
        let hash = hasher.finalize().to_hex();
        let fine = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let domain: String = domain.chars().filter(fine).collect();
        MessageId(format!("edition.{}@{domain}", &hash.as_str()[..32]))
    }

    /// Reads an id, with or without brackets: printable ASCII with an @ within.
    pub fn read(text: &str) -> Option<MessageId> {
        let text = text.trim();
        let bare = text
            .strip_prefix('<')
            .and_then(|text| text.strip_suffix('>'))
            .unwrap_or(text);
        let (left, right) = bare.rsplit_once('@')?;
        let fine = |byte: u8| byte.is_ascii_graphic() && !b"<>@,;\"()".contains(&byte);
        let is_one = !left.is_empty() && !right.is_empty() && bare.len() <= 250;
        (is_one && left.bytes().all(fine) && right.bytes().all(fine))
            .then(|| MessageId(bare.to_owned()))
    }

    /// Without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_header_is_no_value() {
        assert_eq!(
            Line::new("a\r\nBcc: b@example.com").as_str(),
            "a  Bcc: b@example.com"
        );
        for text in [
            "a@example.com\r\nBcc: b@example.com",
            "a\r\n@example.com",
            "a b@example.com",
            "\"a\"@example.com",
            "a@",
            "@example.com",
            "a@exa mple.com",
            "a@192.0.2.1",
            "a@[192.0.2.1]",
            "a@-example.com",
            "a..b@example.com",
            "a@example.com>",
            "a",
            "用户@example.com",
        ] {
            assert!(Mailbox::read(text).is_err(), "{text:?}");
        }
        for text in ["<a@b\r\nX: y@c>", "a b@c", "a@b@c", "<a@b", "@b", "a@"] {
            assert_eq!(MessageId::read(text), None, "{text:?}");
        }
        assert_eq!(
            MessageId::read(" <a.b@example.com> ")
                .map(|id| id.to_string())
                .as_deref(),
            Some("<a.b@example.com>")
        );
        let box_ = Mailbox::read("abuse@例子.example").expect("fine");
        assert_eq!(box_.address(), "abuse@xn--fsqu00a.example");
        assert_eq!(
            box_.with_detail("tok").expect("fine").address(),
            "abuse+tok@xn--fsqu00a.example"
        );
        assert!(box_.with_detail("a b").is_err());
    }
}
