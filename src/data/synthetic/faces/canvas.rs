//! A small painter: soft-edged shapes from signed distances, composited in a similarity frame.

/// A colour in sRGB, each channel in `0..=1`.
pub(super) type Rgb = [f32; 3];

/// `a` at `t = 0`, `b` at `t = 1`.
pub(super) fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [0, 1, 2].map(|k| a[k] + (b[k] - a[k]) * t)
}

/// `a` times `k` in every channel.
pub(super) fn dim(a: Rgb, k: f32) -> Rgb {
    a.map(|v| v * k)
}

/// Hermite step from 0 below `a` to 1 above `b`; falling where `a > b`.
pub(super) fn smoothstep(a: f32, b: f32, x: f32) -> f32 {
    let t = ((x - a) / (b - a)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A bell of height 1 that is 0 from radius 1 on: `(1 − r²)²`, cheaper than a Gaussian and with compact support.
pub(super) fn bell(r2: f32) -> f32 {
    let t = (1.0 - r2).max(0.0);
    t * t
}

/// Distance to an axis-aligned ellipse, negative inside (first order, exact on the boundary).
pub(super) fn ellipse(x: f32, y: f32, cx: f32, cy: f32, rx: f32, ry: f32) -> f32 {
    let (u, v) = ((x - cx) / rx, (y - cy) / ry);
    let k0 = (u * u + v * v).sqrt();
    let k1 = ((u / rx).powi(2) + (v / ry).powi(2)).sqrt();
    if k1 < 1e-6 { -rx.min(ry) } else { k0 * (k0 - 1.0) / k1 }
}

/// Squared radius in the ellipse's own units: 0 at the centre, 1 on the boundary.
pub(super) fn radius2(x: f32, y: f32, cx: f32, cy: f32, rx: f32, ry: f32) -> f32 {
    ((x - cx) / rx).powi(2) + ((y - cy) / ry).powi(2)
}

/// Distance to the segment from `a` to `b`.
pub(super) fn segment(x: f32, y: f32, a: [f32; 2], b: [f32; 2]) -> f32 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let t = (((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    (x - a[0] - t * dx).hypot(y - a[1] - t * dy)
}

/// Distance to a box with rounded corners (radius `r`), negative inside.
pub(super) fn round_box(x: f32, y: f32, cx: f32, cy: f32, rx: f32, ry: f32, r: f32) -> f32 {
    let (u, v) = ((x - cx).abs() - rx + r, (y - cy).abs() - ry + r);
    u.max(0.0).hypot(v.max(0.0)) + u.max(v).min(0.0) - r
}

/// Union of two distances whose seam is rounded over a width of about `k`.
pub(super) fn smooth_union(a: f32, b: f32, k: f32) -> f32 {
    let h = (k - (a - b).abs()).max(0.0) / k;
    a.min(b) - h * h * k * 0.25
}

/// Where a drawing's own coordinates lie on the canvas: scaled, turned, then moved. `x` right, `y` down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub x: f32,
    pub y: f32,
    pub scale: f32,
    pub roll: f32,
}

/// The rectangle `[left, top, right, bottom]` of a frame outside of which a shape paints nothing.
pub(super) type Bounds = [f32; 4];

/// A square picture with coordinates in `-1..=1`.
pub(super) struct Canvas {
    size: usize,
    pixels: Vec<Rgb>,
}

impl Canvas {
    pub fn new(size: usize) -> Self {
        Self { size, pixels: vec![[0.0; 3]; size * size] }
    }

    /// Calls `shade(x, y)` in the frame's coordinates for each pixel that `bounds` may touch, and lays the colour it
    /// returns over the pixel with the alpha it returns.
    pub fn paint(&mut self, frame: &Frame, bounds: Bounds, shade: impl Fn(f32, f32) -> (Rgb, f32)) {
        let (sin, cos) = frame.roll.sin_cos();
        let mut device = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for (x, y) in [(0, 1), (0, 3), (2, 1), (2, 3)].map(|(i, j)| (bounds[i], bounds[j])) {
            let u = frame.x + frame.scale * (x * cos - y * sin);
            let v = frame.y + frame.scale * (x * sin + y * cos);
            device = [device[0].min(u), device[1].min(v), device[2].max(u), device[3].max(v)];
        }
        let half = self.size as f32 * 0.5;
        let index = |v: f32| ((v + 1.0) * half).clamp(0.0, self.size as f32) as usize;
        let (left, right) = (index(device[0]), (index(device[2]) + 1).min(self.size));
        let inverse = 1.0 / frame.scale;
        for row in index(device[1])..(index(device[3]) + 1).min(self.size) {
            let v = ((row as f32 + 0.5) / half - 1.0 - frame.y) * inverse;
            for (column, pixel) in self.pixels[row * self.size..][left..right].iter_mut().enumerate() {
                let u = ((left + column) as f32 + 0.5) / half - 1.0 - frame.x;
                let u = u * inverse;
                let (colour, alpha) = shade(u * cos + v * sin, v * cos - u * sin);
                if alpha > 0.0 {
                    *pixel = mix(*pixel, colour, alpha.min(1.0));
                }
            }
        }
    }

    /// The picture as bytes `(size, size, 3)`.
    pub fn bytes(&self) -> Vec<u8> {
        self.pixels.iter().flatten().map(|v| (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8).collect()
    }
}
