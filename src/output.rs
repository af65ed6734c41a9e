//! Where things go: results to stdout, everything said on the way to stderr.
//!
//! `text` is for people, `json` prints the result as one line at the end, `ndjson` prints every
//! event as a line as it happens. A closed stdout (`| head`) ends output, not the run.

use std::io::{IsTerminal, Write};
use std::path::Path;

use clap::ValueEnum;
use serde_json::Value;

use crate::failure::Failure;

/// The form of results on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON document per result, on one line; the result is the last line.
    Json,
    /// One JSON document per event, as it happens; the result is the last line.
    Ndjson,
    /// Markdown, for documents: `plan` and `report`.
    Markdown,
    /// Markdown as GitHub renders it, for a comment on a pull request.
    Github,
}

impl Format {
    /// Whether it is for people who read rendered text.
    pub(crate) const fn is_markdown(self) -> bool {
        matches!(self, Self::Markdown | Self::Github)
    }

    /// Whether programs read it.
    const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson)
    }
}

/// Writes results.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    /// An output of this form.
    pub(crate) const fn new(format: Format) -> Self {
        Self { format }
    }

    /// The form.
    pub(crate) const fn format(&self) -> Format {
        self.format
    }

    /// Whether people read the output.
    pub(crate) fn is_text(&self) -> bool {
        self.format == Format::Text
    }

    /// Whether live displays may redraw: stderr is a terminal and nobody reads lines.
    pub(crate) fn live_display(&self) -> bool {
        self.format == Format::Text && std::io::stderr().is_terminal()
    }

    /// Writes text for people; nothing under `json` and `ndjson`.
    pub(crate) fn text(&self, text: &str) {
        if self.format == Format::Text {
            write_line(std::io::stdout(), text);
        }
    }

    /// Writes Markdown where that was asked for; nothing otherwise.
    pub(crate) fn markdown(&self, text: &str) {
        if self.format.is_markdown() {
            write_line(std::io::stdout(), text.trim_end());
        }
    }

    /// Writes an event under `ndjson`; nothing otherwise.
    pub(crate) fn event(&self, document: &Value) {
        if self.format == Format::Ndjson {
            write_line(std::io::stdout(), &document.to_string());
        }
    }

    /// Writes a result document under `json` and `ndjson`; nothing otherwise.
    pub(crate) fn document(&self, document: &Value) {
        if self.format.is_json() {
            write_line(std::io::stdout(), &document.to_string());
        }
    }

    /// Writes an error: as a document where a program reads, and always for people.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.document(&failure.document());
        note(&format!("error: {failure}"));
    }
}

/// Says something on the way, on stderr.
pub(crate) fn note(text: &str) {
    write_line(std::io::stderr(), text);
}

/// Writes a file that was asked for, and says so; `shown` is what a failure calls it.
pub(crate) fn save(file: &Path, shown: &str, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|error| {
        Failure::usage(format!("cannot write {shown}"))
            .because(&error)
            .next("name a file in a folder that exists and can be written")
    })?;
    note(&format!("wrote {}", file.display()));
    Ok(())
}

/// A reader that has gone away is not our failure: what could not be written is dropped.
fn write_line(mut stream: impl Write, text: &str) {
    let _gone = writeln!(stream, "{text}").and_then(|()| stream.flush());
}

/// Paints text where a person looks at a terminal and has not asked for none (`NO_COLOR`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// For text on stdout.
    pub(crate) fn stdout() -> Self {
        Self {
            on: std::io::stdout().is_terminal() && colours_wanted(),
        }
    }

    /// Without colours.
    #[cfg(test)]
    pub(crate) const fn plain() -> Self {
        Self { on: false }
    }

    /// In bold.
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// As good news.
    pub(crate) fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// As bad news.
    pub(crate) fn bad(self, text: &str) -> String {
        self.wrap("31;1", text)
    }

    /// Held back.
    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.on {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// `NO_COLOR` set to anything but nothing means none (no-color.org); so does `TERM=dumb`.
fn colours_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
