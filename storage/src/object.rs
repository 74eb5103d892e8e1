//! The cache as DataFusion sees it: a store of files that are fetched when they are opened.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::remote::Store;
use crate::{TRIES, Wanted};

/// Reads only.
#[derive(Debug)]
pub(crate) struct Reader {
    store: Arc<Store>,
    folder: PathBuf,
    local: LocalFileSystem,
}

impl Reader {
    pub(crate) fn new(store: Arc<Store>, folder: &Path) -> crate::Result<Self> {
        let local = LocalFileSystem::new_with_prefix(folder)
            .map_err(|error| crate::Error::io(folder, std::io::Error::other(error)))?;
        Ok(Reader {
            store,
            folder: folder.to_owned(),
            local,
        })
    }

    async fn fetch(&self, location: &Key) -> Result<()> {
        let wanted = Wanted {
            path: self.folder.join(location.as_ref()),
            ..Wanted::default()
        };
        let fetched = Arc::clone(&self.store).fetch_one(wanted);
        let fetched = self.store.joined(fetched).await;
        fetched.and_then(|done| done).map_err(|error| {
            let missing = matches!(error, crate::Error::Missing { .. });
            let source = Box::new(error);
            match missing {
                true => Error::NotFound {
                    path: location.to_string(),
                    source,
                },
                false => Error::Generic {
                    store: "lake",
                    source,
                },
            }
        })
    }
}

impl fmt::Display for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} by way of {}",
            self.store.place(),
            self.folder.display()
        )
    }
}

fn read_only<T>() -> Result<T> {
    Err(Error::NotSupported {
        source: "the lake is written by its commit protocol only".into(),
    })
}

#[async_trait]
impl ObjectStore for Reader {
    async fn put_opts(&self, _: &Key, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        read_only()
    }

    async fn put_multipart_opts(
        &self,
        _: &Key,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        read_only()
    }

    async fn get_opts(&self, location: &Key, options: GetOptions) -> Result<GetResult> {
        // Between the fetch and the opening it may be thrown out of the cache.
        for _ in 1..TRIES {
            self.fetch(location).await?;
            match self.local.get_opts(location, options.clone()).await {
                Err(Error::NotFound { .. }) => {}
                got => return got,
            }
        }
        self.fetch(location).await?;
        self.local.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Key, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        for _ in 1..TRIES {
            self.fetch(location).await?;
            match self.local.get_ranges(location, ranges).await {
                Err(Error::NotFound { .. }) => {}
                got => return got,
            }
        }
        self.fetch(location).await?;
        self.local.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Key>>,
    ) -> BoxStream<'static, Result<Key>> {
        // Nothing asks for it; the locations come back as what could not be deleted.
        Box::pin(Refused(locations))
    }

    /// What lies here; nothing relies on it.
    fn list(&self, prefix: Option<&Key>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.local.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Key>) -> Result<ListResult> {
        self.local.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Key, _: &Key, _: CopyOptions) -> Result<()> {
        read_only()
    }
}

/// Refuses each deletion that is asked for.
struct Refused(BoxStream<'static, Result<Key>>);

impl futures_core::Stream for Refused {
    type Item = Result<Key>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Key>>> {
        let next = self.0.as_mut().poll_next(context);
        next.map(|next| next.map(|_| read_only()))
    }
}
