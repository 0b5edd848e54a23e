//! What one case of an op is held to, as functions, so that the canaries go through the very checks the op table does.

use wavae::error::Result;
use wavae::lower::caps::Caps;
use wavae::testing::{OpCase, compare, lower_case, lower_half, oracle, translate};

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
            if let Some(half) = lower_half(case, index, &Caps { f16: true, ..caps.clone() })? {
                translate(&half.lowered, super::translate_everywhere)?;
            }
        }
    }
    Ok(())
}

/// Every variant on the test device.
pub fn parity(case: &OpCase) -> Result<()> {
    wavae::testing::parity(case, &super::gpu()).map(drop)
}

/// Variant `index` with inputs and output in f16.
pub fn half_parity(case: &OpCase, index: usize) -> Result<()> {
    wavae::testing::half_parity(case, index, &super::gpu())
}
