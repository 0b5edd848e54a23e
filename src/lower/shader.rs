//! A kernel's complete WGSL, validated and reflected by naga: binding layouts come from here, never from a second list.

use crate::error::{Error, Result};
use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ShaderStage, StorageAccess, TypeInner};
use std::fmt;
use std::sync::Arc;

/// How a kernel uses a storage binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// `var<storage, read>`.
    Read,
    /// `var<storage, read_write>`.
    ReadWrite,
}

/// One storage binding of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageBinding {
    /// The WGSL variable.
    pub name: String,
    /// `read` or `read_write`.
    pub access: Access,
}

/// The bindings of one group: the uniform is binding 0, storage buffers are bindings 1, 2, ….
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupLayout {
    /// Bytes of the uniform at binding 0, where there is one.
    pub uniform: Option<u32>,
    /// Storage bindings 1, 2, … in order.
    pub storage: Vec<StorageBinding>,
}

/// One member of a uniform struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniformField {
    /// The member's name.
    pub name: String,
    /// Bytes from the struct's start.
    pub offset: u32,
    /// Bytes the member takes.
    pub size: u32,
}

/// An assembled, validated kernel.
#[derive(Clone)]
pub struct Shader {
    /// The kernel's name.
    pub name: String,
    /// Complete WGSL.
    pub source: String,
    /// The one compute entry point.
    entry: String,
    workgroup: [u32; 3],
    workgroup_bytes: u32,
    layout: Vec<GroupLayout>,
    parsed: Arc<(Module, naga::valid::ModuleInfo)>,
}

impl fmt::Debug for Shader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shader").field("name", &self.name).field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// What the validator accepts: WGSL, subgroup operations, f16 and integers of 64 bits. The device checks what it has.
pub fn capabilities() -> Capabilities {
    Capabilities::SUBGROUP | Capabilities::SUBGROUP_BARRIER | Capabilities::SHADER_FLOAT16 | Capabilities::SHADER_INT64
}

impl Shader {
    /// Parses, validates and reflects WGSL that needs no assembly.
    ///
    /// # Errors
    /// [`Error::Shader`] with naga's message and the source line, or with what is wrong with the bindings.
    pub fn from_source(name: &str, source: &str) -> Result<Arc<Self>> {
        Self::build(name, source, &|_| None).map(Arc::new)
    }

    /// As [`Shader::from_source`]; `origin` maps a line of `source` (from 1) to the file and line it came from.
    pub(super) fn build(name: &str, source: &str, origin: &dyn Fn(u32) -> Option<String>) -> Result<Self> {
        let fail = |message: String| Error::Shader { kernel: name.into(), message };
        let place = |line: Option<u32>| match line.and_then(origin) {
            Some(at) => format!(" (from {at})"),
            None => String::new(),
        };
        let module = naga::front::wgsl::parse_str(source).map_err(|e| {
            let at = place(e.location(source).map(|l| l.line_number));
            fail(format!("{}{at}", e.emit_to_string_with_path(source, name).trim_end()))
        })?;
        let info = Validator::new(ValidationFlags::all(), capabilities()).validate(&module).map_err(|e| {
            let at = place(e.location(source).map(|l| l.line_number));
            fail(format!("{}{at}", e.emit_to_string_with_path(source, name).trim_end()))
        })?;
        let [entry] = module.entry_points.as_slice() else {
            return Err(fail(format!("one entry point is needed, the file has {}", module.entry_points.len())));
        };
        if entry.stage != ShaderStage::Compute || entry.workgroup_size_overrides.is_some() {
            return Err(fail("the entry point must be @compute with a constant @workgroup_size".into()));
        }
        let workgroup_bytes = module
            .global_variables
            .iter()
            .filter(|(_, v)| v.space == AddressSpace::WorkGroup)
            .map(|(_, v)| module.types[v.ty].inner.size(module.to_ctx()).next_multiple_of(16))
            .sum();
        Ok(Self {
            name: name.into(),
            source: source.into(),
            entry: entry.name.clone(),
            workgroup: entry.workgroup_size,
            workgroup_bytes,
            layout: reflect(&module).map_err(fail)?,
            parsed: Arc::new((module, info)),
        })
    }

    /// The compute entry point's name.
    pub fn entry(&self) -> &str {
        &self.entry
    }

    /// `@workgroup_size`.
    pub fn workgroup_size(&self) -> [u32; 3] {
        self.workgroup
    }

    /// Invocations in a workgroup.
    pub fn invocations(&self) -> u32 {
        self.workgroup.iter().product()
    }

    /// Bytes of workgroup memory, each variable rounded up to 16.
    pub fn workgroup_bytes(&self) -> u32 {
        self.workgroup_bytes
    }

    /// The bind groups, in order; a group in the middle may be empty.
    pub fn layout(&self) -> &[GroupLayout] {
        &self.layout
    }

    /// naga's module, for translation to other shading languages.
    pub fn module(&self) -> &Module {
        &self.parsed.0
    }

    /// naga's analysis of [`Shader::module`].
    pub fn module_info(&self) -> &naga::valid::ModuleInfo {
        &self.parsed.1
    }

    /// The members of `group`'s uniform struct, in order; empty where the group has no uniform.
    pub fn uniform_fields(&self, group: u32) -> Vec<UniformField> {
        let module = self.module();
        let uniform = module.global_variables.iter().find(|(_, v)| {
            v.space == AddressSpace::Uniform && v.binding.is_some_and(|b| b.group == group && b.binding == 0)
        });
        let Some((_, variable)) = uniform else { return Vec::new() };
        let size = |ty| module.types[ty].inner.size(module.to_ctx());
        match &module.types[variable.ty].inner {
            TypeInner::Struct { members, .. } => members
                .iter()
                .map(|m| UniformField { name: m.name.clone().unwrap_or_default(), offset: m.offset, size: size(m.ty) })
                .collect(),
            _ => vec![UniformField {
                name: variable.name.clone().unwrap_or_default(),
                offset: 0,
                size: size(variable.ty),
            }],
        }
    }
}

/// Binding layouts of all declared resources: uniform at binding 0, storage at 1, 2, … without gaps.
fn reflect(module: &Module) -> Result<Vec<GroupLayout>, String> {
    let mut bindings = Vec::new();
    for (_, v) in module.global_variables.iter() {
        if let Some(at) = v.binding {
            bindings.push((at.group, at.binding, v));
        }
    }
    bindings.sort_by_key(|b| (b.0, b.1));
    let mut layout: Vec<GroupLayout> = Vec::new();
    for (group, binding, variable) in bindings {
        let name = variable.name.clone().unwrap_or_default();
        if layout.len() <= group as usize {
            layout.resize_with(group as usize + 1, GroupLayout::default);
        }
        let here = &mut layout[group as usize];
        match variable.space {
            AddressSpace::Uniform if binding == 0 && here.uniform.is_none() => {
                here.uniform = Some(module.types[variable.ty].inner.size(module.to_ctx()));
            }
            AddressSpace::Storage { access } if binding as usize == here.storage.len() + 1 => {
                let access = if access.contains(StorageAccess::STORE) { Access::ReadWrite } else { Access::Read };
                here.storage.push(StorageBinding { name, access });
            }
            _ => {
                return Err(format!(
                    "`{name}` at group {group}, binding {binding}: binding 0 is for the uniform, \
                     storage buffers take 1, 2, … without gaps, and there is nothing else"
                ));
            }
        }
    }
    Ok(layout)
}
