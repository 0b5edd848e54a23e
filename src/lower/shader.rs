//! Assembled WGSL.

/// An assembled, validated kernel.
#[derive(Clone, Debug)]
pub struct Shader {
    /// The kernel's name.
    pub name: String,
    /// Complete WGSL.
    pub source: String,
}
