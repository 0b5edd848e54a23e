//! A forest of classification trees, for the importance of each code in predicting a factor.

use crate::rng::Philox;
use rand::RngExt;
use rayon::prelude::*;

const TREES: u64 = 10;
const DEPTH: usize = 16;

/// Trees on bootstrap samples (Breiman 2001), each split by the greatest fall of the Gini impurity over *all* features.
pub(super) struct Forest {
    trees: Vec<Tree>,
    classes: usize,
}

struct Tree {
    nodes: Vec<Node>,
    /// Fall of impurity by feature, weighted by the share of examples that reach the split.
    importance: Vec<f64>,
}

enum Node {
    Leaf(usize),
    /// Codes of `feature` up to `threshold` go to node `low`, the others to node `high`.
    Split {
        feature: usize,
        threshold: f32,
        low: usize,
        high: usize,
    },
}

impl Forest {
    /// Learns the class `value` (0..`classes`) of the examples `rows` from their `features`, columns of one length.
    pub(super) fn fit(features: &[Vec<f32>], value: &[usize], classes: usize, rows: &[usize], seed: u64) -> Self {
        let grow = |tree: u64| {
            let mut rng = Philox::new(seed, tree);
            let mut weight = vec![0u32; value.len()];
            rows.iter().for_each(|_| weight[rows[rng.random_range(0..rows.len())]] += 1);
            let order = |column: &Vec<f32>| {
                let mut order: Vec<usize> = rows.iter().copied().filter(|&i| weight[i] > 0).collect();
                order.sort_by(|&a, &b| column[a].total_cmp(&column[b]));
                order
            };
            let orders = features.iter().map(order).collect();
            let mut grower = Grower { features, value, classes, weight: &weight, tree: Tree::new(features.len()) };
            grower.node(orders, DEPTH);
            grower.tree
        };
        Self { trees: (0..TREES).into_par_iter().map(grow).collect(), classes }
    }

    /// The share of each feature in the fall of impurity, averaged over the trees: sums to 1, or is 0 where no split helped.
    pub(super) fn importance(&self) -> Vec<f64> {
        let mut sum = vec![0.0; self.trees.first().map_or(0, |t| t.importance.len())];
        for tree in &self.trees {
            let total: f64 = tree.importance.iter().sum();
            sum.iter_mut().zip(&tree.importance).for_each(|(s, i)| *s += if total > 0.0 { i / total } else { 0.0 });
        }
        let total: f64 = sum.iter().sum();
        sum.iter().map(|s| if total > 0.0 { s / total } else { 0.0 }).collect()
    }

    /// The class most trees give the example `row`; the first of those that tie.
    pub(super) fn predict(&self, features: &[Vec<f32>], row: usize) -> usize {
        let mut votes = vec![0usize; self.classes];
        self.trees.iter().for_each(|t| votes[t.predict(features, row)] += 1);
        (0..votes.len()).rev().max_by_key(|&c| votes[c]).unwrap_or(0)
    }
}

impl Tree {
    fn new(features: usize) -> Self {
        Self { nodes: Vec::new(), importance: vec![0.0; features] }
    }

    fn predict(&self, features: &[Vec<f32>], row: usize) -> usize {
        let mut at = 0;
        loop {
            match self.nodes[at] {
                Node::Leaf(class) => return class,
                Node::Split { feature, threshold, low, high } => {
                    at = if features[feature][row] <= threshold { low } else { high };
                }
            }
        }
    }
}

/// Grows one tree. A node is the examples that reach it, sorted by each feature once and for all.
struct Grower<'a> {
    features: &'a [Vec<f32>],
    value: &'a [usize],
    classes: usize,
    /// How often the bootstrap drew each example.
    weight: &'a [u32],
    tree: Tree,
}

struct Split {
    feature: usize,
    threshold: f32,
    gain: f64,
}

impl Grower<'_> {
    /// Appends the node of these examples and all below it; its index.
    fn node(&mut self, orders: Vec<Vec<usize>>, depth: usize) -> usize {
        let counts = self.counts(&orders[0]);
        let index = self.tree.nodes.len();
        let most = (0..self.classes).rev().max_by(|&a, &b| counts[a].total_cmp(&counts[b])).unwrap_or(0);
        self.tree.nodes.push(Node::Leaf(most));
        let split = if depth == 0 { None } else { self.best(&orders, &counts) };
        let Some(Split { feature, threshold, gain }) = split else { return index };
        self.tree.importance[feature] += gain;
        let column = &self.features[feature];
        let (low, high) = orders.into_iter().map(|o| o.into_iter().partition(|&i| column[i] <= threshold)).unzip();
        let (low, high) = (self.node(low, depth - 1), self.node(high, depth - 1));
        self.tree.nodes[index] = Node::Split { feature, threshold, low, high };
        index
    }

    fn counts(&self, examples: &[usize]) -> Vec<f64> {
        let mut counts = vec![0.0; self.classes];
        examples.iter().for_each(|&i| counts[self.value[i]] += f64::from(self.weight[i]));
        counts
    }

    /// The split that takes most impurity away, of which a tie's first; none where none does.
    fn best(&self, orders: &[Vec<usize>], counts: &[f64]) -> Option<Split> {
        let total: f64 = counts.iter().sum();
        let squares: f64 = counts.iter().map(|c| c * c).sum();
        let mut best: Option<Split> = None;
        for (feature, order) in orders.iter().enumerate() {
            let column = &self.features[feature];
            let (mut low, mut high) = (vec![0.0; self.classes], counts.to_vec());
            let (mut low_squares, mut high_squares, mut low_total) = (0.0, squares, 0.0);
            for pair in order.windows(2) {
                let (class, w) = (self.value[pair[0]], f64::from(self.weight[pair[0]]));
                // Σ c² follows from (c ± w)² − c² = w (w ± 2c).
                low_squares += w * (w + 2.0 * low[class]);
                high_squares += w * (w - 2.0 * high[class]);
                (low[class], high[class], low_total) = (low[class] + w, high[class] - w, low_total + w);
                let (a, b) = (column[pair[0]], column[pair[1]]);
                if a == b {
                    continue;
                }
                // Total impurity is n − Σ c²/n on each side.
                let gain = low_squares / low_total + high_squares / (total - low_total) - squares / total;
                if gain > best.as_ref().map_or(1e-9 * total, |s| s.gain * (1.0 + 1e-9)) {
                    // Between the two, and below b even where they are neighbouring floats.
                    let middle = a / 2.0 + b / 2.0;
                    best = Some(Split { feature, threshold: if middle < b { middle.max(a) } else { a }, gain });
                }
            }
        }
        best
    }
}
