//! Sequences: labels and tokens as words, and the layers made for them, against written-out formulas on the CPU device and on
//! the test device.

mod common;

use wavae::dist::Categorical;
use wavae::graph::{Graph, Init, Value};
use wavae::nn::{
    AvgPool1d, Conv1d, ConvTranspose1d, Dropout, Embedding, Gru, ImageAttention, LayerNorm, Lstm, MaskedLinear, Mode,
    Module, Positions, SelfAttention, TransformerBlock, Upsample1d,
};
use wavae::tensor::{Array, ArrayData, TensorType};
use wavae::testing::Gen;
use wavae::{Device, Executable, Result, Store};

/// The devices that everything here must agree on.
fn devices() -> [Device; 2] {
    [Device::Cpu, Device::Gpu(common::gpu())]
}

/// Runs `g` once with `writes` to its inputs, parameters and states; the values of `roots`.
fn run(device: &Device, g: &Graph, writes: &[(&str, Array)], roots: &[Value]) -> Result<Vec<Array>> {
    let store = Store::new(device, &[g])?;
    store.init(g, 1)?;
    let mut exe = Executable::compile(device, &store, g, roots)?;
    for (name, array) in writes {
        match exe.has_input(name) {
            true => exe.write(name, array)?,
            false => store.write(name, array)?,
        }
    }
    exe.run()?;
    roots.iter().map(|&v| exe.read(v)).collect()
}

/// Labels and tokens that live on the device arrive bit by bit, also where f32 cannot count so far.
#[test]
fn resident_words_are_gathered_exactly() -> Result<()> {
    let labels = [7, (1 << 24) + 1, u32::MAX];
    let tokens: Vec<u32> = (0..12).map(|i: u32| i.wrapping_mul(2_654_435_761)).collect();
    for device in devices() {
        let mut g = Graph::new();
        let rows = g.input("rows", TensorType::u32([4]))?;
        let label = g.state("labels", TensorType::u32([3]), Init::Constant(0.0))?;
        let token = g.state("tokens", TensorType::u32([3, 4]), Init::Constant(0.0))?;
        let roots = [g.gather(label, rows)?, g.gather(token, rows)?];
        let writes = [
            ("rows", Array::u32([4], vec![2, 0, 1, 2])?),
            ("labels", Array::u32([3], labels.to_vec())?),
            ("tokens", Array::u32([3, 4], tokens.clone())?),
        ];
        let found = run(&device, &g, &writes, &roots)?;
        let expected = |row: usize, table: &[u32]| [2, 0, 1, 2].map(|r| table[r * row..][..row].to_vec()).concat();
        assert_eq!(found[0].data, ArrayData::U32(expected(1, &labels)), "{device}");
        assert_eq!(found[1].data, ArrayData::U32(expected(4, &tokens)), "{device}");
    }
    Ok(())
}

fn assert_close(found: &[f32], expected: &[f64], bound: f64, what: &dyn std::fmt::Display) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (&x, &e)) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(x) - e).abs() <= bound * (1.0 + e.abs()), "{what}: element {i} is {x} instead of {e}");
    }
}

/// Rows of the table, and a gradient that adds up what each token's places have got.
#[test]
fn embeddings_look_up_and_add_up() -> Result<()> {
    let tokens: Vec<u32> = vec![1, 4, 1, 0, 4, 1];
    let (table, weights) = (Gen::normal([5, 3]).draw(1)?, Gen::normal([2, 3, 3]).draw(2)?);
    let (t, w) = (table.as_f32(), weights.as_f32());
    let looked_up: Vec<f64> = tokens.iter().flat_map(|&k| &t[3 * k as usize..][..3]).map(|&x| x.into()).collect();
    let mut added = [0.0; 15];
    for (b, &k) in tokens.iter().enumerate() {
        (0..3).for_each(|d| added[3 * k as usize + d] += f64::from(w[3 * b + d]));
    }
    for device in devices() {
        let mut g = Graph::new();
        let ids = g.input("tokens", TensorType::u32([2, 3]))?;
        let cotangent = g.input("w", TensorType::f32([2, 3, 3]))?;
        let y = g.scoped("words", |g| Embedding::new(5, 3).forward(g, ids, Mode::Train))?;
        let weight = g.find("words.weight").unwrap();
        let dw = g.pullback(y, cotangent, &[weight])?[0];
        let writes =
            [("tokens", Array::u32([2, 3], tokens.clone())?), ("w", weights.clone()), ("words.weight", table.clone())];
        let found = run(&device, &g, &writes, &[y, dw])?;
        assert_eq!(found[0].shape.dims(), [2, 3, 3]);
        assert_close(found[0].as_f32(), &looked_up, 0.0, &device);
        assert_close(found[1].as_f32(), &added, 3e-7, &device);
    }
    Ok(())
}

/// The cross entropy's gradient is softmax − one-hot; log probabilities by index and by one-hot agree.
#[test]
fn categories_by_index() -> Result<()> {
    let logits = Gen::Normal([3, 2, 7].into(), 2.0).draw(5)?;
    let targets: Vec<u32> = vec![6, 0, 3, 3, 1, 5];
    let rows = || logits.as_f32().chunks(7).zip(&targets);
    let softmax = |x: &[f32]| {
        let total: f64 = x.iter().map(|&x| f64::from(x).exp()).sum();
        x.iter().map(|&x| f64::from(x).exp() / total).collect::<Vec<f64>>()
    };
    let log_p: Vec<f64> = rows().map(|(x, &t)| softmax(x)[t as usize].ln()).collect();
    let hot = |t: u32, c: usize| f64::from(u8::from(t as usize == c));
    let slope = rows().flat_map(|(x, &t)| softmax(x).into_iter().enumerate().map(move |(c, p)| p - hot(t, c)));
    let slope: Vec<f64> = slope.collect();
    for device in devices() {
        let mut g = Graph::new();
        let x = g.input("x", TensorType::f32([3, 2, 7]))?;
        let t = g.input("t", TensorType::u32([3, 2]))?;
        let d = Categorical { logits: x };
        let by_index = d.log_prob_of(&mut g, t)?;
        let (sum, hot) = (g.sum_all(by_index)?, g.one_hot(t, 7)?);
        let loss = g.scale(sum, -1.0)?;
        let dx = g.grad(loss, &[x])?[0];
        let by_hot = d.log_prob(&mut g, hot)?;
        let by_hot = g.sum(by_hot, &[2])?;
        let mode = d.mode(&mut g)?;
        let writes = [("x", logits.clone()), ("t", Array::u32([3, 2], targets.clone())?)];
        let found = run(&device, &g, &writes, &[by_index, by_hot, dx, mode])?;
        assert_close(found[0].as_f32(), &log_p, 3e-6, &device);
        assert_close(found[1].as_f32(), &log_p, 3e-6, &device);
        assert_close(found[2].as_f32(), &slope, 3e-6, &device);
        let largest = |x: &[f32]| (0..7).max_by(|&a, &b| x[a].total_cmp(&x[b])).unwrap() as u32;
        assert_eq!(found[3].data, ArrayData::U32(rows().map(|(x, _)| largest(x)).collect()), "{device}");
    }
    Ok(())
}

/// Masked elements get nothing, a row without any other sums to 0, the others to 1.
#[test]
fn masked_softmax() -> Result<()> {
    for device in devices() {
        let mut g = Graph::new();
        let x = g.input("x", TensorType::f32([4, 5]))?;
        let lengths = g.input("lengths", TensorType::u32([4]))?;
        let mask = g.length_mask(lengths, 5)?;
        let y = g.masked_softmax(x, mask)?;
        let values = Gen::Normal([4, 5].into(), 3.0).draw(3)?;
        let writes = [("x", values.clone()), ("lengths", Array::u32([4], vec![3, 0, 5, 1])?)];
        let found = run(&device, &g, &writes, &[y])?;
        for ((x, y), n) in values.as_f32().chunks(5).zip(found[0].as_f32().chunks(5)).zip([3, 0, 5, 1]) {
            let total: f64 = x[..n].iter().map(|&x| f64::from(x).exp()).sum();
            let kept = x[..n].iter().map(|&x| f64::from(x).exp() / total);
            assert_close(y, &kept.chain(std::iter::repeat_n(0.0, 5 - n)).collect::<Vec<_>>(), 2e-5, &device);
        }
    }
    Ok(())
}

/// Layer norm by its formula; with γ and β of its own.
#[test]
fn layer_norm() -> Result<()> {
    let (x, weight, bias) = (Gen::normal([2, 3, 5]).draw(1)?, Gen::normal([5]).draw(2)?, Gen::normal([5]).draw(3)?);
    let mut expected = vec![];
    for row in x.as_f32().chunks(5) {
        let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / 5.0;
        let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / 5.0;
        let affine = row.iter().zip(weight.as_f32()).zip(bias.as_f32());
        expected.extend(
            affine.map(|((&x, &w), &b)| (f64::from(x) - mean) / (variance + 1e-5).sqrt() * f64::from(w) + f64::from(b)),
        );
    }
    for device in devices() {
        let mut g = Graph::new();
        let input = g.input("x", TensorType::f32([2, 3, 5]))?;
        let y = LayerNorm::default().forward(&mut g, input, Mode::Train)?;
        let writes = [("x", x.clone()), ("weight", weight.clone()), ("bias", bias.clone())];
        assert_close(run(&device, &g, &writes, &[y])?[0].as_f32(), &expected, 3e-6, &device);
    }
    Ok(())
}

/// Dropout keeps its share, scaled so that the mean stays; its gradient passes where x does; in evaluation it does nothing.
#[test]
fn dropout() -> Result<()> {
    const LEN: usize = 20_000;
    for device in devices() {
        let mut g = Graph::new();
        let x = g.input("x", TensorType::f32([LEN]))?;
        assert_eq!(Dropout(0.25).forward(&mut g, x, Mode::Eval)?, x);
        assert!(Dropout(1.0).forward(&mut g, x, Mode::Train).unwrap_err().to_string().contains("[0, 1)"));
        let y = Dropout(0.25).forward(&mut g, x, Mode::Train)?;
        let other = Dropout(0.25).forward(&mut g, x, Mode::Train)?;
        let sum = g.sum_all(y)?;
        let dx = g.grad(sum, &[x])?[0];
        let writes = [("x", Array::f32([LEN], vec![3.0; LEN])?), ("rng", Array::u32([4], vec![1, 2, 3, 4])?)];
        let found = run(&device, &g, &writes, &[y, dx, other])?;
        let kept = found[0].as_f32().iter().filter(|&&y| y == 4.0).count() as f64;
        assert!(found[0].as_f32().iter().all(|&y| y == 0.0 || y == 4.0));
        // Five standard deviations of a binomial share.
        assert!((kept - 0.75 * LEN as f64).abs() < 5.0 * (LEN as f64 * 0.75 * 0.25).sqrt(), "{device}: {kept}");
        let passes = found[0].as_f32().iter().zip(found[1].as_f32()).all(|(&y, &d)| d == y / 3.0);
        assert!(passes, "{device}");
        assert_ne!(found[0], found[2], "{device}: two layers share a stream");
    }
    Ok(())
}

/// The values of all parameters of `g`, drawn with this spread, by name.
fn draw_params(g: &Graph, sigma: f32) -> Result<Vec<(String, Array)>> {
    let named = g.params().into_iter().enumerate();
    named.map(|(k, v)| Ok((g.label(v), Gen::Normal(g.shape(v).clone(), sigma).draw(50 + k as u64)?))).collect()
}

/// Row `x` times `w` [rows, columns] plus `b`.
fn affine(x: &[f64], w: &Array, b: &Array) -> Vec<f64> {
    let columns = b.shape.last();
    let at = |r: usize, c: usize| f64::from(w.as_f32()[r * columns + c]);
    (0..columns).map(|c| f64::from(b.as_f32()[c]) + (0..x.len()).map(|r| x[r] * at(r, c)).sum::<f64>()).collect()
}

/// Two heads over sequences of different lengths, each position seeing itself and those before, by the paper's formula.
#[test]
fn self_attention() -> Result<()> {
    const B: usize = 3;
    const T: usize = 5;
    const D: usize = 6;
    const H: usize = 2;
    let lengths = [5_usize, 2, 3];
    for (device, causal) in devices().into_iter().flat_map(|d| [(d.clone(), false), (d, true)]) {
        let layer = if causal { SelfAttention::new(H).causal() } else { SelfAttention::new(H) };
        let mut g = Graph::new();
        let x = g.input("x", TensorType::f32([B, T, D]))?;
        let n = g.input("lengths", TensorType::u32([B]))?;
        let y = layer.forward_masked(&mut g, x, Some(n), Mode::Eval)?;
        let params = draw_params(&g, 0.7)?;
        let names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["in_proj.weight", "in_proj.bias", "out_proj.weight", "out_proj.bias"]);
        let values = Gen::normal([B, T, D]).draw(1)?;
        let mut writes: Vec<(&str, Array)> =
            params.iter().map(|(name, array)| (name.as_str(), array.clone())).collect();
        writes.push(("x", values.clone()));
        writes.push(("lengths", Array::u32([B], lengths.map(|n| n as u32).to_vec())?));
        let found = run(&device, &g, &writes, &[y])?;
        let rows: Vec<Vec<f64>> = (values.as_f32().chunks(D))
            .map(|x| affine(&x.iter().map(|&x| x.into()).collect::<Vec<f64>>(), &params[0].1, &params[1].1))
            .collect();
        for (b, &length) in lengths.iter().enumerate() {
            for t in 0..length {
                let seen = if causal { t + 1 } else { length };
                let mut joined = vec![];
                for h in 0..H {
                    let part = |t: usize, k: usize| &rows[b * T + t][k * D + h * D / H..][..D / H];
                    let dot = |s: usize| part(t, 0).iter().zip(part(s, 1)).map(|(q, k)| q * k).sum::<f64>();
                    let weights: Vec<f64> = (0..seen).map(|s| (dot(s) / (3.0_f64).sqrt()).exp()).collect();
                    let total: f64 = weights.iter().sum();
                    joined.extend(
                        (0..D / H)
                            .map(|d| weights.iter().enumerate().map(|(s, w)| w * part(s, 2)[d]).sum::<f64>() / total),
                    );
                }
                let expected = affine(&joined, &params[2].1, &params[3].1);
                let here = &found[0].as_f32()[(b * T + t) * D..][..D];
                assert_close(here, &expected, 2e-5, &format!("{device}, causal {causal}, example {b}, step {t}"));
            }
        }
    }
    Ok(())
}

/// What comes later changes nothing in a causal block; what is padded changes nothing where it is masked; positions tell
/// equal tokens apart.
#[test]
fn transformers_see_what_they_may() -> Result<()> {
    const B: usize = 2;
    const T: usize = 6;
    const D: usize = 8;
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([B, T, D]))?;
    let n = g.input("lengths", TensorType::u32([B]))?;
    let placed = g.scoped("places", |g| Positions { most: 9, deviation: 0.02 }.forward(g, x, Mode::Eval))?;
    let causal = g.scoped("causal", |g| TransformerBlock::new(2).causal().forward(g, placed, Mode::Eval))?;
    let padded = g.scoped("padded", |g| TransformerBlock::new(4).forward_masked(g, placed, Some(n), Mode::Eval))?;
    assert_eq!(g.shape(g.find("causal.fc1.weight").unwrap()).dims(), [8, 32]);
    assert!(g.find("causal.norm1.weight").is_some() && g.find("causal.attention.in_proj.weight").is_some());
    let params = draw_params(&g, 0.5)?;
    for device in devices() {
        let ask = |x: &[f32]| -> Result<Vec<Array>> {
            let mut writes: Vec<(&str, Array)> = params.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
            writes.push(("x", Array::f32([B, T, D], x.to_vec())?));
            writes.push(("lengths", Array::u32([B], vec![4, 4])?));
            run(&device, &g, &writes, &[causal, padded])
        };
        let values = Gen::normal([B, T, D]).draw(1)?.as_f32().to_vec();
        let changed: Vec<f32> = values.iter().enumerate().map(|(i, &x)| if i / D % T < 4 { x } else { -x }).collect();
        let (before, after) = (ask(&values)?, ask(&changed)?);
        for (before, after) in before.iter().zip(&after) {
            for (i, (a, b)) in before.as_f32().iter().zip(after.as_f32()).enumerate() {
                assert!((a == b) == (i / D % T < 4), "{device}: element {i}: {a} and {b}");
            }
        }
        let alike = ask(&[1.0; B * T * D])?;
        let rows: Vec<&[f32]> = alike[1].as_f32().chunks(D).collect();
        assert!(rows[0] != rows[1], "{device}: positions are not told apart");
    }
    Ok(())
}

/// An image block starts from a residual, and attends over all pixels: a change anywhere is felt everywhere.
#[test]
fn image_attention() -> Result<()> {
    for device in devices() {
        let mut g = Graph::new();
        let x = g.input("x", TensorType::f32([1, 3, 2, 4]))?;
        let y = ImageAttention::new(2).forward(&mut g, x, Mode::Train)?;
        let params = draw_params(&g, 0.8)?;
        let ask = |x: Vec<f32>| -> Result<Vec<f32>> {
            let mut writes: Vec<(&str, Array)> = params.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
            writes.push(("x", Array::f32([1, 3, 2, 4], x)?));
            Ok(run(&device, &g, &writes, &[y])?.remove(0).as_f32().to_vec())
        };
        let values = Gen::normal([24]).draw(1)?.as_f32().to_vec();
        let mut changed = values.clone();
        changed[23] += 1.0;
        let (before, after) = (ask(values)?, ask(changed)?);
        let same = before.iter().zip(&after).filter(|(a, b)| a == b).count();
        assert_eq!(same, 0, "{device}");
    }
    Ok(())
}

/// Convolutions along time by their sums; what is padded in front sees nothing that comes later.
#[test]
fn convolutions_along_time() -> Result<()> {
    const T: usize = 9;
    const I: usize = 2;
    const O: usize = 3;
    const K: usize = 3;
    let x = Gen::normal([1, T, I]).draw(1)?;
    let at =
        |t: isize, i: usize| if t < 0 || t >= T as isize { 0.0 } else { f64::from(x.as_f32()[t as usize * I + i]) };
    for device in devices() {
        let mut g = Graph::new();
        let input = g.input("x", TensorType::f32([1, T, I]))?;
        let strided = g.scoped("a", |g| Conv1d::new(O, K).stride(2).pad(1).forward(g, input, Mode::Eval))?;
        let causal = g.scoped("b", |g| Conv1d::new(O, K).dilation(2).causal().forward(g, input, Mode::Eval))?;
        let up = g.scoped("c", |g| ConvTranspose1d::new(O, 4).stride(2).pad(1).forward(g, input, Mode::Eval))?;
        let (pooled, doubled) =
            (AvgPool1d(3).forward(&mut g, input, Mode::Eval)?, Upsample1d(2).forward(&mut g, input, Mode::Eval)?);
        let params = draw_params(&g, 0.5)?;
        let mut writes: Vec<(&str, Array)> = params.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
        writes.push(("x", x.clone()));
        let found = run(&device, &g, &writes, &[strided, causal, up, pooled, doubled])?;
        let param = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, a)| a.as_f32().to_vec()).unwrap();
        let sum = |layer: &str, o: usize, from: isize, dilation: isize| -> f64 {
            let (w, b) = (param(&format!("{layer}.weight")), param(&format!("{layer}.bias")));
            let term = |k: usize, i: usize| f64::from(w[(k * I + i) * O + o]) * at(from + k as isize * dilation, i);
            f64::from(b[o]) + (0..K).flat_map(|k| (0..I).map(move |i| (k, i))).map(|(k, i)| term(k, i)).sum::<f64>()
        };
        let each = |steps: usize| (0..steps).flat_map(|t| (0..O).map(move |o| (t, o)));
        let a: Vec<f64> = each(5).map(|(t, o)| sum("a", o, 2 * t as isize - 1, 1)).collect();
        let b: Vec<f64> = each(T).map(|(t, o)| sum("b", o, t as isize - 4, 2)).collect();
        let (w, bias) = (param("c.weight"), param("c.bias"));
        let mut c: Vec<f64> = each(18).map(|(_, o)| f64::from(bias[o])).collect();
        for (t, k) in (0..T).flat_map(|t| (0..4).map(move |k| (t, k))) {
            let Some(to) = (2 * t + k).checked_sub(1).filter(|&to| to < 18) else { continue };
            for (o, i) in (0..O).flat_map(|o| (0..I).map(move |i| (o, i))) {
                c[to * O + o] += f64::from(w[(k * O + o) * I + i]) * at(t as isize, i);
            }
        }
        let mean = |n: usize, i: usize| (0..3).map(|k| at((3 * n + k) as isize, i)).sum::<f64>() / 3.0;
        let d: Vec<f64> = (0..3).flat_map(|n| (0..I).map(move |i| mean(n, i))).collect();
        let e: Vec<f64> = (0..2 * T).flat_map(|t| (0..I).map(move |i| at(t as isize / 2, i))).collect();
        for (found, expected) in found.iter().zip([a, b, c, d, e]) {
            assert_close(found.as_f32(), &expected, 3e-6, &device);
        }
    }
    Ok(())
}

/// Outputs see inputs of their degree and below.
#[test]
fn masked_linear_sees_lower_degrees() -> Result<()> {
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([2, 2, 3]))?;
    let y = MaskedLinear::new(vec![1.0, 2.0, 3.0], vec![0.5, 1.0, 2.5, 3.0]).forward(&mut g, x, Mode::Eval)?;
    for device in devices() {
        let writes = [("x", Array::f32([2, 2, 3], vec![1.0; 12])?), ("weight", Array::f32([3, 4], vec![1.0; 12])?)];
        let found = run(&device, &g, &writes, &[y])?;
        assert_eq!(found[0].as_f32(), [0.0, 1.0, 2.0, 3.0].repeat(4));
    }
    Ok(())
}

/// The inputs and targets of teacher forcing are two slices of the tokens.
#[test]
fn words_are_sliced_exactly() -> Result<()> {
    let tokens: Vec<u32> = (0..12).map(|i: u32| i.wrapping_mul(2_654_435_761)).collect();
    for device in devices() {
        let mut g = Graph::new();
        let x = g.input("x", TensorType::u32([3, 4]))?;
        let roots = [g.slice(x, 1, 0..3)?, g.slice(x, 1, 1..4)?];
        let found = run(&device, &g, &[("x", Array::u32([3, 4], tokens.clone())?)], &roots)?;
        let expected =
            |from: usize| tokens.chunks(4).flat_map(|row| row[from..from + 3].to_vec()).collect::<Vec<u32>>();
        assert_eq!(found[0].data, ArrayData::U32(expected(0)), "{device}");
        assert_eq!(found[1].data, ArrayData::U32(expected(1)), "{device}");
    }
    Ok(())
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// One step by PyTorch's formulas: `x` and the hidden state's shares of the gates, biases included; state h and c.
fn step(lstm: bool, x: &[f64], h: &[f64], state: &mut [Vec<f64>; 2]) {
    let n = state[0].len();
    for j in 0..n {
        let sum = |k: usize| x[k * n + j] + h[k * n + j];
        if lstm {
            let (i, f, o) = (sigmoid(sum(0)), sigmoid(sum(1)), sigmoid(sum(3)));
            state[1][j] = f * state[1][j] + i * sum(2).tanh();
            state[0][j] = o * state[1][j].tanh();
        } else {
            let (r, z) = (sigmoid(sum(0)), sigmoid(sum(1)));
            let new = (x[2 * n + j] + r * h[2 * n + j]).tanh();
            state[0][j] = (1.0 - z) * new + z * state[0][j];
        }
    }
}

/// GRU and LSTM in both directions over examples of different lengths, from states of their own, against the formulas.
#[test]
fn recurrent_layers() -> Result<()> {
    const B: usize = 3;
    const T: usize = 4;
    const D: usize = 2;
    const H: usize = 5;
    let lengths = [4_usize, 1, 3];
    for (device, lstm) in devices().into_iter().flat_map(|d| [(d.clone(), false), (d, true)]) {
        let mut g = Graph::new();
        let x = g.input("x", TensorType::f32([B, T, D]))?;
        let n = g.input("lengths", TensorType::u32([B]))?;
        let (h0, c0) = (g.input("h0", TensorType::f32([B, 2 * H]))?, g.input("c0", TensorType::f32([B, 2 * H]))?);
        let found = match lstm {
            true => Lstm::new(H).bidirectional().run(&mut g, x, Some(n), Some([h0, c0]))?,
            false => Gru::new(H).bidirectional().run(&mut g, x, Some(n), Some(h0))?,
        };
        let params = draw_params(&g, 0.6)?;
        let names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[..5], ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_ih_reverse"]);
        let (values, h, c) =
            (Gen::normal([B, T, D]).draw(1)?, Gen::normal([B, 2 * H]).draw(2)?, Gen::normal([B, 2 * H]).draw(3)?);
        let mut writes: Vec<(&str, Array)> = params.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
        writes.extend([("x", values.clone()), ("h0", h.clone()), ("c0", c.clone())]);
        writes.push(("lengths", Array::u32([B], lengths.map(|n| n as u32).to_vec())?));
        let roots: Vec<Value> = [found.outputs, found.last].into_iter().chain(found.last_cell).collect();
        let found = run(&device, &g, &writes, &roots)?;
        let mut outputs = vec![0.0; B * T * 2 * H];
        let mut last = [vec![0.0; B * 2 * H], vec![0.0; B * 2 * H]];
        for (b, reverse) in (0..B).flat_map(|b| [(b, 0), (b, 1)]) {
            let params = &params[4 * reverse..];
            let from = b * 2 * H + reverse * H;
            let start = |a: &Array| a.as_f32()[from..from + H].iter().map(|&x| x.into()).collect::<Vec<f64>>();
            let mut state = [start(&h), start(&c)];
            for k in 0..lengths[b] {
                let t = if reverse == 1 { lengths[b] - 1 - k } else { k };
                let x: Vec<f64> = values.as_f32()[(b * T + t) * D..][..D].iter().map(|&x| x.into()).collect();
                let (x, h) = (affine(&x, &params[0].1, &params[2].1), affine(&state[0], &params[1].1, &params[3].1));
                step(lstm, &x, &h, &mut state);
                outputs[(b * T + t) * 2 * H + reverse * H..][..H].copy_from_slice(&state[0]);
            }
            (0..2).for_each(|s| last[s][from..from + H].copy_from_slice(&state[s]));
        }
        let what = format!("{device}, lstm {lstm}");
        assert_close(found[0].as_f32(), &outputs, 5e-6, &what);
        assert_close(found[1].as_f32(), &last[0], 5e-6, &what);
        if lstm {
            assert_close(found[2].as_f32(), &last[1], 5e-6, &what);
        }
    }
    Ok(())
}

/// A training step takes 4·T dispatches and a few; what lies past an example's length has no gradient.
#[test]
fn recurrent_gradients_end_with_the_lengths() -> Result<()> {
    for device in devices() {
        let mut g = Graph::new();
        let x = g.input("x", TensorType::f32([2, 6, 3]))?;
        let n = g.input("lengths", TensorType::u32([2]))?;
        let found = Gru::new(4).bidirectional().run(&mut g, x, Some(n), None)?;
        let both = [g.sum_all(found.outputs)?, g.sum_all(found.last)?];
        let loss = g.add(both[0], both[1])?;
        let dx = g.grad(loss, &[x])?[0];
        let writes = [("x", Gen::normal([2, 6, 3]).draw(1)?), ("lengths", Array::u32([2], vec![6, 2])?)];
        let found = run(&device, &g, &writes, &[dx])?;
        for (i, &d) in found[0].as_f32().iter().enumerate() {
            assert_eq!(d == 0.0, i / 18 == 1 && i / 3 % 6 >= 2, "{device}: element {i} is {d}");
        }
        let store = Store::new(&device, &[&g])?;
        let exe = Executable::compile(&device, &store, &g, &[dx])?;
        assert!(exe.dispatches() <= 2 * 4 * 6 + 40, "{device}: {} dispatches", exe.dispatches());
    }
    Ok(())
}
