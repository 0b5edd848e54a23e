//! Flows: ln |det| against the determinant of a numerical Jacobian in f64, inverses, what each output may depend on, and
//! the device against the reference.

mod common;

use std::collections::HashMap;
use wavae::cpu::{Interpreter, Memory};
use wavae::flow::{Chain, Coupling, Flow, InverseAutoregressive, Made, MaskedAutoregressive, Planar, Radial};
use wavae::graph::{Arena, Graph, Init, Value};
use wavae::rng::{Philox, normal};
use wavae::{Array, Device, Executable, Result, Store, TensorType};

const BATCH: usize = 3;

/// A flow in one direction on [BATCH, dims], with random parameters.
struct Built {
    graph: Graph,
    roots: [Value; 2],
    params: HashMap<String, Vec<f64>>,
    dims: usize,
}

fn build(flow: &dyn Flow, dims: usize, inverse: bool) -> Result<Built> {
    let mut graph = Graph::new();
    let z = graph.input("z", TensorType::f32([BATCH, dims]))?;
    let (y, log_det) = if inverse { flow.inverse(&mut graph, z)? } else { flow.forward(&mut graph, z)? };
    let layout = graph.layout();
    let draw = |(k, p): (usize, &wavae::graph::ParamRange)| {
        let mut rng = Philox::new(5, k as u64);
        // Rounded to f32, so that device and reference hold the same.
        (p.name.clone(), (0..p.ty.len()).map(|_| f64::from(0.6 * normal(&mut rng))).collect())
    };
    let mut names: Vec<_> = layout.params.iter().collect();
    names.sort_by(|a, b| a.name.cmp(&b.name));
    let params = names.into_iter().enumerate().map(draw).collect();
    Ok(Built { graph, roots: [y, log_det], params, dims })
}

impl Built {
    /// y and ln |det| in f64.
    fn reference(&self, z: &[f64]) -> [Vec<f64>; 2] {
        let layout = self.graph.layout();
        let mut memory = Memory::<f64>::new(&layout);
        for p in &layout.params {
            let arena = memory.arenas.get_mut(&(Arena::Params, p.shard)).unwrap().real_mut();
            arena[p.offset..][..p.ty.len()].copy_from_slice(&self.params[&p.name]);
        }
        for (name, ty, init) in self.graph.initial() {
            if let (Some(state), Init::Rows(rows)) = (memory.states.get_mut(&name), init) {
                assert_eq!(rows.len(), ty.len());
                state.real_mut().iter_mut().zip(rows).for_each(|(to, x)| *to = x.into());
            }
        }
        let mut interpreter = Interpreter::<f64>::new(&self.graph, &self.roots, &layout).unwrap();
        interpreter.write_real("z", z).unwrap();
        interpreter.run(&mut memory).unwrap();
        self.roots.map(|root| interpreter.read_real(root, &memory).to_vec())
    }

    fn device(&self, device: &Device, z: &[f64]) -> [Vec<f32>; 2] {
        let store = Store::new(device, &[&self.graph]).unwrap();
        store.init(&self.graph, 0).unwrap();
        for p in &self.graph.layout().params {
            let narrow = self.params[&p.name].iter().map(|&x| x as f32).collect();
            store.write(&p.name, &Array::f32(p.ty.shape.clone(), narrow).unwrap()).unwrap();
        }
        let mut exe = Executable::compile(device, &store, &self.graph, &self.roots).unwrap();
        exe.write("z", &Array::f32([BATCH, self.dims], z.iter().map(|&x| x as f32).collect()).unwrap()).unwrap();
        exe.run().unwrap();
        self.roots.map(|root| exe.read(root).unwrap().as_f32().to_vec())
    }

    /// ∂y_i/∂z_j of example `n`, by central differences of fourth order.
    fn jacobian(&self, z: &[f64], n: usize) -> Vec<Vec<f64>> {
        const H: f64 = 1e-4;
        let dims = self.dims;
        let along = |j: usize, h: f64| {
            let mut moved = z.to_vec();
            moved[n * dims + j] += h;
            self.reference(&moved)[0][n * dims..][..dims].to_vec()
        };
        let columns: Vec<Vec<f64>> = (0..dims)
            .map(|j| {
                let [a, b, c, d] = [H, -H, 2.0 * H, -2.0 * H].map(|h| along(j, h));
                (0..dims).map(|i| (8.0 * (a[i] - b[i]) - (c[i] - d[i])) / (12.0 * H)).collect()
            })
            .collect();
        (0..dims).map(|i| (0..dims).map(|j| columns[j][i]).collect()).collect()
    }
}

/// ln |det|, by elimination with pivots.
fn log_abs_det(mut m: Vec<Vec<f64>>) -> f64 {
    let n = m.len();
    let mut log = 0.0;
    for k in 0..n {
        let pivot = (k..n).max_by(|&a, &b| m[a][k].abs().total_cmp(&m[b][k].abs())).unwrap();
        m.swap(k, pivot);
        log += m[k][k].abs().ln();
        for i in k + 1..n {
            let factor = m[i][k] / m[k][k];
            for j in k..n {
                m[i][j] -= factor * m[k][j];
            }
        }
    }
    log
}

fn points(dims: usize) -> Vec<f64> {
    let mut rng = Philox::new(9, dims as u64);
    (0..BATCH * dims).map(|_| f64::from(normal(&mut rng))).collect()
}

fn made(reverse: bool) -> Made {
    Made { hidden: 13, reverse }
}

fn flows(dims: usize) -> Vec<(&'static str, Box<dyn Flow>)> {
    let mut flows: Vec<(&'static str, Box<dyn Flow>)> = vec![
        ("planar", Box::new(Planar)),
        ("radial", Box::new(Radial)),
        ("iaf", Box::new(InverseAutoregressive { net: made(false) })),
        ("iaf, reversed", Box::new(InverseAutoregressive { net: made(true) })),
        ("maf", Box::new(MaskedAutoregressive { net: made(false) })),
        ("maf, reversed", Box::new(MaskedAutoregressive { net: made(true) })),
        ("planar chain", Box::new(Chain::new().then(Planar).then(Planar).then(Radial))),
    ];
    if dims > 1 {
        let coupling = |swap| Coupling { hidden: 7, swap };
        flows.push(("coupling", Box::new(coupling(false))));
        flows.push(("coupling chain", Box::new(Chain::new().then(coupling(false)).then(coupling(true)))));
    }
    flows
}

/// Which of [`flows`] go one way only.
const NO_INVERSE: [&str; 3] = ["planar", "radial", "planar chain"];

/// [`flows`], in each direction that they have.
fn both_ways(dims: usize) -> Vec<(&'static str, bool, Built)> {
    let mut all = vec![];
    for (name, flow) in flows(dims) {
        all.push((name, false, build(flow.as_ref(), dims, false).unwrap()));
        let inverse = build(flow.as_ref(), dims, true);
        if NO_INVERSE.contains(&name) {
            let refused = inverse.map(drop).unwrap_err().to_string();
            assert!(refused.contains("no inverse"), "{name}: {refused}");
        } else {
            all.push((name, true, inverse.unwrap()));
        }
    }
    all
}

#[test]
fn log_determinants_are_those_of_the_jacobian() {
    for dims in [1, 2, 5] {
        for (name, inverse, built) in both_ways(dims) {
            let z = points(dims);
            let log_det = &built.reference(&z)[1];
            for n in 0..BATCH {
                let numeric = log_abs_det(built.jacobian(&z, n));
                let off = (log_det[n] - numeric).abs();
                assert!(off < 1e-7, "{name}, {dims}, inverse {inverse}: {} but {numeric}", log_det[n]);
            }
        }
    }
}

#[test]
fn inverses_invert() {
    let mut inverted = 0;
    for dims in [1, 2, 5] {
        for (name, flow) in flows(dims) {
            if NO_INVERSE.contains(&name) {
                continue;
            }
            let inverse = build(flow.as_ref(), dims, true).unwrap();
            let forward = build(flow.as_ref(), dims, false).unwrap();
            assert_eq!(forward.params, inverse.params, "{name}: both directions share their parameters");
            let z = points(dims);
            let [y, log_det] = forward.reference(&z);
            let [back, log_back] = inverse.reference(&y);
            assert!(z.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-9), "{name}: {z:?} became {back:?}");
            assert!(log_det.iter().zip(&log_back).all(|(a, b)| (a + b).abs() < 1e-9), "{name}");
            assert!(y.iter().zip(&z).any(|(a, b)| (a - b).abs() > 0.1), "{name} moves nothing");
            inverted += 1;
        }
    }
    assert_eq!(inverted, 3 * 4 + 2 * 2, "autoregressive flows and couplings have inverses");
}

/// MADE's masks: the Jacobian is triangular in its order, with nothing lost below the diagonal.
#[test]
fn autoregressive_flows_are_triangular() {
    for reverse in [false, true] {
        let built = build(&InverseAutoregressive { net: made(reverse) }, 5, false).unwrap();
        let jacobian = built.jacobian(&points(5), 0);
        for (i, row) in jacobian.iter().enumerate() {
            for (j, &slope) in row.iter().enumerate() {
                let later = if reverse { j < i } else { j > i };
                assert_eq!(slope.abs() > 1e-9, !later, "reverse {reverse}: ∂y{i}/∂z{j} is {slope}");
            }
        }
    }
}

/// f32 sums of up to 13 terms in a handful of layers: 1e-4 of the values' size is a hundred roundings.
#[test]
fn the_devices_agree_with_the_reference() {
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        for (name, inverse, built) in both_ways(5) {
            let z: Vec<f64> = points(5).iter().map(|&x| f64::from(x as f32)).collect();
            let (found, exact) = (built.device(&device, &z), built.reference(&z));
            for (found, exact) in found.iter().flatten().zip(exact.iter().flatten()) {
                let off = (f64::from(*found) - exact).abs();
                assert!(off < 1e-4 * (1.0 + exact.abs()), "{device}, {name}, {inverse}: {found} but {exact}");
            }
        }
    }
}

/// `flow` in two dimensions with the parameters `params`, in f32 on both devices: ln |det| at `z` is `exact`.
fn extreme(flow: &dyn Flow, params: &[(&str, &[f64])], z: &[f64], exact: impl Fn(&[f64]) -> f64) {
    let mut built = build(flow, 2, false).unwrap();
    for (name, values) in params {
        assert_eq!(built.params.insert(name.to_string(), values.to_vec()).map(|old| old.len()), Some(values.len()));
    }
    for device in [Device::Cpu, Device::Gpu(common::gpu())] {
        let [y, log_det] = built.device(&device, z);
        let moved = &built.reference(z)[0];
        assert!(y.iter().zip(moved).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-5), "{flow:?}: {y:?}, not {moved:?}");
        for (point, found) in z.chunks(2).zip(log_det) {
            let exact = exact(point);
            let off = (f64::from(found) - exact).abs();
            assert!(off < 1e-5 * (1.0 + exact.abs()), "{device}, {flow:?}, {params:?}: {found}, not {exact}");
        }
    }
}

/// Where a flow all but folds space: det is far below the rounding of 1.
#[test]
fn determinants_near_zero_do_not_cancel() {
    let softplus = |x: f64| x.exp().ln_1p();
    let points = [0.0, 0.0, 1.0 / 1024.0, 0.5, -0.75, 0.25];
    for u in [-20.0, -3.0, 40.0] {
        extreme(&Planar, &[("w", &[1.0, 0.0]), ("u", &[u, 0.5]), ("b", &[0.0])], &points, |z| {
            let h = z[0].tanh();
            (h * h + (1.0 - h * h) * softplus(u)).ln()
        });
    }
    let points = [0.0, 1.0 / 4096.0, 1e-6f32.into(), 0.0, 3.0, -2.0];
    for (a, b) in [(5.0, -30.0), (-20.0, 5.0), (-20.0, -10.0), (30.0, 0.0)] {
        extreme(&Radial, &[("centre", &[0.0, 0.0]), ("alpha", &[a]), ("beta", &[b])], &points, |z| {
            let (alpha, grown, r) = (softplus(a), softplus(b), z[0].hypot(z[1]));
            let along = (r * (r + 2.0 * alpha) + alpha * grown) / (r + alpha).powi(2);
            ((r + grown) / (r + alpha)).ln() + along.ln()
        });
    }
}

/// Shapes that no flow takes are refused.
#[test]
fn only_vectors_flow() {
    let net = made(false);
    for dims in [&[][..], &[5], &[2, 3, 4]] {
        let mut g = Graph::new();
        let z = g.input("z", TensorType::f32(dims)).unwrap();
        let chain = Chain::new().then(Planar);
        for refused in [chain.forward(&mut g, z).map(drop), chain.inverse(&mut g, z).map(drop)] {
            assert!(refused.unwrap_err().to_string().contains("takes vectors"), "{dims:?}");
        }
        assert!(net.forward(&mut g, z, 2).unwrap_err().to_string().contains("takes vectors"), "{dims:?}");
    }
    for net in [net, Made { hidden: 0, reverse: false }] {
        let mut g = Graph::new();
        let z = g.input("z", TensorType::f32([2, usize::from(net.hidden == 0)])).unwrap();
        let refused = net.forward(&mut g, z, 2).unwrap_err().to_string();
        assert!(refused.contains("1 dimension"), "{refused}");
    }
}

#[test]
fn one_dimension_is_not_enough_to_couple() {
    let refused = build(&Coupling { hidden: 4, swap: false }, 1, false).map(drop).unwrap_err().to_string();
    assert!(refused.contains("2 latent dimensions"), "{refused}");
}
