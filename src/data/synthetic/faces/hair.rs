//! Hair behind and before the head, and hats.

use super::canvas::{Canvas, Rgb, bell, dim, ellipse, mix, radius2, round_box, smooth_union, smoothstep};
use super::factors::{Fringe, HairStyle};
use super::head::Face;

/// The outline of the hair and the window it leaves for the face.
struct Cut {
    /// Beyond the skull.
    thick: f32,
    /// Where the sides end.
    ends: f32,
    curls: f32,
    /// Roughness of the fringe's edge.
    jagged: f32,
    /// Where the middle of the face is seen.
    middle: f32,
    window: Window,
}

/// An opening like an ellipse (`power` 2) or a box with round corners (4), shifted and turned.
struct Window {
    x: f32,
    y: f32,
    rx: f32,
    ry: f32,
    roll: f32,
    power: i32,
}

impl Window {
    /// Distance to the edge, positive outside, to first order. Below the middle the opening stays wide.
    fn distance(&self, x: f32, y: f32) -> f32 {
        let (sin, cos) = self.roll.sin_cos();
        let (u, v) = (x - self.x, y - self.y);
        let (u, v) = ((u * cos + v * sin) / self.rx, (v * cos - u * sin) / self.ry);
        let v = if v > 0.0 { 0.2 * v } else { v };
        let sum = u.abs().powi(self.power) + v.abs().powi(self.power);
        if sum < 1e-4 {
            return -self.rx;
        }
        let norm = if self.power == 4 { sum.sqrt().sqrt() } else { sum.sqrt() };
        // ∇ of the norm: |u|^(p−1)/norm^(p−1) per axis, over the radii.
        let p = self.power - 1;
        let g = ((u.abs() / norm).powi(p) / self.rx).hypot((v.abs() / norm).powi(p) / self.ry);
        (norm - 1.0) / g
    }
}

impl Cut {
    fn new(face: &Face<'_>) -> Self {
        let f = face.f;
        let long = matches!(f.hair_style, HairStyle::Bob | HairStyle::Long);
        let hairline = match f.fringe {
            Fringe::Bangs => -0.225 - 0.1 * f.receding,
            Fringe::Parted => -0.42 - 0.12 * f.receding,
            Fringe::Back => -0.43 - 0.13 * f.receding,
        };
        let centre = 0.25;
        let rx = face.half - if long { 0.07 } else { 0.035 } - if f.fringe == Fringe::Bangs { 0.01 } else { 0.0 };
        let slant = if f.fringe == Fringe::Parted { 0.3 * f.part } else { 0.0 };
        let curly = f.hair_style == HairStyle::Curly;
        let middle = face.turn(0.0, 0.0) * 0.75;
        let thick = 0.055 + 0.06 * f.volume + if curly { 0.07 + 0.05 * f.volume } else { 0.0 };
        Self {
            thick: if f.hat { 0.06 } else { thick },
            ends: match f.hair_style {
                HairStyle::Long => 1.3,
                HairStyle::Bob => 0.42 + 0.12 * f.volume,
                HairStyle::Curly => 0.12 + if f.male { 0.0 } else { 0.2 },
                _ => 0.0,
            },
            curls: if curly && !f.hat { 0.022 } else { 0.0 },
            jagged: if f.fringe == Fringe::Bangs { 0.014 } else { 0.004 },
            middle,
            window: Window {
                x: middle + 0.5 * slant * (centre - hairline) * 0.4,
                y: centre,
                rx,
                ry: centre - hairline,
                roll: slant,
                power: if f.fringe == Fringe::Bangs { 4 } else { 2 },
            },
        }
    }

    /// Distance to the edge of what the hair leaves open, positive in the hair. A parting slants the upper edge only.
    fn gap(&self, x: f32, y: f32) -> f32 {
        let w = &self.window;
        let gap = w.distance(x, y) + self.jagged * (x * 47.0).sin();
        if w.roll == 0.0 { gap } else { gap.min(ellipse(x, y, self.middle, w.y, w.rx, 0.42).max(w.y - 0.42 - y)) }
    }

    /// Distance to the outline of the skull with its hair.
    fn outline(&self, face: &Face<'_>, x: f32, y: f32) -> f32 {
        let bumps = if self.curls > 0.0 { self.curls * (x.atan2(-y - 0.1) * 17.0).sin() } else { 0.0 };
        let t = self.thick;
        let cap = ellipse(x, y, -0.1 * face.f.yaw, -0.16, face.half + t * 0.85, 0.52 + t);
        if self.ends < 0.3 {
            return cap + bumps;
        }
        let (bottom, wave) = (self.ends, 0.022 * face.f.wave * (y * 15.0).sin());
        let middle = 0.5 * (bottom - 0.15);
        let flare = 0.06 * smoothstep(0.0, 0.8, y);
        let width = face.half + t * 0.8 + flare + wave;
        smooth_union(cap, round_box(x, y, -0.1 * face.f.yaw, middle, width, bottom - middle, 0.16), 0.1) + bumps
    }
}

/// The colour of the hair at a point: strands from the crown, a band of shine, darker towards `depth` 1.
fn strands(face: &Face<'_>, curls: f32, x: f32, y: f32, depth: f32) -> Rgb {
    let f = face.f;
    let along = y + 0.62;
    let bend = 0.05 * f.wave * (along * 12.0).sin();
    let across = (x - 0.06 * f.part + bend) / (0.35 + 0.5 * along.max(0.0));
    let lines = 0.5 * (across * 24.0).sin() + 0.5 * (across * 43.0 + 1.3).sin();
    let texture = if curls > 0.0 {
        (x * 33.0 + 2.5 * (y * 19.0 + 1.5 * (x * 11.0).sin()).sin()).sin() * (y * 29.0 + 2.0 * (x * 16.0).sin()).sin()
    } else {
        lines
    };
    let band = bell(((x.hypot((y + 0.1) * 0.95) - 0.5) / 0.13).powi(2)) * smoothstep(0.1, -0.4, y);
    let shine = band * (0.55 + 0.4 * (x * f.light * 2.2).clamp(-1.0, 1.0));
    let tone = (1.0 + 0.09 * texture + 0.25 * f.light * x) * (1.0 - 0.45 * depth);
    mix(dim(face.hair, tone), mix(face.hair, [1.0, 0.96, 0.9], 0.5), 0.42 * shine.max(0.0) * (1.0 - depth))
}

/// What falls behind head and shoulders.
pub(super) fn behind(canvas: &mut Canvas, face: &Face<'_>) {
    if face.f.hair_style == HairStyle::Bald {
        return;
    }
    let cut = Cut::new(face);
    canvas.paint(&face.frame, [-0.85, -0.95, 0.85, 1.35], |x, y| {
        let sides = if cut.ends < 0.3 { smoothstep(0.12, 0.02, y - cut.ends) } else { 1.0 };
        let alpha = if sides > 0.0 { sides * face.edge(cut.outline(face, x, y), 0.02) } else { 0.0 };
        (if alpha > 0.0 { strands(face, cut.curls, x, y, 0.75) } else { face.hair }, alpha)
    });
}

/// What covers skull, forehead and temples, or lies along the cheeks.
pub(super) fn before(canvas: &mut Canvas, face: &Face<'_>) {
    let f = face.f;
    if f.hair_style == HairStyle::Bald {
        return gloss(canvas, face);
    }
    let cut = Cut::new(face);
    canvas.paint(&face.frame, [-0.85, -0.95, 0.85, 1.35], |x, y| {
        let outline = face.edge(cut.outline(face, x, y), 0.02);
        if outline == 0.0 {
            return (face.hair, 0.0);
        }
        let gap = cut.gap(x, y);
        let alpha = outline * face.edge(-gap, 0.025) * smoothstep(0.035, -0.035, y - cut.ends);
        if alpha == 0.0 {
            return (face.hair, 0.0);
        }
        let depth = 0.45 * smoothstep(0.09, 0.0, gap) + 0.4 * smoothstep(0.2, 0.9, y);
        (strands(face, cut.curls, x, y, depth), alpha)
    });
    // The shadow the hair casts on the forehead.
    canvas.paint(&face.frame, [-0.5, -0.6, 0.5, 0.1], |x, y| {
        let gap = -cut.gap(x, y);
        let near = smoothstep(0.07, 0.0, gap) * smoothstep(-0.01, 0.01, gap);
        if near == 0.0 {
            return (face.shadow, 0.0);
        }
        (face.shadow, 0.4 * near * face.edge(face.head(x, y), 0.0) * smoothstep(0.1, -0.2, y))
    });
}

/// A bald head shines; the older keep a wreath of hair at the sides.
fn gloss(canvas: &mut Canvas, face: &Face<'_>) {
    let f = face.f;
    let x0 = 0.16 * f.light + 0.2 * f.yaw;
    canvas.paint(&face.frame, [-0.5, -0.7, 0.5, -0.2], |x, y| {
        ([1.0, 0.98, 0.95], 0.42 * bell(radius2(x, y, x0, -0.5, 0.2, 0.09)))
    });
    if f.age < 0.35 {
        return;
    }
    canvas.paint(&face.frame, [-0.65, -0.4, 0.65, 0.1], |x, y| {
        let skull = face.edge(ellipse(x, y, -0.1 * f.yaw, -0.14, face.half + 0.03, 0.5), 0.02);
        let side = smoothstep(0.1, 0.16, x.abs() - face.half + 0.2);
        (dim(face.hair, 0.9), 0.85 * skull * side * smoothstep(-0.36, -0.2, y) * smoothstep(0.08, -0.02, y))
    });
}

/// A knitted hat with a turned-up band.
pub(super) fn hat(canvas: &mut Canvas, face: &Face<'_>) {
    let f = face.f;
    if !f.hat {
        return;
    }
    let top = face.half + 0.08;
    canvas.paint(&face.frame, [-0.8, -1.0, 0.8, -0.15], |x, y| {
        let bend = 0.1 * (x / 0.5).powi(2);
        let dome = ellipse(x, y, -0.1 * f.yaw, -0.2, top, 0.6).max(y + 0.36 - bend);
        let band = round_box(x, y - bend, -0.1 * f.yaw, -0.36, top + 0.015, 0.085, 0.05);
        let ribs = 1.0 + 0.09 * (x * 38.0 / (1.0 - 0.5 * x * x)).sin() + 0.3 * f.light * x;
        let round = 1.0 - 0.35 * (x / top).powi(4);
        let in_band = face.edge(band, 0.0);
        let colour = dim(f.clothes, ribs * round * (0.92 - 0.14 * smoothstep(-0.47, -0.42, y - bend) + 0.25 * in_band));
        (colour, face.edge(dome.min(band), 0.0))
    });
}
