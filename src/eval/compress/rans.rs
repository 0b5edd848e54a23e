//! An entropy coder: range asymmetric numeral systems (Duda 2013, arXiv 1311.2540) with static tables.

use std::collections::BTreeMap;

/// Frequencies of a table sum to 2¹⁶.
const BITS: u32 = 16;
pub(super) const TOTAL: u32 = 1 << BITS;
/// The state lies in [2³¹, 2³⁹) between symbols, and gives and takes whole bytes to stay there.
const LEAST: u64 = 1 << 31;
/// Bytes of the state.
const STATE: usize = 5;

/// Symbols in rising order and where each one's share of the 2¹⁶ begins; one more end than symbols.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    pub(super) symbols: Vec<i32>,
    starts: Vec<u32>,
}

impl Table {
    /// The table nearest to how often each symbol occurs; none where there are more kinds than shares.
    pub(super) fn of(symbols: impl Iterator<Item = i32>) -> Option<Self> {
        let mut counts = BTreeMap::<i32, u64>::new();
        symbols.for_each(|s| *counts.entry(s).or_default() += 1);
        if counts.is_empty() || counts.len() > TOTAL as usize {
            return None;
        }
        let all: u64 = counts.values().sum();
        let share = |&n: &u64| ((n * u64::from(TOTAL) + all / 2) / all).max(1) as u32;
        let mut shares: Vec<u32> = counts.values().map(share).collect();
        // Rounding is made up for by the most frequent, which minds least.
        let mut order: Vec<usize> = (0..shares.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(shares[i]));
        let sum: u64 = shares.iter().map(|&s| u64::from(s)).sum();
        let mut excess = sum as i64 - i64::from(TOTAL);
        for &i in order.iter().cycle() {
            // A sixteenth of each at a time, and no share to 0.
            let most = i64::from(shares[i] / 16).max(1);
            let change = excess.clamp(-most, most.min(i64::from(shares[i]) - 1));
            shares[i] = (i64::from(shares[i]) - change) as u32;
            excess -= change;
            if excess == 0 {
                break;
            }
        }
        Self::new(counts.into_keys().collect(), &shares)
    }

    /// The table of these symbols and shares; none unless symbols rise and shares are positive and sum to 2¹⁶.
    pub(super) fn new(symbols: Vec<i32>, shares: &[u32]) -> Option<Self> {
        let rising = symbols.windows(2).all(|pair| pair[0] < pair[1]);
        let mut starts = vec![0u32];
        for &share in shares {
            starts.push(starts.last()?.checked_add(share).filter(|end| share > 0 && *end <= TOTAL)?);
        }
        (rising && symbols.len() == shares.len() && *starts.last()? == TOTAL).then_some(Self { symbols, starts })
    }

    pub(super) fn shares(&self) -> impl Iterator<Item = u32> {
        self.starts.windows(2).map(|pair| pair[1] - pair[0])
    }

    fn range(&self, at: usize) -> (u64, u64) {
        (self.starts[at].into(), (self.starts[at + 1] - self.starts[at]).into())
    }
}

/// Codes `symbols`, the i-th by table i mod their number, in which each must be; none where one is not.
pub(super) fn encode(symbols: &[i32], tables: &[Table]) -> Option<Vec<u8>> {
    let mut state = LEAST;
    let mut bytes = Vec::new();
    for (i, symbol) in symbols.iter().enumerate().rev() {
        let table = &tables[i % tables.len()];
        let (start, share) = table.range(table.symbols.binary_search(symbol).ok()?);
        // What lets the state after this symbol stay below 2³⁹.
        while state >= ((LEAST >> BITS) << 8) * share {
            bytes.push(state as u8);
            state >>= 8;
        }
        state = ((state / share) << BITS) + state % share + start;
    }
    bytes.extend(&state.to_le_bytes()[..STATE]);
    // The decoder begins where the encoder ends.
    bytes.reverse();
    Some(bytes)
}

/// The `count` symbols that [`encode`] made `bytes` of; none where it cannot have.
pub(super) fn decode(bytes: &[u8], count: usize, tables: &[Table]) -> Option<Vec<i32>> {
    let (head, mut rest) = bytes.split_at_checked(STATE)?;
    let mut state = head.iter().fold(0u64, |state, &b| state << 8 | u64::from(b));
    let mut symbols = Vec::with_capacity(count);
    for i in 0..count {
        let table = &tables[i % tables.len()];
        let slot = (state & u64::from(TOTAL - 1)) as u32;
        let at = table.starts.partition_point(|&s| s <= slot) - 1;
        let (start, share) = table.range(at);
        state = share * (state >> BITS) + u64::from(slot) - start;
        while state < LEAST {
            let (&byte, tail) = rest.split_first()?;
            (state, rest) = (state << 8 | u64::from(byte), tail);
        }
        symbols.push(table.symbols[at]);
    }
    (state == LEAST && rest.is_empty()).then_some(symbols)
}
