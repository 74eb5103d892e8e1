//! `watchfire man`: manual pages, one a command, from the same definitions as `--help`.
//!
//! `clap_mangen` writes the parts that every page has. Examples and the other texts after the options
//! are laid out by line, so they are written here as they stand; the page of a command within a
//! command shows those examples of its parent that call it.

use std::io::Write;
use std::path::PathBuf;

use clap::Command;
use clap_mangen::Man;

use crate::cli;
use crate::failure::{Failure, Result};
use crate::table::Out;
use crate::workspace::Session;

/// Write the manual pages of all commands into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  watchfire man /usr/local/share/man/man1   then: man watchfire, man watchfire-feeds-add
  watchfire man pages && man -l pages/watchfire.1")]
pub struct Args {
    /// The folder; made if it is not there.
    dir: PathBuf,
}

/// The date that pages bear: that of the release whose command line they describe.
const DATE: &str = "2026-11-28";

/// A page: its file name and its text in roff.
type Page = (String, Vec<u8>);

pub fn run(args: &Args, session: &Session) -> Result {
    let mut pages = Vec::new();
    let mut command = cli::definition();
    command.build();
    collect(&command, None, &mut pages).map_err(|error| Failure::new("manual", error))?;
    std::fs::create_dir_all(&args.dir).map_err(|error| Failure::new(args.dir.display(), error))?;
    for (name, text) in &pages {
        let path = args.dir.join(name);
        std::fs::write(&path, text).map_err(|error| Failure::new(path.display(), error))?;
    }
    let mut out = Out::new();
    if session.json {
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        out.json(&serde_json::json!({ "folder": args.dir, "pages": names }))?;
    } else {
        out.line(format_args!(
            "{} pages in {}",
            pages.len(),
            args.dir.display()
        ))?;
    }
    out.end()
}

/// The page of a command and those of its subcommands.
fn collect(
    command: &Command,
    parent: Option<&Command>,
    pages: &mut Vec<Page>,
) -> std::io::Result<()> {
    let name = page_name(command);
    pages.push((format!("{name}.1"), page(command, parent)?));
    for sub in command.get_subcommands() {
        if !sub.is_hide_set() && sub.get_name() != "help" {
            collect(sub, Some(command), pages)?;
        }
    }
    Ok(())
}

/// `watchfire-feeds-add`.
fn page_name(command: &Command) -> String {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    name.replace(' ', "-")
}

fn page(command: &Command, parent: Option<&Command>) -> std::io::Result<Vec<u8>> {
    let version = env!("CARGO_PKG_VERSION");
    let mut out = Vec::new();
    // A title of ours: clap's has no date, and a page without one is a fault to readers of manuals.
    writeln!(
        out,
        ".TH \"{}\" \"1\" \"{DATE}\" \"watchfire {version}\" \"Watchfire\"",
        page_name(command).to_uppercase()
    )?;
    let man = Man::new(command.clone().display_name(page_name(command)));
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    if command
        .get_arguments()
        .any(|argument| !argument.is_hide_set())
    {
        let mut options = Vec::new();
        man.render_options_section(&mut options)?;
        without_idle_breaks(&String::from_utf8_lossy(&options), &mut out)?;
    }
    if command.has_subcommands() {
        subcommands(command, &mut out)?;
    }
    let after = |command: &Command| {
        let text = command.get_after_long_help().or(command.get_after_help());
        text.map(ToString::to_string).unwrap_or_default()
    };
    let mut text = after(command);
    if let (true, Some(parent)) = (text.is_empty(), parent) {
        let call = format!("{} ", command.get_bin_name().unwrap_or_default());
        let calls = |line: &&str| format!("{} ", line.trim()).starts_with(&call);
        let parents = after(parent);
        let lines: Vec<&str> = parents.lines().filter(calls).collect();
        if !lines.is_empty() {
            text = format!("Examples:\n{}", lines.join("\n"));
        }
    }
    blocks(&text, &mut out)?;
    let above = parent.map(page_name).into_iter();
    let below = command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
        .map(page_name);
    let see: Vec<String> = above
        .chain(below)
        .map(|name| format!(".BR {} (1)", escape(&name)))
        .collect();
    if !see.is_empty() {
        writeln!(out, ".SH \"SEE ALSO\"\n{}", see.join(" ,\n"))?;
    }
    Ok(out)
}

/// Writes empty lines as requests and leaves out line breaks beside them: `clap_mangen` has both, and
/// readers of manuals warn of them.
fn without_idle_breaks(text: &str, out: &mut Vec<u8>) -> std::io::Result<()> {
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let beside = |other: Option<usize>| other.and_then(|at| lines.get(at)) == Some(&"");
        match *line {
            "" => writeln!(out, ".sp")?,
            ".br" if beside(at.checked_sub(1)) || beside(Some(at + 1)) => {}
            line => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

fn subcommands(command: &Command, out: &mut Vec<u8>) -> std::io::Result<()> {
    writeln!(out, ".SH SUBCOMMANDS")?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
        let name = escape(sub.get_name());
        writeln!(out, ".TP\n\\fB{name}\\fR\n{}", escape(&about))?;
    }
    Ok(())
}

/// Text after the options: blocks between empty lines. One that opens with `Something:` above indented
/// lines is a section whose lines stay as they are; any other is a paragraph.
fn blocks(text: &str, out: &mut Vec<u8>) -> std::io::Result<()> {
    let mut notes = false;
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let (head, body) = block.split_once('\n').unwrap_or((block, ""));
        let indented = |line: &str| line.starts_with("  ");
        if head.ends_with(':') && !body.is_empty() && body.lines().all(indented) {
            let head = head.trim_end_matches(':').to_uppercase();
            writeln!(out, ".SH \"{}\"\n.nf", escape(&head))?;
            for line in body.lines() {
                writeln!(out, "{}", escape(line.trim_end()))?;
            }
            writeln!(out, ".fi")?;
            notes = false;
            continue;
        }
        writeln!(out, "{}", if notes { ".PP" } else { ".SH NOTES" })?;
        notes = true;
        for line in block.lines() {
            writeln!(out, "{}", escape(line.trim()))?;
        }
    }
    Ok(())
}

/// Text that roff takes literally.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}
