//! What passes over memory cost, roughly: enough to choose between one pass of few workgroups and two that fill the device.

use crate::lower::caps::Caps;

/// A device as a family that is bound by memory sees it.
struct Machine {
    /// One dispatch and the barrier before it, seconds.
    launch: f64,
    /// One invocation's loads and stores with their arithmetic, elements a second.
    rate: f64,
    /// Invocations that run side by side.
    lanes: f64,
    /// Elements a second that memory delivers.
    memory: f64,
}

/// Software: 27 µs a dispatch and a fifth of a gigaelement a second for each of some four cores' eight lanes. Hardware: the
/// middle of the road; a lane waits for memory, and some ten thousand hide it.
fn machine(caps: &Caps) -> Machine {
    match caps.software {
        true => Machine { launch: 3e-5, rate: 3e7, lanes: 32.0, memory: 3e9 },
        false => Machine { launch: 4e-6, rate: 1e7, lanes: 32_768.0, memory: 1e11 },
    }
}

/// Seconds of one pass that reads `elements` in `invocations`.
pub(super) fn pass(caps: &Caps, elements: usize, invocations: usize) -> f64 {
    let m = machine(caps);
    let elements = elements as f64;
    m.launch + (elements / m.memory).max(elements / (m.rate * (invocations as f64).clamp(1.0, m.lanes)))
}
