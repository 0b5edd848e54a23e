// The 1-D group index of a dispatch whose groups were folded over x and y.

fn group_index(wid: vec3<u32>, nwg: vec3<u32>) -> u32 {
    return wid.x + wid.y * nwg.x;
}
