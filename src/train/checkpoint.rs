//! Weights as `model.safetensors`: one `F32` tensor for every parameter and running statistic, under its dotted path.

use crate::device::Store;
use crate::error::{Error, Result};
use crate::tensor::{Array, TensorType};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use std::fs;
use std::path::Path;

/// Writes all weights of `store` to `path`. An earlier file is replaced only once the new one is complete.
///
/// # Errors
/// [`Error::File`] where the file cannot be written; device errors.
pub fn save(store: &Store, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let weights = store.weights();
    let arrays = weights.iter().map(|(name, _)| store.read(name)).collect::<Result<Vec<_>>>()?;
    let mut views = vec![];
    for ((name, ty), array) in weights.iter().zip(&arrays) {
        let view = TensorView::new(Dtype::F32, ty.dims().to_vec(), array.bytes());
        views.push((name.clone(), view.map_err(|e| Error::file(path, e))?));
    }
    let metadata = [("format".to_string(), "wavae".to_string())].into();
    let bytes = serialize(views, Some(metadata)).map_err(|e| Error::file(path, e))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| Error::file(folder, e))?;
    }
    let part = path.with_extension("part");
    fs::write(&part, bytes).map_err(|e| Error::file(&part, e))?;
    fs::rename(&part, path).map_err(|e| Error::file(path, e))
}

/// Reads all weights of `store` from `path`.
///
/// # Errors
/// [`Error::File`] naming the file and the tensor: unreadable, a weight missing, of another shape, or one too many.
pub fn load(store: &Store, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|e| Error::file(path, e))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| Error::file(path, format!("no safetensors file: {e}")))?;
    let weights = store.weights();
    let mut arrays = vec![];
    for (name, ty) in &weights {
        let missing = |_| Error::file(path, format!("has no tensor {name} {}; it holds another model", ty.shape));
        let view = file.tensor(name).map_err(missing)?;
        if view.dtype() != Dtype::F32 || view.shape() != ty.dims() {
            let found = format!("{:?} {:?}", view.dtype(), view.shape());
            return Err(Error::file(path, format!("{name} is {found}, the model has {ty}; it holds another model")));
        }
        arrays.push(Array::f32(ty.shape.clone(), bytemuck::pod_collect_to_vec(view.data()))?);
    }
    let known = |name: &str| weights.iter().any(|(n, _): &(String, TensorType)| n == name);
    if let Some(extra) = file.names().into_iter().find(|name| !known(name)) {
        return Err(Error::file(path, format!("holds {extra}, which the model lacks; it holds another model")));
    }
    weights.iter().zip(&arrays).try_for_each(|((name, _), array)| store.write(name, array))
}
