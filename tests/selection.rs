//! Which tiles matrix products and convolutions take: on hardware, which no test here runs on, by what is worked out of it;
//! on a software adapter never those with workgroup memory, all of which the op table runs all the same.

use std::collections::{BTreeMap, BTreeSet};
use wavae::lower::assemble::SpecValue;
use wavae::lower::caps::Caps;
use wavae::ops::matmul::Matmul;
use wavae::ops::{Launch, Lowering, Op, registry};
use wavae::tensor::TensorType;
use wavae::testing::OpCase;

/// A GPU with subgroups, and one of which the least is known.
fn hardware() -> [Caps; 2] {
    [Caps { subgroup: Some(32), max_workgroup_bytes: 48 << 10, ..Caps::minimum() }, Caps::minimum()]
}

fn software() -> [Caps; 2] {
    let plain = Caps { software: true, ..Caps::minimum() };
    [Caps { subgroup: Some(8), int64: true, ..plain.clone() }, plain]
}

fn variants(case: &OpCase, caps: &Caps) -> Vec<Lowering> {
    let types = case.types();
    case.op.variants(&types, &case.op.infer(&types).unwrap(), caps)
}

/// Cases of matrix products, small and large.
fn products() -> Vec<OpCase> {
    let families = registry().iter().filter(|entry| ["matmul", "conv"].contains(&entry.name));
    families.flat_map(|entry| (entry.cases)().into_iter().chain((entry.bench)())).collect()
}

fn imports(launch: &Launch, file: &str) -> bool {
    launch.imports.iter().any(|(_, to)| *to == file)
}

fn tiled(launch: &Launch) -> bool {
    imports(launch, "gemm/tiled.wgsl")
}

/// A constant of the launch.
fn spec(launch: &Launch, name: &str) -> Option<u64> {
    let found = launch.spec.iter().find(|(key, _)| *key == name);
    found.map(|(_, value)| if let SpecValue::U32(value) = value { u64::from(*value) } else { panic!("{name}") })
}

#[test]
fn a_gpu_takes_the_largest_tiles_that_fill_it() {
    // ([m, k, n], op(b) transposed, what a GPU with subgroups takes)
    let expected = [
        ([4096, 4096, 4096], false, "tiled 128x128"),
        ([4096, 4096, 4096], true, "tiled 128x128"),
        ([2048, 2048, 2048], false, "tiled 128x128"),
        ([65536, 512, 64], false, "tiled 128x64"),
        ([65536, 512, 32], true, "tiled 128x32"),
        ([1024, 1024, 1024], false, "tiled 64x64"),
        ([1024, 1024, 1024], true, "tiled 64x64"),
        ([784, 128, 512], false, "tiled 64x64"),
        ([256, 100, 256], false, "tiled 32x32"),
        ([8, 100, 512], true, "tiled 32x32"),
        ([512, 512, 512], false, "split"),
        ([64, 4096, 128], false, "split"),
        ([1, 4096, 4096], false, "split"),
        ([100_000, 64, 3], false, "dot"),
    ];
    let [with, without] = hardware();
    for ([m, k, n], tb, name) in expected {
        let types = [TensorType::f32([m, k]), TensorType::f32(if tb { [n, k] } else { [k, n] })];
        let first = |caps: &Caps| Matmul { ta: false, tb }.variants(&types, &TensorType::f32([m, n]), caps)[0].name;
        assert_eq!(first(&with), name, "{m}x{k}x{n}, {tb}");
        if name != "dot" {
            assert_eq!(first(&without), name, "{m}x{k}x{n}, {tb}, without subgroups");
        }
    }
}

/// Products with more than a few columns: workgroup memory first, and no more partial results than fill the device.
#[test]
fn a_gpu_takes_workgroup_memory_and_splits_no_more_than_it_needs() {
    for (case, caps) in products().iter().flat_map(|case| hardware().map(|caps| (case.clone(), caps))) {
        let variants = variants(&case, &caps);
        let product = |lowering: &Lowering| {
            let is = |p: &&Launch| p.kernel == "matmul" || p.kernel.starts_with("conv2d");
            lowering.passes.iter().find(is).cloned().unwrap()
        };
        let first = product(&variants[0]);
        let few = ["dot", "few channels", "few channels by blocks"].contains(&variants[0].name);
        assert!(few || tiled(&first) || imports(&first, "gemm/dot.wgsl"), "{}: {}", case.name, variants[0].name);
        for lowering in variants.iter().filter(|v| v.passes.iter().any(|p| p.kernel == "split_sum")) {
            let launch = product(lowering);
            let lanes = spec(&launch, "DOWN").map(|down| down * spec(&launch, "ACROSS").unwrap());
            let lanes = lanes.or(spec(&launch, "SG")).or(spec(&launch, "WG")).unwrap();
            let invocations = launch.groups * u64::from(launch.depth) * lanes;
            assert!(invocations <= 65_536, "{} {}: {invocations} invocations", case.name, lowering.name);
        }
    }
}

#[test]
fn a_software_adapter_takes_no_workgroup_memory() {
    for (case, caps) in products().iter().flat_map(|case| software().map(|caps| (case.clone(), caps))) {
        let first = &variants(&case, &caps)[0];
        assert!(!first.passes.iter().any(tiled), "{}: {}", case.name, first.name);
    }
}

/// On the kind of device that tests run on, which compiles such kernels for seconds and lists one a case, each tile is listed,
/// and each way to fetch either operand.
#[test]
fn the_op_table_runs_every_tile() {
    let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for entry in registry().iter().filter(|entry| entry.name == "matmul") {
        for lowering in (entry.cases)().iter().flat_map(|case| variants(case, &software()[0])) {
            for launch in lowering.passes.iter().filter(|launch| tiled(launch)) {
                let way = |side: &str| {
                    let how = ["4", "_block_deep"].map(|end| imports(launch, &format!("gemm/{side}{end}.wgsl")));
                    format!("{side}: by fours {}, along k {}", how[0], how[1])
                };
                seen.entry(lowering.name).or_default().extend([way("left"), way("right")]);
            }
        }
    }
    let all = seen.values().flatten().cloned().collect::<BTreeSet<_>>();
    assert_eq!(all.len(), 6, "{all:?}");
    for name in ["tiled 128x128", "tiled 128x64", "tiled 128x32", "tiled 64x64", "tiled 32x32"] {
        println!("{name}: {}", seen.get(name).map_or(0, BTreeSet::len));
        assert!(seen.get(name).is_some_and(|ways| ways.len() >= 3), "{name}");
    }
}
