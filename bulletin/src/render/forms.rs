//! The forms of an issue: one table that everything which writes them walks.
//!
//! A form is what a person asks for by name; it has one or more files. Adding a file is a line of [`FILES`].

use super::charts::Width;
use super::palette::Palette;
use super::{
    Fonts, Rendition, card_png, chart_csv, cover_png, csv, docx, html_beside, json, mail, markdown,
    pdf, picture, png, stem, svg, wechat, xlsx,
};
use crate::Error;
use model::bulletin::{Bulletin, Chart, Lang};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Pixels to a px in the pictures of charts.
const CHART_SCALE: f32 = 2.0;

/// A form of an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// A self-contained page.
    Html,
    /// A4, for print.
    Pdf,
    /// The whole issue for programs.
    Json,
    /// Every figure as a table, and those of the charts.
    Csv,
    /// The charts as drawings.
    Svg,
    /// The charts as pictures.
    Png,
    /// A document for Word and its like.
    Docx,
    /// Every figure as a workbook.
    Xlsx,
    /// Markdown.
    Md,
    /// An article to paste into WeChat, with its pictures.
    Wechat,
    /// The mail edition, HTML and plain text.
    Mail,
    /// One picture for social media and link previews.
    Card,
}

impl Form {
    /// All, in the order of the help.
    pub const ALL: [Form; 12] = [
        Form::Html,
        Form::Pdf,
        Form::Json,
        Form::Csv,
        Form::Svg,
        Form::Png,
        Form::Docx,
        Form::Xlsx,
        Form::Md,
        Form::Wechat,
        Form::Mail,
        Form::Card,
    ];

    /// The name it is asked for by.
    pub fn name(self) -> &'static str {
        match self {
            Form::Html => "html",
            Form::Pdf => "pdf",
            Form::Json => "json",
            Form::Csv => "csv",
            Form::Svg => "svg",
            Form::Png => "png",
            Form::Docx => "docx",
            Form::Xlsx => "xlsx",
            Form::Md => "md",
            Form::Wechat => "wechat",
            Form::Mail => "mail",
            Form::Card => "card",
        }
    }

    /// What it is, a line of the help.
    pub fn about(self) -> &'static str {
        match self {
            Form::Html => "a self-contained page",
            Form::Pdf => "A4, for print",
            Form::Json => "the whole issue for programs",
            Form::Csv => "every figure as a table, and those of the charts",
            Form::Svg => "the charts as drawings",
            Form::Png => "the charts as pictures",
            Form::Docx => "a document for Word and its like",
            Form::Xlsx => "every figure as a workbook",
            Form::Md => "Markdown",
            Form::Wechat => "an article to paste into WeChat, with its pictures",
            Form::Mail => "the mail edition, HTML and plain text",
            Form::Card => "one picture for social media and link previews",
        }
    }

    /// Whether it cannot be made without [`Fonts`].
    pub fn needs_fonts(self) -> bool {
        FILES
            .iter()
            .any(|f| f.form == self && matches!(f.make, Make::Set(_) | Make::Picture(_)))
    }
}

/// How a file is made.
#[derive(Clone, Copy)]
enum Make {
    /// One for the issue.
    Issue(fn(&Bulletin) -> Vec<u8>),
    /// One in each language.
    Page(fn(&Bulletin, Lang) -> Result<Vec<u8>, Error>),
    /// The same, with links to the files that are made beside it.
    Linked(fn(&Bulletin, Lang, &[Form]) -> Vec<u8>),
    /// One in each language, with fonts.
    Set(fn(&Bulletin, Lang, &Fonts) -> Result<Vec<u8>, Error>),
    /// One for each chart in each language.
    Chart(fn(&Chart, Lang) -> Vec<u8>),
    /// The same, with fonts.
    Picture(fn(&Chart, Lang, &Fonts) -> Result<Vec<u8>, Error>),
}

/// A file of a form. Its name is stem, `part`, number of the chart, language and ending:
/// `2023-3.wechat-fig1.zh.png`.
struct File {
    form: Form,
    part: &'static str,
    ending: &'static str,
    make: Make,
}

const fn file(form: Form, part: &'static str, ending: &'static str, make: Make) -> File {
    File {
        form,
        part,
        ending,
        make,
    }
}

/// Every file of an issue. Slow ones stand first, so that threads end together.
const FILES: [File; 16] = [
    file(Form::Pdf, "", "pdf", Make::Set(pdf)),
    file(Form::Docx, "", "docx", Make::Set(docx)),
    file(Form::Png, "fig", "png", Make::Picture(chart_picture)),
    file(
        Form::Wechat,
        "wechat-fig",
        "png",
        Make::Picture(phone_picture),
    ),
    file(Form::Card, "card", "png", Make::Set(card_png)),
    file(Form::Wechat, "wechat-cover", "png", Make::Set(cover_png)),
    file(
        Form::Json,
        "",
        "json",
        Make::Issue(|b| json(b).into_bytes()),
    ),
    file(
        Form::Html,
        "",
        "html",
        Make::Linked(|b, l, forms| html_beside(b, l, forms).into_bytes()),
    ),
    file(Form::Xlsx, "", "xlsx", Make::Page(xlsx)),
    file(Form::Csv, "", "csv", Make::Page(|b, l| Ok(csv(b, l)))),
    file(Form::Csv, "fig", "csv", Make::Chart(chart_csv)),
    file(
        Form::Svg,
        "fig",
        "svg",
        Make::Chart(|c, l| svg(c, l, Width::Wide, &Palette::LIGHT).into_bytes()),
    ),
    file(
        Form::Md,
        "",
        "md",
        Make::Page(|b, l| Ok(markdown(b, l).into_bytes())),
    ),
    file(
        Form::Wechat,
        "",
        "wechat.html",
        Make::Page(|b, l| Ok(wechat::wechat(b, l).into_bytes())),
    ),
    file(
        Form::Mail,
        "",
        "mail.html",
        Make::Page(|b, l| Ok(mail::mail_html(b, l, mail::HOME, mail::UNSUBSCRIBE).into_bytes())),
    ),
    file(
        Form::Mail,
        "",
        "mail.txt",
        Make::Page(|b, l| Ok(mail::mail_text(b, l, mail::HOME, mail::UNSUBSCRIBE).into_bytes())),
    ),
];

fn chart_picture(chart: &Chart, lang: Lang, fonts: &Fonts) -> Result<Vec<u8>, Error> {
    png(
        chart,
        lang,
        Width::Wide,
        &Palette::LIGHT,
        CHART_SCALE,
        fonts,
    )
}

/// The narrow drawing at the width of the WeChat article, whose text has its title and source.
fn phone_picture(chart: &Chart, lang: Lang, fonts: &Fonts) -> Result<Vec<u8>, Error> {
    let px = wechat::CHART_PX as f32;
    Ok(picture::bare(chart, lang, Width::Narrow, px, None, fonts)?.png)
}

/// One file to be made.
struct Job<'b> {
    file: &'static File,
    lang: Option<Lang>,
    chart: Option<&'b Chart>,
}

impl Job<'_> {
    fn name(&self, b: &Bulletin) -> String {
        let mut parts = vec![stem(b)];
        match self.chart {
            Some(chart) => parts.push(format!("{}{}", self.file.part, chart.number)),
            None if !self.file.part.is_empty() => parts.push(self.file.part.to_owned()),
            None => {}
        }
        parts.extend(self.lang.map(|l| l.code().to_owned()));
        parts.push(self.file.ending.to_owned());
        parts.join(".")
    }

    fn make(&self, b: &Bulletin, forms: &[Form], fonts: Option<&Fonts>) -> Result<Vec<u8>, Error> {
        let needs = || Error::FormNeedsFont {
            forms: self.file.form.name().to_owned(),
        };
        // A job without a language or a chart is one that needs none.
        let lang = self.lang.unwrap_or(Lang::Zh);
        match (self.file.make, self.chart) {
            (Make::Issue(make), _) => Ok(make(b)),
            (Make::Page(make), _) => make(b, lang),
            (Make::Linked(make), _) => Ok(make(b, lang, forms)),
            (Make::Set(make), _) => make(b, lang, fonts.ok_or_else(needs)?),
            (Make::Chart(make), Some(chart)) => Ok(make(chart, lang)),
            (Make::Picture(make), Some(chart)) => make(chart, lang, fonts.ok_or_else(needs)?),
            (Make::Chart(_) | Make::Picture(_), None) => Ok(Vec::new()),
        }
    }
}

fn jobs<'b>(b: &'b Bulletin, forms: &[Form], langs: &[Lang]) -> Vec<Job<'b>> {
    let mut out = Vec::new();
    for file in FILES.iter().filter(|f| forms.contains(&f.form)) {
        match file.make {
            Make::Issue(_) => out.push(Job {
                file,
                lang: None,
                chart: None,
            }),
            Make::Page(_) | Make::Linked(_) | Make::Set(_) => {
                out.extend(langs.iter().map(|l| Job {
                    file,
                    lang: Some(*l),
                    chart: None,
                }))
            }
            Make::Chart(_) | Make::Picture(_) => {
                for lang in langs {
                    out.extend(b.charts().map(|c| Job {
                        file,
                        lang: Some(*lang),
                        chart: Some(c),
                    }));
                }
            }
        }
    }
    out
}

/// The names of the files that these forms have in these languages, in the order [`files`] gives them.
pub fn names(b: &Bulletin, forms: &[Form], langs: &[Lang]) -> Vec<String> {
    jobs(b, forms, langs).iter().map(|j| j.name(b)).collect()
}

/// The files of these forms in these languages. Independent files are made side by side on as many threads as the
/// machine has processors; bytes and order do not depend on how many those are.
///
/// # Errors
/// [`Error::FormNeedsFont`] where a form needs fonts and there are none, [`Error::Typeset`], [`Error::Picture`] and
/// [`Error::Workbook`] as the forms give them; the first in order where several fail.
pub fn files(
    b: &Bulletin,
    forms: &[Form],
    langs: &[Lang],
    fonts: Option<&Fonts>,
) -> Result<Vec<Rendition>, Error> {
    if fonts.is_none() {
        let without: Vec<&str> = forms
            .iter()
            .filter(|f| f.needs_fonts())
            .map(|f| f.name())
            .collect();
        if !without.is_empty() {
            return Err(Error::FormNeedsFont {
                forms: without.join(", "),
            });
        }
    }
    let jobs = jobs(b, forms, langs);
    let made: Vec<OnceLock<Result<Vec<u8>, Error>>> =
        jobs.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(at) =
            Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < jobs.len())
        {
            made[at].get_or_init(|| jobs[at].make(b, forms, fonts));
        }
    };
    let threads = std::thread::available_parallelism()
        .map_or(1, |n| n.get())
        .min(jobs.len());
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut out = Vec::with_capacity(jobs.len());
    for (job, slot) in jobs.iter().zip(made) {
        // Every place is taken once a scope without a panic has ended.
        if let Some(bytes) = slot.into_inner() {
            out.push(Rendition {
                name: job.name(b),
                bytes: bytes?,
            });
        }
    }
    Ok(out)
}
