//! Sentences of the grammar: their form, and that their probabilities are exact.

use std::collections::{BTreeSet, HashMap};
use wavae::data::{
    Dataset, PAD, Split, grammar_sentences, sentence_entropy, sentence_log_probability, sentence_vocabulary,
};

const ROW: usize = 16;

fn words(set: &Dataset, i: usize) -> Vec<&str> {
    let length = set.integers("length").unwrap()[i] as usize;
    set.integers("x").unwrap()[i * ROW + 1..i * ROW + length - 1]
        .iter()
        .map(|&token| set.vocabulary[token as usize].as_str())
        .collect()
}

fn log_probability(text: &str) -> f64 {
    let token = |word: &str| {
        let place = sentence_vocabulary().iter().position(|known| *known == word);
        place.unwrap_or_else(|| panic!("{word} is unknown")) as u32
    };
    sentence_log_probability(&text.split(' ').map(token).collect::<Vec<_>>())
}

#[test]
fn rows_are_marked_padded_and_of_known_words() {
    let set = grammar_sentences(3000, 5).unwrap();
    let (x, lengths) = (set.integers("x").unwrap(), set.integers("length").unwrap());
    assert_eq!(set.vocabulary[..4], ["<pad>", "<bos>", "<eos>", "<unk>"]);
    assert_eq!(set.vocabulary.iter().collect::<BTreeSet<_>>().len(), set.vocabulary.len(), "no word twice");
    assert!((60..=150).contains(&set.vocabulary.len()), "{}", set.vocabulary.len());
    let mut seen = BTreeSet::<u32>::new();
    for (i, row) in x.chunks_exact(ROW).enumerate() {
        let length = lengths[i] as usize;
        assert!((6..=16).contains(&length), "{:?}", words(&set, i));
        assert_eq!((row[0], row[length - 1]), (1, 2));
        assert!(row[1..length - 1].iter().all(|&token| (4..set.vocabulary.len() as u32).contains(&token)));
        assert!(row[length..].iter().all(|&token| token == PAD));
        seen.extend(row);
        if i < 12 {
            println!("{}", words(&set, i).join(" "));
        }
    }
    assert_eq!(seen.len() + 1, set.vocabulary.len(), "all but <unk> occur");
    assert_eq!((lengths.iter().min(), lengths.iter().max()), (Some(&6), Some(&16)));
    assert_eq!(set.indices(Split::Test).len(), 300);
}

#[test]
fn a_sentence_depends_on_seed_and_index_only() {
    let (many, few) = (grammar_sentences(50, 3).unwrap(), grammar_sentences(20, 3).unwrap());
    assert_eq!(many.subset(&(0..20).collect::<Vec<_>>()), few);
    assert_ne!(grammar_sentences(20, 4).unwrap(), few);
    assert!(grammar_sentences(0, 1).is_err() && grammar_sentences(usize::MAX, 1).is_err());
}

#[test]
fn factors_are_in_the_words() {
    let set = grammar_sentences(2000, 1).unwrap();
    let factor = |name| set.factor(name).unwrap();
    let (tense, negated, relative) = (factor("tense"), factor("negated"), factor("relative"));
    for i in 0..set.len() {
        let words = words(&set, i);
        let has = |word| words.contains(&word);
        assert_eq!(has("will"), tense[i] == 2.0, "{words:?}");
        assert_eq!(has("not"), negated[i] == 1.0, "{words:?}");
        assert_eq!(has("that"), relative[i] == 1.0, "{words:?}");
    }
    for (name, size) in set.factors.iter().zip(&set.factor_sizes) {
        let values: BTreeSet<u32> = factor(name).iter().map(|v| *v as u32).collect();
        assert_eq!(values, (0..*size as u32).collect(), "{name}");
    }
}

#[test]
fn only_sentences_have_a_probability() {
    for good in [
        "the cow grazes slowly",
        "these old quiet sailors did not dive near the harbour yesterday",
        "every tired cook that watches the guests will not help a baker soon",
    ] {
        assert!(log_probability(good).is_finite(), "{good}");
    }
    for bad in [
        "the cow graze slowly",
        "the cows that see the farmer grazes slowly",
        "the cow grazes",
        "the cow grazes slowly slowly",
        "the cow will graze slowly yesterday",
        "the cow sees the sailor",
        "the old old cow grazes slowly",
        "<unk> cow grazes slowly",
    ] {
        assert_eq!(log_probability(bad), f64::NEG_INFINITY, "{bad}");
    }
    // By hand: topic, number, tense, not negated, no clause, no adjective, "the", "cow" (1 of 1 + 1/2 + … + 1/5 = 137/60),
    // intransitive, "grazes" (1 of 3/2), no place, "slowly" (1 of 25/12), no time.
    let by_hand = 0.3 * 0.5 * 0.4 * 0.8 * 0.7 * 0.5 * 0.5 * (60.0 / 137.0) * 0.45 / 1.5 * 0.5 * (12.0 / 25.0) * 0.6;
    assert!((log_probability("the cow grazes slowly") - f64::ln(by_hand)).abs() < 1e-12);
}

/// The mean of −ln p over drawn sentences is the entropy, within five standard errors; and the share of each of the most
/// frequent sentences is its probability.
#[test]
fn the_entropy_is_that_of_the_sentences() {
    let n = 4000;
    let set = grammar_sentences(n, 9).unwrap();
    let surprise: Vec<f64> =
        set.integers("x").unwrap().chunks_exact(ROW).map(|row| -sentence_log_probability(row)).collect();
    let mean = surprise.iter().sum::<f64>() / n as f64;
    let deviation = (surprise.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
    let entropy = sentence_entropy();
    println!("entropy {entropy:.4} nats, sampled {mean:.4} ± {:.4}", deviation / (n as f64).sqrt());
    assert!((mean - entropy).abs() < 5.0 * deviation / (n as f64).sqrt());
    let many = grammar_sentences(200_000, 2).unwrap();
    let mut counts = HashMap::new();
    many.integers("x").unwrap().chunks_exact(ROW).for_each(|row| *counts.entry(row).or_insert(0u32) += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (row, count) in &counts[..10] {
        let expected = sentence_log_probability(row).exp() * 200_000.0;
        // The largest ten of many counts: a Poisson deviation of five, and a half for having been chosen as large.
        assert!((f64::from(*count) - expected).abs() < 5.5 * expected.sqrt(), "{count} for {expected}");
    }
}
