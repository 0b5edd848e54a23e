//! What makes a face: the true factors behind a picture, and how they are drawn at random.

use crate::rng::Philox;
use rand::RngExt;

/// Natural hair colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HairColour {
    /// Black.
    Black,
    /// Brown.
    Brown,
    /// Blond.
    Blond,
    /// Gray or white; only on older faces.
    Gray,
    /// Red; CelebA has no attribute for it.
    Red,
}

/// How the hair is worn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HairStyle {
    /// None at all.
    Bald,
    /// Ends above the ears.
    Short,
    /// Curls with volume.
    Curly,
    /// To the chin, over the ears.
    Bob,
    /// To the shoulders and below.
    Long,
}

/// The hair above the forehead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fringe {
    /// Combed back.
    Back,
    /// Parted at one side.
    Parted,
    /// Cut straight above the eyebrows.
    Bangs,
}

/// The factors of one face. Unless said otherwise a number lies in `0..=1` or `-1..=1` and means *less* to *more*;
/// left and right are the picture's.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceFactors {
    /// Whether the face smiles. Independent of every other factor, with probability one half.
    pub smiling: bool,
    /// How far within its kind: a faint to a broad smile, or a slightly sad to a slightly pleased neutral mouth.
    pub expression: f32,
    /// How far the lips are apart, beyond what the smile does.
    pub mouth_open: f32,
    /// Drawn as a man.
    pub male: bool,
    /// 0 is about eighteen, 1 about eighty.
    pub age: f32,
    /// 0 is pale, 1 is dark.
    pub skin: f32,
    /// −1 is cool, 1 is warm.
    pub undertone: f32,
    /// Width of the head, −1..=1.
    pub head_width: f32,
    /// Width of the jaw, −1..=1.
    pub jaw: f32,
    /// Length of the chin, −1..=1.
    pub chin: f32,
    /// Colour of the hair and, darkened, of eyebrows and beard.
    pub hair_colour: HairColour,
    /// Lightness within the colour, −1..=1.
    pub hair_shade: f32,
    /// How the hair is worn.
    pub hair_style: HairStyle,
    /// The hair above the forehead.
    pub fringe: Fringe,
    /// Which side the hair is parted on: −1 or 1.
    pub part: f32,
    /// Thickness of the hair.
    pub volume: f32,
    /// Straight to wavy.
    pub wave: f32,
    /// How far the hairline has gone back.
    pub receding: f32,
    /// 0 brown, 0.5 green, 1 blue.
    pub eye_colour: f32,
    /// Size of the eyes, −1..=1.
    pub eye_size: f32,
    /// Distance of the eyes, −1..=1.
    pub eye_distance: f32,
    /// Thickness of the eyebrows.
    pub brow: f32,
    /// Arch of the eyebrows, −1..=1.
    pub brow_arch: f32,
    /// Width of the nose, −1..=1.
    pub nose_width: f32,
    /// Length of the nose, −1..=1.
    pub nose_length: f32,
    /// Fullness of the lips, −1..=1.
    pub lips: f32,
    /// Lipstick and eye shadow; 0 is none.
    pub makeup: f32,
    /// Redness of the cheeks.
    pub blush: f32,
    /// Beard on cheeks and chin; below 0.35 a stubble, 0 none.
    pub beard: f32,
    /// Mustache; 0 is none.
    pub mustache: f32,
    /// Whether the beard covers the chin only.
    pub goatee: bool,
    /// Glasses: none, or from round (0) to square (1).
    pub glasses: Option<f32>,
    /// A knitted hat, which hides the top of the hair.
    pub hat: bool,
    /// Earrings.
    pub earrings: bool,
    /// Turn of the head to the right, in radians.
    pub yaw: f32,
    /// Tilt of the head clockwise, in radians.
    pub roll: f32,
    /// Offset of the head from the centre, as a part of half the picture.
    pub shift: [f32; 2],
    /// Size of the head relative to the usual.
    pub scale: f32,
    /// Where the eyes look, −1 left to 1 right.
    pub gaze: f32,
    /// Where the light comes from, −1 left to 1 right.
    pub light: f32,
    /// Background colours (sRGB), mixed along [`background_angle`](Self::background_angle).
    pub background: [[f32; 3]; 2],
    /// Direction of the background's gradient, in radians.
    pub background_angle: f32,
    /// Colour of the clothes and of the hat (sRGB).
    pub clothes: [f32; 3],
}

/// A symmetric bell on −1..=1: the mean of two uniforms.
fn bell(rng: &mut Philox) -> f32 {
    (rng.random_range(-1.0..1.0f32) + rng.random_range(-1.0..1.0f32)) * 0.5
}

/// A colour from hue (turns), saturation and value.
fn hsv(h: f32, s: f32, v: f32) -> [f32; 3] {
    [5.0, 3.0, 1.0].map(|n: f32| {
        let k = (n + h * 6.0).rem_euclid(6.0);
        v - v * s * k.min(4.0 - k).clamp(0.0, 1.0)
    })
}

/// The first whose weight a uniform draw falls under.
fn choose<T: Copy>(rng: &mut Philox, choices: &[(T, f32)]) -> T {
    let mut u = rng.random_range(0.0..choices.iter().map(|c| c.1).sum::<f32>());
    for &(choice, weight) in choices {
        if u < weight {
            return choice;
        }
        u -= weight;
    }
    choices[choices.len() - 1].0
}

impl FaceFactors {
    /// The factors of face `index` under `seed`: a function of these two alone.
    pub fn sample(seed: u64, index: u64) -> Self {
        let rng = &mut Philox::new(seed, index);
        let male = rng.random_bool(0.5);
        let age = rng.random_range(0.0..1.0f32);
        let skin = rng.random();
        let hair_colour = hair_colour(rng, age, skin);
        let bald = rng.random_bool(if male { 0.06 + 0.12 * f64::from(age) } else { 0.01 });
        let hair_style = match (bald, male) {
            (true, _) => HairStyle::Bald,
            (_, true) => choose(rng, &[(HairStyle::Short, 0.74), (HairStyle::Curly, 0.16), (HairStyle::Long, 0.1)]),
            (_, false) => choose(
                rng,
                &[(HairStyle::Short, 0.1), (HairStyle::Curly, 0.16), (HairStyle::Bob, 0.3), (HairStyle::Long, 0.44)],
            ),
        };
        let fringe = choose(rng, &[(Fringe::Back, 0.4), (Fringe::Parted, 0.35), (Fringe::Bangs, 0.25)]);
        let (beard, mustache, goatee) = facial_hair(rng, male);
        let (background, background_angle, clothes) = scenery(rng);
        Self {
            smiling: rng.random_bool(0.5),
            expression: rng.random(),
            mouth_open: rng.random(),
            male,
            age,
            skin,
            undertone: bell(rng),
            head_width: bell(rng) + if male { 0.15 } else { -0.15 },
            jaw: bell(rng) * 0.7 + if male { 0.35 } else { -0.3 },
            chin: bell(rng),
            hair_colour,
            hair_shade: bell(rng),
            hair_style,
            fringe,
            part: if rng.random_bool(0.5) { 1.0 } else { -1.0 },
            volume: rng.random(),
            wave: rng.random(),
            receding: if male { rng.random::<f32>() * age } else { 0.0 },
            eye_colour: rng.random(),
            eye_size: bell(rng) + if male { -0.2 } else { 0.3 },
            eye_distance: bell(rng),
            brow: rng.random_range(0.0..0.7) + if male { 0.3 } else { 0.0 },
            brow_arch: bell(rng) + if male { -0.3 } else { 0.3 },
            nose_width: bell(rng) + if male { 0.2 } else { -0.2 },
            nose_length: bell(rng),
            lips: bell(rng) + if male { -0.25 } else { 0.3 },
            makeup: if !male && rng.random_bool(0.5) { rng.random_range(0.4..1.0) } else { 0.0 },
            blush: rng.random(),
            beard,
            mustache,
            goatee,
            glasses: rng.random_bool(0.15).then(|| rng.random()),
            hat: rng.random_bool(0.05),
            earrings: !male && rng.random_bool(0.35),
            yaw: 0.32 * bell(rng),
            roll: 0.09 * bell(rng),
            shift: [0.035 * bell(rng), 0.03 * bell(rng)],
            scale: 1.0 + 0.045 * bell(rng),
            gaze: bell(rng),
            light: rng.random_range(-1.0..1.0),
            background,
            background_angle,
            clothes,
        }
    }

    /// How broad the smile is: 0 for a neutral mouth, 0.5..=1 for a smile.
    pub fn smile(&self) -> f32 {
        if self.smiling { 0.5 + 0.5 * self.expression } else { 0.0 }
    }
}

/// Hair grays with age, and is mostly black or brown over dark skin.
fn hair_colour(rng: &mut Philox, age: f32, skin: f32) -> HairColour {
    if age > 0.6 && rng.random_bool(0.2 + 0.6 * f64::from((age - 0.6) / 0.4)) {
        return HairColour::Gray;
    }
    use HairColour::{Black, Blond, Brown, Red};
    let fair = if skin < 0.55 { 1.0 } else { 0.12 };
    choose(rng, &[(Black, 0.26), (Brown, 0.28), (Blond, 0.32 * fair), (Red, 0.2 * fair)])
}

/// Beard, mustache, and whether the beard covers the chin only.
fn facial_hair(rng: &mut Philox, male: bool) -> (f32, f32, bool) {
    if !male {
        return (0.0, 0.0, false);
    }
    match rng.random_range(0..20) {
        0..10 => (0.0, 0.0, false),
        10..13 => (rng.random_range(0.12..0.35), 0.0, false),
        13..15 => (0.0, rng.random_range(0.5..1.0), false),
        15..17 => (rng.random_range(0.6..1.0), rng.random_range(0.5..1.0), true),
        _ => (rng.random_range(0.5..1.0), rng.random_range(0.5..1.0), false),
    }
}

/// Background, its angle, clothes.
fn scenery(rng: &mut Philox) -> ([[f32; 3]; 2], f32, [f32; 3]) {
    let hue: f32 = rng.random();
    let (saturation, value) = (rng.random_range(0.05..0.65), rng.random_range(0.15..1.0));
    let first = hsv(hue, saturation, value);
    let second =
        hsv(hue + 0.12 * bell(rng), saturation * rng.random_range(0.5..1.0), value * rng.random_range(0.6..1.0));
    let clothes = hsv(rng.random(), rng.random_range(0.1..0.75), rng.random_range(0.2..0.95));
    ([first, second], rng.random_range(0.0..std::f32::consts::TAU), clothes)
}
