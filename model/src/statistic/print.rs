//! Rounding and printing of numbers, per language (DOMAIN rules 1.4a and 1.4e).

use super::Presentation;
use crate::bulletin::{Decimal, Text};

/// `numerator / denominator` as a whole number, half away from zero (DOMAIN rule 1.4a).
///
/// # Panics
/// If the denominator is not positive.
pub fn round_half_away(numerator: i128, denominator: i128) -> i128 {
    assert!(denominator > 0, "a change or share is taken of something");
    let rounded = (2 * numerator.abs() + denominator) / (2 * denominator);
    if numerator < 0 { -rounded } else { rounded }
}

/// Tenths of 万 in a count: 284 132 gives 284.
pub fn wan_tenths(count: u64) -> u64 {
    u64::try_from(round_half_away(i128::from(count), 1000)).unwrap_or(u64::MAX)
}

/// Tenths of per cent, half away from zero; `None` of an empty whole.
pub fn percent_tenths(part: u64, whole: u64) -> Option<u64> {
    (whole > 0).then(|| {
        u64::try_from(round_half_away(1000 * i128::from(part), i128::from(whole)))
            .unwrap_or(u64::MAX)
    })
}

/// Whole quotient, half up (DOMAIN W7); `None` of an empty whole.
pub fn whole_quotient(part: u64, whole: u64) -> Option<u64> {
    (whole > 0).then(|| {
        u64::try_from(round_half_away(i128::from(part), i128::from(whole))).unwrap_or(u64::MAX)
    })
}

/// From this count on Chinese prints 万 with one decimal.
pub const WAN: u64 = 10_000;

/// A count as printed: number and, in Chinese from [`WAN`] on, 万; minutes as hours where the form says so.
pub fn print_count(count: u64, print: Presentation) -> Text {
    match print {
        Presentation::WanOneDecimal if count >= WAN => print_wan(wan_tenths(count)),
        Presentation::HoursOneDecimal => print_hours(hour_tenths(count)),
        _ => Text::new(count.to_string(), grouped(count)),
    }
}

/// A number of tenths of 万 as printed: 284 gives `28.4万` and `284,000`.
pub fn print_wan(tenths: u64) -> Text {
    Text::new(
        format!("{}.{}万", tenths / 10, tenths % 10),
        grouped(tenths * 1000),
    )
}

/// Tenths of hours in a number of minutes, half away from zero: 588 gives 98.
pub fn hour_tenths(minutes: u64) -> u64 {
    u64::try_from(round_half_away(10 * i128::from(minutes), 60)).unwrap_or(u64::MAX)
}

/// A number of tenths of hours as printed: `9.8`.
pub fn print_hours(tenths: u64) -> Text {
    let (whole, tenth) = (tenths / 10, tenths % 10);
    Text::new(
        format!("{whole}.{tenth}"),
        format!("{}.{tenth}", grouped(whole)),
    )
}

/// A number of tenths of per cent as printed: `0.8%`.
pub fn print_percent(tenths: u64) -> Text {
    Text::same(format!("{}.{}%", tenths / 10, tenths % 10))
}

/// A count and the numbers it is the sum of, printed so that the printed parts add up to the printed
/// whole (M1 is the sum of the *printed* M2 and M3: 20 of 20 weeks in DOMAIN section 1.4). All are in
/// 万 as soon as the sum is.
pub fn print_sum(parts: &[u64]) -> (Text, Vec<Text>) {
    let sum: u64 = parts.iter().sum();
    if sum < WAN {
        let exact = |count: u64| print_count(count, Presentation::Integer);
        return (exact(sum), parts.iter().map(|part| exact(*part)).collect());
    }
    let tenths: Vec<u64> = parts.iter().map(|part| wan_tenths(*part)).collect();
    (
        print_wan(tenths.iter().sum()),
        tenths.into_iter().map(print_wan).collect(),
    )
}

/// The number that [`print_sum`] prints, in base units.
pub fn printed_sum(parts: &[u64]) -> Decimal {
    let sum: u64 = parts.iter().sum();
    if sum < WAN {
        return Decimal::count(sum);
    }
    Decimal::count(parts.iter().map(|part| wan_tenths(*part) * 1000).sum())
}

/// Thousands separated by commas, as English prints counts.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
