//! Looks at a file before it is sent: what it is, how large, its hash, whether Claude can see it.
//!
//! Edge: reads the file once, piece by piece. Whatever cannot be sent is refused here, before
//! anything goes out.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: opens files so that no link is followed"
)]

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::paths::Refused;
use crate::host::unnumbered;
use crate::kernel::store::MAX_FILE_BYTES;
use crate::kernel::whole;
use crate::render::foreign;

/// How much is read at once, in bytes.
const PIECE: usize = 1024 * 1024;
/// The largest image Claude sees, in bytes: 10 MB once it is written in base64.
const MAX_IMAGE_BYTES: u64 = 10 * 1024 * 1024 / 4 * 3;
/// The widest and highest image Claude sees, in pixels.
const MAX_IMAGE_SIDE: usize = 8_000;

/// What kind of file it is, as far as attaching goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// PNG, JPEG, GIF or WebP.
    Image {
        /// Width and height in pixels, if they can be read.
        pixels: Option<(usize, usize)>,
        /// Why the API would refuse it, as a clause.
        fault: Option<&'static str>,
    },
    /// PDF.
    Pdf {
        /// Why the API would refuse it, as a clause.
        fault: Option<&'static str>,
    },
    /// UTF-8 throughout.
    Text,
    /// Anything else.
    Other,
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Examined {
    pub(super) kind: Kind,
    /// As content blocks need it: text of any sort is `text/plain`.
    pub(super) mime_type: String,
    pub(super) size_bytes: u64,
    /// In hexadecimal.
    pub(super) sha256: String,
}

impl Examined {
    /// Returns why Claude cannot see an image, as a clause; `None` when it can.
    pub(super) fn unseen(&self) -> Option<String> {
        let Kind::Image { pixels, fault } = self.kind else {
            return Some("it is no PNG, JPEG, GIF or WebP image".to_owned());
        };
        if let Some(fault) = fault {
            return Some(fault.to_owned());
        }
        if self.size_bytes > MAX_IMAGE_BYTES {
            return Some(format!(
                "it has {}, and Claude sees images of up to {}",
                foreign::size(self.size_bytes),
                foreign::size(MAX_IMAGE_BYTES)
            ));
        }
        match pixels {
            None => Some("its size in pixels cannot be read".to_owned()),
            Some((width, height)) if width.max(height) > MAX_IMAGE_SIDE => Some(format!(
                "it has {width} × {height} pixels, and Claude sees images of up to {MAX_IMAGE_SIDE} a side"
            )),
            Some(_) => None,
        }
    }
}

/// Examines a file; blocks as long as reading it takes.
pub(super) fn examine(path: &Path, shown: &str) -> Result<Examined, Refused> {
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => Refused::new(
            format!("`{shown}` may not be read"),
            "Check its permissions.",
        ),
        _ => Refused::new(
            format!("`{shown}` cannot be read: {}", unnumbered(&error)),
            "Check that it is still there.",
        ),
    };
    // Before opening: a pipe would wait for somebody to write into it.
    check_sendable(&std::fs::metadata(path).map_err(unreadable)?, shown)?;
    let mut file = open(path).map_err(unreadable)?;
    let announced = file.metadata().map_err(unreadable)?;
    check_sendable(&announced, shown)?;
    let read = read(&mut file).map_err(unreadable)?;
    if read.size_bytes != announced.len() {
        return Err(Refused::new(
            format!("`{shown}` is being written at this moment"),
            "Run the cell again when it is complete.",
        ));
    }
    let sniffed = infer::get(&read.start).map(|kind| kind.mime_type());
    let (kind, mime_type) = match sniffed {
        Some(mime @ ("image/png" | "image/jpeg" | "image/gif" | "image/webp")) => {
            let size = imagesize::size(path).ok();
            let pixels = size.map(|size| (size.width, size.height));
            let fault = image_fault(path, read.size_bytes).map_err(unreadable)?;
            (Kind::Image { pixels, fault }, mime)
        }
        Some(mime @ "application/pdf") => {
            let fault = read.pdf.fault();
            (Kind::Pdf { fault }, mime)
        }
        _ if read.is_text => (Kind::Text, "text/plain"),
        Some(mime) => (Kind::Other, mime),
        None => (
            Kind::Other,
            mime_guess::from_path(path)
                .first_raw()
                .filter(|mime| !mime.starts_with("text/") && !mime.starts_with("image/"))
                .unwrap_or("application/octet-stream"),
        ),
    };
    Ok(Examined {
        kind,
        mime_type: mime_type.to_owned(),
        size_bytes: read.size_bytes,
        sha256: read.sha256,
    })
}

/// Says why the API would refuse an image that is small enough to be shown.
fn image_fault(path: &Path, size_bytes: u64) -> io::Result<Option<&'static str>> {
    if size_bytes > MAX_IMAGE_BYTES {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    open(path)?.take(MAX_IMAGE_BYTES).read_to_end(&mut bytes)?;
    let kind = imagesize::image_type(&bytes).ok();
    Ok(kind.and_then(|kind| whole::image_fault(kind, &bytes)))
}

/// Refuses what is no plain file, is empty or is too large.
fn check_sendable(found: &Metadata, shown: &str) -> Result<(), Refused> {
    if found.is_dir() {
        return Err(Refused::new(
            format!("`{shown}` is a folder"),
            format!(
                "Name the files in it: `%attach {}/*`.",
                shown.trim_end_matches('/')
            ),
        ));
    }
    if !found.is_file() {
        return Err(Refused::new(
            format!("`{shown}` is no plain file but a pipe, a socket or a device"),
            "Save what it gives into a file, and attach that.",
        ));
    }
    if found.len() == 0 {
        return Err(Refused::new(
            format!("`{shown}` is empty"),
            "Check that it was written completely.",
        ));
    }
    if found.len() > MAX_FILE_BYTES {
        return Err(Refused::new(
            format!(
                "`{shown}` has {}, more than the {} that a file may have",
                foreign::size(found.len()),
                foreign::size(MAX_FILE_BYTES)
            ),
            "Split it, compress it, or keep only the columns and rows that matter.",
        ));
    }
    Ok(())
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    // A pipe that took the file's place meanwhile is not waited for; a link is not followed.
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

struct Read {
    size_bytes: u64,
    sha256: String,
    is_text: bool,
    /// Enough to tell the type.
    start: Vec<u8>,
    pdf: whole::Pdf,
}

fn read(file: &mut File) -> io::Result<Read> {
    let (mut hasher, mut size_bytes) = (Sha256::new(), 0u64);
    let (mut text, mut start) = (Text::default(), Vec::new());
    let mut pdf = whole::Pdf::default();
    let mut piece = vec![0; PIECE];
    loop {
        let length = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let bytes = piece.get(..length).unwrap_or_default();
        hasher.update(bytes);
        text.push(bytes);
        if start.len() < SNIFFED {
            start.extend(bytes.iter().take(SNIFFED - start.len()));
        }
        if start.starts_with(b"%PDF-") {
            pdf.push(bytes);
        }
        size_bytes += length as u64;
        if size_bytes > MAX_FILE_BYTES {
            // It grows while we read; the caller sees that it is not what it was.
            break;
        }
    }
    let digest = hasher.finalize();
    Ok(Read {
        size_bytes,
        sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        is_text: text.is_text(),
        start,
        pdf,
    })
}

/// How much of the start tells the type, in bytes.
const SNIFFED: usize = 8 * 1024;

/// Whether pieces add up to UTF-8 without NUL.
#[derive(Debug, Default)]
struct Text {
    is_broken: bool,
    /// The start of a character whose end is in the next piece.
    open: Vec<u8>,
}

impl Text {
    fn push(&mut self, bytes: &[u8]) {
        if self.is_broken {
            return;
        }
        let joined;
        let bytes = if self.open.is_empty() {
            bytes
        } else {
            joined = [self.open.as_slice(), bytes].concat();
            &joined
        };
        let open = match std::str::from_utf8(bytes) {
            Ok(_) => Vec::new(),
            Err(error) if error.error_len().is_none() => bytes
                .get(error.valid_up_to()..)
                .unwrap_or_default()
                .to_vec(),
            Err(_) => {
                self.is_broken = true;
                return;
            }
        };
        self.is_broken = bytes.contains(&0);
        self.open = open;
    }

    fn is_text(&self) -> bool {
        !self.is_broken && self.open.is_empty()
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "tests make the files they examine"
)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_however_it_is_cut() {
        for (bytes, expected) in [
            ("größe,😀\n".as_bytes(), true),
            (b"a\0b", false),
            (b"caf\xe9", false),
            (b"caf\xc3", false),
        ] {
            for cut in 0..=bytes.len() {
                let mut text = Text::default();
                let (one, other) = bytes.split_at(cut);
                text.push(one);
                text.push(other);
                assert_eq!(text.is_text(), expected, "{bytes:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_file_is_what_it_holds_not_what_it_is_called() {
        let directory = tempfile::tempdir().unwrap();
        let check = |name: &str, bytes: &[u8], mime: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let examined = examine(&path, name).unwrap();
            assert_eq!(examined.mime_type, mime, "{name}");
            assert_eq!(examined.size_bytes, bytes.len() as u64);
            examined
        };
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x07\0\0\0\x09\x08\x06\0\0\0";
        let image = check("a.csv", png, "image/png");
        assert_eq!(
            image.kind,
            Kind::Image {
                pixels: Some((7, 9)),
                fault: Some("it is cut off"),
            }
        );
        assert_eq!(image.unseen().as_deref(), Some("it is cut off"));
        check("a.png", b"day,net\n1,2\n", "text/plain");
        check("b.md", "# größe\n".as_bytes(), "text/plain");
        check("b.pdf", b"%PDF-1.7\n\xff\xfe", "application/pdf");
        check("b.bin", b"PAR1\0\xff\xfe\xfd", "application/octet-stream");
        check(
            "b.parquet",
            b"PAR1\0\xff\xfe",
            "application/vnd.apache.parquet",
        );
        check("c.txt", b"\xff\xfe\0x", "application/octet-stream");
        let locked = b"%PDF-1.7\n\xff trailer << /Encrypt 5 0 R >> %%EOF";
        let locked = check("locked.pdf", locked, "application/pdf").kind;
        assert!(matches!(locked, Kind::Pdf { fault: Some(why) } if why.contains("locked")));
        let whole = b"%PDF-1.7\n\xff trailer << >> %%EOF";
        let whole = check("whole.pdf", whole, "application/pdf").kind;
        assert_eq!(whole, Kind::Pdf { fault: None });
        let huge = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x40\0\0\0\0\x01\x08\x06\0\0\0";
        assert!(
            check("huge.png", huge, "image/png")
                .unseen()
                .unwrap()
                .contains("cut off")
        );
    }

    #[test]
    fn what_cannot_be_sent_is_refused_before_it_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let refused = |name: &str| {
            let error = examine(&directory.path().join(name), name).unwrap_err();
            error.why
        };
        std::fs::write(directory.path().join("empty"), "").unwrap();
        std::fs::create_dir(directory.path().join("folder")).unwrap();
        let large = File::create(directory.path().join("large")).unwrap();
        large.set_len(MAX_FILE_BYTES + 1).unwrap();
        assert_eq!(refused("empty"), "`empty` is empty");
        assert_eq!(refused("folder"), "`folder` is a folder");
        assert!(
            refused("large").contains("more than the"),
            "{}",
            refused("large")
        );
        assert!(refused("gone").contains("cannot be read"));
        #[cfg(unix)]
        {
            let pipe = directory.path().join("pipe");
            nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
            assert!(refused("pipe").contains("pipe"), "{}", refused("pipe"));
            assert!(
                examine(Path::new("/dev/zero"), "zero")
                    .unwrap_err()
                    .why
                    .contains("device")
            );
        }
    }
}
