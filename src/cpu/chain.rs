//! Chains of pointwise nodes, evaluated in one loop over blocks that stay in the cache: what only the chain reads is never
//! written to memory. The functions are the references', so the bits are those of running node by node.

use super::{Real, View};
use crate::graph::{Def, Graph, Value};
use crate::ops::pointwise::{Access, Pointwise};
use rayon::prelude::*;

/// Elements evaluated at a time.
const BLOCK: usize = 2048;
/// Nodes of a chain at most: each keeps a block.
const LONGEST: usize = 32;

/// Which nodes run together.
#[derive(Debug)]
pub(super) struct Chains {
    list: Vec<Chain>,
    /// The chain of each node that is in one of several.
    of: Vec<Option<usize>>,
}

/// Pointwise nodes of equal length, run where the last of them stands.
#[derive(Debug)]
pub(super) struct Chain {
    links: Vec<Link>,
    len: usize,
}

#[derive(Debug)]
struct Link {
    node: usize,
    f: Pointwise,
    args: Vec<Arg>,
    /// Whether others read it.
    stored: bool,
}

#[derive(Debug)]
enum Arg {
    /// An earlier link.
    Link(usize),
    /// A value in memory.
    Read(Value, Access),
}

impl Chains {
    /// None: every node by itself.
    pub fn none(graph: &Graph) -> Self {
        Self { list: vec![], of: vec![None; graph.nodes().len()] }
    }

    /// Joins each live pointwise node with those whose values it reads, where they can wait for it.
    pub fn find(graph: &Graph, roots: &[Value], live: &[bool]) -> Self {
        let readers = readers(graph, live);
        let root = |i: usize| roots.iter().any(|&v| graph.base(v) == i);
        let mut groups: Vec<(Vec<usize>, usize)> = vec![]; // members, and how many updates came before
        let mut of: Vec<Option<usize>> = vec![None; live.len()];
        let mut updates = 0;
        for i in (0..live.len()).filter(|&i| live[i]) {
            let node = &graph.nodes()[i];
            let Some(op) = node.op() else { continue };
            updates += usize::from(op.updates() > 0);
            if op.pointwise().is_none() {
                continue;
            }
            let mut wanted: Vec<usize> = node.inputs.iter().filter_map(|&v| of[graph.base(v)]).collect();
            wanted.sort_unstable();
            wanted.dedup();
            let fits = |group: &usize| {
                let (nodes, at) = &groups[*group];
                *at == updates && graph.nodes()[nodes[0]].ty.len() == node.ty.len()
            };
            wanted.retain(fits);
            // A group moves here only if none of its values is read before here by what stays where it is.
            while let Some(k) = first_that_cannot_wait(&wanted, &groups, &readers, &of, i) {
                wanted.remove(k);
            }
            let mut members: Vec<usize> =
                wanted.iter().flat_map(|&group| std::mem::take(&mut groups[group].0)).collect();
            members.push(i);
            members.sort_unstable();
            members.iter().for_each(|&m| of[m] = Some(groups.len()));
            groups.push((members, updates));
        }
        let mut chains = Self::none(graph);
        for (members, _) in groups.into_iter().filter(|(members, _)| members.len() > 1) {
            members.iter().for_each(|&m| chains.of[m] = Some(chains.list.len()));
            let stored = |i: usize| root(i) || readers[i].iter().any(|r| !members.contains(r));
            chains.list.push(Chain::new(graph, &members, stored));
        }
        chains
    }

    /// Where node `i` runs.
    pub fn position(&self, i: usize) -> usize {
        self.of[i].map_or(i, |chain| self.list[chain].last())
    }
    /// Whether node `i` leaves its value in memory.
    pub fn stores(&self, i: usize) -> bool {
        let Some(chain) = self.of[i] else { return true };
        self.list[chain].links.iter().any(|link| link.node == i && link.stored)
    }
    /// The chain that node `i` is in, if any.
    pub fn at(&self, i: usize) -> Option<&Chain> {
        self.of[i].map(|chain| &self.list[chain])
    }
}

/// Which of the groups `wanted` at node `i` must run before it: it would make the chain too long, or others read it.
fn first_that_cannot_wait(
    wanted: &[usize],
    groups: &[(Vec<usize>, usize)],
    readers: &[Vec<usize>],
    of: &[Option<usize>],
    i: usize,
) -> Option<usize> {
    let inside = |r: &usize| *r >= i || of[*r].is_some_and(|group| wanted.contains(&group));
    let waits = |group: &usize| groups[*group].0.iter().all(|&m| readers[m].iter().all(inside));
    let total: usize = wanted.iter().map(|&group| groups[group].0.len()).sum();
    wanted.iter().position(|group| !waits(group)).or_else(|| (total >= LONGEST).then(|| wanted.len() - 1))
}

/// The live nodes that read each node's storage.
fn readers(graph: &Graph, live: &[bool]) -> Vec<Vec<usize>> {
    let mut readers = vec![vec![]; live.len()];
    for (i, node) in graph.nodes().iter().enumerate() {
        let alias = matches!(&node.def, Def::Apply(op) if op.alias());
        for &v in node.inputs.iter().filter(|_| live[i] && !alias) {
            readers[graph.base(v)].push(i);
        }
    }
    readers
}

impl Chain {
    fn new(graph: &Graph, members: &[usize], stored: impl Fn(usize) -> bool) -> Self {
        let mut links: Vec<Link> = vec![];
        for &i in members {
            let node = &graph.nodes()[i];
            let Some(f) = node.op().and_then(|op| op.pointwise()) else { continue };
            let arg = |&v: &Value| match links.iter().position(|link| link.node == graph.base(v)) {
                Some(link) => Arg::Link(link),
                None => Arg::Read(v, Access::of(&graph.ty(v).shape, &node.ty.shape)),
            };
            let args = node.inputs.iter().map(arg).collect();
            links.push(Link { node: i, f, args, stored: stored(i) });
        }
        Self { links, len: graph.nodes()[members[0]].ty.len() }
    }

    /// Where it runs.
    pub fn last(&self) -> usize {
        self.links.last().map_or(0, |link| link.node)
    }
    /// The nodes whose values it writes, in order.
    pub fn stored(&self) -> impl Iterator<Item = usize> + '_ {
        self.links.iter().filter(|link| link.stored).map(|link| link.node)
    }

    /// Evaluates it; `outs` are the values of [`Chain::stored`].
    pub fn eval<'a, T: Real>(&self, view: impl Fn(Value) -> View<'a, T>, outs: Vec<&mut [T]>) {
        let attrs = |link: &Link| -> Vec<T> { link.f.attrs.iter().map(|&a| T::of(a.into())).collect() };
        let attrs: Vec<Vec<T>> = self.links.iter().map(attrs).collect();
        let data = |arg: &Arg| match arg {
            Arg::Read(v, _) => view(*v).real(),
            Arg::Link(_) => &[],
        };
        let data: Vec<Vec<&[T]>> = self.links.iter().map(|link| link.args.iter().map(data).collect()).collect();
        let mut blocks: Vec<Vec<&mut [T]>> = (0..self.len.div_ceil(BLOCK)).map(|_| vec![]).collect();
        for out in outs {
            out[..self.len].chunks_mut(BLOCK).zip(&mut blocks).for_each(|(chunk, block)| block.push(chunk));
        }
        let temporaries = || vec![vec![T::ZERO; BLOCK]; self.links.len()];
        blocks.into_par_iter().enumerate().for_each_init(temporaries, |temporaries, (block, outs)| {
            let from = block * BLOCK;
            self.block(from..(from + BLOCK).min(self.len), &attrs, &data, temporaries, outs);
        });
    }

    fn block<T: Real>(
        &self,
        range: std::ops::Range<usize>,
        attrs: &[Vec<T>],
        data: &[Vec<&[T]>],
        temporaries: &mut [Vec<T>],
        outs: Vec<&mut [T]>,
    ) {
        let mut outs = outs.into_iter();
        let mut results: Vec<&[T]> = vec![];
        for ((link, temporary), (attrs, data)) in self.links.iter().zip(temporaries).zip(attrs.iter().zip(data)) {
            let gathered: Vec<Vec<T>> = (link.args.iter().zip(data))
                .map(|(arg, data)| match arg {
                    Arg::Link(_) | Arg::Read(_, Access::Full) => vec![],
                    Arg::Read(_, access) => access.gather(data, range.start, range.len()),
                })
                .collect();
            let inputs: Vec<&[T]> = (link.args.iter().zip(data).zip(&gathered))
                .map(|((arg, data), gathered)| match arg {
                    Arg::Link(k) => results[*k],
                    Arg::Read(_, Access::Full) => &data[range.clone()],
                    Arg::Read(..) => gathered,
                })
                .collect();
            let kept = if link.stored { outs.next() } else { None };
            let out = kept.unwrap_or(&mut temporary[..range.len()]);
            T::pointwise(link.f.function, &inputs, attrs, out);
            results.push(out);
        }
    }
}
