//! Which core (`shaders/gemm/`) and which tile a matrix-product kernel runs with: the choice shared by matmul and conv.

use super::{Launch, Spare};
use crate::lower::caps::Caps;

/// A schedule under `shaders/gemm/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Core {
    /// Asks nothing of the device.
    Direct,
    /// Panels in workgroup memory: for GPUs.
    Tiled {
        /// Invocations down the tile.
        down: u32,
        /// Eights of k at a time.
        eights: u32,
    },
    /// One subgroup a workgroup, lanes along the columns.
    Subgroup,
    /// The same with the right operand fetched by fours: where [`Right::fours`].
    Vector,
    /// One subgroup a workgroup, lanes along k: for few columns.
    Dot,
}

/// How the right operand of a product lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// Its columns are neighbours, and every row starts at a multiple of eight.
    Eights,
    /// Its columns are neighbours, and every row starts at a multiple of four.
    Fours,
    /// Its columns are neighbours.
    Rows,
    /// Its columns lie far apart, as those of a transposed operand do.
    Columns,
    /// The same, its k are neighbours, and every column starts at a multiple of four, as do the k of every product.
    Depth,
}

impl Right {
    /// An operand of `n` columns side by side, the rows (and batches or groups) at multiples of `n`.
    pub fn rows(n: usize) -> Self {
        match n {
            _ if n.is_multiple_of(8) => Self::Eights,
            _ if n.is_multiple_of(4) => Self::Fours,
            _ => Self::Rows,
        }
    }

    /// Whether the vector core may fetch it.
    pub fn fours(self) -> bool {
        matches!(self, Self::Eights | Self::Fours)
    }

    /// Whether its columns are neighbours.
    fn beside(self) -> bool {
        !matches!(self, Self::Columns | Self::Depth)
    }
}

/// How the left operand lies: what may be fetched of it by fours, all starting at multiples of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Four rows of one k.
    Rows,
    /// Four k of one row.
    Depth,
    /// Neither.
    Ones,
}

/// `depth` m × n products as a kernel sees them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Products {
    /// Rows and columns of each.
    pub size: [usize; 2],
    /// How many there are: batches, channel groups, parity classes, splits.
    pub depth: u64,
    /// The left operand.
    pub left: Left,
    /// The right operand.
    pub right: Right,
    /// Whether neighbours in memory are neighbours along k, of the left and of the right operand.
    pub deep: [bool; 2],
}

/// A core with its tile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tile {
    /// The variant's name.
    pub name: &'static str,
    core: Core,
    left: Left,
    deep: [bool; 2],
    right: Right,
    /// Whether fours, and eights of the right operand, are fetched as integers of 64 bits.
    wide: bool,
    /// Invocations a workgroup.
    lanes: u32,
    /// Blocks of four rows and of four columns an invocation; rows and columns themselves for the dot core.
    blocks: [u32; 2],
    /// GFLOP/s where nothing is wasted: measured on lavapipe for the subgroup core, otherwise only an order.
    rate: f64,
}

/// (name, blocks of rows, blocks of columns, GFLOP/s of a 512³ product on two cores of a software adapter).
const SUBGROUP: [(&str, u32, u32, f64); 7] = [
    ("subgroup 1x1", 1, 1, 17.0),
    ("subgroup 1x4", 1, 4, 24.0),
    ("subgroup 2x1", 2, 1, 28.0),
    ("subgroup 2x4", 2, 4, 36.0),
    ("subgroup 4x1", 4, 1, 39.0),
    ("subgroup 4x2", 4, 2, 46.0),
    ("subgroup 8x1", 8, 1, 44.0),
];

/// The same of the vector core that fetches fours as integers of 64 bits.
const WIDE: [(&str, u32, u32, f64); 6] = [
    ("wide 1x1", 1, 1, 26.0),
    ("wide 2x1", 2, 1, 48.0),
    ("wide 2x2", 2, 2, 60.0),
    ("wide 4x1", 4, 1, 70.0),
    ("wide 4x2", 4, 2, 77.0),
    ("wide 8x1", 8, 1, 76.0),
];

/// The same of the vector core.
const VECTOR: [(&str, u32, u32, f64); 5] = [
    ("vector 1x1", 1, 1, 20.0),
    ("vector 2x1", 2, 1, 38.0),
    ("vector 2x2", 2, 2, 52.0),
    ("vector 4x1", 4, 1, 58.0),
    ("vector 4x2", 4, 2, 68.0),
];

/// (name, invocations down and across, blocks of rows and of columns an invocation, eights of k at a time, ‰ of a GPU's
/// products a clock where nothing is wasted: supposed, not measured).
type Tiling = (&'static str, [u32; 2], [u32; 2], u32, f64);

/// None needs more than 16 KiB of workgroup memory.
const TILED: [Tiling; 5] = [
    ("tiled 128x128", [16, 16], [2, 2], 1, 800.0),
    ("tiled 128x64", [16, 16], [2, 1], 1, 650.0),
    ("tiled 128x32", [16, 8], [2, 1], 1, 450.0),
    ("tiled 64x64", [16, 16], [1, 1], 2, 500.0),
    ("tiled 32x32", [8, 8], [1, 1], 2, 250.0),
];

/// What tells a software adapter which tile to test: with this the op table meets all tiles and all ways to fetch.
const SPREAD: usize = 5;

impl Tile {
    fn size(&self) -> [u64; 2] {
        let [m, n] = self.blocks.map(u64::from);
        let lanes = u64::from(self.lanes);
        match self.core {
            Core::Dot => [m, n],
            Core::Tiled { down, .. } => [4 * m * u64::from(down), 4 * n * lanes / u64::from(down)],
            _ => [4 * m, 4 * n * lanes],
        }
    }

    /// Whether the right operand is fetched by fours or eights.
    pub fn vector(&self) -> bool {
        self.core == Core::Vector
    }

    /// Workgroups that fill the device: on a GPU 256 of 256 invocations, 1,024 of 64 or fewer.
    pub fn enough(&self, caps: &Caps) -> u64 {
        if caps.software { 4 } else { 65_536 / u64::from(self.lanes.max(64)) }
    }

    /// Workgroups for an m × n product.
    pub fn groups(&self, [m, n]: [usize; 2]) -> u64 {
        let [rows, cols] = self.size();
        (m as u64).div_ceil(rows) * (n as u64).div_ceil(cols)
    }

    /// Column sums of the right operand beside the product.
    pub fn spare(&self, rows: usize, columns: usize) -> Spare {
        Spare { lanes: self.lanes, rows: rows as u32, columns: columns as u32 }
    }

    /// What the tile achieves on these products: its rate, less what overhangs the edges and what idles.
    pub fn score(&self, products: &Products, caps: &Caps) -> f64 {
        let Products { size: [m, n], depth, .. } = *products;
        let [rows, cols] = self.size();
        let groups = self.groups([m, n]) * depth;
        let (wanted, done) = ((m * n) as f64 * depth as f64, (groups * rows * cols) as f64);
        if caps.software {
            return self.rate * wanted / done * (groups as f64 / self.enough(caps) as f64).min(1.0);
        }
        // Products a clock of a GPU of 128 multiprocessors, each of 128 products a clock. Beside what all do together, a
        // workgroup waits (for workgroup memory, or for storage) and runs on one multiprocessor: that is all the time of a
        // small product.
        let wait = if let Core::Tiled { .. } = self.core { 40.0 } else { 400.0 };
        wanted / (done / (self.rate / 1000.0 * 128.0 * 128.0) + wait + (rows * cols) as f64 / 128.0)
    }

    /// `launch`, of a kernel that imports the direct core, with this core and tile.
    pub fn schedule(&self, launch: Launch) -> Launch {
        let [m, n] = self.blocks;
        const DEFAULT: &str = "gemm/direct.wgsl";
        match self.core {
            Core::Direct => launch.spec("WG", self.lanes).spec("RM", m).spec("RN", n),
            Core::Subgroup => {
                launch.import(DEFAULT, "gemm/subgroup.wgsl").spec("SG", self.lanes).spec("RM", m).spec("RN", n)
            }
            Core::Tiled { down, eights } => {
                let [a, b] = self.deep.map(u32::from);
                let mut launch = launch.import(DEFAULT, "gemm/tiled.wgsl");
                if self.left != Left::Ones {
                    launch = launch.import("gemm/left.wgsl", "gemm/left4.wgsl");
                }
                if self.left == Left::Depth {
                    launch = launch.import("gemm/left_block.wgsl", "gemm/left_block_deep.wgsl");
                }
                if self.right.fours() || self.right == Right::Depth {
                    launch = launch.import("gemm/right.wgsl", "gemm/right4.wgsl");
                }
                if self.right == Right::Depth {
                    launch = launch.import("gemm/right_block.wgsl", "gemm/right_block_deep.wgsl");
                }
                let launch = launch.spec("DOWN", down).spec("ACROSS", self.lanes / down).spec("EIGHTS", eights);
                launch.spec("RM", m).spec("RN", n).spec("A_DEEP", a).spec("B_DEEP", b)
            }
            Core::Vector => {
                debug_assert!(m <= 8, "vector_deep.wgsl multiplies eight blocks of rows");
                let core = if self.left == Left::Depth { "gemm/vector_deep.wgsl" } else { "gemm/vector.wgsl" };
                let left = if self.left == Left::Ones { "gemm/left.wgsl" } else { "gemm/left4.wgsl" };
                let launch = launch.import(DEFAULT, core).import("gemm/left.wgsl", left);
                let eights = self.wide && self.right == Right::Eights && n == 2;
                let right = if eights { "gemm/right8.wgsl" } else { "gemm/right4_lanes.wgsl" };
                let launch = fours(launch.import("gemm/right.wgsl", right), self.wide);
                launch.spec("SG", self.lanes).spec("RM", m).spec("RN", n)
            }
            Core::Dot => launch.import(DEFAULT, "gemm/dot.wgsl").spec("SG", self.lanes).spec("TM", m).spec("TN", n),
        }
    }
}

/// `launch`, of a kernel that fetches by fours, with or without integers of 64 bits.
pub(super) fn fours(launch: Launch, wide: bool) -> Launch {
    if wide { launch.import("lib/four.wgsl", "lib/four_wide.wgsl") } else { launch }
}

/// The subgroup size, where the cores have been written for it.
pub(super) fn subgroup(caps: &Caps) -> Option<u32> {
    caps.subgroup.filter(|lanes| [4, 8, 16, 32, 64].contains(lanes))
}

/// Tiles for these products, best first; at least one, which needs no subgroups.
pub(super) fn tiles(products: &Products, caps: &Caps) -> Vec<Tile> {
    let &Products { size, left, right, deep, .. } = products;
    let better = |a: &Tile, b: &Tile| b.score(products, caps).total_cmp(&a.score(products, caps));
    let tile = |core, lanes, (name, m, n, rate)| Tile {
        name,
        core,
        left,
        right,
        deep,
        wide: false,
        lanes,
        blocks: [m, n],
        rate,
    };
    let mut families: Vec<Vec<Tile>> = vec![];
    if let Some(lanes) = subgroup(caps) {
        let tile = |core, (name, m, n, rate)| {
            // Then every column more is a cache line more for each k: wide tiles lose a fifth to a third on lavapipe.
            let rate = if !right.beside() && n > 1 { 0.8 * rate } else { rate };
            tile(core, lanes, (name, m, n, rate))
        };
        if right.fours() && caps.wide() {
            // Eight blocks of rows pay only where the left operand is fetched along k.
            let rate = |(name, m, n, rate)| (name, m, n, if m > 4 && left != Left::Depth { 0.85 * rate } else { rate });
            families.push(WIDE.map(|row| Tile { wide: true, ..tile(Core::Vector, rate(row)) }).to_vec());
        }
        if right.fours() {
            families.push(VECTOR.map(|row| tile(Core::Vector, row)).to_vec());
        }
        families.push(SUBGROUP.map(|row| tile(Core::Subgroup, row)).to_vec());
    }
    // A software adapter pays for barriers and for workgroup memory, and gains nothing by them.
    let rate = |rate| if caps.software { 0.01 * rate } else { rate };
    if !caps.slow_compiler {
        let tiled = TILED.map(|(name, [down, across], [m, n], eights, r)| {
            tile(Core::Tiled { down, eights }, down * across, (name, m, n, rate(r)))
        });
        families.push(tiled.to_vec());
    }
    // It runs lanes eight by eight; a GPU wants at least a warp.
    let rates = if caps.software { [28.0, 12.0] } else { [6.0, 20.0] };
    let [narrow, wide] = [("direct", 2, 2, rates[0]), ("direct wide", 2, 1, rates[1])];
    families.push(vec![tile(Core::Direct, 8, narrow), tile(Core::Direct, 32, wide)]);
    let mut chosen = vec![];
    for mut family in families {
        if matches!(family[0].core, Core::Tiled { .. }) && caps.software {
            // It compiles a tiled kernel for seconds and is never faster by it: one is there to be tested, each at some size.
            let each = size[0] + SPREAD * size[1];
            family = vec![family[each % family.len()]];
        }
        family.sort_by(better);
        family.truncate(2);
        chosen.extend(family);
    }
    chosen.sort_by(better);
    if let (Some(lanes), 1..=4) = (subgroup(caps), size[1]) {
        let rows = lanes.max(16);
        let cols = (size[1] as u32).min((64 / rows).max(1)); // at most 64 accumulators an invocation
        chosen.insert(0, tile(Core::Dot, lanes, ("dot", rows, cols, 0.0)));
    }
    chosen
}
