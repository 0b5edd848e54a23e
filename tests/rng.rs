//! Philox4x32-10 against Random123's published known answers, and the stream over it.

use rand::seq::SliceRandom;
use rand::{Rng, RngExt};
use wavae::rng::{Philox, philox4x32_10};

/// The three `philox4x32 10` lines of Random123's `tests/kat_vectors`: counter, key, result.
#[test]
fn known_answers_of_random123() {
    assert_eq!(philox4x32_10([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
    assert_eq!(philox4x32_10([!0; 4], [!0; 2]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
    assert_eq!(
        philox4x32_10([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
        [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
    );
}

#[test]
fn the_stream_is_the_blocks_in_order() {
    let (seed, stream) = (0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210);
    let mut rng = Philox::new(seed, stream);
    for block in 0..5 {
        let expected = philox4x32_10([block, 0, 0x7654_3210, 0xfedc_ba98], [0x89ab_cdef, 0x0123_4567]);
        assert_eq!([(); 4].map(|()| rng.next_u32()), expected, "block {block}");
    }
    let mut sought = Philox::new(seed, stream);
    sought.seek(1 << 32);
    assert_eq!(sought.next_u32(), philox4x32_10([0, 1, 0x7654_3210, 0xfedc_ba98], [0x89ab_cdef, 0x0123_4567])[0]);

    let (mut words, mut wide, mut bytes) = (Philox::new(3, 0), Philox::new(3, 0), Philox::new(3, 0));
    let expected = u64::from(words.next_u32()) | u64::from(words.next_u32()) << 32;
    assert_eq!(wide.next_u64(), expected);
    let mut buffer = [0; 8];
    bytes.fill_bytes(&mut buffer);
    assert_eq!(u64::from_le_bytes(buffer), expected);
}

/// Distributions of `rand` work, and streams differ.
#[test]
fn rands_distributions_work_on_it() {
    let n = 100_000;
    let mean = |seed, stream| {
        let mut rng = Philox::new(seed, stream);
        (0..n).map(|_| rng.random::<f64>()).sum::<f64>() / f64::from(n)
    };
    // Standard error of the mean of n uniforms is sqrt(1/12/n) = 9.1e-4; five of them.
    for (seed, stream) in [(0, 0), (0, 1), (1, 0)] {
        assert!((mean(seed, stream) - 0.5).abs() < 4.6e-3, "seed {seed}, stream {stream}: {}", mean(seed, stream));
    }
    assert_ne!(Philox::new(0, 1).next_u64(), Philox::new(1, 0).next_u64());
    let mut order: Vec<u32> = (0..100).collect();
    order.shuffle(&mut Philox::new(5, 5));
    assert_ne!(order, (0..100).collect::<Vec<_>>());
    order.sort_unstable();
    assert_eq!(order, (0..100).collect::<Vec<_>>());
}
