//! Reverse mode: walks the graph backwards and appends each op's vector-Jacobian product as ordinary nodes.

use super::{Def, Graph, Value};
use crate::error::{Error, Result};
use crate::ops::Vjp;

impl Graph {
    /// Gradients of the scalar `loss` with respect to `wrt`, as new nodes; zeros where the loss does not depend on one.
    ///
    /// # Errors
    /// Where `loss` is not a scalar, or an op on the way has no gradient.
    pub fn grad(&mut self, loss: Value, wrt: &[Value]) -> Result<Vec<Value>> {
        if self.ty(loss).len() != 1 {
            let message = format!("the loss {} must be a scalar, not {}", self.label(loss), self.ty(loss));
            return Err(Error::Graph(message));
        }
        let one = self.full(self.shape(loss).clone(), 1.0)?;
        self.pullback(loss, one, wrt)
    }

    /// Pulls the cotangent `dout` of `out` back to `wrt`: `doutᵀ · ∂out/∂wrt`.
    pub fn pullback(&mut self, out: Value, dout: Value, wrt: &[Value]) -> Result<Vec<Value>> {
        let end = out.index() + 1;
        let mut depends = vec![false; end];
        wrt.iter().filter(|v| v.index() < end).for_each(|v| depends[v.index()] = true);
        for i in 0..end {
            depends[i] |= self.nodes()[i].inputs.iter().any(|v| depends[v.index()]);
        }
        let mut cotangents: Vec<Option<Value>> = vec![None; end];
        cotangents[out.index()] = Some(dout);
        for i in (0..end).rev() {
            let Some(dout) = cotangents[i].filter(|_| depends[i]) else { continue };
            let node = self.nodes()[i].clone();
            let Def::Apply(op) = &node.def else { continue };
            let need: Vec<bool> = node.inputs.iter().map(|v| depends[v.index()]).collect();
            let scope = self.scope_of(Value::at(i)).to_string();
            let outer = std::mem::replace(&mut self.scope, scope);
            let grads = op.vjp(self, &Vjp { inputs: &node.inputs, out: Value::at(i), dout, need: &need });
            self.scope = outer;
            for ((input, grad), need) in node.inputs.iter().zip(grads?).zip(need) {
                let slot = input.index();
                let Some(grad) = grad.filter(|_| need) else { continue };
                cotangents[slot] = Some(match cotangents[slot] {
                    Some(sum) => self.add(sum, grad)?,
                    None => grad,
                });
            }
        }
        let mut grads = Vec::with_capacity(wrt.len());
        for &v in wrt {
            let known = cotangents.get(v.index()).copied().flatten();
            grads.push(match known {
                Some(grad) => grad,
                None => self.full(self.shape(v).clone(), 0.0)?,
            });
        }
        Ok(grads)
    }
}
