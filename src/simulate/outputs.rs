//! What a campaign leaves beside its text: a JUnit file, a certificate, a kill table, a result in a
//! store.

use std::fs;
use std::path::{Path, PathBuf};

use turquoise_scenarios::campaign::CampaignReport;
use turquoise_scenarios::report::{certificate, junit, kills};

use super::results::Store;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::note;

/// Where results go.
#[derive(Debug, clap::Args)]
pub(super) struct Outputs {
    /// Write the outcome as JUnit XML.
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    junit: Option<PathBuf>,
    /// Write `certificate.json` and `certificate.html` into this folder: build, seeds, coverage,
    /// kills, bounds, and what is not covered.
    #[arg(long, value_name = "FOLDER", help_heading = "Results")]
    certificate: Option<PathBuf>,
    /// Write the table of wrong orchestrators, and who caught them, as Markdown.
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    kills: Option<PathBuf>,
    /// Put the result into a folder of an object store: `file:///…`; `az://`, `s3://`, `gs://` in
    /// builds with the feature `azure`, `aws`, `gcp`.
    #[arg(long, value_name = "URL", help_heading = "Results")]
    results: Option<String>,
}

impl Outputs {
    /// Finds out before a campaign, not after it, that its results have no place.
    pub(super) fn check(&self) -> Result<(), Failure> {
        for (file, option) in [(&self.junit, "--junit"), (&self.kills, "--kills")] {
            file.as_deref()
                .map_or(Ok(()), |file| check_file(file, option))?;
        }
        if let Some(folder) = &self.certificate {
            fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
        }
        self.results.as_deref().map(Store::open).transpose()?;
        Ok(())
    }

    /// Writes everything asked for.
    pub(super) fn write(&self, report: &CampaignReport) -> Result<(), Failure> {
        if let Some(file) = &self.junit {
            write(file, &junit::document(report))?;
        }
        if let Some(file) = &self.kills {
            write(file, &kills::markdown(report))?;
        }
        if let Some(folder) = &self.certificate {
            let data = format!("{:#}\n", certificate::document(report));
            write(&folder.join("certificate.json"), &data)?;
            write(&folder.join("certificate.html"), &certificate::page(report))?;
        }
        if let Some(url) = &self.results {
            let key = Store::open(url)?.put(report)?;
            note(&format!("result written to `{key}`"));
        }
        Ok(())
    }
}

fn check_file(file: &Path, option: &str) -> Result<(), Failure> {
    let folder = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    if file.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
        return Err(Failure::usage(format!("cannot write `{}`", file.display()))
            .next(format!("name a file in a folder that exists with {option}")));
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| unwritten(path, &error))
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Internal, format!("cannot write `{}`", path.display()))
        .because(error)
        .next("name a place that can be written")
}
