//! How much of an act is left after some days, as an integer share of 2^32, one table per kind of decay. Made once when a
//! model is compiled; exact to the last bit on every machine, because no float takes part.
//!
//! `half_life` h: `factor[d] = root[d mod h] >> (d / h)` with `root[k] = floor(2^32 * 2^(-k/h))`, 0 from 32 half-lives on.

/// The whole of an act.
pub const ONE: u64 = 1 << 32;

/// From so many half-lives on, nothing is left.
const HALF_LIVES: usize = 32;

/// How an act loses its points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decay {
    /// Not at all, to the horizon.
    None,
    /// Counts in full on so many days, its own included; at least 1.
    Window(u16),
    /// Halves every so many days; at least 1.
    HalfLife(u16),
}

/// Share of an act by its age in days, for ages up to the horizon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorTable {
    by_age: Box<[u64]>,
}

impl FactorTable {
    /// For ages 0 to `horizon_days`, both included.
    #[must_use]
    pub fn new(decay: Decay, horizon_days: u16) -> Self {
        let ages = 0..=usize::from(horizon_days);
        let by_age = match decay {
            Decay::None => ages.map(|_| ONE).collect(),
            Decay::Window(days) => ages.map(|age| if age < usize::from(days) { ONE } else { 0 }).collect(),
            Decay::HalfLife(days) => {
                let half_life = usize::from(days.max(1));
                let roots: Vec<u64> = (0..half_life.min(ages.end() + 1)).map(|part| root(half_life, part)).collect();
                ages.map(|age| half_life_factor(&roots, half_life, age)).collect()
            }
        };
        Self { by_age }
    }

    /// Share of 2^32 of an act that is so many days old. An act of tomorrow (a clock may be ahead) counts in full, one
    /// beyond the horizon not at all.
    #[must_use]
    pub fn at_age(&self, days: i64) -> u64 {
        usize::try_from(days.max(0)).ok().and_then(|age| self.by_age.get(age)).copied().unwrap_or(0)
    }
}

fn half_life_factor(roots: &[u64], half_life: usize, age: usize) -> u64 {
    let halvings = age / half_life;
    if halvings >= HALF_LIVES { 0 } else { roots[age % half_life] >> halvings }
}

/// `floor(2^32 * 2^(-part/half_life))`, for part < half_life: the largest r with `r^half_life <= 2^(32*half_life - part)`.
///
/// Found by bisection on that very inequality. Equality is impossible but for part 0 (the root is irrational), so r is
/// small enough exactly if r^half_life has at most `32*half_life - part` binary digits.
fn root(half_life: usize, part: usize) -> u64 {
    if part == 0 {
        return ONE;
    }
    let digits = 32 * half_life - part;
    // 2^31 < r < 2^32, because 0 < part < half_life.
    let (mut small_enough, mut too_big) = (ONE / 2, ONE);
    while too_big - small_enough > 1 {
        let middle = u64::midpoint(small_enough, too_big);
        if fits(middle, half_life, digits) {
            small_enough = middle;
        } else {
            too_big = middle;
        }
    }
    small_enough
}

/// Whether `base^exponent` has at most `digits` binary digits.
///
/// Decided with 64 leading digits rounded down and up, which settles nearly every case; a case they leave open is
/// computed in full.
fn fits(base: u64, exponent: usize, digits: usize) -> bool {
    let (lower, upper) = (power_digits(base, exponent, Rounding::Down), power_digits(base, exponent, Rounding::Up));
    if upper <= digits {
        true
    } else if lower > digits {
        false
    } else {
        full_power_digits(base, exponent) <= digits
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rounding {
    Down,
    Up,
}

/// Binary digits of a bound of `base^exponent`: each product is cut back to 64 leading digits and rounded one way.
fn power_digits(base: u64, exponent: usize, rounding: Rounding) -> usize {
    // value = mantissa * 2^shift
    let (mut mantissa, mut shift) = (1u64, 0usize);
    for bit in (0..usize::BITS - exponent.leading_zeros()).rev() {
        (mantissa, shift) = cut(u128::from(mantissa) * u128::from(mantissa), shift * 2, rounding);
        if exponent >> bit & 1 == 1 {
            (mantissa, shift) = cut(u128::from(mantissa) * u128::from(base), shift, rounding);
        }
    }
    shift + (u64::BITS - mantissa.leading_zeros()) as usize
}

fn cut(product: u128, shift: usize, rounding: Rounding) -> (u64, usize) {
    let excess = (u128::BITS - product.leading_zeros()).saturating_sub(64);
    let kept = product >> excess;
    let lost = kept << excess != product;
    let kept = if lost && rounding == Rounding::Up { kept + 1 } else { kept };
    // Rounding up may carry to 2^64.
    u64::try_from(kept).map_or((1 << 63, shift + excess as usize + 1), |kept| (kept, shift + excess as usize))
}

/// Binary digits of `base^exponent`, by long multiplication.
fn full_power_digits(base: u64, exponent: usize) -> usize {
    let mut limbs = vec![1u32];
    for _ in 0..exponent {
        let mut carry = 0u128;
        for limb in &mut limbs {
            let product = u128::from(*limb) * u128::from(base) + carry;
            *limb = (product & u128::from(u32::MAX)) as u32;
            carry = product >> 32;
        }
        while carry > 0 {
            limbs.push((carry & u128::from(u32::MAX)) as u32);
            carry >>= 32;
        }
    }
    let top = limbs.last().copied().unwrap_or_default();
    limbs.len() * 32 - top.leading_zeros() as usize
}
