//! Units as steps, with their chains written out.

use super::units::{Side, Unit, Units};
use super::{Arg, Chain, Link, Step};
use crate::graph::{Def, Value};
use crate::ops::pointwise::Access;
use std::collections::HashMap;

/// The step of unit `u`; `None` for one that has been merged into another.
pub(super) fn step(units: &Units<'_>, u: usize) -> Option<Step> {
    let (g, unit) = (units.g, &units.units[u]);
    let head = unit.after.iter().copied().max();
    let alone = (unit.after.len() == 1).then(|| unit.after[0]).filter(|&i| units.view(i).is_some());
    let Some(heavy) = unit.heavy.or(alone) else {
        let needed = unit.after.iter().copied().filter(|&i| units.is_needed(i)).max().or(head)?;
        let epilogue = Some(chain(units, unit, Side::After, needed));
        let out = Value::at(needed);
        return Some(Step { op: None, node: out, inputs: vec![], prologue: None, epilogue, beside: None, out });
    };
    let node = &g.nodes()[heavy];
    if let Def::StoreGrad { .. } = node.def {
        let (out, epilogue) = (Value::at(heavy), Some(Chain::read(g, node.inputs[0])));
        return Some(Step { op: None, node: out, inputs: vec![], prologue: None, epilogue, beside: None, out });
    }
    let input = node.inputs.first().map_or(heavy, |&v| units.base(v));
    let prologue = (!unit.before.is_empty()).then(|| chain(units, unit, Side::Before, input));
    let needed = unit.after.iter().copied().filter(|&i| units.is_needed(i)).max().or(head).filter(|_| alone.is_none());
    let epilogue = needed.map(|needed| chain(units, unit, Side::After, needed));
    let out = Value::at(needed.unwrap_or(heavy));
    let beside = unit.beside.map(Value::at);
    let (op, inputs) = (node.op().cloned(), node.inputs.clone());
    Some(Step { op, node: Value::at(heavy), inputs, prologue, epilogue, beside, out })
}

/// The chain of one side of `unit`, which yields node `result` and stores what else is needed.
fn chain(units: &Units<'_>, unit: &Unit, side: Side, result: usize) -> Chain {
    let mut members = unit.chain(side).clone();
    members.sort_unstable();
    let acc = unit.heavy.filter(|_| side == Side::After);
    let mut writer = Writer { units, acc, known: HashMap::new(), inputs: vec![], reads: vec![], links: vec![] };
    for &m in &members {
        writer.link(m);
    }
    let result_arg = writer.known.get(&result).copied().unwrap_or(Arg::Acc);
    // The result goes to the kernel, which writes it; a prologue's goes nowhere else.
    let written = |i: usize| side == Side::After && i == result;
    let stored = acc.into_iter().chain(members.iter().copied()).filter(|&i| units.is_needed(i) && !written(i));
    let arg = |i: usize| (Value::at(i), if acc == Some(i) { Arg::Acc } else { writer.known[&i] });
    let stores = stored.map(arg).collect();
    let shape = units.g.nodes()[*members.first().unwrap_or(&result)].ty.shape.clone();
    let Writer { inputs, reads, links, .. } = writer;
    Chain { shape, inputs, reads, links, result: result_arg, stores }
}

struct Writer<'a> {
    units: &'a Units<'a>,
    acc: Option<usize>,
    /// Links of members and of inline nodes.
    known: HashMap<usize, Arg>,
    inputs: Vec<Value>,
    reads: Vec<(usize, Access)>,
    links: Vec<Link>,
}

impl Writer<'_> {
    /// Appends pointwise node `i`, its arguments before it.
    fn link(&mut self, i: usize) -> Arg {
        if let Some(&known) = self.known.get(&i) {
            return known;
        }
        let node = &self.units.g.nodes()[i];
        if let Some(access) = self.units.view(i) {
            let arg = self.input(self.units.base(node.inputs[0]), access);
            self.known.insert(i, arg);
            return arg;
        }
        let args = node.inputs.iter().map(|&v| self.arg(v, i)).collect();
        if let Some(f) = node.op().and_then(|op| op.pointwise()) {
            self.links.push(Link { f, args });
        }
        let arg = Arg::Link(self.links.len().saturating_sub(1));
        self.known.insert(i, arg);
        arg
    }

    /// How node `reader` gets its input `v`.
    fn arg(&mut self, v: Value, reader: usize) -> Arg {
        let base = self.units.base(v);
        if self.acc == Some(base) {
            return Arg::Acc;
        }
        if let Some(&known) = self.known.get(&base) {
            return known;
        }
        if self.units.inline[base] {
            return self.link(base);
        }
        let g = self.units.g;
        let access = match g.ty(v).len() {
            1 => Access::Scalar, // also where the reader is a single number evaluated at every element
            _ => Access::of(g.shape(v), &g.nodes()[reader].ty.shape),
        };
        self.input(base, access)
    }

    /// External input `base`, read by `access`.
    fn input(&mut self, base: usize, access: Access) -> Arg {
        let base = Value::at(base);
        let input = self.inputs.iter().position(|&v| v == base).unwrap_or_else(|| {
            self.inputs.push(base);
            self.inputs.len() - 1
        });
        let read = (input, access);
        let k = self.reads.iter().position(|r| *r == read).unwrap_or_else(|| {
            self.reads.push(read);
            self.reads.len() - 1
        });
        Arg::Read(k)
    }
}
