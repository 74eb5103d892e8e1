//! A picture of a page, by a browser of its own: a process with a new profile that is deleted after
//! it, a time and a memory limit, and no network but what is needed. A recorded body is shown without
//! any network; a live page may reach the one address that the look was connected to, and no other
//! host. It is shown in a frame without scripts and forms: a script could submit a form. Where no browser is configured there is no
//! picture.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use url::Url;

use super::Piece;

/// How the browser is run.
#[derive(Clone, Debug)]
pub struct Browser {
    /// The Chromium program.
    pub program: PathBuf,
    /// Folder in which the profile is made; it is left empty.
    pub scratch: PathBuf,
    /// Time for it all.
    pub time: Duration,
    /// Resident memory of the process and its children, in bytes.
    pub memory: u64,
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// Further flags, such as what a container without user namespaces needs.
    pub flags: Vec<String>,
}

/// What is shown.
#[derive(Clone, Debug)]
pub enum Shown<'a> {
    /// A body that was recorded; nothing is loaded.
    Recorded(&'a [u8]),
    /// A page as it is now, at the address that the policy let through: one more GET, for which the
    /// caller needs the permit.
    Live(&'a Url, IpAddr),
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum NoPicture {
    /// The program or its folder cannot be used.
    #[error("browser {program}: {error}")]
    Start {
        /// The program.
        program: String,
        /// What happened.
        error: io::Error,
    },
    /// It took too long.
    #[error("the browser took longer than {0} s and was ended")]
    Time(u64),
    /// It took too much.
    #[error("the browser took more than {0} MiB and was ended")]
    Memory(u64),
    /// It ended without a picture.
    #[error("the browser ended without a picture: {0}")]
    None(String),
}

/// Takes a picture. Blocks for as long as the browser runs: call it where blocking is allowed.
/// `label` is a word for the profile's folder that is used once, handed in.
///
/// # Errors
/// No browser, too long, too much memory, or no picture.
pub fn take(browser: &Browser, shown: &Shown<'_>, label: &str) -> Result<Piece, NoPicture> {
    let start = |error| NoPicture::Start {
        program: browser.program.display().to_string(),
        error,
    };
    let plain: String = label
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(40)
        .collect();
    let folder = Folder(browser.scratch.join(format!("browser-{plain}")));
    std::fs::create_dir(&folder.0).map_err(start)?;
    let picture = folder.0.join("picture.png");
    let mut command = Command::new(&browser.program);
    command.args(FLAGS).args(&browser.flags);
    command.arg(format!(
        "--user-data-dir={}",
        folder.0.join("profile").display()
    ));
    command.arg(format!(
        "--window-size={},{}",
        browser.size.0, browser.size.1
    ));
    command.arg(format!("--screenshot={}", picture.display()));
    let outer = folder.0.join("frame.html");
    match shown {
        Shown::Recorded(body) => {
            std::fs::write(folder.0.join("page.html"), body).map_err(start)?;
            let frame = framed("page.html");
            std::fs::write(&outer, frame).map_err(start)?;
            command.arg("--host-resolver-rules=MAP * ~NOTFOUND");
            // Also what needs no name: a proxy that nobody listens at takes every request.
            command.arg("--proxy-server=http://127.0.0.1:9");
            command.arg("--proxy-bypass-list=<-loopback>");
        }
        Shown::Live(url, address) => {
            let address = match address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("[{address}]"),
            };
            let host = url.host_str().unwrap_or_default();
            command.arg(format!(
                "--host-resolver-rules=MAP {host} {address}, MAP * ~NOTFOUND"
            ));
            command.arg("--ignore-certificate-errors");
            std::fs::write(&outer, framed(url.as_str())).map_err(start)?;
        }
    }
    command.arg(format!("file://{}", outer.display()));
    command
        .env_clear()
        .env("HOME", &folder.0)
        .env("PATH", "/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .current_dir(&folder.0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = Ended(command.spawn().map_err(start)?);
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.0.try_wait().map_err(start)? {
            break status;
        }
        if began.elapsed() > browser.time {
            return Err(NoPicture::Time(browser.time.as_secs()));
        }
        if resident(child.0.id()) > browser.memory {
            return Err(NoPicture::Memory(browser.memory >> 20));
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    match std::fs::read(&picture) {
        Ok(bytes) if bytes.starts_with(b"\x89PNG") => Ok(Piece {
            name: "screenshot.png".to_owned(),
            media: "image/png",
            bytes,
        }),
        _ => Err(NoPicture::None(status.to_string())),
    }
}

/// A page in a sandboxed frame (HTML, `iframe sandbox`): no scripts, no forms, no windows, no way out
/// of it. One that forbids frames shows as blank.
fn framed(address: &str) -> String {
    let quoted = address
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;");
    format!(
        "<!doctype html><meta charset=utf-8><style>*{{margin:0;border:0}}iframe{{width:100vw;height:100vh}}</style>\
         <iframe sandbox src=\"{quoted}\"></iframe>"
    )
}

/// No profile of anybody, no talk with its maker, nothing that a page could make it keep or open.
const FLAGS: [&str; 17] = [
    "--headless=new",
    "--incognito",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--disable-webrtc",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--deny-permission-prompts",
    "--hide-scrollbars",
    "--mute-audio",
];

/// Deletes the profile, however it ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What children still write goes a moment later.
        for _ in 0..20 {
            if std::fs::remove_dir_all(&self.0).is_ok() || !self.0.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Ends the process, and with it those that talk to it.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Resident bytes of a process and all below it, where the system tells (Linux); 0 elsewhere.
fn resident(root: u32) -> u64 {
    let mut parents: Vec<(u32, u32, u64)> = Vec::new();
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return 0;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Some((parent, kib)) = status(&entry.path()) {
            parents.push((id, parent, kib));
        }
    }
    let mut family = vec![root];
    let mut at = 0;
    while at < family.len() {
        let children = parents
            .iter()
            .filter(|(id, parent, _)| *parent == family[at] && !family.contains(id));
        let children: Vec<u32> = children.map(|(id, ..)| *id).collect();
        family.extend(children);
        at += 1;
    }
    let own = parents.iter().filter(|(id, ..)| family.contains(id));
    own.map(|(.., kib)| kib * 1024).sum()
}

/// Parent and resident KiB. Anonymous memory only: the program's pages are shared by its processes.
fn status(process: &Path) -> Option<(u32, u64)> {
    let text = std::fs::read_to_string(process.join("status")).ok()?;
    let value = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        line[key.len()..]
            .split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
    };
    let parent = u32::try_from(value("PPid:")?).ok()?;
    Some((parent, value("RssAnon:").unwrap_or(0)))
}
