// The rows of a tile, for cores of one subgroup a workgroup: each is worked out by one invocation and passed round. A core
// defines SG and TM.

// The TM rows from `m0` on; those past `last` repeat it.
fn tile_rows(m0: u32, last: u32, lane: u32) -> array<Row, TM> {
    var rows: array<Row, TM>;
    var mine: Row;
    for (var i = 0u; i < TM; i++) {
        let giver = i % SG;
        if giver == 0u {
            mine = a_row(min(m0 + i + lane, last));
        }
        rows[i] = Row(subgroupShuffle(mine.y, giver), subgroupShuffle(mine.x, giver), subgroupShuffle(mine.a, giver));
    }
    return rows;
}
