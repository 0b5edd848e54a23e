//! Writes a fused chain as WGSL: the text that replaces `epilogue/identity.wgsl` or `prologue/identity.wgsl`.

use crate::graph::fuse::{Arg, Chain};
use crate::ops::ChainSlot;
use crate::ops::pointwise::{Access, Term};
use std::fmt::Write;

/// The WGSL of `chain` as `fn epilogue(acc, i)` or `fn load(i)`, and the bytes of its uniform (empty where it has none).
///
/// Group 1 is the chain's: binding 0 its access terms, bindings 1.. its inputs. Which terms exist is structure and goes
/// into the text; their values are sizes and go into the uniform.
pub fn wgsl(chain: &Chain, slot: ChainSlot) -> (String, Vec<u8>) {
    let mut imports: Vec<&str> = chain.links.iter().map(|l| l.f.function.name).collect();
    imports.sort_unstable();
    imports.dedup();
    let mut text = String::new();
    for name in imports {
        let _ = writeln!(text, "#import \"pointwise/{name}.wgsl\"");
    }
    let mut terms: Vec<[u32; 4]> = vec![];
    let reads: Vec<String> = chain.access.iter().map(|a| index(a, chain.shape.len(), &mut terms)).collect();
    if !terms.is_empty() {
        let count = terms.len();
        let _ = writeln!(text, "struct ChainParams {{ terms: array<vec4<u32>, {count}> }}");
        let _ = writeln!(text, "@group(1) @binding(0) var<uniform> chain: ChainParams;");
    }
    for k in 0..chain.inputs.len() {
        let _ = writeln!(text, "@group(1) @binding({}) var<storage, read> chain_x{k}: array<f32>;", k + 1);
    }
    text.push_str(match slot {
        ChainSlot::Prologue => "fn load(i: u32) -> f32 {\n",
        _ => "fn epilogue(acc: f32, i: u32) -> f32 {\n",
    });
    for (k, read) in reads.iter().enumerate() {
        let _ = writeln!(text, "    let x{k} = chain_x{k}[{read}];");
    }
    for (k, link) in chain.links.iter().enumerate() {
        let args: Vec<String> =
            link.args.iter().map(|&a| name(a)).chain(link.f.attrs.iter().map(|&a| literal(a))).collect();
        let _ = writeln!(text, "    let t{k} = pw_{}({});", link.f.function.name, args.join(", "));
    }
    let _ = writeln!(text, "    return {};\n}}", name(chain.result));
    (text, bytemuck::cast_slice(&terms).to_vec())
}

fn name(arg: Arg) -> String {
    match arg {
        Arg::Acc => "acc".into(),
        Arg::Input(k) => format!("x{k}"),
        Arg::Link(k) => format!("t{k}"),
    }
}

/// An f32 literal that WGSL reads back exactly.
fn literal(x: f32) -> String {
    if x.is_finite() { format!("{x:?}f") } else { format!("bitcast<f32>({}u)", x.to_bits()) }
}

/// The index expression of `access` over a walk of `len` elements; its terms are appended to the uniform's.
fn index(access: &Access, len: usize, terms: &mut Vec<[u32; 4]>) -> String {
    let list = match access {
        Access::Full => return "i".into(),
        Access::Scalar => return "0u".into(),
        Access::Terms(list) => list,
    };
    let one = |term: &Term, terms: &mut Vec<[u32; 4]>| {
        let k = terms.len();
        let Term { div, modulo, stride } = *term;
        let shifts = div.is_power_of_two() && modulo.is_power_of_two();
        let whole = div * modulo == len;
        let mut text = String::from("i");
        if shifts {
            terms.push([div.trailing_zeros(), modulo as u32 - 1, stride as u32, 0]);
            if div != 1 {
                text = format!("({text} >> chain.terms[{k}].x)");
            }
            if !whole {
                text = format!("({text} & chain.terms[{k}].y)");
            }
        } else {
            terms.push([div as u32, modulo as u32, stride as u32, 0]);
            if div != 1 {
                text = format!("({text} / chain.terms[{k}].x)");
            }
            if !whole {
                text = format!("({text} % chain.terms[{k}].y)");
            }
        }
        if stride != 1 { format!("{text} * chain.terms[{k}].z") } else { text }
    };
    list.iter().map(|t| one(t, terms)).collect::<Vec<_>>().join(" + ")
}
