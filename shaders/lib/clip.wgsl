// Clipping by the global norm (Pascanu et al. 2013, arXiv 1211.5063): what gradients are multiplied by.
// `largest` = 0 means that nothing is clipped.

fn clip_factor(norm: f32, largest: f32) -> f32 {
    let above = norm + 1e-6;
    return select(1.0, largest / above, largest > 0.0 && above > largest);
}
