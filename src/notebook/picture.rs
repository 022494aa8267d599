//! Whether two pictures show the same: by size, and by how bright they are in each cell of a grid. A
//! chart that another version of a library draws has other bytes and other edges of its letters, and
//! is as bright everywhere; one of other numbers is not. Pure.

use std::io::Cursor;

use png::{ColorType, Decoder, Limits, Transformations};

/// How many cells the grid has in each direction.
const GRID: u32 = 64;
/// How much brighter or darker a cell may be, of 255. Lettering that is drawn otherwise makes a tenth of it;
/// a bar that is two hundredths shorter makes more than this.
const SLACK: f64 = 0.2 * 255.0;
/// The most bytes that decoding a picture may take.
const MAX_BYTES: usize = 256 * 1024 * 1024;

/// What two pictures differ in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Difference {
    /// Their sizes, in pixels.
    Size {
        /// Width and height of the first.
        then: (u32, u32),
        /// Width and height of the second.
        now: (u32, u32),
    },
    /// What they show, in so much of their area, in percent.
    Shown(f64),
}

/// Compares two PNG files; `None` if one of them is none. The inner `None` means that they show the same.
#[must_use]
pub fn compare(then: &[u8], now: &[u8]) -> Option<Option<Difference>> {
    let (then, now) = (Picture::of(then)?, Picture::of(now)?);
    if then.size != now.size {
        return Some(Some(Difference::Size {
            then: then.size,
            now: now.size,
        }));
    }
    let cells = then.cells.iter().zip(&now.cells);
    let other = cells
        .filter(|(then, now)| (**then - **now).abs() > SLACK)
        .count();
    let percent = 100.0 * other as f64 / then.cells.len().max(1) as f64;
    Some((other > 0).then_some(Difference::Shown(percent)))
}

/// A picture, as bright as its cells are.
struct Picture {
    size: (u32, u32),
    cells: Vec<f64>,
}

impl Picture {
    fn of(file: &[u8]) -> Option<Self> {
        let mut decoder = Decoder::new_with_limits(Cursor::new(file), Limits { bytes: MAX_BYTES });
        decoder.set_transformations(Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().ok()?;
        let size = (reader.info().width, reader.info().height);
        let (color, _) = reader.output_color_type();
        let mut sums = vec![(0.0, 0.0); (GRID * GRID) as usize];
        let mut y = 0;
        // Interlaced pictures come in passes; nothing that draws charts makes them.
        if reader.info().interlaced {
            return None;
        }
        while let Some(row) = reader.next_row().ok()? {
            let pixels = row.data().chunks_exact(color.samples());
            for (x, pixel) in (0..).zip(pixels) {
                let cell = place(y, size.1) * GRID + place(x, size.0);
                if let Some((sum, count)) = sums.get_mut(cell as usize) {
                    *sum += brightness(color, pixel);
                    *count += 1.0;
                }
            }
            y += 1;
        }
        let cells = sums.into_iter().filter(|(_, count)| *count > 0.0);
        Some(Self {
            size,
            cells: cells.map(|(sum, count)| sum / count).collect(),
        })
    }
}

/// In which row or column of the grid a pixel lies.
fn place(at: u32, of: u32) -> u32 {
    let at = u64::from(at) * u64::from(GRID) / u64::from(of.max(1));
    u32::try_from(at).unwrap_or(u32::MAX).min(GRID - 1)
}

/// How bright a pixel is on white paper.
fn brightness(color: ColorType, pixel: &[u8]) -> f64 {
    let at = |index: usize| pixel.get(index).copied().map_or(255.0, f64::from);
    let luma = |r: f64, g: f64, b: f64| 0.299 * r + 0.587 * g + 0.114 * b;
    let on_white = |value: f64, alpha: f64| 255.0 + (value - 255.0) * alpha / 255.0;
    match color {
        ColorType::Grayscale | ColorType::Indexed => at(0),
        ColorType::GrayscaleAlpha => on_white(at(0), at(1)),
        ColorType::Rgb => luma(at(0), at(1), at(2)),
        ColorType::Rgba => on_white(luma(at(0), at(1), at(2)), at(3)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bars of these heights, 8 pixels each, on a picture of 64 times 64 pixels that is `scale` times as large.
    fn bars(heights: &[u32], scale: u32, ink: u8) -> Vec<u8> {
        let side = 64 * scale;
        let dark = |x: u32, y: u32| {
            let height = heights
                .get((x / (8 * scale)) as usize)
                .copied()
                .unwrap_or(0);
            side - y <= height * scale
        };
        let pixels = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
        let pixels: Vec<u8> = pixels
            .map(|(x, y)| if dark(x, y) { ink } else { 255 })
            .collect();
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, side, side);
        encoder.set_color(ColorType::Grayscale);
        encoder
            .write_header()
            .unwrap()
            .write_image_data(&pixels)
            .unwrap();
        file
    }

    #[test]
    fn a_bar_of_another_height_is_seen_and_other_bytes_are_not() {
        let chart = bars(&[10, 40, 25, 60], 4, 0);
        let other_bytes = bars(&[10, 40, 25, 60], 4, 12);
        assert_ne!(chart, other_bytes);
        assert_eq!(compare(&chart, &other_bytes), Some(None));
        let Some(Some(Difference::Shown(percent))) =
            compare(&chart, &bars(&[10, 39, 25, 60], 4, 0))
        else {
            panic!("a bar is one sixtieth shorter");
        };
        assert!((percent - 100.0 * 8.0 / 4096.0).abs() < 1e-9, "{percent}");
        let size = Difference::Size {
            then: (256, 256),
            now: (128, 128),
        };
        assert_eq!(compare(&chart, &bars(&[10, 40], 2, 0)), Some(Some(size)));
    }

    #[test]
    fn what_is_no_picture_is_not_compared() {
        let chart = bars(&[10], 1, 0);
        for odd in [
            &b""[..],
            b"\x89PNG\r\n\x1a\n",
            b"GIF89a",
            &chart[..chart.len() / 2],
        ] {
            assert_eq!(compare(&chart, odd), None);
        }
        // A head that promises more pixels than any picture has.
        let mut huge = chart.clone();
        huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        assert_eq!(compare(&huge, &chart), None);
    }
}
