//! What a kernel needs, its device has: no variant of any op is listed for a device that lacks a subgroup size, f16, int64,
//! invocations, workgroup memory or storage bindings that its shaders use. The needs are read from naga's module of the
//! assembled shaders, not from what the op says.

mod common;

use common::devices::devices;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use wavae::lower::caps::Caps;
use wavae::lower::shader::Shader;
use wavae::ops::registry;
use wavae::testing::{OpCase, lower_case};

/// What a variant's shaders need together.
#[derive(Clone, Debug, Default, PartialEq)]
struct Needs {
    /// Any subgroup operation or builtin.
    subgroups: bool,
    /// The size it is written for: its constant `SG`.
    lanes: Option<u32>,
    f16: bool,
    int64: bool,
    invocations: u32,
    workgroup_bytes: u32,
    storage: u32,
    /// Workgroups along the longest dimension.
    groups: u32,
    /// `@workgroup_size` within WebGPU's 256 × 256 × 64.
    wide: bool,
}

impl Needs {
    /// Of one shader; equal texts are read once.
    fn of(shader: &Shader) -> Self {
        static KNOWN: Mutex<BTreeMap<String, Needs>> = Mutex::new(BTreeMap::new());
        if let Some(known) = KNOWN.lock().unwrap().get(&shader.source) {
            return known.clone();
        }
        let needs = Self::read(shader);
        KNOWN.lock().unwrap().insert(shader.source.clone(), needs.clone());
        needs
    }

    fn read(shader: &Shader) -> Self {
        // A module that validates without a capability does not need it.
        let without = |capability| {
            let mut validator = Validator::new(ValidationFlags::all(), Capabilities::all().difference(capability));
            validator.validate(shader.module()).is_err()
        };
        let subgroups = without(Capabilities::SUBGROUP | Capabilities::SUBGROUP_BARRIER);
        let [x, y, z] = shader.workgroup_size();
        Self {
            subgroups,
            lanes: if subgroups { constant(shader, "SG") } else { None },
            f16: without(Capabilities::SHADER_FLOAT16),
            int64: without(Capabilities::SHADER_INT64),
            invocations: shader.invocations(),
            workgroup_bytes: shader.workgroup_bytes(),
            storage: shader.layout().iter().map(|group| group.storage.len() as u32).sum(),
            groups: 0,
            wide: x > 256 || y > 256 || z > 64,
        }
    }

    fn join(self, other: Self) -> Self {
        assert!(self.lanes.is_none() || other.lanes.is_none() || self.lanes == other.lanes, "one variant, two sizes");
        Self {
            subgroups: self.subgroups || other.subgroups,
            lanes: self.lanes.or(other.lanes),
            f16: self.f16 || other.f16,
            int64: self.int64 || other.int64,
            invocations: self.invocations.max(other.invocations),
            workgroup_bytes: self.workgroup_bytes.max(other.workgroup_bytes),
            storage: self.storage.max(other.storage),
            groups: self.groups.max(other.groups),
            wide: self.wide || other.wide,
        }
    }

    /// What a device lacks.
    fn lacking(&self, caps: &Caps) -> Vec<String> {
        let mut missing = vec![];
        let mut need = |fits: bool, what: String| {
            if !fits {
                missing.push(what)
            }
        };
        need(!self.subgroups || caps.subgroup.is_some(), "subgroups".into());
        need(!self.subgroups || self.lanes == caps.subgroup, format!("subgroups of {:?}", self.lanes));
        need(!self.f16 || caps.f16, "f16".into());
        need(!self.int64 || caps.int64, "64-bit integers".into());
        need(self.invocations <= caps.max_invocations, format!("{} invocations", self.invocations));
        need(self.workgroup_bytes <= caps.max_workgroup_bytes, format!("{} workgroup bytes", self.workgroup_bytes));
        need(self.storage < caps.max_storage_buffers, format!("{} storage buffers and one to spare", self.storage));
        need(self.groups <= caps.max_groups, format!("{} workgroups along one dimension", self.groups));
        need(!self.wide || caps.max_invocations > 256, "a workgroup larger than 256 × 256 × 64".into());
        missing
    }
}

/// The value of a `const` of the shader.
fn constant(shader: &Shader, name: &str) -> Option<u32> {
    let module = shader.module();
    let (_, constant) = module.constants.iter().find(|(_, c)| c.name.as_deref() == Some(name))?;
    match module.global_expressions[constant.init] {
        naga::Expression::Literal(naga::Literal::U32(value)) => Some(value),
        _ => None,
    }
}

/// The variants of a case on a device with what they need.
fn variants(case: &OpCase, caps: &Caps) -> Vec<(&'static str, Needs)> {
    let mut all = vec![];
    while let Some(parity) = lower_case(case, all.len(), caps, 0).unwrap() {
        let dispatches = &parity.lowered.program.dispatches;
        let needs =
            dispatches.iter().map(|d| Needs { groups: d.grid.into_iter().max().unwrap(), ..Needs::of(&d.shader) });
        all.push((parity.variant, needs.fold(Needs::default(), Needs::join)));
    }
    all
}

#[test]
fn no_variant_is_listed_for_a_device_that_lacks_what_its_shaders_need() {
    let devices = devices();
    let (mut wrong, mut with_subgroups) = (BTreeSet::new(), BTreeSet::new());
    for entry in registry() {
        for case in (entry.cases)() {
            for (name, caps) in &devices {
                let listed = variants(&case, caps);
                assert!(!listed.is_empty(), "{}/{}: nothing for {name}", entry.name, case.name);
                for (variant, needs) in listed {
                    let lacks = needs.lacking(caps);
                    if !lacks.is_empty() {
                        let lacks = lacks.join(", ");
                        wrong.insert(format!("{}/{} {variant} on {name}: lacks {lacks}", entry.name, case.name));
                    }
                    if needs.subgroups {
                        with_subgroups.insert((entry.name, variant));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The test is not empty: both families of products have such variants.
    for family in ["matmul", "conv"] {
        assert!(
            with_subgroups.iter().any(|(f, _)| *f == family),
            "no {family} variant uses subgroups: {with_subgroups:?}"
        );
    }
}

#[test]
fn a_slow_compiler_is_spared_the_tiled_products() {
    let slow = Caps { software: true, slow_compiler: true, ..Caps::minimum() };
    for (caps, expected) in [(slow, false), (Caps { software: true, ..Caps::minimum() }, true)] {
        let mut names = BTreeSet::new();
        for case in registry().iter().flat_map(|entry| (entry.cases)()) {
            names.extend(variants(&case, &caps).into_iter().map(|(name, _)| name));
        }
        assert_eq!(names.iter().any(|name| name.starts_with("tiled")), expected, "{names:?}");
    }
}

/// The needs are found where they are: a test that reads none would pass everything.
#[test]
fn needs_are_read_from_the_shader() {
    let text = "enable f16;
const SG: u32 = 16u;
var<workgroup> tile: array<f32, 1000>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(SG, 32)
fn main(@builtin(local_invocation_index) l: u32) {
    tile[l] = f32(f16(x[l]));
    workgroupBarrier();
    y[l] = subgroupAdd(tile[l ^ 1u]);
}";
    let needs = Needs::of(&Shader::from_source("all", text).unwrap());
    let expected = Needs {
        subgroups: true,
        lanes: Some(16),
        f16: true,
        invocations: 512,
        workgroup_bytes: 4000,
        storage: 2,
        ..Default::default()
    };
    assert_eq!(needs, expected);
    assert_eq!(needs.lacking(&Caps::minimum()).len(), 4, "{:?}", needs.lacking(&Caps::minimum()));
    let enough = Caps { subgroup: Some(16), f16: true, max_invocations: 512, ..Caps::minimum() };
    assert!(needs.lacking(&enough).is_empty());
    assert_eq!(needs.lacking(&Caps { subgroup: Some(8), ..enough }).len(), 1);
}
