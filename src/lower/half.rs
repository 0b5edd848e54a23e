//! Half-precision storage: a kernel whose tensors are f32 is rewritten so that some of them take two bytes an element.
//!
//! Only memory changes. Each element is converted as it is read and as it is written, and everything in between stays f32,
//! so sums are accumulated in f32 (Micikevicius et al. 2018, arXiv 1710.03740). No kernel knows of it: where a variable is
//! read and written is asked of naga, not looked for in the text, so that a local of the same name is left alone. What is
//! missed does not compile.

use super::caps::Caps;
use super::shader::Shader;
use crate::error::{Error, Result};
use naga::{Expression, Function, GlobalVariable, Handle, Module, Statement, TypeInner};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// How large tensors are stored. Arithmetic is f32 in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Four bytes an element.
    #[default]
    F32,
    /// Two bytes an element for activations, their gradients and a copy of the weights; parameters, their gradients, the
    /// optimizer's moments, statistics, what is compared with other tensors and small tensors keep four.
    F16,
}

impl Precision {
    /// Refuses half precision on a device without it.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn check(self, caps: &Caps) -> Result<()> {
        match self {
            Self::F16 if !caps.f16 => Err(Self::refusal("this adapter has no 16-bit floats (shader-f16)")),
            _ => Ok(()),
        }
    }

    /// The one message for a device that cannot.
    pub(crate) fn refusal(why: &str) -> Error {
        Error::Device(format!("precision f16: {why}; use precision f32, which runs everywhere"))
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        })
    }
}

impl FromStr for Precision {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text.trim().to_lowercase().as_str() {
            "f32" => Ok(Self::F32),
            "f16" | "half" => Ok(Self::F16),
            other => Err(Error::Config(format!("precision {other:?}: give f32 or f16"))),
        }
    }
}

/// Narrowed shaders by source and variables, so that equal ones are validated once a process.
static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);
type Cache = HashMap<(String, Vec<String>), Arc<Shader>>;

/// Does without integers of 64 bits in a kernel that reads f16: two floats are fetched as one, two halves are not.
pub fn without_pairs(imports: &mut Vec<(&'static str, &'static str)>, halves: &[Vec<bool>]) {
    if !halves.iter().flatten().any(|half| *half) {
        return;
    }
    imports.retain(|(_, file)| *file != "lib/four_wide.wgsl");
    let right = imports.iter_mut().filter(|(_, file)| *file == "gemm/right8.wgsl");
    right.for_each(|(_, file)| *file = "gemm/right4_lanes.wgsl");
}

/// The shader with those of its storage bindings holding f16 that `halves` marks, by group and place.
///
/// # Errors
/// As [`narrow`].
pub fn narrow_bindings(shader: &Arc<Shader>, halves: &[Vec<bool>]) -> Result<Arc<Shader>> {
    let bindings = shader.layout().iter().zip(halves).flat_map(|(group, halves)| group.storage.iter().zip(halves));
    let names: Vec<&str> = bindings.filter(|(_, half)| **half).map(|(binding, _)| binding.name.as_str()).collect();
    narrow(shader, &names)
}

/// The shader with the storage variables called `names` (arrays of f32 or vectors of it) holding f16.
///
/// # Errors
/// [`Error::Shader`] for a variable that is not there or holds something else, and for uses other than `x[i]` and
/// `x[i] = value;`.
pub fn narrow(shader: &Arc<Shader>, names: &[&str]) -> Result<Arc<Shader>> {
    if names.is_empty() {
        return Ok(shader.clone());
    }
    let key = (shader.source.clone(), names.iter().map(|n| n.to_string()).collect());
    if let Some(known) = CACHE.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(known.clone());
    }
    let fail = |message: String| Error::Shader { kernel: shader.name.clone(), message: format!("as f16: {message}") };
    let text = Rewrite::new(shader, names).and_then(Rewrite::text).map_err(fail)?;
    let narrow = Shader::from_source(&shader.name, &text)?;
    CACHE.lock().unwrap_or_else(PoisonError::into_inner).insert(key, narrow.clone());
    Ok(narrow)
}

/// Bytes of a component of the elements of an array variable.
fn element_width(module: &Module, variable: &GlobalVariable) -> Option<u8> {
    let TypeInner::Array { base, .. } = module.types[variable.ty].inner else { return None };
    module.types[base].inner.scalar().filter(|s| s.kind == naga::ScalarKind::Float).map(|s| s.width)
}

/// What is inserted or replaced: the range of bytes, its turn among those at one place, and the text.
type Edit = (Range<usize>, i64, String);

struct Rewrite<'a> {
    shader: &'a Shader,
    variables: Vec<Handle<GlobalVariable>>,
    edits: Vec<Edit>,
}

impl<'a> Rewrite<'a> {
    fn new(shader: &'a Shader, names: &[&str]) -> Result<Self, String> {
        let find = |name: &&str| {
            let mut all = shader.module().global_variables.iter();
            let found = all.find(|(_, v)| v.name.as_deref() == Some(*name));
            found.map(|(handle, _)| handle).ok_or_else(|| format!("no variable {name}"))
        };
        let variables = names.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { shader, variables, edits: vec![] })
    }

    fn text(mut self) -> Result<String, String> {
        let (module, info) = (self.shader.module(), self.shader.module_info());
        for variable in self.variables.clone() {
            self.declaration(variable)?;
        }
        for (handle, function) in module.functions.iter() {
            self.function(function, &info[handle])?;
        }
        for (index, entry) in module.entry_points.iter().enumerate() {
            self.function(&entry.function, info.get_entry_point(index))?;
        }
        self.edits.sort_by_key(|(range, turn, _)| (range.start, *turn));
        let source = &self.shader.source;
        let mut text = String::from("enable f16; "); // on the first line, so that the others keep their numbers
        let mut at = 0;
        for (range, _, new) in &self.edits {
            text.push_str(source.get(at..range.start).ok_or("overlapping changes")?);
            text.push_str(new);
            at = range.end;
        }
        text.push_str(&source[at..]);
        Ok(text)
    }

    /// `array<f32>` becomes `array<f16>`; `array<vec4<f32>>`, or an alias for it, `array<vec4<f16>>`.
    fn declaration(&mut self, variable: Handle<GlobalVariable>) -> Result<(), String> {
        let module = self.shader.module();
        let range = module.global_variables.get_span(variable).to_range().ok_or("a declaration without a place")?;
        let text = &self.shader.source[range.clone()];
        let refused = || format!("`{text}` is not an array of f32");
        let start = text.find("array<").ok_or_else(refused)? + "array<".len();
        let end = start + text[start..].rfind('>').ok_or_else(refused)?;
        let global = &module.global_variables[variable];
        let TypeInner::Array { base, .. } = module.types[global.ty].inner else { return Err(refused()) };
        if element_width(module, global) != Some(4) {
            return Err(refused());
        }
        let element = wide(&module.types[base].inner)?.replace("f32", "f16");
        self.edits.push((range.start + start..range.start + end, 0, element));
        Ok(())
    }

    /// Makes what lies at `range` the argument of `call`; the wider, and of equal ones that of the higher `level`, outside.
    fn wrap(&mut self, range: Range<usize>, call: &str, level: i64) {
        let width = 2 * range.len() as i64 + level;
        self.edits.push((range.start..range.start, -width, format!("{call}(")));
        self.edits.push((range.end..range.end, width, ")".into()));
    }

    fn function(&mut self, function: &Function, info: &naga::valid::FunctionInfo) -> Result<(), String> {
        let types = &self.shader.module().types;
        for (handle, expression) in function.expressions.iter() {
            let Expression::Load { pointer } = *expression else { continue };
            if !self.narrowed(function, pointer) {
                continue;
            }
            let range = self.range(function, handle)?;
            let wide = wide(info[handle].ty.inner_with(types))?;
            self.wrap(range, &wide, 0);
        }
        let mut stores = vec![];
        collect_stores(&function.body, &mut stores);
        stores.retain(|&pointer| self.narrowed(function, pointer));
        for pointer in stores {
            let pointer_type = info[pointer].ty.inner_with(types);
            let wide = match *pointer_type {
                TypeInner::Pointer { base, .. } => wide(&types[base].inner)?,
                TypeInner::ValuePointer { size: None, .. } => "f32".into(),
                TypeInner::ValuePointer { size: Some(size), .. } => format!("vec{}<f32>", size as u8),
                _ => return Err("a store to something that is no pointer".into()),
            };
            let target = self.range(function, pointer)?;
            let value = stored(&self.shader.source, target.end)?;
            self.wrap(value, &wide.replace("f32", "f16"), 1);
        }
        Ok(())
    }

    /// Whether `pointer` leads into one of the variables.
    fn narrowed(&self, function: &Function, mut pointer: Handle<Expression>) -> bool {
        loop {
            match function.expressions[pointer] {
                Expression::Access { base, .. } | Expression::AccessIndex { base, .. } => pointer = base,
                Expression::GlobalVariable(variable) => return self.variables.contains(&variable),
                _ => return false,
            }
        }
    }

    fn range(&self, function: &Function, expression: Handle<Expression>) -> Result<Range<usize>, String> {
        let span = function.expressions.get_span(expression);
        let range = span.to_range().ok_or("an access without a place")?;
        let text = self.shader.source.get(range.clone()).ok_or("an access outside the text")?;
        Ok(range.start..range.start + text.trim_end().len())
    }
}

/// The WGSL name of a scalar or vector of f32.
fn wide(inner: &TypeInner) -> Result<String, String> {
    match *inner {
        TypeInner::Scalar(_) => Ok("f32".into()),
        TypeInner::Vector { size, .. } => Ok(format!("vec{}<f32>", size as u8)),
        _ => Err("whole arrays are not read or written".into()),
    }
}

/// The pointers that `block` stores to.
fn collect_stores(block: &naga::Block, out: &mut Vec<Handle<Expression>>) {
    for statement in block {
        match statement {
            Statement::Store { pointer, .. } => out.push(*pointer),
            Statement::Block(inner) => collect_stores(inner, out),
            Statement::If { accept, reject, .. } => {
                [accept, reject].map(|b| collect_stores(b, out)).into_iter().collect()
            }
            Statement::Loop { body, continuing, .. } => {
                [body, continuing].map(|b| collect_stores(b, out)).into_iter().collect()
            }
            Statement::Switch { cases, .. } => cases.iter().for_each(|case| collect_stores(&case.body, out)),
            _ => {}
        }
    }
}

/// Where the value of the assignment lies whose target ends at `from`: `= value;`.
fn stored(source: &str, from: usize) -> Result<Range<usize>, String> {
    let rest = &source[from..];
    let refused = || format!("`{}` is no plain assignment", rest.lines().next().unwrap_or_default().trim());
    let value = rest.trim_start().strip_prefix('=').filter(|v| !v.starts_with('=')).ok_or_else(refused)?;
    let end = value.find(';').ok_or_else(refused)?;
    let start = source.len() - value.len();
    let lead = value.len() - value.trim_start().len();
    Ok(start + lead..start + end)
}
