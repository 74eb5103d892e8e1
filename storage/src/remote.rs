//! The store behind a folder: transfers, several at a time, each file by one task at a time.

use std::collections::HashMap;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::ClientOptions;
use object_store::path::Path as Key;
use object_store::{
    Attribute, Attributes, BackoffConfig, GetOptions, GetRange, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, RetryConfig, WriteMultipart,
};
use tokio::runtime::Runtime;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinSet;

use crate::Wanted;
use crate::address::Address;
use crate::cache;
use crate::error::{Error, Result};
use crate::temporary::Temporary;

/// Transfers under way at a time.
const TRANSFERS: usize = 16;
/// Questions after single objects under way at a time: they cost the store little.
const QUESTIONS: usize = 64;
/// Bytes up to which a file is stored by one request; larger ones go in pieces of this size.
const PIECE: usize = 8 << 20;
/// Pieces of one file under way at a time.
const PIECES: usize = 4;
/// Times a transfer is begun anew when what came is not what was sent, or an upload in pieces was lost.
const BEGINNINGS: usize = 3;
/// Requests that fail by a fault of the server or the network are repeated so often, waiting longer each time.
const RETRIES: usize = 8;
/// The first wait, and the longest; each is drawn between the first and so many times the last.
const WAIT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(8));
const GROWTH: f64 = 4.0;
/// Bytes that come before the cache is looked through again, at the least.
const TRIM_STEP: u64 = 256 << 20;
/// Metadata of an object: the BLAKE3 of its bytes.
const HASH: &str = "blake3";

/// An object as the store lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where the file lies, or would.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was stored, microseconds UTC by the store's clock.
    pub stored_at: i64,
}

/// A transfer that several wait for.
type Flight = Arc<OnceCell<Result<()>>>;

/// The store.
pub(crate) struct Store {
    root: PathBuf,
    place: String,
    prefix: String,
    client: AmazonS3,
    bound: u64,
    mark: String,
    stamps: AtomicU64,
    /// Bytes that came since the cache was looked through.
    grown: AtomicU64,
    trimming: Mutex<()>,
    flights: Mutex<HashMap<PathBuf, Flight>>,
    transfers: Semaphore,
    /// Files that were looked at, or noted as used, by this process.
    seen: Mutex<HashMap<PathBuf, u64>>,
    /// Taken at the end only.
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.place)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Dropping a runtime waits for it, which must not be done on a thread of another.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn client(address: &Address) -> Result<AmazonS3> {
    let options = ClientOptions::new()
        .with_timeout(address.patience)
        .with_connect_timeout(Duration::from_secs(5).min(address.patience))
        .with_allow_http(address.endpoint.starts_with("http://"));
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: WAIT.0,
            max_backoff: WAIT.1,
            base: GROWTH,
        },
        max_retries: RETRIES,
        retry_timeout: address.patience,
    };
    let region = match address.region.as_str() {
        "" => "us-east-1",
        region => region,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&address.bucket)
        .with_region(region)
        .with_client_options(options)
        .with_retry(retry)
        // Some stores know no tags, and we put none.
        .with_disable_tagging(true);
    if !address.endpoint.is_empty() {
        builder = builder
            .with_endpoint(address.endpoint.trim_end_matches('/'))
            .with_allow_http(address.endpoint.starts_with("http://"))
            .with_virtual_hosted_style_request(false);
    }
    if !address.access_key.is_empty() {
        builder = builder
            .with_access_key_id(&address.access_key)
            .with_secret_access_key(&address.secret_key.0);
    }
    builder.build().map_err(|error| Error::Address {
        url: address.place(),
        why: error.to_string(),
    })
}

impl Store {
    pub(crate) fn new(root: &Path, address: &Address, mark: &str) -> Result<Self> {
        address.check()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("storage")
            .enable_all()
            .build()
            .map_err(|error| Error::io(root, error))?;
        Ok(Store {
            root: root.to_owned(),
            place: address.place(),
            prefix: address.prefix.clone(),
            client: client(address)?,
            bound: address.cache_bytes,
            mark: mark.to_owned(),
            stamps: AtomicU64::new(0),
            // What comes first makes it look.
            grown: AtomicU64::new(u64::MAX / 2),
            trimming: Mutex::new(()),
            flights: Mutex::new(HashMap::new()),
            transfers: Semaphore::new(TRANSFERS),
            seen: Mutex::new(HashMap::new()),
            runtime: Some(runtime),
        })
    }

    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn client(&self) -> &AmazonS3 {
        &self.client
    }

    pub(crate) fn stamp(&self) -> String {
        let n = self.stamps.fetch_add(1, Ordering::Relaxed);
        format!("{}{n}", self.mark)
    }

    /// The key of a file below the folder.
    pub(crate) fn key(&self, path: &Path) -> Result<Key> {
        let strange = |why: &str| {
            let why = format!("{why} {}", self.root.display());
            Error::io(path, io::Error::new(io::ErrorKind::InvalidInput, why))
        };
        let relative = path
            .strip_prefix(&self.root)
            .map_err(|_| strange("does not lie in"))?;
        let steps = relative.iter().map(|step| step.to_str());
        let steps: Option<Vec<&str>> = steps.collect();
        let steps = steps.ok_or_else(|| strange("has a name that is no text, in"))?;
        let mut key = self.prefix.clone();
        for step in steps {
            if !key.is_empty() {
                key.push('/');
            }
            key.push_str(step);
        }
        Key::parse(&key).map_err(|error| strange(&error.to_string()))
    }

    /// The file of a key.
    fn path(&self, key: &Key) -> Option<PathBuf> {
        let rest = key.as_ref().strip_prefix(&self.prefix)?;
        Some(self.root.join(rest.trim_start_matches('/')))
    }

    fn failed<'a>(
        &'a self,
        act: &'static str,
        key: &'a Key,
    ) -> impl FnOnce(object_store::Error) -> Error + 'a {
        move |error| Error::store(act, &self.place, self.bare(key), &error)
    }

    /// A key without the prefix, which the place holds already.
    pub(crate) fn bare<'k>(&self, key: &'k Key) -> &'k str {
        let rest = key.as_ref().strip_prefix(&self.prefix);
        rest.unwrap_or(key.as_ref()).trim_start_matches('/')
    }

    fn runtime(&self) -> Result<&Runtime> {
        self.runtime.as_ref().ok_or(Error::Closed)
    }

    /// Runs a future on the storage's own threads and blocks until it is done, whichever thread this is.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        let (send, receive) = mpsc::sync_channel(1);
        self.runtime()?.spawn(async move {
            // Nobody waits any more: nothing to tell.
            let _ = send.send(future.await);
        });
        receive.recv().map_err(|_| Error::Closed)
    }

    /// Runs a future on the storage's own threads, where its client's connections live.
    pub(crate) async fn joined<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        let task = self.runtime()?.spawn(future);
        task.await.map_err(|_| Error::Closed)
    }

    /// Notes that a file is used; on the disk once a process and look through the cache.
    pub(crate) fn used(&self, path: &Path, file: &File) {
        let Ok(meta) = file.metadata() else { return };
        if !cache::is_published(&meta) {
            return;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.insert(path.to_owned(), meta.len()).is_none() {
            cache::touch(file);
        }
    }

    /// Whether the file is here, as it should be; a copy of another size is forgotten.
    fn is_here(&self, wanted: &Wanted) -> Result<bool> {
        let meta = match std::fs::metadata(&wanted.path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io(&wanted.path, error)),
        };
        match wanted.bytes {
            Some(bytes) if bytes != meta.len() => Ok(!cache::forget(&wanted.path)?),
            _ => Ok(true),
        }
    }

    /// Makes sure that a file is here. Whoever wants it meanwhile waits for the same transfer.
    pub(crate) async fn fetch_one(self: Arc<Self>, wanted: Wanted) -> Result<()> {
        if self.is_here(&wanted)? {
            return Ok(());
        }
        let flight = self.flight(&wanted.path);
        let path = wanted.path.clone();
        let store = Arc::clone(&self);
        let done = flight
            .get_or_init(|| async move {
                // It may have come between the look and the flight.
                if store.is_here(&wanted)? {
                    return Ok(());
                }
                let _turn = store.transfers.acquire().await.map_err(|_| Error::Closed)?;
                store.download(&wanted).await
            })
            .await
            .clone();
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if flights
            .get(&path)
            .is_some_and(|now| Arc::ptr_eq(now, &flight))
        {
            flights.remove(&path);
        }
        done
    }

    fn flight(&self, path: &Path) -> Flight {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(flights.entry(path.to_owned()).or_default())
    }

    pub(crate) async fn fetch(self: Arc<Self>, files: Vec<Wanted>) -> Result<()> {
        let store = Arc::clone(&self);
        each(files, TRANSFERS, move |wanted| {
            Arc::clone(&store).fetch_one(wanted)
        })
        .await?;
        Ok(())
    }

    /// See [`crate::Storage::warm`].
    pub(crate) fn warm(store: &Arc<Self>, files: Vec<Wanted>) {
        let mut room = store.bound / 2;
        let mut missing = Vec::new();
        for wanted in files {
            let bytes = wanted.bytes.unwrap_or(0);
            let known = {
                let seen = store.seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.get(&wanted.path).copied()
            };
            // What this process has seen of the right size is so still, or gone and fetched when it is opened.
            if known == Some(bytes) {
                continue;
            }
            match store.is_here(&wanted) {
                Ok(true) => {
                    if let Ok(file) = File::open(&wanted.path) {
                        store.used(&wanted.path, &file);
                    }
                }
                Ok(false) if bytes <= room => {
                    room -= bytes;
                    missing.push(wanted);
                }
                // Fetched when it is opened; what cannot be looked at is told then.
                Ok(false) | Err(_) => {}
            }
        }
        if missing.is_empty() {
            return;
        }
        let fetching = Arc::clone(store);
        if let Ok(runtime) = store.runtime() {
            runtime.spawn(async move {
                if let Err(error) = fetching.fetch(missing).await {
                    tracing::debug!(%error, "a file could not be fetched in advance");
                }
            });
        }
    }

    /// Fetches a file: to a temporary name, looked at, made durable, renamed.
    async fn download(self: &Arc<Self>, wanted: &Wanted) -> Result<()> {
        let key = self.key(&wanted.path)?;
        let begun = Instant::now();
        let mut last = Error::Closed;
        for _ in 0..BEGINNINGS {
            let incoming = cache::incoming(&wanted.path)?;
            match self.receive(&key, incoming, wanted).await {
                Ok(bytes) => {
                    metrics::histogram!("watchfire_store_seconds", "act" => "fetch")
                        .record(begun.elapsed().as_secs_f64());
                    metrics::counter!("watchfire_store_bytes_total", "act" => "fetch")
                        .increment(bytes);
                    self.grow(bytes);
                    return Ok(());
                }
                Err(error @ (Error::Missing { .. } | Error::Io { .. })) => return Err(error),
                // A connection that breaks off between two answers looks like this; a store that is down was
                // asked often enough.
                Err(
                    error @ Error::Store {
                        trouble: crate::error::Trouble::Unreachable,
                        ..
                    },
                ) => {
                    last = error;
                    break;
                }
                Err(error) => last = error,
            }
        }
        metrics::counter!("watchfire_store_failures_total", "act" => "fetch").increment(1);
        Err(last)
    }

    async fn receive(
        self: &Arc<Self>,
        key: &Key,
        incoming: Temporary,
        wanted: &Wanted,
    ) -> Result<u64> {
        // The first request says how much there is; what is larger than a piece goes on in pieces, so that each has
        // its own time.
        let first = self.client.get_opts(key, GetOptions::default()).await;
        let mut got = first.map_err(self.failed("fetch", key))?;
        let size = got.meta.size;
        let stated = got.attributes.get(&Attribute::Metadata(HASH.into()));
        let stated = stated.map(|value| value.as_ref().to_owned());
        let mut hasher = blake3::Hasher::new();
        loop {
            let begun = hasher.count();
            let mut stream = got.into_stream();
            while let Some(block) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
                let block = block.map_err(self.failed("fetch", key))?;
                hasher.update(&block);
                incoming
                    .file()
                    .write_all(&block)
                    .map_err(|error| Error::io(&wanted.path, error))?;
                if hasher.count() - begun >= PIECE as u64 {
                    break;
                }
            }
            let at = hasher.count();
            if at >= size || at == begun {
                break;
            }
            let range = GetRange::Bounded(at..(at + PIECE as u64).min(size));
            let next = GetOptions::new().with_range(Some(range));
            let next = self.client.get_opts(key, next).await;
            got = next.map_err(self.failed("fetch", key))?;
        }
        let damaged = |detail: String| Error::Damaged {
            place: self.place.clone(),
            key: self.bare(key).to_owned(),
            detail,
        };
        let came = hasher.count();
        if came != size {
            return Err(damaged(format!("{came} bytes came of {size}")));
        }
        if let Some(bytes) = wanted.bytes.filter(|bytes| *bytes != came) {
            return Err(damaged(format!("it has {came} bytes instead of {bytes}")));
        }
        let hash = hasher.finalize();
        let found = hash.to_hex();
        if stated.is_some_and(|stated| stated != found.as_str())
            || wanted.hash.is_some_and(|wanted| wanted != *hash.as_bytes())
        {
            return Err(damaged(format!("its content hashes to {found}")));
        }
        let target = wanted.path.clone();
        let kept = tokio::task::spawn_blocking(move || cache::keep(incoming, &target)).await;
        kept.map_err(|_| Error::Closed)??;
        Ok(came)
    }

    pub(crate) async fn publish(self: Arc<Self>, paths: Vec<PathBuf>) -> Result<()> {
        let store = Arc::clone(&self);
        each(paths, TRANSFERS, move |path| {
            let store = Arc::clone(&store);
            async move { store.publish_one(path).await }
        })
        .await?;
        Ok(())
    }

    /// Copies a file to the store, and looks that it is there. One that says it is there already is looked after only:
    /// somebody may have taken it out since.
    async fn publish_one(self: Arc<Self>, path: PathBuf) -> Result<()> {
        let key = self.key(&path)?;
        let meta = std::fs::metadata(&path).map_err(|error| Error::io(&path, error))?;
        let _turn = self.transfers.acquire().await.map_err(|_| Error::Closed)?;
        if cache::is_published(&meta)
            && self
                .head(&key)
                .await?
                .is_some_and(|there| there.size == meta.len())
        {
            return Ok(());
        }
        let begun = Instant::now();
        let mut last = Error::Closed;
        for _ in 0..BEGINNINGS {
            match self.upload(&key, &path, meta.len()).await {
                Ok(()) => {
                    metrics::histogram!("watchfire_store_seconds", "act" => "store")
                        .record(begun.elapsed().as_secs_f64());
                    metrics::counter!("watchfire_store_bytes_total", "act" => "store")
                        .increment(meta.len());
                    cache::mark(&path)?;
                    self.grow(meta.len());
                    return Ok(());
                }
                Err(error @ Error::Io { .. }) => return Err(error),
                // The requests were repeated; what is begun anew is what pieces and broken answers have lost.
                Err(error @ Error::Store { trouble, .. })
                    if !matches!(
                        trouble,
                        crate::error::Trouble::Failing | crate::error::Trouble::Other
                    ) =>
                {
                    last = error;
                    break;
                }
                Err(error) => last = error,
            }
        }
        metrics::counter!("watchfire_store_failures_total", "act" => "store").increment(1);
        Err(last)
    }

    async fn upload(&self, key: &Key, path: &Path, bytes: u64) -> Result<()> {
        let fail = |error: io::Error| Error::io(path, error);
        let mut file = File::open(path).map_err(fail)?;
        if bytes <= PIECE as u64 {
            let mut content = Vec::with_capacity(bytes as usize);
            file.read_to_end(&mut content).map_err(fail)?;
            let options = PutOptions {
                attributes: stated(blake3::hash(&content)),
                ..PutOptions::default()
            };
            let payload = PutPayload::from(content);
            let put = self.client.put_opts(key, payload, options).await;
            put.map_err(self.failed("store", key))?;
        } else {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(&mut file).map_err(fail)?;
            let options = PutMultipartOptions {
                attributes: stated(hasher.finalize()),
                ..PutMultipartOptions::default()
            };
            let upload = self.client.put_multipart_opts(key, options).await;
            let upload = upload.map_err(self.failed("store", key))?;
            let mut writer = WriteMultipart::new_with_chunk_size(upload, PIECE);
            let mut file = File::open(path).map_err(fail)?;
            if let Err(error) = self.pieces(key, path, &mut file, &mut writer).await {
                // What cannot be given up now is what the store's own rule for unfinished uploads is for.
                let _ = writer.abort().await;
                return Err(error);
            }
            writer.finish().await.map_err(self.failed("store", key))?;
        }
        match self.head(key).await? {
            Some(there) if there.size == bytes => Ok(()),
            there => Err(Error::Damaged {
                place: self.place.clone(),
                key: self.bare(key).to_owned(),
                detail: match there {
                    Some(there) => format!("{} bytes are stored of {bytes}", there.size),
                    None => "it was taken, and is not there".to_owned(),
                },
            }),
        }
    }

    async fn pieces(
        &self,
        key: &Key,
        path: &Path,
        file: &mut File,
        writer: &mut WriteMultipart,
    ) -> Result<()> {
        let mut block = vec![0; 1 << 20];
        loop {
            writer
                .wait_for_capacity(PIECES)
                .await
                .map_err(self.failed("store", key))?;
            let read = file.read(&mut block);
            match read.map_err(|error| Error::io(path, error))? {
                0 => return Ok(()),
                n => writer.write(&block[..n]),
            }
        }
    }

    async fn head(&self, key: &Key) -> Result<Option<ObjectMeta>> {
        match self.client.head(key).await {
            Ok(meta) => Ok(Some(meta)),
            Err(error) => match self.failed("look for", key)(error) {
                Error::Missing { .. } => Ok(None),
                error => Err(error),
            },
        }
    }

    pub(crate) async fn size(self: Arc<Self>, path: PathBuf) -> Result<Option<u64>> {
        let key = self.key(&path)?;
        Ok(self.head(&key).await?.map(|meta| meta.size))
    }

    pub(crate) async fn sizes(self: Arc<Self>, paths: Vec<PathBuf>) -> Result<Vec<Option<u64>>> {
        let store = Arc::clone(&self);
        each(paths, QUESTIONS, move |path| Arc::clone(&store).size(path)).await
    }

    pub(crate) async fn withdraw(self: Arc<Self>, paths: Vec<PathBuf>) -> Result<()> {
        let store = Arc::clone(&self);
        each(paths, TRANSFERS, move |path| {
            let store = Arc::clone(&store);
            async move {
                let key = store.key(&path)?;
                // A DELETE each: not every store knows how to delete many by one request.
                let gone = store.client.delete(&key).await;
                match gone.map_err(store.failed("delete", &key)) {
                    Err(Error::Missing { .. }) => Ok(()),
                    gone => gone,
                }
            }
        })
        .await?;
        Ok(())
    }

    pub(crate) async fn list(self: Arc<Self>, folder: PathBuf) -> Result<Vec<Listed>> {
        let key = self.key(&folder)?;
        let mut stream = self.client.list(Some(&key));
        let mut listed = Vec::new();
        while let Some(meta) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            let meta = meta.map_err(self.failed("list", &key))?;
            if let Some(path) = self.path(&meta.location) {
                listed.push(Listed {
                    path,
                    bytes: meta.size,
                    stored_at: meta.last_modified.timestamp_micros(),
                });
            }
        }
        listed.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(listed)
    }

    /// Counts what came; looks through the cache where it is much.
    fn grow(self: &Arc<Self>, bytes: u64) {
        let step = TRIM_STEP.min(self.bound / 16);
        let before = self.grown.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) < step {
            return;
        }
        self.grown.store(0, Ordering::Relaxed);
        let store = Arc::clone(self);
        if let Ok(runtime) = self.runtime() {
            runtime.spawn_blocking(move || store.trim());
        }
    }

    pub(crate) fn trim(&self) -> u64 {
        let _turn = self.trimming.lock().unwrap_or_else(PoisonError::into_inner);
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        let left = cache::trim(&self.root, self.bound);
        metrics::gauge!("watchfire_store_cache_bytes").set(left as f64);
        left
    }
}

/// The attributes of an object: what its bytes hash to.
fn stated(hash: blake3::Hash) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.insert(
        Attribute::Metadata(HASH.into()),
        hash.to_hex().to_string().into(),
    );
    attributes
}

/// Does something with each, some at a time, and gives the answers in order. The first error ends it; what is under
/// way then is dropped.
async fn each<T, A, F>(items: Vec<T>, at_a_time: usize, act: impl Fn(T) -> F) -> Result<Vec<A>>
where
    A: Send + 'static,
    F: Future<Output = Result<A>> + Send + 'static,
{
    let mut tasks: JoinSet<(usize, Result<A>)> = JoinSet::new();
    let mut answers: Vec<Option<A>> = items.iter().map(|_| None).collect();
    let take = |done: std::result::Result<(usize, Result<A>), tokio::task::JoinError>,
                answers: &mut Vec<Option<A>>| {
        let (at, answer) = done.map_err(|_| Error::Closed)?;
        answers[at] = Some(answer?);
        Ok::<(), Error>(())
    };
    for (at, item) in items.into_iter().enumerate() {
        if tasks.len() >= at_a_time
            && let Some(done) = tasks.join_next().await
        {
            take(done, &mut answers)?;
        }
        let task = act(item);
        tasks.spawn(async move { (at, task.await) });
    }
    while let Some(done) = tasks.join_next().await {
        take(done, &mut answers)?;
    }
    answers
        .into_iter()
        .collect::<Option<Vec<A>>>()
        .ok_or(Error::Closed)
}
