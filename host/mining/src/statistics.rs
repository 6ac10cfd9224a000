//! Is a difference more than chance: the few tests that comparison and drift need.

/// The two-sided probability that two samples of yes and no are as different as these by chance alone:
/// Fisher's exact test.
#[must_use]
pub fn fisher(yes: u64, of: u64, other_yes: u64, other_of: u64) -> f64 {
    let total_yes = yes + other_yes;
    let total = of + other_of;
    if of == 0 || other_of == 0 || total_yes == 0 || total_yes == total {
        return 1.0;
    }
    let choose =
        |of: u64, some: u64| ln_factorial(of) - ln_factorial(some) - ln_factorial(of - some);
    let whole = choose(total, total_yes);
    let ln_of = |yes: u64| choose(of, yes) + choose(other_of, total_yes - yes) - whole;
    let observed = ln_of(yes);
    let least = total_yes.saturating_sub(other_of);
    let most = total_yes.min(of);
    // What is as unlikely counts, too; equal numbers differ in their last digits.
    let as_unlikely = (least..=most)
        .map(ln_of)
        .filter(|ln| *ln <= observed + 1e-7);
    as_unlikely.map(f64::exp).sum::<f64>().min(1.0)
}

/// ln(n!): exact sums for small numbers, Stirling's series for the others.
#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
fn ln_factorial(number: u64) -> f64 {
    if number < 16 {
        return (2..=number).map(|one| (one as f64).ln()).sum();
    }
    let n = number as f64;
    let series = 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3)) + 1.0 / (1260.0 * n.powi(5));
    n * n.ln() - n + 0.5 * (std::f64::consts::TAU * n).ln() + series
}

/// The two-sided probability that two samples come from one distribution, by ranks: the test of Mann and
/// Whitney with its normal approximation, corrected for ties. Nothing for fewer than eight of either.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
pub fn mann_whitney(one: &[f64], other: &[f64]) -> Option<f64> {
    const LEAST: usize = 8;
    if one.len() < LEAST || other.len() < LEAST {
        return None;
    }
    let mut all: Vec<(f64, bool)> = one.iter().map(|value| (*value, true)).collect();
    all.extend(other.iter().map(|value| (*value, false)));
    all.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (n, m, total) = (one.len() as f64, other.len() as f64, all.len() as f64);
    let (mut ranks, mut ties, mut before) = (0.0, 0.0, 0.0);
    for equal in all.chunk_by(|left, right| left.0.total_cmp(&right.0).is_eq()) {
        let size = equal.len() as f64;
        let rank = before + f64::midpoint(size, 1.0);
        ranks += rank * equal.iter().filter(|(_, first)| *first).count() as f64;
        ties += size.powi(3) - size;
        before += size;
    }
    let statistic = ranks - n * (n + 1.0) / 2.0;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance <= 0.0 {
        return Some(1.0);
    }
    // Half a rank towards the middle: the statistic has steps, the normal distribution none.
    let distance = ((statistic - n * m / 2.0).abs() - 0.5).max(0.0);
    Some(erfc(distance / (2.0 * variance).sqrt()))
}

/// The complementary error function, to seven digits (a Chebyshev fit).
fn erfc(x: f64) -> f64 {
    const TERMS: [f64; 10] = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let t = 1.0 / (1.0 + 0.5 * x.abs());
    let series = TERMS.iter().rev().fold(0.0, |sum, term| sum * t + term);
    let tail = t * (series - x * x).exp();
    if x >= 0.0 { tail } else { 2.0 - tail }
}

/// Probabilities made fair to many tests at once (Holm): each is raised as far as the number of those that are at
/// least as large asks for.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
pub fn holm(probabilities: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..probabilities.len()).collect();
    order.sort_by(|one, other| probabilities[*one].total_cmp(&probabilities[*other]));
    let mut adjusted = vec![1.0; probabilities.len()];
    let mut least = 0.0_f64;
    for (rank, place) in order.iter().enumerate() {
        let factor = (probabilities.len() - rank) as f64;
        least = least.max((probabilities[*place] * factor).min(1.0));
        adjusted[*place] = least;
    }
    adjusted
}

/// Twice the logarithm of how much likelier two shares are than one (G²): grows with the difference, and stays
/// sober where counts are small.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts lie below 2^53")]
pub fn g_squared(yes: u64, of: u64, other_yes: u64, other_of: u64) -> f64 {
    let part = |some: u64, of: u64, share: f64| {
        if some == 0 || share <= 0.0 {
            0.0
        } else {
            some as f64 * ((some as f64 / of as f64) / share).ln()
        }
    };
    let (total, total_yes) = (of + other_of, yes + other_yes);
    if of == 0 || other_of == 0 {
        return 0.0;
    }
    let share = total_yes as f64 / total as f64;
    let sum = part(yes, of, share)
        + part(of - yes, of, 1.0 - share)
        + part(other_yes, other_of, share)
        + part(other_of - other_yes, other_of, 1.0 - share);
    2.0 * sum.max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() <= 1e-6 * other.abs().max(1e-3)
    }

    #[test]
    fn fishers_test_gives_the_values_of_others() {
        // The lady tasting tea, and tables whose answers scipy.stats.fisher_exact gives.
        assert!(near(fisher(3, 4, 1, 4), 0.485_714_285_7));
        assert!(near(fisher(8, 10, 1, 6), 0.034_965_035));
        assert!(
            near(fisher(120, 1000, 180, 1000), 0.000_211_984_394_8),
            "{}",
            fisher(120, 1000, 180, 1000)
        );
        assert!(near(fisher(0, 5, 0, 9), 1.0));
    }

    #[test]
    fn ranks_tell_samples_apart() {
        let one: Vec<f64> = (0..20).map(f64::from).collect();
        let other: Vec<f64> = (10..30).map(f64::from).collect();
        // scipy.stats.mannwhitneyu(range(20), range(10, 30), method="asymptotic")
        let found = mann_whitney(&one, &other).unwrap_or(0.0);
        assert!((found - 5.212_549_6e-5).abs() < 1e-10, "{found}");
        assert!(mann_whitney(&one, &one).unwrap_or(0.0) > 0.99);
        assert_eq!(mann_whitney(&one[..3], &other), None);
        assert_eq!(mann_whitney(&[1.0; 9], &[1.0; 9]), Some(1.0));
    }

    #[test]
    fn many_tests_are_held_to_more() {
        assert_eq!(holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    #[test]
    fn the_likelihood_ratio_is_zero_for_equal_shares() {
        assert!(g_squared(10, 100, 20, 200) < 1e-9);
        assert!(near(g_squared(0, 100, 10, 100), 14.467_7) || g_squared(0, 100, 10, 100) > 14.0);
    }
}
