//! Journal and lease in an object store, so that any machine of a team can go on.
//!
//! Each line of a journal is an object of its own that is created once and never written again:
//! creation is conditional, so two writers cannot interleave, and a container whose policy forbids
//! changes holds it too. The lease is one object that is only replaced under the etag that was read.
//! Requests are one object that is simply replaced. Read [`SharedStore`].

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload, UpdateVersion};

use super::{JournalStore, RunId, StoreError};
use crate::control::Request;
use crate::lease::{Lease, LeaseStore, Version};

/// So many lines are read at once.
const READS: usize = 16;

/// Journals, requests and one lease under one prefix.
#[derive(Clone, Debug)]
pub struct SharedStore {
    store: Arc<dyn ObjectStore>,
    folder: Path,
}

impl SharedStore {
    /// A store under `folder`, for one gateway pool.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, folder: Path) -> Self {
        Self { store, folder }
    }

    fn line_path(&self, run: &RunId, at: usize) -> Path {
        self.run_path(run).join(format!("{at:06}.json"))
    }

    fn run_path(&self, run: &RunId) -> Path {
        self.folder.clone().join("runs").join(run.as_str())
    }

    fn lease_path(&self) -> Path {
        self.folder.clone().join("lease.json")
    }

    fn request_path(&self) -> Path {
        self.folder.clone().join("request.json")
    }

    async fn read_text(&self, path: &Path) -> Result<Option<(Version, String)>, StoreError> {
        let found = match self.store.get(path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(trouble(path, &error)),
        };
        let version = Version::new(found.meta.e_tag.clone().unwrap_or_default());
        let bytes = found.bytes().await.map_err(|error| trouble(path, &error))?;
        Ok(Some((
            version,
            String::from_utf8_lossy(&bytes).into_owned(),
        )))
    }

    async fn put_text(
        &self,
        path: &Path,
        mode: PutMode,
        text: String,
    ) -> Result<Version, StoreError> {
        let put = self
            .store
            .put_opts(path, PutPayload::from(text), mode.into())
            .await;
        let put = put.map_err(|error| trouble(path, &error))?;
        Ok(Version::new(put.e_tag.unwrap_or_default()))
    }

    /// The numbers of lines that are there; a journal is whole up to its first gap.
    async fn lines(&self, run: &RunId) -> Result<Vec<Path>, StoreError> {
        let folder = self.run_path(run);
        let listed = self.store.list(Some(&folder)).try_collect::<Vec<_>>().await;
        let listed = listed.map_err(|error| trouble(&folder, &error))?;
        let mut paths: Vec<Path> = listed.into_iter().map(|object| object.location).collect();
        paths.sort_unstable();
        let whole = (0..).zip(&paths).take_while(|(at, path)| {
            let expected: usize = *at;
            path.filename() == Some(format!("{expected:06}.json").as_str())
        });
        let whole = whole.count();
        paths.truncate(whole);
        Ok(paths)
    }
}

/// Somebody else was first, or the store does not serve.
fn trouble(path: &Path, error: &object_store::Error) -> StoreError {
    let object = path.to_string();
    match error {
        object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. } => {
            StoreError::Conflict { object }
        }
        other => StoreError::Unavailable {
            object,
            reason: crate::error_text(other),
        },
    }
}

fn unreadable(path: &Path, error: &serde_json::Error) -> StoreError {
    StoreError::Unavailable {
        object: path.to_string(),
        reason: error.to_string(),
    }
}

fn text_of(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("leases and requests are strings and numbers")
}

impl JournalStore for SharedStore {
    fn read<'a>(&'a self, run: &'a RunId) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>> {
        async move {
            let paths = self.lines(run).await?;
            let texts = stream::iter(paths).map(|path| async move {
                let found = self.read_text(&path).await?;
                let gone = || StoreError::Unavailable {
                    object: path.to_string(),
                    reason: "it was listed and is not there".to_owned(),
                };
                found.map(|(_, text)| text).ok_or_else(gone)
            });
            texts.buffered(READS).try_collect().await
        }
        .boxed_local()
    }

    fn append<'a>(
        &'a self,
        run: &'a RunId,
        at: usize,
        line: &'a str,
    ) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        async move {
            // Without this a writer that skipped a line would leave a gap for ever.
            if at > 0 {
                let before = self.line_path(run, at - 1);
                let head = self.store.head(&before).await;
                head.map_err(|error| match error {
                    object_store::Error::NotFound { .. } => StoreError::Conflict {
                        object: before.to_string(),
                    },
                    other => trouble(&before, &other),
                })?;
            }
            let path = self.line_path(run, at);
            let put = self.put_text(&path, PutMode::Create, line.to_owned());
            put.await.map(drop)
        }
        .boxed_local()
    }

    fn runs(&self) -> LocalBoxFuture<'_, Result<Vec<RunId>, StoreError>> {
        async move {
            let folder = self.folder.clone().join("runs");
            let listed = self.store.list_with_delimiter(Some(&folder)).await;
            let listed = listed.map_err(|error| trouble(&folder, &error))?;
            let names = listed.common_prefixes.iter().filter_map(Path::filename);
            let mut runs: Vec<RunId> = names.filter_map(|name| RunId::parse(name).ok()).collect();
            runs.sort();
            Ok(runs)
        }
        .boxed_local()
    }
}

impl LeaseStore for SharedStore {
    fn read(&self) -> LocalBoxFuture<'_, Result<Option<(Version, Lease)>, StoreError>> {
        async move {
            let path = self.lease_path();
            let Some((version, text)) = self.read_text(&path).await? else {
                return Ok(None);
            };
            let lease = serde_json::from_str(&text).map_err(|error| unreadable(&path, &error))?;
            Ok(Some((version, lease)))
        }
        .boxed_local()
    }

    fn put<'a>(
        &'a self,
        expected: Option<&'a Version>,
        lease: &'a Lease,
    ) -> LocalBoxFuture<'a, Result<Version, StoreError>> {
        async move {
            let mode = match expected {
                None => PutMode::Create,
                Some(version) => PutMode::Update(UpdateVersion {
                    e_tag: Some(version.as_str().to_owned()),
                    version: None,
                }),
            };
            self.put_text(&self.lease_path(), mode, text_of(lease))
                .await
        }
        .boxed_local()
    }

    fn request(&self) -> LocalBoxFuture<'_, Result<Option<Request>, StoreError>> {
        async move {
            let path = self.request_path();
            let Some((_, text)) = self.read_text(&path).await? else {
                return Ok(None);
            };
            let request = serde_json::from_str(&text);
            request.map(Some).map_err(|error| unreadable(&path, &error))
        }
        .boxed_local()
    }

    fn ask<'a>(&'a self, request: &'a Request) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        async move {
            let path = self.request_path();
            let put = self.put_text(&path, PutMode::Overwrite, text_of(request));
            put.await.map(drop)
        }
        .boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use object_store::memory::InMemory;

    use super::*;
    use crate::control::Ask;

    fn store() -> SharedStore {
        SharedStore::new(Arc::new(InMemory::new()), Path::from("team/pool01"))
    }

    /// A store in memory answers at once.
    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().expect("nothing waits in memory")
    }

    fn run() -> RunId {
        RunId::parse("20260304-120000-7f3c").expect("the literal is a run id")
    }

    #[test]
    fn a_line_is_added_once_and_only_at_the_end() {
        let store = store();
        assert_eq!(now(store.append(&run(), 0, "a")), Ok(()));
        for at in [0, 2] {
            let refused = now(store.append(&run(), at, "b"));
            assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{at}");
        }
        assert_eq!(now(store.append(&run(), 1, "c")), Ok(()));
        let read = now(JournalStore::read(&store, &run()));
        assert_eq!(read, Ok(vec!["a".to_owned(), "c".to_owned()]));
        assert_eq!(now(store.runs()), Ok(vec![run()]));
    }

    #[test]
    fn only_one_of_two_contenders_gets_the_lease() {
        let store = store();
        assert_eq!(now(LeaseStore::read(&store)), Ok(None));
        let lease = |owner: &str| Lease {
            owner: owner.to_owned(),
            ..Lease::default()
        };
        let first = now(store.put(None, &lease("a"))).expect("nobody holds it");
        let late = now(store.put(None, &lease("b")));
        assert!(matches!(late, Err(StoreError::Conflict { .. })));
        let second = now(store.put(Some(&first), &lease("b"))).expect("nobody was faster");
        let stale = now(store.put(Some(&first), &lease("c")));
        assert!(matches!(stale, Err(StoreError::Conflict { .. })));
        assert_eq!(
            now(LeaseStore::read(&store)),
            Ok(Some((second, lease("b"))))
        );
    }

    #[test]
    fn the_last_request_is_the_one_that_is_heard() {
        let store = store();
        assert_eq!(now(store.request()), Ok(None));
        let request = |ask| Request {
            run: run(),
            ask,
            by: "ada".to_owned(),
            reason: String::new(),
            unix_ms: 1,
        };
        for ask in [Ask::Pause, Ask::GoOn] {
            assert_eq!(now(store.ask(&request(ask))), Ok(()));
            assert_eq!(now(store.request()), Ok(Some(request(ask))));
        }
    }
}
