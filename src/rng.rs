//! Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
//! 1, 2, 3", SC 2011). A block of four words is a pure function of a counter and a key, so any device, thread or
//! restart computes the same bits without sharing state.

use rand::RngExt;
use rand::rand_core::{Infallible, TryRng};

const M0: u32 = 0xD251_1F53;
const M1: u32 = 0xCD9E_8D57;
const W0: u32 = 0x9E37_79B9; // golden ratio
const W1: u32 = 0xBB67_AE85; // sqrt(3) - 1

/// One Philox4x32-10 block: four uniform words from a 128-bit counter and a 64-bit key.
///
/// Word order is Random123's; its known answers hold.
///
/// ```
/// assert_eq!(wavae::rng::philox4x32_10([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
/// ```
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut c0, mut c1, mut c2, mut c3], [mut k0, mut k1]) = (counter, key);
    for _ in 0..10 {
        let p0 = u64::from(M0) * u64::from(c0);
        let p1 = u64::from(M1) * u64::from(c2);
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(W0);
        k1 = k1.wrapping_add(W1);
    }
    [c0, c1, c2, c3]
}

/// A sequential generator over one Philox stream: every distribution of the `rand` crate works on it.
///
/// The key is the seed (low word first), the counter is `[block low, block high, stream low, stream high]`, and words
/// are handed out in order. So `(seed, stream)` pairs are independent sequences of 2⁶⁶ words each; give every image,
/// worker or purpose its own stream.
///
/// ```
/// use rand::RngExt;
/// let mut a = wavae::rng::Philox::new(7, 0);
/// let x: f32 = a.random_range(-1.0..1.0);
/// assert_eq!(x, wavae::rng::Philox::new(7, 0).random_range(-1.0..1.0));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Philox {
    key: [u32; 2],
    stream: [u32; 2],
    block: u64,
    words: [u32; 4],
    used: usize,
}

impl Philox {
    /// The start of stream `stream` under `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self { key: split(seed), stream: split(stream), block: 0, words: [0; 4], used: 4 }
    }

    /// Continues at block `block`: the next word is word `4·block` of the stream.
    pub fn seek(&mut self, block: u64) {
        self.block = block;
        self.used = 4;
    }

    fn word(&mut self) -> u32 {
        if self.used == 4 {
            let [low, high] = split(self.block);
            self.words = philox4x32_10([low, high, self.stream[0], self.stream[1]], self.key);
            self.block = self.block.wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }
}

/// Low word, high word.
fn split(v: u64) -> [u32; 2] {
    [v as u32, (v >> 32) as u32]
}

impl TryRng for Philox {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = u64::from(self.word());
        Ok(low | u64::from(self.word()) << 32)
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(4) {
            chunk.copy_from_slice(&self.word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// A standard normal number (Box–Muller; the sine half is dropped).
pub fn normal(rng: &mut Philox) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    (radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()) as f32
}
