//! What a plan costs, to be printed before the first step.

use super::plan::{self, Lifetime};
use super::program::{BufferKey, Program};
use crate::graph::{Graph, StoreLayout};
use crate::tensor::TensorType;
use std::fmt;

/// Figures of a planned program.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanReport {
    /// Nodes of the graph.
    pub nodes: usize,
    /// Steps after fusion.
    pub steps: usize,
    /// Dispatches.
    pub dispatches: usize,
    /// Distinct kernels.
    pub pipelines: usize,
    /// Slots for intermediates.
    pub slots: usize,
    /// Bytes of those slots.
    pub slot_bytes: u64,
    /// The most bytes of intermediates alive at one step: no plan needs fewer.
    pub bound_bytes: u64,
    /// Bytes one arena of parameters takes; a training graph has four (parameters, gradients, two moments).
    pub arena_bytes: u64,
    /// How many arenas the program touches.
    pub arenas: usize,
    /// Bytes of named states, the resident data set among them.
    pub state_bytes: u64,
    /// Bytes of inputs.
    pub input_bytes: u64,
    /// The largest intermediates: name, type, bytes.
    pub largest: Vec<(String, TensorType, u64)>,
}

impl PlanReport {
    pub(super) fn new(
        g: &Graph,
        layout: &StoreLayout,
        program: &Program,
        lives: &[Lifetime],
        names: &[(String, TensorType)],
        steps: usize,
    ) -> Self {
        let sized = names.iter().zip(lives).map(|((name, ty), life)| (name.clone(), ty.clone(), life.size as u64));
        let mut largest: Vec<_> = sized.collect();
        largest.sort_by_key(|&(.., bytes)| std::cmp::Reverse(bytes));
        largest.truncate(8);
        let mut arenas = vec![];
        let mut pipelines: Vec<&str> = vec![];
        for dispatch in &program.dispatches {
            pipelines.push(&dispatch.shader.source);
            for place in dispatch.groups.iter().flat_map(|group| &group.storage) {
                if let BufferKey::Arena(arena, _) = place.buffer {
                    arenas.push(arena as usize);
                }
            }
        }
        arenas.sort_unstable();
        arenas.dedup();
        pipelines.sort_unstable();
        pipelines.dedup();
        Self {
            nodes: g.nodes().len(),
            steps,
            dispatches: program.dispatches.len(),
            pipelines: pipelines.len(),
            slots: program.slots.len(),
            slot_bytes: program.slots.iter().sum(),
            bound_bytes: plan::lower_bound(lives) as u64,
            arena_bytes: layout.shards.iter().map(|shard| shard.len as u64 * 4).sum(),
            arenas: arenas.len(),
            state_bytes: layout.states.iter().map(|(_, ty)| ty.bytes() as u64).sum(),
            input_bytes: program.inputs.iter().map(|input| input.ty.bytes() as u64).sum(),
            largest,
        }
    }

    /// All bytes the program needs on the device.
    pub fn total_bytes(&self) -> u64 {
        self.slot_bytes + self.arena_bytes * self.arenas as u64 + self.state_bytes + self.input_bytes
    }
}

impl fmt::Display for PlanReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        writeln!(
            f,
            "plan: {} nodes → {} steps → {} dispatches of {} kernels",
            self.nodes, self.steps, self.dispatches, self.pipelines
        )?;
        writeln!(
            f,
            "      {:.1} MiB: {:.1} intermediates in {} slots (lower bound {:.1}), {:.1} in {} arenas, {:.1} states, {:.1} inputs",
            mib(self.total_bytes()),
            mib(self.slot_bytes),
            self.slots,
            mib(self.bound_bytes),
            mib(self.arena_bytes * self.arenas as u64),
            self.arenas,
            mib(self.state_bytes),
            mib(self.input_bytes)
        )?;
        let largest = self.largest.iter().take(4);
        let largest: Vec<String> =
            largest.map(|(name, ty, bytes)| format!("{name} {} {:.1} MiB", ty.shape, mib(*bytes))).collect();
        write!(f, "      largest: {}", largest.join(", "))
    }
}
