//! `--film` and `--html`: a run as a recording for the portal, and as a page of its own.

use std::path::{Path, PathBuf};

use serde_json::Value;
use turquoise_emulator::portal::film_page;

use crate::exit::Exit;
use crate::failure::Failure;

/// Where recordings go.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Films {
    /// Write the run as a recording, which the portal's page of recordings replays.
    #[arg(long, value_name = "FILE")]
    film: Option<PathBuf>,
    /// Write the run as one HTML file to scrub through, which needs no server and no network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Films {
    /// Whether any is asked for.
    pub(crate) const fn is_asked(&self) -> bool {
        self.film.is_some() || self.html.is_some()
    }

    /// Writes what is asked for: the first film as a recording, all of them as a page.
    pub(crate) fn write(&self, films: &[Value]) -> Result<(), Failure> {
        let first = films.first().map(Value::to_string).unwrap_or_default();
        let title = films.iter().filter_map(|film| film["title"].as_str());
        let title = title.collect::<Vec<_>>().join(" and ");
        write(self.film.as_deref(), || first)?;
        write(self.html.as_deref(), || film_page(&title, films))
    }
}

fn write(path: Option<&Path>, text: impl FnOnce() -> String) -> Result<(), Failure> {
    let Some(path) = path else { return Ok(()) };
    std::fs::write(path, text()).map_err(|error| {
        Failure::new(Exit::Internal, format!("cannot write `{}`", path.display()))
            .because(&error)
            .next("name a file in a folder that exists")
    })
}
