//! CelebA's forty attributes, read off the factors.

use super::factors::{FaceFactors, Fringe, HairColour, HairStyle};

/// The names of CelebA's attributes, in its order.
pub const CELEBA_ATTRIBUTES: [&str; 40] = [
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
];

impl FaceFactors {
    /// The attributes in the order of [`CELEBA_ATTRIBUTES`]: 1 where the face has it, else −1. What these faces know
    /// nothing of (`Attractive`, `Blurry`, a necktie …) is −1.
    pub fn attributes(&self) -> [i8; 40] {
        CELEBA_ATTRIBUTES.map(|name| if self.has(name) { 1 } else { -1 })
    }

    fn has(&self, name: &str) -> bool {
        let hair = self.hair_style != HairStyle::Bald;
        let coloured = |colour| hair && self.hair_colour == colour;
        let waved = self.hair_style == HairStyle::Curly || self.wave > 0.6;
        match name {
            "5_o_Clock_Shadow" => self.beard > 0.0 && self.beard < 0.35,
            "Arched_Eyebrows" => self.brow_arch > 0.3,
            "Bags_Under_Eyes" => self.age > 0.75,
            "Bald" => !hair,
            "Bangs" => hair && !self.hat && self.fringe == Fringe::Bangs,
            "Big_Lips" => self.lips > 0.45,
            "Big_Nose" => self.nose_width > 0.35,
            "Black_Hair" => coloured(HairColour::Black),
            "Blond_Hair" => coloured(HairColour::Blond),
            "Brown_Hair" => coloured(HairColour::Brown),
            "Gray_Hair" => coloured(HairColour::Gray),
            "Bushy_Eyebrows" => self.brow > 0.65,
            "Chubby" => self.head_width + self.jaw > 0.9,
            "Eyeglasses" => self.glasses.is_some(),
            "Goatee" => self.goatee && self.beard >= 0.35,
            "Heavy_Makeup" => self.makeup > 0.6,
            "Male" => self.male,
            "Mouth_Slightly_Open" => self.mouth_open > 0.65,
            "Mustache" => self.mustache > 0.0,
            "Narrow_Eyes" => self.eye_size < -0.5,
            "No_Beard" => self.beard < 0.35,
            "Oval_Face" => self.head_width + self.jaw < -0.5,
            "Pale_Skin" => self.skin < 0.12,
            "Receding_Hairline" => hair && self.receding > 0.45,
            "Rosy_Cheeks" => self.blush > 0.7 && self.skin < 0.5,
            "Sideburns" => self.beard >= 0.35 && !self.goatee,
            "Smiling" => self.smiling,
            "Straight_Hair" => hair && !waved,
            "Wavy_Hair" => hair && waved,
            "Wearing_Earrings" => self.earrings,
            "Wearing_Hat" => self.hat,
            "Wearing_Lipstick" => self.makeup > 0.4,
            "Young" => self.age < 0.6,
            _ => false,
        }
    }
}
