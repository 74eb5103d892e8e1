//! The fonts of the PDF and of pictures: found in known folders, loaded once, handed to the renderer as an input.
//!
//! Not a font scanner: only the Chinese text and title faces the bulletin is set in are looked for, by name, in the
//! folders where distributions put them and in those the reader names. The hash of every file used goes into the
//! issue (DESIGN invariant 8).

use crate::Error;
use model::bulletin::FontHash;
use resvg::usvg::{self, fontdb};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use typst::foundations::Bytes;
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;

/// Where Debian, Fedora, Arch, Alpine and macOS keep Noto CJK and Source Han.
const USUAL: [&str; 8] = [
    "/usr/share/fonts/opentype/noto",
    "/usr/share/fonts/opentype/source-han",
    "/usr/share/fonts/google-noto-cjk",
    "/usr/share/fonts/google-noto-sans-cjk-fonts",
    "/usr/share/fonts/noto-cjk",
    "/usr/share/fonts/noto",
    "/usr/local/share/fonts",
    "/Library/Fonts",
];

/// Families of each role, best first.
const SANS: [&str; 4] = [
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Noto Sans SC",
    "Source Han Sans CN",
];
const SERIF: [&str; 4] = [
    "Noto Serif CJK SC",
    "Source Han Serif SC",
    "Noto Serif SC",
    "Source Han Serif CN",
];
const MONO: [&str; 2] = ["Noto Sans Mono CJK SC", "Sarasa Mono SC"];

/// Loaded fonts. Cheap to share; loading reads some 65 MB.
pub struct Fonts {
    pub(super) book: LazyHash<FontBook>,
    pub(super) faces: Vec<Font>,
    /// Family of running text.
    pub(super) sans: String,
    /// Family of titles; that of text where there is none.
    pub(super) serif: String,
    /// Family of identifiers; that of text where there is none.
    pub(super) mono: String,
    hashes: Vec<FontHash>,
    /// The same faces for the SVG engine, made when the first picture is drawn.
    drawing: OnceLock<usvg::Options<'static>>,
}

/// What a face is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Text,
    TextBold,
    Title,
    Mono,
}

const ROLES: [Role; 4] = [Role::Text, Role::TextBold, Role::Title, Role::Mono];

/// A face found for a role; the lower the rank, the better.
struct Found {
    rank: usize,
    family: String,
    font: Font,
    file: usize,
}

impl Fonts {
    /// Loads from `dirs`, then from the usual folders of the system.
    ///
    /// # Errors
    /// [`Error::NoFont`] where no font covers both 网 and Latin letters; [`Error::FontFile`] where a folder or file
    /// named by the reader cannot be read.
    pub fn load(dirs: &[PathBuf]) -> Result<Fonts, Error> {
        let usual: Vec<PathBuf> = USUAL
            .iter()
            .map(PathBuf::from)
            .filter(|dir| !dirs.contains(dir) && dir.is_dir())
            .collect();
        Fonts::search(dirs, &usual)
    }

    /// Loads from `dirs` only, whatever else the system has.
    ///
    /// # Errors
    /// As [`Fonts::load`].
    pub fn load_only(dirs: &[PathBuf]) -> Result<Fonts, Error> {
        Fonts::search(dirs, &[])
    }

    /// File name and hash of every font file used, in stable order.
    pub fn hashes(&self) -> &[FontHash] {
        &self.hashes
    }

    /// What the SVG engine draws with: these faces, shared and not read again, and no way to any file.
    pub(super) fn drawing(&self) -> &usvg::Options<'static> {
        self.drawing.get_or_init(|| {
            let mut faces = fontdb::Database::new();
            let mut seen: Vec<&[u8]> = Vec::new();
            for font in &self.faces {
                let data: &[u8] = font.data();
                // A collection brings all its faces at once; they share the bytes that are loaded already.
                if !seen.iter().any(|s| std::ptr::eq(*s, data)) {
                    seen.push(data);
                    let shared = Arc::new(font.data().clone());
                    faces.load_font_source(fontdb::Source::Binary(shared));
                }
            }
            faces.set_sans_serif_family(self.sans.clone());
            faces.set_serif_family(self.serif.clone());
            faces.set_monospace_family(self.mono.clone());
            usvg::Options {
                font_family: self.sans.clone(),
                fontdb: Arc::new(faces),
                image_href_resolver: usvg::ImageHrefResolver {
                    resolve_data: Box::new(|_, _, _| None),
                    resolve_string: Box::new(|_, _| None),
                },
                ..usvg::Options::default()
            }
        })
    }

    fn search(named: &[PathBuf], usual: &[PathBuf]) -> Result<Fonts, Error> {
        let mut paths = Vec::new();
        for dir in named {
            list(dir, 3, &mut paths).map_err(|source| Error::FontFile {
                path: dir.clone(),
                source,
            })?;
        }
        for dir in usual {
            let mut here = Vec::new();
            // A folder of the system that cannot be read is as good as absent.
            if list(dir, 1, &mut here).is_ok() {
                paths.extend(here.into_iter().filter(|p| is_chinese(p)));
            }
        }
        // Files that settle a role at once come first: most searches read three files.
        paths.sort_by_key(|p| (likely(p), p.clone()));

        let mut best: [Option<Found>; 4] = [const { None }; 4];
        let mut files = Vec::new();
        for path in paths {
            if best.iter().all(|b| b.as_ref().is_some_and(|b| b.rank == 0)) {
                break;
            }
            let data = std::fs::read(&path).map_err(|source| Error::FontFile {
                path: path.clone(),
                source,
            })?;
            let data = Bytes::new(data);
            if offer(&data, files.len(), &mut best) {
                files.push((path, data));
            }
        }
        let Some(text) = &best[0] else {
            let dirs: Vec<String> = named
                .iter()
                .chain(usual)
                .map(|d| d.display().to_string())
                .collect();
            return Err(Error::NoFont {
                searched: if dirs.is_empty() {
                    "any known folder".to_owned()
                } else {
                    dirs.join(", ")
                },
            });
        };
        let sans = text.family.clone();
        let family = |i: usize| {
            best[i]
                .as_ref()
                .map_or_else(|| sans.clone(), |f| f.family.clone())
        };
        let (serif, mono) = (family(2), family(3));
        let mut used: Vec<usize> = best.iter().flatten().map(|f| f.file).collect();
        used.sort_unstable();
        used.dedup();
        let mut hashes: Vec<FontHash> = used
            .into_iter()
            .map(|i| FontHash {
                file: files[i]
                    .0
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                blake3: blake3::hash(&files[i].1).to_hex().to_string(),
            })
            .collect();
        hashes.sort();
        let mut faces: Vec<Font> = Vec::new();
        for found in best.into_iter().flatten() {
            if !faces.contains(&found.font) {
                faces.push(found.font);
            }
        }
        Ok(Fonts {
            book: LazyHash::new(FontBook::from_fonts(&faces)),
            faces,
            sans,
            serif,
            mono,
            hashes,
            drawing: OnceLock::new(),
        })
    }
}

/// Offers every face of a file to every role; true when one of them took it.
fn offer(data: &Bytes, file: usize, best: &mut [Option<Found>; 4]) -> bool {
    let mut taken = false;
    // A file that is not a font has no faces.
    for index in 0..ttf_parser::fonts_in_collection(data).unwrap_or(1) {
        let Ok(face) = ttf_parser::Face::parse(data, index) else {
            continue;
        };
        let Some(family) = family(&face) else {
            continue;
        };
        let covers = "网Az09".chars().all(|c| face.glyph_index(c).is_some());
        if !covers || face.is_italic() || face.is_variable() {
            continue;
        }
        let bold = face.weight().to_number() >= 600;
        for (role, slot) in ROLES.into_iter().zip(best.iter_mut()) {
            let Some(rank) = rank(role, &family, bold, face.weight().to_number()) else {
                continue;
            };
            if slot.as_ref().is_some_and(|b| b.rank <= rank) {
                continue;
            }
            if let Some(font) = Font::new(data.clone(), index) {
                *slot = Some(Found {
                    rank,
                    family: family.clone(),
                    font,
                    file,
                });
                taken = true;
            }
        }
    }
    taken
}

/// How well a face suits a role; None: not at all. A face of an unknown family that covers Chinese serves as text
/// when nothing better is there.
fn rank(role: Role, family: &str, bold: bool, weight: u16) -> Option<usize> {
    let among = |names: &[&str]| names.iter().position(|n| *n == family);
    // Off-weight faces of a wanted family come after its regular or bold one.
    let off = |wanted: u16| if weight == wanted { 0 } else { 10 };
    match role {
        Role::Text if !bold => Some(among(&SANS).map_or(50, |r| r + off(400))),
        Role::TextBold if bold => among(&SANS).map(|r| r + off(700)),
        Role::Title => among(&SERIF).map(|r| r + if bold { off(700) } else { 20 }),
        Role::Mono if !bold => among(&MONO).map(|r| r + off(400)),
        Role::Text | Role::TextBold | Role::Mono => None,
    }
}

/// The English family name, the typographic one before the legacy one.
fn family(face: &ttf_parser::Face<'_>) -> Option<String> {
    let named = |id| {
        face.names()
            .into_iter()
            .filter(|n| n.name_id == id && n.is_unicode())
            .filter_map(|n| n.to_string())
            .find(|n| n.is_ascii())
    };
    named(ttf_parser::name_id::TYPOGRAPHIC_FAMILY).or_else(|| named(ttf_parser::name_id::FAMILY))
}

/// Font files of a folder and, to a depth, of the folders in it.
fn list(dir: &Path, depth: usize, out: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            if depth > 0 {
                list(&path, depth - 1, out)?;
            }
        } else if path.extension().is_some_and(|e| {
            ["ttf", "ttc", "otf", "otc"]
                .iter()
                .any(|x| e.eq_ignore_ascii_case(x))
        }) {
            out.push(path);
        }
    }
    Ok(())
}

fn lower_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase()
}

/// Whether a file's name promises Chinese, so that system folders are not read whole.
fn is_chinese(path: &Path) -> bool {
    let name = lower_name(path);
    ["cjk", "sourcehan", "notosanssc", "notoserifsc", "sarasa"]
        .iter()
        .any(|part| name.contains(part))
}

/// Order in which files are tried.
fn likely(path: &Path) -> u8 {
    let name = lower_name(path);
    let (serif, bold) = (
        name.contains("serif"),
        name.contains("bold") && !name.contains("demi"),
    );
    match (serif, bold, name.contains("regular")) {
        (false, false, true) => 0,
        (false, true, _) => 1,
        (true, true, _) => 2,
        (true, false, true) => 3,
        _ => 4,
    }
}
