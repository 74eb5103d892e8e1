//! `watchfire completions`: a script that lets a shell complete our commands and options.

use clap_complete::Shell;

use crate::cli;
use crate::failure::Result;
use crate::table::Out;
use crate::workspace::Session;

/// Print the script by which a shell completes commands and options.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  source <(watchfire completions bash)        in this shell
  watchfire completions bash > /usr/share/bash-completion/completions/watchfire
  watchfire completions zsh > /usr/share/zsh/vendor-completions/_watchfire
  watchfire completions fish > ~/.config/fish/completions/watchfire.fish")]
pub struct Args {
    /// The shell.
    shell: Shell,
}

pub fn run(args: &Args, _: &Session) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut cli::definition(), "watchfire", &mut script);
    let mut out = Out::new();
    out.bytes(&script)?;
    out.end()
}
