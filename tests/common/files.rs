//! What tests of loaders share: folders of their own, and how a bad file is refused.

use std::fs;
use std::path::PathBuf;
use wavae::Error;

/// A folder of one test's own, empty at first and removed at the end.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("wavae-files-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// That this is a `File` error which names `file` and says `expected`.
pub fn refused<T: std::fmt::Debug>(result: Result<T, Error>, file: &str, expected: &str) {
    match result {
        Err(Error::File { path, message }) => {
            assert!(path.ends_with(file), "{} instead of {file}: {message}", path.display());
            assert!(message.contains(expected), "{message:?} should say {expected:?}");
        }
        other => panic!("a File error for {file} that says {expected:?}, not {other:?}"),
    }
}
