//! Whose turn it is: Tijdeman's rule for the chairman assignment problem (R. Tijdeman, Discrete Mathematics 32, 1980,
//! pages 323-330), in exact integers. It knows shares and deviations, not reps, schedules or caps.
//!
//! With n members, shares w/W and what each received so far, the deficit of a member is what he is entitled to including
//! the lead at hand, less what he received. Among those whose deficit is at least 1/(2n-2), the one takes it who would
//! first be overdue: the smallest (1 - 1/(2n-2) - deficit) / share. Then nobody is ever farther than 1 - 1/(2n-2) from his
//! share while members and weights stay the same. "The largest deficit first" does not keep that bound.

use std::cmp::Ordering;

/// One lead in the unit of the ledger.
pub const MICRO: i128 = 1_000_000;

/// One member who could take the lead at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Positive.
    pub weight: i64,
    /// Leads received in this stretch.
    pub received: i64,
    /// What was carried into this stretch and credited, in millionths of a lead; positive: owed to the member.
    pub carried_micro: i64,
    /// Stable per member and pool: breaks ties, the smaller first.
    pub tie: u64,
}

/// All shares over one denominator: a deficit is `numerator / scale` leads.
struct Scaled<'a> {
    shares: &'a [Share],
    numerators: Vec<i128>,
    scale: i128,
    /// 2n - 2.
    bound: i128,
}

/// Index of the member whose turn it is; `leads` were shared out in this stretch before. None without members.
#[must_use]
pub fn whose_turn(shares: &[Share], leads: i64) -> Option<usize> {
    match shares.len() {
        0 => None,
        1 => Some(0),
        _ => Some(Scaled::of(shares, leads).tijdeman()),
    }
}

/// What each is owed including the lead at hand, in millionths of a lead, rounded down. For people to read.
#[must_use]
pub fn deficits_micro(shares: &[Share], leads: i64) -> Vec<i64> {
    let scaled = Scaled::of(shares, leads);
    let micro = |numerator: &i128| i64::try_from((numerator * MICRO).div_euclid(scaled.scale)).unwrap_or(i64::MAX);
    scaled.numerators.iter().map(micro).collect()
}

impl<'a> Scaled<'a> {
    fn of(shares: &'a [Share], leads: i64) -> Self {
        let total: i128 = shares.iter().map(|share| i128::from(share.weight)).sum();
        let numerators = shares
            .iter()
            .map(|share| {
                let entitled = i128::from(leads + 1) * i128::from(share.weight);
                i128::from(share.carried_micro) * total + MICRO * (entitled - i128::from(share.received) * total)
            })
            .collect();
        let bound = i128::try_from(shares.len()).unwrap_or(i128::MAX / 4) * 2 - 2;
        Self { shares, numerators, scale: (MICRO * total).max(1), bound }
    }

    fn tijdeman(&self) -> usize {
        let ready = (0..self.shares.len()).filter(|&index| self.numerators[index] * self.bound >= self.scale);
        // Nobody is ready only when more was carried away from those present than this lead brings: after a change of
        // members or presence. Then the one who is owed most.
        ready.min_by(|&a, &b| self.by_urgency(a, b)).unwrap_or_else(|| self.largest_deficit())
    }

    /// (1 - 1/(2n-2) - deficit) / share, compared by cross-multiplication.
    fn by_urgency(&self, a: usize, b: usize) -> Ordering {
        let slack = |index: usize| self.scale * (self.bound - 1) - self.numerators[index] * self.bound;
        let left = slack(a) * i128::from(self.shares[b].weight);
        let right = slack(b) * i128::from(self.shares[a].weight);
        left.cmp(&right).then(self.shares[a].tie.cmp(&self.shares[b].tie)).then(a.cmp(&b))
    }

    fn largest_deficit(&self) -> usize {
        (0..self.shares.len())
            .min_by(|&a, &b| {
                let by_deficit = self.numerators[b].cmp(&self.numerators[a]);
                by_deficit.then(self.shares[a].tie.cmp(&self.shares[b].tie)).then(a.cmp(&b))
            })
            .unwrap_or(0)
    }
}

/// Stable tie-breaker of a member in a pool: FNV-1a, 64 bits, over "pool\0rep".
#[must_use]
pub fn tie(pool_id: &str, rep_id: &str) -> u64 {
    let bytes = pool_id.bytes().chain(std::iter::once(0)).chain(rep_id.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// `total_micro` in proportion to the weights, rounded down, what is left given one by one to the largest remainders
/// (then the first). Adds up to `total_micro` exactly; all zero without weights.
#[must_use]
pub fn share_out(total_micro: i128, weights: &[i64]) -> Vec<i128> {
    let sum: i128 = weights.iter().map(|weight| i128::from(*weight)).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let products: Vec<i128> = weights.iter().map(|weight| total_micro * i128::from(*weight)).collect();
    let mut parts: Vec<i128> = products.iter().map(|product| product.div_euclid(sum)).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&index| (std::cmp::Reverse(products[index].rem_euclid(sum)), index));
    let left = total_micro - parts.iter().sum::<i128>();
    for &index in order.iter().take(usize::try_from(left).unwrap_or(0)) {
        parts[index] += 1;
    }
    parts
}

#[cfg(test)]
#[path = "fairness_tests.rs"]
mod tests;
