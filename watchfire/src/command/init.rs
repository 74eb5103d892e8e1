//! `watchfire init`: an empty workspace with a commented configuration.

use std::io::Write;
use std::path::PathBuf;

use crate::config;
use crate::failure::{Failure, Result};
use crate::table::Out;
use crate::workspace::{Access, Session, Workspace};

const TEMPLATE: &str = include_str!("init.toml");

/// Make a workspace: a folder with a commented watchfire.toml and an empty ledger.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  watchfire init                 in the current folder\n  watchfire init /srv/watchfire  in another"
)]
pub struct Args {
    /// The folder; made if it is not there.
    #[arg(default_value = ".")]
    dir: PathBuf,
    /// Name of the workspace; without it, the folder's.
    #[arg(long)]
    name: Option<String>,
}

pub fn run(args: Args, session: &Session) -> Result {
    let dir = &args.dir;
    std::fs::create_dir_all(dir).map_err(|error| Failure::new(dir.display(), error))?;
    let root = dir
        .canonicalize()
        .map_err(|error| Failure::new(dir.display(), error))?;
    let folder = root.file_name().map_or_else(
        || "watchfire".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    let name = toml::Value::String(args.name.unwrap_or(folder)).to_string();
    let file = root.join(config::FILE);
    let write = || -> std::io::Result<()> {
        let mut new = std::fs::File::create_new(&file)?;
        new.write_all(TEMPLATE.replace("\"@NAME@\"", &name).as_bytes())?;
        new.sync_all()
    };
    write().map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::new(root.display(), "is a workspace already")
            .remedy(format_args!(
                "edit {}, or choose another folder",
                file.display()
            )),
        _ => Failure::new(file.display(), error),
    })?;
    let settings = config::load(&root, &session.environment).map_err(Failure::configuration)?;
    let workspace = Workspace::open(root.clone(), settings, Access::Write("init"))?;
    std::fs::create_dir_all(workspace.reference_dir())
        .map_err(|error| Failure::new("reference", error))?;
    let mut out = Out::new();
    if session.json {
        out.json(&serde_json::json!({ "workspace": root, "configuration": file }))?;
    } else {
        out.line(format_args!("workspace {}", root.display()))?;
        out.line("")?;
        out.line("Next:")?;
        out.line(format_args!(
            "  edit {}: series, feeds, reference tables",
            file.display()
        ))?;
        out.line(format_args!(
            "  watchfire --workspace {} config check",
            root.display()
        ))?;
        out.line(format_args!(
            "  watchfire --workspace {} ingest",
            root.display()
        ))?;
    }
    out.end()
}
