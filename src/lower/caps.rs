//! What a device can do, as plain data: kernels choose their variants from this and nothing else.

/// Capabilities and limits of an adapter, in bytes and counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Caps {
    /// Largest range one storage binding may cover, bytes.
    pub max_binding_bytes: u64,
    /// Largest buffer, bytes.
    pub max_buffer_bytes: u64,
    /// Storage buffers one kernel may bind (all groups together).
    pub max_storage_buffers: u32,
    /// Invocations in one workgroup.
    pub max_invocations: u32,
    /// Workgroup memory, bytes.
    pub max_workgroup_bytes: u32,
    /// Workgroups along one dimension of a dispatch.
    pub max_groups: u32,
    /// Alignment of a storage binding's offset, bytes.
    pub storage_align: u32,
    /// Alignment of a uniform binding's dynamic offset, bytes.
    pub uniform_align: u32,
    /// The subgroup size, where subgroup operations exist and the smallest and largest size agree.
    pub subgroup: Option<u32>,
    /// Half-precision arithmetic and storage.
    pub f16: bool,
    /// Integers of 64 bits.
    pub int64: bool,
    /// Timestamps inside an encoder, for the profiler.
    pub timestamps: bool,
    /// A CPU that pretends to be a GPU (lavapipe, SwiftShader, WARP).
    pub software: bool,
    /// The driver takes many minutes to compile a large kernel with barriers (Mesa's software GL): such variants are absent.
    pub slow_compiler: bool,
}

impl Caps {
    /// Whether floats are best fetched in pairs, as integers of 64 bits.
    pub fn wide(&self) -> bool {
        self.int64 && self.software
    }
    /// WebGPU's guaranteed minimum: what every kernel must be able to live with.
    pub fn minimum() -> Self {
        Self {
            max_binding_bytes: 128 << 20,
            max_buffer_bytes: 256 << 20,
            max_storage_buffers: 8,
            max_invocations: 256,
            max_workgroup_bytes: 16 << 10,
            max_groups: 65_535,
            storage_align: 256,
            uniform_align: 256,
            subgroup: None,
            f16: false,
            int64: false,
            timestamps: false,
            software: false,
            slow_compiler: false,
        }
    }
}
