//! Embeds every file under `shaders/` and `examples/recipes/`: a kernel or a recipe is added by adding its file.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs, io};

fn collect(folder: &Path, prefix: &str, end: &str, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), end, found)?;
        } else if path.ends_with(end) {
            found.push(path);
        }
    }
    Ok(())
}

/// Writes a table of (name, text) of the files under `folder` that end in `end`, by name.
fn embed(folder: &str, end: &str, name: impl Fn(&str) -> String, table: &str) -> io::Result<()> {
    println!("cargo:rerun-if-changed={folder}");
    let root = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join(folder);
    let mut files = vec![];
    collect(&root, "", end, &mut files)?;
    files.sort();
    let mut text = String::from("&[\n");
    for file in files {
        // Relative to the crate as it is compiled, so that a checkout may be moved with its build folder.
        let (name, path) = (name(&file), format!("/{folder}/{file}"));
        let _ = writeln!(text, "    ({name:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))),");
    }
    text.push(']');
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join(table), text)
}

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    embed("shaders", ".wgsl", str::to_string, "sources.rs")?;
    embed("examples/recipes", ".toml", |file| file.trim_end_matches(".toml").to_string(), "recipes.rs")
}
