//! `--state FILE`: what is stored outlives the process.
//!
//! The file is replaced as a whole: a crash leaves the one before or the one after, never a part.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use turquoise_emulator::drive::live::Live;

use crate::failure::Failure;
use crate::output::note;

/// The file, if one was named, and which revision of the cloud it holds.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: Option<PathBuf>,
    saved: Option<u64>,
}

impl StateFile {
    /// Brings back what the file holds; one that is not there yet is made with the first change.
    pub(crate) fn open(path: Option<&Path>, live: &Live) -> Result<Self, Failure> {
        let held = path.map(fs::read_to_string);
        match held {
            Some(Ok(text)) => live
                .restore(&text)
                .map_err(|error| unusable(path, &error))?,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unusable(path, &error));
            }
            _ => {}
        }
        Ok(Self {
            path: path.map(Path::to_owned),
            saved: Some(live.revision()),
        })
    }

    /// Writes the file where something has changed since the last time. An error is told once per
    /// change and does not end the cloud.
    pub(crate) fn save(&mut self, live: &Live) {
        let Some(path) = &self.path else { return };
        let revision = live.revision();
        if self.saved == Some(revision) {
            return;
        }
        self.saved = Some(revision);
        if let Err(error) = replace(path, &live.copy()) {
            note(&format!("cannot write `{}`: {error}", path.display()));
        }
    }
}

/// Only the owner may read a temporary file, and the one it becomes.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn unusable(path: Option<&Path>, error: &io::Error) -> Failure {
    let name = path.map_or_else(String::new, |path| path.display().to_string());
    Failure::usage(format!("cannot go on from `{name}`"))
        .because(error)
        .next("name another file after `--state`, or none to begin empty")
}
