//! The convolutions' fast reference (im2col and matrix products) against seven nested loops over the definition, in f64.

use wavae::Array;
use wavae::graph::Graph;
use wavae::ops::conv::{Conv2d, Conv2dInputGrad, Conv2dWeightGrad};
use wavae::testing::{Gen, OpCase};

type Dims = [usize; 4];

/// Calls `each` with the flat indices (in x, w, y) of every product of the convolution.
fn products(conv: &Conv2d, x: Dims, w: Dims, y: Dims, mut each: impl FnMut(usize, usize, usize)) {
    let (cg, og) = (w[2], w[3] / conv.groups);
    let at = |d: Dims, [a, b, c, e]: Dims| ((a * d[1] + b) * d[2] + c) * d[3] + e;
    for n in 0..x[0] {
        for oy in 0..y[1] {
            for ox in 0..y[2] {
                for o in 0..y[3] {
                    for ky in 0..w[0] {
                        for kx in 0..w[1] {
                            let iy = (oy * conv.stride[0] + ky * conv.dilation[0]) as isize - conv.pad[0] as isize;
                            let ix = (ox * conv.stride[1] + kx * conv.dilation[1]) as isize - conv.pad[1] as isize;
                            if iy < 0 || ix < 0 || iy >= x[1] as isize || ix >= x[2] as isize {
                                continue;
                            }
                            for i in 0..cg {
                                let input = [n, iy as usize, ix as usize, o / og * cg + i];
                                each(at(x, input), at(w, [ky, kx, i, o]), at(y, [n, oy, ox, o]));
                            }
                        }
                    }
                }
            }
        }
    }
}

fn extent(conv: &Conv2d, axis: usize, size: usize, kernel: usize) -> usize {
    let span = conv.dilation[axis] * (kernel - 1) + 1;
    (size + conv.pad[axis] + conv.pad[axis + 2] - span) / conv.stride[axis] + 1
}

fn wide(array: &Array) -> Vec<f64> {
    array.as_f32().iter().map(|&x| x.into()).collect()
}

fn assert_close(what: &str, fast: &[f64], direct: &[f64], magnitude: &[f64], depth: usize) {
    assert_eq!(fast.len(), direct.len(), "{what}");
    for i in 0..fast.len() {
        // Two sums of `depth` products in different orders.
        let bound = 2.0 * (depth + 1) as f64 * f64::EPSILON * magnitude[i];
        assert!((fast[i] - direct[i]).abs() <= bound, "{what}: element {i} is {} instead of {}", fast[i], direct[i]);
    }
}

/// Hands over each term of a sum and the element it belongs to.
type Terms<'a> = &'a dyn Fn(&mut dyn FnMut(usize, f64));

fn check(conv: Conv2d, x: Dims, kernel: [usize; 2], oc: usize) {
    let w = [kernel[0], kernel[1], x[3] / conv.groups, oc];
    let y = [x[0], extent(&conv, 0, x[1], w[0]), extent(&conv, 1, x[2], w[1]), oc];
    let draw = |dims: Dims, seed| Gen::normal(dims).draw(seed).expect("a tensor");
    let (ax, aw, ay) = (draw(x, 1), draw(w, 2), draw(y, 3));
    let (vx, vw, vy) = (wide(&ax), wide(&aw), wide(&ay));
    let fast = |case: OpCase, inputs: [&Array; 2]| {
        case.evaluate::<f64>(&[inputs[0].clone(), inputs[1].clone()]).expect("shapes fit")
    };
    let sums = |len: usize, add: Terms<'_>| {
        let (mut sum, mut magnitude, mut depth) = (vec![0.0; len], vec![0.0; len], vec![0; len]);
        add(&mut |i, v: f64| {
            sum[i] += v;
            magnitude[i] += v.abs();
            depth[i] += 1;
        });
        (sum, magnitude, depth.into_iter().max().unwrap_or(0))
    };
    let name = format!("{conv:?} {x:?} {w:?}");

    let (sum, magnitude, depth) = sums(vy.len(), &|add| products(&conv, x, w, y, |i, j, k| add(k, vx[i] * vw[j])));
    let op = OpCase::new("", conv, []);
    assert_close(&format!("forward {name}"), &fast(op, [&ax, &aw]), &sum, &magnitude, depth);

    let (sum, magnitude, depth) = sums(vx.len(), &|add| products(&conv, x, w, y, |i, j, k| add(i, vw[j] * vy[k])));
    let op = OpCase::new("", Conv2dInputGrad { conv, input: [x[1], x[2]] }, []);
    assert_close(&format!("input gradient {name}"), &fast(op, [&aw, &ay]), &sum, &magnitude, depth);

    let (sum, magnitude, depth) = sums(vw.len(), &|add| products(&conv, x, w, y, |i, j, k| add(j, vx[i] * vy[k])));
    let op = OpCase::new("", Conv2dWeightGrad { conv, kernel }, []);
    assert_close(&format!("weight gradient {name}"), &fast(op, [&ax, &ay]), &sum, &magnitude, depth);
}

#[test]
fn plain_convolutions() {
    check(Conv2d::default(), [2, 5, 7, 3], [1, 1], 4);
    check(Conv2d::same(3), [2, 9, 8, 3], [3, 3], 5);
    check(Conv2d::default(), [1, 6, 6, 1], [5, 3], 1);
    check(Conv2d { stride: [2, 2], pad: [1; 4], ..Conv2d::default() }, [3, 8, 10, 3], [4, 4], 7);
}

#[test]
fn more_than_one_block() {
    // Wider than a block of patches, and more lines than parts of a weight gradient.
    check(Conv2d::same(3), [1, 5, 211, 2], [3, 3], 3);
    check(Conv2d { pad: [2, 1, 0, 3], ..Conv2d::default() }, [2, 61, 17, 3], [3, 5], 4);
}

#[test]
fn asymmetric_padding_stride_and_dilation() {
    check(Conv2d { stride: [3, 2], pad: [2, 0, 1, 3], ..Conv2d::default() }, [2, 11, 9, 2], [5, 3], 3);
    check(Conv2d { stride: [2, 3], dilation: [2, 1], pad: [1, 2, 3, 0], groups: 1 }, [1, 13, 12, 3], [3, 2], 5);
    check(Conv2d { stride: [1, 1], dilation: [2, 3], pad: [2, 3, 2, 3], groups: 1 }, [2, 9, 10, 2], [3, 3], 2);
    check(Conv2d { stride: [2, 2], pad: [7, 9, 8, 6], ..Conv2d::default() }, [1, 3, 2, 2], [3, 3], 2);
}

#[test]
fn groups() {
    check(Conv2d { groups: 2, ..Conv2d::same(3) }, [2, 6, 7, 6], [3, 3], 4);
    check(Conv2d { groups: 5, ..Conv2d::same(3) }, [1, 9, 8, 5], [3, 3], 10);
    check(Conv2d { groups: 3, ..Conv2d::default() }, [2, 4, 5, 6], [1, 1], 3);
    check(Conv2d { groups: 2, dilation: [2, 2], stride: [2, 1], pad: [3, 0, 1, 2] }, [1, 9, 8, 4], [2, 3], 6);
}

#[test]
fn transposed_convolution_inverts_the_shape_and_is_the_adjoint() {
    let conv = Conv2d { stride: [2, 3], pad: [1, 0, 2, 1], dilation: [2, 1], groups: 2 };
    for (output_padding, h) in [([0, 0], 2 * 4 - 3 + 2 * 2 + 1), ([1, 2], 2 * 4 - 3 + 2 * 2 + 2)] {
        let mut g = Graph::new();
        let x = g.input("x", wavae::TensorType::f32([2, 5, 4, 6])).expect("a new name");
        let w = g.input("w", wavae::TensorType::f32([3, 4, 2, 6])).expect("a new name");
        let y = g.conv_transpose2d(x, w, &conv, output_padding).expect("shapes fit");
        let width = 3 * 3 - 1 + 3 + output_padding[1] + 1;
        assert_eq!(g.shape(y).dims(), [2, h, width, 4]);
        // The convolution it is the transpose of leads back to x.
        let back = g.conv2d(y, w, &conv).expect("shapes fit");
        assert_eq!(g.shape(back), g.shape(x));
    }
}

#[test]
fn transposed_convolution_refuses_what_does_not_fit() {
    let mut g = Graph::new();
    let x = g.input("x", wavae::TensorType::f32([1, 2, 2, 3])).expect("a new name");
    let w = g.input("w", wavae::TensorType::f32([2, 2, 4, 3])).expect("a new name");
    let says = |g: &mut Graph, conv: &Conv2d, extra| match g.conv_transpose2d(x, w, conv, extra) {
        Ok(y) => panic!("accepted as {}", g.ty(y)),
        Err(e) => e.to_string(),
    };
    let stride = Conv2d { stride: [2, 2], ..Conv2d::default() };
    assert!(says(&mut g, &stride, [2, 0]).contains("must be less than the stride [2, 2]"));
    let padded = Conv2d { pad: [2, 0, 1, 0], ..Conv2d::default() };
    assert!(says(&mut g, &padded, [0, 0]).contains("the padding leaves nothing"));
}
