//! The op table on one device: every variant against the f64 reference, and probes of what all kernels rest on.

use super::{OpCase, Parity, compare, half_oracle, lower_case, lower_half, oracle, probe};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, GpuExecutable, GpuStore};
use crate::ops::registry;
use crate::tensor::{Array, DType};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes behind each intermediate that no kernel may touch.
const PAD: u64 = 256;

/// What [`selftest`] found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The device in words.
    pub device: String,
    /// Cases and probes that ran.
    pub cases: usize,
    /// Kernel variants that agreed, over all cases.
    pub variants: usize,
    /// What disagreed: `family/case`, and how.
    pub failed: Vec<(String, String)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failed.len();
        let (device, cases, variants) = (&self.device, self.cases, self.variants);
        write!(f, "{device}: {cases} cases, {variants} kernel variants agree, {failed} failures")?;
        self.failed.iter().try_for_each(|(case, how)| write!(f, "\n  {case}: {how}"))
    }
}

/// Runs the probes and every variant of every case on this very device. Some drivers compile a few kernels wrongly and say
/// nothing; here it shows. Takes from seconds to minutes. A device that fails on the way is reported, not a panic.
pub fn selftest(gpu: &Gpu) -> Report {
    selftest_with(gpu, "", |_, _| ())
}

/// [`selftest`] of what has `filter` in its name, `family/number case`; `each` hears of every outcome (how many variants
/// agreed) as it comes.
pub fn selftest_with(gpu: &Gpu, filter: &str, mut each: impl FnMut(&str, &Result<usize>)) -> Report {
    let mut report = Report { device: gpu.info().to_string(), cases: 0, variants: 0, failed: vec![] };
    let mut run = |name: String, test: &dyn Fn() -> Result<usize>| {
        if !name.contains(filter) || gpu.check().is_err() {
            return; // what a lost device still has to say says nothing of its kernels
        }
        let outcome = guarded(test);
        each(&name, &outcome);
        report.cases += 1;
        match outcome {
            Ok(variants) => report.variants += variants,
            Err(e) => report.failed.push((name, e.to_string())),
        }
    };
    for (name, probe) in probe::PROBES {
        run(format!("probe/{name}"), &|| probe(gpu).map(|()| 0));
    }
    for entry in registry() {
        for (i, case) in (entry.cases)().iter().enumerate() {
            run(format!("{}/{i} {}", entry.name, case.name), &|| parity(case, gpu));
        }
    }
    if let Err(e) = gpu.check() {
        report.failed.push(("the device".into(), format!("{e}; what came after was not tested")));
    }
    report
}

/// A panic, which is how wgpu reports some failures of drivers, as an error.
fn guarded(test: &dyn Fn() -> Result<usize>) -> Result<usize> {
    catch_unwind(AssertUnwindSafe(test)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a message");
        Err(Error::Gpu(format!("wgpu or the driver panicked: {text}")))
    })
}

/// Every variant of a case on a device, outputs poisoned and padded, against the f64 reference; twice, with equal bits.
/// Returns how many variants there are.
///
/// # Errors
/// Names the variant and the first element beyond its bound; a case without a kernel.
pub fn parity(case: &OpCase, gpu: &Gpu) -> Result<usize> {
    let (exact, bounds) = oracle(case)?;
    let mut index = 0;
    while let Some(parity) = lower_case(case, index, gpu.caps(), PAD)? {
        index += 1;
        let variant = parity.variant;
        let says = |e: Error| Error::Graph(format!("{variant}: {e}"));
        let [first, second] = twice(case, gpu, parity, &case.draw()?).map_err(says)?;
        compare(&first, &exact, &bounds).map_err(says)?;
        if first.iter().zip(&second).any(|(a, b)| a.to_bits() != b.to_bits()) {
            return Err(Error::Graph(format!("{variant}: two runs differ")));
        }
    }
    match index {
        0 => Err(Error::Graph(format!("{} has no kernel for this case", case.op.name()))),
        _ => Ok(index),
    }
}

/// Variant `index` of a case with inputs and output in f16, on a device that has it. Nothing to do past the last variant, and
/// for ops that update leaves. Slots are shared here, so none has a clean margin to be watched.
///
/// # Errors
/// As [`parity`].
pub fn half_parity(case: &OpCase, index: usize, gpu: &Gpu) -> Result<()> {
    let (inputs, exact, bounds) = half_oracle(case)?;
    let Some(parity) = lower_half(case, index, gpu.caps())? else { return Ok(()) };
    let variant = parity.variant;
    let says = |e: Error| Error::Graph(format!("{variant}, f16: {e}"));
    let [first, _] = twice(case, gpu, parity, &inputs).map_err(says)?;
    compare(&first, &exact, &bounds).map_err(says)
}

/// The results of two runs of one variant.
fn twice(case: &OpCase, gpu: &Gpu, parity: Parity, inputs: &[Array]) -> Result<[Vec<f32>; 2]> {
    let updates = case.op.updates();
    let program = parity.lowered.program;
    let store = GpuStore::new(gpu, &parity.graph.layout());
    let outputs = program.outputs.clone();
    let mut exe = GpuExecutable::compile(gpu, &store, program)?;
    let mut once = || -> Result<Vec<f32>> {
        exe.poison()?;
        for (k, array) in inputs.iter().enumerate() {
            match k < updates {
                true => store.write(&outputs[k].place, array.bytes())?,
                false => exe.write_input(k - updates, array.bytes())?,
            }
        }
        exe.run()?;
        let mut computed: Vec<f32> = vec![];
        for output in &outputs {
            let bytes = match updates {
                0 => exe.read(&output.place)?,
                _ => store.read(&output.place)?,
            };
            let (data, tail) = bytes.split_at(output.ty.bytes());
            let untouched = |word: &[u8]| f32::from_le_bytes([word[0], word[1], word[2], word[3]]).is_nan();
            if !tail.chunks_exact(4).all(untouched) {
                return Err(Error::Graph("it writes behind its output".into()));
            }
            match output.ty.dtype {
                DType::F32 => computed.extend(bytemuck::pod_collect_to_vec::<u8, f32>(data)),
                _ => computed.extend(bytemuck::pod_collect_to_vec::<u8, u32>(data).iter().map(|&x| x as f32)),
            }
        }
        Ok(computed)
    };
    Ok([once()?, once()?])
}
