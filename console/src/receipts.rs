//! Receipts: numbers that whoever reports or appeals holds, and nobody guesses. 80 random bits in Crockford's base 32,
//! which has no letter that is read for another, in groups of four.

use crate::refusal::Refusal;

const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// What stands before a number of ours.
const HEAD: &str = "WF";
/// Letters behind it.
const LONG: usize = 16;

fn grouped(letters: &str) -> String {
    let mut out = String::new();
    for (at, letter) in letters.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            out.push('-');
        }
        out.push(letter);
    }
    out
}

/// Draws one.
///
/// # Errors
/// The system gives no random bytes.
pub(crate) fn draw() -> Result<String, Refusal> {
    let mut bytes = [0; LONG];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
        .map_err(|error| Refusal::broken("the system's random source", error))?;
    // 256 is a multiple of 32: every letter is as likely.
    let letters: String = bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect();
    Ok(format!("{HEAD}-{}", grouped(&letters)))
}

/// A number as it is stored, however it was typed; `None` where it is none. Numbers in mails have three groups of
/// hexadecimal digits.
pub(crate) fn read(text: &str) -> Option<String> {
    let plain: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !"-‐‑–—_.".contains(*c))
        .take(40)
        .collect::<String>()
        .to_uppercase();
    if let Some(rest) = plain.strip_prefix(HEAD).filter(|rest| rest.len() == LONG) {
        let letters: String = rest
            .chars()
            .map(|c| match c {
                'O' => '0',
                'I' | 'L' => '1',
                c => c,
            })
            .collect();
        let known = letters.bytes().all(|c| LETTERS.contains(&c));
        return known.then(|| format!("{HEAD}-{}", grouped(&letters)));
    }
    let hex = plain.len() == 12 && plain.bytes().all(|c| c.is_ascii_hexdigit());
    hex.then(|| grouped(&plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_however_it_is_typed() {
        let stored = "WF-7Q4K-2M01-ABCD-EFGH";
        for typed in [
            stored,
            " wf 7q4k 2mo1 abcd efgh ",
            "WF7Q4K2M0LABCDEFGH",
            "wf–7q4k–2m01–abcd–efgh",
        ] {
            assert_eq!(read(typed).as_deref(), Some(stored), "{typed}");
        }
        assert_eq!(read("0a1b-2c3d-4e5f").as_deref(), Some("0A1B-2C3D-4E5F"));
        for none in [
            "",
            "WF-",
            "WF-7Q4K",
            "7Q4K-2M01-ABCD",
            "WF-UUUU-UUUU-UUUU-UUUU",
            "' OR 1=1 --",
            "WF-7Q4K-2M01-ABCD-EFGHJ",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
