//! A country as its two ISO 3166 letters, small enough to copy everywhere.

use std::fmt;

/// ISO 3166-1 alpha-2 code, upper case. Codes in use outside the standard (`EU`, `AP`, `ZZ`) are
/// carried as they come; whether a code has a name is the name table's matter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Number of possible codes, the size of a table indexed by [`Country::index`].
    pub(crate) const CODES: usize = 26 * 26;

    /// Reads two ASCII letters of any case; anything else is `None`.
    pub fn new(code: &str) -> Option<Self> {
        match code.as_bytes() {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Country([a.to_ascii_uppercase(), b.to_ascii_uppercase()]))
            }
            _ => None,
        }
    }

    /// The two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("two ASCII letters by construction")
    }

    /// Dense number of the code, below [`Country::CODES`].
    pub(crate) fn index(self) -> usize {
        usize::from(self.0[0] - b'A') * 26 + usize::from(self.0[1] - b'A')
    }

    /// The inverse of [`Country::index`]; the number must come from there.
    pub(crate) fn from_index(index: u32) -> Self {
        Country([b'A' + (index / 26 % 26) as u8, b'A' + (index % 26) as u8])
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_two_letters() {
        assert_eq!(Country::new("cn").unwrap().as_str(), "CN");
        for bad in ["", "C", "CHN", "C1", "中"] {
            assert_eq!(Country::new(bad), None, "{bad}");
        }
        for code in ["AA", "CN", "ZZ"] {
            let country = Country::new(code).unwrap();
            assert_eq!(Country::from_index(country.index() as u32), country);
        }
    }
}
