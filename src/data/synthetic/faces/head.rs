//! The parts that carry the rest: background, clothes, neck, ears, head; and [`Face`], the geometry they share.

use super::canvas::{Bounds, Canvas, Frame, Rgb, bell, dim, ellipse, mix, radius2, segment, smooth_union, smoothstep};
use super::factors::{FaceFactors, HairColour};

/// A face about to be drawn: its factors and what follows from them.
///
/// The head's own coordinates: the head is about 1 wide and 1.32 high around the origin, `x` right and `y` down; eyes
/// are near `y = -0.03`, the nose ends near 0.17, the mouth is near 0.36, the chin near 0.66.
pub(super) struct Face<'a> {
    pub f: &'a FaceFactors,
    /// Of the head.
    pub frame: Frame,
    /// A pixel's width in the head's coordinates.
    pub pixel: f32,
    pub skin: Rgb,
    /// The skin in shadow.
    pub shadow: Rgb,
    pub hair: Rgb,
    /// Half width of the head.
    pub half: f32,
    yaw: (f32, f32),
}

const SKINS: [Rgb; 5] =
    [[0.99, 0.88, 0.81], [0.96, 0.79, 0.67], [0.86, 0.65, 0.49], [0.65, 0.44, 0.31], [0.43, 0.28, 0.2]];

fn skin_colour(f: &FaceFactors) -> Rgb {
    let t = f.skin.clamp(0.0, 1.0) * 4.0;
    let k = (t as usize).min(3);
    let base = mix(SKINS[k], SKINS[k + 1], t - k as f32);
    [base[0] + 0.015 * f.undertone, base[1], base[2] - 0.035 * f.undertone]
}

fn hair_colour(f: &FaceFactors) -> Rgb {
    let (base, spread): (Rgb, f32) = match f.hair_colour {
        HairColour::Black => ([0.11, 0.09, 0.09], 0.3),
        HairColour::Brown => ([0.37, 0.22, 0.13], 0.25),
        HairColour::Blond => ([0.86, 0.69, 0.38], 0.14),
        HairColour::Gray => ([0.7, 0.7, 0.72], 0.2),
        HairColour::Red => ([0.68, 0.28, 0.11], 0.2),
    };
    dim(base, 1.0 + spread * f.hair_shade)
}

impl<'a> Face<'a> {
    pub fn new(f: &'a FaceFactors, size: usize) -> Self {
        let scale = 1.08 * f.scale;
        let skin = skin_colour(f);
        Self {
            f,
            frame: Frame { x: f.shift[0], y: 0.05 + f.shift[1], scale, roll: f.roll },
            pixel: 2.0 / size as f32 / scale,
            skin,
            shadow: [skin[0] * 0.62, skin[1] * 0.5, skin[2] * 0.46],
            hair: hair_colour(f),
            half: 0.5 + 0.035 * f.head_width,
            yaw: f.yaw.sin_cos(),
        }
    }

    /// Where a point of the face at `x`, raised `z` towards the viewer beyond the head's curvature, is seen.
    pub fn turn(&self, x: f32, z: f32) -> f32 {
        let depth = 0.38 * (1.0 - (x / 0.62).powi(2)).max(0.0).sqrt() + z;
        x * self.yaw.1 + depth * self.yaw.0
    }

    /// How much narrower or wider things are seen there: the derivative of [`turn`](Self::turn).
    pub fn foreshorten(&self, x: f32) -> f32 {
        (self.turn(x + 0.02, 0.0) - self.turn(x - 0.02, 0.0)) / 0.04
    }

    /// Coverage at distance `d` from an edge that is `width` wide, at least a pixel.
    pub fn edge(&self, d: f32, width: f32) -> f32 {
        let width = width.max(self.pixel);
        let t = (0.5 - d / width).clamp(0.0, 1.0);
        if width > self.pixel { t * t * (3.0 - 2.0 * t) } else { t }
    }

    /// Coverage of a stroke of half width `r` at distance `d` from its middle; fainter where it is below a pixel.
    pub fn stroke(&self, d: f32, r: f32) -> f32 {
        let r2 = r.max(self.pixel * 0.5);
        self.edge(d.abs() - r2, 0.0) * r / r2
    }

    /// Distance to the outline of the head.
    pub fn head(&self, x: f32, y: f32) -> f32 {
        let f = self.f;
        let jaw_x = 0.04 * self.yaw.0 / 0.3;
        let cranium = ellipse(x, y, 0.0, -0.14, self.half, 0.52);
        let jaw = ellipse(x, y, jaw_x, 0.18, self.half - 0.085 + 0.045 * f.jaw, 0.47 + 0.03 * f.chin);
        smooth_union(cranium, jaw, 0.16)
    }
}

const EVERYWHERE: Bounds = [-4.0, -4.0, 4.0, 4.0];
/// A frame whose coordinates are the canvas's.
const CANVAS: Frame = Frame { x: 0.0, y: 0.0, scale: 1.0, roll: 0.0 };

/// A gradient, lighter behind the head on the side of the light.
pub(super) fn background(canvas: &mut Canvas, f: &FaceFactors) {
    let (sin, cos) = f.background_angle.sin_cos();
    let [first, second] = f.background;
    canvas.paint(&CANVAS, EVERYWHERE, |x, y| {
        let t = smoothstep(-1.2, 1.2, x * cos + y * sin);
        let glow = 0.1 * bell(radius2(x, y, 0.5 * f.light, -0.3, 1.5, 1.3)) - 0.06 * (x * x + y * y) * 0.5;
        (mix(first, second, t).map(|v| v + glow), 1.0)
    });
}

/// Shoulders, neckline and neck. They follow the head's place, not its tilt.
pub(super) fn bust(canvas: &mut Canvas, face: &Face<'_>) {
    let f = face.f;
    let frame = Frame { roll: 0.3 * f.roll, ..face.frame };
    let neck = if f.male { 0.31 } else { 0.25 } + 0.02 * f.head_width;
    let width = if f.male { 0.98 } else { 0.86 };
    let neckline = if f.male { 0.1 } else { 0.17 };
    let cloth = f.clothes;
    canvas.paint(&frame, [-1.3, 0.3, 1.3, 1.4], |x, y| {
        let shoulders = ellipse(x, y, 0.0, 1.36, width, 0.62).min(segment(x, y, [-0.5, 1.0], [0.5, 1.0]) - 0.12);
        let fold = 1.0 + 0.12 * (0.6 * f.light * x / width) - 0.25 * smoothstep(0.45, 1.0, x.abs() / width);
        (dim(cloth, fold), face.edge(shoulders, 0.0))
    });
    canvas.paint(&frame, [-0.55, 0.3, 0.55, 1.2], |x, y| {
        let throat = ellipse(x, y, 0.0, 0.86, neck + 0.06, neckline);
        let column = (x.abs() - neck).max(y - 0.88);
        let chin = smoothstep(0.98, 0.6, y - 0.12 * x * f.light);
        let side = smoothstep(0.3, 1.0, x.abs() / neck) * 0.4 - 0.25 * f.light * x / neck;
        let colour = mix(face.skin, face.shadow, (0.25 + 0.6 * chin + side).clamp(0.0, 1.0));
        (colour, face.edge(smooth_union(throat, column, 0.1), 0.0))
    });
    canvas.paint(&frame, [-0.6, 0.7, 0.6, 1.15], |x, y| {
        let rim = ellipse(x, y, 0.0, 0.86, neck + 0.06, neckline);
        let below = smoothstep(0.84, 0.92, y);
        (dim(cloth, 0.7), below * face.stroke(rim - 0.01, 0.016))
    });
}

/// Ears, the far one hidden by the turn of the head; and what hangs on them.
pub(super) fn ears(canvas: &mut Canvas, face: &Face<'_>) {
    for side in [-1.0f32, 1.0] {
        let x0 = side * (face.half - 0.005) - 0.16 * face.f.yaw;
        canvas.paint(&face.frame, [x0 - 0.12, -0.2, x0 + 0.12, 0.3], |x, y| {
            let inner = bell(radius2(x, y, x0 + side * 0.01, 0.03, 0.05, 0.1));
            let lit = 0.12 + 0.45 * inner - 0.15 * side * face.f.light;
            (mix(face.skin, face.shadow, lit.clamp(0.0, 1.0)), face.edge(ellipse(x, y, x0, 0.04, 0.075, 0.14), 0.0))
        });
        if face.f.earrings {
            canvas.paint(&face.frame, [x0 - 0.1, 0.12, x0 + 0.1, 0.32], |x, y| {
                let shine = bell(radius2(x, y, x0 - 0.01, 0.2, 0.035, 0.035));
                (
                    mix([0.85, 0.66, 0.25], [1.0, 0.97, 0.85], shine),
                    face.edge(ellipse(x, y, x0, 0.215, 0.042, 0.05), 0.0),
                )
            });
        }
    }
}

/// The skin of the head with its shading: light from one side, forehead, cheeks, eye sockets.
pub(super) fn head(canvas: &mut Canvas, face: &Face<'_>) {
    let f = face.f;
    let smile = f.smile();
    let highlight = mix(face.skin, [1.0, 0.97, 0.92], 0.28);
    let pink = [face.skin[0], face.skin[1] * 0.72, face.skin[2] * 0.72];
    let cheeks = [-0.27, 0.27].map(|x: f32| face.turn(x, 0.0));
    let forehead = face.turn(0.12 * f.light, 0.0);
    canvas.paint(&face.frame, [-0.62, -0.72, 0.62, 0.76], |x, y| {
        let d = face.head(x, y);
        let alpha = face.edge(d, 0.0);
        if alpha == 0.0 {
            return (face.skin, 0.0);
        }
        let (nx, ny) = ((x - 0.2 * f.yaw) / (face.half + 0.04), (y - 0.02) / 0.7);
        let nz = (1.0 - nx * nx - ny * ny).max(0.0).sqrt();
        // Lambert with a light a little above, wrapped so that no side goes black.
        let lit = 0.62 * f.light * nx - 0.3 * ny + 0.55 * nz + 0.12;
        let mut colour = mix(face.shadow, face.skin, (0.42 + 0.75 * lit).clamp(0.0, 1.0));
        let shine = 0.8 * bell(radius2(x, y, forehead, -0.33, 0.34, 0.2)) * (0.6 + 0.4 * f.light.abs());
        let mut rosy = 0.0;
        for cheek in cheeks {
            let near = bell(radius2(x, y, cheek, 0.17 - 0.03 * smile, 0.22, 0.18));
            rosy += near * (0.1 + 0.5 * f.blush * (1.0 - 0.5 * f.skin) + 0.15 * smile);
        }
        colour = mix(colour, pink, rosy.min(0.85));
        let apple = cheeks.map(|c| bell(radius2(x, y, c, 0.12, 0.15, 0.1))).iter().sum::<f32>();
        colour = mix(colour, highlight, (0.55 * shine + apple * (0.15 + 0.35 * smile)).clamp(0.0, 0.8));
        // Below the lower lip, and where the chin turns under.
        let under =
            0.35 * bell(radius2(x, y, face.turn(0.0, 0.05), 0.505, 0.16, 0.05)) + smoothstep(-0.07, 0.0, d) * 0.3;
        (mix(colour, face.shadow, under), alpha)
    });
}
