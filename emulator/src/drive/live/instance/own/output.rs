//! What a program prints: into its instance's file, or into our log.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::super::super::process_group::ProcessGroup;

/// Where both of a program's streams go.
#[derive(Debug)]
pub(super) enum Output {
    File(File),
    Log,
}

impl Output {
    /// The file of `instance` in `folder`, written on at its end; our log without a folder.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(super) fn open(folder: Option<&Path>, instance: &str) -> io::Result<Self> {
        let Some(folder) = folder else {
            return Ok(Self::Log);
        };
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{instance}.log"));
        let file = File::options().create(true).append(true).open(path)?;
        Ok(Self::File(file))
    }

    /// One end of it, for a program to write to.
    ///
    /// # Errors
    /// When the file cannot be shared.
    pub(super) fn stdio(&self) -> io::Result<Stdio> {
        match self {
            Self::File(file) => file.try_clone().map(Stdio::from),
            Self::Log => Ok(Stdio::piped()),
        }
    }
}

/// Passes what is piped on to our log, until the program closes it.
pub(super) fn log(process: &mut ProcessGroup, instance: &str) {
    let (out, err) = process.take_output();
    if let Some(out) = out {
        tokio::spawn(lines(out, instance.to_owned()));
    }
    if let Some(err) = err {
        tokio::spawn(lines(err, instance.to_owned()));
    }
}

async fn lines(stream: impl AsyncRead + Unpin, instance: String) {
    let mut lines = BufReader::new(stream).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        tracing::info!(target: "turquoise_emulator::application", "{instance}: {line}");
    }
}
