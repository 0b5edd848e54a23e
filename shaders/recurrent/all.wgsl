// Every sequence has all its steps.

fn alive(b: u32) -> bool {
    return true;
}
