//! The training loop.

use super::diagnose::first_non_finite;
use super::scaling;
use super::source::Feed;
use super::{Config, Evaluator, Figures, Metrics, OnNonFinite, Progress, Record, Source};
use crate::data::Examples;
use crate::device::{Device, Executable, Store, planned_bytes};
use crate::error::{Error, Result};
use crate::graph::{Def, Graph, Recompute, Value};
use crate::lower::Precision;
use crate::nn::Mode;
use crate::tensor::Array;
use crate::tune;
use crate::vae::Model;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// A model in training on a device.
pub struct Trainer {
    config: Config,
    graph: Graph,
    store: Store,
    exe: Executable,
    plan: String,
    feed: Feed,
    evaluator: Evaluator,
    /// As [`describe`] lists them.
    watched: Vec<Value>,
    names: Vec<&'static str>,
    bounded: bool,
    step: u64,
    start: Instant,
    /// Inputs of steps whose figures have not arrived.
    recent: VecDeque<(u64, Vec<(String, Array)>)>,
}

/// The graph of a training step and what is watched of it.
struct Description {
    graph: Graph,
    /// Loss, ELBO, reconstruction, KL, and sums whose total is the square of the gradient norm; then at half precision the
    /// loss scale, then the model's own figures.
    watched: Vec<Value>,
    /// The names of the model's own figures.
    names: Vec<&'static str>,
}

fn describe(model: &dyn Model, source: &Source, config: &Config) -> Result<Description> {
    let mut graph = Graph::new();
    let batch = source.batch(config.batch)?;
    let terms = model.terms(&mut graph, &batch, Mode::Train)?;
    let params = graph.params();
    let forward = graph.nodes().len();
    let mut grads = match config.precision {
        Precision::F32 => terms.gradients(&mut graph, &params, Graph::grad)?,
        Precision::F16 => terms.gradients(&mut graph, &params, scaling::grad)?,
    };
    if config.recompute != Recompute::Nothing {
        let (checkpointed, map) = graph.checkpoint(forward, config.recompute)?;
        graph = checkpointed;
        grads.iter_mut().for_each(|grad| *grad = map[grad.index()]);
    }
    for (&param, &grad) in params.iter().zip(&grads) {
        graph.store_grad(param, grad)?;
    }
    let squares = update(&mut graph, config)?;
    let mut watched = vec![terms.loss, terms.elbo, terms.reconstruction, terms.kl, squares];
    if config.precision == Precision::F16 {
        watched.push(scaling::update(&mut graph, squares)?);
    }
    watched.extend(terms.figures.iter().map(|(_, value)| *value));
    Ok(Description { graph, watched, names: terms.figures.iter().map(|(name, _)| *name).collect() })
}

/// Appends the optimizers' updates; partial sums of all squared gradients.
fn update(graph: &mut Graph, config: &Config) -> Result<Value> {
    graph.set_groups(config.groups.iter().map(|group| group.scope.clone()).collect())?;
    let layout = graph.layout();
    let mut squares = vec![];
    let others = layout.shards.iter().any(|shard| shard.group == 0) || config.groups.is_empty();
    if others {
        squares.push(config.optimizer.update(graph, &layout, 0)?);
    }
    for (k, group) in config.groups.iter().enumerate() {
        squares.push(group.optimizer.update(graph, &layout, k + 1)?);
    }
    match squares[..] {
        [squares] => Ok(squares),
        _ => graph.concat(&squares, 0),
    }
}

impl Trainer {
    /// Builds the training and evaluation graphs, compiles them on `device`, draws the weights and uploads the data.
    ///
    /// # Errors
    /// Parts that do not fit together, too few images, too little memory.
    pub fn new(device: &Device, model: &dyn Model, source: &Source, config: Config) -> Result<Self> {
        let Description { graph, watched, names } = describe(model, source, &config)?;
        let mut evaluator = Evaluator::new(model, config.batch, source.types(config.batch))?;
        let [bound, decode] = evaluator.graphs();
        let store = Store::new(device, &[&graph, bound, decode])?;
        store.init(&graph, config.seed)?;
        let exe = Executable::compile_at(device, &store, &graph, &watched, config.precision)?;
        let mut plan = exe.plan().to_string();
        if config.recompute != Recompute::Nothing {
            let plain = Config { recompute: Recompute::Nothing, ..config.clone() };
            let Description { graph: plain, watched, .. } = describe(model, source, &plain)?;
            let before = planned_bytes(device, &store, &plain, &watched, config.precision)? as f64;
            let (mib, after) = (f64::from(1 << 20), exe.planned_bytes() as f64);
            let nodes = graph.nodes().len() - plain.nodes().len();
            plan += &format!("\n      checkpointing ({}): ", config.recompute);
            let more = 100.0 * (graph.flops() as f64 / plain.flops() as f64 - 1.0);
            plan += &format!("{:.1} → {:.1} MiB for {more:.0} % more arithmetic, ", before / mib, after / mib);
            plan += &format!("{nodes} nodes computed again");
        }
        evaluator.attach(device, &store);
        let feed = source.open(&store, config.batch, config.seed)?;
        let recent = VecDeque::new();
        let (step, start) = (0, Instant::now());
        let bounded = model.bounded();
        Ok(Self { config, graph, store, exe, plan, feed, evaluator, watched, names, bounded, step, start, recent })
    }
    /// Measures the kernel variants that training and evaluating this model can run with on `device`, and keeps the fastest
    /// for every [`Trainer::new`] from now on ([`tune::tune`]). `say` is told of each as it is done.
    ///
    /// # Errors
    /// As [`Trainer::new`] and [`tune::tune`].
    pub fn tune(
        device: &Device,
        model: &dyn Model,
        source: &Source,
        config: Config,
        say: &mut dyn FnMut(&str),
    ) -> Result<tune::Report> {
        let Description { graph, watched, .. } = describe(model, source, &config)?;
        let evaluator = Evaluator::new(model, config.batch, source.types(config.batch))?;
        let [bound, decode] = evaluator.plans();
        tune::tune(device, &[(&graph, &watched), bound, decode], say)
    }
    /// The weights.
    pub fn store(&self) -> &Store {
        &self.store
    }
    /// The plan of the training step, in words.
    pub fn plan(&self) -> &str {
        &self.plan
    }
    /// The compiled training step.
    pub fn executable(&self) -> &Executable {
        &self.exe
    }
    /// The training graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }
    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }
    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }
    /// Runs the model outside training.
    pub fn evaluator(&mut self) -> &mut Evaluator {
        &mut self.evaluator
    }
    /// Trainable numbers.
    pub fn parameter_count(&self) -> usize {
        self.graph.params().into_iter().map(|v| self.graph.ty(v).len()).sum()
    }
    /// The gradient of the last step for every parameter, by dotted path.
    pub fn gradients(&self) -> Result<Vec<(String, Array)>> {
        let mut grads = vec![];
        for v in self.graph.params() {
            if let Def::Param { name, .. } = &self.graph.node(v).def {
                grads.push((name.clone(), self.store.read_arena(crate::graph::Arena::Grads, name)?));
            }
        }
        Ok(grads)
    }
    /// Times every dispatch of a step: label and milliseconds. It runs a step.
    pub fn profile(&mut self) -> Result<Vec<(String, f64)>> {
        self.write_step()?;
        self.step += 1;
        self.exe.profile()
    }

    fn write_step(&mut self) -> Result<()> {
        let mut inputs = self.feed.write(self.step, &mut self.exe)?;
        for (name, array) in self.config.numbers(self.step)? {
            if self.exe.has_input(&name) {
                self.exe.write(&name, &array)?;
                inputs.push((name, array));
            }
        }
        self.recent.push_back((self.step + 1, inputs));
        Ok(())
    }

    /// Submits one step; its figures arrive with [`Trainer::records`].
    ///
    /// # Errors
    /// Device errors, also of earlier steps; errors of the data.
    pub fn advance(&mut self) -> Result<()> {
        self.advance_many(1)
    }

    /// Submits `steps` steps together, with nothing from the host in between where the data are resident. The result is
    /// that of one at a time, bit by bit.
    ///
    /// # Errors
    /// As [`Trainer::advance`].
    pub fn advance_many(&mut self, steps: u64) -> Result<()> {
        for _ in 0..steps {
            self.write_step()?;
            self.step += 1;
            self.exe.queue(self.step, &self.watched)?;
        }
        self.exe.submit()
    }

    /// How many steps make a submission of about 0.15 s: what [`Trainer::run`] submits together. 1 for the first steps.
    pub fn steps_at_once(&self) -> u64 {
        self.exe.runs_at_once() as u64
    }

    /// The figures of steps that have arrived since the last call; with `wait`, of all steps.
    ///
    /// # Errors
    /// [`Error::NonFinite`] naming the first value that is not finite, under [`OnNonFinite::Abort`].
    pub fn records(&mut self, wait: bool) -> Result<Vec<Record>> {
        let mut records = vec![];
        for (step, arrays) in self.exe.collect(&self.watched, wait)? {
            let figure = |k: usize| arrays[k].as_f32().first().copied().unwrap_or(f32::NAN);
            let squares = arrays[4].as_f32().iter().map(|&x| f64::from(x)).sum::<f64>();
            let grad_norm = squares.sqrt() as f32;
            let record = Record {
                kind: "train",
                step,
                seconds: self.start.elapsed().as_secs_f64(),
                loss: Some(figure(0)),
                elbo: Some(figure(1)).filter(|_| self.bounded),
                reconstruction: figure(2),
                kl: figure(3),
                beta: self.config.beta.at(step - 1),
                grad_norm: Some(grad_norm),
                figures: (self.names.iter().enumerate())
                    .map(|(k, name)| (name.to_string(), figure(self.watched.len() - self.names.len() + k)))
                    .collect(),
            };
            let finite = (0..4).all(|k| figure(k).is_finite()) && grad_norm.is_finite();
            let inputs = self.recent.iter().find(|(s, _)| *s == step).map(|(_, inputs)| inputs.clone());
            self.recent.retain(|(s, _)| *s > step);
            // Skipped on the device, which has halved the loss scale: nothing to do while that may help.
            let scaled = self.config.precision == Precision::F16
                && arrays.get(5).is_some_and(|scale| scale.as_f32()[0] > scaling::RULE.least);
            let rescaled = scaled && !grad_norm.is_finite();
            if !finite && !rescaled && self.config.non_finite == OnNonFinite::Abort {
                let roots = self.watched.clone();
                let cause = first_non_finite(&self.graph, &roots, &self.store, &inputs.unwrap_or_default())?;
                let cause = match (cause, self.step - step) {
                    (Some(cause), _) => cause,
                    (None, _) if self.config.precision == Precision::F16 => "a value is beyond the range of f16".into(),
                    (None, _) if !self.config.groups.is_empty() => {
                        "not repeated on the CPU, for the other groups' updates have moved the weights".into()
                    }
                    (None, 0) => "the CPU reference finds every value finite: the driver or a kernel is wrong".into(),
                    (None, later) => format!("not repeated on the CPU, for {later} later steps have moved the weights"),
                };
                let advice = "a smaller learning rate, gradient clipping or other data may help";
                let whose = if self.config.groups.is_empty() { "its update" } else { "the update of its group" };
                return Err(Error::NonFinite(format!("step {step}: {cause}; {whose} was not applied; {advice}")));
            }
            records.push(record);
        }
        Ok(records)
    }

    /// The terms of the bound over `set`.
    pub fn validate(&mut self, set: &dyn Examples) -> Result<Figures> {
        self.evaluator.figures(set, self.config.seed)
    }

    /// Trains to the last step, with validations on `valid`, records to `metrics` and progress to the user.
    ///
    /// # Errors
    /// Device errors, those of the data, and [`Error::NonFinite`].
    pub fn run(&mut self, valid: Option<&dyn Examples>, metrics: &mut Metrics, progress: &mut Progress) -> Result<()> {
        self.run_keeping(valid, metrics, progress, &|_| Ok(()))
    }

    /// [`Trainer::run`] that hands the weights to `keep` after each validation.
    ///
    /// # Errors
    /// As there; those of `keep`.
    pub fn run_keeping(
        &mut self,
        valid: Option<&dyn Examples>,
        metrics: &mut Metrics,
        progress: &mut Progress,
        keep: &dyn Fn(&Store) -> Result<()>,
    ) -> Result<()> {
        self.start = Instant::now();
        while self.step < self.config.steps {
            let every = self.config.validate_every;
            let to_validation = if every > 0 { every - self.step % every } else { u64::MAX };
            let left = self.config.steps - self.step;
            self.advance_many(self.steps_at_once().min(left).min(to_validation))?;
            let last = self.step == self.config.steps;
            for record in self.records(last)? {
                if record.grad_norm.is_some_and(|norm| !norm.is_finite()) {
                    progress
                        .note(&format!("step {}: the gradient is not finite; such updates were skipped", record.step));
                }
                progress.show(&record);
                metrics.push(record)?;
            }
            if let Some(set) = valid.filter(|_| last || (every > 0 && self.step.is_multiple_of(every))) {
                let Figures { elbo, reconstruction, kl, .. } = self.validate(set)?;
                let record = Record {
                    kind: "valid",
                    step: self.step,
                    seconds: self.start.elapsed().as_secs_f64(),
                    loss: None,
                    elbo: Some(elbo as f32).filter(|_| self.bounded),
                    reconstruction: reconstruction as f32,
                    kl: kl as f32,
                    beta: self.config.beta.at(self.step - 1),
                    grad_norm: None,
                    figures: BTreeMap::new(),
                };
                progress.note(&match self.bounded {
                    true => format!(
                        "step {}: validation ELBO {elbo:.1}, reconstruction {reconstruction:.1}, KL {kl:.1} nats/example",
                        self.step
                    ),
                    false => format!("step {}: validation reconstruction {reconstruction:.1} nats/example", self.step),
                });
                metrics.push(record)?;
                keep(&self.store)?;
            }
        }
        progress.finish();
        Ok(())
    }
}
