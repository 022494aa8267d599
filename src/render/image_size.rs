//! The size at which an image is shown, in CSS pixels.
//!
//! The physical size, if the image tells how many of its pixels make an inch: a figure that was
//! drawn for 6 inches is shown at 6 inches, with all its pixels. Never larger than one pixel for each
//! of the image's own, and never wider than the column.

/// The largest width that an image is shown at.
const MAX_WIDTH: f64 = 900.0;
/// CSS pixels in an inch.
const PER_INCH: f64 = 96.0;
/// More pixels in an inch than this are not believed.
const MAX_PER_INCH: f64 = 2_400.0;

/// Returns the width and height at which an image of so many pixels is shown; `bytes` is the file or
/// its beginning.
pub(crate) fn shown_size(bytes: &[u8], width: usize, height: usize) -> (usize, usize) {
    let dense = pixels_per_inch(bytes)
        .filter(|density| (PER_INCH..=MAX_PER_INCH).contains(density))
        .unwrap_or(PER_INCH);
    let (width, height) = (width as f64, height as f64);
    let scale = (PER_INCH / dense).min(MAX_WIDTH / width.max(1.0));
    let side = |pixels: f64| ((pixels * scale).round() as usize).max(1);
    (side(width), side(height))
}

fn pixels_per_inch(bytes: &[u8]) -> Option<f64> {
    let (x, y, per_inch) = of_png(bytes).or_else(|| of_jpeg(bytes))?;
    let is_square = (x - y).abs() <= x / 100.0;
    is_square.then_some(x * per_inch)
}

/// Reads `pHYs`, the pixels in a metre; it comes before the image's data.
fn of_png(bytes: &[u8]) -> Option<(f64, f64, f64)> {
    let mut rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n")?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (kind, after) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        match kind {
            b"pHYs" => {
                let (x, after) = after.split_first_chunk::<4>()?;
                let (y, after) = after.split_first_chunk::<4>()?;
                let in_metres = after.first() == Some(&1);
                let number = |bytes| f64::from(u32::from_be_bytes(bytes));
                return in_metres.then_some((number(*x), number(*y), 0.0254));
            }
            b"IDAT" => return None,
            _ => rest = after.get(length.checked_add(4)?..)?,
        }
    }
}

/// Reads the density of a JFIF header.
fn of_jpeg(bytes: &[u8]) -> Option<(f64, f64, f64)> {
    let rest = bytes.strip_prefix(b"\xff\xd8\xff\xe0")?.get(2..)?;
    let rest = rest.strip_prefix(b"JFIF\0")?.get(2..)?;
    let (unit, rest) = rest.split_first()?;
    let (x, rest) = rest.split_first_chunk::<2>()?;
    let (y, _) = rest.split_first_chunk::<2>()?;
    let per_inch = match unit {
        1 => 1.0,
        2 => 2.54,
        _ => return None,
    };
    let number = |bytes| f64::from(u16::from_be_bytes(bytes));
    Some((number(*x), number(*y), per_inch))
}
