//! Properties of lowered programs: no dispatch binds one buffer to read and to write, gradients are written in place, fused
//! and unfused programs compute what the reference does. The planner's own tests are in `slots.rs`.
//!
//! Values of the random graphs stay in [−1, 1], so that a kernel's rounding stays below 1e-5 a node: a plan that reuses a
//! slot too early is off by far more than the tolerance, or yields the NaN that every buffer is filled with first.

mod common;

use rand::RngExt;
use std::collections::HashMap;
use wavae::cpu::{Buffer, Interpreter, Memory};
use wavae::gpu::{GpuExecutable, GpuStore};
use wavae::graph::{Arena, Graph, Init, Value};
use wavae::lower::caps::Caps;
use wavae::lower::program::{BufferKey, Dispatch, Place, Program};
use wavae::lower::shader::Access;
use wavae::lower::{Lowered, Options, lower};
use wavae::ops::optimizer::Adam;
use wavae::ops::reduce::Kind;
use wavae::rng::Philox;
use wavae::testing::Gen;
use wavae::{Array, DType, TensorType};

/// Storage bindings a kernel may have: WebGPU's 8, of which Metal spends one on buffer sizes.
const MAX_STORAGE: usize = 7;

/// Every storage binding of a dispatch with how the kernel uses it.
fn bindings(dispatch: &Dispatch) -> Vec<(&Place, Access)> {
    let layouts = dispatch.shader.layout();
    assert_eq!(dispatch.groups.len(), layouts.len(), "{}: groups", dispatch.label);
    let mut all = vec![];
    for (group, layout) in dispatch.groups.iter().zip(layouts) {
        assert_eq!(group.storage.len(), layout.storage.len(), "{}: storage bindings", dispatch.label);
        all.extend(group.storage.iter().zip(layout.storage.iter().map(|b| b.access)));
    }
    all
}

/// What must hold of every program.
fn sound(program: &Program) {
    for dispatch in &program.dispatches {
        let (label, all) = (&dispatch.label, bindings(dispatch));
        assert!(all.len() <= MAX_STORAGE, "{label} binds {} storage buffers", all.len());
        assert!(dispatch.grid.iter().all(|&n| (1..=65_535).contains(&n)), "{label}: grid {:?}", dispatch.grid);
        for (place, access) in &all {
            let written = |(other, how): &(&Place, Access)| *how != Access::Read && other.buffer == place.buffer;
            let clash = *access == Access::Read && all.iter().any(written);
            assert!(!clash, "{label} reads and writes {:?}", place.buffer);
            assert_eq!(place.offset % 256, 0, "{label}: {place:?}");
            if let BufferKey::Slot(s) = place.buffer {
                assert!(place.offset + place.size <= program.slots[s], "{label}: {place:?} leaves its slot");
            }
        }
    }
}

/// Dispatches that write into the gradient arena's range of `param`.
fn writers<'p>(g: &Graph, program: &'p Program, param: &str) -> Vec<&'p Dispatch> {
    let layout = g.layout();
    let range = layout.param(param).unwrap();
    let (buffer, offset) = (BufferKey::Arena(Arena::Grads, range.shard), range.offset as u64 * 4);
    let writes = |d: &&Dispatch| {
        bindings(d).iter().any(|(p, access)| *access == Access::ReadWrite && p.buffer == buffer && p.offset == offset)
    };
    program.dispatches.iter().filter(writes).collect()
}

fn lowered(g: &Graph, roots: &[Value], fuse: bool) -> Lowered {
    lower(g, roots, &g.layout(), &Options { fuse, ..Options::new(common::gpu().caps()) }).unwrap()
}

/// Roots and stored gradients, in order.
type Results = Vec<Vec<f64>>;

fn arrays(g: &Graph, seed: u64) -> HashMap<String, Array> {
    let leaves = g.inputs().into_iter().chain(g.params());
    let draw = |(k, v): (usize, Value)| {
        let shape = g.shape(v).clone();
        let gen_ = match g.ty(v).dtype {
            DType::F32 => Gen::uniform(shape, -1.0, 1.0),
            DType::U32 => Gen::Index(shape, 7),
            DType::U8 => Gen::Bytes(shape),
        };
        (g.label(v), gen_.draw(seed * 100 + k as u64).unwrap())
    };
    leaves.enumerate().map(draw).collect()
}

fn reference(g: &Graph, roots: &[Value], data: &HashMap<String, Array>) -> Results {
    interpret(g, roots, data, Interpreter::new(g, roots, &g.layout()).unwrap())
}

fn interpret(g: &Graph, roots: &[Value], data: &HashMap<String, Array>, mut interpreter: Interpreter<f64>) -> Results {
    let layout = g.layout();
    let mut memory = Memory::<f64>::new(&layout);
    for input in g.inputs() {
        interpreter.write(&g.label(input), &data[&g.label(input)]).unwrap();
    }
    for p in &layout.params {
        memory.arenas.get_mut(&(Arena::Params, p.shard)).unwrap().copy_from(&data[&p.name], p.offset).unwrap();
    }
    interpreter.run(&mut memory).unwrap();
    let mut results: Results = roots.iter().map(|&r| interpreter.read_real(r, &memory).to_vec()).collect();
    for p in &layout.params {
        let grads = memory.arenas.get(&(Arena::Grads, p.shard)).map_or(&[][..], Buffer::real);
        results.push(grads[p.offset..][..p.ty.len()].to_vec());
    }
    results
}

/// Runs `program` on the test device for each of `data`, one after another in the same buffers.
fn device(g: &Graph, program: Program, data: &[HashMap<String, Array>]) -> Vec<Results> {
    let gpu = common::gpu();
    let layout = g.layout();
    let store = GpuStore::new(&gpu, &layout);
    let outputs = program.outputs.clone();
    let mut exe = GpuExecutable::compile(&gpu, &store, program).unwrap();
    exe.poison().unwrap();
    let floats = |bytes: Vec<u8>, len: usize| -> Vec<f64> {
        bytemuck::pod_collect_to_vec::<u8, f32>(&bytes)[..len].iter().map(|&x| x.into()).collect()
    };
    let one = |data: &HashMap<String, Array>| {
        let place = |arena, p: &wavae::graph::ParamRange| Place {
            buffer: BufferKey::Arena(arena, p.shard),
            offset: p.offset as u64 * 4,
            size: p.ty.bytes() as u64,
        };
        for p in &layout.params {
            store.write(&place(Arena::Params, p), data[&p.name].bytes()).unwrap();
        }
        for (k, input) in g.inputs().into_iter().enumerate() {
            exe.write_input(k, data[&g.label(input)].bytes()).unwrap();
        }
        exe.run().unwrap();
        let mut results: Results = outputs.iter().map(|o| floats(exe.read(&o.place).unwrap(), o.ty.len())).collect();
        for p in &layout.params {
            results.push(floats(store.read(&place(Arena::Grads, p)).unwrap(), p.ty.len()));
        }
        results
    };
    data.iter().map(one).collect()
}

fn near(what: &str, got: &Results, exact: &Results) {
    assert_eq!(got.len(), exact.len(), "{what}");
    for (k, (got, exact)) in got.iter().zip(exact).enumerate() {
        let scale = exact.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
        let bad = got.iter().zip(exact).position(|(x, e)| (x - e).abs().total_cmp(&(1e-4 * scale)).is_gt());
        assert!(
            got.len() == exact.len() && bad.is_none(),
            "{what}: result {k}, element {bad:?}: {got:?}, not {exact:?}"
        );
    }
}

/// Lowers fused and unfused, checks both programs, runs both twice on new data and holds them against the reference.
/// Returns how many dispatches each has.
fn check(what: &str, g: &Graph, roots: &[Value]) -> [usize; 2] {
    let data = [arrays(g, 1), arrays(g, 2)];
    let exact: Vec<Results> = data.iter().map(|d| reference(g, roots, d)).collect();
    [true, false].map(|fuse| {
        let Lowered { program, report } = lowered(g, roots, fuse);
        sound(&program);
        assert!(report.slot_bytes >= report.bound_bytes, "{what}: {report}");
        let count = program.dispatches.len();
        for (run, (got, exact)) in device(g, program, &data).iter().zip(&exact).enumerate() {
            near(&format!("{what}, fused {fuse}, run {run}"), got, exact);
        }
        count
    })
}

/// One random node on values in [−1, 1]; its result is again in [−1, 1].
fn grow(g: &mut Graph, rng: &mut Philox, values: &[Value]) -> wavae::Result<Value> {
    let late = values.len().saturating_sub(5);
    let x = values
        [if rng.random::<bool>() { rng.random_range(late..values.len()) } else { rng.random_range(0..values.len()) }];
    let shape = g.shape(x).clone();
    let (rank, axis) = (shape.rank(), rng.random_range(0..shape.rank().max(1)));
    let vector = |g: &mut Graph, rng: &mut Philox| {
        let name = format!("w{}", rng.random_range(0..4));
        g.param(&format!("{name}.{}", shape.last()), [shape.last()], Init::Constant(0.0))
    };
    match rng.random_range(0..14) {
        0 => g.tanh(x),
        1 => g.sigmoid(x),
        2 | 3 => {
            let same: Vec<Value> = values.iter().copied().filter(|&v| *g.shape(v) == shape).collect();
            let y = same[rng.random_range(0..same.len())];
            let sum = g.add(x, y)?;
            g.scale(sum, 0.5)
        }
        4 | 5 => {
            let y = vector(g, rng)?;
            g.mul(x, y)
        }
        6 => {
            let y = vector(g, rng)?;
            let sum = g.sub(x, y)?;
            g.scale(sum, 0.5)
        }
        7 if rank > 1 => g.mean(x, &[axis]),
        8 if rank > 0 => {
            let top = g.reduce(Kind::Mean, x, &[axis], true)?;
            g.mul(x, top)
        }
        9 if rank > 1 => {
            let mut order: Vec<usize> = (0..rank).collect();
            order.rotate_left(axis);
            g.permute(x, &order)
        }
        10 if rank > 0 && shape.dims()[axis] > 1 => {
            let start = rng.random_range(0..shape.dims()[axis]);
            g.slice(x, axis, start..shape.dims()[axis])
        }
        11 if rank > 0 && shape.len() < 500 => {
            let y = g.square(x)?;
            g.concat(&[x, y, x], axis)
        }
        12 => {
            let flat = g.reshape(x, [shape.len()])?;
            let y = g.square(flat)?;
            g.reshape(y, shape)
        }
        13 if rank == 4 && shape.len() < 500 => g.upsample(x, 2),
        _ => g.square(x),
    }
}

/// A graph of `nodes` random nodes, its roots, and the gradients of its parameters, stored.
fn random_graph(seed: u64, nodes: usize) -> (Graph, Vec<Value>) {
    let mut rng = Philox::new(seed, 1);
    let mut g = Graph::new();
    let data = g.input("data", TensorType::u8([7, 3, 4, 5])).unwrap();
    let rows = g.input("rows", TensorType::u32([2])).unwrap();
    let mut values = vec![
        g.gather_u8(data, rows, 2.0 / 255.0, -1.0).unwrap(),
        g.input("x", TensorType::f32([2, 3, 4, 5])).unwrap(),
        g.param("p", [4, 5], Init::Constant(0.0)).unwrap(),
    ];
    for _ in 0..nodes {
        let value = grow(&mut g, &mut rng, &values).unwrap();
        values.push(value);
    }
    let mut roots: Vec<Value> = (0..2).map(|_| values[rng.random_range(3..values.len())]).collect();
    let last = values[values.len() - 1];
    roots.push(last);
    let mean = g.mean_all(last).unwrap();
    let other = g.mean_all(roots[0]).unwrap();
    let loss = g.add(mean, other).unwrap();
    let params = g.params();
    for (param, grad) in params.iter().zip(g.grad(loss, &params).unwrap()) {
        g.store_grad(*param, grad).unwrap();
    }
    roots.push(loss);
    (g, roots)
}

#[test]
fn random_programs_are_sound() {
    let caps = Caps::minimum();
    for seed in 0..60 {
        let (g, roots) = random_graph(seed, 30);
        for fuse in [true, false] {
            let options = Options { fuse, ..Options::new(&caps) };
            sound(&lower(&g, &roots, &g.layout(), &options).unwrap().program);
        }
    }
}

#[test]
fn random_programs_compute_what_the_reference_does() {
    let mut saved = 0;
    for seed in 0..12 {
        let (g, roots) = random_graph(seed, 20);
        let [fused, unfused] = check(&format!("graph {seed}"), &g, &roots);
        assert!(fused <= unfused, "graph {seed}: fusion adds dispatches");
        saved += unfused - fused;
    }
    assert!(saved > 100, "fusion saves {saved} dispatches of twelve graphs");
}

/// The CPU device joins pointwise nodes to chains; the oracle does not.
#[test]
fn chains_on_the_cpu_change_no_bit() {
    let mut saved = 0;
    for seed in 0..60 {
        let (g, roots) = random_graph(seed, 30 + 3 * seed as usize);
        let data = arrays(&g, seed);
        let [plain, chained] =
            [Interpreter::<f64>::new, Interpreter::chained].map(|new| new(&g, &roots, &g.layout()).unwrap());
        saved += plain.computed_nodes() - chained.computed_nodes();
        assert!(interpret(&g, &roots, &data, plain) == interpret(&g, &roots, &data, chained), "graph {seed}");
    }
    assert!(saved > 300, "chains save {saved} nodes of sixty graphs");
}

/// Chains that are too long together, one of which reads the other before they could meet.
#[test]
fn chains_on_the_cpu_end_in_time() {
    for (first, second) in [(15, 20), (31, 1), (16, 16), (20, 15), (40, 40)] {
        let mut g = Graph::new();
        let [p, q] = ["p", "q"].map(|name| g.input(name, TensorType::f32([4096])).unwrap());
        let y = (0..first).fold(p, |y, _| g.tanh(y).unwrap());
        let x = (0..second).fold(q, |x, _| g.tanh(x).unwrap());
        let sum = g.add(x, y).unwrap();
        let out = g.mul(x, sum).unwrap();
        let data = arrays(&g, 3);
        let [plain, chained] =
            [Interpreter::<f64>::new, Interpreter::chained].map(|new| new(&g, &[out], &g.layout()).unwrap());
        assert!(interpret(&g, &[out], &data, plain) == interpret(&g, &[out], &data, chained), "{first}, {second}");
    }
}

/// An encoder, a sample, a decoder and Adam: the shape of a training step.
fn training() -> (Graph, Value) {
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([5, 12])).unwrap();
    let noise = g.input("noise", TensorType::f32([5, 6])).unwrap();
    let hyper = g.input("hyper", TensorType::f32([4])).unwrap();
    let layer = |g: &mut Graph, name: &str, x: Value| {
        g.scoped(name, |g| {
            let width = g.shape(x).last();
            let (w, b) =
                (g.param("weight", [width], Init::Constant(0.0))?, g.param("bias", [width], Init::Constant(0.0))?);
            let y = g.mul(x, w)?;
            let y = g.add(y, b)?;
            g.tanh(y)
        })
        .unwrap()
    };
    let h = layer(&mut g, "encoder", x);
    let mu = g.slice(h, 1, 0..6).unwrap();
    let logvar = g.slice(h, 1, 6..12).unwrap();
    let z = g.reparameterize(mu, logvar, noise).unwrap();
    let twice = g.concat(&[z, z], 1).unwrap();
    let y = layer(&mut g, "decoder", twice);
    let difference = g.sub(y, x).unwrap();
    let error = g.square(difference).unwrap();
    let loss = g.mean_all(error).unwrap();
    let params = g.params();
    for (param, grad) in params.iter().zip(g.grad(loss, &params).unwrap()) {
        g.store_grad(*param, grad).unwrap();
    }
    let layout = g.layout();
    g.adam(Adam::default(), &layout, 0, hyper).unwrap();
    (g, loss)
}

#[test]
fn a_training_step_is_sound_and_writes_gradients_in_place() {
    let (g, loss) = training();
    for fuse in [true, false] {
        let program = lowered(&g, &[loss], fuse).program;
        sound(&program);
        for param in g.layout().params {
            let writers = writers(&g, &program, &param.name);
            let labels: Vec<&str> = writers.iter().map(|d| d.label.as_str()).collect();
            assert_eq!(labels.len(), 1, "{} is written by {labels:?}", param.name);
            assert!(!labels[0].starts_with(&param.name), "{} is copied to its place by {}", param.name, labels[0]);
        }
    }
}

/// Two parameters with one gradient: `loss = Σ tanh(a + b)`, and one that is stored under another shape.
#[test]
fn gradients_stored_twice_or_through_a_reshape_arrive() {
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([7, 6])).unwrap();
    let a = g.param("a", [6], Init::Constant(0.0)).unwrap();
    let b = g.param("b", [6], Init::Constant(0.0)).unwrap();
    let c = g.param("c", [2, 3], Init::Constant(0.0)).unwrap();
    let flat = g.reshape(c, [6]).unwrap();
    let bias = g.add(a, b).unwrap();
    let y = g.mul(x, flat).unwrap();
    let y = g.add(y, bias).unwrap();
    let y = g.tanh(y).unwrap();
    let loss = g.mean_all(y).unwrap();
    let grads = g.grad(loss, &[a, b, c]).unwrap();
    assert_eq!(grads[0], grads[1], "a and b have one gradient");
    for (param, grad) in [a, b, c].into_iter().zip(&grads) {
        g.store_grad(param, *grad).unwrap();
    }
    check("shared gradient", &g, &[loss, grads[2]]);
    let direct = lowered(&g, &[loss], true).program;
    let labels: Vec<&str> = writers(&g, &direct, "c").iter().map(|d| d.label.as_str()).collect();
    assert!(labels.len() == 1 && !labels[0].starts_with("c.grad"), "c is written by {labels:?}");
}

/// A parameter whose gradient is another parameter, an input or a constant: nothing computes it, so it is copied.
#[test]
fn gradients_that_are_leaves_are_copied() {
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([65])).unwrap();
    let [a, b, c] = ["a", "b", "c"].map(|name| g.param(name, [65], Init::Constant(0.0)).unwrap());
    g.store_grad(a, b).unwrap();
    g.store_grad(b, x).unwrap();
    let zero = g.full([65], 0.25).unwrap();
    g.store_grad(c, zero).unwrap();
    let y = g.square(x).unwrap();
    check("leaves", &g, &[y]);
}

#[test]
fn aliases_of_aliases_are_the_same_storage() {
    let mut g = Graph::new();
    let x = g.input("x", TensorType::f32([6, 35])).unwrap();
    let p = g.param("p", [35, 6], Init::Constant(0.0)).unwrap();
    let reshaped = |g: &mut Graph, v: Value| {
        let v = g.reshape(v, [5, 7, 6]).unwrap();
        let v = g.reshape(v, [210]).unwrap();
        g.reshape(v, [7, 30]).unwrap()
    };
    let (of_input, of_param) = (reshaped(&mut g, x), reshaped(&mut g, p));
    let sum = g.add(of_input, of_param).unwrap();
    let computed = g.tanh(sum).unwrap();
    let chained = reshaped(&mut g, computed);
    let turned = g.transpose2(chained).unwrap();
    // The computed value lives on through its alias after other tensors came and went.
    let mut late = turned;
    for _ in 0..4 {
        late = g.transpose2(late).unwrap();
        late = g.square(late).unwrap();
        late = g.mul(late, late).unwrap();
    }
    let last = g.reshape(late, [210]).unwrap();
    let end = g.reshape(chained, [210]).unwrap();
    let end = g.sub(end, last).unwrap();
    check("aliases", &g, &[of_input, of_param, chained, end, turned]);
    let program = lowered(&g, &[of_input, of_param], true).program;
    assert!(program.dispatches.is_empty(), "a reshape copies nothing: {:?}", program.dispatches);
}

/// Gathered rows are dequantized, scaled and shifted in one dispatch.
#[test]
fn a_gather_takes_its_pointwise_consumers() {
    let mut g = Graph::new();
    let data = g.input("data", TensorType::u8([7, 9, 9, 3])).unwrap();
    let rows = g.input("rows", TensorType::u32([4])).unwrap();
    let x = g.gather_u8(data, rows, 1.0 / 255.0, 0.0).unwrap();
    let mean = g.param("mean", [3], Init::Constant(0.0)).unwrap();
    let y = g.sub(x, mean).unwrap();
    let y = g.tanh(y).unwrap();
    assert_eq!(check("gather", &g, &[y]), [1, 3]);
}

/// Chains that read more tensors than a kernel may bind: on their own, behind a kernel of three inputs, and before a sum.
#[test]
fn wide_chains_are_cut_at_seven_bindings() {
    let mut g = Graph::new();
    let inputs = (0..12).map(|n| g.input(&format!("x{n}"), TensorType::f32([12, 11])));
    let inputs: Vec<Value> = inputs.collect::<Result<_, _>>().unwrap();
    let joined = g.concat(&[inputs[0], inputs[1], inputs[2]], 0).unwrap();
    let mut ends = vec![g.slice(joined, 0, 6..18).unwrap(), g.tanh(inputs[0]).unwrap(), g.square(inputs[1]).unwrap()];
    for end in &mut ends {
        for &x in &inputs {
            let sum = g.add(*end, x).unwrap();
            *end = g.scale(sum, 0.5).unwrap();
        }
    }
    ends[2] = g.mean(ends[2], &[0]).unwrap();
    let [fused, unfused] = check("wide", &g, &ends);
    assert!(fused * 4 < unfused, "{fused} dispatches of {unfused}");
}

/// More tensors than one kernel joins, and permutations that move nothing.
#[test]
fn concat_takes_any_number_and_idle_permutes_cost_nothing() {
    let mut g = Graph::new();
    let parts: Vec<Value> = (1..10).map(|n| g.input(&format!("x{n}"), TensorType::f32([3, n, 2])).unwrap()).collect();
    let joined = g.concat(&parts, 1).unwrap();
    assert_eq!(g.shape(joined).dims(), [3, 45, 2]);
    assert_eq!(g.concat(&parts[..1], 1).unwrap(), parts[0]);
    assert!(g.concat(&[], 1).is_err());
    let back = g.slice(joined, 1, 36..45).unwrap();
    check("concat", &g, &[joined, back]);
    let data = arrays(&g, 1);
    let row = |r: usize, n: usize| data[&format!("x{n}")].as_f32()[r * 2 * n..][..2 * n].iter().map(|&x| f64::from(x));
    let expected: Vec<f64> = (0..3).flat_map(|r| (1..10).flat_map(move |n| row(r, n))).collect();
    assert_eq!(reference(&g, &[joined], &data)[0], expected, "parts in order");
    let row = g.input("row", TensorType::f32([1, 65])).unwrap();
    let column = g.transpose2(row).unwrap();
    assert!(g.node(column).op().unwrap().alias() && g.shape(column).dims() == [65, 1], "{:?}", g.node(column));
    assert_eq!(g.permute(joined, &[0, 1, 2]).unwrap(), joined);
    let refused = g.permute(joined, &[0, 1]).unwrap_err().to_string();
    assert!(refused.contains("must name each axis once"), "{refused}");
}
