//! Which units merge, in which order.

use super::units::{Side, Unit, Units};

/// Merges to the end. Chains that are read in one place only go there first, so that they are whole when an op takes them;
/// values that must be stored anyway go last, with whoever reads them.
pub(super) fn merge(units: &mut Units<'_>) {
    let count = units.units.len();
    (0..count).rev().for_each(|chain| into_reader(units, chain, false));
    (0..count).for_each(|chain| onto_producer(units, chain));
    (0..count).for_each(|chain| beside_sibling(units, chain));
    (0..count).for_each(|sums| along_product(units, sums));
    (0..count).rev().for_each(|chain| into_reader(units, chain, true));
    (0..count).for_each(|chain| with_alike(units, chain));
}

/// Whether `unit` is a chain on its own.
fn is_chain(unit: &Unit) -> bool {
    unit.heavy.is_none() && !unit.after.is_empty()
}

/// Elements that a chain walks: those of its members.
fn walk(units: &Units<'_>, members: &[usize]) -> Option<usize> {
    members.first().map(|&m| units.len(m))
}

/// Puts a chain into one that reads it, or into the prologue of an op that does. Without `store`, only where nobody else
/// reads it.
fn into_reader(units: &mut Units<'_>, chain: usize, store: bool) {
    let unit = units.units[chain].clone();
    if !is_chain(&unit) {
        return;
    }
    let outside = |&(_, c): &(usize, usize)| units.unit_of[c] != Some(chain);
    let mut readers: Vec<(usize, usize)> =
        unit.after.iter().flat_map(|&i| units.readers(i).into_iter().map(move |c| (i, c))).filter(outside).collect();
    readers.sort_unstable_by_key(|&(_, c)| c);
    let rooted = unit.after.iter().any(|&i| units.is_root[i]);
    for &(i, c) in &readers {
        let Some(reader) = units.unit_of[c] else { continue };
        if !store && (rooted || readers.iter().any(|&(_, c)| units.unit_of[c] != Some(reader))) {
            return;
        }
        let side = match units.is_link(c) {
            true if units.units[reader].before.contains(&c) => Side::Before,
            true => Side::After,
            false if takes_as_prologue(units, c, i) => Side::Before,
            false => continue,
        };
        let mut joined = units.units[reader].clone();
        let walked = match side {
            Side::Before => joined.heavy.and_then(|h| units.inputs(h).next()).map(|v| units.len(v)),
            Side::After => walk(units, &joined.after),
        };
        match side {
            Side::Before => joined.before.extend(&unit.after),
            Side::After => joined.after.extend(&unit.after),
        }
        let same = walked == walk(units, &unit.after);
        if same && units.fits(&joined, &[reader, chain]) && !units.entangled(reader, chain) {
            return units.join(reader, chain, joined);
        }
    }
}

/// Whether `op` reads `i` as its input 0 only, and takes a prologue.
fn takes_as_prologue(units: &Units<'_>, op: usize, i: usize) -> bool {
    let inputs: Vec<usize> = units.inputs(op).collect();
    units.op(op).is_some_and(|op| op.takes_prologue()) && inputs[0] == i && !inputs[1..].contains(&i)
}

/// Makes a chain the epilogue of an op whose output it reads.
fn onto_producer(units: &mut Units<'_>, chain: usize) {
    let unit = &units.units[chain];
    if !is_chain(unit) {
        return;
    }
    let walked = walk(units, &unit.after);
    for h in units.externals(unit, Side::After).into_iter().rev() {
        let Some(producer) = units.unit_of[h] else { continue };
        let takes = units.op(h).is_some_and(|op| op.takes_epilogue()) && units.units[producer].heavy == Some(h);
        if !takes || walked != Some(units.len(h)) || !units.units[producer].after.is_empty() {
            continue;
        }
        let joined = Unit { after: units.units[chain].after.clone(), ..units.units[producer].clone() };
        if units.fits(&joined, &[producer, chain]) && !units.entangled(producer, chain) {
            return units.join(producer, chain, joined);
        }
    }
}

/// Tensors up to this many elements are cheaper to keep than a dispatch.
const SMALL: usize = 1024;

/// Evaluates a chain with another that reads or computes a tensor of its size, if after that nobody else needs the tensor
/// (then it is read once instead of twice, or never written) or it is small.
fn beside_sibling(units: &mut Units<'_>, chain: usize) {
    let unit = units.units[chain].clone();
    if !is_chain(&unit) {
        return;
    }
    let walked = walk(units, &unit.after);
    for shared in units.externals(&unit, Side::After).into_iter().rev() {
        let small = units.len(shared) <= SMALL;
        let same = walked == Some(units.len(shared));
        if units.is_leaf(shared) || !(small || same && !units.is_root[shared]) {
            continue;
        }
        let mut others: Vec<usize> = units.readers(shared).into_iter().filter_map(|c| units.unit_of[c]).collect();
        others.extend(units.unit_of[shared]);
        others.retain(|&u| u != chain);
        others.sort_unstable();
        others.dedup();
        for other in others {
            if let Some(joined) = sibling(units, chain, other, shared) {
                units.join(other, chain, joined);
                return;
            }
        }
    }
}

/// `chain` and `other` as one, if that is possible and leaves `shared` to nobody else.
fn sibling(units: &Units<'_>, chain: usize, other: usize, shared: usize) -> Option<Unit> {
    let alone = |c: &usize| units.unit_of[*c] == Some(chain) || units.unit_of[*c] == Some(other);
    if units.len(shared) > SMALL && !units.readers(shared).iter().all(alone) {
        return None;
    }
    let (unit, into) = (&units.units[chain], &units.units[other]);
    let holds = |side: Side| {
        let members = into.chain(side);
        let reads = units.externals(into, side).contains(&shared) || members.contains(&shared);
        let acc = side == Side::After && into.heavy == Some(shared);
        walk(units, members) == walk(units, &unit.after) && (reads || acc)
    };
    let mut joined = into.clone();
    match () {
        () if holds(Side::After) => joined.after.extend(&unit.after),
        () if holds(Side::Before) => joined.before.extend(&unit.after),
        () => return None,
    }
    (units.fits(&joined, &[chain, other]) && !units.entangled(chain, other)).then_some(joined)
}

/// Evaluates a small chain with another of its length, though they share nothing: the dispatch costs more than either.
fn with_alike(units: &mut Units<'_>, chain: usize) {
    let small = |u: &usize| {
        let unit = &units.units[*u];
        walk(units, &unit.after).filter(|&len| is_chain(unit) && len <= SMALL)
    };
    let Some(len) = small(&chain) else { return };
    for other in (0..chain).filter(|u| small(u) == Some(len)) {
        let (unit, into) = (&units.units[chain], &units.units[other]);
        let joined = Unit { after: [into.after.as_slice(), &unit.after].concat(), ..into.clone() };
        if units.fits(&joined, &[other, chain]) && !units.entangled(chain, other) {
            return units.join(other, chain, joined);
        }
    }
}

/// Lets a matrix product compute the column sums of its right operand.
fn along_product(units: &mut Units<'_>, sums: usize) {
    let unit = &units.units[sums];
    let Some(node) = unit.heavy.filter(|&i| units.op(i).is_some_and(|op| op.sums_columns())) else { return };
    let (Some(matrix), true) = (units.inputs(node).next(), unit.before.is_empty() && unit.after.is_empty()) else {
        return;
    };
    for product in units.readers(matrix) {
        let Some(into) = units.unit_of[product].filter(|&u| u != sums && units.units[u].heavy == Some(product)) else {
            continue;
        };
        let inputs = &units.g.nodes()[product].inputs;
        let types: Vec<_> = inputs.iter().map(|&v| units.g.ty(v).clone()).collect();
        let right = inputs.get(1).is_some_and(|&v| units.base(v) == matrix && types[1].shape.last() == units.len(node));
        let takes = right && units.op(product).is_some_and(|op| op.takes_column_sums(&types));
        let joined = Unit { beside: Some(node), ..units.units[into].clone() };
        let free = units.units[into].beside.is_none();
        if takes && free && units.fits(&joined, &[into, sums]) && !units.entangled(into, sums) {
            return units.join(into, sums, joined);
        }
    }
}
