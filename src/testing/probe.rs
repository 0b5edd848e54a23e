//! Probes: small kernels for what all others rest on and what drivers have been found to compile wrongly: barriers around
//! workgroup memory, and subgroups as large as the driver says, with lanes in order.

use crate::error::{Error, Result};
use crate::gpu::{Gpu, GpuExecutable, GpuStore};
use crate::lower::program::{BufferKey, Dispatch, Group, Output, Place, Program};
use crate::lower::shader::Shader;
use crate::tensor::TensorType;

/// A probe of a device: `Ok` where it computes what it must.
pub type Probe = fn(&Gpu) -> Result<()>;

/// All probes, by name.
pub const PROBES: &[(&str, Probe)] = &[("workgroup reduction", workgroup), ("subgroup", subgroup)];

/// Workgroups of a probe.
const GROUPS: usize = 64;

/// A tree, a scan and a broadcast through workgroup memory, in a loop whose length only the uniform says: every value that a
/// missing or misplaced barrier lets through early or late changes the sum. Whole numbers, so that equality is exact.
const WORKGROUP: &str = "
struct Params { rounds: u32, seed: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
const WG: u32 = 256u;
var<workgroup> part: array<u32, WG>;
@compute @workgroup_size(WG)
fn main(@builtin(local_invocation_index) l: u32, @builtin(workgroup_id) group: vec3<u32>) {
    var x = p.seed + group.x * WG + l;
    for (var round = 0u; round < p.rounds; round++) {
        part[l] = x;
        workgroupBarrier();
        for (var span = WG / 2u; span > 0u; span /= 2u) {
            if l < span { part[l] += part[l + span]; }
            workgroupBarrier();
        }
        let sum = part[0];
        workgroupBarrier();
        part[l] = x;
        workgroupBarrier();
        for (var step = 1u; step < WG; step *= 2u) {
            var before = 0u;
            if l >= step { before = part[l - step]; }
            workgroupBarrier();
            part[l] += before;
            workgroupBarrier();
        }
        x = (sum ^ part[WG - 1u - l]) * 1664525u + l;
        workgroupBarrier();
    }
    y[group.x * WG + l] = x;
}";

/// The same by one thread.
fn workgroup_expected(group: u32, rounds: u32, seed: u32) -> Vec<u32> {
    let mut x: Vec<u32> = (0..256).map(|l| seed.wrapping_add(group * 256 + l)).collect();
    for _ in 0..rounds {
        let mut sum = 0u32;
        let scan: Vec<u32> = (x.iter())
            .map(|&v| {
                sum = sum.wrapping_add(v);
                sum
            })
            .collect();
        x = (0..256).map(|l| (sum ^ scan[255 - l]).wrapping_mul(1_664_525).wrapping_add(l as u32)).collect();
    }
    x
}

fn workgroup(gpu: &Gpu) -> Result<()> {
    let (rounds, seed) = (9, 12_345);
    let expected: Vec<u32> = (0..GROUPS as u32).flat_map(|group| workgroup_expected(group, rounds, seed)).collect();
    compare(gpu, WORKGROUP, [rounds, seed], &expected)
}

/// Each lane says the subgroup's size, its own number, and what it got from the lane across and from all lanes.
const SUBGROUP: &str = "
struct Params { lanes: u32, seed: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
const SG: u32 = LANESu;
@compute @workgroup_size(SG)
fn main(
    @builtin(local_invocation_index) l: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(subgroup_size) size: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let x = p.seed + group.x * SG + l;
    let across = subgroupShuffle(x, SG - 1u - lane);
    let sum = subgroupAdd(x);
    let at = 4u * (group.x * SG + l);
    y[at] = size;
    y[at + 1u] = lane;
    y[at + 2u] = across;
    y[at + 3u] = sum;
}";

/// Passes where kernels are not told of a subgroup size: then none of them relies on it.
fn subgroup(gpu: &Gpu) -> Result<()> {
    let Some(lanes) = gpu.caps().subgroup else { return Ok(()) };
    let seed = 7;
    let mut expected = vec![];
    for group in 0..GROUPS as u32 {
        let first = seed + group * lanes;
        let sum = (first..first + lanes).sum();
        expected.extend((0..lanes).flat_map(|l| [lanes, l, first + lanes - 1 - l, sum]));
    }
    compare(gpu, &SUBGROUP.replace("LANES", &lanes.to_string()), [lanes, seed], &expected)
}

/// Runs `source` with two words of parameters and [`GROUPS`] workgroups, several times; its output must be `expected`.
fn compare(gpu: &Gpu, source: &str, params: [u32; 2], expected: &[u32]) -> Result<()> {
    let place = Place { buffer: BufferKey::Slot(0), offset: 0, size: 4 * expected.len() as u64 };
    let dispatch = Dispatch {
        label: "probe".into(),
        shader: Shader::from_source("probe", source)?,
        groups: vec![Group { params: bytemuck::bytes_of(&params).to_vec(), storage: vec![place.clone()] }],
        grid: [GROUPS as u32, 1, 1],
    };
    let program = Program {
        dispatches: vec![dispatch],
        slots: vec![place.size],
        outputs: vec![Output { ty: TensorType::u32([expected.len()]), place: place.clone() }],
        ..Default::default()
    };
    let mut exe = GpuExecutable::compile(gpu, &GpuStore::new(gpu, &Default::default()), program)?;
    for _ in 0..4 {
        exe.poison()?;
        exe.run()?;
        let found: Vec<u32> = bytemuck::pod_collect_to_vec(&exe.read(&place)?);
        let wrong = found.iter().zip(expected).filter(|(a, b)| a != b).count();
        if let Some(i) = (0..expected.len()).find(|&i| found[i] != expected[i]) {
            let (found, expected) = (found[i], expected[i]);
            return Err(Error::Graph(format!("word {i} is {found} instead of {expected} ({wrong} words are wrong)")));
        }
    }
    Ok(())
}
