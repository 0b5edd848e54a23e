//! Where measured choices are kept: one readable JSON file for each adapter, driver and version, in the user's cache folder.

use super::{Key, Tuning};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::env::var_os;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What a file holds. The key stands in it too, for a file may be copied to another machine.
#[derive(Deserialize, Serialize)]
struct Content {
    key: Key,
    #[serde(flatten)]
    tuning: Tuning,
}

/// The folder of this crate's caches: `WAVAE_CACHE`, else `wavae` in the user's own (`XDG_CACHE_HOME` or `~/.cache`;
/// `~/Library/Caches` on macOS; `%LOCALAPPDATA%` on Windows). `None` where the environment names none of them.
pub fn folder() -> Option<PathBuf> {
    let variable = |name: &str| var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some(folder) = variable("WAVAE_CACHE") {
        return Some(folder);
    }
    let home = || variable("HOME");
    let base = if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Caches"))
    } else {
        variable("XDG_CACHE_HOME").filter(|p| p.is_absolute()).or_else(|| home().map(|home| home.join(".cache")))
    };
    base.map(|base| base.join("wavae"))
}

/// The error where [`folder`] is `None`.
pub(super) fn nowhere() -> Error {
    Error::Config("there is no folder to keep the tuning in; set WAVAE_CACHE to one".into())
}

/// The file for `key` in `folder`: the adapter's name for people, and a number made of the whole key.
pub fn path(folder: &Path, key: &Key) -> PathBuf {
    let words = key.adapter.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
    let words = words.take(4).map(str::to_lowercase).collect::<Vec<_>>().join("-");
    // FNV-1a: the same number in every process and on every platform.
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = format!("{key:?}").bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    folder.join(format!("tune-{words}-{hash:016x}.json"))
}

/// The choices in the file at `path` if they are for `key`. A file that is missing or of another device counts as empty; so
/// does one that cannot be read, with one line of warning on stderr.
pub fn load(path: &Path, key: &Key) -> Tuning {
    let content = match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str::<Content>(&text).map_err(|e| e.to_string()),
        Err(e) if e.kind() == ErrorKind::NotFound => return Tuning::default(),
        Err(e) => Err(e.to_string()),
    };
    match content {
        Ok(content) if content.key == *key => content.tuning,
        Ok(_) => Tuning::default(),
        Err(e) => {
            let path = path.display();
            let line = format!(
                "warning: {path}: no tuning file ({e}); kernels are chosen without it; tune again or delete it"
            );
            let _ = writeln!(std::io::stderr(), "{line}"); // whoever closed stderr does not want to know
            Tuning::default()
        }
    }
}

/// Writes `tuning` to `path`. An earlier file is replaced only once the new one is complete.
///
/// # Errors
/// [`Error::File`] where it cannot be written.
pub fn save(path: &Path, key: &Key, tuning: &Tuning) -> Result<()> {
    let content = Content { key: key.clone(), tuning: Tuning { choices: BTreeMap::clone(&tuning.choices) } };
    let text = serde_json::to_string_pretty(&content).map_err(|e| Error::file(path, e))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| Error::file(folder, e))?;
    }
    let part = path.with_extension(format!("part{}", std::process::id()));
    fs::write(&part, text + "\n").map_err(|e| Error::file(&part, e))?;
    fs::rename(&part, path).map_err(|e| Error::file(path, e))
}
