// Columns of the left operand (and rows of the right one) that follow one another.

// k_at(k + i), where `at` is k_at(k): within a run without its divisions.
fn k_after(at: Col, k: u32, i: u32) -> Col {
    if i >= at.run {
        return k_at(k + i);
    }
    let step = k_step();
    return Col(at.y + i * step.y, at.x + i * step.x, at.a + i * step.a, at.b + i * step.b, at.run - i);
}
