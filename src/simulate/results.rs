//! Where campaign results go, and where they are read from: files, and object stores by URL.
//!
//! `file://` always works; `az://`, `s3://` and `gs://` do where the command was built with the
//! feature of that name. Credentials come from the environment, under the names that each cloud's
//! own tools use; no URL holds a secret.

use std::fs;
use std::path::{Path, PathBuf};

use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use turquoise_scenarios::campaign::CampaignReport;
use url::Url;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::runtime;

/// Whether a text names an object store rather than a file.
pub(super) fn is_url(text: &str) -> bool {
    text.contains("://")
}

/// A folder in an object store.
#[derive(Debug)]
pub(super) struct Store {
    store: Box<dyn ObjectStore>,
    folder: Key,
    url: Url,
}

impl Store {
    /// The folder that a URL names; nothing is asked of the store yet.
    pub(super) fn open(text: &str) -> Result<Self, Failure> {
        let refused = |error: &dyn std::error::Error| {
            Failure::usage(format!("`{text}` names no place for results"))
                .because(error)
                .next("write file:///folder, or az://, s3:// or gs:// in a build with that cloud's feature")
        };
        let url = Url::parse(text).map_err(|error| refused(&error))?;
        #[cfg(feature = "cloud")]
        // A second installation is refused, and then the first one serves.
        let _installed = rustls::crypto::ring::default_provider().install_default();
        // Only the clouds' own names: a store refuses none, but reads whatever it knows.
        let opened = object_store::parse_url_opts(&url, std::env::vars().map(lower));
        let (store, folder) = opened.map_err(|error| refused(&error))?;
        Ok(Self { store, folder, url })
    }

    /// Writes one shard's result; a second write of the same shard replaces the first.
    pub(super) fn put(&self, report: &CampaignReport) -> Result<String, Failure> {
        let shard = report.plan.shard;
        let name = format!("shard-{:05}-of-{:05}.json", shard.index(), shard.count());
        let key = self.folder.clone().join(name.as_str());
        let payload = PutPayload::from(document(report));
        runtime()?
            .block_on(self.store.put(&key, payload))
            .map_err(|error| self.failed("cannot write results to", &error))?;
        Ok(key.to_string())
    }

    /// Reads every result in the folder.
    pub(super) fn read(&self) -> Result<Vec<CampaignReport>, Failure> {
        let all = runtime()?.block_on(self.read_all());
        let all = all.map_err(|error| self.failed("cannot read results from", &error))?;
        all.iter().map(|(name, bytes)| parse(name, bytes)).collect()
    }

    async fn read_all(&self) -> object_store::Result<Vec<(String, Vec<u8>)>> {
        let listed = self.store.list_with_delimiter(Some(&self.folder)).await?;
        let mut all = Vec::new();
        for object in listed.objects {
            let name = object.location.to_string();
            if name.ends_with(".json") {
                let bytes = self.store.get(&object.location).await?.bytes().await?;
                all.push((name, bytes.to_vec()));
            }
        }
        Ok(all)
    }

    fn failed(&self, what: &str, error: &object_store::Error) -> Failure {
        Failure::new(Exit::Unavailable, format!("{what} `{}`", self.url))
            .because(error)
            .next("check the URL, the network and the credentials in the environment")
    }
}

/// The options' names are the variables' in lower case.
fn lower((name, value): (String, String)) -> (String, String) {
    (name.to_lowercase(), value)
}

/// Reads results from files, from every `*.json` in folders, and from object stores.
pub(super) fn read(places: &[String]) -> Result<Vec<CampaignReport>, Failure> {
    let mut all = Vec::new();
    for place in places {
        if is_url(place) {
            all.extend(Store::open(place)?.read()?);
        } else {
            for file in files(Path::new(place))? {
                let bytes = fs::read(&file).map_err(|error| unreadable(&file, &error))?;
                all.push(parse(&file.display().to_string(), &bytes)?);
            }
        }
    }
    Ok(all)
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("`{}` cannot be read", path.display()))
        .because(error)
        .next("name the files, folders or URLs that hold the results of the shards")
}

/// A result is the last line of `simulate --output json`, or a file that holds nothing else.
fn parse(name: &str, bytes: &[u8]) -> Result<CampaignReport, Failure> {
    let text = String::from_utf8_lossy(bytes);
    let whole = serde_json::from_str(&text);
    let last = || serde_json::from_str(text.lines().last().unwrap_or_default());
    whole.or_else(|_| last()).map_err(|error: serde_json::Error| {
        Failure::usage(format!("`{name}` is no result of a campaign"))
            .because(&error)
            .next("write results with `turquoise simulate --shard i/n --results URL`, or keep the last line of `--output json`")
    })
}

fn document(report: &CampaignReport) -> String {
    let text = serde_json::to_string_pretty(report)
        .expect("because a report holds only numbers, texts and lists");
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_told_from_a_file() {
        assert!(is_url("file:///tmp/x") && is_url("az://container/run"));
        assert!(!is_url("results/shard-1.json") && !is_url("C:\\results"));
    }

    #[test]
    fn what_is_no_result_is_refused_by_its_name() {
        let failure = parse("x.json", b"{}").expect_err("it has no members");
        assert!(
            failure.to_string().contains("`x.json` is no result"),
            "{failure}"
        );
        assert!(Store::open("nowhere://x").is_err());
    }
}
