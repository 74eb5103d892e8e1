//! What was delivered, opened: containers and encodings.
//!
//! [`each_member`] looks at the first bytes, not at the name, and streams: gzip and zstd to their
//! text, zip and tar to their members, one inside the other to a small depth. Nothing is unpacked
//! to disk; a member's name is only a label, so `../` in it does no harm. Three caps stop bombs: how
//! much text a delivery may unpack to, in all and as a multiple of its size, and how many members it
//! may have. Damage and caps end the member with an error that names it; what was read before stays
//! read.
//!
//! The text of a member is UTF-8 from here on, without byte-order mark, and every offset that a
//! record or reject carries counts in it.

mod text;

use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use self::text::{Capped, Decoded, Exact};

/// Character encoding of a report's bytes. A byte-order mark in the text wins over all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without byte-order mark.
    #[default]
    Utf8,
    /// GB 18030, of which GBK and GB 2312 are parts.
    Gb18030,
    /// Another encoding of the WHATWG Encoding standard, by its label: UTF-16, Shift_JIS, Big5,
    /// windows-1251 ...
    Other(&'static encoding_rs::Encoding),
    /// Found out from the text: what an XML declaration says, UTF-8 where the text is valid, UTF-16
    /// where it has its zeros, else what the frequencies of its bytes suggest.
    Detected,
}

impl Encoding {
    /// Finds an encoding by its name in a feed's entry: a label of the WHATWG Encoding standard
    /// (section 4.2), or `auto`.
    pub fn named(name: &str) -> Option<Encoding> {
        if name.eq_ignore_ascii_case("auto") {
            return Some(Encoding::Detected);
        }
        let encoding = encoding_rs::Encoding::for_label_no_replacement(name.as_bytes())?;
        Some(if encoding == encoding_rs::UTF_8 {
            Encoding::Utf8
        } else if encoding == encoding_rs::GB18030 || encoding == encoding_rs::GBK {
            Encoding::Gb18030
        } else {
            Encoding::Other(encoding)
        })
    }

    /// The encoding that a feed's entry names; UTF-8 where it names none.
    pub fn of(feed: &model::feed::Feed) -> Encoding {
        feed.encoding
            .as_deref()
            .and_then(Encoding::named)
            .unwrap_or_default()
    }
}

/// What a delivery may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Text as a multiple of the delivered size. Feeds in CSV rarely pass 40; 200 leaves room for
    /// the most repetitive of them.
    pub ratio: u64,
    /// Text that is allowed whatever the ratio, in bytes: small files may be all repetition.
    pub free: u64,
    /// Text in all, in bytes.
    pub total: u64,
    /// Members.
    pub members: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Caps {
            ratio: 200,
            free: 16 << 20,
            total: 256 << 30,
            members: 10_000,
        }
    }
}

/// One text of a delivery.
pub struct Member<'a> {
    /// Its label: the delivery's name without the container's ending, or the archive's own name for
    /// the member.
    pub name: &'a str,
    /// Its number among the texts of the delivery, from 0.
    pub index: u32,
    /// The text, decoded to UTF-8; a byte sequence that the encoding does not have comes as the byte
    /// 0xFF, which no UTF-8 text holds, so that its row is refused. An error is met again at every
    /// further read.
    pub text: &'a mut dyn BufRead,
}

/// What a walk does with each text.
pub type Each<'e> = dyn FnMut(Member<'_>) -> ControlFlow<()> + 'e;

/// Containers that are told by name, so that nobody looks at a page of rejects for them.
const UNREAD: &[(&[u8], &str)] = &[
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip file"),
    (b"Rar!\x1a\x07", "a RAR file"),
    (b"%PDF-", "a PDF document"),
    (b"\x04\x22\x4d\x18", "an LZ4 file"),
];

/// Containers inside containers that are opened.
const MAX_DEPTH: u32 = 4;

/// Gives every text of a delivery to `each`, in order. The walk ends early when `each` breaks.
///
/// # Errors
/// The first damage or cap, with the name of the member; texts before it were given.
pub fn each_member<D: Read + Seek>(
    mut delivered: D,
    name: &str,
    encoding: Encoding,
    caps: &Caps,
    each: &mut Each<'_>,
) -> io::Result<()> {
    let size = delivered.seek(SeekFrom::End(0))?;
    delivered.seek(SeekFrom::Start(0))?;
    let allowed = caps
        .total
        .min(caps.free.max(size.saturating_mul(caps.ratio)));
    let mut walk = Walk {
        encoding,
        members_left: caps.members,
        text_left: allowed,
        index: 0,
        each,
        ended: false,
    };
    let mut magic = [0; 4];
    let seen = read_up_to(&mut delivered, &mut magic)?;
    delivered.seek(SeekFrom::Start(0))?;
    if is_zip(&magic[..seen]) {
        // The directory at the end is only reachable here; an inner zip is read as a stream.
        return walk.zip_with_directory(delivered, size, name);
    }
    walk.open(name, &mut BufReader::with_capacity(1 << 16, delivered), 0)
}

struct Walk<'w, 'e> {
    encoding: Encoding,
    members_left: u32,
    text_left: u64,
    index: u32,
    each: &'w mut Each<'e>,
    ended: bool,
}

impl Walk<'_, '_> {
    /// Opens what `bytes` holds by its first bytes.
    fn open(&mut self, name: &str, bytes: &mut dyn BufRead, depth: u32) -> io::Result<()> {
        let mut head = vec![0; 512];
        let seen = read_up_to(bytes, &mut head).map_err(|error| named(name, error))?;
        head.truncate(seen);
        if let Some((_, other)) = UNREAD.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Err(damaged(
                name,
                &format!("is {other}, which is not read: deliver it as gzip, zstd, zip or tar"),
            ));
        }
        let kind = Container::of(&head);
        if kind != Container::None && depth >= MAX_DEPTH {
            return Err(damaged(name, "holds containers in more than four layers"));
        }
        let mut whole = Cursor::new(head).chain(bytes);
        match kind {
            Container::Gzip => {
                let text = flate2::bufread::MultiGzDecoder::new(&mut whole);
                self.open(
                    strip(name, &[".gz", ".tgz"]),
                    &mut BufReader::with_capacity(1 << 16, text),
                    depth + 1,
                )
            }
            Container::Zstd => {
                let text = zstd::stream::read::Decoder::with_buffer(&mut whole)?;
                self.open(
                    strip(name, &[".zst", ".zstd"]),
                    &mut BufReader::with_capacity(1 << 16, text),
                    depth + 1,
                )
            }
            Container::Tar => self.tar(&mut whole, name, depth),
            Container::Zip => self.zip_stream(&mut whole, name, depth),
            Container::None => {
                self.text(name, &mut whole)?;
                Ok(())
            }
        }
        .map_err(|error| named(name, error))
    }

    fn text(&mut self, name: &str, bytes: &mut dyn BufRead) -> io::Result<()> {
        if self.members_left == 0 {
            return Err(damaged(
                name,
                "is one of more members than a delivery may have",
            ));
        }
        self.members_left -= 1;
        let index = self.index;
        self.index += 1;
        let mut capped = Capped::new(bytes, self.text_left);
        let (head, decoder) = text::begin(self.encoding, &mut capped);
        let mut plain = Cursor::new(head).chain(&mut capped);
        let mut decoded;
        let text: &mut dyn BufRead = match decoder {
            Some(decoder) => {
                decoded = BufReader::with_capacity(1 << 16, Decoded::new(&mut plain, decoder));
                &mut decoded
            }
            None => &mut plain,
        };
        self.ended |= (self.each)(Member { name, index, text }).is_break();
        self.text_left = capped.left();
        Ok(())
    }

    fn tar(&mut self, bytes: &mut dyn BufRead, name: &str, depth: u32) -> io::Result<()> {
        let mut archive = tar::Archive::new(bytes);
        for entry in archive.entries()? {
            let entry = entry?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            if self.members_left == 0 {
                return Err(damaged(name, "has more members than a delivery may have"));
            }
            let inner = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let size = entry.size();
            self.open(
                &inner,
                &mut BufReader::new(Exact::new(entry, size)),
                depth + 1,
            )?;
            if self.ended {
                break;
            }
        }
        Ok(())
    }

    fn zip_stream(&mut self, bytes: &mut dyn BufRead, name: &str, depth: u32) -> io::Result<()> {
        loop {
            let mut bytes: &mut dyn Read = bytes;
            let file = zip::read::read_zipfile_from_stream(&mut bytes)
                .map_err(|error| zip_error(name, error))?;
            let Some(file) = file else { return Ok(()) };
            if file.is_file() {
                let inner = String::from_utf8_lossy(file.name_raw()).into_owned();
                self.open(&inner, &mut BufReader::new(file), depth + 1)?;
                if self.ended {
                    return Ok(());
                }
            }
        }
    }

    fn zip_with_directory<D: Read + Seek>(
        &mut self,
        mut delivered: D,
        size: u64,
        name: &str,
    ) -> io::Result<()> {
        // The directory is read into memory: look first how long it says it is.
        let count = zip_entries(&mut delivered, size)?;
        if count > u64::from(self.members_left) {
            return Err(damaged(name, "has more members than a delivery may have"));
        }
        let mut archive = zip::ZipArchive::new(BufReader::new(delivered))
            .map_err(|error| zip_error(name, error))?;
        for at in 0..archive.len() {
            let file = archive
                .by_index(at)
                .map_err(|error| zip_error(name, error))?;
            if !file.is_file() {
                continue;
            }
            let inner = String::from_utf8_lossy(file.name_raw()).into_owned();
            self.open(&inner, &mut BufReader::new(file), 1)?;
            if self.ended {
                break;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Gzip,
    Zstd,
    Zip,
    Tar,
    None,
}

impl Container {
    fn of(head: &[u8]) -> Container {
        match head {
            [0x1f, 0x8b, ..] => Container::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Container::Zstd,
            head if is_zip(head) => Container::Zip,
            head if head.get(257..262) == Some(b"ustar".as_slice()) => Container::Tar,
            _ => Container::None,
        }
    }
}

fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// How many members a zip says it has (its end record, APPNOTE 4.3.16; in a zip of more than 65,534
/// the 64-bit one before it, 4.3.14); 0 where there is no such record, which the reader then reports.
fn zip_entries<D: Read + Seek>(delivered: &mut D, size: u64) -> io::Result<u64> {
    let tail = size.min(22 + 20 + 56 + 65_535);
    delivered.seek(SeekFrom::Start(size - tail))?;
    let mut bytes = Vec::new();
    delivered.by_ref().take(tail).read_to_end(&mut bytes)?;
    delivered.seek(SeekFrom::Start(0))?;
    let find = |mark: &[u8]| memchr::memmem::rfind(&bytes, mark);
    let number = |from: usize, width: usize| {
        let digits = bytes.get(from..from + width).unwrap_or_default();
        digits
            .iter()
            .rev()
            .fold(0u64, |value, byte| value << 8 | u64::from(*byte))
    };
    let short = find(b"PK\x05\x06").map_or(0, |at| number(at + 10, 2));
    let long = find(b"PK\x06\x06").map_or(0, |at| number(at + 32, 8));
    Ok(if short == 0xffff {
        short.max(long)
    } else {
        short
    })
}

fn strip<'a>(name: &'a str, endings: &[&str]) -> &'a str {
    endings
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(name)
}

fn damaged(name: &str, detail: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{name} {detail}"))
}

fn zip_error(name: &str, error: zip::result::ZipError) -> io::Error {
    damaged(
        name,
        &format!("is damaged or not a zip that can be read: {error}"),
    )
}

/// Puts a member's name to an error that has none yet.
fn named(name: &str, error: io::Error) -> io::Error {
    let text = error.to_string();
    if text.starts_with(name) {
        error
    } else {
        io::Error::new(error.kind(), format!("{name}: {text}"))
    }
}

fn read_up_to(input: &mut (impl Read + ?Sized), buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
