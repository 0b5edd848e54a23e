//! Writes a fused chain as WGSL: the text that replaces `epilogue/identity.wgsl` or `prologue/identity.wgsl`.

use crate::graph::fuse::{Arg, Chain};
use crate::ops::pointwise::{Access, Term};
use std::fmt::Write;

/// Where a chain enters a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// As `fn load(i)`.
    Prologue,
    /// As `fn epilogue(acc, i)`.
    Epilogue,
}

impl Place {
    /// The import that the chain's text replaces.
    pub fn import(self) -> &'static str {
        match self {
            Self::Prologue => "prologue/identity.wgsl",
            Self::Epilogue => "epilogue/identity.wgsl",
        }
    }
}

/// The WGSL of `chain`, and the bytes of its uniform (empty where it has none).
///
/// Bind group `group` is the chain's: binding 0 its access terms, bindings 1.. its inputs and then what it stores. Which
/// terms exist is structure and goes into the text; their values are sizes and go into the uniform.
pub fn wgsl(chain: &Chain, place: Place, group: usize) -> (String, Vec<u8>) {
    let name = match place {
        Place::Prologue => "pro",
        Place::Epilogue => "epi",
    };
    let mut imports: Vec<&str> = chain.links.iter().map(|l| l.f.function.name).collect();
    imports.sort_unstable();
    imports.dedup();
    let mut text = String::new();
    for name in imports {
        let _ = writeln!(text, "#import \"pointwise/{name}.wgsl\"");
    }
    let mut terms: Vec<[u32; 4]> = vec![];
    let at = |access: &Access, terms: &mut _| index(access, name, chain.shape.len(), terms);
    let reads: Vec<(usize, String)> = chain.reads.iter().map(|(k, access)| (*k, at(access, &mut terms))).collect();
    if !terms.is_empty() {
        let count = terms.len();
        let _ = writeln!(text, "struct {name}_params {{ terms: array<vec4<u32>, {count}> }}");
        let _ = writeln!(text, "@group({group}) @binding(0) var<uniform> {name}: {name}_params;");
    }
    let inputs = chain.inputs.len();
    for k in 0..inputs {
        let _ = writeln!(text, "@group({group}) @binding({}) var<storage, read> {name}_x{k}: array<f32>;", k + 1);
    }
    for k in 0..chain.stores.len() {
        let at = inputs + k + 1;
        let _ = writeln!(text, "@group({group}) @binding({at}) var<storage, read_write> {name}_y{k}: array<f32>;");
    }
    text.push_str(match place {
        Place::Prologue => "fn load(i: u32) -> f32 {\n",
        Place::Epilogue => "fn epilogue(acc: f32, i: u32) -> f32 {\n",
    });
    for (k, (input, at)) in reads.iter().enumerate() {
        let _ = writeln!(text, "    let x{k} = {name}_x{input}[{at}];");
    }
    for (k, link) in chain.links.iter().enumerate() {
        let args: Vec<String> =
            link.args.iter().map(|&a| variable(a)).chain(link.f.attrs.iter().map(|&a| literal(a))).collect();
        let _ = writeln!(text, "    let t{k} = pw_{}({});", link.f.function.name, args.join(", "));
    }
    for (k, &(_, stored)) in chain.stores.iter().enumerate() {
        let _ = writeln!(text, "    {name}_y{k}[i] = {};", variable(stored));
    }
    let _ = writeln!(text, "    return {};\n}}", variable(chain.result));
    (text, bytemuck::cast_slice(&terms).to_vec())
}

fn variable(arg: Arg) -> String {
    match arg {
        Arg::Acc => "acc".into(),
        Arg::Read(k) => format!("x{k}"),
        Arg::Link(k) => format!("t{k}"),
    }
}

/// An f32 literal that WGSL reads back exactly.
fn literal(x: f32) -> String {
    if x.is_finite() { format!("{x:?}f") } else { format!("bitcast<f32>({}u)", x.to_bits()) }
}

/// The index expression of `access` over a walk of `len` elements; its terms are appended to the uniform's.
fn index(access: &Access, name: &str, len: usize, terms: &mut Vec<[u32; 4]>) -> String {
    let list = match access {
        Access::Full => return "i".into(),
        Access::Scalar => return "0u".into(),
        Access::Terms(list) => list,
        Access::Shifted { by, terms: list } => {
            let k = terms.len();
            terms.push([*by as u32, 0, 0, 0]);
            let rest = index(&Access::Terms(list.clone()), name, len, terms);
            return format!("{name}.terms[{k}].x + {rest}");
        }
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
                text = format!("({text} >> {name}.terms[{k}].x)");
            }
            if !whole {
                text = format!("({text} & {name}.terms[{k}].y)");
            }
        } else {
            terms.push([div as u32, modulo as u32, stride as u32, 0]);
            if div != 1 {
                text = format!("({text} / {name}.terms[{k}].x)");
            }
            if !whole {
                text = format!("({text} % {name}.terms[{k}].y)");
            }
        }
        if stride != 1 { format!("{text} * {name}.terms[{k}].z") } else { text }
    };
    list.iter().map(|t| one(t, terms)).collect::<Vec<_>>().join(" + ")
}
