//! The configuration: `watchfire.toml` and the environment become [`Settings`], or a list of problems
//! that each name the place and the remedy.
//!
//! [`written`] is the file as written, [`origin`] says where a value comes from, [`expand`] replaces
//! `${NAME}` in paths; every other module turns sections that belong together into what is used. A
//! value stands, in this order, in the environment (`WATCHFIRE__SECTION__KEY`), in the file, in the
//! defaults of [`written`]. Feeds and reference entries stand in the file only.
//!
//! Nothing here opens a ledger or looks whether files exist, but for the rule files that feeds name.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bulletin::publish::Settings as SiteSettings;
use intake::Catalogue;
use jiff::tz::TimeZone;
use model::bulletin::{Text, Tlp};
use model::issue::NumberingScheme;
use model::newsroom::Schedule;
use reference::Country;
use response::verify::vantage::door;
use url::Url;

use crate::reference_files::ReferenceKind;

pub mod engine;
pub mod expand;
mod files;
pub mod lake;
pub mod ledger;
pub mod origin;
mod retained;
pub mod role;
mod series;
pub mod signing;
mod vantages;
pub mod written;

use origin::{Shown, Spelling};
use written::{
    DutySection, ListsSection, PublicSection, ResponseSection, ServeSection, SignInSection,
    SubscribersSection, Written,
};

/// Name of the file in a workspace.
pub const FILE: &str = "watchfire.toml";

/// Variables of the environment, handed in.
pub type Environment = BTreeMap<String, String>;

/// Something wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Where: `watchfire.toml:12`, or the variable.
    pub place: String,
    /// What.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Problem {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Problem {
            place: place.into(),
            message: message.into(),
            remedy: None,
        }
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// A series of bulletins.
#[derive(Clone, Debug)]
pub struct Series {
    /// Identifier under which issues are stored.
    pub id: String,
    /// Title.
    pub title: Text,
    /// Publishing body.
    pub organization: Text,
    /// What it is and how to reach it.
    pub about: Option<Text>,
    /// A warning on every page.
    pub banner: Option<Text>,
    /// Numbering.
    pub scheme: NumberingScheme,
    /// Label.
    pub tlp: Tlp,
    /// When figures are frozen and issues due.
    pub schedule: Schedule,
}

/// A `[[reference]]` entry, resolved.
#[derive(Clone, Debug)]
pub struct ReferenceFiles {
    /// What the files hold.
    pub kind: ReferenceKind,
    /// Name for people, and of a single file's table.
    pub name: Option<String>,
    /// Patterns with variables replaced.
    pub paths: Vec<String>,
    /// Patterns of files to leave out.
    pub exclude: Vec<String>,
    /// Order among sources.
    pub rank: Option<u16>,
    /// Where the entry stands: `watchfire.toml:12`.
    pub place: String,
}

/// The configuration, ready for use.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file it comes from.
    pub file: PathBuf,
    /// Name of the workspace.
    pub name: String,
    /// Whether it is for exercises.
    pub exercise: bool,
    /// Name of the reporting zone.
    pub zone_name: String,
    /// The reporting zone.
    pub zone: TimeZone,
    /// The series.
    pub series: Series,
    /// Countries inside.
    pub inside: Vec<Country>,
    /// Name or path of the rating profile.
    pub profile: String,
    /// Parsing threads.
    pub workers: usize,
    /// Memory of a query in bytes.
    pub query_memory: usize,
    /// Threads of a query.
    pub query_threads: usize,
    /// The serving process, and where its HTTP interface listens.
    pub serve: ServeSection,
    /// `serve.role`, read.
    pub role: role::Roles,
    /// `serve.listen`, read.
    pub listen: SocketAddr,
    /// `serve.proxies`, read.
    pub proxies: Vec<std::net::IpAddr>,
    /// How people sign in.
    pub sign_in: SignInSection,
    /// From an event to a takedown.
    pub response: ResponseSection,
    /// Block lists of our own.
    pub lists: ListsSection,
    /// The mail edition.
    pub subscribers: SubscribersSection,
    /// Alarms, and whom they reach.
    pub duty: DutySection,
    /// Public nodes.
    pub public: PublicSection,
    /// `public.inner`, read.
    pub inner: SocketAddr,
    /// `public.url`, read; `None` where notices name no page at a node.
    pub node: Option<Url>,
    /// The ledger's server; `None` for the file in the workspace.
    pub ledger: Option<ledger::Address>,
    /// The store of lake and blobs; `None` for the folder of the workspace.
    pub lake: Option<storage::Address>,
    /// Who answers queries over many rows, and the secret of the nodes.
    pub engine: engine::Executors,
    /// Font folders.
    pub fonts: Vec<PathBuf>,
    /// The public site.
    pub site: SiteSettings,
    /// Reference entries.
    pub references: Vec<ReferenceFiles>,
    /// Rules of retention, in order.
    pub retention: Vec<intake::retention::Rule>,
    /// From where else it is looked whether something is gone.
    pub vantages: Vec<response::verify::vantage::Entry>,
    /// The feeds, compiled.
    pub catalogue: Catalogue,
    /// Variables that paths name and the environment lacks.
    pub unset: Vec<Problem>,
    /// Every value with its origin, for `config show`.
    pub shown: Vec<Shown>,
    /// The configuration as it stands, environment included, as TOML; without the ledger's password and the
    /// store's secret.
    pub text: String,
}

/// Reads and resolves the configuration in `root`.
///
/// # Errors
/// Every problem that is found, in the order of the file.
pub fn load(root: &Path, environment: &Environment) -> Result<Settings, Vec<Problem>> {
    let file = root.join(FILE);
    let text = std::fs::read_to_string(&file).map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::NotFound => format!("watchfire init {}", root.display()),
            std::io::ErrorKind::InvalidData => "save the file as UTF-8".to_owned(),
            _ => "look at the file's owner and rights".to_owned(),
        };
        vec![Problem::new(file.display().to_string(), error.to_string()).remedy(remedy)]
    })?;
    parse(&text, &file, environment)
}

/// As [`load`], of a text at hand.
///
/// # Errors
/// As [`load`].
pub fn parse(text: &str, file: &Path, environment: &Environment) -> Result<Settings, Vec<Problem>> {
    let spelling = Spelling::of(text)?;
    let written: Written = toml::from_str(text).map_err(|error| vec![spelling.problem(&error)])?;
    let (written, overridden) = origin::override_from(&written, environment)?;
    let mut public = written.clone();
    public.ledger.url = ledger::shown(&written.ledger.url);
    public.lake = lake::shown(&written.lake);
    public.engine = engine::shown(&written.engine);
    public.vantages = vantages::shown(&written.vantages);
    let shown = spelling.origins(&public, &overridden);
    let text = toml::to_string_pretty(&public).unwrap_or_default();
    Resolver {
        spelling: &spelling,
        environment,
        problems: Vec::new(),
        unset: BTreeMap::new(),
    }
    .resolve(written, file, shown, text)
}

/// The name among `known` that `name` may have been meant to be.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, known)| *distance <= 1 + known.len().max(name.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// One problem a variable, whoever names it.
fn unset(name: &str, place: String, labels: &[String]) -> Problem {
    let who = match labels {
        [one] => format!("{one} names it"),
        [first, rest @ ..] => format!("{first} and {} more name it", rest.len()),
        [] => String::new(),
    };
    Problem::new(
        place,
        format!("environment variable {name} is not set, and {who}"),
    )
    .remedy(format!(
        "export {name}=FOLDER, or write the path itself in {FILE}"
    ))
}

struct Resolver<'a> {
    spelling: &'a Spelling,
    environment: &'a Environment,
    problems: Vec<Problem>,
    /// Variables that are not set: where the first is named, and who names them.
    unset: BTreeMap<String, (String, Vec<String>)>,
}

impl Resolver<'_> {
    fn resolve(
        mut self,
        written: Written,
        file: &Path,
        shown: Vec<Shown>,
        text: String,
    ) -> Result<Settings, Vec<Problem>> {
        let zone_name = written.workspace.zone.clone();
        let zone = TimeZone::get(&zone_name).unwrap_or_else(|_| {
            let message = format!("zone `{zone_name}` is no IANA zone");
            self.problem(
                "workspace.zone",
                message,
                "write one such as Asia/Shanghai or UTC",
            );
            TimeZone::UTC
        });
        let series = self.series(&written);
        let inside = self.inside(&written);
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let threads = |count: u32| if count == 0 { cores() } else { count as usize };
        if written.query.memory_mb < 64 {
            let message = format!(
                "memory_mb = {} is too little to plan a query in",
                written.query.memory_mb
            );
            self.problem(
                "query.memory_mb",
                message,
                "give it 64 or more; 1024 is the default",
            );
        }
        let listen = self.serve(&written.serve);
        let role = self.role(&written);
        let proxies = self.proxies(&written.serve);
        let (inner, node) = self.public(&written.public);
        self.sign_in(&written.sign_in);
        let ledger = self.ledger(&written);
        self.duty(&written.duty);
        let site = self.site(&written.site);
        let fonts = self.font_dirs(&written, file);
        let root = file.parent().unwrap_or(Path::new(""));
        let lake = self.lake(&written, root);
        let engine = self.engine(&written, root);
        let catalogue = self.catalogue(written.feeds.clone(), root);
        let references = self.references(&written);
        let retention = self.retention(&written);
        let vantages = self.vantages(&written, root);
        if !self.problems.is_empty() {
            return Err(self.problems);
        }
        Ok(Settings {
            file: file.to_owned(),
            name: written.workspace.name,
            exercise: written.workspace.exercise,
            zone_name,
            zone,
            series,
            inside,
            profile: written.rating.profile,
            workers: threads(written.ingest.workers),
            query_memory: (written.query.memory_mb as usize) << 20,
            query_threads: threads(written.query.threads),
            serve: written.serve,
            response: written.response,
            lists: written.lists,
            subscribers: written.subscribers,
            duty: written.duty,
            listen,
            role,
            proxies,
            public: written.public,
            inner,
            node,
            sign_in: written.sign_in,
            ledger,
            lake,
            engine,
            site,
            fonts,
            references,
            retention,
            vantages,
            catalogue,
            unset: self
                .unset
                .into_iter()
                .map(|(name, (place, labels))| unset(&name, place, &labels))
                .collect(),
            shown,
            text,
        })
    }

    fn problem(&mut self, key: &str, message: impl Into<String>, remedy: &str) {
        let place = self.spelling.place(key);
        self.problems
            .push(Problem::new(place, message).remedy(remedy));
    }

    /// Numbers that must be one at least, and no more than the last.
    fn counts(&mut self, counts: &[(&str, u32, u32)]) {
        for (key, value, most) in counts {
            if !(1..=*most).contains(value) {
                let message = format!("{key} = {value} is out of bounds");
                self.problem(key, message, &format!("write 1 to {most}"));
            }
        }
    }

    /// Checks `[serve]`; the address it listens on.
    fn serve(&mut self, serve: &ServeSection) -> SocketAddr {
        let counts = [
            ("serve.fetches", serve.fetches, 64),
            ("serve.look_secs", serve.look_secs, 3600),
            ("serve.lease_secs", serve.lease_secs, 3600),
            ("serve.drain_secs", serve.drain_secs, 3600),
            ("serve.push_mb", serve.push_mb, 1 << 20),
            ("serve.pushes_per_minute", serve.pushes_per_minute, 1 << 20),
            ("serve.most_waiting", serve.most_waiting, 10_000_000),
            ("serve.calls_per_minute", serve.calls_per_minute, 1 << 20),
        ];
        self.counts(&counts);
        serve.listen.parse().unwrap_or_else(|_| {
            let message = format!("listen `{}` is no address with a port", serve.listen);
            self.problem("serve.listen", message, "write one such as 127.0.0.1:8080");
            SocketAddr::from(([127, 0, 0, 1], 8080))
        })
    }

    /// Checks `[public]`; the address of the inner door, and the one at which everybody reaches a node.
    fn public(&mut self, public: &PublicSection) -> (SocketAddr, Option<Url>) {
        let counts = [
            ("public.spool_mb", public.spool_mb, 1 << 20),
            ("public.every_secs", public.every_secs, 3600),
        ];
        self.counts(&counts);
        let inner = public.inner.parse().unwrap_or_else(|_| {
            let message = format!("inner `{}` is no address with a port", public.inner);
            self.problem("public.inner", message, "write one such as 127.0.0.1:8443");
            SocketAddr::from(([127, 0, 0, 1], 8443))
        });
        // Browsers open nothing sealed without TLS, and a node's pages name one another from the root.
        let node = match door(&public.url) {
            _ if public.url.is_empty() => None,
            Ok(url) if url.path() == "/" => Some(url),
            other => {
                let why = other.err().unwrap_or_else(|| {
                    format!("`{}`: a node's pages are not below a path", public.url)
                });
                let remedy =
                    "write the address that the public types, as https://report.cert.example/";
                self.problem("public.url", why, remedy);
                None
            }
        };
        (inner, node)
    }

    /// Checks `[duty]`.
    fn duty(&mut self, duty: &DutySection) {
        if let Err(why) = crate::alarms::Quiet::read(&duty.quiet) {
            self.problem("duty.quiet", why, "write hours such as 22:00-07:00");
        }
        if !["zh", "en"].contains(&duty.language.as_str()) {
            let message = format!("language `{}` is none of zh, en", duty.language);
            self.problem("duty.language", message, "write zh or en");
        }
        let web = [
            ("duty.base", &duty.base),
            ("duty.webhook", &duty.webhook),
            ("duty.gateway", &duty.gateway),
            ("duty.dead_man_url", &duty.dead_man_url),
        ];
        for (key, address) in web {
            let plain = address.replace(['{', '}'], "");
            let sound = url::Url::parse(&plain)
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            if !address.is_empty() && !sound {
                let message = format!("{key} `{address}` is no address");
                self.problem(key, message, "write one that begins with https://");
            }
        }
        if !duty.webhook.is_empty() && duty.webhook_secret.is_empty() {
            self.problem(
                "duty.webhook_secret",
                "a webhook is signed by a secret, and none is named",
                "name the file that holds `whsec_` and the base64 of 32 random bytes",
            );
        }
        if duty.disk_percent > 90 {
            let message = format!("disk_percent = {} would always ring", duty.disk_percent);
            self.problem("duty.disk_percent", message, "write 0 to 90");
        }
    }
}

#[cfg(test)]
mod tests;
