//! Compression: files that come back as they were, sizes near the entropy, damage that is noticed; PSNR and SSIM.

use wavae::Error;
use wavae::eval::{Compressed, Quantizer, psnr, ssim};
use wavae::rng::{Philox, normal};

fn noise(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = Philox::new(seed, 0);
    (0..len).map(|_| normal(&mut rng)).collect()
}

#[test]
fn quantizing_keeps_within_half_a_step() {
    let codes = noise(300, 1);
    let quantizer = Quantizer::centred(&codes, 3, &[0.5, 0.01, 2.0]).unwrap();
    let numbers = quantizer.quantize(&codes).unwrap();
    for (at, (&x, y)) in codes.iter().zip(quantizer.dequantize(&numbers)).enumerate() {
        // Rounding of the latent to f32 comes on top.
        assert!((x - y).abs() <= [0.25, 0.005, 1.0][at % 3] + 1e-6);
    }
    // By hand: steps of ½ through 1.
    let quantizer = Quantizer::new(vec![0.5], vec![1.0]).unwrap();
    assert_eq!(quantizer.quantize(&[1.0, 1.24, 1.26, -0.3]).unwrap(), [0, 0, 1, -3]);
    assert_eq!(quantizer.dequantize(&[0, 1, -3]), [1.0, 1.5, -0.5]);
    for (step, centre) in
        [(0.0, 0.0), (-1.0, 0.0), (f32::NAN, 0.0), (1e-40, 0.0), (f32::INFINITY, 0.0), (1.0, f32::NAN)]
    {
        assert!(matches!(Quantizer::new(vec![step], vec![centre]), Err(Error::Config(_))), "{step} {centre}");
    }
    assert!(matches!(Quantizer::new(vec![1.0; 2], vec![0.0]), Err(Error::Config(_))));
    let error = quantizer.quantize(&[1e30]).unwrap_err();
    assert!(error.to_string().contains("take larger ones"), "{error}");
    assert!(matches!(quantizer.quantize(&[f32::NAN]), Err(Error::NonFinite(_))));
}

/// Writes and reads; the bytes.
fn again(data: &Compressed) -> Vec<u8> {
    let bytes = data.to_bytes().unwrap();
    assert_eq!(&Compressed::from_bytes(&bytes).unwrap(), data);
    bytes
}

#[test]
fn files_come_back_as_they_were() {
    let mut rng = Philox::new(9, 0);
    let mut number = |kinds: u32| {
        use rand::RngExt;
        rng.random_range(0..kinds)
    };
    // From one value through awkward alphabets to all indices different, one example and one column.
    for (rows, columns, kinds) in
        [(1, 1, 1), (1, 7, 2), (7, 1, 300), (50, 3, 1), (1000, 4, 3), (300, 13, 4096), (1, 1, 65_536)]
    {
        let indices: Vec<u32> = (0..rows * columns).map(|_| number(kinds)).collect();
        let data = Compressed::from_indices(&indices, columns, [8, 4, 3]).unwrap();
        again(&data);
        assert_eq!((data.indices(), data.codes()), (Some(indices), None));
        assert_eq!((data.examples(), data.image()), (rows, [8, 4, 3]));
    }
    // Every share at its least: 65,536 different numbers, far apart.
    let indices: Vec<u32> = (0..65_536).map(|i| i * 32_767).collect();
    again(&Compressed::from_indices(&indices, 1, [1, 1, 1]).unwrap());
    let too_many: Vec<u32> = (0..65_537).collect();
    let error = Compressed::from_indices(&too_many, 1, [1, 1, 1]).unwrap().to_bytes().unwrap_err();
    assert!(error.to_string().contains("larger steps"), "{error}");
    // A rare value beside one that has nearly every share.
    let mut indices = vec![5; 1_000_000];
    indices[77] = 1 << 30;
    let bytes = again(&Compressed::from_indices(&indices, 1, [1, 1, 1]).unwrap());
    // The others cost log₂(65536/65535) bits each, 2.8 bytes together; the rare one 2 bytes.
    assert!(bytes.len() < 48, "{}", bytes.len());
    let latents = noise(640, 2);
    let quantizer = Quantizer::centred(&latents, 16, &[0.2]).unwrap();
    let data = Compressed::from_codes(&latents, quantizer.clone(), [28, 28, 1]).unwrap();
    again(&data);
    assert_eq!(data.codes().unwrap(), quantizer.dequantize(&quantizer.quantize(&latents).unwrap()));
    assert_eq!(data.bits_per_pixel(980), 8.0 * 980.0 / (40.0 * 784.0));
}

#[test]
fn size_is_the_entropy() {
    // Gaussian numbers of deviation 5 steps: ln(5 √(2πe)) nats, 4.369 bits each.
    let codes = noise(200_000, 3);
    let quantizer = Quantizer::new(vec![0.2; 4], vec![0.0; 4]).unwrap();
    let data = Compressed::from_codes(&codes, quantizer, [1, 1, 1]).unwrap();
    let bytes = again(&data).len() as f64;
    let bits = (5.0 * (std::f64::consts::TAU * std::f64::consts::E).sqrt()).log2();
    // Tables of about 50 symbols and 3 bytes, header, state; the sample's entropy is off by about 1/√200,000 bits.
    let floor = 200_000.0 * bits / 8.0;
    assert!(bytes > floor * 0.998 && bytes < floor * 1.002 + 4.0 * 150.0 + 80.0, "{bytes} {floor}");
    // Columns of unlike spread take a table each, and so cost no more than their own entropy: 1 and 5 bits, not more.
    let indices: Vec<u32> = (0..40_000u32).map(|i| i.wrapping_mul(2_654_435_761) >> 16).collect();
    let columns: Vec<u32> = indices.iter().enumerate().map(|(i, x)| if i % 2 == 0 { x % 2 } else { x % 32 }).collect();
    let bytes = again(&Compressed::from_indices(&columns, 2, [1, 1, 1]).unwrap()).len();
    assert!((15_000..15_200).contains(&bytes), "{bytes}");
}

#[test]
fn damage_is_one_clear_error() {
    let codes = noise(60, 4);
    let data = Compressed::from_codes(&codes, Quantizer::centred(&codes, 3, &[0.1]).unwrap(), [4, 4, 1]).unwrap();
    let bytes = again(&data);
    for len in 0..bytes.len() {
        assert!(matches!(Compressed::from_bytes(&bytes[..len]), Err(Error::Config(_))), "cut to {len}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert!(matches!(Compressed::from_bytes(&damaged), Err(Error::Config(_))), "byte {at} bit {bit}");
        }
    }
    // The same damage under a checksum that was made to fit: refused or read as something else, never a panic, and no
    // allocation for sizes that the file does not hold.
    let body = bytes.len() - 4;
    let sealed = |mut damaged: Vec<u8>| {
        let checksum = crc32fast::hash(&damaged);
        damaged.extend(checksum.to_le_bytes());
        damaged
    };
    for at in 4..body {
        for value in [0, 1, 0x7F, 0x80, 0xFF, bytes[at] ^ 1, bytes[at] ^ 0x40] {
            let mut damaged = bytes[..body].to_vec();
            damaged[at] = value;
            drop(Compressed::from_bytes(&sealed(damaged)));
        }
        drop(Compressed::from_bytes(&sealed(bytes[..at].to_vec())));
        let mut huge = bytes[..at].to_vec();
        huge.extend([0xFF; 9]);
        huge.push(1);
        huge.extend(&bytes[at..body]);
        drop(Compressed::from_bytes(&sealed(huge)));
    }
    let message = |bytes: &[u8]| Compressed::from_bytes(bytes).unwrap_err().to_string();
    assert!(message(b"PNG something").contains("not a file of compressed latents"));
    assert!(message(b"WVZ\x02rest of it").contains("another version"));
    assert!(message(&bytes[..body]).contains("copy it again"));
    assert!(message(&sealed(bytes[..body - 1].to_vec())).contains("not well formed"));

    let folder = std::env::temp_dir().join(format!("wavae-compress-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("codes.wvz");
    assert_eq!(data.save(&path).unwrap(), bytes.len());
    assert_eq!(Compressed::load(&path).unwrap(), data);
    std::fs::write(&path, &bytes[..30]).unwrap();
    let error = Compressed::load(&path).unwrap_err();
    assert!(error.to_string().contains("codes.wvz") && error.to_string().contains("checksum"), "{error}");
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(matches!(Compressed::load(&path), Err(Error::File { .. })));
    for (indices, columns, image) in [
        (&[][..], 1, [1, 1, 1]),
        (&[1, 2, 3], 2, [1, 1, 1]),
        (&[1], 0, [1, 1, 1]),
        (&[1], 1, [0, 1, 1]),
        (&[1 << 31], 1, [1; 3]),
    ] {
        assert!(matches!(Compressed::from_indices(indices, columns, image), Err(Error::Config(_))));
    }
}

#[test]
fn signal_to_noise() {
    // A mean squared difference of 0.01 of a peak of 1: 20 dB; the same in bytes.
    assert!((psnr(&[0.1, 0.5], &[0.2, 0.4], 1.0).unwrap() - 20.0).abs() < 1e-5);
    assert!((psnr(&[10.0, 50.0], &[20.0, 40.0], 255.0).unwrap() - 20.0 * 25.5f64.log10()).abs() < 1e-12);
    assert_eq!(psnr(&[0.3; 4], &[0.3; 4], 1.0).unwrap(), f64::INFINITY);
    assert!(matches!(psnr(&[0.3], &[0.3; 2], 1.0), Err(Error::Config(_))));
}

#[test]
fn structural_similarity() {
    let image: Vec<f32> = noise(2 * 13 * 17 * 3, 5).iter().map(|x| (0.5 + 0.2 * x).clamp(0.0, 1.0)).collect();
    assert!((ssim(&image, &image, [13, 17, 3], 1.0).unwrap() - 1.0).abs() < 1e-12);
    // Flat pictures: luminance alone, (2·0.2·0.6 + C₁) / (0.2² + 0.6² + C₁) with C₁ = 1e-4. Sides of 1 and 2 do too.
    for [h, w] in [[12, 11], [1, 30], [2, 3]] {
        let [a, b] = [0.2, 0.6].map(|v| vec![v; h * w]);
        assert!((ssim(&a, &b, [h, w, 1], 1.0).unwrap() - 0.2401 / 0.4001).abs() < 1e-6);
    }
    // One window of 11×11 a channel, straight from the definition.
    let weight = |i: usize, j: usize| (-((i as f64 - 5.0).powi(2) + (j as f64 - 5.0).powi(2)) / 4.5).exp();
    let pixels = || (0..121).map(|at| (at, weight(at / 11, at % 11)));
    let total: f64 = pixels().map(|p| p.1).sum();
    let (a, b) = (&image[..363], &image[363..726]);
    let direct = |k: usize| {
        let value = |x: &[f32], at: usize| f64::from(x[at * 3 + k]);
        let mean = |x: &[f32]| pixels().map(|(at, w)| w / total * value(x, at)).sum::<f64>();
        let (ma, mb) = (mean(a), mean(b));
        let spread = |x: &[f32], mx: f64, y: &[f32], my: f64| {
            pixels().map(|(at, w)| w / total * (value(x, at) - mx) * (value(y, at) - my)).sum::<f64>()
        };
        let (va, vb, vab) = (spread(a, ma, a, ma), spread(b, mb, b, mb), spread(a, ma, b, mb));
        (2.0 * ma * mb + 1e-4) * (2.0 * vab + 9e-4) / ((ma * ma + mb * mb + 1e-4) * (va + vb + 9e-4))
    };
    let expected = (direct(0) + direct(1) + direct(2)) / 3.0;
    assert!((ssim(a, b, [11, 11, 3], 1.0).unwrap() - expected).abs() < 1e-12);
    // The same in bytes, and the mean over images.
    let scale = |x: &[f32]| x.iter().map(|v| v * 256.0).collect::<Vec<f32>>();
    assert!((ssim(&scale(a), &scale(b), [11, 11, 3], 256.0).unwrap() - expected).abs() < 1e-12);
    let pair = ssim(&[a, a].concat(), &[a, b].concat(), [11, 11, 3], 1.0).unwrap();
    assert!((pair - (1.0 + expected) / 2.0).abs() < 1e-12);
    assert!(matches!(ssim(a, b, [11, 10, 3], 1.0), Err(Error::Config(_))));
    assert!(matches!(ssim(a, b, [0, 11, 3], 1.0), Err(Error::Config(_))));
}
