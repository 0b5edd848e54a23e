//! The device layer on a real adapter: hand-built programs with tiny kernels. No adapter is a failure, never a skip.

use std::sync::{Arc, OnceLock};
use wavae::Error;
use wavae::gpu::device::{Kind, adapters};
use wavae::gpu::select::{Environment, INSTALL_SOFTWARE, Power, choose};
use wavae::gpu::{DeviceInfo, Gpu, GpuExecutable, GpuStore, LimitsChoice, Request};
use wavae::lower::program::{
    Arena, BufferKey, Dispatch, Group, InputSlot, Output, ParamRange, Place, Program, Shard, StoreLayout,
};
use wavae::lower::shader::Shader;
use wavae::tensor::TensorType;

const N: usize = 1000; // not a multiple of the workgroup
const AFFINE: &str = "
struct Params { n: u32, b: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> a: array<f32>; // one element, a small input
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if id.x < p.n { y[id.x] = a[0] * x[id.x] + p.b; }
}";

/// Hardware if there is some, else a software adapter; `WAVAE_TEST_DEVICE` overrides.
fn open(limits: LimitsChoice) -> Gpu {
    let request: Request = std::env::var("WAVAE_TEST_DEVICE").unwrap_or("auto".into()).parse().unwrap();
    let gpu = Gpu::open(&request, limits).and_then(|gpu| match gpu {
        Some(gpu) => Ok(Some(gpu)),
        None => Gpu::open(&Request::Software, limits),
    });
    match gpu {
        Ok(Some(gpu)) => gpu,
        Ok(None) => panic!("these tests need an adapter; {INSTALL_SOFTWARE}"),
        Err(error) => panic!("these tests need an adapter: {error}"),
    }
}

fn gpu() -> Gpu {
    static GPU: OnceLock<Gpu> = OnceLock::new();
    GPU.get_or_init(|| open(LimitsChoice::from_env().unwrap())).clone()
}

fn place(buffer: BufferKey, offset: u64, size: u64) -> Place {
    Place { buffer, offset, size }
}

fn params(n: usize, b: f32) -> Vec<u8> {
    [(n as u32).to_le_bytes(), b.to_le_bytes()].concat()
}

fn affine() -> Arc<Shader> {
    Shader::from_source("affine", AFFINE).unwrap()
}

fn dispatch(from: Place, to: Place, b: f32) -> Dispatch {
    let a = place(BufferKey::Scalars, 256, 4);
    Dispatch {
        label: "test/affine".into(),
        shader: affine(),
        groups: vec![Group { params: params(N, b), storage: vec![from, a, to] }],
        grid: [N.div_ceil(64) as u32, 1, 1],
    }
}

/// `slot 1 = a · (a · x + 1) + 2` by way of slot 0.
fn program() -> Program {
    let bytes = 4 * N as u64;
    let x = place(BufferKey::Input(0), 0, bytes);
    let [s, t] = [0, 1].map(|slot| place(BufferKey::Slot(slot), 0, bytes));
    let skipped = Dispatch { grid: [0, 1, 1], ..dispatch(x.clone(), t.clone(), 9.0) };
    Program {
        dispatches: vec![dispatch(x.clone(), s.clone(), 1.0), dispatch(s, t.clone(), 2.0), skipped],
        slots: vec![bytes, bytes + 8],
        inputs: vec![
            InputSlot { name: "x".into(), ty: TensorType::f32([N]), place: x },
            InputSlot { name: "a".into(), ty: TensorType::f32([1]), place: place(BufferKey::Scalars, 256, 4) },
        ],
        scalars_bytes: 512,
        outputs: vec![
            Output { ty: TensorType::f32([N]), place: t.clone() },
            Output { ty: TensorType::f32([1]), place: Place { size: 4, ..t } },
        ],
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn input() -> Vec<f32> {
    (0..N).map(|i| i as f32 - 500.0).collect() // integers: the arithmetic below is exact
}

fn expected(a: f32) -> Vec<f32> {
    input().iter().map(|x| a * (a * x + 1.0) + 2.0).collect()
}

fn compile(gpu: &Gpu, program: Program) -> GpuExecutable {
    GpuExecutable::compile(gpu, &GpuStore::new(gpu, &StoreLayout::default()), program).unwrap()
}

fn compile_error(program: Program) -> Error {
    let gpu = gpu();
    match GpuExecutable::compile(&gpu, &GpuStore::new(&gpu, &StoreLayout::default()), program) {
        Ok(_) => panic!("must be refused"),
        Err(error) => error,
    }
}

fn check_program(gpu: &Gpu) {
    let mut exec = compile(gpu, program());
    let y = exec.program().outputs[0].place.clone();
    exec.write_input(0, &bytes(&input())).unwrap();
    for a in [2.0f32, -3.0] {
        exec.write_input(1, &a.to_le_bytes()).unwrap();
        exec.run().unwrap();
        assert_eq!(floats(&exec.read(&y).unwrap()), expected(a));
    }
    gpu.check().unwrap();
}

#[test]
fn a_program_runs_and_follows_its_small_inputs() {
    check_program(&gpu());
}

#[test]
fn a_program_runs_with_default_limits() {
    let gpu = open(LimitsChoice::Default);
    let (caps, minimum) = (gpu.caps(), wavae::lower::caps::Caps::minimum());
    let (software, slow_compiler) = (caps.software, caps.slow_compiler);
    assert_eq!(*caps, wavae::lower::caps::Caps { software, slow_compiler, ..minimum });
    check_program(&gpu);
}

#[test]
fn poisoned_slots_are_nan_up_to_the_last_element() {
    let gpu = gpu();
    let exec = compile(&gpu, program());
    let whole = place(BufferKey::Slot(1), 0, 4 * N as u64 + 8);
    assert!(
        floats(&exec.read(&whole).unwrap()).iter().all(|&v| v == 0.0) || std::env::var_os("WAVAE_POISON").is_some()
    );
    exec.poison().unwrap();
    assert!(floats(&exec.read(&whole).unwrap()).iter().all(|v| v.to_bits() == 0x7fc0_0000));
    let mut exec = exec;
    exec.write_input(0, &bytes(&input())).unwrap();
    exec.run().unwrap();
    let after = floats(&exec.read(&whole).unwrap());
    assert_eq!(after[..N], vec![2.0; N]); // a = 0
    assert!(after[N..].iter().all(|v| v.is_nan()), "past the tensor nothing is written");
}

#[test]
fn queued_runs_come_back_in_order_with_the_values_of_their_run() {
    let gpu = gpu();
    let mut exec = compile(&gpu, program());
    exec.write_input(0, &bytes(&input())).unwrap();
    let mut got = Vec::new();
    for step in 0..50u64 {
        exec.write_input(1, &(step as f32).to_le_bytes()).unwrap();
        exec.queue(step, &[1, 0]).unwrap();
        if step < 12 && step % 4 != 1 {
            exec.submit().unwrap(); // the rest is submitted by 32 at once
        }
        got.extend(exec.collect().unwrap());
    }
    got.extend(exec.drain().unwrap());
    assert_eq!(got.len(), 50);
    for (step, (tag, outputs)) in got.iter().enumerate() {
        let want = expected(step as f32);
        assert_eq!(*tag, step as u64);
        assert_eq!(floats(&outputs[0]), want[..1]);
        assert_eq!(floats(&outputs[1]), want);
    }
    assert!(matches!(exec.queue(0, &[2]), Err(Error::Name(_))));
    assert!(exec.drain().unwrap().is_empty());
}

#[test]
fn profile_times_every_dispatch_that_runs() {
    let gpu = gpu();
    let mut exec = compile(&gpu, program());
    exec.write_input(0, &bytes(&input())).unwrap();
    exec.write_input(1, &5f32.to_le_bytes()).unwrap();
    let times = exec.profile().unwrap();
    assert_eq!(times.len(), 2, "the empty dispatch is left out");
    assert!(times.iter().all(|(label, ms)| label == "test/affine" && (0.0..60e3).contains(ms)), "{times:?}");
    assert_eq!(floats(&exec.read(&exec.program().outputs[0].place.clone()).unwrap()), expected(5.0));
}

fn shards(lens: &[usize]) -> Vec<Shard> {
    lens.iter().map(|&len| Shard { len, group: 0 }).collect()
}

fn layout() -> StoreLayout {
    let range = |name: &str, shard, offset| ParamRange { name: name.into(), ty: TensorType::f32([N]), shard, offset };
    StoreLayout {
        params: vec![range("w", 0, 0), range("v", 0, 1024), range("u", 1, 0)],
        shards: shards(&[2048, 1024]),
        states: vec![("images".into(), TensorType::u8([7])), ("mean".into(), TensorType::f32([3]))],
    }
}

#[test]
fn a_store_keeps_arenas_and_states_and_allocates_on_demand() {
    let gpu = gpu();
    let store = GpuStore::new(&gpu, &layout());
    assert_eq!(store.allocated_bytes(), 0);
    store.ensure(Arena::Params).unwrap();
    assert_eq!(store.allocated_bytes(), 4 * 3072);
    let w = place(BufferKey::Arena(Arena::Params, 0), 0, 4 * N as u64);
    let v = Place { offset: 4096, ..w.clone() };
    assert_eq!(floats(&store.read(&v).unwrap()), vec![0.0; N]);
    store.write(&v, &bytes(&input())).unwrap();
    assert_eq!(floats(&store.read(&v).unwrap()), input());
    assert_eq!(floats(&store.read(&w).unwrap()), vec![0.0; N]);
    let images = place(BufferKey::State("images".into()), 0, 8);
    store.write(&images, &[1, 2, 3, 4, 5, 6, 7]).unwrap();
    assert_eq!(store.read(&images).unwrap(), [1, 2, 3, 4, 5, 6, 7, 0]);
    assert_eq!(store.allocated_bytes(), 4 * 3072 + 8);
    let wrong = [
        store.write(&images, &[0; 9]),
        store.read(&Place { offset: 4, ..images }).map(drop),
        store.read(&place(BufferKey::State("none".into()), 0, 4)).map(drop),
        store.read(&place(BufferKey::Arena(Arena::Params, 2), 0, 4)).map(drop),
        store.read(&place(BufferKey::Slot(0), 0, 4)).map(drop),
    ];
    assert!(wrong.iter().all(|r| matches!(r, Err(Error::Gpu(_)))), "{wrong:?}");
    gpu.check().unwrap();
}

#[test]
fn an_executable_shares_the_buffers_of_its_store() {
    let gpu = gpu();
    let store = GpuStore::new(&gpu, &layout());
    let v = place(BufferKey::Arena(Arena::Params, 0), 4096, 4 * N as u64);
    let u = place(BufferKey::Arena(Arena::Moment1, 1), 0, 4 * N as u64);
    let mut program = program();
    let w = Place { offset: 0, ..v.clone() };
    let t = place(BufferKey::Arena(Arena::Moment1, 0), 4096, 4 * N as u64);
    program.dispatches = vec![dispatch(v.clone(), u.clone(), 1.0), dispatch(w, t.clone(), 7.0)];
    let mut exec = GpuExecutable::compile(&gpu, &store, program).unwrap();
    assert_eq!(store.allocated_bytes(), 4 * (2048 + 1024 + 2048), "only what the program binds");
    store.write(&v, &bytes(&input())).unwrap();
    exec.write_input(1, &3f32.to_le_bytes()).unwrap();
    exec.run().unwrap();
    let want: Vec<f32> = input().iter().map(|x| 3.0 * x + 1.0).collect();
    assert_eq!(floats(&store.read(&u).unwrap()), want);
    assert_eq!(floats(&store.read(&t).unwrap()), vec![7.0; N]);
}

#[test]
fn large_transfers_arrive_whole() {
    let gpu = gpu();
    let len = 9 << 20; // 36 MiB of f32: three pieces, the last one short
    let values: Vec<u8> = (0..4 * len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let layout = StoreLayout { shards: shards(&[len]), ..Default::default() };
    let store = GpuStore::new(&gpu, &layout);
    let whole = place(BufferKey::Arena(Arena::Params, 0), 0, values.len() as u64);
    store.write(&whole, &values).unwrap();
    assert!(store.read(&whole).unwrap() == values);
}

#[test]
fn memory_beyond_a_limit_is_a_typed_error_that_names_the_buffer() {
    let gpu = open(LimitsChoice::Default);
    let layout = StoreLayout { shards: shards(&[1 << 40]), ..Default::default() };
    match GpuStore::new(&gpu, &layout).ensure(Arena::Grads) {
        Err(Error::OutOfMemory { what, bytes, detail }) => {
            assert_eq!((what.as_str(), bytes), ("arena Grads, shard 0", 4 << 40));
            assert!(detail.contains("134217728"), "{detail}");
        }
        other => panic!("{other:?}"),
    }
    gpu.check().unwrap();
}

#[test]
fn defects_of_lowering_name_the_dispatch() {
    type Damage = fn(&mut Dispatch);
    let breaks: [(Damage, &str); 6] = [
        (|d| d.groups[0].params.clear(), "0 bytes for a uniform of 8"),
        (|d| drop(d.groups[0].storage.pop()), "2 buffers for 3 storage bindings"),
        (|d| d.groups.clear(), "0 groups given, the kernel has 1"),
        (|d| d.grid[1] = u32::MAX, "4294967295 workgroups"),
        (|d| d.groups[0].storage[0] = d.groups[0].storage[2].clone(), "both read and read_write"),
        (|d| d.groups[0].storage[0].size = 1 << 20, "does not fit its buffer"),
    ];
    for (damage, words) in breaks {
        let mut program = program();
        damage(&mut program.dispatches[1]);
        let error = compile_error(program).to_string();
        assert!(error.contains("test/affine") && error.contains(words), "{words}: {error}");
    }
    let mut odd = program();
    odd.dispatches[0].groups[0].storage[0].offset = 4;
    odd.dispatches[0].groups[0].storage[0].size -= 4;
    if gpu().caps().storage_align > 4 {
        assert!(compile_error(odd).to_string().contains("not a multiple of"));
    }
    gpu().check().unwrap();
}

#[test]
fn a_kernel_that_the_device_cannot_run_is_a_typed_error() {
    let mut program = program();
    program.dispatches[0].shader =
        Shader::from_source("wide", &AFFINE.replace("workgroup_size(64)", "workgroup_size(16384)")).unwrap();
    match compile_error(program) {
        Error::Shader { kernel, message } => assert!(kernel == "wide" && message.contains("16384"), "{message}"),
        other => panic!("{other}"),
    }
    gpu().check().unwrap();
}

#[test]
fn wrong_inputs_are_refused() {
    let mut exec = compile(&gpu(), program());
    assert!(matches!(exec.write_input(2, &[]), Err(Error::Name(_))));
    let error = exec.write_input(0, &[0; 8]).unwrap_err().to_string();
    assert!(error.contains("input x") && error.contains("8 bytes"), "{error}");
    assert!(exec.write_input(1, &[0; 8]).is_err());
}

/// Two kernels with the same bindings share a bind group; a long program is cut in several submissions at first.
#[test]
fn long_programs_of_several_kernels_run_in_order() {
    let gpu = gpu();
    let mut program = program();
    let bytes = 4 * N as u64;
    let [s, t] = [0, 1].map(|slot| place(BufferKey::Slot(slot), 0, bytes));
    let negated = Shader::from_source("negated", &AFFINE.replace("a[0] * x", "-a[0] * x")).unwrap();
    program.dispatches.truncate(1); // s = a x + 1
    for _ in 0..20 {
        program.dispatches.push(dispatch(s.clone(), t.clone(), 2.0)); // t = a s + 2
        program.dispatches.push(dispatch(t.clone(), s.clone(), 3.0)); // s = -a t + 3
        program.dispatches.last_mut().unwrap().shader = negated.clone();
    }
    let mut exec = compile(&gpu, program);
    exec.write_input(0, &self::bytes(&input())).unwrap();
    exec.write_input(1, &1f32.to_le_bytes()).unwrap();
    let x = input();
    for _ in 0..4 {
        exec.run().unwrap();
        let got = floats(&exec.read(&s).unwrap());
        // s → -(s + 2) + 3 = 1 - s: after 20 rounds s is x + 1 again.
        assert_eq!(got, x.iter().map(|x| x + 1.0).collect::<Vec<_>>());
        let t = floats(&exec.read(&t).unwrap());
        assert_eq!(t, x.iter().map(|x| 1.0 - (x + 1.0) + 2.0).collect::<Vec<_>>());
    }
}

/// Thousands of queued runs: the queue stays short, results stay right.
#[test]
fn many_runs_in_a_row() {
    let gpu = gpu();
    let mut exec = compile(&gpu, program());
    exec.write_input(0, &bytes(&input())).unwrap();
    for step in 0..2000 {
        exec.write_input(1, &(step as f32 % 7.0).to_le_bytes()).unwrap();
        exec.run().unwrap();
    }
    let y = exec.program().outputs[0].place.clone();
    assert_eq!(floats(&exec.read(&y).unwrap()), expected(1999.0 % 7.0));
}

#[test]
fn several_executables_run_on_several_threads() {
    let gpu = gpu();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| check_program(&gpu));
        }
    });
}

#[test]
fn an_unknown_device_name_lists_the_adapters() {
    let error = Gpu::open(&Request::Named("No Such Adapter".into()), LimitsChoice::Adapter).unwrap_err().to_string();
    assert!(error.contains("No Such Adapter"), "{error}");
    for adapter in adapters().unwrap() {
        assert!(error.contains(&adapter.name), "{error}");
    }
}

#[test]
fn the_cpu_needs_no_adapter() {
    assert!(Gpu::open(&Request::Cpu, LimitsChoice::Adapter).unwrap().is_none());
}

#[test]
fn requests_parse() {
    let parse = |text: &str| text.parse::<Request>().unwrap();
    assert_eq!(
        ["auto", "GPU", " Software", "cpu"].map(parse),
        [Request::Auto, Request::Gpu, Request::Software, Request::Cpu]
    );
    assert_eq!(parse("GeForce RTX"), Request::Named("GeForce RTX".into()));
    assert!("".parse::<Request>().is_err());
}

#[test]
fn the_choice_follows_request_name_and_power() {
    let info = |name: &str, kind| DeviceInfo {
        name: name.into(),
        driver: "d".into(),
        driver_info: "1.2".into(),
        backend: "vulkan".into(),
        kind,
    };
    let all = [
        info("llvmpipe (LLVM 19)", Kind::Software),
        info("Iris Xe", Kind::Integrated),
        info("GeForce RTX", Kind::Discrete),
    ];
    let plain = Environment::default();
    let low = Environment { power: Power::Low, ..plain.clone() };
    let named = |name: &str| Environment { name: Some(name.into()), ..plain.clone() };
    let of = |adapters: &[DeviceInfo], request: Request, env: &Environment| choose(adapters, &request, env);
    assert_eq!(of(&all, Request::Auto, &plain).unwrap(), Some(2));
    assert_eq!(of(&all, Request::Auto, &low).unwrap(), Some(1));
    assert_eq!(of(&all, Request::Auto, &named("LLVM")).unwrap(), Some(0), "a software adapter by name");
    assert_eq!(of(&all, Request::Gpu, &plain).unwrap(), Some(2));
    assert_eq!(of(&all, Request::Software, &plain).unwrap(), Some(0));
    assert_eq!(of(&all, Request::Named("iris".into()), &named("GeForce")).unwrap(), Some(1), "the request wins");
    assert_eq!(of(&all, Request::Cpu, &named("nothing")).unwrap(), None);
    assert_eq!(of(&all[..1], Request::Auto, &plain).unwrap(), None, "no hardware: the caller's CPU device");
    assert_eq!(of(&[], Request::Auto, &plain).unwrap(), None);
    let words = |r: wavae::Result<Option<usize>>| r.unwrap_err().to_string();
    let unmatched = words(of(&all, Request::Auto, &named("radeon")));
    assert!(unmatched.contains("WGPU_ADAPTER_NAME=\"radeon\"") && unmatched.contains("Iris Xe"), "{unmatched}");
    assert!(words(of(&all[..1], Request::Gpu, &plain)).contains("llvmpipe"));
    assert!(words(of(&all, Request::Gpu, &named("llvm"))).contains("no hardware adapter"));
    assert!(words(of(&all[1..], Request::Software, &plain)).contains("apt-get install mesa-vulkan-drivers"));
    assert!(words(of(&[], Request::Named("x".into()), &plain)).contains("there is no adapter at all"));
    assert_eq!(
        all[0].to_string(),
        "llvmpipe (LLVM 19) (vulkan, SOFTWARE adapter: shaders run on the CPU, driver d 1.2)"
    );
}

/// What wgpu holds on the device must not grow with the number of runs, uploads and read-backs.
#[test]
fn device_memory_is_constant_over_many_runs() {
    let gpu = open(LimitsChoice::Adapter); // its own device: other tests allocate meanwhile
    let mut exec = compile(&gpu, program());
    let mut go = |steps: std::ops::Range<u64>| {
        for step in steps {
            exec.write_input(0, &bytes(&input())).unwrap();
            exec.write_input(1, &(step as f32).to_le_bytes()).unwrap();
            exec.queue(step, &[1]).unwrap();
            exec.submit().unwrap();
            exec.collect().unwrap();
        }
        exec.drain().unwrap();
        gpu.wait().unwrap();
        gpu.allocated_bytes()
    };
    let before = go(0..100);
    let after = go(100..2000);
    if let (Some(before), Some(after)) = (before, after) {
        assert!(before > 0 && after <= before, "{before} bytes after 100 runs, {after} after 2000");
    }
}
