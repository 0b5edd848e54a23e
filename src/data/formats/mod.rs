//! Files that others wrote, read into [`ImageSet`](super::ImageSet). A bad file is one error that names it, and no header
//! is trusted with an allocation.

pub mod celeba;
pub mod idx;
pub mod jpeg;
