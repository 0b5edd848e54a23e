//! Eyes, eyebrows, nose, wrinkles, glasses.

use super::canvas::{Canvas, bell, dim, ellipse, mix, radius2, round_box, segment, smoothstep};
use super::head::Face;

/// Where the eyes are, unturned.
fn eye_x(face: &Face<'_>) -> f32 {
    0.208 + 0.016 * face.f.eye_distance
}
const EYE_Y: f32 = -0.03;

/// The nose: bridge in light, a shadow on the far side, tip, wings and nostrils.
pub(super) fn nose(canvas: &mut Canvas, face: &Face<'_>) {
    let f = face.f;
    let tip_y = 0.165 + 0.03 * f.nose_length;
    let wing = 0.085 + 0.018 * f.nose_width;
    let (root, tip) = (face.turn(0.0, 0.02), face.turn(0.0, 0.13));
    let side = if f.light + 2.0 * f.yaw > 0.0 { -1.0 } else { 1.0 };
    let strength = 0.35 + 0.3 * f.light.abs();
    let highlight = mix(face.skin, [1.0, 0.97, 0.92], 0.4);
    canvas.paint(&face.frame, [-0.4, -0.2, 0.4, 0.32], |x, y| {
        let t = ((y + 0.1) / (tip_y + 0.1)).clamp(0.0, 1.0);
        let ridge = root + (tip - root) * t;
        let half = 0.035 + (wing - 0.035) * t * t;
        let along = smoothstep(-0.16, 0.0, y) * smoothstep(tip_y + 0.05, tip_y - 0.02, y);
        let u = (x - ridge - side * half) / (0.6 * half + 0.012);
        let shade = strength * along * bell(u * u);
        let below = 0.75 * bell(radius2(x, y, tip, tip_y + 0.055, wing * 1.35, 0.05));
        (face.shadow, (shade + below).min(0.9))
    });
    canvas.paint(&face.frame, [-0.4, -0.2, 0.4, 0.3], |x, y| {
        let t = ((y + 0.1) / (tip_y + 0.1)).clamp(0.0, 1.0);
        let ridge = root + (tip - root) * t - side * 0.012;
        let bridge = 0.55
            * bell(((x - ridge) / 0.035).powi(2))
            * smoothstep(-0.16, 0.02, y)
            * smoothstep(tip_y, tip_y - 0.05, y);
        (highlight, bridge.max(0.75 * bell(radius2(x, y, tip - side * 0.014, tip_y - 0.015, 0.06, 0.05))))
    });
    for s in [-1.0, 1.0] {
        let x0 = tip + s * wing * 0.55 - 0.02 * f.yaw;
        canvas.paint(&face.frame, [x0 - 0.1, tip_y - 0.06, x0 + 0.1, tip_y + 0.1], |x, y| {
            (dim(face.shadow, 0.45), 0.85 * face.edge(ellipse(x, y, x0, tip_y + 0.035, 0.03, 0.016), 0.02))
        });
    }
}

/// Both eyes with their sockets.
pub(super) fn eyes(canvas: &mut Canvas, face: &Face<'_>) {
    for side in [-1.0, 1.0] {
        socket(canvas, face, side);
        eye(canvas, face, side);
    }
}

fn socket(canvas: &mut Canvas, face: &Face<'_>, side: f32) {
    let f = face.f;
    let x0 = face.turn(side * eye_x(face), 0.0);
    let lid = mix(face.shadow, [0.35, 0.25, 0.42], 0.75 * f.makeup);
    let bags = 0.3 * smoothstep(0.45, 1.0, f.age);
    canvas.paint(&face.frame, [x0 - 0.25, -0.25, x0 + 0.25, 0.2], |x, y| {
        let above = (0.38 + 0.35 * f.makeup) * bell(radius2(x, y, x0 - side * 0.02, EYE_Y - 0.04, 0.19, 0.11));
        let below = (0.15 + bags) * bell(radius2(x, y, x0, EYE_Y + 0.085, 0.13, 0.035 + 0.02 * f.age));
        (lid, above.max(below))
    });
}

/// An almond between two parabolas, with iris, pupil, glint and lids. A smile raises the lower lid.
fn eye(canvas: &mut Canvas, face: &Face<'_>, side: f32) {
    let f = face.f;
    let x0 = face.turn(side * eye_x(face), 0.0);
    let squeeze = face.foreshorten(side * eye_x(face)).max(0.5);
    let half = 0.121 + 0.013 * f.eye_size;
    let open = (0.064 + 0.012 * f.eye_size) * (1.0 - 0.15 * f.age);
    let (up, down) = (open, open * (0.85 - 0.35 * f.smile()));
    let iris = iris_colour(f.eye_colour);
    let (ix, r) = (0.028 * f.gaze + 0.06 * f.yaw, 0.063 + 0.004 * f.eye_size);
    let lash = if f.male { 0.014 } else { 0.02 } + 0.012 * f.makeup;
    canvas.paint(&face.frame, [x0 - 0.2, EYE_Y - 0.14, x0 + 0.2, EYE_Y + 0.12], |x, y| {
        let (u, v) = ((x - x0) / squeeze, y - EYE_Y + 0.05 * side * (x - x0) - 0.002);
        let s = u / half;
        let arch = 1.0 - s * s;
        let (top, bottom) = (-up * arch, down * arch);
        let inside = face.edge(top - v, 0.0) * face.edge(v - bottom, 0.0) * face.edge(u.abs() - half, 0.0);
        let d = (u - ix).hypot(v + 0.006);
        let ring = mix(dim(iris, 0.45), iris, face.edge(d - r * 0.78, 0.02));
        let pupil = mix(ring, [0.03, 0.02, 0.02], face.edge(d - r * 0.46, 0.0));
        let glint = face.edge((u - ix + 0.02).hypot(v + 0.028) - 0.014, 0.0);
        let white = dim([0.97, 0.96, 0.95], 1.0 - 0.25 * smoothstep(0.0, -up, v) - 0.12 * s * s);
        let ball = mix(mix(white, pupil, face.edge(d - r, 0.0)), [1.0; 3], 0.9 * glint);
        // The upper lid is the darkest line of a face; the lower one hardly shows.
        let lid = if s.abs() < 1.15 { face.stroke(v - top.min(0.01), lash) } else { 0.0 };
        let low = if s.abs() < 1.0 { 0.45 * face.stroke(v - bottom, 0.009) } else { 0.0 };
        let line = (0.9 * lid).max(low * (1.0 - inside * 0.5));
        let alpha = inside.max(line);
        (mix(ball, dim(face.shadow, 0.22), if alpha > 0.0 { line / alpha } else { 0.0 }), alpha)
    });
}

fn iris_colour(t: f32) -> [f32; 3] {
    let (brown, green, blue) = ([0.33, 0.18, 0.08], [0.36, 0.46, 0.22], [0.24, 0.48, 0.72]);
    if t < 0.5 { mix(brown, green, 2.0 * t) } else { mix(green, blue, 2.0 * t - 1.0) }
}

/// Eyebrows: arched strokes, thick towards the nose.
pub(super) fn eyebrows(canvas: &mut Canvas, face: &Face<'_>) {
    let f = face.f;
    let colour = mix(dim(face.hair, 0.62), dim(face.shadow, 0.5), 0.3);
    let thick = 0.013 + 0.02 * f.brow;
    for side in [-1.0f32, 1.0] {
        let at = side * (eye_x(face) + 0.005);
        let (x0, squeeze) = (face.turn(at, 0.02), face.foreshorten(at).max(0.5));
        let y0 = -0.165 - 0.02 * f.eye_size - 0.012 * f.smile() - 0.012 * f.brow_arch;
        canvas.paint(&face.frame, [x0 - 0.22, y0 - 0.1, x0 + 0.22, y0 + 0.12], |x, y| {
            let u = side * (x - x0) / squeeze / 0.145; // −1 at the nose, 1 at the temple
            let arch = (0.035 + 0.03 * f.brow_arch) * ((u - 0.25) / 1.1).powi(2) + 0.012 * u;
            let taper = thick * (1.0 - 0.65 * smoothstep(-0.2, 1.1, u));
            let ends = smoothstep(-1.1, -0.85, u) * smoothstep(1.12, 0.85, u);
            (colour, 0.88 * ends * face.stroke(y - y0 - arch, taper))
        });
    }
}

/// What age draws: lines on the forehead, crow's feet; and the fold from nose to mouth, which a smile draws too.
pub(super) fn wrinkles(canvas: &mut Canvas, face: &Face<'_>) {
    let f = face.f;
    let old = smoothstep(0.45, 1.0, f.age);
    let line = mix(face.shadow, face.skin, 0.15);
    let middle = face.turn(0.0, 0.05);
    if old > 0.0 {
        canvas.paint(&face.frame, [-0.35, -0.42, 0.35, -0.18], |x, y| {
            let fade = bell(((x - middle) / 0.36).powi(2));
            let bend = 0.02 * ((x - middle) / 0.2).powi(2);
            let lines = [-0.36, -0.295, -0.23].map(|y0: f32| face.stroke(y - y0 - bend, 0.009));
            (line, 0.75 * old * fade * lines.iter().sum::<f32>())
        });
    }
    for side in [-1.0, 1.0] {
        let fold = 0.22 * f.smile() + 0.5 * old + 0.06;
        let (a, b) = (face.turn(side * 0.125, 0.08), face.turn(side * (0.27 + 0.05 * f.smile()), 0.0));
        canvas.paint(&face.frame, [-0.5, 0.1, 0.5, 0.5], |x, y| {
            let t = ((y - 0.16) / 0.24).clamp(0.0, 1.0);
            let curve = a + (b - a) * t.sqrt();
            let fade = smoothstep(0.12, 0.2, y) * smoothstep(0.42, 0.32, y);
            (line, fold * fade * face.edge((x - curve).abs() - 0.012, 0.03))
        });
        if old > 0.0 {
            let corner = face.turn(side * (eye_x(face) + 0.13), 0.0);
            canvas.paint(&face.frame, [corner - 0.15, -0.16, corner + 0.15, 0.12], |x, y| {
                let out = |dy| segment(x, y, [corner, EYE_Y], [corner + side * 0.09, EYE_Y + dy]);
                (line, 0.6 * old * face.stroke(out(-0.05).min(out(0.0)).min(out(0.05)), 0.008))
            });
        }
    }
}

/// The arms of the glasses, which go under the hair.
pub(super) fn arms(canvas: &mut Canvas, face: &Face<'_>) {
    if face.f.glasses.is_none() {
        return;
    }
    for side in [-1.0f32, 1.0] {
        let hinge = face.turn(side * (eye_x(face) + 0.13), 0.03);
        let ear = side * (face.half - 0.005) - 0.16 * face.f.yaw;
        canvas.paint(&face.frame, [-0.65, -0.15, 0.65, 0.05], |x, y| {
            (rim_colour(face), face.stroke(segment(x, y, [hinge, -0.04], [ear, -0.05]), 0.014))
        });
    }
}

fn rim_colour(face: &Face<'_>) -> [f32; 3] {
    mix([0.07, 0.06, 0.06], face.f.clothes, 0.2)
}

/// Frames from round to square, the bridge between them, and a faint reflection.
pub(super) fn glasses(canvas: &mut Canvas, face: &Face<'_>) {
    let Some(square) = face.f.glasses else { return };
    let rim = rim_colour(face);
    let xs = [-1.0, 1.0].map(|s: f32| face.turn(s * (eye_x(face) + 0.008), 0.03));
    let (ry, y0) = (0.125 - 0.025 * square, 0.0);
    let r = ry * (1.0 - 0.62 * square);
    for (side, x0) in [-1.0f32, 1.0].into_iter().zip(xs) {
        let rx = (0.135 + 0.03 * square) * face.foreshorten(side * 0.2).clamp(0.6, 1.05);
        let bounds = [x0.min(0.0) - 0.2, -0.2, x0.max(0.0) + 0.2, 0.2];
        canvas.paint(&face.frame, bounds, |x, y| {
            let d = round_box(x, y, x0, y0, rx, ry, r);
            let bridge = segment(x, y, [xs[0], y0 - 0.035], [xs[1], y0 - 0.035]);
            let bridge = if d > 0.0 && (x - x0) * side < 0.0 { bridge } else { 1.0 };
            let frame = face.stroke(d, 0.018).max(face.stroke(bridge, 0.014));
            let glare = 0.3 * face.edge(d, 0.0) * smoothstep(0.06, 0.0, (x - x0 + 0.7 * (y - y0) + 0.05).abs());
            let alpha = frame.max(glare);
            (mix([1.0; 3], rim, if alpha > 0.0 { frame / alpha } else { 0.0 }), alpha)
        });
    }
}
