//! Which adapter: the request, the environment, and the choice among those there are.

use crate::error::{Error, Result};
use crate::gpu::device::{DeviceInfo, Kind};
use std::fmt::Write;
use std::str::FromStr;

/// What the user asked to run on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Request {
    /// A hardware adapter, else the caller's CPU device.
    #[default]
    Auto,
    /// A hardware adapter or an error.
    Gpu,
    /// A software adapter (lavapipe, SwiftShader, WARP) or an error.
    Software,
    /// No adapter at all: the caller's interpreter.
    Cpu,
    /// The first adapter whose name contains this, in any case.
    Named(String),
}

impl FromStr for Request {
    type Err = Error;

    /// `auto`, `gpu`, `software`, `cpu`, or part of an adapter's name; case does not matter.
    fn from_str(text: &str) -> Result<Self> {
        Ok(match text.trim().to_lowercase().as_str() {
            "" => {
                return Err(Error::Config("device: give auto, gpu, software, cpu or part of an adapter's name".into()));
            }
            "auto" => Self::Auto,
            "gpu" => Self::Gpu,
            "software" => Self::Software,
            "cpu" => Self::Cpu,
            _ => Self::Named(text.trim().into()),
        })
    }
}

/// Which kind of hardware comes first (`WGPU_POWER_PREF`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Power {
    /// Discrete before integrated (`high`, `none`, unset).
    #[default]
    High,
    /// Integrated before discrete (`low`).
    Low,
}

/// What the environment says: wgpu's own variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `WGPU_ADAPTER_NAME`: part of a name that must match.
    pub name: Option<String>,
    /// `WGPU_POWER_PREF`.
    pub power: Power,
}

impl Environment {
    /// Reads `WGPU_ADAPTER_NAME` and `WGPU_POWER_PREF`.
    ///
    /// # Errors
    /// [`Error::Device`] for a power preference that is not `low`, `high` or `none`.
    pub fn read() -> Result<Self> {
        let power = match variable("WGPU_POWER_PREF").map(|v| v.to_lowercase()).as_deref() {
            None | Some("none" | "high") => Power::High,
            Some("low") => Power::Low,
            Some(other) => return Err(Error::Device(format!("WGPU_POWER_PREF={other}: give low, high or none"))),
        };
        Ok(Self { name: variable("WGPU_ADAPTER_NAME"), power })
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|v| v.trim().to_string()).filter(|v| !v.is_empty())
}

/// The backends to look at: `WGPU_BACKEND`, else Vulkan, Metal and DX12. OpenGL must be asked for.
pub(super) fn backends() -> Result<wgpu::Backends> {
    let Some(list) = variable("WGPU_BACKEND") else {
        return Ok(wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12);
    };
    let backends = wgpu::Backends::from_comma_list(&list);
    if backends.is_empty() {
        return Err(Error::Device(format!("WGPU_BACKEND={list}: give vulkan, metal, dx12 or gl")));
    }
    Ok(backends)
}

/// What to install where no software adapter is found.
pub const INSTALL_SOFTWARE: &str = "install Mesa's software Vulkan driver: `apt-get install mesa-vulkan-drivers` \
    (Debian, Ubuntu), `dnf install mesa-vulkan-drivers` (Fedora), `pacman -S vulkan-swrast` (Arch)";

/// The index of the adapter that fits, or `None` where the caller's CPU device should run: for [`Request::Cpu`], and
/// for [`Request::Auto`] without hardware. A name in `environment` narrows every request except a name of its own.
///
/// # Errors
/// [`Error::Device`] with the list of adapters where nothing fits.
pub fn choose(adapters: &[DeviceInfo], request: &Request, environment: &Environment) -> Result<Option<usize>> {
    let wanted = match (request, &environment.name) {
        (Request::Cpu, _) => return Ok(None),
        (Request::Named(name), _) => Some((name.as_str(), "")),
        (_, name) => name.as_ref().map(|n| (n.as_str(), "WGPU_ADAPTER_NAME=")),
    };
    let mut fitting: Vec<usize> = (0..adapters.len()).collect();
    if let Some((name, variable)) = wanted {
        let lower = name.to_lowercase();
        fitting.retain(|&i| adapters[i].name.to_lowercase().contains(&lower));
        if fitting.is_empty() {
            return Err(Error::Device(format!("no adapter's name contains {variable}{name:?}; {}", list(adapters))));
        }
    }
    let rank = |i: usize| match (adapters[i].kind, environment.power) {
        (Kind::Discrete, Power::High) | (Kind::Integrated, Power::Low) => 0,
        (Kind::Integrated, Power::High) | (Kind::Discrete, Power::Low) => 1,
        (Kind::Virtual, _) => 2,
        (Kind::Other, _) => 3,
        (Kind::Software, _) => 4,
    };
    fitting.sort_by_key(|&i| rank(i)); // stable: the driver's own order decides among equals
    let hardware = fitting.iter().copied().find(|&i| adapters[i].kind != Kind::Software);
    let software = fitting.iter().copied().find(|&i| adapters[i].kind == Kind::Software);
    match request {
        Request::Gpu => hardware.map(Some).ok_or_else(|| {
            Error::Device(format!("no hardware adapter; {}; or run with `--device cpu`", list(adapters)))
        }),
        Request::Software => software
            .map(Some)
            .ok_or_else(|| Error::Device(format!("no software adapter; {}; {INSTALL_SOFTWARE}", list(adapters)))),
        Request::Auto if wanted.is_none() => Ok(hardware),
        Request::Cpu => Ok(None),
        Request::Auto | Request::Named(_) => Ok(fitting.first().copied()),
    }
}

fn list(adapters: &[DeviceInfo]) -> String {
    if adapters.is_empty() {
        return "there is no adapter at all (no graphics driver is installed, or WGPU_BACKEND excludes it)".into();
    }
    let mut text = "the adapters are:".to_string();
    for adapter in adapters {
        let _ = write!(text, "\n  {adapter}"); // writing to a String cannot fail
    }
    text
}
