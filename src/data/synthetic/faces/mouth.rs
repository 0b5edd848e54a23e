//! The mouth, and the hair around it.

use super::canvas::{Canvas, Rgb, bell, dim, ellipse, mix, radius2, smoothstep};
use super::factors::HairColour;
use super::head::Face;

/// The mouth's measures, relative to its centre; see [`Mouth::new`].
struct Mouth {
    x: f32,
    y: f32,
    /// Half width.
    half: f32,
    squeeze: f32,
    /// How much the corners are above the middle.
    curve: f32,
    /// Height of the opening.
    gap: f32,
    /// Thickness of the lips.
    upper: f32,
    lower: f32,
}

impl Mouth {
    fn new(face: &Face<'_>) -> Self {
        let f = face.f;
        let (half, curve, gap) = if f.smiling {
            let e = f.expression;
            (0.265 + 0.03 * e, 0.1 + 0.045 * e, 0.068 + 0.03 * e + 0.06 * f.mouth_open)
        } else {
            let parted = smoothstep(0.5, 1.0, f.mouth_open);
            (0.205 + 0.01 * f.head_width, 0.028 * f.expression - 0.006, 0.05 * parted)
        };
        Self {
            x: face.turn(0.0, 0.06),
            y: 0.365 + 0.01 * f.nose_length + 0.015 * f.chin,
            half,
            squeeze: (face.foreshorten(0.0)).max(0.5),
            curve,
            gap,
            upper: 0.034 + 0.012 * f.lips - 0.01 * f.smile() - 0.008 * f.age,
            lower: 0.05 + 0.016 * f.lips - 0.012 * f.smile() - 0.01 * f.age,
        }
    }
}

/// Lips, and between them teeth and dark. The corners' height and the teeth are what a smile is.
pub(super) fn mouth(canvas: &mut Canvas, face: &Face<'_>) {
    let f = face.f;
    let m = Mouth::new(face);
    let natural = [face.skin[0] * 0.86, face.skin[1] * 0.58, face.skin[2] * 0.56];
    let lip = mix(natural, [0.78, 0.1, 0.18], 0.8 * f.makeup);
    let line = mix(dim(face.shadow, 0.4), [0.3, 0.06, 0.06], 0.5);
    canvas.paint(&face.frame, [m.x - 0.45, m.y - 0.25, m.x + 0.45, m.y + 0.3], |x, y| {
        let u = (x - m.x) / m.squeeze;
        let s = (u / m.half).clamp(-1.2, 1.2);
        let v = y - m.y;
        let bulge = (1.0 - s * s).max(0.0);
        let middle = m.curve * (0.55 - s * s);
        // A smile's opening is flat above and round below.
        let top = middle - m.gap * 0.35 * bulge - 0.35 * m.curve * bulge * m.gap / 0.12;
        let bottom = middle + m.gap * 0.65 * bulge;
        let bow = bulge.sqrt() * (1.0 - 0.3 * bell((s / 0.22).powi(2)));
        let lips = face.edge(top - m.upper * bow - v, 0.0)
            * face.edge(v - bottom - m.lower * bulge.sqrt(), 0.0)
            * face.edge(u.abs() - m.half, 0.0);
        let inside = face.edge(top - v, 0.0) * face.edge(v - bottom, 0.0) * face.edge(u.abs() - m.half * 0.98, 0.0);
        let seam = if s.abs() < 1.0 { face.stroke(v - middle, 0.012 + 0.006 * bulge) } else { 0.0 };
        let seam = seam * (1.0 - smoothstep(0.0, 0.03, m.gap));
        let shine =
            0.3 * bell(radius2(u, v, -0.2 * m.half * f.light, bottom + 0.5 * m.lower, 0.5 * m.half, 0.6 * m.lower));
        let body = mix(dim(lip, if v < middle { 0.86 } else { 1.0 }), [1.0; 3], shine);
        let colour = mix(body, interior(face, &m, s, v, top, bottom), inside);
        (mix(colour, line, 0.75 * seam), lips.max(inside).max(0.75 * seam))
    });
    corners(canvas, face, &m, line);
}

fn interior(face: &Face<'_>, m: &Mouth, s: f32, v: f32, top: f32, bottom: f32) -> Rgb {
    let dark = [0.28, 0.06, 0.07];
    if !face.f.smiling {
        // Parted lips show a little of the upper teeth.
        return mix(dark, [0.8, 0.74, 0.7], 0.5 * face.edge(v - top - 0.25 * m.gap, 0.02));
    }
    let teeth = dim([0.98, 0.97, 0.94], 1.0 - 0.28 * s.powi(4) - 0.1 * face.f.age);
    let row = top + (0.105f32).min(0.8 * (bottom - top));
    let tongue = mix(dark, [0.75, 0.33, 0.34], 0.8 * smoothstep(row + 0.01, row + 0.06, v));
    mix(tongue, teeth, face.edge(v - row, 0.015))
}

/// Small shadows at the corners of the mouth.
fn corners(canvas: &mut Canvas, face: &Face<'_>, m: &Mouth, line: Rgb) {
    for side in [-1.0, 1.0] {
        let (x0, y0) = (m.x + side * m.half * m.squeeze, m.y - 0.45 * m.curve);
        canvas.paint(&face.frame, [x0 - 0.07, y0 - 0.07, x0 + 0.07, y0 + 0.07], |x, y| {
            (line, (0.3 + 0.35 * face.f.smile()) * bell(radius2(x, y, x0, y0, 0.045, 0.04)))
        });
    }
}

/// Beard or stubble on jaw and chin; drawn before the mouth.
pub(super) fn beard(canvas: &mut Canvas, face: &Face<'_>) {
    let f = face.f;
    if f.beard <= 0.0 {
        return;
    }
    let stubble = f.beard < 0.35;
    let colour = beard_colour(face);
    let (density, length) = if stubble { (0.2 + f.beard, 0.0) } else { (0.9, 0.02 + 0.05 * (f.beard - 0.35)) };
    let (mx, soft) = (face.turn(0.0, 0.04), if stubble { 0.16 } else { 0.07 });
    canvas.paint(&face.frame, [-0.62, -0.1, 0.62, 0.9], |x, y| {
        let outline = face.edge(face.head(x, y) - length, if stubble { 0.0 } else { 0.03 });
        let region = if f.goatee {
            face.edge(ellipse(x, y, mx, 0.56, 0.21, 0.2), soft)
        } else {
            let cheek = ellipse(x, y, mx, -0.02, 0.37, 0.335);
            face.edge(0.03 - cheek, soft) * smoothstep(-0.02, 0.16, y)
        };
        let lip = 1.0 - 0.75 * bell(radius2(x, y, mx, 0.36, 0.2, 0.1));
        let strands = 1.0 + if stubble { 0.0 } else { 0.1 * (x * 52.0 + 4.0 * (y * 9.0).sin()).sin() };
        (dim(colour, strands), density * outline * region * if stubble { 1.0 } else { lip })
    });
}

/// The mustache; drawn after the mouth.
pub(super) fn mustache(canvas: &mut Canvas, face: &Face<'_>) {
    let f = face.f;
    if f.mustache <= 0.0 {
        return;
    }
    let m = Mouth::new(face);
    let colour = beard_colour(face);
    let half = 0.19 + 0.05 * f.mustache + 0.05 * f.smile();
    let lift = m.gap * 0.35 + 0.4 * m.curve.max(0.0);
    let y0 = m.y - m.upper - 0.035 - 0.3 * lift + 0.1 * m.curve;
    canvas.paint(&face.frame, [m.x - 0.35, y0 - 0.15, m.x + 0.35, y0 + 0.2], |x, y| {
        let s = (x - m.x) / m.squeeze / half;
        let droop = (0.075 - 0.5 * m.curve.max(0.0)) * s * s;
        let thick = 0.052 * (0.7 + 0.5 * f.mustache) * (1.0 - s * s).max(0.0).sqrt();
        let dent = 0.02 * bell((s / 0.15).powi(2));
        let d = (y - y0 - droop - 0.5 * dent).abs() - thick + 0.5 * dent;
        let strands = 1.0 + 0.05 * (s * 19.0).sin();
        (dim(colour, strands), 0.92 * face.edge(d, 0.03) * face.edge(s.abs() - 1.0, 0.1))
    });
}

fn beard_colour(face: &Face<'_>) -> Rgb {
    let k = if face.f.hair_colour == HairColour::Gray { 0.92 } else { 0.8 };
    dim(face.hair, k)
}
