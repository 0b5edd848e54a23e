//! WGSL assembly and reflection: directives, errors with their place, binding layouts, and the table of files.

use std::path::Path;
use std::sync::Arc;
use wavae::lower::assemble::{Assembly, SpecValue};
use wavae::lower::shader::{Access, Shader};
use wavae::lower::sources::SOURCES;

const KERNEL: &str = r#"
#import "lib/a.wgsl"
#import "lib/b.wgsl" // comment
const TM: u32 = 4u; // spec: rows per invocation
const SCALE: f32 = 1.0; // spec
const FAST: bool = false; // spec
const OFF: i32 = 0; // spec
const PLAIN: u32 = 7u; // not a spec
struct Params { n: u32, m: u32, v: vec4<f32>, s: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
var<workgroup> tile: array<f32, 8 * TM>;
@compute @workgroup_size(8, TM)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    tile[id.x % 8u] = 0.0;
    if id.x < p.n { y[id.x] = twice(x[id.x]) * SCALE + f32(OFF) + select(0.0, 1.0, FAST) + f32(PLAIN); }
}
"#;
const A: &str = "#import \"lib/b.wgsl\"\nfn twice(v: f32) -> f32 { return v * two(); }\n";
const B: &str = "fn two() -> f32 { return 2.0; }\n";
const FILES: [(&str, &str); 3] = [("t.wgsl", KERNEL), ("lib/a.wgsl", A), ("lib/b.wgsl", B)];

fn message(assembly: Assembly) -> String {
    assembly.assemble().expect_err("must be refused").to_string()
}

fn of<'a>(inject: &'a [(&'a str, &'a str)]) -> Assembly<'a> {
    Assembly { kernel: "t", inject, ..Default::default() }
}

#[test]
fn imports_are_pasted_once_and_constants_replaced() {
    let spec = [
        ("TM", SpecValue::U32(2)),
        ("SCALE", SpecValue::F32(1e-7)),
        ("FAST", SpecValue::Bool(true)),
        ("OFF", SpecValue::I32(i32::MIN)),
    ];
    let shader = Assembly { spec: &spec, ..of(&FILES) }.assemble().unwrap();
    assert_eq!(shader.source.matches("fn two").count(), 1);
    assert!(shader.source.find("fn two").unwrap() < shader.source.find("fn twice").unwrap());
    for line in
        ["const TM: u32 = 2u;", "const SCALE: f32 = 1e-7f;", "const FAST: bool = true;", "const PLAIN: u32 = 7u;"]
    {
        assert!(shader.source.contains(line), "{line} in\n{}", shader.source);
    }
    assert_eq!(shader.workgroup_size(), [8, 2, 1]);
    assert_eq!(shader.invocations(), 16);
    assert_eq!(shader.workgroup_bytes(), 64);
    assert_eq!(shader.name, "t");
    assert_eq!(shader.entry(), "main");
    let again = Assembly { kernel: "t.wgsl", spec: &spec, ..of(&FILES) }.assemble().unwrap();
    assert!(Arc::ptr_eq(&shader, &again), "equal variants are validated once");
    let default = of(&FILES).assemble().unwrap();
    assert_eq!(default.workgroup_size(), [8, 4, 1]);
}

#[test]
fn reflection_gives_bindings_and_field_offsets() {
    let shader = of(&FILES).assemble().unwrap();
    let [group] = shader.layout() else { panic!("one group") };
    assert_eq!(group.uniform, Some(48));
    let storage: Vec<_> = group.storage.iter().map(|b| (b.name.as_str(), b.access)).collect();
    assert_eq!(storage, [("x", Access::Read), ("y", Access::ReadWrite)]);
    let fields: Vec<_> = shader.uniform_fields(0).into_iter().map(|f| (f.name, f.offset, f.size)).collect();
    let want = [("n", 0, 4), ("m", 4, 4), ("v", 16, 16), ("s", 32, 4)].map(|(n, o, s)| (n.to_string(), o, s));
    assert_eq!(fields, want);
    assert!(shader.uniform_fields(1).is_empty());
}

#[test]
fn substitution_takes_another_file() {
    let files = [FILES[0], FILES[1], FILES[2], ("lib/c.wgsl", "fn two() -> f32 { return 3.0; }\n")];
    let shader = Assembly { substitute: &[("lib/b.wgsl", "lib/c.wgsl")], ..of(&files[..2]) };
    let inject = [files[0], files[1], files[3]];
    let shader = Assembly { inject: &inject, ..shader }.assemble().unwrap();
    assert!(shader.source.contains("return 3.0") && !shader.source.contains("return 2.0"));
}

#[test]
fn what_is_unknown_is_an_error() {
    let nope = message(Assembly { kernel: "no_such_kernel", ..Default::default() });
    assert!(nope.contains("shaders/no_such_kernel.wgsl"), "{nope}");
    let import = message(of(&[("t.wgsl", "#import \"lib/none.wgsl\"")]));
    assert!(import.contains("lib/none.wgsl") && import.contains("t.wgsl"), "{import}");
    let spec = message(Assembly { spec: &[("TN", SpecValue::U32(1))], ..of(&FILES) });
    assert!(spec.contains("TN") && spec.contains("TM, SCALE, FAST, OFF"), "{spec}");
    let typed = message(Assembly { spec: &[("TM", SpecValue::F32(1.0))], ..of(&FILES) });
    assert!(typed.contains("t.wgsl:4") && typed.contains("F32"), "{typed}");
    let nan = message(Assembly { spec: &[("SCALE", SpecValue::F32(f32::NAN))], ..of(&FILES) });
    assert!(nan.contains("NaN"), "{nan}");
    let directive = message(of(&[("t.wgsl", "\n#ifdef X")]));
    assert!(directive.contains("t.wgsl:2") && directive.contains("#ifdef X"), "{directive}");
    let substitute = message(Assembly { substitute: &[("lib/z.wgsl", "lib/b.wgsl")], ..of(&FILES) });
    assert!(substitute.contains("lib/z.wgsl"), "{substitute}");
    let shape = message(of(&[("t.wgsl", "const X = 4; // spec")]));
    assert!(shape.contains("const NAME: u32 = 4u; // spec"), "{shape}");
}

#[test]
fn import_cycles_are_errors() {
    let files = [("t.wgsl", "#import \"a.wgsl\""), ("a.wgsl", "#import \"b.wgsl\""), ("b.wgsl", "#import \"a.wgsl\"")];
    let cycle = message(of(&files));
    assert!(cycle.contains("t.wgsl → a.wgsl → b.wgsl → a.wgsl"), "{cycle}");
}

#[test]
fn errors_of_naga_show_the_line_and_the_file_it_came_from() {
    let parse = message(of(&[FILES[0], ("lib/a.wgsl", "\nfn twice(v: f32) -> f32 { return w; }"), FILES[2]]));
    assert!(parse.contains("return w;") && parse.contains("lib/a.wgsl:2"), "{parse}");
    let unsound = "@group(0) @binding(1) var<storage, read_write> y: array<f32>;\nvar<workgroup> a: f32;\n\
        @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {\n\
        if y[i] > 0.0 { workgroupBarrier(); }\n let z: vec2<f32> = vec2<f32>(a, a); y[i] = dot(z, vec3<f32>()); }";
    let valid = Shader::from_source("bad", unsound).expect_err("must be refused").to_string();
    assert!(valid.starts_with("shader bad: "), "{valid}");
}

#[test]
fn bindings_must_follow_the_convention() {
    let source = |bindings: &str| format!("{bindings}\n@compute @workgroup_size(1) fn main() {{ }}");
    for bindings in [
        "@group(0) @binding(0) var<storage, read> x: array<f32>;",
        "@group(0) @binding(2) var<storage, read> x: array<f32>;",
        "@group(0) @binding(1) var<uniform> x: vec4<f32>;",
        "@group(0) @binding(1) var x: sampler;",
    ] {
        let error = Shader::from_source("b", &source(bindings)).expect_err(bindings).to_string();
        assert!(error.contains("`x` at group 0"), "{error}");
    }
    let second = source("@group(1) @binding(1) var<storage, read> x: array<f32>;");
    let shader = Shader::from_source("b", &second).unwrap();
    assert_eq!(shader.layout().len(), 2);
    assert_eq!((shader.layout()[0].uniform, shader.layout()[0].storage.len()), (None, 0));
}

#[test]
fn the_table_holds_every_file_of_the_folder() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "wgsl") {
                files.push(path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }
    files.sort();
    let table: Vec<_> = SOURCES.iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(table, files, "src/lower/sources.rs against shaders/, sorted");
}
