//! What is ours: the addresses, bounce addresses and message ids by which a mail is tied to a notice.

use super::Mail;

/// Our addresses and marks, from the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Addresses that mails to us bear, lower case.
    pub addresses: Vec<String>,
    /// Envelope addresses of our notices, one per pattern: `notice+{token}@example.com`.
    pub verp: Vec<String>,
    /// The domain on the right of our message ids, lower case.
    pub message_domain: String,
}

/// What ties a mail to one of our notices.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// The token of the envelope address that the notice was sent from.
    Token(String),
    /// A message id of ours, without angle brackets.
    MessageId(String),
}

/// The place of the token in a pattern.
const TOKEN: &str = "{token}";

/// Bytes that a token may have.
const MAX_TOKEN: usize = 128;

impl Own {
    /// Whether an address is one of ours, bounce addresses counted.
    pub fn is_own(&self, address: &str) -> bool {
        let known = self.addresses.iter();
        !address.is_empty()
            && (known.clone().any(|own| own.eq_ignore_ascii_case(address))
                || self.token(address).is_some())
    }

    /// The token in an address, by the first pattern that it fits. Letters are compared without case:
    /// some servers change it. The token itself is left as it stands.
    pub fn token(&self, address: &str) -> Option<String> {
        self.verp.iter().find_map(|pattern| {
            let (before, behind) = pattern.split_once(TOKEN)?;
            let room = address.len().checked_sub(before.len() + behind.len())?;
            let head = address.get(..before.len())?;
            let token = address.get(before.len()..before.len() + room)?;
            let tail = address.get(before.len() + room..)?;
            let fits = head.eq_ignore_ascii_case(before)
                && tail.eq_ignore_ascii_case(behind)
                && (1..=MAX_TOKEN).contains(&token.len())
                && token
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
            fits.then(|| token.to_owned())
        })
    }

    /// Whether a message id is one that we wrote.
    pub fn is_own_id(&self, id: &str) -> bool {
        let domain = id.rsplit_once('@').map(|(_, domain)| domain);
        !self.message_domain.is_empty()
            && domain.is_some_and(|domain| domain.eq_ignore_ascii_case(&self.message_domain))
    }

    /// What ties a mail to a notice by its own header: the bounce address that it was sent to, else a
    /// message id of ours that it refers to, the nearest first.
    pub fn link(&self, mail: &Mail) -> Option<Link> {
        const ENVELOPE: &[&str] = &[
            "delivered-to",
            "x-original-to",
            "envelope-to",
            "x-envelope-to",
        ];
        let envelope = ENVELOPE
            .iter()
            .flat_map(|name| mail.headers.addresses(name));
        let token = mail
            .to
            .iter()
            .cloned()
            .chain(envelope)
            .find_map(|one| self.token(&one.address));
        token.map(Link::Token).or_else(|| {
            let id = mail.refers_to.iter().find(|id| self.is_own_id(id));
            id.map(|id| Link::MessageId(id.clone()))
        })
    }

    /// What ties the header of a returned mail to the notice that it is: its envelope sender, else its
    /// message id, both of which we wrote.
    pub fn link_of_returned(&self, headers: &super::Headers) -> Option<Link> {
        let path = headers.addresses("return-path");
        let token = path.iter().find_map(|one| self.token(&one.address));
        token.map(Link::Token).or_else(|| {
            let id = headers.ids("message-id").into_iter().next()?;
            self.is_own_id(&id).then_some(Link::MessageId(id))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_ids_are_ours_only_as_a_whole() {
        let own = Own {
            addresses: vec!["cert@example.com".into()],
            verp: vec!["notice+{token}@example.com".into()],
            message_domain: "notices.example.com".into(),
        };
        assert_eq!(
            own.token("Notice+aB-1@EXAMPLE.com").as_deref(),
            Some("aB-1")
        );
        for other in [
            "notice+@example.com",
            "notice+a@b@example.com",
            "notice+a@example.com.test",
            "xnotice+a@example.com",
            "",
        ] {
            assert_eq!(own.token(other), None, "{other}");
        }
        assert!(own.is_own("CERT@example.com"));
        assert!(own.is_own_id("1@Notices.Example.com"));
        assert!(!own.is_own_id("1@evil-notices.example.com"));
    }
}
