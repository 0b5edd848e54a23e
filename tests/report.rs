//! Pictures: pixels where they belong, odd input without a panic, errors that name the file.

use image::RgbImage;
use std::path::PathBuf;
use wavae::report::{
    BarChart, Canvas, Histogram, ImageGrid, LinePlot, PALETTE, ScatterPlot, latent_histograms, uncertainty_map,
};
use wavae::{Array, Error};

const WHITE: [u8; 3] = [255, 255, 255];

/// A folder of this test's own, empty at first.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("wavae-report-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn count(image: &RgbImage, color: [u8; 3]) -> usize {
    image.pixels().filter(|p| p.0 == color).count()
}

/// Columns (or rows, with `axis` 1) in which the colour occurs.
fn span(image: &RgbImage, color: [u8; 3], axis: usize) -> Option<(u32, u32)> {
    let hits = image.enumerate_pixels().filter(|(_, _, p)| p.0 == color);
    let places: Vec<u32> = hits.map(|(x, y, _)| [x, y][axis]).collect();
    Some((*places.iter().min()?, *places.iter().max()?))
}

/// Rows in which the colour occurs in column `x`.
fn rows(image: &RgbImage, x: u32, color: [u8; 3]) -> Vec<u32> {
    (0..image.height()).filter(|y| image.get_pixel(x, *y).0 == color).collect()
}

fn reddish(p: [u8; 3]) -> bool {
    p[0] > 200 && p[2] < 100
}

fn bluish(p: [u8; 3]) -> bool {
    p[0] < 140 && p[2] > 200
}

#[test]
fn grid_places_scales_and_clamps_tiles() {
    // Four 2×1 RGB images; two columns, scale 3, padding 5.
    let red = [1.0, 0.0, 0.0, 2.0, -1.0, 0.0];
    let blue = [0.0, 0.0, 1.0, 0.0, -3.0, 7.0];
    let half = [0.0, 0.5, 0.0, 0.0, 0.5, 0.0];
    let odd = [f32::NAN, 0.5, 0.0, 0.0, f32::INFINITY, 0.0];
    let pixels = [red, blue, half, odd].concat();
    let grid = ImageGrid::new(2, 2, 1, 3).and_then(|g| g.images(&pixels)).unwrap().scale(3).padding(5);
    let image = grid.render().unwrap().into_image();
    // Margin 12 on each side; 2·3 + 5 pixels wide and 2·6 + 5 high between.
    assert_eq!((image.width(), image.height()), (12 + 11 + 12, 12 + 17 + 12));
    for (color, x, y) in [([255, 0, 0], 12, 12), ([0, 0, 255], 20, 12), ([0, 128, 0], 12, 23), ([255, 0, 255], 20, 23)]
    {
        assert_eq!(span(&image, color, 0), Some((x, x + 2)), "{color:?}");
        assert_eq!(span(&image, color, 1), Some((y, y + 5)), "{color:?}");
        assert_eq!(count(&image, color), 18);
    }
}

#[test]
fn grid_takes_bytes_and_arrays_alike() {
    let bytes: Vec<u8> = (0..3 * 4 * 5).map(|i| (i * 4) as u8).collect();
    let floats: Vec<f32> = bytes.iter().map(|b| f32::from(*b) / 255.0).collect();
    let empty = || ImageGrid::new(2, 4, 5, 1).unwrap();
    let from_bytes = empty().images_u8(&bytes).unwrap().render().unwrap().into_image();
    let from_floats = empty().images(&floats).unwrap().render().unwrap().into_image();
    let array = Array::f32([3, 4, 5, 1], floats.clone()).unwrap();
    let from_array = empty().array(&array).unwrap().render().unwrap().into_image();
    assert!(from_bytes == from_floats && from_floats == from_array);
    // The first pixel of the second image is its byte, in grey: 20·4.
    let scale = (96 + 2) / 4;
    assert_eq!(from_bytes.get_pixel(12 + 5 * scale + 4, 12).0, [80; 3]);
    // And its pixel in row 2, column 3: (20 + 2·5 + 3)·4.
    assert_eq!(from_bytes.get_pixel(12 + 5 * scale + 4 + 3 * scale, 12 + 2 * scale).0, [132; 3]);
    assert!(matches!(empty().array(&Array::f32([3, 5, 4, 1], floats).unwrap()), Err(Error::Shape { .. })));
}

#[test]
fn comparison_alternates_rows() {
    let (black, white) = (vec![0.0; 5], vec![1.0; 5]);
    let grid = ImageGrid::compare(3, [1, 1, 1], &[("original", &black), ("again", &white)]).unwrap();
    let image = grid.scale(10).padding(0).render().unwrap().into_image();
    // Rows: three originals, three copies, two originals and a blank, two copies and a blank.
    let left = image.width() - 12 - 30;
    let at = |column: u32, row: u32| image.get_pixel(left + column * 10 + 5, 12 + row * 10 + 5).0;
    assert_eq!([at(0, 0), at(2, 0), at(0, 1), at(2, 1)], [[0; 3], [0; 3], WHITE, WHITE]);
    assert_eq!([at(0, 2), at(1, 2), at(0, 3)], [[0; 3], [0; 3], WHITE]);
    assert_eq!(at(2, 2), at(2, 3), "both blanks look the same");
    assert!(at(2, 2) != [0; 3] && at(2, 2) != WHITE);
}

#[test]
fn captions_and_titles_leave_marks_outside_the_tiles() {
    let black = vec![0.0f32; 4];
    let plain = ImageGrid::new(2, 1, 1, 1).and_then(|g| g.images(&black)).unwrap().scale(40);
    let full = plain.clone().title("Traversal").column_captions(["−3", "+3"]).row_captions(["z17  KL 2.31", "z3"]);
    let (plain, full) = (plain.render().unwrap().into_image(), full.render().unwrap().into_image());
    assert_eq!(count(&plain, [0; 3]), count(&full, [0; 3]), "tiles are whole");
    assert!(full.width() > plain.width() + 12 * 8 && full.height() > plain.height() + 16 + 12);
    // Ink above the tiles and to their left.
    let tiles = (span(&full, [0; 3], 0).unwrap().0, span(&full, [0; 3], 1).unwrap().0);
    let ink = |x: u32, y: u32| full.get_pixel(x, y).0.iter().all(|c| *c < 160);
    assert!((0..full.width()).any(|x| (0..28).any(|y| ink(x, y))), "title");
    assert!((tiles.0..full.width()).any(|x| (29..tiles.1).any(|y| ink(x, y))), "column captions");
    assert!((0..tiles.0).any(|x| (tiles.1..full.height()).any(|y| ink(x, y))), "row captions");
}

#[test]
fn grid_refuses_what_is_no_image() {
    for (columns, h, w, c) in [(0, 1, 1, 1), (1, 0, 1, 1), (1, 1, 0, 3), (1, 1, 1, 2), (usize::MAX, 1, 1, 1)] {
        assert!(matches!(ImageGrid::new(columns, h, w, c), Err(Error::Config(_))), "{columns} {h} {w} {c}");
    }
    let error = ImageGrid::new(2, 3, 3, 1).unwrap().images(&[0.0; 10]).unwrap_err();
    assert!(error.to_string().contains("10 values") && error.to_string().contains("3×3×1"), "{error}");
    let huge = ImageGrid::new(1, 8, 8, 1).and_then(|g| g.images(&[0.0; 64])).unwrap();
    for scale in [10_000, usize::MAX] {
        let error = huge.clone().scale(scale).render().unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error}");
    }
    assert!(ImageGrid::new(4, 8, 8, 1).unwrap().render().is_ok(), "an empty grid is drawn");
}

#[test]
fn line_runs_through_its_points() {
    // A falling straight line.
    let points: Vec<_> = (0..100).map(|i| (f64::from(i), 100.0 - f64::from(i))).collect();
    let image = LinePlot::new("").series("", &points).size(400, 300).render().unwrap().into_image();
    let (first, last) = span(&image, PALETTE[0], 0).unwrap();
    assert!(last - first > 300, "{first}..{last} of 400");
    for x in [first + 20, (first + last) / 2, last - 20] {
        let here = rows(&image, x, PALETTE[0]);
        assert!(!here.is_empty() && here.len() <= 4, "one thin line at {x}: {here:?}");
    }
    assert!(rows(&image, first + 20, PALETTE[0])[0] < rows(&image, last - 20, PALETTE[0])[0]);
    // Half way along, half way down.
    let (top, bottom) = span(&image, PALETTE[0], 1).unwrap();
    let middle = f64::from(rows(&image, (first + last) / 2, PALETTE[0])[0]);
    assert!((middle - f64::from(top + bottom) / 2.0).abs() < 3.0, "{middle} between {top} and {bottom}");
}

#[test]
fn logarithmic_axis_turns_decades_into_equal_steps() {
    let points: Vec<_> = (0..5).map(|i| (f64::from(i), 10f64.powi(i))).collect();
    // How far up the middle point is, as a fraction of the height.
    let centre = |p: LinePlot| {
        let image = p.series("", &points).size(500, 400).render().unwrap().into_image();
        let (left, right) = span(&image, PALETTE[0], 0).unwrap();
        let (top, bottom) = span(&image, PALETTE[0], 1).unwrap();
        let here = rows(&image, (left + right) / 2, PALETTE[0]);
        f64::from(bottom - here[here.len() / 2]) / f64::from(bottom - top)
    };
    assert!((centre(LinePlot::new("").log_y()) - 0.5).abs() < 0.03);
    assert!(centre(LinePlot::new("")) < 0.05);
}

#[test]
fn robust_range_and_y_range_cut_outliers() {
    let mut points: Vec<_> = (0..500).map(|i| (f64::from(i), 10.0 + f64::from(i % 5))).collect();
    points[0].1 = 1e6;
    // The rows that the line fills right of the outlier.
    let height = |p: LinePlot| {
        let image = p.series("", &points).render().unwrap().into_image();
        let (left, right) = span(&image, PALETTE[0], 0).unwrap();
        let rows: Vec<u32> = (left + 20..right).flat_map(|x| rows(&image, x, PALETTE[0])).collect();
        rows.iter().max().unwrap() - rows.iter().min().unwrap()
    };
    assert!(height(LinePlot::new("")) <= 3, "beside the outlier the five levels are one");
    assert!(height(LinePlot::new("").robust()) > 250);
    assert!(height(LinePlot::new("").y_range(10.0, 14.0)) > 400);
}

#[test]
fn bars_are_in_proportion_and_sorted() {
    let chart = BarChart::new("").values("z", &[1.0, 4.0, f64::NAN, 2.0]).size(500, 400);
    let heights = |chart: &BarChart| -> Vec<usize> {
        let image = chart.render().unwrap().into_image();
        let mut heights: Vec<usize> = (0..500).map(|x| rows(&image, x, PALETTE[0]).len()).collect();
        heights.dedup();
        heights.retain(|h| *h > 1);
        heights
    };
    let plain = heights(&chart);
    assert_eq!(plain.len(), 3, "{plain:?}");
    for (height, factor) in plain.iter().zip([1.0, 4.0, 2.0]) {
        let expected = factor * plain[1] as f64 / 4.0;
        assert!((*height as f64 - expected).abs() <= 2.0, "{plain:?}");
    }
    assert_eq!(heights(&chart.sorted()), [plain[1], plain[2], plain[0]]);
}

#[test]
fn scatter_shows_every_class_in_its_place() {
    // Class 0 on the left, class 2 on the right, which is red.
    let points: Vec<_> = (0..40).map(|i| (f64::from(i % 2) * 10.0, f64::from(i / 2) * 0.1)).collect();
    let labels: Vec<u8> = (0..40).map(|i| i % 2 * 2).collect();
    let plot = ScatterPlot::new("").labelled(&points, &labels, &["left", "unused", "right"]).size(400, 400);
    let bounds = |image: &RgbImage, is: fn([u8; 3]) -> bool| {
        let hits = image.enumerate_pixels().filter(|(_, y, p)| *y > 60 && is(p.0));
        hits.fold([u32::MAX, 0, u32::MAX, 0], |b, (x, y, _)| [b[0].min(x), b[1].max(x), b[2].min(y), b[3].max(y)])
    };
    let image = plot.render().unwrap().into_image();
    let (left, right) = (bounds(&image, bluish), bounds(&image, reddish));
    assert!(left[1] < 110 && right[0] > 290, "{left:?} {right:?}");
    assert!(left[3] - left[2] > 200, "the axes are fitted one by one: {left:?}");
    // The same units on both axes: 10 across and 1.9 down, and a disc of 8 pixels more.
    let image = plot.equal().render().unwrap().into_image();
    let (left, right) = (bounds(&image, bluish), bounds(&image, reddish));
    let (across, down) = (f64::from(right[0] - left[0]), f64::from(left[3] - left[2]));
    assert!((down - 0.19 * across - 8.0).abs() < 4.0, "{across} by {down}");
}

#[test]
fn histogram_counts() {
    // Two bins: three values and one.
    let plot = Histogram::new("").series("", &[0.0, 0.1, 0.2, 1.0, f64::NAN]).bins(2).size(400, 300);
    let image = plot.render().unwrap().into_image();
    let full = |x: u32| (0..300).filter(|y| bluish(image.get_pixel(x, *y).0)).count() as f64;
    let (low, high) = (full(300), full(150));
    assert!(low > 20.0 && (high - 3.0 * low).abs() <= 4.0, "{low} and {high}");
    assert!(plot.series("", &[0.5; 7]).density().render().is_ok());
}

#[test]
fn odd_input_never_panics() {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let sets: [&[(f64, f64)]; 8] = [
        &[],
        &[(nan, nan)],
        &[(0.0, inf), (1.0, -inf), (nan, 0.0)],
        &[(0.0, 0.0)],
        &[(1.0, -5.0), (2.0, -6.0)],
        &[(-1e308, 1e308), (1e308, -1e308)],
        &[(1e15, 1e-300), (1e15 + 0.125, 2e-300)],
        &[(0.0, 1.0), (1.0, nan), (2.0, 3.0)],
    ];
    for points in sets {
        let values: Vec<f64> = points.iter().map(|p| p.1).collect();
        let line = LinePlot::new("t").series("a", points).series("b", &[]);
        for plot in [line.clone(), line.clone().log_y(), line.clone().robust(), line.y_range(nan, inf).size(0, 0)] {
            assert!(plot.render().is_ok(), "{points:?}");
        }
        let bars = BarChart::new("t").values("z", &values).rule(nan, "r").rule(0.5, "s");
        assert!(bars.render().is_ok() && bars.sorted().render().is_ok(), "{values:?}");
        let scatter = ScatterPlot::new("t").class("a", points).labelled(points, &[3, 255], &["x"]);
        assert!(scatter.render().is_ok() && scatter.equal().render().is_ok(), "{points:?}");
        assert!(Histogram::new("t").series("a", &values).bins(0).density().render().is_ok(), "{values:?}");
    }
    let long = "much too long a title 漢字 ".repeat(50);
    let many: Vec<f64> = (0..5000).map(f64::from).collect();
    assert!(BarChart::new(&long).x(&long).y(&long).values(&long, &many[..3]).size(300, 200).render().is_ok());
    assert!(BarChart::new("").values("z", &many).render().is_ok());
    assert!(LinePlot::new(&long).series(&long, &[(0.0, 1.0)]).series("é ×", &[]).render().is_ok());
}

#[test]
fn save_writes_png_and_creates_folders() {
    let dir = folder("save");
    // Always PNG, whatever the name says.
    let path = dir.join("a/b/loss.jpg");
    let plot = LinePlot::new("loss").x("step").y("nats per image").series("train", &[(0.0, 2.0), (1.0, 1.0)]);
    plot.save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let read = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png).unwrap().into_rgb8();
    assert!(read == plot.render().unwrap().into_image(), "what was drawn is what was written");
    // A folder cannot be created below a file, and a folder is no file to write.
    for bad in [path.join("x.png"), dir.join("a")] {
        match plot.save(&bad) {
            Err(Error::File { message, .. }) => assert!(message.contains("picture"), "{message}"),
            other => panic!("{other:?}"),
        }
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn canvas_bounds() {
    for (w, h) in [(0, 5), (5, 0), (usize::MAX, 2), (32_768, 32_768)] {
        assert!(matches!(Canvas::new(w, h, WHITE), Err(Error::Config(_))));
    }
    let mut canvas = Canvas::new(9, 9, WHITE).unwrap();
    canvas.segment([-1e200, 4.5], [1e200, 4.5], 1.0, [0; 3], 1.0);
    canvas.disc([f64::NAN, 2.0], 3.0, [0; 3], 1.0);
    canvas.text(-5, 100, "out", 16, [0; 3]);
    let image = canvas.into_image();
    assert_eq!(span(&image, [0; 3], 1), Some((4, 4)));
    assert_eq!(count(&image, [0; 3]), 9);
}

#[test]
fn uncertainty_is_grey_up_to_the_greatest() {
    // Two RGB images of one pixel: deviations (0.2, 0.2, 0.2) and, together, √((0.1² + 0 + 0) / 3) = 0.0577: 29 % of it.
    let mean = [1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
    let deviation = [0.2, 0.2, 0.2, 0.1, 0.0, 0.0];
    let map = |original| uncertainty_map(2, [1, 1, 3], original, &mean, &deviation).unwrap().scale(10).padding(0);
    let image = map(None).render().unwrap().into_image();
    let at = |x: u32, y: u32| image.get_pixel(image.width() - 12 - 20 + x, 12 + y).0;
    assert_eq!([at(5, 5), at(15, 5), at(5, 15), at(15, 15)], [[255, 0, 0], [0, 0, 255], WHITE, [74; 3]]);
    let green = [0.0, 1.0, 0.0].repeat(2);
    let image = map(Some(&green)).render().unwrap().into_image();
    assert_eq!(count(&image, [0, 255, 0]), 200, "the originals, above");
    // Nothing uncertain is black, nothing known is magenta, and what does not fit is said.
    let of = |deviation: &[f32]| uncertainty_map(1, [1, 1, 1], None, &[1.0], deviation).unwrap().scale(10).render();
    assert!(count(&of(&[0.0]).unwrap().into_image(), [0; 3]) >= 100);
    assert_eq!(count(&of(&[f32::NAN]).unwrap().into_image(), [255, 0, 255]), 100);
    assert!(matches!(uncertainty_map(1, [1, 1, 1], None, &[1.0], &[]), Err(Error::Shape { .. })));
    assert!(matches!(uncertainty_map(1, [1, 1, 1], Some(&[]), &[1.0], &[1.0]), Err(Error::Shape { .. })));
    assert!(matches!(uncertainty_map(1, [1, 1, 2], None, &[1.0; 2], &[1.0; 2]), Err(Error::Config(_))));
}

#[test]
fn latent_histograms_set_active_dimensions_apart() {
    let mu: Vec<f32> = (0..400).map(|i| if i % 2 == 0 { i as f32 / 100.0 } else { 0.0 }).collect();
    let sigma = vec![0.5; 400];
    let pictures = latent_histograms(&mu, &sigma, 2, &[0]).unwrap();
    let both = pictures[0].render().unwrap().into_image();
    let one = latent_histograms(&mu, &sigma, 2, &[0, 1]).unwrap()[0].render().unwrap().into_image();
    // The unused dimension is a second series, in the second colour, on the left.
    let orange = |image: &RgbImage| image.pixels().filter(|p| p.0[0] > 240 && p.0[2] < 140).count();
    assert!(orange(&both) > 500 && orange(&one) == 0);
    assert!(pictures[1].render().is_ok());
    assert!(matches!(latent_histograms(&mu, &sigma[1..], 2, &[]), Err(Error::Shape { .. })));
    assert!(matches!(latent_histograms(&mu, &sigma, 2, &[2]), Err(Error::Shape { .. })));
    assert!(matches!(latent_histograms(&mu, &sigma, 0, &[]), Err(Error::Shape { .. })));
}
