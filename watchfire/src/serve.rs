//! The serving process: collects unattended for weeks.
//!
//! Each feed that is asked has a job in the ledger, due after its interval with some jitter; a job is
//! leased, kept alive by a heartbeat, and tried again after a rest where it fails ([`jobs`]).
//! [`folders`] looks for files that no longer grow, [`streams`] takes events that are sent, the crate
//! `console` takes reports that are pushed. All of it ends at one short queue before the one thread
//! that ingests ([`work`]): whoever brings more than that thread takes has to wait, so that memory is
//! bounded by what is under way. [`rounds`] triages, responds, sends, looks at sites and compacts, each
//! in its time; [`lists`] takes what ended out of the block lists. [`works`] does what people ask for
//! about an issue, [`keeper`] keeps the public site. [`gauges`] measures.
//!
//! Of a cluster each process has some of the roles: [`cluster`] plans on the node that leads and hands work to the
//! nodes that work; what is done, and how, is the same.
//!
//! Killed at any instruction, a restart goes on: leases are given back, the archive knows what was
//! acknowledged, the spool what came over a stream, and everything else is fetched or found again.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use console::{Bonds, Desk, House, Meters, Public, Readiness, Terms};
use intake::Source;
use intake::collect::client::Clients;
use intake::collect::{FETCH, TAKE_IN};
use ledger::Ledger;
use ledger::queue::TASKS;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::asking;
use crate::config::role::{self, Roles};
use crate::config::{self, Settings};
use crate::failure::{Exit, Failure, Result};
use crate::responding;
use crate::table::clean;
use crate::workspace::{Access, Session, Workspace, now, random};

pub mod access;
mod alarms;
mod cluster;
pub mod executor;
mod folders;
mod gauges;
mod hooks;
mod jobs;
mod keeper;
mod lists;
mod notify;
mod office;
pub mod outpost;
mod premises;
pub mod public;
mod rounds;
mod streams;
mod upkeep;
pub mod vantage;
mod work;
mod works;
mod world;

use folders::Folders;
use work::{Load, Queue};

/// What the parts of the serving process share.
pub struct Server {
    workspace: RwLock<Arc<Workspace>>,
    ledger: Ledger,
    clients: Arc<Clients>,
    queue: Queue,
    folders: Folders,
    /// Told when something waits to be taken in.
    arrived: Arc<Notify>,
    /// Told when work on an issue was asked for.
    begun: Notify,
    /// Archived reports that wait to be taken in, as far as is known.
    waiting: Arc<AtomicU64>,
    /// Raised when the configuration changed.
    changed: watch::Sender<u64>,
    /// `true` when the process is to end.
    stop: watch::Receiver<bool>,
    fatal: mpsc::Sender<String>,
    /// Who leases the jobs.
    worker: String,
    /// The environment that the process was started in.
    environment: config::Environment,
    /// What this process does.
    roles: Roles,
    /// Whether it plans: always where it is the only one.
    leads: AtomicBool,
    /// The way of work to the nodes of a cluster.
    calls: Option<ledger::Queue>,
}

impl Server {
    /// The workspace with the configuration in force.
    fn workspace(&self) -> Arc<Workspace> {
        let held = self
            .workspace
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&held)
    }

    /// A feed that is turned on.
    fn source(&self, feed: &str) -> Option<Arc<Source>> {
        let workspace = self.workspace();
        let source = workspace.settings.catalogue.get(feed).ok()?;
        source.feed.enabled.then(|| Arc::clone(source))
    }

    /// The feeds that are turned on.
    fn sources(&self) -> Vec<Arc<Source>> {
        let workspace = self.workspace();
        let sources = workspace.settings.catalogue.sources().iter();
        sources
            .filter(|source| source.feed.enabled)
            .map(Arc::clone)
            .collect()
    }

    /// Length of a lease in seconds; it is extended three times meanwhile.
    fn lease_secs(&self) -> u32 {
        self.workspace().settings.serve.lease_secs
    }

    /// Whether this process plans what is due.
    fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }

    /// A part of `most`, at random.
    fn jitter(&self, most: Duration) -> Duration {
        let share = (self.clients.random)() as f64 / u64::MAX as f64;
        most.mul_f64(share)
    }

    /// Ends the process if the disk is in doubt, and tells of every other error of the ledger.
    fn trouble(&self, what: &str, error: &ledger::Error) {
        tracing::error!(%error, "{what}");
        if error.is_fatal() {
            // Full means that it was told already.
            let _ = self.fatal.try_send(error.to_string());
        }
    }

    /// Waits until the process is to end.
    async fn stopped(&self) {
        // A sender that is gone means the same as one that says stop.
        let _ = self.stop.clone().wait_for(|stop| *stop).await;
    }
}

fn terms(settings: &Settings) -> Arc<Terms> {
    Arc::new(Terms {
        catalogue: settings.catalogue.clone(),
        most_bytes: u64::from(settings.serve.push_mb) << 20,
        per_minute: settings.serve.pushes_per_minute,
        most_waiting: u64::from(settings.serve.most_waiting),
        zone: settings.zone.clone(),
        proxies: settings.proxies.clone(),
        house: House {
            organization: settings.series.organization.clone(),
            title: settings.series.title.clone(),
            series: settings.series.id.clone(),
            address: settings.response.address.clone(),
            phone: settings.response.phone.clone(),
        },
    })
}

/// Serves the workspace until a signal ends it.
///
/// # Errors
/// The workspace, its configuration or its reference tables at the start; a port that cannot be had;
/// a failed disk.
pub fn run(session: &Session, listen: Option<SocketAddr>, role: Option<&str>) -> Result {
    let public = match role {
        Some(text) => text.trim() == role::PUBLIC,
        None => session.settings()?.1.role.public,
    };
    if public {
        return public::run(session, listen);
    }
    let workspace = session.open(Access::Serve)?;
    let workspace = Arc::new(match role {
        None => workspace,
        Some(text) => in_role(&workspace, text)?,
    });
    workspace.need_paths()?;
    let meters = Meters::install().map_err(|error| Failure::new("serve", error))?;
    let served = serve(Arc::clone(&workspace), session, listen, Arc::new(meters));
    workspace.block_on(served)
}

/// The same workspace in another role than its configuration says.
fn in_role(workspace: &Workspace, text: &str) -> Result<Workspace> {
    let wrong = |why: String| Failure::new("--role", why).with(Exit::Configuration);
    let roles = Roles::read(text).map_err(|why| wrong(why).remedy(role::REMEDY))?;
    if roles.clustered && !workspace.ledger.is_shared() {
        let why = "a node of a cluster needs a ledger on PostgreSQL".to_owned();
        return Err(wrong(why).remedy("set ledger.url in watchfire.toml"));
    }
    let mut settings = workspace.settings.clone();
    settings.role = roles;
    Ok(workspace.with(settings))
}

/// The signals that end the process.
struct Ending {
    terminate: Signal,
    interrupt: Signal,
}

fn listen_to(kind: SignalKind) -> Result<Signal> {
    signal(kind).map_err(|error| Failure::new("signals", error))
}

impl Ending {
    fn new() -> Result<Self> {
        Ok(Ending {
            terminate: listen_to(SignalKind::terminate())?,
            interrupt: listen_to(SignalKind::interrupt())?,
        })
    }

    /// Waits for one; which it was.
    async fn told(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

async fn serve(
    workspace: Arc<Workspace>,
    session: &Session,
    listen: Option<SocketAddr>,
    meters: Arc<Meters>,
) -> Result {
    let mut ending = Ending::new()?;
    let mut hang_up = listen_to(SignalKind::hangup())?;
    let address = listen.unwrap_or(workspace.settings.listen);
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Failure::new(format_args!("http://{address}"), error).remedy(
            "give another address with --listen, or as `listen` under [serve] in watchfire.toml",
        )
    })?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::new("http", error))?;
    let (stop, stopped) = watch::channel(false);
    let (fatal, mut died) = mpsc::channel(1);
    let roles = workspace.settings.role;
    let fetches = workspace.settings.serve.fetches as usize;
    let calls = match roles.clustered {
        true => workspace.ledger.queue(cluster::CONNECTIONS).await?,
        false => None,
    };
    let server = Arc::new(Server {
        ledger: workspace.ledger.clone(),
        clients: Arc::new(asking::clients(
            &workspace.root,
            session.environment.clone(),
        )),
        queue: work::start(fatal.clone())?,
        folders: Folders::default(),
        arrived: Arc::new(Notify::new()),
        begun: Notify::new(),
        waiting: Arc::new(AtomicU64::new(0)),
        changed: watch::channel(0).0,
        stop: stopped.clone(),
        fatal,
        worker: match roles.clustered {
            true => cluster::name(&workspace),
            false => format!("serve {}", std::process::id()),
        },
        environment: session.environment.clone(),
        roles,
        leads: AtomicBool::new(!roles.clustered),
        calls,
        workspace: RwLock::new(Arc::clone(&workspace)),
    });
    if !roles.clustered {
        // Whoever had these leases is dead: the lock of the serving process is ours.
        server.ledger.release_leases(TASKS, now().0).await?;
    }
    server
        .queue
        .ask(Load::Configured(Arc::clone(&workspace)))
        .await?;
    if !roles.clustered {
        jobs::plan(&server).await?;
    }

    let keys = access::Keys::read(&workspace.root, &workspace.settings, &session.environment)?;
    let keys = Arc::new(keys);
    let (terms_sender, terms_receiver) = watch::channel(terms(&workspace.settings));
    let (readiness, ready) = watch::channel(Readiness::Ready);
    if let Err(error) = watchfire::site::recover(&workspace.site_dir()) {
        tracing::error!(%error, "the published site could not be put back in its place");
    }
    let identity = {
        let workspace = Arc::clone(&workspace);
        tokio::task::spawn_blocking(move || responding::identity(&workspace))
            .await
            .map_err(|error| Failure::new("serve", error))??
    };
    let desk = Desk::new(
        responding::desk(&workspace),
        identity,
        terms_receiver,
        ready,
        Some(Arc::clone(&meters)),
        bonds(&server),
    );
    let desk = desk.for_exercises(workspace.settings.exercise);
    let key = crate::sealing::path(&workspace.root, &workspace.settings);
    let desk = match crate::sealing::at_start(&server.ledger, &key).await? {
        Some(seal) => desk.sealing(Arc::new(seal)),
        None => desk,
    };
    let desk = keys
        .give(desk)
        .on_premises(Arc::new(premises::House(Arc::clone(&server))));
    let office = Arc::new(office::Office::new(Arc::clone(&server)));
    let desk = desk.corresponding(Arc::clone(&office) as _, office);
    let almanac = office::almanac::Office::new(Arc::clone(&server));
    let desk = desk.counting(Arc::new(office::almanac::Shared(almanac)));
    let lists = &workspace.settings.lists;
    let lists = lists.enabled.then(|| workspace.root.join(&lists.folder));
    let desk = desk
        .publishing(Public::new(workspace.site_dir()).with_lists(lists))
        .with_newsroom(Arc::new(office::Newsroom::new(Arc::clone(&server))))
        .working(Arc::new(office::Casework::new(Arc::clone(&server))));
    let desk = Arc::new(desk);
    let mut parts = JoinSet::new();
    let (console, until) = (roles.console, stopped.clone());
    parts.spawn(async move {
        let http = async {
            match console {
                true => console::serve(listener, desk, until).await,
                false => console::serve_bare(listener, desk, until).await,
            }
        };
        http.await
            .unwrap_or_else(|error| tracing::error!(%error, "http ended"));
        "http"
    });
    match roles.clustered {
        false => {
            parts.spawn(jobs::run(Arc::clone(&server), FETCH, fetches));
            parts.spawn(jobs::run(Arc::clone(&server), TAKE_IN, jobs::TAKING));
            for task in rounds::Task::ALL {
                parts.spawn(rounds::run(Arc::clone(&server), task));
            }
            parts.spawn(hooks::run(Arc::clone(&server)));
            parts.spawn(works::run(Arc::clone(&server)));
        }
        true => {
            if roles.worker {
                parts.spawn(cluster::work(Arc::clone(&server), cluster::Group::TakingIn));
                parts.spawn(cluster::work(Arc::clone(&server), cluster::Group::Rest));
            }
            if roles.scheduler {
                parts.spawn(cluster::lead(Arc::clone(&server)));
            }
        }
    }
    if roles.console {
        parts.spawn(keeper::run(Arc::clone(&server)));
    }
    if roles.scheduler {
        parts.spawn(folders::watch(Arc::clone(&server)));
        parts.spawn(streams::run(Arc::clone(&server)));
        parts.spawn(lists::run(Arc::clone(&server)));
        parts.spawn(alarms::run(Arc::clone(&server)));
        parts.spawn(outpost::run(Arc::clone(&server)));
        if workspace.settings.exercise {
            parts.spawn(world::run(Arc::clone(&server), world::open()?));
        }
    }
    parts.spawn(upkeep::run(Arc::clone(&server)));
    parts.spawn(gauges::run(Arc::clone(&server), meters));
    parts.spawn(notify::watch(Arc::clone(&server)));
    let scheme = if keys.encrypted() { "https" } else { "http" };
    session.talk.say(format_args!(
        "serving {} on {scheme}://{address}",
        workspace.root.display()
    ));
    if roles.clustered {
        tracing::info!(
            role = roles.words(),
            node = server.worker,
            "a node of a cluster"
        );
    }
    notify::ready(&format!("serving on {scheme}://{address}"));
    if !address.ip().is_loopback() && !keys.encrypted() && workspace.settings.proxies.is_empty() {
        tracing::warn!(%address, "tokens and reports cross the network unencrypted: set tls_cert and tls_key, or put a proxy with TLS in front and name it in proxies");
    }
    let mut reloading = JoinSet::new();
    let signal = loop {
        tokio::select! {
            signal = ending.told() => break signal,
            _ = hang_up.recv() => {
                let environment = session.environment.clone();
                let (server, terms) = (Arc::clone(&server), terms_sender.clone());
                let keys = Arc::clone(&keys);
                reloading.spawn(async move {
                    notify::reloading();
                    reload(&server, &environment, &terms, &keys).await;
                    notify::ready("serving");
                });
            }
            Some(_) = reloading.join_next(), if !reloading.is_empty() => {}
            why = died.recv() => {
                let why = why.unwrap_or_default();
                return Err(Failure::new("serve", clean(&why))
                    .remedy("look at the disk; start again when it is well: nothing acknowledged is lost"));
            }
            Some(part) = parts.join_next() => {
                let part = part.unwrap_or("a part");
                return Err(Failure::new("serve", format_args!("{part} ended by itself"))
                    .remedy("start again, and report it: this is a defect of watchfire"));
            }
        }
    };
    let most = u64::from(server.workspace().settings.serve.drain_secs);
    tracing::info!(signal, secs = most, "stopping: work under way may end");
    notify::stopping();
    readiness.send_replace(Readiness::Not("the process is stopping".to_owned()));
    stop.send_replace(true);
    let drained = async {
        while parts.join_next().await.is_some() {}
        // An answer means that nothing is before it in the queue.
        server.queue.ask(Load::Nothing).await
    };
    let drained = tokio::select! {
        drained = timeout(Duration::from_secs(most), drained) => drained.is_ok(),
        signal = ending.told() => {
            tracing::warn!(signal, "told again: stopping at once");
            false
        }
    };
    parts.abort_all();
    match roles.clustered {
        true => server.ledger.release_own(&server.worker, now().0).await?,
        false => server.ledger.release_leases(TASKS, now().0).await?,
    };
    match drained {
        true => tracing::info!("stopped"),
        false => tracing::warn!("stopped with work under way: the next start goes on with it"),
    }
    Ok(())
}

fn bonds(server: &Arc<Server>) -> Bonds {
    Bonds {
        clock: Arc::new(now),
        random: Arc::new(|| {
            let bytes = random();
            u64::from_le_bytes(std::array::from_fn(|at| bytes[at]))
        }),
        arrived: Arc::clone(&server.arrived),
        waiting: Arc::clone(&server.waiting),
        fatal: server.fatal.clone(),
    }
}

/// Reads the configuration anew. One that is wrong is refused with every problem, and the old one
/// stays in force.
async fn reload(
    server: &Server,
    environment: &config::Environment,
    terms_sender: &watch::Sender<Arc<Terms>>,
    keys: &access::Keys,
) {
    let refuse = |lines: Vec<String>| {
        metrics::counter!("watchfire_reloads_total", "outcome" => "refused").increment(1);
        for line in lines {
            tracing::error!("configuration refused: {}", clean(&line));
        }
        tracing::error!("the old configuration stays in force");
    };
    let old = server.workspace();
    let mut settings = match read(&old.root, environment) {
        Ok(settings) => settings,
        Err(lines) => return refuse(lines),
    };
    // What the process does stays as it was started.
    settings.role = server.roles;
    let new = Arc::new(old.with(settings));
    // Certificates are read first: what cannot be used changes nothing.
    if let Err(failure) = keys.renew(&old.root, &new.settings, environment) {
        return refuse(vec![failure.message().to_owned()]);
    }
    // The ingesting thread changes over between two batches, and refuses wrong reference files.
    if let Err(failure) = server.queue.ask(Load::Configured(Arc::clone(&new))).await {
        return refuse(vec![failure.message().to_owned()]);
    }
    let settings = &new.settings;
    if settings.listen != old.settings.listen
        || settings.serve.fetches != old.settings.serve.fetches
    {
        tracing::warn!(
            "`serve.listen` and `serve.fetches` change only when the process is restarted"
        );
    }
    terms_sender.send_replace(terms(settings));
    *server
        .workspace
        .write()
        .unwrap_or_else(PoisonError::into_inner) = Arc::clone(&new);
    server.changed.send_modify(|times| *times += 1);
    if server.leads()
        && let Err(error) = jobs::replan(server, &old.settings.catalogue).await
    {
        server.trouble("the feeds' jobs cannot be planned", &error);
    }
    metrics::counter!("watchfire_reloads_total", "outcome" => "taken").increment(1);
    let feeds = server.sources().len();
    tracing::info!(feeds, "configuration read anew");
}

/// A configuration that may be used, or its problems.
fn read(root: &Path, environment: &config::Environment) -> Result<Settings, Vec<String>> {
    let told = |problems: Vec<config::Problem>| {
        let line = |problem: config::Problem| match &problem.remedy {
            Some(remedy) => format!("{problem}; remedy: {remedy}"),
            None => problem.to_string(),
        };
        problems.into_iter().map(line).collect::<Vec<_>>()
    };
    let settings = config::load(root, environment).map_err(told)?;
    match settings.unset.is_empty() {
        true => Ok(settings),
        false => Err(told(settings.unset)),
    }
}
