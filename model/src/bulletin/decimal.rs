//! Exact decimal numbers: what a bulletin prints, plots and hands to other programs.
//!
//! Not a general arithmetic type: a `Decimal` is made once, by rounding a ratio of whole numbers, and then only
//! shown. It exists so that the frozen bulletin holds no binary floating-point number whose last digits could
//! differ between machines or programs.

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A decimal number `units / 10^scale`, kept without trailing zeros, so equal numbers are equal values.
///
/// In JSON it is a number. Magnitudes beyond 2^53 units are written exactly when whole and to 15 digits otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal {
    units: i64,
    scale: u8,
}

/// The most digits after the point a [`Decimal`] keeps.
pub const MAX_SCALE: u8 = 9;

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal { units: 0, scale: 0 };

    /// `units / 10^scale`; digits beyond [`MAX_SCALE`] are cut off.
    pub fn new(units: i64, scale: u8) -> Self {
        let (mut units, mut scale) = (units, scale);
        while scale > MAX_SCALE || (scale > 0 && units % 10 == 0) {
            units /= 10;
            scale -= 1;
        }
        Decimal { units, scale }
    }

    /// A whole number; counts beyond `i64::MAX` are held at `i64::MAX`.
    pub fn count(value: u64) -> Self {
        Decimal::new(i64::try_from(value).unwrap_or(i64::MAX), 0)
    }

    /// `numerator / denominator` rounded to `places`, half away from zero (DOMAIN rule 1.4a).
    /// None when the denominator is 0 or the result does not fit.
    pub fn ratio(numerator: i128, denominator: i128, places: u8) -> Option<Self> {
        if denominator == 0 || places > MAX_SCALE {
            return None;
        }
        let scaled = numerator.checked_mul(10i128.pow(u32::from(places)))?;
        let (n, d) = (scaled.unsigned_abs(), denominator.unsigned_abs());
        let rounded = n.checked_mul(2)?.checked_add(d)? / d.checked_mul(2)?;
        let units = i64::try_from(rounded).ok()?;
        let negative = (scaled < 0) != (denominator < 0);
        Some(Decimal::new(if negative { -units } else { units }, places))
    }

    /// `100 x part / whole` rounded to `places`, half away from zero.
    pub fn percent(part: i128, whole: i128, places: u8) -> Option<Self> {
        Decimal::ratio(part.checked_mul(100)?, whole, places)
    }

    /// A floating-point result (a logarithm, a weighted mean) rounded to `places`, half away from zero.
    /// None for NaN, infinity or what does not fit.
    pub fn round(value: f64, places: u8) -> Option<Self> {
        let scaled = (value * 10f64.powi(i32::from(places.min(MAX_SCALE)))).round();
        // 2^63 is the first double an i64 cannot hold.
        (scaled.is_finite() && scaled.abs() < 9.2e18)
            .then(|| Decimal::new(scaled as i64, places.min(MAX_SCALE)))
    }

    /// The nearest double, for placing marks on a page; never for printing.
    pub fn to_f64(self) -> f64 {
        self.units as f64 / 10f64.powi(i32::from(self.scale))
    }

    /// Printed with exactly `places` digits after the point, rounding half away from zero where digits are cut.
    pub fn fixed(self, places: u8) -> String {
        let places = places.min(MAX_SCALE);
        let cut = if self.scale > places {
            Decimal::ratio(
                i128::from(self.units),
                10i128.pow(u32::from(self.scale)),
                places,
            )
            .unwrap_or(self)
        } else {
            self
        };
        let digits = i128::from(cut.units).unsigned_abs()
            * 10u128.pow(u32::from(places - cut.scale.min(places)));
        let sign = if cut.units < 0 { "-" } else { "" };
        if places == 0 {
            return format!("{sign}{digits}");
        }
        let base = 10u128.pow(u32::from(places));
        format!(
            "{sign}{}.{:0width$}",
            digits / base,
            digits % base,
            width = usize::from(places)
        )
    }

    /// Below zero.
    pub fn is_negative(self) -> bool {
        self.units < 0
    }
}

impl fmt::Display for Decimal {
    /// As few digits as it has: `18.1`, `-3`, `0.25`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fixed(self.scale))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let at = |d: &Decimal| i128::from(d.units) * 10i128.pow(u32::from(MAX_SCALE - d.scale));
        at(self).cmp(&at(other))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl std::str::FromStr for Decimal {
    type Err = String;

    /// Plain decimal notation, an optional sign, no exponent.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("'{text}' is not a decimal number");
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = &fraction[..fraction.len().min(usize::from(MAX_SCALE))];
        if whole.is_empty()
            || !whole
                .bytes()
                .chain(fraction.bytes())
                .all(|b| b.is_ascii_digit())
        {
            return Err(bad());
        }
        let units: i64 = format!("{whole}{fraction}").parse().map_err(|_| bad())?;
        Ok(Decimal::new(
            if negative { -units } else { units },
            fraction.len() as u8,
        ))
    }
}

impl From<u64> for Decimal {
    fn from(value: u64) -> Self {
        Decimal::count(value)
    }
}

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.scale == 0 {
            serializer.serialize_i64(self.units)
        } else {
            serializer.serialize_f64(self.to_f64())
        }
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = Decimal;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_i64<E: de::Error>(self, v: i64) -> Result<Decimal, E> {
                Ok(Decimal::new(v, 0))
            }
            fn visit_u64<E: de::Error>(self, v: u64) -> Result<Decimal, E> {
                i64::try_from(v)
                    .map(|v| Decimal::new(v, 0))
                    .map_err(E::custom)
            }
            fn visit_f64<E: de::Error>(self, v: f64) -> Result<Decimal, E> {
                // The shortest text that reads back as this double is the decimal that was written.
                v.to_string().parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_half_away_from_zero() {
        assert_eq!(
            Decimal::ratio(5, 100, 1).map(|d| d.to_string()).as_deref(),
            Some("0.1")
        );
        assert_eq!(
            Decimal::ratio(-5, 100, 1).map(|d| d.to_string()).as_deref(),
            Some("-0.1")
        );
        assert_eq!(
            Decimal::percent(1, 3, 1).map(|d| d.to_string()).as_deref(),
            Some("33.3")
        );
        assert_eq!(Decimal::ratio(1, 0, 1), None);
        assert_eq!(Decimal::round(f64::NAN, 2), None);
        assert_eq!(
            Decimal::round(-0.125, 2).map(|d| d.to_string()).as_deref(),
            Some("-0.13")
        );
    }

    #[test]
    fn prints_fixed_and_shortest() {
        let d = Decimal::new(2840, 2);
        assert_eq!(
            (d.to_string(), d.fixed(0), d.fixed(2)),
            ("28.4".into(), "28".into(), "28.40".into())
        );
        assert_eq!(Decimal::new(-5, 2).to_string(), "-0.05");
        assert_eq!(Decimal::new(996, 3).fixed(2), "1.00");
        assert_eq!(Decimal::new(i64::MIN, 0).to_string(), i64::MIN.to_string());
    }

    #[test]
    fn orders_across_scales_and_survives_json() {
        assert!(Decimal::new(15, 1) < Decimal::new(2, 0));
        for (units, scale) in [
            (0, 0),
            (181, 1),
            (-7, 9),
            (9_007_199_254_740_991, 0),
            (123_456_789, 4),
        ] {
            let d = Decimal::new(units, scale);
            let json = serde_json::to_string(&d).expect("a number is JSON");
            assert_eq!(
                serde_json::from_str::<Decimal>(&json).expect("and back"),
                d,
                "{json}"
            );
        }
    }

    #[test]
    fn reads_only_plain_numbers() {
        assert_eq!("0.980".parse(), Ok(Decimal::new(98, 2)));
        for bad in ["", "-", ".5", "1e3", "1,2", "+1", "1.x"] {
            assert!(bad.parse::<Decimal>().is_err(), "{bad}");
        }
    }
}
