//! What a whole model's gradients are held to.

use super::models::{Model, Objective};
use wavae::graph::Arena;
use wavae::rng::{Philox, normal};

/// ε of f32.
const EPS: f64 = 1.0 / (1 << 24) as f64;

/// Every element of every gradient and running statistic, fused and unfused, within a bound that the CPU's f32 run sets:
/// E is the largest error it makes in a tensor and S the tensor's largest magnitude. The device rounds the same sums in
/// other orders, and its elementary functions are up to 17 ulp off where Rust's are below 1, so it may err 8·E + 32·ε·S.
/// A wrong term, index or slot errs by about S, which is 10⁴ times as much or more.
pub fn gradients(model: &Model, batch: usize) {
    near_exact(&Objective::new(model, batch).unwrap(), model.name);
}

/// See [`gradients`].
pub fn near_exact(objective: &Objective, name: &str) {
    let exact = objective.interpret::<f64>().unwrap();
    let cpu = objective.interpret::<f32>().unwrap();
    assert!(objective.interpret_chained().unwrap() == cpu, "{name}: chains on the CPU change bits");
    for fuse in [true, false] {
        let device = objective.execute(fuse).unwrap();
        let mut worst = 0.0f64;
        for (((name, exact), (_, cpu)), (_, device)) in exact.iter().zip(&cpu).zip(&device) {
            let largest = exact.iter().fold(0.0f64, |m, x| m.max(x.abs()));
            let error = exact.iter().zip(cpu).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
            assert!(error <= 2e-4 * largest + 1e-12, "{name}: the CPU in f32 errs by {error:e} of {largest:e}");
            assert!(largest > 0.0, "{name}: no gradient at all");
            let bound = 8.0 * error + 32.0 * EPS * largest;
            for (i, (exact, device)) in exact.iter().zip(device).enumerate() {
                let off = (exact - device).abs();
                assert!(off <= bound, "{name}[{i}], fuse {fuse}: {device:e}, not {exact:e} ± {bound:.1e}");
                worst = worst.max(off / bound);
            }
        }
        println!("{name}: fuse {fuse}: worst error is {worst:.3} of its bound");
    }
}

/// ⟨∇loss, v⟩ for a random v in each parameter by itself, against central differences of fourth order in f64: truncation
/// is of order h⁴, rounding 10⁻¹⁶ · loss / h ≈ 10⁻¹⁰. The activations are smooth, for differences across a kink mean
/// nothing.
pub fn objective_gradient(model: &Model, batch: usize) {
    near_differences(&Objective::new(model, batch).unwrap());
}

/// See [`objective_gradient`].
pub fn near_differences(objective: &Objective) {
    const H: f64 = 1e-4;
    let exact = objective.interpret::<f64>().unwrap();
    let losses: Vec<_> = objective.layout.params.iter().map(|param| objective.terms.loss_of(&param.name)).collect();
    let (mut interpreter, mut memory) = objective.interpreter::<f64>(&losses).unwrap();
    for (k, param) in objective.layout.params.iter().enumerate() {
        let key = (Arena::Params, param.shard);
        let range = param.offset..param.offset + param.ty.len();
        let start = memory.arenas[&key].real()[range.clone()].to_vec();
        let mut rng = Philox::new(23, k as u64);
        let v: Vec<f64> = start.iter().map(|_| normal(&mut rng).into()).collect();
        let mut along = |h: f64| {
            let to = &mut memory.arenas.get_mut(&key).unwrap().real_mut()[range.clone()];
            to.iter_mut().zip(start.iter().zip(&v)).for_each(|(to, (x, v))| *to = x + h * v);
            interpreter.run(&mut memory).unwrap();
            interpreter.read_real(losses[k], &memory)[0]
        };
        let numeric = (8.0 * (along(H) - along(-H)) - (along(2.0 * H) - along(-2.0 * H))) / (12.0 * H);
        along(0.0);
        let products = exact[k].1.iter().zip(&v).map(|(g, v)| g * v);
        let (sum, size) = products.fold((0.0, 0.0), |(sum, size), p: f64| (sum + p, size + p.abs()));
        let bound = 1e-6 * size + 1e-7;
        assert!((numeric - sum).abs() <= bound, "{}: {sum:.9} by the rules, {numeric:.9} by differences", param.name);
    }
}
