//! Sequences: labels and tokens as words, and the layers made for them, against written-out formulas on the CPU device and on
//! the test device.

mod common;

use wavae::dist::Categorical;
use wavae::graph::{Graph, Init, Value};
use wavae::nn::{Dropout, Embedding, LayerNorm, Mode, Module};
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
