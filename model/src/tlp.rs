//! Traffic Light Protocol 2.0 (FIRST, August 2022): how far something may be passed on.

use crate::worded::worded;

worded! {
    /// A marking, from the least to the most restricted.
    Tlp ("TLP marking") {
        /// To everybody.
        Clear = "clear", "TLP:CLEAR", "TLP:CLEAR";
        /// Within the community.
        Green = "green", "TLP:GREEN", "TLP:GREEN";
        /// Within the organization and its clients, by need.
        Amber = "amber", "TLP:AMBER", "TLP:AMBER";
        /// Within the organization, by need.
        AmberStrict = "amber+strict", "TLP:AMBER+STRICT", "TLP:AMBER+STRICT";
        /// To those named.
        Red = "red", "TLP:RED", "TLP:RED";
    }
}

impl Tlp {
    /// Reads a marking as others write it: any case, with or without `TLP:`, `WHITE` of TLP 1 for
    /// `CLEAR`. AMBER stays AMBER: it never becomes AMBER+STRICT silently.
    pub fn read(text: &str) -> Option<Tlp> {
        let lower = text.trim().to_ascii_lowercase();
        let word = lower.strip_prefix("tlp:").unwrap_or(&lower).trim();
        match word {
            "white" => Some(Tlp::Clear),
            "amber-strict" | "amber strict" => Some(Tlp::AmberStrict),
            word => word.parse().ok(),
        }
    }

    /// Whether something so marked may go to everybody.
    pub fn is_public(self) -> bool {
        self == Tlp::Clear
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markings_are_read_as_others_write_them() {
        assert_eq!(Tlp::read("TLP:WHITE"), Some(Tlp::Clear));
        assert_eq!(Tlp::read("tlp:amber+strict"), Some(Tlp::AmberStrict));
        assert_eq!(Tlp::read("Amber"), Some(Tlp::Amber));
        assert_eq!(Tlp::read("purple"), None);
        assert!(Tlp::Amber < Tlp::Red && Tlp::Clear.is_public());
    }
}
