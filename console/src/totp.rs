//! One-time codes of an authenticator (TOTP, RFC 6238: SHA-1, six digits, thirty seconds, as every authenticator
//! reads them), recovery codes, and the picture that an authenticator scans.

use qrcode::{Color, EcLevel, QrCode};
use ring::rand::{SecureRandom, SystemRandom};
use totp_rs::{Algorithm, Builder, Secret, Totp};

use crate::refusal::Refusal;

/// Bytes of a secret (RFC 4226 section 4, R6: 160 bits).
const SECRET: usize = 20;
/// Recovery codes that are given out at a time.
pub(crate) const CODES: usize = 10;
/// Letters of recovery codes: Crockford's, without those that are taken for others. Five bits each.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

fn random(bytes: &mut [u8]) -> Result<(), Refusal> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|error| Refusal::broken("the system's random source", error))
}

/// A new secret, base32.
pub(crate) fn secret() -> Result<String, Refusal> {
    let mut bytes = [0; SECRET];
    random(&mut bytes)?;
    Ok(Secret::from(bytes).to_base32())
}

fn totp(secret: &str, issuer: &str, login: &str) -> Result<Totp, Refusal> {
    let secret = Secret::try_from_base32(secret)
        .map_err(|error| Refusal::broken("a stored secret", error))?;
    // A colon would end the issuer in the address that authenticators read.
    let issuer = issuer.replace(':', " ");
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_skew(1)
        .with_step_duration(30)
        .with_secret(secret)
        .with_account_name(login)
        .with_issuer(Some(issuer))
        .build()
        .map_err(|error| Refusal::broken("a stored secret", error))
}

/// The step of the clock that a code is of, if it is one of now, of just before or of just after.
pub(crate) fn step(secret: &str, code: &str, now_micros: i64) -> Result<Option<i64>, Refusal> {
    let seconds = u64::try_from(now_micros / 1_000_000).unwrap_or(0);
    let totp = totp(secret, "Watchfire", "one")?;
    Ok(totp
        .check(code, seconds)
        .and_then(|step| i64::try_from(step).ok()))
}

/// A code as it was typed: without spaces and hyphens, small letters.
pub(crate) fn typed(code: &str) -> String {
    let code = code.chars().filter(|c| !c.is_whitespace() && *c != '-');
    code.take(40).flat_map(char::to_lowercase).collect()
}

/// New recovery codes as they are shown: `k7m2p-9xqhd-4trwz`, 75 bits each.
pub(crate) fn recovery_codes() -> Result<Vec<String>, Refusal> {
    let mut codes = Vec::with_capacity(CODES);
    for _ in 0..CODES {
        let mut bytes = [0; 15];
        random(&mut bytes)?;
        let letters: Vec<char> = bytes
            .iter()
            .map(|byte| char::from(LETTERS[usize::from(byte & 31)]))
            .collect();
        let groups: Vec<String> = letters
            .chunks(5)
            .map(|five| five.iter().collect())
            .collect();
        codes.push(groups.join("-"));
    }
    Ok(codes)
}

/// What an authenticator scans: side of the picture in cells, and the path of its dark ones, for an `svg` without
/// any style.
pub(crate) struct Picture {
    pub(crate) side: usize,
    pub(crate) path: String,
}

/// The picture of a secret, for an account of a house.
pub(crate) fn picture(secret: &str, house: &str, login: &str) -> Result<Picture, Refusal> {
    let url = totp(secret, house, login)?
        .to_url()
        .map_err(|error| Refusal::broken("an authenticator's address", error))?;
    let code = QrCode::with_error_correction_level(url.as_bytes(), EcLevel::M)
        .map_err(|error| Refusal::broken("a picture", error))?;
    let width = code.width();
    /// White cells around it, which readers need.
    const QUIET: usize = 4;
    let mut path = String::new();
    for (at, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (at % width + QUIET, at / width + QUIET);
            path.push_str(&format!("M{x} {y}h1v1h-1z"));
        }
    }
    Ok(Picture {
        side: width + 2 * QUIET,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238 appendix B, SHA-1, the last six of eight digits.
        let secret = Secret::from(*b"12345678901234567890").to_base32();
        let of = |seconds: i64, code| step(&secret, code, seconds * 1_000_000).expect("a secret");
        assert_eq!(of(59, "287082"), Some(1));
        assert_eq!(of(89, "287082"), Some(1), "just before");
        assert_eq!(of(120, "287082"), None);
        assert_eq!(of(1_111_111_109, "081804"), Some(37_037_036));
        assert_eq!(of(59, "287083"), None);
        assert_eq!(of(59, ""), None);
    }

    #[test]
    fn recovery_codes_differ_and_are_typed_as_one_likes() {
        let codes = recovery_codes().expect("drawn");
        let mut once = codes.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), CODES);
        assert_eq!(typed(" K7M2P 9xqhd-4trwz\n"), "k7m2p9xqhd4trwz");
        assert!(codes.iter().all(|code| code.len() == 17));
    }

    #[test]
    fn the_picture_holds_the_address() {
        let secret = secret().expect("drawn");
        let picture = picture(&secret, "示例中心: CERT", "li.na").expect("drawn");
        assert!(picture.side > 40 && picture.path.starts_with('M'));
    }
}
