//! The one error type. Every message says what went wrong, where, and what to do.

use std::path::PathBuf;

/// Everything that a user, a file or a driver can cause. The library returns it and never panics on such input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The shapes, types or attributes given to an op do not fit together.
    #[error("{op}: {message}{}", at(.scope))]
    Shape {
        /// The op's name.
        op: String,
        /// What does not fit, with the shapes.
        message: String,
        /// Dotted path of the layer that built the node; empty at the top level.
        scope: String,
    },
    /// A graph that cannot be differentiated, planned or compiled as asked.
    #[error("graph: {0}")]
    Graph(String),
    /// A parameter, state, input or key with that name does not exist or does not fit.
    #[error("{0}")]
    Name(String),
    /// No adapter fits the request; the message lists those there are.
    #[error("device: {0}")]
    Device(String),
    /// The driver ran out of memory, or a tensor is beyond the adapter's limits.
    #[error("out of device memory: {what} needs {bytes} bytes ({detail}); try a smaller batch")]
    OutOfMemory {
        /// The tensor or buffer.
        what: String,
        /// Bytes asked for.
        bytes: u64,
        /// The limit that was met, or the driver's words.
        detail: String,
    },
    /// The device was lost (driver reset, unplugged, timed out).
    #[error("device lost: {0}; restart, and pass --load to continue from the last weights")]
    DeviceLost(String),
    /// wgpu refused something the engine built: a defect of this crate or of the driver.
    #[error("gpu: {0}")]
    Gpu(String),
    /// A shader could not be assembled, parsed or validated.
    #[error("shader {kernel}: {message}")]
    Shader {
        /// The kernel's name (the file under `shaders/`).
        kernel: String,
        /// What naga or the assembler said.
        message: String,
    },
    /// A file or folder that is missing, unreadable or not what it should be.
    #[error("{}: {message}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// A setting outside its range.
    #[error("{0}")]
    Config(String),
    /// Training produced a value that is not finite.
    #[error("{0}")]
    NonFinite(String),
}

fn at(scope: &str) -> String {
    if scope.is_empty() { String::new() } else { format!(" (at {scope})") }
}

impl Error {
    /// A [`Error::File`] for `path`.
    pub fn file(path: impl Into<PathBuf>, message: impl ToString) -> Self {
        Self::File { path: path.into(), message: message.to_string() }
    }

    /// A [`Error::Shape`] of op `op`; the graph fills in the scope.
    pub fn shape(op: &str, message: impl ToString) -> Self {
        Self::Shape { op: op.into(), message: message.to_string(), scope: String::new() }
    }
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// `; did you mean X?` with the one of `names` most like `wrong`, or the end of the sentence where none is like it.
pub(crate) fn hint<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
    nearest(wrong, names).map_or_else(|| ".".into(), |near| format!("; did you mean {near}?"))
}

/// The one of `names` most like `wrong`, if one is like it at all: what a message asks about.
fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let (name, distance) =
        names.map(|name| (name, strsim::damerau_levenshtein(&wrong, name))).min_by_key(|pair| pair.1)?;
    (2 * distance <= wrong.len().max(name.len())).then_some(name)
}
