//! The convolutions on the CPU: patches are copied to a matrix (im2col) block by block and multiplied.
//!
//! Blocks are dealt to threads; each product runs on one. Where blocks are summed (the weight gradient), their number is
//! fixed by the shapes, so results do not depend on the number of threads.

use super::{Conv2d, Conv2dInputGrad, Conv2dWeightGrad, Geometry};
use crate::cpu::{Real, Reference, Strided, Threads, View};
use crate::tensor::TensorType;
use rayon::prelude::*;
use std::ops::Range;

/// Rows of a patch matrix: enough to repay packing the filter, few enough to stay in the cache.
const ROWS: usize = 192;
/// Partial sums of a weight gradient.
const PARTS: usize = 8;

/// Lines (of `width` pixels) in a block: about [`ROWS`] pixels, and no more than an eighth of `lines`.
fn block_lines(lines: usize, width: usize) -> usize {
    ROWS.div_ceil(width).min(lines.div_ceil(8)).max(1)
}

impl Geometry {
    fn of_types(inputs: &[&TensorType], geometry: impl Fn(&[TensorType]) -> crate::Result<Self>) -> Option<Self> {
        let types: Vec<TensorType> = inputs.iter().map(|&ty| ty.clone()).collect();
        geometry(&types).ok()
    }

    /// Whether a patch is a pixel, so that the image itself is the patch matrix.
    fn pointlike(&self) -> bool {
        self.kh * self.kw == 1 && self.conv.stride == [1, 1] && self.conv.pad == [0; 4]
    }

    /// Calls `each(range in the image, range in the patch)` for every run of elements that the patch of output pixel
    /// (`oy`, `ox`) in `image` shares with the image, in `group`. The rest of the patch is padding.
    fn patch(&self, [image, oy, ox]: [usize; 3], group: usize, mut each: impl FnMut(Range<usize>, usize)) {
        let (cg, conv) = (self.cg(), &self.conv);
        let wide = conv.dilation[1] == 1 && conv.groups == 1; // neighbouring taps are neighbours in memory
        for ky in 0..self.kh {
            let iy = (oy * conv.stride[0] + ky * conv.dilation[0]).wrapping_sub(conv.pad[0]);
            if iy >= self.h {
                continue;
            }
            let row = (image * self.h + iy) * self.w;
            let x0 = ox * conv.stride[1];
            if wide {
                // Taps kx with 0 ≤ x0 + kx − pad < w.
                let first = conv.pad[1].saturating_sub(x0).min(self.kw);
                let end = (self.w + conv.pad[1]).saturating_sub(x0).clamp(first, self.kw);
                if first < end {
                    let from = (row + x0 + first - conv.pad[1]) * self.c;
                    each(from..from + (end - first) * self.c, (ky * self.kw + first) * self.c);
                }
                continue;
            }
            for kx in 0..self.kw {
                let ix = (x0 + kx * conv.dilation[1]).wrapping_sub(conv.pad[1]);
                if ix < self.w {
                    let from = (row + ix) * self.c + group * cg;
                    each(from..from + cg, (ky * self.kw + kx) * cg);
                }
            }
        }
    }

    /// Output pixel number `pixel`: image, row, column.
    fn pixel(&self, pixel: usize) -> [usize; 3] {
        [pixel / self.ow / self.oh, pixel / self.ow % self.oh, pixel % self.ow]
    }

    /// The patch matrix [pixels, depth] of a group: copied to `buffer`, or the image itself.
    fn patches<'a, T: Real>(
        &self,
        x: &'a [T],
        pixels: Range<usize>,
        group: usize,
        buffer: &'a mut Vec<T>,
    ) -> Strided<'a, T> {
        if self.pointlike() {
            let data = &x[pixels.start * self.c + group * self.cg()..pixels.end * self.c];
            return Strided { data, row: self.c, col: 1 };
        }
        let depth = self.depth();
        buffer.clear();
        buffer.resize(pixels.len() * depth, T::ZERO);
        for (pixel, to) in pixels.zip(buffer.chunks_exact_mut(depth)) {
            self.patch(self.pixel(pixel), group, |from, at| to[at..at + from.len()].copy_from_slice(&x[from]));
        }
        Strided { data: buffer, row: depth, col: 1 }
    }

    /// A group's [pixels, channels] of dy from pixel `first` on.
    fn outputs<'a, T>(&self, dy: &'a [T], first: usize, group: usize) -> Strided<'a, T> {
        Strided { data: &dy[first * self.oc + group * self.og()..], row: self.oc, col: 1 }
    }

    /// A group's filter as [depth, channels].
    fn filter<'a, T>(&self, w: &'a [T], group: usize) -> Strided<'a, T> {
        Strided { data: &w[group * self.og()..], row: self.oc, col: 1 }
    }
}

impl Reference for Conv2d {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let Some(geo) = Geometry::of_types(&[inputs[0].ty, inputs[1].ty], |t| self.geometry(t)) else { return };
        let (x, w) = (inputs[0].real(), inputs[1].real());
        let block = block_lines(geo.batch * geo.oh, geo.ow) * geo.ow;
        out.par_chunks_mut(block * geo.oc).enumerate().for_each_init(Vec::new, |buffer, (index, y)| {
            let (first, count) = (index * block, y.len() / geo.oc);
            for group in 0..self.groups {
                let patches = geo.patches(x, first..first + count, group, buffer);
                let y = &mut y[group * geo.og()..];
                let dims = [count, geo.depth(), geo.og()];
                T::matmul(dims, patches, geo.filter(w, group), y, geo.oc, false, Threads::One);
            }
        });
    }
}

impl Reference for Conv2dWeightGrad {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let Some(geo) = Geometry::of_types(&[inputs[0].ty, inputs[1].ty], |t| self.geometry(t)) else { return };
        let (x, dy) = (inputs[0].real(), inputs[1].real());
        let lines = geo.batch * geo.oh;
        let part = lines.div_ceil(PARTS);
        let block = block_lines(lines, geo.ow) * geo.ow;
        let sum = |part: Range<usize>| {
            let (mut dw, mut buffer) = (vec![T::ZERO; out.len()], vec![]);
            for first in part.clone().step_by(block) {
                let pixels = first..part.end.min(first + block);
                for group in 0..geo.conv.groups {
                    let dims = [geo.depth(), pixels.len(), geo.og()];
                    let patches = geo.patches(x, pixels.clone(), group, &mut buffer);
                    let turned = Strided { data: patches.data, row: patches.col, col: patches.row };
                    let dw = &mut dw[group * geo.og()..];
                    T::matmul(dims, turned, geo.outputs(dy, first, group), dw, geo.oc, true, Threads::One);
                }
            }
            dw
        };
        let starts: Vec<usize> = (0..lines).step_by(part).collect();
        let sums: Vec<Vec<T>> = starts
            .into_par_iter()
            .with_max_len(1)
            .map(|first| sum(first * geo.ow..(first + part).min(lines) * geo.ow))
            .collect();
        out.fill(T::ZERO);
        for part in sums {
            out.iter_mut().zip(part).for_each(|(o, x)| *o += x);
        }
    }
}

impl Reference for Conv2dInputGrad {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let Some(geo) = Geometry::of_types(&[inputs[0].ty, inputs[1].ty], |t| self.geometry(t)) else { return };
        let (w, dy) = (inputs[0].real(), inputs[1].real());
        // Patches of one image overlap, so an image stays on one thread, unless there is only one; small images go together.
        let threads = if geo.batch == 1 { Threads::All } else { Threads::One };
        let (image, pixels) = (geo.h * geo.w * geo.c, geo.oh * geo.ow);
        let images = ROWS.div_ceil(pixels).min(geo.batch.div_ceil(8)).max(1);
        let block = ROWS.next_multiple_of(geo.ow);
        out.par_chunks_mut(images * image).enumerate().for_each_init(Vec::new, |buffer, (task, dx)| {
            let first = task * images;
            let end = (first + dx.len() / image) * pixels;
            dx.fill(T::ZERO);
            for start in (first * pixels..end).step_by(block) {
                for group in 0..geo.conv.groups {
                    geo.add_patches(w, dy, start..end.min(start + block), first, group, buffer, dx, threads);
                }
            }
        });
    }
}

impl Geometry {
    /// Adds what `pixels` of dy contribute to `dx`, which starts at image `first`.
    fn add_patches<T: Real>(
        &self,
        w: &[T],
        dy: &[T],
        pixels: Range<usize>,
        first: usize,
        group: usize,
        buffer: &mut Vec<T>,
        dx: &mut [T],
        threads: Threads,
    ) {
        let (depth, outputs, filter) = (self.depth(), self.outputs(dy, pixels.start, group), self.filter(w, group));
        let turned = Strided { data: filter.data, row: filter.col, col: filter.row };
        let dims = [pixels.len(), self.og(), depth];
        if self.pointlike() {
            let at = (pixels.start - first * self.oh * self.ow) * self.c + group * self.cg();
            return T::matmul(dims, outputs, turned, &mut dx[at..], self.c, false, threads);
        }
        buffer.resize(pixels.len() * depth, T::ZERO);
        T::matmul(dims, outputs, turned, buffer, depth, false, threads);
        for (pixel, patch) in pixels.zip(buffer.chunks_exact(depth)) {
            let [image, y, x] = self.pixel(pixel);
            self.patch([image - first, y, x], group, |to, at| {
                let len = to.len();
                dx[to].iter_mut().zip(&patch[at..at + len]).for_each(|(d, &p)| *d += p);
            });
        }
    }
}
