//! What the kernels of the convolutions are told, and what of a geometry that is made of.

use super::Geometry;

/// The start of every convolution's parameters, and what follows.
macro_rules! params {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct $name {
            /// Images.
            pub batch: u32,
            /// Height of the convolution's input.
            pub h: u32,
            /// Width of the convolution's input.
            pub w: u32,
            /// Channels of the convolution's input.
            pub c: u32,
            /// Height of its output.
            pub oh: u32,
            /// Width of its output.
            pub ow: u32,
            /// Channels of its output.
            pub oc: u32,
            /// Filter height.
            pub kh: u32,
            /// Filter width.
            pub kw: u32,
            /// Stride downwards.
            pub stride_h: u32,
            /// Stride across.
            pub stride_w: u32,
            /// Zeros above.
            pub pad_h: u32,
            /// Zeros to the left.
            pub pad_w: u32,
            /// Dilation downwards.
            pub dil_h: u32,
            /// Dilation across.
            pub dil_w: u32,
            /// Channel groups.
            pub groups: u32,
            $($(#[$field_doc])* pub $field: u32,)*
        }

        impl $name {
            /// The part that the geometry gives; the rest is 0.
            pub(super) fn of(geo: &Geometry) -> Self {
                let conv = &geo.conv;
                Self {
                    batch: geo.batch as u32,
                    h: geo.h as u32,
                    w: geo.w as u32,
                    c: geo.c as u32,
                    oh: geo.oh as u32,
                    ow: geo.ow as u32,
                    oc: geo.oc as u32,
                    kh: geo.kh as u32,
                    kw: geo.kw as u32,
                    stride_h: conv.stride[0] as u32,
                    stride_w: conv.stride[1] as u32,
                    pad_h: conv.pad[0] as u32,
                    pad_w: conv.pad[1] as u32,
                    dil_h: conv.dilation[0] as u32,
                    dil_w: conv.dilation[1] as u32,
                    groups: conv.groups as u32,
                    $($field: 0,)*
                }
            }
        }
    };
}
params!(
    /// The parameters of `shaders/conv2d.wgsl`.
    Conv2dParams {
        /// Stride of a tap in the filter.
        w_tap,
        /// Stride of an input channel in the filter.
        w_ci,
        /// Stride of an output channel in the filter.
        w_co,
    }
);
params!(
    /// The parameters of `shaders/conv2d_input_grad.wgsl`.
    InputGradParams {
        /// Stride of a tap in the filter.
        w_tap,
        /// Stride of an input channel in the filter.
        w_ci,
        /// Stride of an output channel in the filter.
        w_co,
        /// Filter rows between taps that reach one parity class.
        step_h,
        /// Filter columns between taps that reach one parity class.
        step_w,
        /// Rows of dy between those taps.
        back_h,
        /// Columns of dy between those taps.
        back_w,
    }
);
params!(
    /// The parameters of `shaders/conv2d_input_grad_few.wgsl`.
    FewChannelsParams {
        /// Stride of a tap in the filter; wraps where the filter is turned round.
        w_tap,
        /// Stride of an input channel in the filter.
        w_ci,
        /// Stride of an output channel in the filter.
        w_co,
        /// Filter rows between taps that reach one parity class.
        step_h,
        /// Filter columns between taps that reach one parity class.
        step_w,
        /// Rows of dy between those taps.
        back_h,
        /// 1.
        back_w,
        /// Where the weight of the first tap lies.
        w_base,
    }
);
params!(
    /// The parameters of `shaders/conv2d_input_grad_blocks.wgsl`.
    BlocksParams {
        /// Stride of a tap in the filter; wraps where the filter is turned round.
        w_tap,
        /// Stride of an input channel in the filter.
        w_ci,
        /// Stride of an output channel in the filter.
        w_co,
        /// Where the weight of the first tap lies.
        w_base,
        /// Lines of blocks an image.
        lines,
        /// Lanes a line of blocks.
        across,
    }
);
params!(
    /// The parameters of `shaders/conv2d_weight_grad.wgsl`.
    WeightGradParams {
        /// Output pixels a split.
        chunk,
    }
);

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Geometry {
    /// Taps between taps that reach one parity class, and pixels of dy between those: down and across.
    pub(super) fn steps(&self) -> [[u32; 2]; 2] {
        let common = |axis: usize| gcd(self.conv.stride[axis], self.conv.dilation[axis]);
        let per = |v: [usize; 2]| [0, 1].map(|axis| (v[axis] / common(axis)) as u32);
        [per(self.conv.stride), per(self.conv.dilation)]
    }

    /// Lines and columns of the image in parity class 0, the largest.
    pub(super) fn class(&self) -> [usize; 2] {
        [self.h.div_ceil(self.conv.stride[0]), self.w.div_ceil(self.conv.stride[1])]
    }
}
