//! What a store can do: an object is written, read, written over, cut into, deleted, and looked for again.

use std::sync::Arc;

use object_store::path::Path as Key;
use object_store::{
    Attribute, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload,
    WriteMultipart,
};

use crate::error::{Error, Trouble};
use crate::remote::Store;

/// Microseconds that clocks may differ before it is told: a quarter of an hour is what Amazon's store refuses.
const SKEW: i64 = 60_000_000;
/// Bytes of a piece of an upload, the least that S3 takes.
const PIECE: usize = 5 << 20;

/// What was found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong, with the store's own words.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
    /// What kind of trouble it is.
    pub trouble: Trouble,
    /// Whether the lake cannot lie there as long as it is so.
    pub fatal: bool,
}

/// What a probe found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probed {
    /// Trouble; empty if all is well.
    pub findings: Vec<Finding>,
    /// Whether the store keeps metadata: then what is fetched is compared with its hash.
    pub metadata: bool,
    /// Whether it refuses to write over an object where that is asked for. Nothing relies on it.
    pub conditional: bool,
    /// Whether it lists an object at once. Nothing relies on it.
    pub lists: bool,
}

impl Probed {
    /// Whether the lake can lie there.
    pub fn usable(&self) -> bool {
        self.findings.iter().all(|finding| !finding.fatal)
    }

    fn fatal(&mut self, what: impl Into<String>, trouble: Trouble) {
        self.findings.push(Finding {
            what: what.into(),
            remedy: trouble.remedy().to_owned(),
            trouble,
            fatal: true,
        });
    }
}

pub(crate) fn run(store: &Arc<Store>, now: i64) -> Probed {
    let mut probed = Probed::default();
    let at_work = Arc::clone(store);
    let done = store.wait(async move {
        let mut probed = Probed::default();
        let outcome = steps(&at_work, now, &mut probed).await;
        (probed, outcome)
    });
    match done {
        Ok((found, Ok(()))) => probed = found,
        Ok((found, Err(error))) => {
            probed = found;
            let (what, trouble) = match &error {
                Error::Store {
                    act,
                    place,
                    key,
                    why,
                    trouble,
                    ..
                } => (format!("cannot {act} {place}/{key}: {why}"), *trouble),
                other => (other.to_string(), Trouble::Other),
            };
            probed.fatal(what, trouble);
        }
        Err(error) => probed.fatal(error.to_string(), Trouble::Other),
    }
    probed
}

async fn steps(store: &Arc<Store>, now: i64, probed: &mut Probed) -> crate::Result<()> {
    let key = store.key(&store.root().join(format!("probe/{}", store.stamp())))?;
    let client = store.client();
    let fail = |act: &'static str| {
        let key = key.clone();
        let store = Arc::clone(store);
        move |error: object_store::Error| Error::store(act, store.place(), key.as_ref(), &error)
    };
    let mut options = PutOptions::default();
    options
        .attributes
        .insert(Attribute::Metadata("blake3".into()), "probe".into());
    let first: &[u8] = b"first";
    client
        .put_opts(&key, PutPayload::from_static(first), options)
        .await
        .map_err(fail("store"))?;
    let got = client.get(&key).await.map_err(fail("fetch"))?;
    let kept = got.attributes.get(&Attribute::Metadata("blake3".into()));
    probed.metadata = kept.is_some_and(|value| value.as_ref() == "probe");
    let skew = got.meta.last_modified.timestamp_micros() - now;
    if skew.abs() > SKEW {
        probed.findings.push(Finding {
            what: format!("its clock differs from ours by {} s", skew / 1_000_000),
            remedy: Trouble::Clock.remedy().to_owned(),
            trouble: Trouble::Clock,
            fatal: false,
        });
    }
    if got.bytes().await.map_err(fail("fetch"))?.as_ref() != first {
        probed.fatal("gives back other bytes than were stored", Trouble::Other);
    }
    let second: &[u8] = b"second, which is longer";
    client
        .put(&key, PutPayload::from_static(second))
        .await
        .map_err(fail("store"))?;
    let got = client.get(&key).await.map_err(fail("fetch"))?;
    if got.bytes().await.map_err(fail("fetch"))?.as_ref() != second {
        probed.fatal(
            "gives back an object as it was before it was written over",
            Trouble::Other,
        );
    }
    let range = GetOptions::new().with_range(Some(GetRange::Bounded(1..4)));
    let got = client.get_opts(&key, range).await.map_err(fail("fetch"))?;
    if got.bytes().await.map_err(fail("fetch"))?.as_ref() != &second[1..4] {
        probed.fatal("does not give a part of an object", Trouble::Other);
    }
    let create = PutOptions::from(PutMode::Create);
    let put = client.put_opts(&key, PutPayload::from_static(first), create);
    probed.conditional = put.await.is_err();
    probed.lists = listed(store, &key).await;
    pieces(store, &key, probed).await?;
    client.delete(&key).await.map_err(fail("delete"))?;
    match client.head(&key).await {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        Ok(_) => {
            probed.fatal("still has an object that was deleted", Trouble::Other);
            Ok(())
        }
        Err(error) => Err(fail("look for")(error)),
    }
}

/// Whether the store lists the object.
async fn listed(store: &Arc<Store>, key: &Key) -> bool {
    let mut stream = store.client().list(Some(key));
    let next =
        std::future::poll_fn(|context| futures_core::Stream::poll_next(stream.as_mut(), context));
    // Listing by a prefix that is a whole key lists nothing in most stores: ask for its folder.
    if next.await.is_some() {
        return true;
    }
    let folder: Vec<_> = key.parts().collect();
    let folder: Key = folder[..folder.len() - 1].iter().cloned().collect();
    let list = store.client().list_with_delimiter(Some(&folder)).await;
    list.is_ok_and(|list| list.objects.iter().any(|object| object.location == *key))
}

/// An upload in pieces.
async fn pieces(store: &Arc<Store>, key: &Key, probed: &mut Probed) -> crate::Result<()> {
    let fail = |error: object_store::Error| {
        Error::store("store in pieces", store.place(), key.as_ref(), &error)
    };
    let upload = store.client().put_multipart(key).await.map_err(fail)?;
    let mut writer = WriteMultipart::new_with_chunk_size(upload, PIECE);
    writer.write(&vec![7; PIECE]);
    writer.write(b"end");
    writer.finish().await.map_err(fail)?;
    let there = store.client().head(key).await.map_err(fail)?;
    if there.size != PIECE as u64 + 3 {
        probed.fatal("does not put pieces of an upload together", Trouble::Other);
    }
    Ok(())
}
