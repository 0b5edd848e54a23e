//! Sentences of a small English grammar with an exact probability for every string of words, so that a text model's
//! bound can be held against the entropy of its data.
//!
//! The grammar is one function, [`sentence`], over a [`Derivation`]: what makes the choices. One draws them, one sums over
//! all of them the probability that the words are these, one sums the entropy.

use super::{examples, split};
use crate::data::dataset::Dataset;
use crate::error::Result;
use crate::rng::Philox;
use crate::tensor::Array;
use rand::RngExt;
use std::collections::HashMap;
use std::sync::LazyLock;

/// The token that fills a row behind its end.
pub const PAD: u32 = 0;
/// The tokens that are no words, in order: padding, begin and end of a sentence, a word that is not known.
pub const SPECIAL: [&str; 4] = ["<pad>", "<bos>", "<eos>", "<unk>"];
/// Tokens of a row: 14 words at most, and the marks of begin and end.
const ROW: usize = 16;
const FACTORS: [(&str, usize); 7] =
    [("topic", 4), ("number", 2), ("tense", 3), ("negated", 2), ("relative", 2), ("adjectives", 3), ("transitive", 2)];

/// Nouns (singular, plural) of each topic.
const NOUNS: [[[&str; 2]; 5]; 4] = [
    [["cow", "cows"], ["horse", "horses"], ["farmer", "farmers"], ["goat", "goats"], ["hen", "hens"]],
    [["sailor", "sailors"], ["captain", "captains"], ["whale", "whales"], ["gull", "gulls"], ["diver", "divers"]],
    [["teacher", "teachers"], ["pupil", "pupils"], ["writer", "writers"], ["reader", "readers"], ["poet", "poets"]],
    [["cook", "cooks"], ["baker", "bakers"], ["waiter", "waiters"], ["guest", "guests"], ["brewer", "brewers"]],
];
const PLACES: [[&str; 2]; 4] = [["field", "barn"], ["harbour", "bay"], ["library", "classroom"], ["kitchen", "garden"]];
/// Verbs: base, third person singular, past.
const TRANSITIVE: [[&str; 3]; 6] = [
    ["see", "sees", "saw"],
    ["follow", "follows", "followed"],
    ["help", "helps", "helped"],
    ["like", "likes", "liked"],
    ["watch", "watches", "watched"],
    ["call", "calls", "called"],
];
const INTRANSITIVE: [[[&str; 3]; 2]; 4] = [
    [["graze", "grazes", "grazed"], ["rest", "rests", "rested"]],
    [["swim", "swims", "swam"], ["dive", "dives", "dived"]],
    [["study", "studies", "studied"], ["think", "thinks", "thought"]],
    [["dine", "dines", "dined"], ["wait", "waits", "waited"]],
];
/// Determiners by number, the likely ones first.
const DETERMINERS: [[&str; 4]; 2] = [["the", "a", "this", "every"], ["the", "some", "these", "many"]];
const ADJECTIVES: [&str; 8] = ["old", "young", "small", "big", "happy", "tired", "clever", "quiet"];
const ADVERBS: [&str; 4] = ["slowly", "gladly", "quietly", "again"];
/// Adverbs of time by tense: present, past, future.
const TIMES: [[&str; 2]; 3] = [["now", "today"], ["yesterday", "earlier"], ["tomorrow", "soon"]];
const PREPOSITIONS: [&str; 2] = ["in", "near"];
const AUXILIARIES: [&str; 6] = ["do", "does", "did", "will", "not", "that"];

/// What token `i` stands for: `<pad>`, `<bos>`, `<eos>`, `<unk>`, then 124 words.
pub fn sentence_vocabulary() -> &'static [&'static str] {
    static WORDS: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let mut words = SPECIAL.to_vec();
        words.extend(NOUNS.iter().flatten().flatten());
        words.extend(PLACES.iter().flatten());
        words.extend(TRANSITIVE.iter().flatten());
        words.extend(INTRANSITIVE.iter().flatten().flatten());
        words.extend(DETERMINERS[0].iter().chain(&DETERMINERS[1][1..]));
        words.extend(ADJECTIVES.iter().chain(&ADVERBS));
        words.extend(TIMES.iter().flatten().chain(&PREPOSITIONS).chain(&AUXILIARIES));
        words
    });
    &WORDS
}

fn token(word: &str) -> u32 {
    static TOKENS: LazyLock<HashMap<&str, u32>> =
        LazyLock::new(|| sentence_vocabulary().iter().copied().zip(0..).collect());
    TOKENS[word]
}

/// What makes the choices of a sentence. `None` ends the attempt.
trait Derivation {
    /// One of the `weights` (they sum to 1), on which the shape of what follows may depend.
    fn choose(&mut self, weights: &[f64]) -> Option<usize>;
    /// One of `words` by `weights`; the shape of what follows does not depend on it.
    fn word(&mut self, words: &[&str], weights: &[f64]) -> Option<usize>;
}

/// The grammar: the values of the [`FACTORS`].
fn sentence(d: &mut impl Derivation) -> Option<[usize; 7]> {
    let topic = d.choose(&[0.3, 0.3, 0.2, 0.2])?;
    let number = d.choose(&[0.5, 0.5])?;
    let tense = d.choose(&[0.4, 0.35, 0.25])?;
    let negated = d.choose(&[0.8, 0.2])?;
    let relative = d.choose(&[0.7, 0.3])?;
    // With a relative clause there is room for one adjective: no sentence is longer than 14 words.
    let adjectives = d.choose(if relative == 1 { &[0.6, 0.4] } else { &[0.5, 0.35, 0.15] })?;
    noun_phrase(d, topic, number, adjectives)?;
    if relative == 1 {
        d.word(&["that"], &[1.0])?;
        let verbs = forms(&TRANSITIVE, if tense == 1 { 2 } else { 1 - number });
        d.word(&verbs, &falling(verbs.len()))?;
        let number = d.choose(&[0.5, 0.5])?;
        noun_phrase(d, topic, number, 0)?;
    }
    let transitive = d.choose(&[0.45, 0.55])?;
    let form = verb_form(d, number, tense, negated)?;
    let verbs = if transitive == 1 { forms(&TRANSITIVE, form) } else { forms(&INTRANSITIVE[topic], form) };
    d.word(&verbs, &falling(verbs.len()))?;
    let mut place = transitive == 1 && relative == 0 && d.choose(&[0.7, 0.3])? == 1;
    if transitive == 1 {
        let number = d.choose(&[0.5, 0.5])?;
        // An adjective or a place: both would be too long.
        let adjectives = if relative == 1 || place { 0 } else { d.choose(&[0.7, 0.3])? };
        noun_phrase(d, topic, number, adjectives)?;
    } else {
        place = d.choose(&[0.5, 0.5])? == 1;
        if !place {
            d.word(&ADVERBS, &falling(4))?;
        }
    }
    if place {
        d.word(&PREPOSITIONS, &falling(2))?;
        d.word(&["the"], &[1.0])?;
        d.word(&PLACES[topic], &falling(2))?;
    }
    if d.choose(&[0.6, 0.4])? == 1 {
        d.word(&TIMES[tense], &falling(2))?;
    }
    Some([topic, number, tense, negated, relative, adjectives, transitive])
}

/// A determiner, up to two different adjectives, a noun.
fn noun_phrase(d: &mut impl Derivation, topic: usize, number: usize, adjectives: usize) -> Option<()> {
    d.word(&DETERMINERS[number], &[0.5, 0.3, 0.1, 0.1])?;
    let mut left = ADJECTIVES.to_vec();
    for _ in 0..adjectives {
        // All are equally likely, so that what is left to choose from has one entropy whichever went before.
        let taken = d.word(&left, &vec![1.0 / left.len() as f64; left.len()])?;
        left.remove(taken);
    }
    let nouns = NOUNS[topic].map(|noun| noun[number]);
    d.word(&nouns, &falling(nouns.len()))?;
    Some(())
}

/// The auxiliaries, and which form of the verb follows them.
fn verb_form(d: &mut impl Derivation, number: usize, tense: usize, negated: usize) -> Option<usize> {
    let auxiliary = match (tense, negated) {
        (0, 0) => return Some(1 - number),
        (1, 0) => return Some(2),
        (0, _) => ["does", "do"][number],
        (1, _) => "did",
        _ => "will",
    };
    d.word(&[auxiliary], &[1.0])?;
    if negated == 1 {
        d.word(&["not"], &[1.0])?;
    }
    Some(0)
}

fn forms(verbs: &[[&'static str; 3]], form: usize) -> Vec<&'static str> {
    verbs.iter().map(|verb| verb[form]).collect()
}

/// `n` weights in proportion to 1, 1/2, 1/3…
fn falling(n: usize) -> Vec<f64> {
    let total: f64 = (1..=n).map(|k| 1.0 / k as f64).sum();
    (1..=n).map(|k| 1.0 / (k as f64 * total)).collect()
}

/// Draws.
struct Draw<'a> {
    rng: &'a mut Philox,
    words: Vec<u32>,
}

impl Derivation for Draw<'_> {
    fn choose(&mut self, weights: &[f64]) -> Option<usize> {
        let mut left: f64 = self.rng.random();
        let passed = weights.iter().take_while(|&&weight| {
            left -= weight;
            left >= 0.0
        });
        Some(passed.count().min(weights.len() - 1))
    }

    fn word(&mut self, words: &[&str], weights: &[f64]) -> Option<usize> {
        let chosen = self.choose(weights)?;
        self.words.push(token(words[chosen]));
        Some(chosen)
    }
}

/// Goes through all structures one after the other; each of the words stays as it must (`wanted`), or is summed over.
#[derive(Default)]
struct Walk<'a> {
    /// The choices of this structure, each with the number of options.
    path: Vec<(usize, usize)>,
    depth: usize,
    wanted: Option<&'a [u32]>,
    read: usize,
    /// The structure's log probability, times that of the words where they are `wanted`.
    log_probability: f64,
    /// The entropy of the words, given the structure.
    entropy: f64,
}

impl Walk<'_> {
    /// Calls `found` after each structure that got to its end.
    fn all(mut self, mut found: impl FnMut(&Self)) {
        loop {
            (self.depth, self.read, self.log_probability, self.entropy) = (0, 0, 0.0, 0.0);
            if sentence(&mut self).is_some() && self.wanted.is_none_or(|words| words.len() == self.read) {
                found(&self);
            }
            while self.path.pop_if(|(choice, options)| choice == &(*options - 1)).is_some() {}
            match self.path.last_mut() {
                Some((choice, _)) => *choice += 1,
                None => return,
            }
        }
    }
}

impl Derivation for Walk<'_> {
    fn choose(&mut self, weights: &[f64]) -> Option<usize> {
        if self.depth == self.path.len() {
            self.path.push((0, weights.len()));
        }
        let (choice, _) = self.path[self.depth];
        self.depth += 1;
        self.log_probability += weights[choice].ln();
        Some(choice)
    }

    fn word(&mut self, words: &[&str], weights: &[f64]) -> Option<usize> {
        let Some(wanted) = self.wanted else {
            self.entropy -= weights.iter().map(|p| p * p.ln()).sum::<f64>();
            return Some(0);
        };
        let next = wanted.get(self.read)?;
        self.read += 1;
        let found = words.iter().position(|word| token(word) == *next)?;
        self.log_probability += weights[found].ln();
        Some(found)
    }
}

/// The natural logarithm of the probability that the grammar makes the sentence of `tokens` (marks and padding do not
/// count); −∞ for what is no sentence of it.
///
/// ```
/// use wavae::data::{sentence_log_probability, sentence_vocabulary};
/// let tokens = |text: &str| -> Vec<u32> {
///     let place = |word| sentence_vocabulary().iter().position(|known| *known == word);
///     text.split(' ').map(|word| place(word).expect("known") as u32).collect()
/// };
/// assert!(sentence_log_probability(&tokens("the old cows see a farmer")).is_finite());
/// assert!(!sentence_log_probability(&tokens("the old cows sees a farmer")).is_finite());
/// ```
pub fn sentence_log_probability(tokens: &[u32]) -> f64 {
    let words: Vec<u32> = tokens.iter().copied().filter(|token| !(PAD..3).contains(token)).collect();
    let mut probability = 0.0;
    Walk { wanted: Some(&words), ..Walk::default() }.all(|walk| probability += walk.log_probability.exp());
    probability.ln()
}

/// The entropy of a sentence in nats: the mean of −ln p over the grammar's sentences, which no model of them can better.
/// Exact, since no two ways through the grammar give the same words.
pub fn sentence_entropy() -> f64 {
    let mut entropy = 0.0;
    Walk::default().all(|walk| {
        entropy += walk.log_probability.exp() * (walk.entropy - walk.log_probability);
    });
    entropy
}

/// Sentences `0..n` of `seed`: `x` `U32` [N, 16], the tokens of `<bos>`, 4 to 14 words and `<eos>`, then [`PAD`]; `length`
/// counts the tokens without padding; `label` is the topic (farm, sea, school, kitchen); `factors` are topic, number of the
/// subject (singular, plural), tense (present, past, future), whether the verb is negated, whether there is a relative
/// clause, adjectives of the subject, and whether there is an object. Subject and verb agree, also across the clause.
///
/// ```
/// let set = wavae::data::grammar_sentences(4, 0)?;
/// let tokens = set.integers("x")?;
/// let words: Vec<&str> = tokens[..16].iter().map(|&token| set.vocabulary[token as usize].as_str()).collect();
/// assert_eq!(words[0], "<bos>");
/// # Ok::<(), wavae::Error>(())
/// ```
///
/// # Errors
/// When `n` is 0 or absurd.
pub fn grammar_sentences(n: usize, seed: u64) -> Result<Dataset> {
    let all = examples(n, seed, ROW * 4, |_, rng| {
        let mut draw = Draw { rng, words: vec![] };
        let factors = sentence(&mut draw).unwrap_or_default(); // drawing never fails
        (draw.words, factors)
    })?;
    let mut x = vec![PAD; n * ROW];
    for (row, (words, _)) in x.chunks_exact_mut(ROW).zip(&all) {
        row[0] = token("<bos>");
        row[1..=words.len()].copy_from_slice(words);
        row[words.len() + 1] = token("<eos>");
    }
    let lengths = all.iter().map(|(words, _)| words.len() as u32 + 2).collect();
    let mut set = Dataset::new("x", Array::u32([n, ROW], x)?)?
        .with("length", Array::u32([n], lengths)?)?
        .with_labels(all.iter().map(|(_, factors)| factors[0] as u32).collect(), NOUNS.len())?
        .with_factors(&FACTORS, all.iter().flat_map(|(_, factors)| factors.map(|v| v as f32)).collect())?;
    set.class_names = ["farm", "sea", "school", "kitchen"].map(String::from).to_vec();
    set.vocabulary = sentence_vocabulary().iter().map(ToString::to_string).collect();
    Ok(split(set))
}
