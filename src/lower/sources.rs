//! The WGSL files under `shaders/`, embedded by `build.rs`.

/// Path below `shaders/` and text of every kernel and library file, sorted by path.
pub static SOURCES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// The text of the file `path` (relative to `shaders/`).
pub fn find(path: &str) -> Option<&'static str> {
    SOURCES.iter().find(|(p, _)| *p == path).map(|&(_, text)| text)
}
