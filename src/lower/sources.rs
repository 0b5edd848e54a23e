//! The WGSL files under `shaders/`, embedded in the crate. One line a file, sorted; a test compares the table with the folder.

macro_rules! table {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../shaders/", $path)))),*]
    };
}

/// Path below `shaders/` and text of every kernel and library file.
pub static SOURCES: &[(&str, &str)] = table![];

/// The text of the file `path` (relative to `shaders/`).
pub fn find(path: &str) -> Option<&'static str> {
    SOURCES.iter().find(|(p, _)| *p == path).map(|&(_, text)| text)
}
