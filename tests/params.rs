//! The parameters of each kernel are written twice, as a `#[repr(C)]` struct in Rust and as a struct in WGSL. This table
//! holds one against the other: same fields, same order, same offsets, same sizes. Fillers (`pad`, `pad0`, …) are left
//! out.
//!
//! Adding a kernel: one line in [`table`]. A kernel that an op launches without a line here fails the second test.

use std::collections::BTreeMap;
use std::mem::offset_of;
use wavae::lower::assemble::Assembly;
use wavae::lower::caps::Caps;
use wavae::lower::shader::Shader;
use wavae::ops::{
    concat, conv, cumsum, gather, index, loss_scale, matmul, noise, norm, optimizer, permute, pool, recurrent, reduce,
    registry, rows, scatter, slice, softmax, view,
};

/// A parameter struct as Rust lays it out.
struct Row {
    kernel: &'static str,
    params: &'static str,
    size: usize,
    /// Name, offset, size.
    fields: Vec<(String, usize, usize)>,
}

fn size_of_field<P, F>(_: impl Fn(&P) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! row {
    ($kernel:literal: $params:ty { $($field:ident),* }) => {
        Row {
            kernel: $kernel,
            params: stringify!($params),
            size: size_of::<$params>(),
            fields: vec![$((
                stringify!($field).to_string(),
                offset_of!($params, $field),
                size_of_field(|p: &$params| &p.$field),
            )),*],
        }
    };
}

#[rustfmt::skip]
fn table() -> Vec<Row> {
    vec![
        row!("adam": optimizer::AdamParams { len, beta1, beta2, eps, weight_decay, sums }),
        row!("arg_extreme": rows::RowsParams { rows, columns, eps }),
        row!("avg_pool": pool::PoolParams { len, height, width, out_height, out_width, channels, window, stride, scale }),
        row!("spread": pool::PoolParams { len, height, width, out_height, out_width, channels, window, stride, scale }),
        row!("avg_pool_grad": pool::PoolParams { len, height, width, out_height, out_width, channels, window, stride, scale }),
        row!("category_log_prob": rows::RowsParams { rows, columns, eps }),
        row!("category_log_prob_grad": softmax::CategoryGradParams { len, columns }),
        row!("compare_index": index::CompareIndexParams { len, columns }),
        row!("concat": concat::ConcatParams { ends, len, row }),
        row!("conv2d": conv::Conv2dParams { batch, h, w, c, oh, ow, oc, kh, kw, stride_h, stride_w, pad_h, pad_w, dil_h, dil_w, groups, w_tap, w_ci, w_co }),
        row!("conv2d_input_grad": conv::InputGradParams { batch, h, w, c, oh, ow, oc, kh, kw, stride_h, stride_w, pad_h, pad_w, dil_h, dil_w, groups, w_tap, w_ci, w_co, step_h, step_w, back_h, back_w }),
        row!("conv2d_input_grad_blocks": conv::BlocksParams { batch, h, w, c, oh, ow, oc, kh, kw, stride_h, stride_w, pad_h, pad_w, dil_h, dil_w, groups, w_tap, w_ci, w_co, w_base, lines, across }),
        row!("conv2d_input_grad_few": conv::FewChannelsParams { batch, h, w, c, oh, ow, oc, kh, kw, stride_h, stride_w, pad_h, pad_w, dil_h, dil_w, groups, w_tap, w_ci, w_co, step_h, step_w, back_h, back_w, w_base }),
        row!("conv2d_weight_grad": conv::WeightGradParams { batch, h, w, c, oh, ow, oc, kh, kw, stride_h, stride_w, pad_h, pad_w, dil_h, dil_w, groups, chunk }),
        row!("cumsum": cumsum::CumsumParams { lines, extent, inner }),
        row!("ema": optimizer::EmaParams { len, momentum }),
        row!("embed": slice::EmbedParams { len, row, start, size }),
        row!("gather": gather::GatherParams { len, row, last }),
        row!("gather_u32": gather::GatherParams { len, row, last }),
        row!("gather_u8": gather::GatherU8Params { len, row, last, scale, shift }),
        row!("iota": index::IotaParams { len, extent, inner }),
        row!("loss_scale": loss_scale::LossScaleParams { sums, every, least, most }),
        row!("matmul": matmul::MatmulParams { m, n, k, a_batch, a_row, a_col, b_batch, b_row, b_col }),
        row!("noise": noise::NoiseParams { len, stream, threshold }),
        row!("norm_apply": norm::NormParams { n, rows, channels, groups, width, chunks, block, eps }),
        row!("norm_grad": norm::NormParams { n, rows, channels, groups, width, chunks, block, eps }),
        row!("norm_means": norm::NormParams { n, rows, channels, groups, width, chunks, block, eps }),
        row!("norm_moments": norm::NormParams { n, rows, channels, groups, width, chunks, block, eps }),
        row!("norm_sums": norm::NormParams { n, rows, channels, groups, width, chunks, block, eps }),
        row!("norm_track": norm::moments::TrackParams { channels, momentum, unbias }),
        row!("recurrent_gates": recurrent::GatesParams { len, hidden }),
        row!("recurrent_step": recurrent::StepParams { len, hidden, steps, step, begins }),
        row!("recurrent_step_grad": recurrent::StepGradParams { len, hidden, steps, step, begins }),
        row!("reduce": reduce::ReduceParams { keep, fold, outs, len, chunks, block, scale }),
        row!("reduce_second": reduce::SecondParams { outs, chunks, scale }),
        row!("scatter_add": scatter::ScatterParams { len, row, last, count }),
        row!("scatter_clear": scatter::ClearParams { len }),
        row!("scatter_links": scatter::LinksParams { len, last }),
        row!("sgd": optimizer::SgdParams { len, momentum, weight_decay, sums }),
        row!("split_sum": matmul::SplitSumParams { len, splits }),
        row!("softmax": rows::RowsParams { rows, columns, eps }),
        row!("softmax_grad": rows::RowsParams { rows, columns, eps }),
        row!("standardize": rows::RowsParams { rows, columns, eps }),
        row!("standardize_grad": rows::RowsParams { rows, columns, eps }),
        row!("transpose": permute::TransposeParams { batch, rows, columns }),
        row!("transpose_walk": permute::TransposeParams { batch, rows, columns }),
        row!("view_u32": view::ViewParams { terms, len, offset }),
        row!("view": view::ViewParams { terms, len, offset }),
    ]
}

/// The kernel with its defaults; specialisation changes no parameters.
fn assemble(kernel: &str) -> std::sync::Arc<Shader> {
    Assembly { kernel, ..Default::default() }.assemble().unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn rust_and_wgsl_agree_on_every_parameter() {
    for Row { kernel, params, size, fields } in table() {
        let shader = assemble(kernel);
        let wgsl: Vec<(String, usize, usize)> = shader
            .uniform_fields(0)
            .into_iter()
            .filter(|f| !f.name.strip_prefix("pad").is_some_and(|n| n.chars().all(|c| c.is_ascii_digit())))
            .map(|f| (f.name, f.offset as usize, f.size as usize))
            .collect();
        assert_eq!(fields, wgsl, "{params} and the Params of shaders/{kernel}.wgsl: (field, offset, size)");
        let uniform = shader.layout()[0].uniform.unwrap_or(0) as usize;
        let blocks = (size.next_multiple_of(16), uniform.next_multiple_of(16));
        assert_eq!(blocks.0, blocks.1, "bytes of {params} and of the Params of shaders/{kernel}.wgsl, in whole 16s");
    }
}

#[test]
fn every_launched_kernel_is_in_the_table() {
    let rows: BTreeMap<&str, usize> = table().into_iter().map(|row| (row.kernel, row.size)).collect();
    let subgroups = Caps { subgroup: Some(32), ..Caps::minimum() };
    let software = Caps { software: true, subgroup: Some(8), ..Caps::minimum() };
    for entry in registry() {
        for case in (entry.cases)() {
            let types = case.types();
            let out = case.op.infer(&types).unwrap_or_else(|e| panic!("{}: {e}", case.name));
            for caps in [Caps::minimum(), subgroups.clone(), software.clone()] {
                for launch in case.op.variants(&types, &out, &caps).into_iter().flat_map(|lowering| lowering.passes) {
                    let kernel = launch.kernel;
                    let size = rows.get(kernel).unwrap_or_else(|| {
                        panic!(
                            "{} launches {kernel}: add its parameter struct to the table in tests/params.rs",
                            entry.name
                        )
                    });
                    assert_eq!(launch.params.len(), *size, "{kernel} is launched with another struct than the table's");
                }
            }
        }
    }
}
