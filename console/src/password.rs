//! Passwords: argon2id with the parameters of OWASP's cheat sheet (19 MiB, two passes, one lane).

use argon2::password_hash::{PasswordHash, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

/// Fewest characters (NIST SP 800-63B-4 section 3.1.1.2, for a password with a second factor or without).
pub const SHORTEST: usize = 12;
/// Most bytes: hashing is work, and nobody remembers more.
pub const LONGEST: usize = 256;

/// Why a password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Too short.
    #[error("has fewer than {SHORTEST} characters")]
    Short,
    /// Too long.
    #[error("has more than {LONGEST} bytes")]
    Long,
    /// Holds the login, or is one letter again and again.
    #[error("is too easy to guess")]
    Easy,
    /// Is known from a breach.
    #[error("is known from a breach")]
    Known,
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Looks at a new password.
///
/// # Errors
/// It is too short, too long, or too easy to guess.
pub fn check(login: &str, password: &str) -> Result<(), Weak> {
    if password.chars().count() < SHORTEST {
        return Err(Weak::Short);
    }
    if password.len() > LONGEST {
        return Err(Weak::Long);
    }
    let mut seen: Vec<char> = password.chars().collect();
    seen.sort_unstable();
    seen.dedup();
    let holds_login = login.len() > 3 && password.to_lowercase().contains(login);
    match seen.len() < 5 || holds_login {
        true => Err(Weak::Easy),
        false => Ok(()),
    }
}

/// The argon2id string of a password, with sixteen random bytes of salt. Takes some 20 ms: call it off the threads
/// that serve.
///
/// # Errors
/// The hasher's own, which do not come with sound parameters.
pub fn hash(password: &str, salt: [u8; 16]) -> Result<String, argon2::password_hash::Error> {
    let salt = SaltString::encode_b64(&salt)?;
    Ok(hasher()
        .hash_password(password.as_bytes(), &salt)?
        .to_string())
}

/// Whether a password is the one behind a string. Without a string the same work is done in vain, so that nobody
/// learns by the time it takes which logins there are.
pub fn verify(password: &str, stored: Option<&str>) -> bool {
    /// Of a password that nobody has.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let sound = !password.is_empty() && password.len() <= LONGEST;
    let parsed = PasswordHash::new(stored.unwrap_or(NOBODY));
    let same = parsed
        .map(|parsed| {
            hasher()
                .verify_password(password.as_bytes(), &parsed)
                .is_ok()
        })
        .unwrap_or(false);
    sound && stored.is_some() && same
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_verified_by_its_string_only() {
        let stored = hash("correct horse battery", [7; 16]).expect("hashed");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify("correct horse battery", Some(&stored)));
        assert!(!verify("correct horse batterz", Some(&stored)));
        assert!(!verify("", Some(&stored)));
        assert!(!verify("correct horse battery", None));
    }

    #[test]
    fn weak_passwords_are_named() {
        assert_eq!(check("li.na", "short"), Err(Weak::Short));
        assert_eq!(check("li.na", &"a".repeat(300)), Err(Weak::Long));
        assert_eq!(check("li.na", "aaaaaaaaaaaaaa"), Err(Weak::Easy));
        assert_eq!(check("li.na", "my li.na password"), Err(Weak::Easy));
        assert_eq!(check("li.na", "correct horse battery"), Ok(()));
    }
}
