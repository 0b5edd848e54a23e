//! WGSL assembly: a kernel is a file under `shaders/`; two directives exist and nothing else.
//!
//! * `#import "lib/reduce.wgsl"` pastes a file (relative to `shaders/`) once; imports nest.
//! * `const TM: u32 = 4u; // spec` is a specialisation constant: lowering replaces the literal.

use crate::error::{Error, Result};
use crate::lower::shader::Shader;
use crate::lower::sources;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// The value of a specialisation constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SpecValue {
    /// A `u32` constant.
    U32(u32),
    /// An `i32` constant.
    I32(i32),
    /// An `f32` constant; must be finite.
    F32(f32),
    /// A `bool` constant.
    Bool(bool),
}

impl SpecValue {
    fn wgsl_type(self) -> &'static str {
        match self {
            Self::U32(_) => "u32",
            Self::I32(_) => "i32",
            Self::F32(_) => "f32",
            Self::Bool(_) => "bool",
        }
    }

    fn literal(self) -> String {
        match self {
            Self::U32(v) => format!("{v}u"),
            Self::I32(v) => format!("i32({v})"), // `-2147483648i` is no literal
            Self::F32(v) => format!("{v:?}f"),
            Self::Bool(v) => v.to_string(),
        }
    }
}

impl From<u32> for SpecValue {
    fn from(v: u32) -> Self {
        Self::U32(v)
    }
}
impl From<i32> for SpecValue {
    fn from(v: i32) -> Self {
        Self::I32(v)
    }
}
impl From<f32> for SpecValue {
    fn from(v: f32) -> Self {
        Self::F32(v)
    }
}
impl From<bool> for SpecValue {
    fn from(v: bool) -> Self {
        Self::Bool(v)
    }
}

/// A recipe for one kernel variant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Assembly<'a> {
    /// The file under `shaders/`, with or without `.wgsl`.
    pub kernel: &'a str,
    /// Specialisation constants to replace; the others keep the file's literal.
    pub spec: &'a [(&'a str, SpecValue)],
    /// Import paths to take from another file: (import, replacement).
    pub substitute: &'a [(&'a str, &'a str)],
    /// Import paths to replace by generated WGSL, which may import in turn: (import, text).
    pub inject: &'a [(&'a str, &'a str)],
}

/// Assembled shaders by name and complete text, so that equal variants are validated once a process.
static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);
type Cache = HashMap<(String, String), Arc<Shader>>;

impl Assembly<'_> {
    /// Pastes imports, replaces constants, validates and reflects. Equal results are shared.
    ///
    /// # Errors
    /// [`Error::Shader`]: an unknown kernel, import, constant or directive; an import cycle; what naga rejects.
    pub fn assemble(&self) -> Result<Arc<Shader>> {
        let name = self.kernel.strip_suffix(".wgsl").unwrap_or(self.kernel);
        let text = self.text()?;
        let key = (name.to_string(), text.source);
        let cached = CACHE.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(shader) = cached {
            return Ok(shader);
        }
        let origin = |line: u32| {
            let (file, line) = text.lines.get(line.checked_sub(1)? as usize)?;
            Some(format!("{file}:{line}"))
        };
        let shader = Arc::new(Shader::build(name, &key.1, &origin)?);
        CACHE.lock().unwrap_or_else(PoisonError::into_inner).insert(key, shader.clone());
        Ok(shader)
    }

    fn text(&self) -> Result<Text> {
        let name = self.kernel.strip_suffix(".wgsl").unwrap_or(self.kernel);
        let mut text = Text::default();
        let mut used = HashSet::new();
        let paste = Paste { assembly: self, name };
        paste.file(&mut text, &mut used, &mut Vec::new(), &format!("{name}.wgsl"))?;
        for (path, _) in self.substitute.iter().chain(self.inject) {
            if !used.contains(*path) {
                return Err(paste.fail(format!("nothing imports {path:?}, which the variant replaces")));
            }
        }
        for (key, _) in self.spec {
            if !text.spec.iter().any(|s| s == key) {
                let known = text.spec.join(", ");
                return Err(paste.fail(format!("no `const {key}: …; // spec` in it; it has: {known}")));
            }
        }
        Ok(text)
    }
}

/// The WGSL so far, where each line came from, and the constants seen.
#[derive(Default)]
struct Text {
    source: String,
    lines: Vec<(Arc<str>, usize)>,
    spec: Vec<String>,
}

struct Paste<'a> {
    assembly: &'a Assembly<'a>,
    name: &'a str,
}

impl Paste<'_> {
    fn fail(&self, message: String) -> Error {
        Error::Shader { kernel: self.name.into(), message }
    }

    /// Pastes the file that `path` stands for unless it is there already. `used` holds import paths and their targets.
    fn file(&self, out: &mut Text, used: &mut HashSet<String>, stack: &mut Vec<String>, path: &str) -> Result<()> {
        used.insert(path.to_string());
        let target = self.assembly.substitute.iter().find(|(from, _)| *from == path).map_or(path, |&(_, to)| to);
        if stack.iter().any(|p| p == target) {
            return Err(self.fail(format!("import cycle: {} → {target}", stack.join(" → "))));
        }
        if out.lines.iter().any(|(file, _)| **file == *target) {
            return Ok(());
        }
        let injected = self.assembly.inject.iter().find(|(from, _)| *from == target);
        let Some(text) = injected.map(|&(_, text)| text).or_else(|| sources::find(target)) else {
            let by = stack.last().map(|s| format!(", which shaders/{s} imports")).unwrap_or_default();
            return Err(self.fail(format!("no file shaders/{target} in the table{by}")));
        };
        used.insert(target.to_string());
        stack.push(target.to_string());
        let file: Arc<str> = target.into();
        out.lines.push((file.clone(), 0)); // also marks the file as pasted
        let _ = writeln!(out.source, "// --- {target}"); // writing to a String cannot fail
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with('#') {
                self.import(out, used, stack, line, index + 1)?;
            } else {
                out.lines.push((file.clone(), index + 1));
                let line = self.specialise(out, line, &file, index + 1)?;
                out.source.push_str(&line);
                out.source.push('\n');
            }
        }
        stack.pop();
        Ok(())
    }

    fn import(
        &self,
        out: &mut Text,
        used: &mut HashSet<String>,
        stack: &mut Vec<String>,
        line: &str,
        number: usize,
    ) -> Result<()> {
        let argument = line.trim().strip_prefix("#import").map(|rest| rest.split("//").next().unwrap_or("").trim());
        let path = argument.and_then(|a| a.strip_prefix('"')?.strip_suffix('"'));
        match path {
            Some(path) => self.file(out, used, stack, path),
            None => {
                let file = stack.last().map_or("", |s| s.as_str());
                Err(self.fail(format!(
                    "shaders/{file}:{number}: `{}`: the only directive is #import \"path.wgsl\"",
                    line.trim()
                )))
            }
        }
    }

    /// Replaces the literal of a `// spec` line that the variant names.
    fn specialise(&self, out: &mut Text, line: &str, file: &str, number: usize) -> Result<String> {
        let Some((code, comment)) = line.split_once("//") else { return Ok(line.into()) };
        let marked = comment.trim_start().strip_prefix("spec").is_some_and(|r| !r.starts_with(char::is_alphanumeric));
        if !marked || !code.trim_start().starts_with("const ") {
            return Ok(line.into());
        }
        let parts = code.trim().strip_prefix("const ").and_then(|c| c.trim_end().strip_suffix(';')).and_then(|c| {
            let (left, literal) = c.split_once('=')?;
            let (name, ty) = left.split_once(':')?;
            Some((name.trim(), ty.trim(), literal.trim()))
        });
        let here = || format!("shaders/{file}:{number}: `{}`", line.trim());
        let Some((name, ty, _)) = parts else {
            return Err(self.fail(format!("{}: a constant is `const NAME: u32 = 4u; // spec`", here())));
        };
        out.spec.push(name.to_string());
        let Some(&(_, value)) = self.assembly.spec.iter().find(|(key, _)| *key == name) else {
            return Ok(line.into());
        };
        if value.wgsl_type() != ty || matches!(value, SpecValue::F32(v) if !v.is_finite()) {
            return Err(self.fail(format!("{}: cannot take {value:?}", here())));
        }
        Ok(format!("const {name}: {ty} = {}; //{comment}", value.literal()))
    }
}
