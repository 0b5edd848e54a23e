//! Models of sequences: gradients of the whole objective against central differences in f64 and on both devices; what is
//! written word by word against what is written at once; what a collapsed code costs.

mod common;

use common::models::Objective;
use common::whole::{near_differences, near_exact};
use std::sync::Arc;
use wavae::data::{Dataset, Split, grammar_sentences, price_series, sentence_entropy, sentence_log_probability};
use wavae::eval::variance_of_means;
use wavae::graph::Recompute;
use wavae::recipe::{Act, Net};
use wavae::train::{Config, Evaluator, Rate, Schedule, Source, Trainer};
use wavae::vae::{DiagonalGaussian, Elbo, GaussianReals, Model, Reader, SequenceVae, Spread, Vae, Words, Writer};
use wavae::{Array, Device};

const WORDS: Words = Words { vocabulary: 128, width: 6 };

fn models() -> Vec<(&'static str, SequenceVae)> {
    let of = |reader, writer| SequenceVae::new(WORDS, reader, DiagonalGaussian::new(3), writer);
    vec![
        ("gru", of(Reader::Gru { hidden: 5, bidirectional: false }, Writer::Gru { hidden: 7 }).dropout(0.4)),
        ("lstm", of(Reader::Lstm { hidden: 5, bidirectional: true }, Writer::Lstm { hidden: 7 })),
        (
            "transformer",
            of(Reader::Transformer { layers: 1, heads: 2 }, Writer::Transformer { layers: 2, heads: 3 })
                .objective(Elbo { free_bits: 0.05, capacity: None }),
        ),
    ]
}

fn check(name: &str, model: &dyn Model, set: &Dataset) {
    let columns = set.columns().iter().filter(|(name, _)| ["x", "length"].contains(&name.as_str()));
    let columns = columns.map(|(name, array)| (name.as_str(), array.clone())).collect();
    let objective = Objective::of(model, columns, Recompute::Nothing).unwrap();
    near_differences(&objective);
    near_exact(&objective, name);
}

#[test]
fn gradients_of_text_models() {
    let set = grammar_sentences(5, 1).unwrap();
    for (name, model) in models() {
        check(name, &model, &set);
    }
}

#[test]
fn gradients_of_models_of_series() {
    let set = price_series(4, 16, 1).unwrap();
    let shape = set.example("x").unwrap();
    let conv = Net::Conv1d { channels: vec![3, 5], activation: Act::Silu, dense: 6 };
    let gru = |bidirectional| Net::Gru { hidden: 5, bidirectional };
    let lstm = Net::Lstm { hidden: 5, bidirectional: true };
    let transformer = Net::Transformer { width: 4, layers: 2, heads: 2 };
    for net in [conv, gru(false), gru(true), lstm, transformer] {
        let likelihood = GaussianReals { sigma: Spread::Learned };
        let (encoder, decoder) = (net.encoder(&shape).unwrap(), net.decoder(&shape, 1).unwrap());
        check(&format!("{net:?}"), &Vae::new(encoder, DiagonalGaussian::new(3), decoder, likelihood), &set);
    }
}

/// An evaluator of the model as it is before training, that has batches of 8.
fn untrained(model: &SequenceVae, set: &Dataset) -> Trainer {
    let source = Source::Resident(Arc::new(set.clone()));
    let config = Config { steps: 1, batch: 8, ..Config::default() };
    Trainer::new(&Device::Cpu, model, &source, config).unwrap()
}

/// The set with a code for each example and the sentences that are written of them.
fn written(model: &SequenceVae, evaluator: &Evaluator, set: &Dataset, drawn: bool) -> (Dataset, Vec<Vec<u32>>) {
    let found = evaluator.map(set, 9, |g, batch| {
        let z = batch.get(g, "z")?;
        Ok(vec![model.generate(g, z, &batch.example("x")?, f32::from(u8::from(drawn)))?])
    });
    let tokens: Vec<u32> = found.unwrap()[0].as_f32().iter().map(|&t| t as u32).collect();
    let rows = tokens.chunks_exact(16).map(<[u32]>::to_vec).collect();
    (set.clone().with("x", Array::u32([set.len(), 16], tokens).unwrap()).unwrap(), rows)
}

fn coded(count: usize, code: impl Fn(usize) -> f32) -> Dataset {
    let set = grammar_sentences(count, 2).unwrap();
    let z = Array::f32([count, 3], (0..count * 3).map(code).collect()).unwrap();
    set.with("z", z).unwrap()
}

#[test]
fn word_by_word_is_what_the_whole_says() {
    let set = coded(16, |i| ((i * 37) % 19) as f32 / 6.0 - 1.5);
    for (name, model) in models() {
        let mut trainer = untrained(&model, &set);
        let evaluator = trainer.evaluator();
        for drawn in [false, true] {
            let (set, rows) = written(&model, evaluator, &set, drawn);
            let heads = evaluator.map(&set, 0, |g, batch| {
                let z = batch.get(g, "z")?;
                Ok(vec![model.heads(g, z, batch, wavae::nn::Mode::Eval)?])
            });
            let heads = heads.unwrap()[0].as_f32().to_vec();
            let mut off = 0;
            for (row, heads) in rows.iter().zip(heads.chunks_exact(15 * 128)) {
                assert_eq!(row[0], 1, "{name} does not begin with <bos>");
                let end = row.iter().position(|&token| token == 2).unwrap_or(15);
                assert!(row[end.min(14) + 1..].iter().all(|&token| token == 0) || end == 15, "{name}: {row:?}");
                for (token, head) in row[1..=end].iter().zip(heads.chunks_exact(128)) {
                    let best = (0..128).fold(0, |best, k| if head[k] > head[best] { k } else { best });
                    off += usize::from(best != *token as usize);
                }
            }
            // The most likely word each time; of words that are drawn most are others.
            assert!(if drawn { off > 20 } else { off == 0 }, "{name}, drawn {drawn}: {off} words differ");
        }
    }
}

#[test]
fn drawn_words_are_as_frequent_as_they_are_likely() {
    let set = coded(4000, |i| [0.5, -1.0, 2.0][i % 3]);
    let model = &models()[0].1;
    let mut trainer = untrained(model, &set);
    let evaluator = trainer.evaluator();
    let (_, rows) = written(model, evaluator, &set, true);
    let head = evaluator.map(&set.subset(&[0]), 0, |g, batch| {
        let z = batch.get(g, "z")?;
        let heads = model.heads(g, z, batch, wavae::nn::Mode::Eval)?;
        let p = g.softmax(heads)?;
        Ok(vec![p])
    });
    for (token, p) in head.unwrap()[0].as_f32()[..128].iter().enumerate() {
        let (p, n) = (f64::from(*p), rows.len() as f64);
        let found = rows.iter().filter(|row| row[1] as usize == token).count() as f64;
        assert!((found - n * p).abs() < 5.0 * (n * p * (1.0 - p)).sqrt() + 1.0, "{token}: {found} of {}", n * p);
    }
}

/// What lies past a sentence's end counts for nothing.
#[test]
fn padding_counts_for_nothing() {
    let set = grammar_sentences(8, 3).unwrap();
    let lengths = set.integers("length").unwrap().to_vec();
    let mut x = set.integers("x").unwrap().to_vec();
    for (row, &length) in x.chunks_exact_mut(16).zip(&lengths) {
        row[length as usize..].fill(77);
    }
    let other = set.clone().with("x", Array::u32([8, 16], x).unwrap()).unwrap();
    for (name, model) in models() {
        let mut trainer = untrained(&model, &set);
        let [a, b] = [&set, &other].map(|set| trainer.evaluator().bounds(set, 1).unwrap());
        assert_eq!(a, b, "{name}");
    }
}

/// Active units, −ELBO in nats per sentence, and the share of drawn sentences that the grammar knows.
fn trained(model: &SequenceVae, beta: Schedule) -> (usize, f64, f64) {
    let all = grammar_sentences(5000, 4).unwrap();
    let source = Source::Resident(Arc::new(all.part(Split::Train)));
    let test = all.part(Split::Test).subset(&(0..320).collect::<Vec<_>>());
    let rate = Rate::Cosine { peak: 5e-3, warmup: 20, floor: 0.1 };
    let config = Config { steps: STEPS, batch: 32, rate, beta, clip: 5.0, ..Config::default() };
    let mut trainer = Trainer::new(&Device::Cpu, model, &source, config).unwrap();
    trainer.advance_many(STEPS).unwrap();
    trainer.records(true).unwrap();
    let evaluator = trainer.evaluator();
    let codes = evaluator.encode(&test).unwrap();
    let active = variance_of_means(&codes, evaluator.latent()).iter().filter(|v| **v > 0.01).count();
    let elbo = evaluator.figures(&test, 0).unwrap().elbo;
    let drawn = evaluator.map(&test, 3, |g, batch| {
        let z = model.sample(g, batch)?;
        Ok(vec![model.generate(g, z, &batch.example("x")?, 1.0)?])
    });
    let known = |row: &[f32]| sentence_log_probability(&row.iter().map(|&t| t as u32).collect::<Vec<_>>()).is_finite();
    let share = drawn.unwrap()[0].as_f32().chunks_exact(16).take(100).filter(|row| known(row)).count();
    (active, -elbo, share as f64 / 100.0)
}

const STEPS: u64 = 600;

/// Bowman 2016, section 3.1: the plain bound leaves the code unused; annealing with word dropout, or free bits, bring it back.
#[test]
fn annealing_and_free_bits_rescue_a_code_that_collapses() {
    let words = Words { vocabulary: 128, width: 24 };
    let (reader, writer) = (Reader::Gru { hidden: 32, bidirectional: false }, Writer::Gru { hidden: 64 });
    let plain = || SequenceVae::new(words, reader, DiagonalGaussian::new(8), writer);
    let full = Schedule::Constant(1.0);
    let cases = [
        ("plain", plain(), full),
        ("annealed, word dropout", plain().dropout(0.4), Schedule::Linear { to: 1.0, steps: STEPS * 2 / 3 }),
        ("free bits", plain().objective(Elbo { free_bits: 0.25, capacity: None }), full),
    ];
    let found = cases.map(|(name, model, beta)| {
        let (active, bound, grammatical) = trained(&model, beta);
        println!(
            "{name}: {active} of 8 units active, {bound:.2} nats a sentence (the grammar's entropy is {:.2}), {:.0} % of drawn \
             sentences are of the grammar",
            sentence_entropy(),
            100.0 * grammatical
        );
        assert!(bound > sentence_entropy() - 1.0 && bound < 30.0, "{name}: {bound}");
        active
    });
    assert!(found[0] <= 1, "the plain bound keeps {} units", found[0]);
    assert!(found[1] >= found[0] + 2 && found[2] >= 6, "{found:?}");
}
