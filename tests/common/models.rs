//! Small models with awkward sizes, data for them, and one training graph run three ways: by the interpreter in f64 or
//! f32, and on the test device.

use std::collections::HashMap;
use std::sync::Arc;
use wavae::cpu::{Buffer, Interpreter, Memory, Scalar};
use wavae::data::ImageSet;
use wavae::error::Result;
use wavae::gpu::{GpuExecutable, GpuStore};
use wavae::graph::{Arena, Def, Graph, ParamRange, Recompute, StoreLayout, Value};
use wavae::lower::program::{BufferKey, Place};
use wavae::lower::{Options, lower};
use wavae::nn::{
    Activation, AvgPool, BatchNorm, Conv, ConvTranspose, Flatten, GroupNorm, Linear, Mode, Residual, Sequential,
    Unflatten, Upsample,
};
use wavae::rng::Philox;
use wavae::tensor::{Array, TensorType};
use wavae::testing::Gen;
use wavae::train::Source;
use wavae::vae::{
    Batch, BernoulliLogits, Delta, DiagonalGaussian, GaussianPixels, Likelihood, Posterior, Prior, Spread, Terms, Vae,
};
use wavae::{Device, Store};

/// A model and the images it takes.
pub struct Model {
    pub name: &'static str,
    pub vae: Vae,
    pub image: [usize; 3],
}

fn compose(
    encoder: Sequential,
    posterior: impl Posterior + 'static,
    decoder: Sequential,
    likelihood: impl Likelihood + 'static,
) -> Vae {
    Vae::new(encoder, posterior, decoder, likelihood)
}

/// 7×5 images of one channel, two layers of 33, Bernoulli pixels.
pub fn mlp_with(posterior: impl Posterior + 'static, act: Activation) -> Model {
    let encoder = Sequential::new().then("flatten", Flatten).then("fc", Linear::new(33)).then("act", act);
    let decoder = Sequential::new()
        .then("fc", Linear::new(33))
        .then("act", act)
        .then("out", Linear::new(35))
        .then("image", Unflatten::image(7, 5, 1));
    Model { name: "mlp", vae: compose(encoder, posterior, decoder, BernoulliLogits), image: [7, 5, 1] }
}

/// 7×5 RGB images, layers of 33 and smooth activations, any likelihood.
pub fn likely(name: &'static str, likelihood: impl Likelihood + 'static) -> Model {
    let channels = 3 * likelihood.width();
    let encoder = Sequential::new().then("flatten", Flatten).then("fc", Linear::new(33)).then("act", Activation::Tanh);
    let decoder = Sequential::new()
        .then("fc", Linear::new(33))
        .then("act", Activation::Tanh)
        .then("out", Linear::new(35 * channels))
        .then("image", Unflatten::image(7, 5, channels));
    Model { name, vae: compose(encoder, DiagonalGaussian::new(3), decoder, likelihood), image: [7, 5, 3] }
}

/// 7×5 gray images, layers of 17 and smooth activations, any posterior and prior.
pub fn with(name: &'static str, posterior: impl Posterior + 'static, prior: impl Prior + 'static) -> Model {
    let encoder = Sequential::new().then("flatten", Flatten).then("fc", Linear::new(17)).then("act", Activation::Tanh);
    let decoder = Sequential::new()
        .then("fc", Linear::new(17))
        .then("act", Activation::Tanh)
        .then("out", Linear::new(35))
        .then("image", Unflatten::image(7, 5, 1));
    let vae = compose(encoder, posterior, decoder, BernoulliLogits).prior(prior);
    Model { name, vae, image: [7, 5, 1] }
}

/// [`mlp_with`] three latent dimensions and relu.
pub fn mlp() -> Model {
    mlp_with(DiagonalGaussian::new(3), Activation::Relu)
}

/// The same as a deterministic autoencoder.
pub fn autoencoder() -> Model {
    mlp_with(Delta { latent: 3 }, Activation::Relu)
}

/// 8×8 RGB, convolutions, batch norm, transposed convolutions, Gaussian pixels with a trained σ.
pub fn conv() -> Model {
    conv_with(Activation::Relu, Activation::LeakyRelu(0.1))
}

/// [`conv`] with other activations.
pub fn conv_with(first: Activation, second: Activation) -> Model {
    let encoder = Sequential::new()
        .then("conv1", Conv::new(9, 4).stride(2).pad(1).no_bias())
        .then("norm1", BatchNorm::default())
        .then("act1", first)
        .then("conv2", Conv::new(13, 3).stride(2).pad(1).no_bias())
        .then("norm2", BatchNorm::default())
        .then("act2", second)
        .then("flatten", Flatten);
    let decoder = Sequential::new()
        .then("fc", Linear::new(2 * 2 * 13))
        .then("image", Unflatten::image(2, 2, 13))
        .then("conv1", ConvTranspose::new(9, 4).stride(2).pad(1).no_bias())
        .then("norm1", BatchNorm::default())
        .then("act1", first)
        .then("conv2", ConvTranspose::new(3, 4).stride(2).pad(1));
    let likelihood = GaussianPixels { sigma: Spread::Learned };
    Model { name: "conv", vae: compose(encoder, DiagonalGaussian::new(5), decoder, likelihood), image: [8, 8, 3] }
}

/// 8×8 with two channels: residual blocks, group norm, pooling, upsampling, smooth activations.
pub fn residual() -> Model {
    let block = |out| {
        Residual::new(
            Sequential::new()
                .then("norm", GroupNorm::new(2))
                .then("act", Activation::Silu)
                .then("conv", Conv::new(out, 3).pad(1)),
        )
    };
    let encoder = Sequential::new()
        .then("conv", Conv::new(6, 3).pad(1))
        .then("block1", block(10))
        .then("pool", AvgPool(2))
        .then("block2", block(10))
        .then("norm", GroupNorm::new(5))
        .then("act", Activation::Gelu)
        .then("flatten", Flatten);
    let decoder = Sequential::new()
        .then("fc", Linear::new(4 * 4 * 6))
        .then("image", Unflatten::image(4, 4, 6))
        .then("block", block(6))
        .then("up", Upsample(2))
        .then("act", Activation::Elu)
        .then("conv", Conv::new(2, 3).pad(1));
    let likelihood = GaussianPixels { sigma: Spread::Fixed(0.5) };
    Model { name: "residual", vae: compose(encoder, DiagonalGaussian::new(4), decoder, likelihood), image: [8, 8, 2] }
}

/// `count` images: smooth blobs with noise on top, so that there is something to learn.
pub fn images([h, w, c]: [usize; 3], count: usize) -> ImageSet {
    use rand::RngExt;
    let mut rng = Philox::new(5, 17);
    let mut pixels = Vec::with_capacity(count * h * w * c);
    for _ in 0..count {
        let (y, x): (f32, f32) = (rng.random::<f32>() * h as f32, rng.random::<f32>() * w as f32);
        for i in 0..h * w * c {
            let (dy, dx) = ((i / c / w) as f32 - y, (i / c % w) as f32 - x);
            let blob = (-(dy * dy + dx * dx) / 4.0).exp();
            pixels.push(((0.8 * blob + 0.2 * rng.random::<f32>()) * 255.0) as u8);
        }
    }
    ImageSet::new(h, w, c, pixels).unwrap()
}

/// [`images`] resident on the device.
pub fn resident(image: [usize; 3], count: usize) -> Source {
    Source::Resident(Arc::new(images(image, count).into()))
}

/// The gradients of a model's loss as a graph, with inputs and weights that are fixed.
pub struct Objective {
    pub graph: Graph,
    pub terms: Terms,
    pub layout: StoreLayout,
    pub inputs: Vec<(String, Array)>,
    pub weights: HashMap<String, Array>,
}

impl Objective {
    /// The objective over a batch of floats in [0, 1], weights drawn as training does.
    pub fn new(model: &Model, batch: usize) -> Result<Self> {
        Self::with(model, batch, Recompute::Nothing)
    }

    /// With forward values computed again by the backward pass.
    pub fn with(model: &Model, batch: usize, recompute: Recompute) -> Result<Self> {
        let [h, w, c] = model.image;
        let x = Gen::uniform([batch, h, w, c], 0.0, 1.0).draw(11)?;
        Self::of(&model.vae, vec![("x", x)], recompute)
    }

    /// The objective of any model over a batch of these columns.
    pub fn of(model: &dyn wavae::vae::Model, columns: Vec<(&str, Array)>, recompute: Recompute) -> Result<Self> {
        let mut graph = Graph::new();
        let mut batch = Batch::empty(columns[0].1.shape.dims()[0]);
        for (name, array) in &columns {
            let value = graph.input(name, array.ty())?;
            batch = batch.with(&graph, name, value);
        }
        let terms = model.terms(&mut graph, &batch, Mode::Train)?;
        let params = graph.params();
        let forward = graph.nodes().len();
        let grads = terms.gradients(&mut graph, &params, Graph::grad)?;
        let (mut graph, map) = graph.checkpoint(forward, recompute)?;
        for (&param, &grad) in params.iter().zip(&grads) {
            graph.store_grad(param, map[grad.index()])?;
        }
        let store = Store::new(&Device::Cpu, &[&graph])?;
        store.init(&graph, 3)?;
        let weights = store.weights().into_iter().map(|(name, _)| Ok((name.clone(), store.read(&name)?)));
        let weights = weights.collect::<Result<_>>()?;
        let mut inputs = vec![
            ("beta".to_string(), Array::f32([], vec![0.7])?),
            ("capacity".to_string(), Array::f32([], vec![0.3])?),
            ("rng".to_string(), Array::u32([4], vec![1, 2, 3, 4])?),
        ];
        inputs.extend(columns.into_iter().map(|(name, array)| (name.to_string(), array)));
        let layout = store.layout().clone();
        Ok(Self { graph, terms, layout, inputs, weights })
    }

    /// Interpreter and memory in `T`, ready to run.
    pub fn interpreter<T: Scalar>(&self, roots: &[Value]) -> Result<(Interpreter<T>, Memory<T>)> {
        self.prepare(Interpreter::new(&self.graph, roots, &self.layout)?)
    }

    fn prepare<T: Scalar>(&self, mut interpreter: Interpreter<T>) -> Result<(Interpreter<T>, Memory<T>)> {
        let mut memory = Memory::<T>::new(&self.layout);
        for param in &self.layout.params {
            let arena = memory.arenas.get_mut(&(Arena::Params, param.shard)).unwrap();
            arena.copy_from(&self.weights[&param.name], param.offset)?;
        }
        for (name, _) in &self.layout.states {
            memory.states.get_mut(name).unwrap().copy_from(&self.weights[name], 0)?;
        }
        for (name, array) in self.inputs.iter().filter(|(name, _)| self.graph.find(name).is_some()) {
            interpreter.write(name, array)?;
        }
        Ok((interpreter, memory))
    }

    /// Gradients of all parameters and new values of all states, by name, in `T` as f64.
    pub fn interpret<T: Scalar>(&self) -> Result<Vec<(String, Vec<f64>)>> {
        self.interpret_with(Interpreter::<T>::new(&self.graph, &[self.terms.loss], &self.layout)?)
    }

    /// The same in f32 as the CPU device runs it, in chains.
    pub fn interpret_chained(&self) -> Result<Vec<(String, Vec<f64>)>> {
        self.interpret_with(Interpreter::<f32>::chained(&self.graph, &[self.terms.loss], &self.layout)?)
    }

    fn interpret_with<T: Scalar>(&self, interpreter: Interpreter<T>) -> Result<Vec<(String, Vec<f64>)>> {
        let (mut interpreter, mut memory) = self.prepare(interpreter)?;
        interpreter.run(&mut memory)?;
        let wide = |buffer: &Buffer<T>, from: usize, len: usize| -> Vec<f64> {
            buffer.real()[from..from + len].iter().map(|x| x.f64()).collect()
        };
        let grads = self.layout.params.iter().map(|p| {
            (format!("{}.grad", p.name), wide(&memory.arenas[&(Arena::Grads, p.shard)], p.offset, p.ty.len()))
        });
        let states = self.layout.states.iter().map(|(n, ty)| (n.clone(), wide(&memory.states[n], 0, ty.len())));
        Ok(grads.chain(states).collect())
    }

    /// The same on the test device, fused or not.
    pub fn execute(&self, fuse: bool) -> Result<Vec<(String, Vec<f64>)>> {
        self.execute_with(|options| Options { fuse, ..options })
    }

    /// The same with other options.
    pub fn execute_with(
        &self,
        options: impl for<'a> Fn(Options<'a>) -> Options<'a>,
    ) -> Result<Vec<(String, Vec<f64>)>> {
        let gpu = super::gpu();
        let options = options(Options::new(gpu.caps()));
        let lowered = lower(&self.graph, &[self.terms.loss], &self.layout, &options)?;
        let store = GpuStore::new(&gpu, &self.layout);
        let mut exe = GpuExecutable::compile(&gpu, &store, lowered.program)?;
        exe.poison()?;
        let place = |p: &ParamRange, arena| Place {
            buffer: BufferKey::Arena(arena, p.shard),
            offset: p.offset as u64 * 4,
            size: p.ty.bytes() as u64,
        };
        let state = |name: &str, ty: &TensorType| Place {
            buffer: BufferKey::State(name.into()),
            offset: 0,
            size: ty.bytes() as u64,
        };
        for p in &self.layout.params {
            store.write(&place(p, Arena::Params), self.weights[&p.name].bytes())?;
        }
        for (name, ty) in &self.layout.states {
            store.write(&state(name, ty), self.weights[name].bytes())?;
        }
        for (index, value) in self.graph.inputs().into_iter().enumerate() {
            let Def::Input { name } = &self.graph.node(value).def else { continue };
            let (_, array) = self.inputs.iter().find(|(n, _)| n == name).unwrap();
            exe.write_input(index, array.bytes())?;
        }
        exe.run()?;
        let read = |place: &Place| -> Result<Vec<f64>> {
            let values: Vec<f32> = bytemuck::pod_collect_to_vec(&store.read(place)?);
            Ok(values.into_iter().map(f64::from).collect())
        };
        let mut all = vec![];
        for p in &self.layout.params {
            all.push((format!("{}.grad", p.name), read(&place(p, Arena::Grads))?));
        }
        for (name, ty) in &self.layout.states {
            all.push((name.clone(), read(&state(name, ty))?));
        }
        Ok(all)
    }
}
