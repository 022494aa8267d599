//! Whether a picture or a PDF is whole, and one that the API can read. Pure.
//!
//! A good beginning is not enough: what is cut off or locked is refused by the API, and each later
//! request that refers to it too. Nothing is decoded; only the outer structure is followed.

use imagesize::ImageType;

/// What stands before the number of the dictionary that says how a PDF is locked.
const ENCRYPT: &[u8] = b"/Encrypt";
/// The most bytes between two pieces of a PDF that a search looks at together.
const PDF_OVERLAP: usize = 64;

/// Says what is wrong with an image, as a clause; `None` if it is whole.
pub(super) fn image_fault(kind: ImageType, bytes: &[u8]) -> Option<&'static str> {
    let fault = match kind {
        ImageType::Png => png(bytes),
        ImageType::Jpeg => jpeg(bytes),
        ImageType::Gif => gif(bytes),
        ImageType::Webp => webp(bytes),
        _ => Ok(()),
    };
    fault.err()
}

const CUT: &str = "it is cut off";
const DAMAGED: &str = "it is damaged";

/// Chunks with checksums, of which at least one holds pixels, up to `IEND`.
fn png(bytes: &[u8]) -> Result<(), &'static str> {
    let mut rest = bytes.get(8..).ok_or(CUT)?;
    let mut has_pixels = false;
    loop {
        let length = rest.first_chunk::<4>().ok_or(CUT)?;
        let length = u32::from_be_bytes(*length) as usize;
        let checked = rest
            .get(4..)
            .and_then(|rest| rest.get(..length.checked_add(4)?));
        let checked = checked.ok_or(CUT)?;
        let after = rest.get(length + 8..).unwrap_or_default();
        let crc = after.first_chunk::<4>().ok_or(CUT)?;
        let kind = checked.get(..4).unwrap_or_default();
        // Readers ignore damage in what they may leave out: kinds in small letters.
        let is_critical = kind.first().is_some_and(u8::is_ascii_uppercase);
        if is_critical && crc32fast::hash(checked) != u32::from_be_bytes(*crc) {
            return Err(DAMAGED);
        }
        match kind {
            b"IDAT" => has_pixels = true,
            b"IEND" => return if has_pixels { Ok(()) } else { Err(DAMAGED) },
            _ => {}
        }
        rest = after.get(4..).unwrap_or_default();
    }
}

/// Segments up to the pixels, then the end mark.
fn jpeg(bytes: &[u8]) -> Result<(), &'static str> {
    let mut rest = bytes.get(2..).ok_or(CUT)?;
    loop {
        let [mark, kind] = rest.first_chunk::<2>().ok_or(CUT)?;
        if *mark != 0xff {
            return Err(DAMAGED);
        }
        match kind {
            // Fill bytes, and marks without content.
            0xff => rest = rest.get(1..).unwrap_or_default(),
            0x01 | 0xd0..=0xd8 => rest = rest.get(2..).unwrap_or_default(),
            0xd9 => return Err(DAMAGED),
            _ => {
                let length = rest
                    .get(2..)
                    .and_then(<[u8]>::first_chunk::<2>)
                    .ok_or(CUT)?;
                let length = usize::from(u16::from_be_bytes(*length));
                if length < 2 {
                    return Err(DAMAGED);
                }
                let after = rest.get(2 + length..).ok_or(CUT)?;
                if *kind == 0xda {
                    let has_end = memchr::memmem::find(after, &[0xff, 0xd9]).is_some();
                    return if has_end { Ok(()) } else { Err(CUT) };
                }
                rest = after;
            }
        }
    }
}

/// Blocks up to the trailer, with at least one picture.
fn gif(bytes: &[u8]) -> Result<(), &'static str> {
    let colours = |flags: u8| match flags & 0x80 {
        0 => 0,
        _ => 3 << ((flags & 7) + 1),
    };
    let flags = bytes.get(10).ok_or(CUT)?;
    let mut rest = bytes.get(13 + colours(*flags)..).ok_or(CUT)?;
    let mut has_picture = false;
    loop {
        let skip = match rest.first().ok_or(CUT)? {
            0x3b => return if has_picture { Ok(()) } else { Err(DAMAGED) },
            0x21 => 2,
            0x2c => {
                has_picture = true;
                11 + colours(*rest.get(9).ok_or(CUT)?)
            }
            _ => return Err(DAMAGED),
        };
        rest = rest.get(skip..).ok_or(CUT)?;
        // Blocks, each with its length before it; an empty one is the last.
        loop {
            let length = usize::from(*rest.first().ok_or(CUT)?);
            rest = rest.get(length + 1..).ok_or(CUT)?;
            if length == 0 {
                break;
            }
        }
    }
}

/// One length for all.
fn webp(bytes: &[u8]) -> Result<(), &'static str> {
    let length = bytes
        .get(4..)
        .and_then(<[u8]>::first_chunk::<4>)
        .ok_or(CUT)?;
    let announced = u32::from_le_bytes(*length) as usize;
    match announced.checked_add(8) {
        Some(all) if all <= bytes.len() => Ok(()),
        _ => Err(CUT),
    }
}

/// Looks at a PDF piece by piece.
#[derive(Debug, Default)]
pub(super) struct Pdf {
    is_locked: bool,
    has_end: bool,
    /// The end of the piece before.
    held: Vec<u8>,
}

impl Pdf {
    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let joined = [self.held.as_slice(), piece].concat();
        self.is_locked = self.is_locked || has_lock(&joined);
        let find = |what: &[u8]| memchr::memmem::find(&joined, what).is_some();
        self.has_end = self.has_end || find(b"%%EOF") || find(b"startxref");
        let from = joined.len().saturating_sub(PDF_OVERLAP);
        self.held = joined.get(from..).unwrap_or_default().to_vec();
    }

    /// Says what is wrong, as a clause; `None` if the API can read it.
    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.is_locked {
            Some("it is locked with a password or with rights")
        } else {
            (!self.has_end).then_some(CUT)
        }
    }
}

/// Whether the name is followed by a reference, `12 0 R`, or a dictionary: elsewhere it is a word.
fn has_lock(bytes: &[u8]) -> bool {
    memchr::memmem::find_iter(bytes, ENCRYPT).any(|at| {
        let after = bytes.get(at + ENCRYPT.len()..).unwrap_or_default();
        let value = after.trim_ascii_start();
        let is_number = value.first().is_some_and(u8::is_ascii_digit) && value.len() < after.len();
        let head = value.get(..value.len().min(24)).unwrap_or_default();
        value.starts_with(b"<<") || is_number && head.contains(&b'R')
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    const GIF: &str = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
    const JPEG: &str = "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAACf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AVN//2Q==";
    const WEBP: &str = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==";

    #[test]
    fn w16_a_picture_cut_anywhere_is_seen() {
        for (kind, text) in [
            (ImageType::Png, PNG),
            (ImageType::Gif, GIF),
            (ImageType::Jpeg, JPEG),
            (ImageType::Webp, WEBP),
        ] {
            let whole = STANDARD.decode(text).unwrap();
            assert_eq!(image_fault(kind, &whole), None, "{text}");
            // What is behind the picture is nobody's business.
            assert_eq!(image_fault(kind, &[&whole[..], b"more"].concat()), None);
            for end in 0..whole.len() {
                let fault = image_fault(kind, &whole[..end]);
                // Four bytes of a checksum behind the last chunk.
                assert!(fault.is_some(), "{text} cut at {end}");
            }
        }
    }

    #[test]
    fn w16_pixels_that_changed_are_seen() {
        let whole = STANDARD.decode(PNG).unwrap();
        let pixels = memchr::memmem::find(&whole, b"IDAT").unwrap();
        let mut changed = whole.clone();
        changed[pixels + 6] ^= 1;
        assert_eq!(image_fault(ImageType::Png, &changed), Some(DAMAGED));
        let mut without = whole.clone();
        without[pixels + 3] = b'X';
        assert_eq!(image_fault(ImageType::Png, &without), Some(DAMAGED));
    }

    #[test]
    fn w16_a_locked_or_cut_pdf_is_seen_however_it_is_read() {
        let fault = |text: &[u8]| {
            let faults: Vec<Option<&str>> = [1, 7, 50, 10_000]
                .into_iter()
                .map(|size| {
                    let mut pdf = Pdf::default();
                    text.chunks(size).for_each(|piece| pdf.push(piece));
                    pdf.fault()
                })
                .collect();
            assert!(faults.iter().all(|fault| *fault == faults[0]), "{faults:?}");
            faults[0]
        };
        let long = "x".repeat(500);
        for lock in [
            "/Encrypt 12 0 R",
            "/Encrypt\n5 0 R",
            "/Encrypt << /Filter /Standard >>",
            "/Encrypt<</V 4>>",
        ] {
            let text = format!("%PDF-1.7 {long} trailer << {lock} >> startxref 9 %%EOF");
            assert!(fault(text.as_bytes()).unwrap().contains("locked"), "{lock}");
        }
        for fine in [
            "(/Encrypt is a word)",
            "/EncryptMetadata false",
            "/Encrypted 1 0 R",
            "/Encrypt",
        ] {
            let text = format!("%PDF-1.7 {long} {fine} {long} startxref 9 %%EOF");
            assert_eq!(fault(text.as_bytes()), None, "{fine}");
        }
        assert_eq!(fault(format!("%PDF-1.7 {long}").as_bytes()), Some(CUT));
    }
}
