//! Every shader of the op table, and those of whole models with their fused chains, compiled by a second WGSL compiler: Dawn,
//! which browsers use. It is stricter than naga in places (uniformity of subgroup operations, above all).
//!
//! Needs node and the npm package `webgpu`, so it runs only when asked for: `WAVAE_DAWN` names the folder of the package
//! (`npm install webgpu` makes `node_modules/webgpu`), then `cargo test --release --test dawn -- --ignored`.

#[path = "../common/mod.rs"]
mod common;

use common::models::{Objective, conv, mlp, residual};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use wavae::lower::caps::Caps;
use wavae::lower::program::Program;
use wavae::lower::{Options, lower};
use wavae::ops::registry;
use wavae::testing::lower_case;

/// One of each kind of device: hardware, software with subgroups, the minimum. None has 64-bit integers, which are not WebGPU.
fn devices() -> Vec<Caps> {
    let rich = Caps {
        max_invocations: 1024,
        max_workgroup_bytes: 32 << 10,
        max_storage_buffers: 64,
        f16: true,
        ..Caps::minimum()
    };
    let mut devices = vec![Caps::minimum(), Caps { software: true, ..Caps::minimum() }];
    devices.extend([32, 64].map(|lanes| Caps { subgroup: Some(lanes), ..rich.clone() }));
    devices.extend([4, 8].map(|lanes| Caps { subgroup: Some(lanes), software: true, ..rich.clone() }));
    devices
}

/// Distinct shader texts with a name for messages.
fn shaders() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut add = |what: &str, program: &Program| {
        for dispatch in &program.dispatches {
            let name = || format!("{what}: {}", dispatch.label);
            all.entry(dispatch.shader.source.clone()).or_insert_with(name);
        }
    };
    for caps in devices() {
        for entry in registry() {
            for case in (entry.cases)().into_iter().chain((entry.bench)()) {
                for index in 0.. {
                    let Some(parity) = lower_case(&case, index, &caps, 0).unwrap() else { break };
                    add(&format!("{}/{} {}", entry.name, case.name, parity.variant), &parity.lowered.program);
                }
            }
        }
        for model in [mlp(), conv(), residual()] {
            let objective = Objective::new(&model, 6).unwrap();
            let roots = [objective.terms.loss];
            let lowered = lower(&objective.graph, &roots, &objective.layout, &Options::new(&caps)).unwrap();
            add(model.name, &lowered.program);
        }
    }
    all
}

/// Dawn wants the extension named; naga knows the operations and refuses the name.
fn for_dawn(source: &str) -> String {
    if source.contains("subgroup") { format!("enable subgroups;{source}") } else { source.into() }
}

#[test]
fn every_shader_compiles_in_dawn() {
    let package = std::env::var("WAVAE_DAWN").expect("WAVAE_DAWN must name the folder of the npm package webgpu");
    let shaders = shaders();
    let texts: Vec<_> = shaders.iter().map(|(source, name)| (name.as_str(), for_dawn(source))).collect();
    let list = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shaders.json");
    std::fs::write(&list, serde_json::to_string(&texts).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dawn/compile.mjs");
    let output = Command::new("node").arg(script).arg(package).arg(&list).output().expect("node runs");
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{errors}");
    assert!(said.contains(&format!("{} of {} compile", texts.len(), texts.len())), "{said}\n{errors}");
    println!("{said}");
}
