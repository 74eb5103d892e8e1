//! A filled form as text for a terminal, and as one page for print: style inside, no script, everything escaped.

use askama::Template;
use model::bulletin::Lang;

use super::{Form, Row};
use crate::notice::words::pick;
use crate::{Error, Result};

/// Stands where a person writes.
const BLANK: &str = "________________";

#[derive(Template)]
#[template(path = "duty/form.html")]
struct Page<'a> {
    tag: &'static str,
    form: &'a Form,
    by_hand: &'static str,
}

impl Row {
    /// Its value in one line; a rule to write on where it is blank.
    pub fn value(&self, language: Lang) -> String {
        match self.is_blank() {
            true => BLANK.to_owned(),
            false => self.lines.join(pick(language, "；", "; ")),
        }
    }
}

impl Form {
    /// As text: a line a row, `label: value`, an asterisk behind what is not confirmed.
    pub fn text(&self) -> String {
        let mut out = format!("{}\n{}\n\n", self.title, self.under);
        for row in &self.rows {
            out.push_str(&row.label);
            out.push_str(if row.is_open() { " *" } else { "" });
            out.push_str(pick(self.language, "：", ": "));
            out.push_str(&row.value(self.language));
            out.push('\n');
        }
        for line in &self.footer {
            out.push('\n');
            out.push_str(line);
        }
        out.push('\n');
        out
    }

    /// As one HTML page that needs nothing else.
    ///
    /// # Errors
    /// The template fails.
    pub fn html(&self) -> Result<String> {
        let page = Page {
            tag: pick(self.language, "zh-CN", "en"),
            form: self,
            by_hand: pick(self.language, "待填写", "to be filled in"),
        };
        page.render()
            .map_err(|error| Error::refused(format!("form {}/{}", self.law, self.duty), error))
    }
}
