//! Draws an invented issue in every format, to be looked at: `cargo run -p bulletin --example specimen -- DIR`.
//!
//! DIR gets every file of the issue (2023-3.zh.html, .pdf, .json, .csv, charts ...). `--sparse` draws a week in which
//! little is available; `--issue FILE` draws a frozen issue from its JSON instead; `--font-dir DIR` adds a folder of
//! fonts.

#[path = "../tests/it/render/specimen.rs"]
mod specimen;

use bulletin::render::{self, Fonts};
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut fonts = Vec::new();
    let mut out = PathBuf::from("specimen");
    let mut sparse = false;
    let mut issue: Option<PathBuf> = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--sparse" => sparse = true,
            "--issue" => issue = Some(args.next().ok_or("--issue needs a file")?.into()),
            "--font-dir" => fonts.push(PathBuf::from(
                args.next().ok_or("--font-dir needs a folder")?,
            )),
            _ => out = PathBuf::from(arg),
        }
    }
    let mut bulletin = if let Some(path) = issue {
        serde_json::from_str(&std::fs::read_to_string(path)?)?
    } else if sparse {
        specimen::sparse()
    } else {
        specimen::bulletin()
    };
    let started = Instant::now();
    let fonts = Fonts::load(&fonts)?;
    println!("fonts loaded in {:?}", started.elapsed());
    bulletin.provenance.fonts = fonts.hashes().to_vec();
    bulletin.seal();
    for problem in bulletin.check() {
        println!("problem: {problem}");
    }
    let renditions = render::all(&bulletin, &fonts)?;
    println!("rendered after {:?}", started.elapsed());
    std::fs::create_dir_all(&out)?;
    for r in renditions {
        std::fs::write(out.join(&r.name), &r.bytes)?;
        println!("{:>9} {}", r.bytes.len(), out.join(&r.name).display());
    }
    Ok(())
}
