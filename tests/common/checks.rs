//! What one case of an op is held to, as functions, so that the canaries go through the very checks the op table does.

use wavae::DType;
use wavae::error::{Error, Result};
use wavae::gpu::{GpuExecutable, GpuStore};
use wavae::lower::caps::Caps;
use wavae::testing::{OpCase, Parity, compare, lower_case, oracle, translate};

/// Bytes behind each intermediate that no kernel may touch.
const PAD: u64 = 256;

/// The f32 reference within the case's tolerance of the f64 one.
pub fn cpu(case: &OpCase) -> Result<()> {
    let (exact, bounds) = oracle(case)?;
    compare(&case.evaluate::<f32>(&case.draw()?)?, &exact, &bounds)
}

/// Every variant for WebGPU's minimum and for a device with subgroups translates to every language.
pub fn translations(case: &OpCase) -> Result<()> {
    let rich = Caps { subgroup: Some(32), ..Caps::minimum() };
    for caps in [Caps::minimum(), Caps { software: true, subgroup: Some(8), ..Caps::minimum() }, rich] {
        for index in 0.. {
            let Some(parity) = lower_case(case, index, &caps, 0)? else { break };
            translate(&parity.lowered, super::translate_everywhere)?;
        }
    }
    Ok(())
}

/// Every variant on the test device, outputs poisoned and padded, against the f64 reference; twice, with equal bits.
pub fn parity(case: &OpCase) -> Result<()> {
    let (exact, bounds) = oracle(case)?;
    let mut index = 0;
    while let Some(parity) = lower_case(case, index, super::gpu().caps(), PAD)? {
        index += 1;
        let variant = parity.variant;
        let says = |e: Error| Error::Graph(format!("{variant}: {e}"));
        let [first, second] = twice(case, parity).map_err(says)?;
        compare(&first, &exact, &bounds).map_err(says)?;
        if first.iter().zip(&second).any(|(a, b)| a.to_bits() != b.to_bits()) {
            return Err(Error::Graph(format!("{variant}: two runs differ")));
        }
    }
    match index {
        0 => Err(Error::Graph(format!("{} has no kernel for this case", case.op.name()))),
        _ => Ok(()),
    }
}

/// The results of two runs of one variant.
fn twice(case: &OpCase, parity: Parity) -> Result<[Vec<f32>; 2]> {
    let gpu = super::gpu();
    let (inputs, updates) = (case.draw()?, case.op.updates());
    let program = parity.lowered.program;
    let store = GpuStore::new(&gpu, &parity.graph.layout());
    let outputs = program.outputs.clone();
    let mut exe = GpuExecutable::compile(&gpu, &store, program)?;
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
