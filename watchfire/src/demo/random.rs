//! Numbers that look random and are not: the only source of chance in the demo and the benchmark.
//!
//! Two uses of one mixing function, SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): [`Random`] is a
//! sequence, and [`draw`] is a pure function of a key and a column, so that the lasting traits of a
//! host, or a whole row, can be told again without having been kept. Integer arithmetic only: the
//! same seed gives the same bytes on every machine. Nothing here is fit for secrets.

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finalizer of SplitMix64: a permutation of 64 bits in which every input bit moves every output bit.
#[inline]
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The number that belongs to `column` of the thing with this `key`.
#[inline]
pub fn draw(key: u64, column: u64) -> u64 {
    mix(key ^ column.wrapping_add(1).wrapping_mul(GOLDEN))
}

/// Maps 64 random bits to `0..bound` (multiply and shift; the bias is below 2^-32 for our bounds).
#[inline]
pub fn scale(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

/// A stream of its own for a purpose: equal seeds and labels give equal streams, and what one
/// purpose draws does not move what another one sees.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of `seed` for a purpose, and for one part of it such as a day.
    pub fn of(seed: u64, purpose: &str, part: u64) -> Self {
        let mut key = mix(seed ^ GOLDEN);
        for byte in purpose.bytes() {
            key = mix(key ^ u64::from(byte)).wrapping_add(GOLDEN);
        }
        Random(mix(key ^ mix(part)))
    }

    /// The next 64 bits.
    #[inline]
    #[expect(
        clippy::should_implement_trait,
        reason = "an endless stream of numbers is no iterator of options"
    )]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// A number in `0..bound`; 0 where the bound is 0.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        scale(self.next(), bound)
    }

    /// A number in `low..=high`.
    #[inline]
    pub fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True in `in_thousand` of a thousand cases.
    #[inline]
    pub fn chance(&mut self, in_thousand: u64) -> bool {
        self.below(1000) < in_thousand
    }

    /// One of the items, each as likely.
    #[inline]
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// Position by weight: `totals` are running totals of weights, rising to the sum of all.
    #[inline]
    pub fn by_weight(&mut self, totals: &[u64]) -> usize {
        let sum = totals.last().copied().unwrap_or(0);
        let at = self.below(sum);
        totals.partition_point(|&total| total <= at)
    }

    /// About `mean`, give or take: the whole part, the rest by chance, and noise of about a standard
    /// deviation of the root of the mean, as counts of independent things have.
    pub fn around(&mut self, mean_in_thousand: u64) -> u64 {
        let whole = mean_in_thousand / 1000 + u64::from(self.chance(mean_in_thousand % 1000));
        let root = whole.isqrt();
        // Three uniform draws of width 2r have the standard deviation r.
        let noise: u64 = (0..3).map(|_| self.within(0, 2 * root)).sum();
        (whole + noise).saturating_sub(3 * root)
    }
}

/// Running totals of weights, for [`Random::by_weight`].
pub fn totals(weights: impl IntoIterator<Item = u64>) -> Vec<u64> {
    weights
        .into_iter()
        .scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        })
        .collect()
}

/// Running totals of Zipf's weights: the n-th of `count` things is met 1/n as often as the first.
pub fn zipf(count: u64) -> Vec<u64> {
    totals((1..=count).map(|rank| 1_000_000 / rank + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let take = |seed, purpose, part| {
            let mut random = Random::of(seed, purpose, part);
            [random.next(), random.next(), random.next()]
        };
        assert_eq!(take(1, "a", 0), take(1, "a", 0));
        assert_ne!(take(1, "a", 0), take(2, "a", 0));
        assert_ne!(take(1, "a", 0), take(1, "b", 0));
        assert_ne!(take(1, "a", 0), take(1, "a", 1));
        // Pinned: the golden hashes of the demo rest on it.
        assert_eq!(mix(1), 0x5692_161d_100b_05e5);
    }

    #[test]
    fn bounds_hold_and_means_are_met() {
        let mut random = Random::of(7, "test", 0);
        let mut sum = 0;
        for _ in 0..10_000 {
            let value = random.within(3, 9);
            assert!((3..=9).contains(&value));
            sum += value;
        }
        assert!((58_000..62_000).contains(&sum), "{sum}");
        let sum: u64 = (0..1000).map(|_| random.around(40_500)).sum();
        assert!((39_000..42_000).contains(&sum), "{sum}");
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn weights_decide() {
        let totals = totals([1, 0, 99]);
        let mut random = Random::of(7, "weights", 0);
        let mut seen = [0; 3];
        for _ in 0..10_000 {
            seen[random.by_weight(&totals)] += 1;
        }
        assert_eq!(seen[1], 0);
        assert!(seen[2] > 9_700 && seen[0] > 50, "{seen:?}");
        assert_eq!(zipf(3).len(), 3);
    }
}
