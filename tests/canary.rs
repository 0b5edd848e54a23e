//! Canaries: ops with one deliberate fault each, which the checks of the op table must catch, beside the faultless op,
//! which they must pass. The ops live here and bring their own kernels, as any op outside the crate may.

mod common;

use common::checks::{cpu, parity, translations};
use wavae::cpu::{Interpreter, Memory, Real, Reference, View};
use wavae::error::{Error, Result};
use wavae::graph::{Graph, StoreLayout, Value};
use wavae::lower::caps::Caps;
use wavae::ops::{Bind, ChainSlot, Launch, Lowering, Op, Vjp};
use wavae::tensor::{Array, TensorType};
use wavae::testing::{Gen, OpCase, Tol, check_gradient};

/// What is wrong with an op.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// The kernel never writes the last element.
    LastElement,
    /// The kernel writes every element one place too far.
    Shifted,
    /// The kernel also writes behind its output.
    Behind,
    /// The kernel leaves out a·b.
    Term,
    /// The kernel's constant is off by 10⁻⁵.
    Constant,
    /// The kernel lets all invocations of a group add to one variable.
    Race,
    /// The kernel does not parse.
    Syntax,
    /// The kernel leaves out a binding.
    Binding,
    /// The reference subtracts numbers that are nearly equal.
    Cancellation,
    /// The gradient of b has the wrong sign.
    Sign,
    /// The gradient of a² lacks its 2.
    Factor,
    /// The gradient lacks what flows through the mean, which a plain sum as cotangent cannot see.
    Mean,
    /// There are no kernels at all.
    NoKernel,
}

/// y = a² + a·b, element by element.
#[derive(Clone, Copy, Debug)]
struct Square(Fault);

const HEAD: &str = "
#import \"epilogue/identity.wgsl\"
struct Params { len: u32, }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let i = id.x;
";
const SQUARE: &str = "if i < p.len { y[i] = epilogue(a[i] * a[i] + a[i] * b[i], i); } }";

impl Square {
    fn body(self) -> &'static str {
        match self.0 {
            Fault::LastElement => "if i + 1u < p.len { y[i] = epilogue(a[i] * a[i] + a[i] * b[i], i); } }",
            Fault::Shifted => "if i < p.len { y[i + 1u] = epilogue(a[i] * a[i] + a[i] * b[i], i); } }",
            Fault::Behind => "if i <= p.len { y[i] = epilogue(a[i] * a[i] + a[i] * b[i], i); } }",
            Fault::Term => "if i < p.len { y[i] = epilogue(a[i] * a[i] + 0.0 * b[i], i); } }",
            Fault::Constant => "if i < p.len { y[i] = epilogue(1.00001 * a[i] * a[i] + a[i] * b[i], i); } }",
            Fault::Syntax => "if i < p.len { y[i] = epilogue(a[i] * , i); } }",
            _ => SQUARE,
        }
    }
}

/// Kernel texts live as long as the program: an op names its source as a constant does.
fn leak(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

impl Op for Square {
    fn name(&self) -> &'static str {
        "canary_square"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        match inputs {
            [a, b] if a == b => Ok(a.clone()),
            _ => Err(Error::shape("canary_square", format!("takes two equal tensors, not {inputs:?}"))),
        }
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let (a, b) = (at.inputs[0], at.inputs[1]);
        let twice = g.scale(a, if self.0 == Fault::Factor { 1.0 } else { 2.0 })?;
        let slope = g.add(twice, b)?;
        let by_b = g.mul(at.dout, a)?;
        let by_b = if self.0 == Fault::Sign { g.scale(by_b, -1.0)? } else { by_b };
        Ok(vec![Some(g.mul(at.dout, slope)?), Some(by_b)])
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, _: &Caps) -> Vec<Lowering> {
        if self.0 == Fault::NoKernel {
            return vec![];
        }
        let (len, binds) = (inputs[0].len(), [Bind::In(0), Bind::In(1), Bind::Out]);
        let head = match self.0 {
            Fault::Binding => HEAD.replace("binding(3)", "binding(4)"),
            _ => HEAD.to_string(),
        };
        let launch = Launch::new("canary_square", &(len as u32), &binds, (len as u64).div_ceil(64));
        let launch = launch.source(leak(head + self.body())).chain(ChainSlot::Epilogue);
        vec![Lowering::single("own", launch)]
    }
    fn takes_epilogue(&self) -> bool {
        true
    }
}

impl Reference for Square {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        for ((out, &a), &b) in out.iter_mut().zip(inputs[0].real()).zip(inputs[1].real()) {
            *out = a * a + a * b;
        }
    }
}

/// y = Σ x² of up to 64 numbers, by one group.
#[derive(Clone, Copy, Debug)]
struct Norm(Fault);

const NORM: &str = "
struct Params { len: u32, }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
var<workgroup> part: array<f32, 64>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {
    var square = 0.0;
    if i < p.len { square = x[i] * x[i]; }
";
const TREE: &str = "
    part[i] = square;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if i < half { part[i] += part[i + half]; }
    }
    if i == 0u { y[0] = part[0]; }
}";
const RACE: &str = "
    part[0] += square;
    workgroupBarrier();
    if i == 0u { y[0] = part[0]; }
}";

impl Op for Norm {
    fn name(&self) -> &'static str {
        "canary_norm"
    }
    fn infer(&self, _: &[TensorType]) -> Result<TensorType> {
        Ok(TensorType::f32([]))
    }
    fn vjp(&self, _: &mut Graph, _: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        Ok(vec![None])
    }
    fn variants(&self, inputs: &[TensorType], _: &TensorType, _: &Caps) -> Vec<Lowering> {
        let launch = Launch::new("canary_norm", &(inputs[0].len() as u32), &[Bind::In(0), Bind::Out], 1);
        let body = if self.0 == Fault::Race { RACE } else { TREE };
        vec![Lowering::single("group", launch.source(leak(format!("{NORM}{body}"))))]
    }
}

impl Reference for Norm {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        out[0] = T::ZERO;
        for &x in inputs[0].real() {
            out[0] += x * x;
        }
    }
}

/// y = x² + x − mean(x), and its reference by Σx²/n − mean² for [`Fault::Cancellation`].
#[derive(Clone, Copy, Debug)]
struct Centred(Fault);

impl Op for Centred {
    fn name(&self) -> &'static str {
        "canary_centred"
    }
    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType> {
        Ok(inputs[0].clone())
    }
    fn vjp(&self, g: &mut Graph, at: &Vjp<'_>) -> Result<Vec<Option<Value>>> {
        let slope = g.scale(at.inputs[0], 2.0)?;
        let square = g.mul(at.dout, slope)?;
        if self.0 == Fault::Mean {
            return Ok(vec![Some(square)]);
        }
        let mean = g.mean_all(at.dout)?;
        let centred = g.sub(at.dout, mean)?;
        Ok(vec![Some(g.add(square, centred)?)])
    }
    fn variants(&self, _: &[TensorType], _: &TensorType, _: &Caps) -> Vec<Lowering> {
        vec![]
    }
}

impl Reference for Centred {
    fn reference<T: Real>(&self, inputs: &[View<'_, T>], out: &mut [T]) {
        let x = inputs[0].real();
        let mut sum = T::ZERO;
        x.iter().for_each(|&x| sum += x);
        let mean = sum / T::of(x.len() as f64);
        for (out, &x) in out.iter_mut().zip(x) {
            *out = match self.0 {
                Fault::Cancellation => (x + T::of(1e4)) * (x + T::of(1e4)) - T::of(19_999.0) * x - T::of(1e8) - mean,
                _ => x * x + x - mean,
            };
        }
    }
}

fn square(fault: Fault) -> OpCase {
    OpCase::new("canary", Square(fault), [Gen::normal([257]), Gen::normal([257])]).tol(Tol {
        abs: 1e-6,
        rel: 1e-6,
        depth: 0.0,
    })
}

fn norm(fault: Fault) -> OpCase {
    // 61 squares, each rounded once, through a tree or a row of additions.
    OpCase::new("canary", Norm(fault), [Gen::normal([61])]).tol(Tol { abs: 0.0, rel: 62.0 * 6e-8, depth: 0.0 })
}

fn centred(fault: Fault) -> OpCase {
    OpCase::new("canary", Centred(fault), [Gen::normal([37])]).tol(Tol { abs: 1e-5, rel: 1e-6, depth: 0.0 })
}

/// `check` must refuse `case` with a message that contains `says`.
fn caught(check: impl Fn(&OpCase) -> Result<()>, case: &OpCase, says: &str) {
    match check(case) {
        Ok(()) => panic!("{:?} went unnoticed", case.op),
        Err(e) => assert!(e.to_string().contains(says), "{:?}: {e}", case.op),
    }
}

#[test]
fn faultless_ops_pass() {
    let (a, b, c) = (square(Fault::None), norm(Fault::None), centred(Fault::None));
    for check in [cpu, translations, parity, check_gradient] {
        check(&a).unwrap();
    }
    for check in [cpu, translations, parity] {
        check(&b).unwrap();
    }
    for check in [cpu, check_gradient] {
        check(&c).unwrap();
    }
}

#[test]
fn wrong_kernels_are_caught() {
    caught(parity, &square(Fault::LastElement), "element 256 is NaN");
    caught(parity, &square(Fault::Shifted), "writes behind its output");
    caught(parity, &square(Fault::Behind), "writes behind its output");
    caught(parity, &square(Fault::Term), "257 of 257 are wrong");
    caught(parity, &square(Fault::Constant), "are wrong");
    caught(parity, &norm(Fault::Race), "instead of");
    caught(parity, &square(Fault::NoKernel), "no kernel");
}

#[test]
fn broken_kernels_are_refused_by_name() {
    caught(translations, &square(Fault::Syntax), "canary_square");
    caught(translations, &square(Fault::Binding), "canary_square");
}

#[test]
fn wrong_references_and_gradients_are_caught() {
    caught(cpu, &centred(Fault::Cancellation), "are wrong");
    caught(check_gradient, &square(Fault::Sign), "gradient of input 1");
    caught(check_gradient, &square(Fault::Factor), "gradient of input 0");
    caught(check_gradient, &centred(Fault::Mean), "gradient of input 0");
}

/// Why the gradient check draws its cotangent: for a plain sum the faulty rule gives the right gradient.
#[test]
fn a_plain_sum_would_not_catch_the_missing_mean() {
    let x: Vec<f32> = Gen::normal([37]).draw(3).unwrap().as_f32().to_vec();
    let gradient = |fault| -> Vec<f64> {
        let mut g = Graph::new();
        let input = g.input("x", TensorType::f32([37])).unwrap();
        let y = g.apply(Centred(fault), &[input]).unwrap();
        let loss = g.sum_all(y).unwrap();
        let grad = g.grad(loss, &[input]).unwrap()[0];
        let layout = StoreLayout::default();
        let mut memory = Memory::<f64>::new(&layout);
        let mut interpreter = Interpreter::<f64>::new(&g, &[grad], &layout).unwrap();
        interpreter.write("x", &Array::f32([37], x.clone()).unwrap()).unwrap();
        interpreter.run(&mut memory).unwrap();
        interpreter.read_real(grad, &memory).to_vec()
    };
    for (right, wrong) in gradient(Fault::None).iter().zip(gradient(Fault::Mean)) {
        assert!((right - wrong).abs() < 1e-12, "{right} against {wrong}");
    }
}
