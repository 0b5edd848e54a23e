//! What several test programs share: the test device and the translation of a shader to every language.
#![allow(dead_code, reason = "each test program uses its part")]

pub mod checks;
pub mod devices;
pub mod models;
pub mod training;
pub mod whole;

use std::sync::OnceLock;
use wavae::error::{Error, Result};
use wavae::gpu::{Gpu, LimitsChoice, Request};
use wavae::lower::shader::Shader;

/// The device all trials share: hardware where there is some, else a software adapter; `WAVAE_TEST_DEVICE` names another.
/// Without any adapter the tests fail, with what to install.
pub fn gpu() -> Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| open().unwrap_or_else(|e| panic!("{e}"))).clone()
}

fn open() -> Result<Gpu> {
    let limits = LimitsChoice::from_env()?;
    let wanted = std::env::var("WAVAE_TEST_DEVICE").ok();
    let request = wanted.as_deref().unwrap_or("auto").parse::<Request>()?;
    if let Some(gpu) = Gpu::open(&request, limits)? {
        return Ok(gpu);
    }
    Gpu::open(&Request::Software, limits)?.ok_or_else(|| Error::Device("no adapter".into()))
}

/// Writes a shader as SPIR-V, MSL, HLSL and GLSL with naga.
pub fn translate_everywhere(shader: &Shader) -> Result<()> {
    use naga::back::{glsl, hlsl, msl, spv};
    let (module, info) = (shader.module(), shader.module_info());
    let failed = |language: &str, e: &dyn std::fmt::Display| Error::Shader {
        kernel: shader.name.clone(),
        message: format!("{language}: {e}\n{}", shader.source),
    };
    spv::write_vec(module, info, &spv::Options { lang_version: (1, 3), ..Default::default() }, None)
        .map_err(|e| failed("SPIR-V", &e))?;
    let options = msl::Options { lang_version: (2, 4), fake_missing_bindings: true, ..Default::default() };
    msl::write_string(module, info, &options, &msl::PipelineOptions::default()).map_err(|e| failed("MSL", &e))?;
    let options =
        hlsl::Options { shader_model: hlsl::ShaderModel::V6_2, fake_missing_bindings: true, ..Default::default() };
    let pipeline = hlsl::PipelineOptions::default();
    let mut text = String::new();
    hlsl::Writer::new(&mut text, &options, &pipeline).write(module, info, None).map_err(|e| failed("HLSL", &e))?;
    if uses_subgroups(shader) || shader.source.starts_with("enable f16;") {
        return Ok(()); // GL has no subgroups and no f16: there the direct variants run, in f32
    }
    let options = glsl::Options { version: glsl::Version::new_gles(310), ..Default::default() };
    let pipeline = glsl::PipelineOptions {
        shader_stage: naga::ShaderStage::Compute,
        entry_point: shader.entry().into(),
        multiview: None,
    };
    let mut text = String::new();
    let policies = naga::proc::BoundsCheckPolicies::default();
    glsl::Writer::new(&mut text, module, info, &options, &pipeline, policies)
        .and_then(|mut writer| writer.write())
        .map_err(|e| failed("GLSL", &e))?;
    Ok(())
}

fn uses_subgroups(shader: &Shader) -> bool {
    shader.source.contains("subgroup")
}
