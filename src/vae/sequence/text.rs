//! Words as elements.

use super::{Draw, Elements, Picked};
use crate::dist::Categorical;
use crate::error::Result;
use crate::graph::{Graph, Init, Value};
use crate::vae::Batch;

/// Tokens that begin a sentence, end it, and stand for a word that is not known, as [`crate::data`] numbers them.
const BOS: usize = 1;
const EOS: usize = 2;
const UNK: usize = 3;

/// Tokens of sentences: the column `x`, U32 [B, T], of which the first is given (`<bos>`) and `length` (U32 \[B\])
/// count; a vector each is learned, and an element is categorical.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// How many tokens there are, V.
    pub vocabulary: usize,
    /// Numbers of a token's vector, D.
    pub width: usize,
}

impl Words {
    /// The vectors of all tokens, [V, D].
    fn table(&self, g: &mut Graph) -> Result<Value> {
        let init = Init::Normal((self.width.max(1) as f32).sqrt().recip());
        g.scoped("words", |g| g.param("weight", [self.vocabulary, self.width], init))
    }
    fn vector(&self, g: &mut Graph, token: usize) -> Result<Value> {
        let table = self.table(g)?;
        g.slice(table, 0, token..token + 1)
    }
    /// T.
    fn steps(&self, batch: &Batch) -> Result<usize> {
        Ok(batch.example("x")?.last())
    }
    /// Which of the T − 1 tokens after the first count: [B, T − 1].
    fn counted(&self, g: &mut Graph, batch: &Batch) -> Result<Option<Value>> {
        if !batch.has("length") {
            return Ok(None);
        }
        let steps = self.steps(batch)?;
        let lengths = batch.get(g, "length")?;
        let mask = g.length_mask(lengths, steps)?;
        g.slice(mask, 1, 1..steps).map(Some)
    }
}

impl Elements for Words {
    fn read(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let (x, table) = (batch.get(g, "x")?, self.table(g)?);
        g.embedding(table, x)
    }
    fn prompts(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        let (x, table, steps) = (batch.get(g, "x")?, self.table(g)?, self.steps(batch)?);
        let x = g.slice(x, 1, 0..steps - 1)?;
        g.embedding(table, x)
    }
    fn blank(&self, g: &mut Graph) -> Result<Value> {
        self.vector(g, UNK)
    }
    fn first(&self, g: &mut Graph) -> Result<Value> {
        self.vector(g, BOS)
    }
    fn given(&self) -> Option<f32> {
        Some(BOS as f32)
    }
    fn numbers(&self) -> usize {
        self.vocabulary
    }

    fn log_prob(&self, g: &mut Graph, heads: Value, batch: &Batch) -> Result<Value> {
        let (x, steps) = (batch.get(g, "x")?, self.steps(batch)?);
        let x = g.slice(x, 1, 1..steps)?;
        let mut each = Categorical { logits: heads }.log_prob_of(g, x)?;
        if let Some(mask) = self.counted(g, batch)? {
            each = g.mul(each, mask)?;
        }
        g.per_example(each)
    }

    fn count(&self, g: &mut Graph, batch: &Batch) -> Result<Value> {
        match self.counted(g, batch)? {
            Some(mask) => {
                let each = g.per_example(mask)?;
                g.mean_all(each)
            }
            None => g.full([], (self.steps(batch)? - 1) as f32),
        }
    }

    fn figure(&self, g: &mut Graph, each: Value) -> Result<(&'static str, Value)> {
        Ok(("perplexity", g.exp(each)?)) // from above
    }

    fn pick(&self, g: &mut Graph, head: Value, draw: Option<Draw>) -> Result<Picked> {
        let words = Categorical { logits: head };
        let token = match draw {
            None => words.mode(g)?,
            Some(Draw { noise, temperature }) => words.tempered(g, temperature)?.sample(g, noise)?,
        };
        let table = self.table(g)?;
        let vector = g.embedding(table, token)?;
        let hot = g.one_hot(token, self.vocabulary)?;
        let numbers = g.iota([self.vocabulary, 1], 0)?;
        Ok(Picked { element: g.matmul(hot, numbers)?, vector, ends: g.slice(hot, 1, EOS..EOS + 1)? })
    }
}
