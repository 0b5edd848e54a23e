//! The test table of the convolutions.

use super::{Conv2d, Conv2dInputGrad, Conv2dWeightGrad, Geometry};
use crate::tensor::TensorType;
use crate::testing::{ErrorCase, Gen, OpCase, Tol};

/// A geometry by (image, [KH, KW, O], stride, padding, dilation, groups).
type Row = ([usize; 4], [usize; 3], [usize; 2], [usize; 4], [usize; 2], usize);

const SMALL: [Row; 23] = [
    ([1, 1, 1, 1], [1, 1, 1], [1, 1], [0; 4], [1, 1], 1),
    ([2, 5, 7, 3], [1, 1, 5], [1, 1], [0; 4], [1, 1], 1),
    ([1, 7, 5, 33], [1, 1, 65], [1, 1], [0; 4], [1, 1], 1),
    ([2, 7, 5, 3], [3, 3, 5], [1, 1], [1; 4], [1, 1], 1),
    ([1, 9, 17, 5], [3, 3, 3], [1, 1], [1; 4], [1, 1], 1),
    ([1, 13, 11, 7], [3, 5, 1], [1, 1], [2, 0, 1, 3], [1, 1], 1),
    ([2, 8, 8, 3], [4, 4, 33], [2, 2], [1; 4], [1, 1], 1),
    ([3, 9, 7, 5], [4, 4, 7], [2, 2], [1; 4], [1, 1], 1),
    ([1, 11, 13, 2], [5, 3, 4], [3, 2], [2, 1, 0, 2], [1, 1], 1),
    ([2, 11, 9, 3], [3, 3, 4], [1, 1], [2; 4], [2, 2], 1),
    ([1, 13, 12, 3], [3, 2, 5], [2, 3], [1, 0, 2, 1], [2, 1], 1),
    ([1, 12, 13, 2], [3, 3, 3], [2, 2], [0, 1, 2, 3], [2, 4], 1),
    ([2, 6, 7, 6], [3, 3, 4], [1, 2], [1; 4], [1, 1], 2),
    ([2, 6, 7, 6], [3, 3, 8], [1, 2], [1; 4], [1, 1], 2),
    ([2, 9, 7, 5], [3, 3, 36], [2, 1], [1; 4], [1, 1], 1),
    ([2, 7, 6, 8], [4, 4, 12], [2, 2], [1; 4], [1, 1], 1),
    ([1, 5, 9, 36], [1, 3, 68], [1, 1], [0, 1, 0, 1], [1, 1], 1),
    ([2, 5, 4, 8], [3, 3, 16], [1, 1], [1; 4], [1, 2], 2),
    ([1, 9, 8, 5], [3, 3, 5], [1, 1], [1; 4], [1, 1], 5),
    ([1, 9, 18, 3], [4, 4, 36], [2, 2], [1; 4], [1, 1], 1),
    ([1, 40, 41, 3], [2, 3, 9], [1, 1], [0, 1, 0, 1], [1, 1], 1),
    ([2, 6, 27, 36], [3, 2, 3], [1, 1], [0, 1, 2, 0], [1, 1], 1),
    ([1, 10, 23, 2], [7, 5, 8], [2, 2], [3, 2, 3, 2], [1, 1], 1),
];

/// Layers of the reference models: the convolutional VAE's encoder at batch 64, its last layers, and a plain 3×3.
const LARGE: [(&str, Row); 6] = [
    ("encoder 1", ([64, 64, 64, 3], [4, 4, 32], [2, 2], [1; 4], [1, 1], 1)),
    ("encoder 2", ([64, 32, 32, 32], [4, 4, 64], [2, 2], [1; 4], [1, 1], 1)),
    ("encoder 3", ([64, 16, 16, 64], [4, 4, 128], [2, 2], [1; 4], [1, 1], 1)),
    ("encoder 4", ([64, 8, 8, 128], [4, 4, 256], [2, 2], [1; 4], [1, 1], 1)),
    ("3x3", ([16, 32, 32, 64], [3, 3, 64], [1, 1], [1; 4], [1, 1], 1)),
    ("3x3 to picture", ([16, 64, 64, 32], [3, 3, 3], [1, 1], [1; 4], [1, 1], 1)),
];

/// The three ops of a geometry.
fn three(name: &str, &(x, [kh, kw, oc], stride, pad, dilation, groups): &Row) -> Vec<OpCase> {
    let conv = Conv2d { stride, pad, dilation, groups };
    let geo = Geometry::of(conv, x, [kh, kw, x[3] / groups, oc]);
    let (w, dy) = ([kh, kw, geo.cg(), oc], [x[0], geo.oh, geo.ow, oc]);
    let case = |what: &str, op: OpCase, depth: usize| {
        let op = op.tol(Tol::products(depth));
        OpCase { name: if what.is_empty() { name.into() } else { format!("{name} {what}") }, ..op }
    };
    let images = |shape: [usize; 4]| Gen::normal(shape);
    vec![
        case("forward", OpCase::new("", conv, [images(x), images(w)]), geo.depth()),
        case(
            "input grad",
            OpCase::new("", Conv2dInputGrad { conv, input: [x[1], x[2]] }, [images(w), images(dy)]),
            kh * kw * geo.og(),
        ),
        case(
            "weight grad",
            OpCase::new("", Conv2dWeightGrad { conv, kernel: [kh, kw] }, [images(x), images(dy)]),
            geo.pixels(),
        ),
    ]
}

pub(in crate::ops) fn cases() -> Vec<OpCase> {
    let name = |&(x, k, stride, pad, dilation, groups): &Row| {
        let mut name = format!("{x:?} {}x{} to {}, s{stride:?} p{pad:?}", k[0], k[1], k[2]);
        if dilation != [1, 1] {
            name += &format!(" d{dilation:?}");
        }
        if groups > 1 {
            name += &format!(" g{groups}");
        }
        name.replace(", ", ",")
    };
    SMALL.iter().flat_map(|row| three(&name(row), row)).collect()
}

pub(in crate::ops) fn bench() -> Vec<OpCase> {
    LARGE.iter().flat_map(|(name, row)| three(name, row)).collect()
}

pub(in crate::ops) fn errors() -> Vec<ErrorCase> {
    let f32s = |a: [usize; 4], b: [usize; 4]| [TensorType::f32(a), TensorType::f32(b)];
    let plain = Conv2d::default();
    let x = [2, 8, 8, 6];
    let conv = |edit: fn(&mut Conv2d)| {
        let mut conv = plain;
        edit(&mut conv);
        conv
    };
    let input = |input| Conv2dInputGrad { conv: plain, input };
    let weight = |kernel| Conv2dWeightGrad { conv: plain, kernel };
    vec![
        ErrorCase::new(plain, f32s(x, [3, 3, 5, 4]), "must take 6 input channels a group (its third extent), not 5"),
        ErrorCase::new(plain, f32s(x, [9, 3, 6, 4]), "the filter spans 9 pixels, the padded image only 8"),
        ErrorCase::new(conv(|c| c.dilation = [1, 5]), f32s(x, [3, 3, 6, 4]), "spans 11 pixels"),
        ErrorCase::new(conv(|c| c.groups = 4), f32s(x, [3, 3, 1, 4]), "4 groups must divide 6 input and 4 output"),
        ErrorCase::new(conv(|c| c.groups = 0), f32s(x, [3, 3, 6, 4]), "groups at least 1"),
        ErrorCase::new(conv(|c| c.stride = [0, 1]), f32s(x, [3, 3, 6, 4]), "stride and dilation must be 1 to 255"),
        ErrorCase::new(conv(|c| c.pad[3] = 1 << 40), f32s(x, [3, 3, 6, 4]), "padding must be at most 65535"),
        ErrorCase::new(plain, [TensorType::f32([8, 8, 6]), TensorType::f32([3, 3, 6, 4])], "the image must be F32"),
        ErrorCase::new(plain, [TensorType::f32(x), TensorType::u8([3, 3, 6, 4])], "the filter must be F32"),
        ErrorCase::new(plain, [TensorType::f32(x)], "takes an image and a filter"),
        ErrorCase::new(input([8, 8]), f32s([3, 3, 6, 4], [2, 6, 6, 5]), "has 5 channels"),
        ErrorCase::new(input([8, 9]), f32s([3, 3, 6, 4], [2, 6, 6, 4]), "is not the output [2, 6, 7, 4]"),
        ErrorCase::new(input([0, 8]), f32s([3, 3, 6, 4], [2, 6, 6, 4]), "is no size of an image"),
        ErrorCase::new(weight([3, 3]), f32s(x, [2, 5, 6, 4]), "is not the output [2, 6, 6, 4]"),
        ErrorCase::new(weight([9, 3]), f32s(x, [2, 6, 6, 4]), "the filter spans 9 pixels"),
        ErrorCase::new(weight([0, 3]), f32s(x, [2, 6, 6, 4]), "is no size of a filter"),
    ]
}
