//! Sequences: labels and tokens as words, and the layers made for them, against written-out formulas on the CPU device and on
//! the test device.

mod common;

use wavae::graph::{Graph, Init, Value};
use wavae::tensor::{Array, ArrayData, TensorType};
use wavae::{Device, Executable, Result, Store};

/// The devices that everything here must agree on.
fn devices() -> [Device; 2] {
    [Device::Cpu, Device::Gpu(common::gpu())]
}

/// Runs `g` once with `writes` to its inputs, parameters and states; the values of `roots`.
fn run(device: &Device, g: &Graph, writes: &[(&str, Array)], roots: &[Value]) -> Result<Vec<Array>> {
    let store = Store::new(device, &[g])?;
    store.init(g, 1)?;
    let mut exe = Executable::compile(device, &store, g, roots)?;
    for (name, array) in writes {
        match exe.has_input(name) {
            true => exe.write(name, array)?,
            false => store.write(name, array)?,
        }
    }
    exe.run()?;
    roots.iter().map(|&v| exe.read(v)).collect()
}

/// Labels and tokens that live on the device arrive bit by bit, also where f32 cannot count so far.
#[test]
fn resident_words_are_gathered_exactly() -> Result<()> {
    let labels = [7, (1 << 24) + 1, u32::MAX];
    let tokens: Vec<u32> = (0..12).map(|i: u32| i.wrapping_mul(2_654_435_761)).collect();
    for device in devices() {
        let mut g = Graph::new();
        let rows = g.input("rows", TensorType::u32([4]))?;
        let label = g.state("labels", TensorType::u32([3]), Init::Constant(0.0))?;
        let token = g.state("tokens", TensorType::u32([3, 4]), Init::Constant(0.0))?;
        let roots = [g.gather(label, rows)?, g.gather(token, rows)?];
        let writes = [
            ("rows", Array::u32([4], vec![2, 0, 1, 2])?),
            ("labels", Array::u32([3], labels.to_vec())?),
            ("tokens", Array::u32([3, 4], tokens.clone())?),
        ];
        let found = run(&device, &g, &writes, &roots)?;
        let expected = |row: usize, table: &[u32]| [2, 0, 1, 2].map(|r| table[r * row..][..row].to_vec()).concat();
        assert_eq!(found[0].data, ArrayData::U32(expected(1, &labels)), "{device}");
        assert_eq!(found[1].data, ArrayData::U32(expected(4, &tokens)), "{device}");
    }
    Ok(())
}
