//! Embeds every file under `shaders/`: a kernel is added by adding its file.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs, io};

fn collect(folder: &Path, prefix: &str, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), found)?;
        } else if path.ends_with(".wgsl") {
            found.push(path);
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=shaders");
    println!("cargo:rerun-if-changed=build.rs");
    let root = Path::new(&env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("shaders");
    let mut files = vec![];
    collect(&root, "", &mut files)?;
    files.sort();
    let mut table = String::from("&[\n");
    for file in files {
        // Relative to the crate as it is compiled, so that a checkout may be moved with its build folder.
        let path = format!("/shaders/{file}");
        let _ = writeln!(table, "    ({file:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {path:?}))),");
    }
    table.push(']');
    fs::write(Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("sources.rs"), table)
}
