//! Journal and lease as files in one folder, for one gateway pool.
//!
//! `{folder}/{run}.ndjson` per run and `{folder}/lease.json`. A lock on `{folder}/.lock` makes each
//! conditional write atomic between processes of one machine; a team on several machines needs an
//! object store. Calls block for as long as a local file system takes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::{JournalStore, RunId, StoreError};
use crate::control::Request;
use crate::lease::{Lease, LeaseStore, Version};

/// Journals and one lease as files.
#[derive(Clone, Debug)]
pub struct FileStore {
    folder: PathBuf,
}

impl FileStore {
    /// A store in `folder`, which is made when first written to.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn journal_path(&self, run: &RunId) -> PathBuf {
        self.folder.join(format!("{run}.ndjson"))
    }

    fn lease_path(&self) -> PathBuf {
        self.folder.join("lease.json")
    }

    /// Holds the folder's lock until the file is dropped.
    fn lock(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(".lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        file.lock()?;
        Ok(file)
    }

    fn append_now(&self, run: &RunId, at: usize, line: &str) -> Result<(), StoreError> {
        let path = self.journal_path(run);
        let unavailable = |error| unavailable(&path, &error);
        let _lock = self.lock().map_err(unavailable)?;
        let text = read_or_empty(&path).map_err(unavailable)?;
        let whole = whole_lines(&text);
        if whole.lines().count() != at {
            return Err(StoreError::Conflict {
                object: path.display().to_string(),
            });
        }
        append_after(&path, whole.len(), line).map_err(unavailable)
    }

    fn read_now(&self, run: &RunId) -> Result<Vec<String>, StoreError> {
        let path = self.journal_path(run);
        let text = read_or_empty(&path).map_err(|error| unavailable(&path, &error))?;
        Ok(whole_lines(&text).lines().map(str::to_owned).collect())
    }

    fn runs_now(&self) -> Result<Vec<RunId>, StoreError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unavailable(&self.folder, &error)),
        };
        let mut runs: Vec<RunId> = entries
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                RunId::parse(name.strip_suffix(".ndjson")?).ok()
            })
            .collect();
        runs.sort();
        Ok(runs)
    }

    fn lease_now(&self) -> Result<Option<(Version, Lease)>, StoreError> {
        let path = self.lease_path();
        let text = read_or_empty(&path).map_err(|error| unavailable(&path, &error))?;
        if text.is_empty() {
            return Ok(None);
        }
        let lease: Lease =
            serde_json::from_str(&text).map_err(|error| unavailable(&path, &error.into()))?;
        Ok(Some((Version::of(&lease), lease)))
    }

    fn request_path(&self) -> PathBuf {
        self.folder.join("request.json")
    }

    fn request_now(&self) -> Result<Option<Request>, StoreError> {
        let path = self.request_path();
        let text = read_or_empty(&path).map_err(|error| unavailable(&path, &error))?;
        if text.is_empty() {
            return Ok(None);
        }
        let request = serde_json::from_str(&text);
        request
            .map(Some)
            .map_err(|error| unavailable(&path, &error.into()))
    }

    fn ask_now(&self, request: &Request) -> Result<(), StoreError> {
        let path = self.request_path();
        let unavailable = |error| unavailable(&path, &error);
        let _lock = self.lock().map_err(unavailable)?;
        let text = serde_json::to_string(request).map_err(|error| unavailable(error.into()))?;
        replace(&path, &text).map_err(unavailable)
    }

    fn put_now(&self, expected: Option<&Version>, lease: &Lease) -> Result<Version, StoreError> {
        let path = self.lease_path();
        let unavailable = |error| unavailable(&path, &error);
        let _lock = self.lock().map_err(unavailable)?;
        let held = self.lease_now()?.map(|(version, _)| version);
        if held.as_ref() != expected {
            return Err(StoreError::Conflict {
                object: path.display().to_string(),
            });
        }
        let text = serde_json::to_string(lease).map_err(|error| unavailable(error.into()))?;
        replace(&path, &text).map_err(unavailable)?;
        Ok(Version::of(lease))
    }
}

fn unavailable(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Unavailable {
        object: path.display().to_string(),
        reason: error.to_string(),
    }
}

fn read_or_empty(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other,
    }
}

/// A crash can leave half a line at the end: it was never acknowledged, so it is not there.
fn whole_lines(text: &str) -> &str {
    text.rfind('\n').map_or("", |end| &text[..=end])
}

fn append_after(path: &Path, length: usize, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.set_len(length as u64)?;
    io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_data()
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let next = path.with_extension("next");
    let mut file = File::create(&next)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    fs::rename(next, path)
}

impl JournalStore for FileStore {
    fn read<'a>(&'a self, run: &'a RunId) -> LocalBoxFuture<'a, Result<Vec<String>, StoreError>> {
        async move { self.read_now(run) }.boxed_local()
    }

    fn append<'a>(
        &'a self,
        run: &'a RunId,
        at: usize,
        line: &'a str,
    ) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        async move { self.append_now(run, at, line) }.boxed_local()
    }

    fn runs(&self) -> LocalBoxFuture<'_, Result<Vec<RunId>, StoreError>> {
        async move { self.runs_now() }.boxed_local()
    }
}

impl LeaseStore for FileStore {
    fn read(&self) -> LocalBoxFuture<'_, Result<Option<(Version, Lease)>, StoreError>> {
        async move { self.lease_now() }.boxed_local()
    }

    fn put<'a>(
        &'a self,
        expected: Option<&'a Version>,
        lease: &'a Lease,
    ) -> LocalBoxFuture<'a, Result<Version, StoreError>> {
        async move { self.put_now(expected, lease) }.boxed_local()
    }

    fn request(&self) -> LocalBoxFuture<'_, Result<Option<Request>, StoreError>> {
        async move { self.request_now() }.boxed_local()
    }

    fn ask<'a>(&'a self, request: &'a Request) -> LocalBoxFuture<'a, Result<(), StoreError>> {
        async move { self.ask_now(request) }.boxed_local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        RunId::parse("20260304-120000-7f3c").expect("the literal is a run id")
    }

    #[test]
    fn a_line_is_added_only_where_the_writer_believes_the_end_to_be() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = FileStore::new(folder.path().join("new"));
        assert_eq!(store.append_now(&run(), 0, "a"), Ok(()));
        assert!(matches!(
            store.append_now(&run(), 0, "b"),
            Err(StoreError::Conflict { .. })
        ));
        assert_eq!(store.append_now(&run(), 1, "c"), Ok(()));
        assert_eq!(
            store.read_now(&run()),
            Ok(vec!["a".to_owned(), "c".to_owned()])
        );
        assert_eq!(store.runs_now(), Ok(vec![run()]));
    }

    #[test]
    fn half_a_line_left_by_a_crash_is_not_there() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = FileStore::new(folder.path());
        store
            .append_now(&run(), 0, "a")
            .expect("the folder can be written");
        fs::write(store.journal_path(&run()), "a\nhal").expect("the file can be written");
        assert_eq!(store.append_now(&run(), 1, "b"), Ok(()));
        assert_eq!(
            store.read_now(&run()),
            Ok(vec!["a".to_owned(), "b".to_owned()])
        );
    }

    #[test]
    fn only_one_of_two_contenders_gets_the_lease() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let store = FileStore::new(folder.path());
        let lease = |owner: &str| Lease {
            owner: owner.to_owned(),
            ..Lease::default()
        };
        let first = store.put_now(None, &lease("a")).expect("nobody holds it");
        assert!(matches!(
            store.put_now(None, &lease("b")),
            Err(StoreError::Conflict { .. })
        ));
        assert!(store.put_now(Some(&first), &lease("b")).is_ok());
        assert_eq!(
            store
                .lease_now()
                .map(|held| held.map(|(_, lease)| lease.owner)),
            Ok(Some("b".to_owned()))
        );
    }
}
