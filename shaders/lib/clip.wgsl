// Clipping by the global norm (Pascanu et al. 2013, arXiv 1211.5063): what gradients are multiplied by.
// `largest` = 0 means that nothing is clipped.

fn clip_factor(norm: f32, largest: f32) -> f32 {
    return select(1.0, min(1.0, largest / (norm + 1e-6)), largest > 0.0);
}
