//! Value axes: round ticks, their places and their print.

use model::bulletin::Lang;

/// A value axis from `low` to `high` with ticks at both ends and between.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Lowest value.
    pub low: f64,
    /// Highest value, above `low`.
    pub high: f64,
    step: f64,
    decimals: usize,
}

impl Axis {
    /// An axis that holds `low` to `high` in about `want` steps of 1, 2, 2.5 or 5 times a power of ten. With `zero`
    /// it begins at 0 (bars must); with `whole` no step is under 1.
    pub fn over(low: f64, high: f64, want: usize, zero: bool, whole: bool) -> Axis {
        let finite = |v: f64| {
            if v.is_finite() {
                v.clamp(-1e18, 1e18)
            } else {
                0.0
            }
        };
        let (mut low, mut high) = (finite(low.min(high)), finite(high.max(low)));
        if zero {
            low = low.min(0.0);
            high = high.max(0.0);
        }
        if high - low < high.abs().max(low.abs()).max(1e-6) * 1e-9 {
            let room = if high == 0.0 { 1.0 } else { high.abs() * 0.1 };
            high += room;
            if !zero {
                low -= room;
            }
        }
        let raw = (high - low) / want.max(1) as f64;
        let power = 10f64.powf(raw.log10().floor());
        let mut step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|m| m * power)
            .find(|s| *s >= raw * 0.999)
            .unwrap_or(10.0 * power);
        if whole {
            step = step.max(1.0);
            // 2.5 is no count.
            step = if step < 10.0 { step.ceil() } else { step };
        }
        let mut decimals = (-(step.log10().floor())).max(0.0) as usize;
        let scaled = step * 10f64.powi(decimals as i32);
        if (scaled - scaled.round()).abs() > 1e-6 {
            decimals += 1;
        }
        let (first, mut last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        if last <= first {
            last = first + 1.0;
        }
        Axis {
            low: first * step,
            high: last * step,
            step,
            decimals: decimals.min(9),
        }
    }

    /// The ticks, lowest first.
    pub fn ticks(&self) -> impl Iterator<Item = f64> + '_ {
        let n = ((self.high - self.low) / self.step).round() as usize;
        (0..=n.min(12)).map(|i| self.low + i as f64 * self.step)
    }

    /// 0 at the low end, 1 at the high end; values outside are held at the ends.
    pub fn share(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        if share.is_finite() {
            share.clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// A tick as printed: 万 from 10 thousand on in Chinese, grouped thousands in English.
    pub fn print(&self, tick: f64, lang: Lang) -> String {
        let large = |divisor: f64, suffix: &str| {
            let scaled = tick / divisor;
            let text = format!("{scaled:.3}");
            format!(
                "{}{suffix}",
                text.trim_end_matches('0').trim_end_matches('.')
            )
        };
        match lang {
            Lang::Zh if tick.abs() >= 1e8 => large(1e8, "亿"),
            Lang::Zh if tick.abs() >= 1e4 => large(1e4, "万"),
            Lang::En if tick.abs() >= 1e9 => large(1e9, "bn"),
            Lang::En if tick.abs() >= 1e6 => large(1e6, "m"),
            _ => {
                let text = format!("{tick:.*}", self.decimals);
                let text = if text.trim_start_matches(['-', '0', '.']).is_empty() {
                    text.trim_start_matches('-').to_owned()
                } else {
                    text
                };
                if lang == Lang::En {
                    grouped(&text)
                } else {
                    text
                }
            }
        }
    }
}

/// A plain decimal number with a comma every three digits.
pub fn grouped(text: &str) -> String {
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text, None), |(w, f)| (w, Some(f)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |d| ("-", d));
    let mut out = String::from(sign);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    if let Some(f) = fraction {
        out.push('.');
        out.push_str(f);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_round() {
        let axis = Axis::over(22.7, 39.2, 4, false, false);
        assert_eq!(
            axis.ticks()
                .map(|t| axis.print(t, Lang::Zh))
                .collect::<Vec<_>>(),
            ["20", "25", "30", "35", "40"]
        );
        let axis = Axis::over(0.0, 1486.0, 4, true, true);
        assert_eq!(
            axis.ticks()
                .map(|t| axis.print(t, Lang::En))
                .collect::<Vec<_>>(),
            ["0", "500", "1,000", "1,500"]
        );
        let axis = Axis::over(0.0, 3.0, 4, true, true);
        assert_eq!(axis.ticks().count(), 4);
        let axis = Axis::over(0.0, 52_000.0, 4, true, true);
        assert_eq!(axis.print(axis.high, Lang::Zh), "6万");
    }

    #[test]
    fn nothing_and_everything_have_an_axis() {
        for (low, high) in [
            (0.0, 0.0),
            (5.0, 5.0),
            (f64::NAN, 1.0),
            (0.0, f64::INFINITY),
            (-3.0, -3.0),
            (1e17, 1e18),
        ] {
            let axis = Axis::over(low, high, 4, true, true);
            assert!(
                axis.high > axis.low && axis.ticks().count() >= 2,
                "{low} {high} {axis:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_value_lies_on_its_axis(a in -1e12f64..1e12, b in -1e12f64..1e12, zero: bool, whole: bool) {
            let axis = Axis::over(a, b, 4, zero, whole);
            prop_assert!(axis.low <= a.min(b) + 1e-3 && axis.high >= a.max(b) - 1e-3);
            prop_assert!((0.0..=1.0).contains(&axis.share(a)));
            prop_assert!((2..=13).contains(&axis.ticks().count()));
        }
    }
}
