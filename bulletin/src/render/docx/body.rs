//! The text of the document: each block of the issue as paragraphs, tables and pictures.

use super::super::charts::{self, Width};
use super::super::flow::{self, Block, Grid};
use super::super::palette::Palette;
use super::super::picture::{self, Picture};
use super::super::view::{HandlingCell, Page, Piece, Rating, Tile};
use super::super::{Fonts, Frame};
use super::TEXT_WIDTH;
use super::parts::{R, W, border, hex};
use super::xml::Xml;
use crate::Error;
use model::bulletin::{Bulletin, Lang};

/// Pictures are drawn with this many dots to the inch.
const DPI: u32 = 300;
/// English metric units in a twentieth of a point.
const EMU: u32 = 635;
/// The colors of paper.
const PRINT: Palette = Palette::PRINT;

/// The document in the making.
pub struct Body<'p, 'a> {
    x: Xml,
    b: &'a Bulletin,
    p: &'p Page<'a>,
    lang: Lang,
    fonts: &'p Fonts,
    pictures: Vec<Vec<u8>>,
}

/// How a run of text looks.
#[derive(Clone, Copy, Default)]
struct Ink<'c> {
    bold: bool,
    color: &'c str,
    /// Half points.
    size: &'c str,
}

impl<'p, 'a> Body<'p, 'a> {
    pub fn new(b: &'a Bulletin, p: &'p Page<'a>, lang: Lang, fonts: &'p Fonts) -> Self {
        let mut x = Xml::new();
        x.open(
            "w:document",
            &[
                ("xmlns:w", W),
                ("xmlns:r", R),
                (
                    "xmlns:wp",
                    "http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing",
                ),
                (
                    "xmlns:a",
                    "http://schemas.openxmlformats.org/drawingml/2006/main",
                ),
                (
                    "xmlns:pic",
                    "http://schemas.openxmlformats.org/drawingml/2006/picture",
                ),
            ],
        );
        x.open("w:body", &[]);
        Body {
            x,
            b,
            p,
            lang,
            fonts,
            pictures: Vec::new(),
        }
    }

    /// Publisher, marking, title, issue and days.
    pub fn masthead(&mut self) {
        let p = self.p;
        let right = [("w:val", "right"), ("w:pos", &*TEXT_WIDTH.to_string())];
        paragraph_with(
            &mut self.x,
            "Subtitle",
            |x| x.within("w:tabs", &[], |x| x.empty("w:tab", &right)),
            |x| {
                run(x, &p.publisher, Ink::default());
                x.within("w:r", &[], |x| x.empty("w:tab", &[]));
                let accent = Ink {
                    bold: true,
                    color: PRINT.accent,
                    ..Ink::default()
                };
                if !p.draft.is_empty() {
                    run(x, &format!("{}  ", p.draft), accent);
                }
                let ink = Ink {
                    bold: true,
                    color: PRINT.ink,
                    ..Ink::default()
                };
                run(x, p.tlp, ink);
            },
        );
        paragraph(&mut self.x, "Title", |x| run(x, &p.title, Ink::default()));
        let parts = [p.issue.as_str(), &p.week, &p.published];
        let parts: Vec<&str> = parts.into_iter().filter(|t| !t.is_empty()).collect();
        paragraph(&mut self.x, "Subtitle", |x| {
            run(x, &parts.join("    "), Ink::default());
        });
        if !p.banner.is_empty() {
            paragraph(&mut self.x, "Banner", |x| run(x, &p.banner, Ink::default()));
        }
    }

    /// One block of the issue.
    pub fn block(&mut self, block: &Block<'_, '_>) -> Result<(), Error> {
        let w = self.p.w;
        let x = &mut self.x;
        match block {
            Block::Heading {
                level,
                number,
                text,
            } => {
                let style = if *level == 2 { "Heading1" } else { "Heading2" };
                paragraph(x, style, |x| {
                    if *number > 0 {
                        let muted = Ink {
                            color: PRINT.ink_2,
                            ..Ink::default()
                        };
                        run(x, &format!("{number}  "), muted);
                    }
                    run(x, text, Ink::default());
                });
            }
            Block::Prose(pieces) => prose(x, "BodyText", pieces),
            Block::Item(pieces) => prose(x, "ListBullet", pieces),
            Block::Note(text) => paragraph(x, "Note", |x| run(x, text, Ink::default())),
            Block::NotePieces(pieces) => prose(x, "Note", pieces),
            Block::Caption(text) => paragraph(x, "Caption", |x| run(x, text, Ink::default())),
            Block::Level(name, word) => paragraph(x, "BodyText", |x| {
                run(x, &format!("{name}{}", w.colon), Ink::default());
                let bold = Ink {
                    bold: true,
                    ..Ink::default()
                };
                run(x, word, bold);
            }),
            Block::Rating(rating) => self.rating(rating),
            Block::Board(tiles) => self.board(tiles)?,
            Block::Handling(cells) => self.handling(cells),
            Block::Table(grid) => table(x, grid),
            Block::Chart(c) => {
                kept(x, "Heading2", |x| {
                    let muted = Ink {
                        color: PRINT.ink_2,
                        ..Ink::default()
                    };
                    run(x, &format!("{}  ", c.label), muted);
                    run(x, &flow::plain(&c.title), Ink::default());
                });
                prose(x, "ChartSubtitle", &c.subtitle);
                let found = self.b.charts().find(|chart| chart.id == c.id);
                if let Some(chart) = found {
                    let px = TEXT_WIDTH as f32 / 1440.0 * DPI as f32;
                    let drawn =
                        picture::bare(chart, self.lang, Width::Wide, px, Some(DPI), self.fonts)?;
                    self.picture(drawn, TEXT_WIDTH, "Figure", &c.alt);
                }
                let source = format!("{}{}{}", w.source, w.colon, c.source);
                for note in [c.note.as_str(), &source] {
                    if !note.is_empty() {
                        paragraph(&mut self.x, "Note", |x| run(x, note, Ink::default()));
                    }
                }
            }
            Block::Source(story) => paragraph(x, "Note", |x| {
                run(
                    x,
                    &format!("{}{}{}", w.read_on, w.colon, story.link),
                    Ink::default(),
                );
            }),
            Block::Figures(_) => {}
        }
        Ok(())
    }

    /// The word, and the scale as a row of shaded cells.
    fn rating(&mut self, r: &Rating<'_>) {
        let color = if r.level > 0 {
            PRINT.rating(r.level)
        } else {
            PRINT.ink_2
        };
        let x = &mut self.x;
        paragraph(x, "RatingWord", |x| {
            // A sentence instead of a word is set smaller.
            let size = if r.level > 0 { "" } else { "40" };
            let ink = Ink {
                color,
                size,
                ..Ink::default()
            };
            run(x, &r.word, ink);
        });
        let share = TEXT_WIDTH / 5;
        open_table(x, &[share; 5], false);
        row(x, false, |x| {
            for (level, step) in (1u8..).zip(&r.steps) {
                let shade = if step.now { color } else { PRINT.sunk };
                cell(x, share, Some(shade), Some(PRINT.rating(level)), |x| {
                    let color = if step.now {
                        PRINT.on_rating
                    } else {
                        PRINT.ink_2
                    };
                    let ink = Ink {
                        bold: step.now,
                        color,
                        ..Ink::default()
                    };
                    aligned(x, "TableText", "center", true, |x| run(x, &step.word, ink));
                });
            }
        });
        row(x, false, |x| {
            for step in &r.steps {
                let w = self.p.w;
                let words = match (step.was, step.now) {
                    (true, true) => format!("{}{}{}", w.last_week, w.comma, w.this_week),
                    (true, false) => w.last_week.to_owned(),
                    (false, true) => w.this_week.to_owned(),
                    (false, false) => String::new(),
                };
                cell(x, share, None, None, |x| {
                    aligned(x, "TableHead", "center", false, |x| {
                        let ink = Ink {
                            bold: step.now,
                            color: if step.now { PRINT.ink } else { "" },
                            ..Ink::default()
                        };
                        run(x, &words, ink);
                    });
                });
            }
        });
        close_table(x);
        gap(x);
    }

    /// The board in rows of four: name, number, change, line, range.
    fn board(&mut self, tiles: &[Tile<'_>]) -> Result<(), Error> {
        let share = TEXT_WIDTH / 4;
        let inner = share - 160;
        let mut lines: Vec<Picture> = Vec::new();
        for t in tiles {
            let Some(tile) = self.b.board.tiles.get(t.index) else {
                continue;
            };
            let id = format!("spark-{}", t.index);
            let frame = Frame::File(0.0);
            let svg = charts::sparkline(&tile.spark, "", &id, self.lang, &PRINT, frame);
            let px = inner as f32 / 1440.0 * DPI as f32;
            lines.push(picture::raster_at(&svg, px, Some(DPI), self.fonts)?);
        }
        let mut lines = lines.into_iter();
        open_table(&mut self.x, &[share; 4], false);
        for four in tiles.chunks(4) {
            self.x.open("w:tr", &[]);
            self.x
                .within("w:trPr", &[], |x| x.empty("w:cantSplit", &[]));
            for at in 0..4 {
                open_cell(&mut self.x, share, None, Some(PRINT.line));
                match four.get(at) {
                    Some(t) => self.tile(t, inner, lines.next()),
                    None => kept(&mut self.x, "TableText", |_| {}),
                }
                self.x.close("w:tc");
            }
            self.x.close("w:tr");
        }
        close_table(&mut self.x);
        gap(&mut self.x);
        Ok(())
    }

    fn tile(&mut self, t: &Tile<'_>, width: u32, line: Option<Picture>) {
        let x = &mut self.x;
        kept(x, "TableText", |x| run(x, &t.name, Ink::default()));
        let muted = Ink {
            color: PRINT.ink_2,
            size: "18",
            bold: false,
        };
        if t.missing.is_empty() {
            kept(x, "TileNumber", |x| {
                run(x, &t.amount.text, Ink::default());
                if !t.unit.is_empty() {
                    run(
                        x,
                        &format!(" {}", t.unit),
                        Ink {
                            bold: false,
                            ..muted
                        },
                    );
                }
            });
        } else {
            kept(x, "TableText", |x| run(x, &t.missing, muted));
        }
        let color = match t.change.class {
            "worse" => PRINT.worse,
            "better" => PRINT.better,
            _ => PRINT.ink_2,
        };
        kept(x, "TableText", |x| {
            let ink = Ink {
                color,
                ..Ink::default()
            };
            run(x, &flow::change(&t.change), ink);
            if !t.sources.is_empty() {
                let ink = Ink {
                    color: PRINT.worse,
                    ..Ink::default()
                };
                run(x, &format!("  {}", t.sources), ink);
            }
        });
        if let Some(line) = line {
            self.picture(line, width, "Figure", &t.alt);
        }
        kept(&mut self.x, "TableHead", |x| {
            run(x, &t.range, Ink::default());
        });
    }

    fn handling(&mut self, cells: &[HandlingCell<'_>]) {
        let share = TEXT_WIDTH / 6;
        let x = &mut self.x;
        open_table(x, &[share; 6], false);
        for six in cells.chunks(6) {
            row(x, false, |x| {
                for at in 0..6 {
                    cell(x, share, None, Some(PRINT.line), |x| {
                        let Some(c) = six.get(at) else {
                            return kept(x, "TableText", |_| {});
                        };
                        kept(x, "TableText", |x| run(x, &c.name, Ink::default()));
                        kept(x, "TileNumber", |x| {
                            run(x, &c.amount.text, Ink::default());
                            let muted = Ink {
                                color: PRINT.ink_2,
                                size: "18",
                                bold: false,
                            };
                            if !c.unit.is_empty() {
                                run(x, &format!(" {}", c.unit), muted);
                            }
                        });
                        kept(x, "TableHead", |x| {
                            let color = if c.overdue { PRINT.worse } else { "" };
                            let ink = Ink {
                                color,
                                ..Ink::default()
                            };
                            let arrow = if c.overdue { "▲ " } else { "" };
                            run(x, &format!("{arrow}{}", c.note), ink);
                        });
                    });
                }
            });
        }
        close_table(x);
        gap(x);
    }

    /// A picture in a paragraph of its own, `width` twentieths of a point wide, with its words.
    fn picture(&mut self, picture: Picture, width: u32, style: &str, alt: &str) {
        self.pictures.push(picture.png);
        let number = self.pictures.len().to_string();
        let name = format!("picture{number}");
        let (cx, cy) = (
            width * EMU,
            (u64::from(width * EMU) * u64::from(picture.height) / u64::from(picture.width.max(1)))
                .max(1),
        );
        let (cx, cy) = (cx.to_string(), cy.to_string());
        let main = "http://schemas.openxmlformats.org/drawingml/2006/main";
        let pic = "http://schemas.openxmlformats.org/drawingml/2006/picture";
        let zero = [
            ("distT", "0"),
            ("distB", "0"),
            ("distL", "0"),
            ("distR", "0"),
        ];
        paragraph(&mut self.x, style, |x| {
            x.within("w:r", &[], |x| {
                x.within("w:drawing", &[], |x| {
                    x.within("wp:inline", &zero, |x| {
                        x.empty("wp:extent", &[("cx", &cx), ("cy", &cy)]);
                        x.empty(
                            "wp:docPr",
                            &[("id", &number), ("name", &name), ("descr", alt)],
                        );
                        x.within("wp:cNvGraphicFramePr", &[], |x| {
                            x.empty(
                                "a:graphicFrameLocks",
                                &[("xmlns:a", main), ("noChangeAspect", "1")],
                            );
                        });
                        x.within("a:graphic", &[("xmlns:a", main)], |x| {
                            x.within("a:graphicData", &[("uri", pic)], |x| {
                                x.within("pic:pic", &[("xmlns:pic", pic)], |x| {
                                    x.within("pic:nvPicPr", &[], |x| {
                                        x.empty("pic:cNvPr", &[("id", &number), ("name", &name)]);
                                        x.empty("pic:cNvPicPr", &[]);
                                    });
                                    x.within("pic:blipFill", &[], |x| {
                                        x.empty("a:blip", &[("r:embed", &name)]);
                                        x.within("a:stretch", &[], |x| x.empty("a:fillRect", &[]));
                                    });
                                    x.within("pic:spPr", &[], |x| {
                                        x.within("a:xfrm", &[], |x| {
                                            x.empty("a:off", &[("x", "0"), ("y", "0")]);
                                            x.empty("a:ext", &[("cx", &cx), ("cy", &cy)]);
                                        });
                                        x.within("a:prstGeom", &[("prst", "rect")], |x| {
                                            x.empty("a:avLst", &[]);
                                        });
                                    });
                                });
                            });
                        });
                    });
                });
            });
        });
    }

    /// Hash, provenance, publisher: the small print at the end.
    pub fn colophon(&mut self) {
        let (p, w) = (self.p, self.p.w);
        let x = &mut self.x;
        gap(x);
        if !p.hash.is_empty() {
            let hash = format!("{} BLAKE3 {}", w.hash, p.hash);
            paragraph(x, "Note", |x| run(x, &hash, Ink::default()));
        }
        let provenance = format!("{}{}{}", w.provenance, w.colon, p.provenance.join(w.comma));
        for text in [&provenance, &p.about] {
            if !text.is_empty() {
                paragraph(x, "Note", |x| run(x, text, Ink::default()));
            }
        }
    }

    /// The document's bytes and its pictures in order.
    pub fn finish(self) -> (Vec<u8>, Vec<Vec<u8>>) {
        let mut x = self.x;
        x.within("w:sectPr", &[], |x| {
            for (kind, id) in [("default", "header1"), ("first", "header2")] {
                x.empty("w:headerReference", &[("w:type", kind), ("r:id", id)]);
            }
            for kind in ["default", "first"] {
                x.empty(
                    "w:footerReference",
                    &[("w:type", kind), ("r:id", "footer1")],
                );
            }
            x.empty("w:pgSz", &[("w:w", "11906"), ("w:h", "16838")]);
            x.empty(
                "w:pgMar",
                &[
                    ("w:top", "1134"),
                    ("w:right", "1134"),
                    ("w:bottom", "1134"),
                    ("w:left", "1134"),
                    ("w:header", "567"),
                    ("w:footer", "567"),
                    ("w:gutter", "0"),
                ],
            );
            x.empty("w:titlePg", &[]);
        });
        x.close("w:body");
        x.close("w:document");
        (x.finish(), self.pictures)
    }
}

fn paragraph(x: &mut Xml, style: &str, fill: impl FnOnce(&mut Xml)) {
    paragraph_with(x, style, |_| {}, fill);
}

/// A paragraph with properties of its own beside its style, in the order that the schema wants.
fn paragraph_with(
    x: &mut Xml,
    style: &str,
    properties: impl FnOnce(&mut Xml),
    fill: impl FnOnce(&mut Xml),
) {
    x.within("w:p", &[], |x| {
        x.within("w:pPr", &[], |x| {
            x.empty("w:pStyle", &[("w:val", style)]);
            properties(x);
        });
        fill(x);
    });
}

/// A paragraph that stays on the page of the next one: in the rows of a short table it keeps the table whole.
fn kept(x: &mut Xml, style: &str, fill: impl FnOnce(&mut Xml)) {
    paragraph_with(x, style, |x| x.empty("w:keepNext", &[]), fill);
}

fn aligned(x: &mut Xml, style: &str, side: &str, keep: bool, fill: impl FnOnce(&mut Xml)) {
    let properties = |x: &mut Xml| {
        if keep {
            x.empty("w:keepNext", &[]);
        }
        x.empty("w:jc", &[("w:val", side)]);
    };
    paragraph_with(x, style, properties, fill);
}

/// Sentences. What must stay on one line is tied by no-break spaces; Word keeps digits and their unit by itself.
fn prose(x: &mut Xml, style: &str, pieces: &[Piece<'_>]) {
    paragraph(x, style, |x| {
        run(x, &flow::plain(pieces), Ink::default());
    });
}

fn run(x: &mut Xml, text: &str, ink: Ink<'_>) {
    if text.is_empty() {
        return;
    }
    x.within("w:r", &[], |x| {
        if ink.bold || !ink.color.is_empty() || !ink.size.is_empty() {
            x.within("w:rPr", &[], |x| {
                if ink.bold {
                    x.empty("w:b", &[]);
                    x.empty("w:bCs", &[]);
                } else if ink.size == "18" {
                    // The unit beside a bold number.
                    x.empty("w:b", &[("w:val", "0")]);
                    x.empty("w:bCs", &[("w:val", "0")]);
                }
                if !ink.color.is_empty() {
                    x.empty("w:color", &[("w:val", hex(ink.color))]);
                }
                if !ink.size.is_empty() {
                    x.empty("w:sz", &[("w:val", ink.size)]);
                    x.empty("w:szCs", &[("w:val", ink.size)]);
                }
            });
        }
        x.text("w:t", &[("xml:space", "preserve")], text);
    });
}

/// A little air after a table: without a paragraph two tables would grow together.
fn gap(x: &mut Xml) {
    paragraph(x, "Gap", |_| {});
}

fn open_table(x: &mut Xml, columns: &[u32], lines: bool) {
    x.open("w:tbl", &[]);
    x.within("w:tblPr", &[], |x| {
        let width: u32 = columns.iter().sum();
        x.empty("w:tblW", &[("w:w", &*width.to_string()), ("w:type", "dxa")]);
        if lines {
            x.within("w:tblBorders", &[], |x| {
                border(x, "w:bottom", "4", PRINT.line, "0");
                border(x, "w:insideH", "4", PRINT.line, "0");
            });
        }
        x.empty("w:tblLayout", &[("w:type", "fixed")]);
        x.within("w:tblCellMar", &[], |x| {
            x.empty("w:left", &[("w:w", "0"), ("w:type", "dxa")]);
            x.empty("w:right", &[("w:w", "120"), ("w:type", "dxa")]);
        });
    });
    x.within("w:tblGrid", &[], |x| {
        for c in columns {
            x.empty("w:gridCol", &[("w:w", &*c.to_string())]);
        }
    });
}

fn close_table(x: &mut Xml) {
    x.close("w:tbl");
}

/// A row that is not torn by a page; a head is repeated on each.
fn row(x: &mut Xml, head: bool, fill: impl FnOnce(&mut Xml)) {
    x.within("w:tr", &[], |x| {
        x.within("w:trPr", &[], |x| {
            x.empty("w:cantSplit", &[]);
            if head {
                x.empty("w:tblHeader", &[]);
            }
        });
        fill(x);
    });
}

fn open_cell(x: &mut Xml, width: u32, shade: Option<&str>, top: Option<&str>) {
    x.open("w:tc", &[]);
    x.within("w:tcPr", &[], |x| {
        x.empty("w:tcW", &[("w:w", &*width.to_string()), ("w:type", "dxa")]);
        // A rating step has its color as a foot, anything else a hairline over it.
        match (shade, top) {
            (Some(_), Some(foot)) => x.within("w:tcBorders", &[], |x| {
                border(x, "w:bottom", "24", foot, "0");
            }),
            (None, Some(line)) => x.within("w:tcBorders", &[], |x| {
                border(x, "w:top", "4", line, "0");
            }),
            _ => {}
        }
        if let Some(shade) = shade {
            x.empty(
                "w:shd",
                &[
                    ("w:val", "clear"),
                    ("w:color", "auto"),
                    ("w:fill", hex(shade)),
                ],
            );
        }
    });
}

fn cell(
    x: &mut Xml,
    width: u32,
    shade: Option<&str>,
    top: Option<&str>,
    fill: impl FnOnce(&mut Xml),
) {
    open_cell(x, width, shade, top);
    fill(x);
    x.close("w:tc");
}

/// Rows of a table that is kept on one page.
const SHORT: usize = 16;
/// Between the halves of a table, twentieths of a point.
const GUTTER: u32 = 360;

/// A table of figures: words to the left, numbers to the right, a hairline between rows. A long one of two columns is
/// set as two halves side by side.
fn table(x: &mut Xml, grid: &Grid<'_>) {
    let n = grid.columns();
    let halves = n == 2 && grid.rows.len() >= 8 && !grid.rows.iter().any(|r| r.total);
    // For each column: its width, and column and first row of the data; none for the gutter.
    let mut columns: Vec<(u32, Option<(usize, usize)>)> = Vec::new();
    let depth = if halves {
        let depth = grid.rows.len().div_ceil(2);
        let widths = widths(grid, (TEXT_WIDTH - GUTTER) / 2);
        let half = |from: usize| {
            let places = (0..n).map(move |at| Some((at, from)));
            widths.clone().into_iter().zip(places)
        };
        columns.extend(half(0));
        columns.push((GUTTER, None));
        columns.extend(half(depth));
        depth
    } else {
        let places = (0..n).map(|at| Some((at, 0)));
        columns.extend(widths(grid, TEXT_WIDTH).into_iter().zip(places));
        grid.rows.len()
    };
    let side = |at: usize| if at < grid.words { "left" } else { "right" };
    let widths: Vec<u32> = columns.iter().map(|c| c.0).collect();
    open_table(x, &widths, true);
    if !grid.head.is_empty() {
        row(x, true, |x| {
            for (width, place) in &columns {
                let at = place.map_or(0, |p| p.0);
                let head = place.and_then(|p| grid.head.get(p.0)).copied();
                cell(x, *width, None, None, |x| {
                    aligned(x, "TableHead", side(at), true, |x| {
                        run(x, head.unwrap_or_default(), Ink::default());
                    });
                });
            }
        });
    }
    for line in 0..depth {
        let keep = depth <= SHORT && line + 1 < depth;
        row(x, false, |x| {
            for (width, place) in &columns {
                let at = place.map_or(0, |p| p.0);
                let r = place.and_then(|p| grid.rows.get(p.1 + line));
                cell(x, *width, None, None, |x| {
                    aligned(x, "TableText", side(at), keep, |x| {
                        let ink = Ink {
                            bold: r.is_some_and(|r| r.total),
                            ..Ink::default()
                        };
                        let text = r.and_then(|r| r.cells.get(at));
                        run(x, text.map_or("", |c| c), ink);
                    });
                });
            }
        });
    }
    close_table(x);
    gap(x);
}

/// Column widths by what stands in them, together `room` twentieths of a point. Where all is wider than that, the
/// widest give way first; where there is room to spare, the first column has it.
fn widths(grid: &Grid<'_>, room: u32) -> Vec<u32> {
    /// From 12 px of the measure to 9 pt, and a little for fonts that run wider.
    const TWENTIETHS: f64 = 15.0 * 1.1;
    let natural = |at: usize| {
        let head = grid.head.get(at).copied();
        let cells = grid.rows.iter().filter_map(|r| r.cells.get(at));
        let texts = head.into_iter().chain(cells.map(|c| &**c));
        let widest = super::super::measure::widest(texts, true);
        (widest * TWENTIETHS) as u32 + 160
    };
    let wanted: Vec<u32> = (0..grid.columns()).map(natural).collect();
    let sum = |cap: u32| wanted.iter().map(|w| (*w).min(cap)).sum::<u32>();
    // The widest column that still lets all of them in; a bisection, as the sum only grows with it.
    let (mut low, mut high) = (0, room);
    while low < high {
        let middle = (low + high).div_ceil(2);
        if sum(middle) <= room {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    let mut out: Vec<u32> = wanted.iter().map(|w| (*w).min(low)).collect();
    let spare = room.saturating_sub(out.iter().sum());
    if let Some(first) = out.first_mut() {
        *first += spare;
    }
    out
}
