//! The memory plan: lifetimes → slots. Pure, so that its properties are tested without any device.

/// When a tensor is alive (both ends included, in steps) and how large it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The step that writes it.
    pub first: usize,
    /// The last step that reads it.
    pub last: usize,
    /// Its size, in any one unit.
    pub size: usize,
}

/// Which slot each tensor shares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// Slot of each tensor, in the order given.
    pub slot: Vec<usize>,
    /// Size of each slot: that of its largest tensor.
    pub sizes: Vec<usize>,
}

/// Assigns whole slots, largest tensor first, each to the smallest slot that is free all its life (greedy by size,
/// arXiv 2001.03288, section 4.2). Two tensors alive in one step never share a slot, so no step reads and writes one.
pub fn assign(lifetimes: &[Lifetime]) -> Assignment {
    let mut order: Vec<usize> = (0..lifetimes.len()).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(lifetimes[i].size), lifetimes[i].first, i));
    let mut slot = vec![0; lifetimes.len()];
    let mut sizes: Vec<usize> = vec![];
    let mut tenants: Vec<Vec<(usize, usize)>> = vec![];
    for i in order {
        let life = lifetimes[i];
        let free = |s: &usize| tenants[*s].iter().all(|&(first, last)| life.last < first || last < life.first);
        let chosen = (0..sizes.len()).filter(free).min_by_key(|&s| sizes[s]).unwrap_or_else(|| {
            sizes.push(life.size);
            tenants.push(vec![]);
            sizes.len() - 1
        });
        tenants[chosen].push((life.first, life.last));
        slot[i] = chosen;
    }
    Assignment { slot, sizes }
}

/// The most bytes alive at any one step: no plan can do with less.
pub fn lower_bound(lifetimes: &[Lifetime]) -> usize {
    let end = lifetimes.iter().map(|l| l.last + 1).max().unwrap_or(0);
    let alive = |step: usize| lifetimes.iter().filter(|l| l.first <= step && step <= l.last).map(|l| l.size).sum();
    (0..end).map(alive).max().unwrap_or(0)
}
