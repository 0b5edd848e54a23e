//! Kinds of devices, as lowering sees them.

use wavae::lower::caps::Caps;

/// Devices that have one thing more than the minimum, all things, and all things but one; on hardware and in software.
pub fn devices() -> Vec<(String, Caps)> {
    type Grant = (&'static str, fn(&mut Caps));
    const GRANTS: [Grant; 6] = [
        ("subgroups", |c| c.subgroup = Some(32)),
        ("f16", |c| c.f16 = true),
        ("int64", |c| c.int64 = true),
        ("invocations", |c| c.max_invocations = 1024),
        ("workgroup memory", |c| c.max_workgroup_bytes = 64 << 10),
        ("storage buffers", |c| c.max_storage_buffers = 64),
    ];
    let mut devices = vec![];
    for software in [false, true] {
        let minimum = Caps { software, ..Caps::minimum() };
        let mut all = minimum.clone();
        GRANTS.iter().for_each(|(_, grant)| grant(&mut all));
        let kind = if software { "software" } else { "hardware" };
        devices.push((format!("{kind}, minimum"), minimum.clone()));
        for skip in 0..GRANTS.len() {
            let mut one = minimum.clone();
            GRANTS[skip].1(&mut one);
            devices.push((format!("{kind}, minimum with {}", GRANTS[skip].0), one));
            let mut but = minimum.clone();
            GRANTS.iter().enumerate().filter(|(k, _)| *k != skip).for_each(|(_, (_, grant))| grant(&mut but));
            devices.push((format!("{kind}, everything without {}", GRANTS[skip].0), but));
        }
        for lanes in [4, 8, 16, 64, 128] {
            devices.push((
                format!("{kind}, everything, subgroups of {lanes}"),
                Caps { subgroup: Some(lanes), ..all.clone() },
            ));
        }
        devices.push((format!("{kind}, everything"), all));
    }
    devices
}
