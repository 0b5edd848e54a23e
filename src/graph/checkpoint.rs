//! Gradient checkpointing (Chen 2016, arXiv 1604.06174): the backward pass computes some forward values again instead of
//! having them kept for it. A pure transformation of a differentiated graph: nodes are copied, nothing else changes, so the
//! gradients are those of the plain graph. Noise is made from counters and comes out the same again; nodes that update
//! something in place, or read what is updated, are never copied; nor are values that are compared with others.

use super::{Def, Graph, Value};
use crate::error::{Error, Result};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

/// Which forward values the backward pass computes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recompute {
    /// None: all that the backward pass reads is kept.
    #[default]
    Nothing,
    /// Those of functions of single elements and normalizations: much memory for little time.
    Cheap,
    /// All but those that cross one of about √n cuts through n layers: more memory, for up to one forward pass more.
    Segments,
}

impl FromStr for Recompute {
    type Err = String;

    /// `nothing`, `cheap` or `segments`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "nothing" => Ok(Self::Nothing),
            "cheap" => Ok(Self::Cheap),
            "segments" => Ok(Self::Segments),
            _ => Err("give nothing, cheap or segments".into()),
        }
    }
}

impl fmt::Display for Recompute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing",
            Self::Cheap => "cheap",
            Self::Segments => "segments",
        })
    }
}

/// A value this many times smaller than the largest is kept: it takes no memory to speak of.
const SMALL: usize = 64;
/// An op with fewer flops for each element it reads or writes is cheap.
const CHEAP_FLOPS: u64 = 16;

impl Graph {
    /// This graph, whose first `forward` nodes are the forward pass, with forward values computed again for the nodes behind;
    /// and what each of its values has become.
    ///
    /// # Errors
    /// Where there are fewer than `forward` nodes.
    pub fn checkpoint(&self, forward: usize, recompute: Recompute) -> Result<(Graph, Vec<Value>)> {
        if forward > self.nodes.len() {
            return Err(Error::Graph(format!("a forward pass of {forward} of {} nodes", self.nodes.len())));
        }
        let kept = self.kept(forward, recompute);
        let mut copier = Copier { from: self, to: self.prefix(forward), kept, map: HashMap::new() };
        for i in forward..self.nodes.len() {
            let inputs = self.nodes[i].inputs.clone();
            let inputs = inputs.into_iter().map(|v| copier.again(v)).collect();
            copier.push(i, inputs);
        }
        let map = (0..self.nodes.len()).map(|i| match i < forward {
            true => Value::at(i),
            false => copier.map[&i],
        });
        let map = map.collect();
        Ok((copier.to, map))
    }

    /// The first `count` nodes.
    fn prefix(&self, count: usize) -> Graph {
        let mut g = self.clone();
        g.nodes.truncate(count);
        g.leaves.retain(|_, v| v.index() < count);
        g.common.retain(|_, v| v.index() < count);
        g
    }

    /// Which forward nodes are never computed again.
    fn kept(&self, forward: usize, recompute: Recompute) -> Vec<bool> {
        let nodes = &self.nodes[..forward];
        let updated: HashSet<Value> = (self.nodes.iter())
            .flat_map(|n| n.inputs.iter().take(n.op().map_or(0, |op| op.updates())).copied())
            .collect();
        let compared = self.compared();
        let largest = nodes.iter().filter(|n| n.op().is_some()).map(|n| n.ty.bytes()).max().unwrap_or(0);
        let crossing = if recompute == Recompute::Segments { self.crossing(forward) } else { vec![false; forward] };
        let keep = |i: usize| {
            let node = &nodes[i];
            let Def::Apply(op) = &node.def else { return true };
            if op.alias() {
                return false; // no memory of its own
            }
            let fixed = compared[i] || op.updates() > 0 || node.inputs.iter().any(|v| updated.contains(v));
            let small = node.ty.bytes() * SMALL <= largest;
            let types: Vec<_> = node.inputs.iter().map(|&v| self.ty(v).clone()).collect();
            let elements = types.iter().map(|ty| ty.len()).sum::<usize>() + node.ty.len();
            let dear = op.sums_products() || op.cost(&types, &node.ty).flops > CHEAP_FLOPS * elements as u64;
            match recompute {
                Recompute::Nothing => true,
                Recompute::Cheap => fixed || small || dear,
                Recompute::Segments => fixed || small || crossing[i],
            }
        };
        (0..forward).map(keep).collect()
    }

    /// Which forward nodes are read across a cut, or lie behind the last one. The cuts part the forward pass into about √n
    /// segments of equal bytes, n products; each is moved to where the fewest bytes cross it.
    fn crossing(&self, forward: usize) -> Vec<bool> {
        let own = |i: usize| match &self.nodes[i].def {
            Def::Apply(op) if !op.alias() && op.updates() == 0 => self.nodes[i].ty.bytes(),
            _ => 0,
        };
        let mut last_use: Vec<usize> = (0..forward).collect();
        for i in (0..forward).rev() {
            let alias = self.nodes[i].op().is_some_and(|op| op.alias());
            let until = if alias { last_use[i] } else { i };
            self.nodes[i].inputs.iter().for_each(|v| last_use[v.index()] = last_use[v.index()].max(until));
        }
        let crosses = |i: usize, cut: usize| i < cut && cut <= last_use[i];
        let done: Vec<usize> = (0..forward)
            .scan(0, |sum, i| {
                *sum += own(i);
                Some(*sum)
            })
            .collect();
        let products = (0..forward).filter(|&i| self.nodes[i].op().is_some_and(|op| op.sums_products())).count();
        let segments = (products as f64).sqrt().ceil() as usize;
        let total = done.last().copied().unwrap_or(0);
        let mut result = vec![false; forward];
        let mut last_cut = 0;
        for s in 1..segments {
            let near = |i: &usize| (2 * segments * done[*i]).abs_diff(2 * s * total) <= total;
            let bytes = |cut: usize| (0..cut).filter(|&i| crosses(i, cut)).map(own).sum::<usize>();
            let Some(cut) = (1..forward).filter(near).min_by_key(|&cut| bytes(cut)) else { continue };
            (0..cut).filter(|&i| crosses(i, cut)).for_each(|i| result[i] = true);
            last_cut = last_cut.max(cut);
        }
        (last_cut..forward).for_each(|i| result[i] = true); // the backward pass begins with these
        result
    }
}

struct Copier<'a> {
    from: &'a Graph,
    to: Graph,
    kept: Vec<bool>,
    /// What stands for a node behind the forward pass, or for one that was computed again.
    map: HashMap<usize, Value>,
}

impl Copier<'_> {
    /// What a backward node reads instead of `v`, computed right here if it has to be.
    fn again(&mut self, v: Value) -> Value {
        let i = v.index();
        if let Some(&known) = self.map.get(&i) {
            return known;
        }
        // Depth first with a stack of its own: segments may be deep.
        let mut stack = vec![i];
        while let Some(&i) = stack.last() {
            if self.kept[i] {
                self.map.insert(i, Value::at(i));
            }
            if self.map.contains_key(&i) {
                stack.pop();
                continue;
            }
            let missing: Vec<usize> =
                self.from.nodes[i].inputs.iter().map(|v| v.index()).filter(|i| !self.map.contains_key(i)).collect();
            if missing.is_empty() {
                let inputs: Vec<Value> = self.from.nodes[i].inputs.iter().map(|v| self.map[&v.index()]).collect();
                let alias = self.from.nodes[i].op().is_some_and(|op| op.alias());
                match alias && inputs == self.from.nodes[i].inputs {
                    true => drop(self.map.insert(i, Value::at(i))),
                    false => self.push(i, inputs),
                }
            }
            stack.extend(missing);
        }
        self.map[&i]
    }

    /// Appends a copy of node `i`, never shared with an equal one.
    fn push(&mut self, i: usize, inputs: Vec<Value>) {
        let node = &self.from.nodes[i];
        let scope = self.from.scopes[node.scope as usize].clone();
        let outer = std::mem::replace(&mut self.to.scope, scope);
        let copy = self.to.push(node.def.clone(), inputs, node.ty.clone());
        self.to.scope = outer;
        if node.op().is_none() {
            let names = self.from.leaves.iter().filter(|(_, v)| v.index() == i).map(|(name, _)| (name.clone(), copy));
            self.to.leaves.extend(names);
        }
        self.map.insert(i, copy);
    }
}
