//! Properties of the memory plan alone: living tensors never share a slot, and there are never more slots than needed.

use rand::RngExt;
use wavae::lower::plan::{Assignment, Lifetime, assign, lower_bound};
use wavae::rng::Philox;

fn overlap(a: &Lifetime, b: &Lifetime) -> bool {
    a.first <= b.last && b.first <= a.last
}

fn lifetimes(rng: &mut Philox, sizes: usize) -> Vec<Lifetime> {
    let steps = rng.random_range(1..40usize);
    let one = |rng: &mut Philox| {
        let first = rng.random_range(0..steps);
        let last = first + rng.random_range(0..steps - first + 1).min(rng.random_range(0..steps + 1));
        Lifetime { first, last, size: rng.random_range(1..sizes + 1) }
    };
    (0..rng.random_range(0..50usize)).map(|_| one(rng)).collect()
}

#[test]
fn slots_are_sound_and_no_two_could_be_one() {
    let mut rng = Philox::new(1, 0);
    for trial in 0..2000 {
        let lives = lifetimes(&mut rng, 1000);
        let Assignment { slot, sizes } = assign(&lives);
        let tenants = |s: usize| (0..lives.len()).filter(|&i| slot[i] == s).collect::<Vec<_>>();
        let clash =
            |a: &[usize], b: &[usize]| a.iter().any(|&i| b.iter().any(|&j| i != j && overlap(&lives[i], &lives[j])));
        for s in 0..sizes.len() {
            let here = tenants(s);
            assert!(!clash(&here, &here), "trial {trial}: two living tensors share slot {s}: {lives:?} {slot:?}");
            assert_eq!(here.iter().map(|&i| lives[i].size).max(), Some(sizes[s]), "trial {trial}: slot {s}");
            for t in 0..s {
                assert!(clash(&here, &tenants(t)), "trial {trial}: slots {t} and {s} could be one: {lives:?} {slot:?}");
            }
        }
        let total: usize = sizes.iter().sum();
        assert!(total <= lives.iter().map(|l| l.size).sum(), "trial {trial}: more than without sharing");
        assert!(total >= lower_bound(&lives), "trial {trial}: less than is alive at once");
    }
}

/// Tensors of one size are an interval graph coloured in order of its left ends: optimal.
#[test]
fn equal_tensors_take_no_more_than_the_bound() {
    let mut rng = Philox::new(2, 0);
    for _ in 0..500 {
        let lives = lifetimes(&mut rng, 1);
        assert_eq!(assign(&lives).sizes.len(), lower_bound(&lives), "{lives:?}");
    }
}

#[test]
fn the_bound_is_the_most_alive_at_once() {
    let life = |first, last, size| Lifetime { first, last, size };
    assert_eq!(lower_bound(&[]), 0);
    assert_eq!(lower_bound(&[life(0, 2, 5), life(2, 3, 7), life(3, 3, 1)]), 12);
    assert_eq!(lower_bound(&[life(0, 1, 5), life(2, 3, 7)]), 7);
}
