//! Graphs know which tensors hold one number everywhere: constants are folded, stretched numbers are read as numbers, and
//! nothing of it changes a value or a gradient.

use wavae::cpu::{Interpreter, Memory};
use wavae::graph::{Graph, Value};
use wavae::{Array, TensorType};

/// What `root` computes in f64 with `s` = 3 and `x` = 1, 2, …, 6 as a 2 × 3 matrix.
fn value(g: &Graph, root: Value) -> Vec<f64> {
    let layout = g.layout();
    let mut interpreter = Interpreter::<f64>::new(g, &[root], &layout).unwrap();
    for (name, array) in [
        ("s", Array::f32([], vec![3.0]).unwrap()),
        ("x", Array::f32([2, 3], (1..7).map(|i| i as f32).collect()).unwrap()),
    ] {
        if g.find(name).is_some() {
            interpreter.write(name, &array).unwrap();
        }
    }
    let mut memory = Memory::<f64>::new(&layout);
    interpreter.run(&mut memory).unwrap();
    interpreter.read_real(root, &memory).to_vec()
}

fn inputs(g: &mut Graph) -> (Value, Value) {
    (g.input("s", TensorType::f32([])).unwrap(), g.input("x", TensorType::f32([2, 3])).unwrap())
}

/// Live nodes that are neither inputs nor aliases.
fn computed(g: &Graph, root: Value) -> usize {
    let live = g.live(&[root]);
    let counts = |i: &usize| live[*i] && g.nodes()[*i].op().is_some_and(|op| !op.alias());
    (0..g.nodes().len()).filter(counts).count()
}

#[test]
fn constants_are_folded() {
    let mut g = Graph::new();
    let c = g.full([3], 2.0).unwrap();
    let c = g.affine(c, 3.0, 1.0).unwrap();
    let c = g.reshape(c, [3, 1]).unwrap();
    let c = g.expand(c, [3, 4]).unwrap();
    let c = g.square(c).unwrap();
    assert_eq!(computed(&g, c), 1, "{:?}", g.nodes());
    assert_eq!(value(&g, c), vec![49.0; 12]);
}

#[test]
fn neutral_constants_vanish_and_others_become_affine() {
    let mut g = Graph::new();
    let (_, x) = inputs(&mut g);
    let (one, zero, half) = (g.full([2, 3], 1.0).unwrap(), g.full([3], 0.0).unwrap(), g.full([], 0.5).unwrap());
    assert_eq!(g.mul(x, one).unwrap(), x);
    assert_eq!(g.mul(one, x).unwrap(), x);
    assert_eq!(g.add(zero, x).unwrap(), x);
    let y = g.mul(x, half).unwrap();
    let y = g.add(y, one).unwrap();
    assert_eq!(value(&g, y), [1.5, 2.0, 2.5, 3.0, 3.5, 4.0]);
    assert_eq!(g.node(y).op().unwrap().name(), "affine");
    let taller = g.full([4, 2, 3], 1.0).unwrap();
    let z = g.mul(x, taller).unwrap();
    assert_eq!(g.shape(z).dims(), [4, 2, 3], "a constant of a larger shape still stretches");
    assert_eq!(value(&g, z)[6..12], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn stretched_numbers_are_read_as_numbers() {
    let mut g = Graph::new();
    let (s, x) = inputs(&mut g);
    let wide = g.expand(s, [3]).unwrap();
    let wide = g.scale(wide, 2.0).unwrap();
    let wide = g.reshape(wide, [1, 3]).unwrap();
    let wide = g.expand(wide, [2, 3]).unwrap();
    let y = g.mul(x, wide).unwrap();
    assert_eq!(value(&g, y), [6.0, 12.0, 18.0, 24.0, 30.0, 36.0]);
    assert_eq!(computed(&g, y), 2, "2s once, then the product: {:?}", g.nodes());
    let only = g.square(wide).unwrap();
    assert_eq!(value(&g, only), [36.0; 6]);
    // Numbers of other shapes are numbers too.
    let mut one = g.reshape(s, [1]).unwrap();
    for shape in [vec![1, 1], vec![2, 3], vec![6], vec![2, 3]] {
        one = if shape.len() == 1 || g.shape(one).len() == 6 { g.reshape(one, shape) } else { g.expand(one, shape) }
            .unwrap();
    }
    let y = g.add(one, x).unwrap();
    assert_eq!(value(&g, y), [4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    // A vector is not a number.
    let row = g.sum(x, &[0]).unwrap();
    let rows = g.expand(row, [2, 3]).unwrap();
    assert_eq!(value(&g, rows), [5.0, 7.0, 9.0, 5.0, 7.0, 9.0]);
}

#[test]
fn gradients_through_them_are_whole() {
    let mut g = Graph::new();
    let (s, x) = inputs(&mut g);
    let wide = g.expand(s, [2, 3]).unwrap();
    let product = g.mul(wide, x).unwrap();
    let loss = g.mean_all(product).unwrap();
    let grads = g.grad(loss, &[s, x]).unwrap();
    assert_eq!(g.shape(grads[0]).dims(), [0usize; 0]);
    assert!((value(&g, grads[0])[0] - 3.5).abs() < 1e-6, "the mean of x: {:?}", value(&g, grads[0]));
    assert!(value(&g, grads[1]).iter().all(|d| (d - 0.5).abs() < 1e-6), "s/6: {:?}", value(&g, grads[1]));
}
