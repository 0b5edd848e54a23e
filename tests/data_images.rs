//! The image set: views, splits, subsets.

use wavae::Error;
use wavae::data::{ImageSet, Split};

/// Three 1×2 RGB images whose bytes count up.
fn three() -> ImageSet {
    let mut set = ImageSet::new(1, 2, 3, (0..18).collect()).unwrap();
    set.attribute_names = vec!["Smiling".into(), "Young".into()];
    set.attributes = vec![1, -1, -1, -1, 1, 1];
    set.split = vec![Split::Train, Split::Test, Split::Train];
    set.labels = Some(vec![7, 8, 9]);
    set
}

#[test]
fn views_are_of_the_right_image() {
    let set = three();
    assert_eq!((set.len(), set.image_len()), (3, 6));
    assert_eq!(set.image(1), [6, 7, 8, 9, 10, 11]);
    assert_eq!(set.attribute_row(2), [1, 1]);
    assert_eq!(set.attribute("Young").unwrap(), [-1, -1, 1]);
    assert_eq!(set.indices(Split::Train), [0, 2]);
    assert_eq!(set.indices(Split::Valid), [0; 0]);
    assert_eq!(set.mean_image(&[0, 2]), [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
}

#[test]
fn a_subset_keeps_all_that_is_known() {
    let set = three().subset(&[2, 0, 2]);
    assert_eq!(set.pixels[..8], [12, 13, 14, 15, 16, 17, 0, 1]);
    assert_eq!(set.attributes, [1, 1, 1, -1, 1, 1]);
    assert_eq!(set.split, [Split::Train; 3]);
    assert_eq!(set.labels, Some(vec![9, 7, 9]));
}

#[test]
fn what_does_not_fit_is_an_error() {
    assert!(matches!(ImageSet::new(1, 2, 3, vec![0; 17]), Err(Error::Shape { .. })));
    assert!(matches!(ImageSet::new(0, 2, 3, vec![]), Err(Error::Shape { .. })));
    let message = three().attribute("Smile").unwrap_err().to_string();
    assert!(message.contains("Smile") && message.contains("Young"), "{message}");
}
