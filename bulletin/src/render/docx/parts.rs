//! The parts around the text: types, relations, properties, styles, head and foot.

use super::super::palette::Palette;
use super::super::view::Page;
use super::xml::{Attributes, Xml};
use super::{TEXT_WIDTH, picture_name};
use model::bulletin::{Bulletin, Lang};

/// Namespace of the main vocabulary.
pub const W: &str = "http://schemas.openxmlformats.org/wordprocessingml/2006/main";
/// Namespace of relations.
pub const R: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";

/// Families of running text and of titles, as Windows has them; the font table names what stands in for them.
const SANS: &str = "Microsoft YaHei";
const SERIF: &str = "SimSun";
/// The same for Latin letters in English, where Chinese fonts would draw quotation marks a full em wide.
const LATIN_SANS: &str = "Arial";
const LATIN_SERIF: &str = "Georgia";

const WORDML: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml";

/// Parts beside the document: name, type of content, type of relation.
const BESIDE: [(&str, &str, &str); 7] = [
    ("styles", "styles", "styles"),
    ("settings", "settings", "settings"),
    ("fontTable", "fontTable", "fontTable"),
    ("numbering", "numbering", "numbering"),
    ("header1", "header", "header"),
    ("header2", "header", "header"),
    ("footer1", "footer", "footer"),
];

pub fn content_types() -> Vec<u8> {
    let mut x = Xml::new();
    let namespace = format!("{PACKAGE}/content-types");
    x.within("Types", &[("xmlns", &namespace)], |x| {
        for (extension, kind) in [
            (
                "rels",
                "application/vnd.openxmlformats-package.relationships+xml",
            ),
            ("xml", "application/xml"),
            ("png", "image/png"),
        ] {
            x.empty(
                "Default",
                &[("Extension", extension), ("ContentType", kind)],
            );
        }
        let mut part = |name: &str, kind: &str| {
            x.empty("Override", &[("PartName", name), ("ContentType", kind)]);
        };
        part("/word/document.xml", &format!("{WORDML}.document.main+xml"));
        for (name, kind, _) in BESIDE {
            part(
                &format!("/word/{name}.xml"),
                &format!("{WORDML}.{kind}+xml"),
            );
        }
        part(
            "/docProps/core.xml",
            "application/vnd.openxmlformats-package.core-properties+xml",
        );
        part(
            "/docProps/app.xml",
            "application/vnd.openxmlformats-officedocument.extended-properties+xml",
        );
    });
    x.finish()
}

fn relations(list: &[(String, String, String)]) -> Vec<u8> {
    let mut x = Xml::new();
    let namespace = format!("{PACKAGE}/relationships");
    x.within("Relationships", &[("xmlns", &namespace)], |x| {
        for (id, kind, target) in list {
            x.empty(
                "Relationship",
                &[("Id", id), ("Type", kind), ("Target", target)],
            );
        }
    });
    x.finish()
}

pub fn root_relations() -> Vec<u8> {
    let of = |id: &str, kind: String, target: &str| (id.to_owned(), kind, target.to_owned());
    relations(&[
        of("rId1", format!("{R}/officeDocument"), "word/document.xml"),
        of(
            "rId2",
            format!("{PACKAGE}/relationships/metadata/core-properties"),
            "docProps/core.xml",
        ),
        of(
            "rId3",
            format!("{R}/extended-properties"),
            "docProps/app.xml",
        ),
    ])
}

/// Relations of the document: the parts beside it by name, pictures as `picture1`.
pub fn document_relations(pictures: &[String]) -> Vec<u8> {
    let mut list: Vec<(String, String, String)> = BESIDE
        .iter()
        .map(|(name, _, kind)| {
            (
                (*name).to_owned(),
                format!("{R}/{kind}"),
                format!("{name}.xml"),
            )
        })
        .collect();
    for (at, name) in pictures.iter().enumerate() {
        debug_assert_eq!(*name, picture_name(at + 1));
        list.push((
            format!("picture{}", at + 1),
            format!("{R}/image"),
            format!("media/{name}"),
        ));
    }
    relations(&list)
}

/// Core properties (ISO 29500-2): times are noon UTC of the day of publication, as there is no clock here.
pub fn core(b: &Bulletin, p: &Page<'_>) -> Vec<u8> {
    let day = b.published.as_ref().map_or(b.week.last, |d| d.date);
    let instant = format!("{day}T12:00:00Z");
    let mut x = Xml::new();
    let namespaces = [
        (
            "xmlns:cp",
            "http://schemas.openxmlformats.org/package/2006/metadata/core-properties",
        ),
        ("xmlns:dc", "http://purl.org/dc/elements/1.1/"),
        ("xmlns:dcterms", "http://purl.org/dc/terms/"),
        ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
    ];
    x.within("cp:coreProperties", &namespaces, |x| {
        let time = [("xsi:type", "dcterms:W3CDTF")];
        x.text("dcterms:created", &time, &instant);
        x.text("dc:creator", &[], &p.publisher);
        x.text("dc:description", &[], &p.description);
        x.text("dc:identifier", &[], b.hash.as_deref().unwrap_or_default());
        x.text("cp:keywords", &[], p.tlp);
        x.text("dc:language", &[], language(b_lang(p)));
        x.text("cp:lastModifiedBy", &[], &p.publisher);
        x.text("dcterms:modified", &time, &instant);
        x.text("cp:revision", &[], &b.revision.to_string());
        x.text("dc:subject", &[], &p.week);
        x.text("dc:title", &[], &format!("{} {}", p.title, p.issue));
    });
    x.finish()
}

fn b_lang(p: &Page<'_>) -> Lang {
    if p.lang == "zh" { Lang::Zh } else { Lang::En }
}

pub fn app(p: &Page<'_>) -> Vec<u8> {
    let mut x = Xml::new();
    let namespace = "http://schemas.openxmlformats.org/officeDocument/2006/extended-properties";
    x.within("Properties", &[("xmlns", namespace)], |x| {
        x.text("Application", &[], "Watchfire");
        x.text("Company", &[], &p.publisher);
    });
    x.finish()
}

/// The language tag of a document.
fn language(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "zh-CN",
        Lang::En => "en-US",
    }
}

fn val(x: &mut Xml, name: &str, value: &str) {
    x.empty(name, &[("w:val", value)]);
}

fn fonts(x: &mut Xml, serif: bool, lang: Lang) {
    let han = if serif { SERIF } else { SANS };
    let latin = match (lang, serif) {
        (Lang::Zh, _) => han,
        (Lang::En, true) => LATIN_SERIF,
        (Lang::En, false) => LATIN_SANS,
    };
    x.empty(
        "w:rFonts",
        &[
            ("w:ascii", latin),
            ("w:hAnsi", latin),
            ("w:eastAsia", han),
            ("w:cs", latin),
        ],
    );
}

/// A paragraph style.
struct Style<'a> {
    id: &'a str,
    /// The name Word knows it by; its own names give the navigation pane and the table of contents.
    name: &'a str,
    next: &'a str,
    /// Outline level, 0 the highest.
    outline: Option<&'a str>,
    keep_next: bool,
    /// Space before and after, twentieths of a point.
    space: (&'a str, &'a str),
    serif: bool,
    bold: bool,
    /// Without `#`; empty for ink.
    color: &'a str,
    /// Half points.
    size: &'a str,
    /// A rule above.
    rule: bool,
}

const PLAIN: Style<'static> = Style {
    id: "",
    name: "",
    next: "",
    outline: None,
    keep_next: false,
    space: ("0", "0"),
    serif: false,
    bold: false,
    color: "",
    size: "",
    rule: false,
};

/// The styles of the bulletin.
pub fn styles(lang: Lang) -> Vec<u8> {
    let palette = Palette::PRINT;
    let muted = hex(palette.ink_2);
    let accent = hex(palette.accent);
    let list = [
        Style {
            id: "Title",
            name: "Title",
            next: "Subtitle",
            keep_next: true,
            space: ("120", "80"),
            serif: true,
            bold: true,
            size: "48",
            ..PLAIN
        },
        Style {
            id: "Subtitle",
            name: "Subtitle",
            next: "BodyText",
            space: ("0", "120"),
            color: muted,
            size: "21",
            ..PLAIN
        },
        Style {
            id: "Heading1",
            name: "heading 1",
            next: "BodyText",
            outline: Some("0"),
            keep_next: true,
            space: ("300", "100"),
            bold: true,
            size: "28",
            rule: true,
            ..PLAIN
        },
        Style {
            id: "Heading2",
            name: "heading 2",
            next: "BodyText",
            outline: Some("1"),
            keep_next: true,
            space: ("240", "80"),
            bold: true,
            size: "23",
            ..PLAIN
        },
        Style {
            id: "BodyText",
            name: "Body Text",
            space: ("0", "90"),
            ..PLAIN
        },
        Style {
            id: "Caption",
            name: "caption",
            next: "BodyText",
            keep_next: true,
            space: ("120", "60"),
            color: muted,
            size: "18",
            ..PLAIN
        },
        Style {
            id: "ChartSubtitle",
            name: "Chart Subtitle",
            next: "BodyText",
            keep_next: true,
            space: ("0", "100"),
            color: muted,
            size: "19",
            ..PLAIN
        },
        Style {
            id: "Figure",
            name: "Figure",
            next: "BodyText",
            keep_next: true,
            space: ("0", "60"),
            ..PLAIN
        },
        Style {
            id: "Note",
            name: "Note",
            space: ("40", "80"),
            color: muted,
            size: "17",
            ..PLAIN
        },
        Style {
            id: "TableText",
            name: "Table Text",
            space: ("30", "30"),
            size: "18",
            ..PLAIN
        },
        Style {
            id: "TableHead",
            name: "Table Head",
            space: ("30", "30"),
            color: muted,
            size: "17",
            ..PLAIN
        },
        Style {
            id: "TileNumber",
            name: "Tile Number",
            space: ("0", "20"),
            bold: true,
            size: "32",
            ..PLAIN
        },
        Style {
            id: "RatingWord",
            name: "Rating Word",
            keep_next: true,
            space: ("0", "80"),
            serif: true,
            bold: true,
            size: "60",
            ..PLAIN
        },
        Style {
            id: "Gap",
            name: "Gap",
            size: "10",
            ..PLAIN
        },
        Style {
            id: "Banner",
            name: "Banner",
            space: ("0", "120"),
            color: accent,
            size: "19",
            ..PLAIN
        },
        Style {
            id: "Header",
            name: "header",
            color: muted,
            size: "16",
            ..PLAIN
        },
        Style {
            id: "Footer",
            name: "footer",
            color: muted,
            size: "16",
            ..PLAIN
        },
        Style {
            id: "ListBullet",
            name: "List Bullet",
            space: ("0", "80"),
            size: "19",
            ..PLAIN
        },
    ];
    let (size, line) = match lang {
        Lang::Zh => ("21", "340"),
        Lang::En => ("20", "300"),
    };
    let mut x = Xml::new();
    x.within("w:styles", &[("xmlns:w", W)], |x| {
        x.within("w:docDefaults", &[], |x| {
            x.within("w:rPrDefault", &[], |x| {
                x.within("w:rPr", &[], |x| {
                    fonts(x, false, lang);
                    val(x, "w:color", hex(palette.ink));
                    val(x, "w:sz", size);
                    val(x, "w:szCs", size);
                    x.empty(
                        "w:lang",
                        &[
                            ("w:val", language(lang)),
                            ("w:eastAsia", "zh-CN"),
                            ("w:bidi", "ar-SA"),
                        ],
                    );
                });
            });
            x.within("w:pPrDefault", &[], |x| {
                x.within("w:pPr", &[], |x| {
                    x.empty(
                        "w:spacing",
                        &[("w:after", "0"), ("w:line", line), ("w:lineRule", "exact")],
                    );
                });
            });
        });
        x.within(
            "w:style",
            &[
                ("w:type", "paragraph"),
                ("w:default", "1"),
                ("w:styleId", "Normal"),
            ],
            |x| {
                val(x, "w:name", "Normal");
                x.empty("w:qFormat", &[]);
            },
        );
        x.within(
            "w:style",
            &[
                ("w:type", "table"),
                ("w:default", "1"),
                ("w:styleId", "TableNormal"),
            ],
            |x| {
                val(x, "w:name", "Normal Table");
                val(x, "w:uiPriority", "99");
                x.empty("w:semiHidden", &[]);
                x.empty("w:unhideWhenUsed", &[]);
                x.within("w:tblPr", &[], |x| {
                    x.empty("w:tblInd", &[("w:w", "0"), ("w:type", "dxa")]);
                    x.within("w:tblCellMar", &[], |x| {
                        for (side, w) in [
                            ("w:top", "0"),
                            ("w:left", "0"),
                            ("w:bottom", "0"),
                            ("w:right", "0"),
                        ] {
                            x.empty(side, &[("w:w", w), ("w:type", "dxa")]);
                        }
                    });
                });
            },
        );
        for s in &list {
            style(x, s, lang);
        }
    });
    x.finish()
}

fn style(x: &mut Xml, s: &Style<'_>, lang: Lang) {
    let ours = s.name.starts_with(|c: char| c.is_uppercase())
        && !["Title", "Subtitle", "Body Text", "List Bullet"].contains(&s.name);
    let mut attributes = vec![("w:type", "paragraph")];
    if ours {
        attributes.push(("w:customStyle", "1"));
    }
    attributes.push(("w:styleId", s.id));
    x.within("w:style", &attributes, |x| {
        val(x, "w:name", s.name);
        val(x, "w:basedOn", "Normal");
        if !s.next.is_empty() {
            val(x, "w:next", s.next);
        }
        x.empty("w:qFormat", &[]);
        x.within("w:pPr", &[], |x| {
            if s.keep_next {
                x.empty("w:keepNext", &[]);
            }
            if s.id == "ListBullet" {
                x.within("w:numPr", &[], |x| val(x, "w:numId", "1"));
            }
            if s.rule {
                x.within("w:pBdr", &[], |x| {
                    border(x, "w:top", "8", Palette::PRINT.ink, "8");
                });
            }
            if ["Header", "Footer"].contains(&s.id) {
                x.within("w:tabs", &[], |x| {
                    let (middle, right) = ((TEXT_WIDTH / 2).to_string(), TEXT_WIDTH.to_string());
                    x.empty("w:tab", &[("w:val", "center"), ("w:pos", &middle)]);
                    x.empty("w:tab", &[("w:val", "right"), ("w:pos", &right)]);
                });
            }
            let mut spacing = vec![("w:before", s.space.0), ("w:after", s.space.1)];
            // Text of another size than the body's, and pictures, take what room they need.
            if !s.size.is_empty() || s.id == "Figure" {
                spacing.extend([("w:line", "240"), ("w:lineRule", "auto")]);
            }
            x.empty("w:spacing", &spacing);
            if let Some(level) = s.outline {
                val(x, "w:outlineLvl", level);
            }
        });
        x.within("w:rPr", &[], |x| {
            if s.serif {
                fonts(x, true, lang);
            }
            if s.bold {
                x.empty("w:b", &[]);
                x.empty("w:bCs", &[]);
            }
            if !s.color.is_empty() {
                val(x, "w:color", s.color);
            }
            if !s.size.is_empty() {
                val(x, "w:sz", s.size);
                val(x, "w:szCs", s.size);
            }
        });
    });
}

/// A border: width in eighths of a point, distance in points.
pub fn border(x: &mut Xml, side: &str, width: &str, color: &str, space: &str) {
    x.empty(
        side,
        &[
            ("w:val", "single"),
            ("w:sz", width),
            ("w:space", space),
            ("w:color", hex(color)),
        ],
    );
}

/// A color as Word writes it.
pub fn hex(color: &str) -> &str {
    color.trim_start_matches('#')
}

pub fn settings(lang: Lang) -> Vec<u8> {
    let mut x = Xml::new();
    x.within("w:settings", &[("xmlns:w", W)], |x| {
        x.empty("w:zoom", &[("w:percent", "100")]);
        val(x, "w:defaultTabStop", "420");
        val(x, "w:characterSpacingControl", "compressPunctuation");
        x.within("w:compat", &[], |x| {
            x.empty(
                "w:compatSetting",
                &[
                    ("w:name", "compatibilityMode"),
                    ("w:uri", "http://schemas.microsoft.com/office/word"),
                    ("w:val", "15"),
                ],
            );
        });
        x.empty(
            "w:themeFontLang",
            &[("w:val", language(lang)), ("w:eastAsia", "zh-CN")],
        );
    });
    x.finish()
}

/// What stands in for a family where it is missing: the free fonts of other systems.
pub fn font_table() -> Vec<u8> {
    let mut x = Xml::new();
    x.within("w:fonts", &[("xmlns:w", W)], |x| {
        let sans = "Noto Sans CJK SC,Source Han Sans SC,PingFang SC";
        let serif = "Noto Serif CJK SC,Source Han Serif SC,Songti SC";
        for (name, others, family, charset) in [
            (SANS, sans, "swiss", "86"),
            (SERIF, serif, "roman", "86"),
            (LATIN_SANS, "Liberation Sans,Helvetica", "swiss", "00"),
            (LATIN_SERIF, "Gelasio,DejaVu Serif", "roman", "00"),
        ] {
            x.within("w:font", &[("w:name", name)], |x| {
                val(x, "w:altName", others);
                // 86 is the character set of simplified Chinese.
                val(x, "w:charset", charset);
                val(x, "w:family", family);
                val(x, "w:pitch", "variable");
            });
        }
    });
    x.finish()
}

pub fn numbering() -> Vec<u8> {
    let mut x = Xml::new();
    x.within("w:numbering", &[("xmlns:w", W)], |x| {
        x.within("w:abstractNum", &[("w:abstractNumId", "0")], |x| {
            val(x, "w:multiLevelType", "singleLevel");
            x.within("w:lvl", &[("w:ilvl", "0")], |x| {
                val(x, "w:start", "1");
                val(x, "w:numFmt", "bullet");
                val(x, "w:lvlText", "·");
                val(x, "w:lvlJc", "left");
                x.within("w:pPr", &[], |x| {
                    x.empty("w:ind", &[("w:left", "240"), ("w:hanging", "240")]);
                });
            });
        });
        x.within("w:num", &[("w:numId", "1")], |x| {
            val(x, "w:abstractNumId", "0");
        });
    });
    x.finish()
}

fn run(x: &mut Xml, text: &str, color: &str) {
    x.within("w:r", &[], |x| {
        if !color.is_empty() {
            x.within("w:rPr", &[], |x| val(x, "w:color", hex(color)));
        }
        x.text("w:t", &[("xml:space", "preserve")], text);
    });
}

fn tab(x: &mut Xml) {
    x.within("w:r", &[], |x| x.empty("w:tab", &[]));
}

fn edge(root: &str, style: &str, fill: impl FnOnce(&mut Xml)) -> Vec<u8> {
    let mut x = Xml::new();
    let namespaces: Attributes<'_> = &[("xmlns:w", W)];
    x.within(root, namespaces, |x| {
        x.within("w:p", &[], |x| {
            x.within("w:pPr", &[], |x| val(x, "w:pStyle", style));
            fill(x);
        });
    });
    x.finish()
}

/// The running title, from page 2.
pub fn header(p: &Page<'_>) -> Vec<u8> {
    edge("w:hdr", "Header", |x| {
        run(x, &format!("{}  {}", p.title, p.issue), "");
        tab(x);
        tab(x);
        run(x, p.draft, Palette::PRINT.accent);
    })
}

/// The first page has its masthead.
pub fn empty_header() -> Vec<u8> {
    edge("w:hdr", "Header", |_| {})
}

/// Marking, warning, page number.
pub fn footer(p: &Page<'_>) -> Vec<u8> {
    let field = |x: &mut Xml, code: &str| {
        x.within("w:fldSimple", &[("w:instr", code)], |x| run(x, "1", ""));
    };
    edge("w:ftr", "Footer", |x| {
        run(x, p.tlp, Palette::PRINT.ink);
        tab(x);
        run(x, &p.banner, Palette::PRINT.accent);
        tab(x);
        field(x, " PAGE ");
        run(x, " / ", "");
        field(x, " NUMPAGES ");
    })
}
