//! `--images FILE`: what runs in the instances of which image.
//!
//! An image that the file does not name runs the built-in application, whose build is then named
//! after the image. Relative paths are the file's, not the caller's.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use turquoise_emulator::data_plane::{Application, DataPlaneConfig, ServiceTime};
use turquoise_emulator::drive::live::{Program, ProgramCommand, Restart};
use turquoise_emulator::faults::Sickness;
use turquoise_orchestrator::config::Span;

use crate::failure::Failure;

/// The images of a file.
#[derive(Debug, Default)]
pub(crate) struct Images {
    programs: BTreeMap<String, Program>,
    demos: BTreeMap<String, Application>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    images: BTreeMap<String, Image>,
}

/// One image: a command, something that listens already, or the built-in application.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Image {
    command: Option<Line>,
    url: Option<String>,
    demo: Option<Demo>,
    environment: BTreeMap<String, String>,
    folder: Option<PathBuf>,
    ready: Option<String>,
    ready_within: Option<Span>,
    grace: Option<Span>,
    restart: When,
    log: Option<PathBuf>,
    memory_mib: Option<u64>,
    open_files: Option<u64>,
}

/// A command line: for a shell, or its words.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a command line, or a list of its words")]
enum Line {
    Shell(String),
    Words(Vec<String>),
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum When {
    #[default]
    Always,
    Never,
}

/// The built-in application's parameters.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Demo {
    build: Option<String>,
    startup: Option<Span>,
    warm_up: Option<Span>,
    service: Option<Span>,
    workers: Option<u32>,
    queue: Option<u32>,
    health_path: Option<String>,
    port: Option<u16>,
    sickness: Option<Sickness>,
}

impl Images {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("cannot read `{}`", path.display()))
                .because(&error)
                .next("name a file that exists after `--images`")
        })?;
        let file: File = toml::from_str(&text).map_err(|error| wrong(path, &error.to_string()))?;
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let mut images = Self::default();
        for (name, image) in file.images {
            images
                .add(folder, &name, image)
                .map_err(|why| wrong(path, &format!("[images.\"{name}\"]: {why}")))?;
        }
        Ok(images)
    }

    /// Has the cloud run the built-in application as the file says.
    pub(crate) fn describe(&self, config: &mut DataPlaneConfig) {
        for (image, application) in &self.demos {
            config.insert(image, application.clone());
        }
    }

    /// The programs, by image.
    pub(crate) fn into_programs(self) -> BTreeMap<String, Program> {
        self.programs
    }

    fn add(&mut self, folder: &Path, name: &str, image: Image) -> Result<(), String> {
        if name.is_empty() || name.contains('/') {
            return Err("an image goes by its name, the last segment of its id".to_owned());
        }
        let only_command = image.settings_of_a_command();
        match (&image.command, &image.url, &image.demo) {
            (Some(_), None, None) => {
                let program = Program::Command(image.into_command(folder)?);
                self.programs.insert(name.to_owned(), program);
            }
            (None, Some(url), None) if only_command.is_empty() => {
                self.programs
                    .insert(name.to_owned(), Program::Listening(socket_of(url)?));
            }
            (None, None, Some(demo)) if only_command.is_empty() => {
                self.demos.insert(name.to_owned(), demo.application());
            }
            (None, _, _) if !only_command.is_empty() => {
                return Err(format!("`{only_command}` is for an image with a `command`"));
            }
            _ => return Err("say one of `command`, `url` and `demo`".to_owned()),
        }
        Ok(())
    }
}

impl Image {
    /// The first setting that only a command has a use for; empty when there is none.
    fn settings_of_a_command(&self) -> &'static str {
        let set = [
            ("environment", !self.environment.is_empty()),
            ("folder", self.folder.is_some()),
            ("ready", self.ready.is_some()),
            ("ready_within", self.ready_within.is_some()),
            ("grace", self.grace.is_some()),
            ("restart", matches!(self.restart, When::Never)),
            ("log", self.log.is_some()),
            ("memory_mib", self.memory_mib.is_some()),
            ("open_files", self.open_files.is_some()),
        ];
        set.iter()
            .find(|(_, set)| *set)
            .map_or("", |(name, _)| name)
    }

    fn into_command(self, folder: &Path) -> Result<ProgramCommand, String> {
        let arguments = match self.command {
            Some(Line::Words(words)) if words.iter().any(|word| !word.trim().is_empty()) => words,
            Some(Line::Shell(line)) if !line.trim().is_empty() => {
                vec!["sh".to_owned(), "-c".to_owned(), line]
            }
            _ => return Err("`command` is empty".to_owned()),
        };
        if let Some(path) = self.ready.iter().find(|path| !path.starts_with('/')) {
            return Err(format!(
                "`ready` is a path that begins with `/`, not `{path}`"
            ));
        }
        let own = folder.join(self.folder.unwrap_or_default());
        let folder_of_program = if own.as_os_str().is_empty() {
            PathBuf::from(".")
        } else {
            own
        };
        if !folder_of_program.is_dir() {
            return Err(format!("`{}` is no folder", folder_of_program.display()));
        }
        Ok(ProgramCommand {
            arguments,
            environment: self.environment,
            folder: folder_of_program,
            ready: self.ready,
            ready_within: span(self.ready_within, Duration::from_secs(60)),
            grace: span(self.grace, Duration::from_secs(10)),
            restart: match self.restart {
                When::Always => Restart::Always,
                When::Never => Restart::Never,
            },
            log: self.log.map(|log| folder.join(log)),
            memory_mib: self.memory_mib,
            open_files: self.open_files,
        })
    }
}

impl Demo {
    fn application(&self) -> Application {
        let usual = Application::default();
        let service = ServiceTime {
            mean: span(self.service, usual.service_time.mean),
            ..usual.service_time
        };
        Application {
            build: self.build.clone().unwrap_or_default(),
            startup: span(self.startup, usual.startup),
            warm_up: span(self.warm_up, usual.warm_up),
            service_time: service,
            workers: self.workers.unwrap_or(usual.workers),
            queue: self.queue.unwrap_or(usual.queue),
            health_path: self
                .health_path
                .clone()
                .unwrap_or_else(|| usual.health_path.clone()),
            port: self.port,
            sickness: self.sickness,
            ..usual
        }
    }
}

fn span(own: Option<Span>, usual: Duration) -> Duration {
    own.map_or(usual, |span| span.0)
}

/// The socket of `http://host:port`.
fn socket_of(url: &str) -> Result<SocketAddr, String> {
    let wanted = || format!("`{url}` is not `http://host:port`");
    let parsed = url::Url::parse(url).map_err(|_| wanted())?;
    let rest = parsed.path() == "/" && parsed.query().is_none();
    let host = parsed.host_str().ok_or_else(wanted)?;
    if parsed.scheme() != "http" || !rest {
        return Err(wanted());
    }
    let port = parsed.port_or_known_default().ok_or_else(wanted)?;
    let found = (host, port).to_socket_addrs();
    let found = found.map_err(|error| format!("`{host}` is not known here: {error}"))?;
    // The cloud's addresses are IPv4, and so are its loopback sockets.
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.into_iter().next().ok_or_else(wanted)
}

fn wrong(path: &Path, why: &str) -> Failure {
    let mut failure = Failure::usage(format!("`{}` does not describe images", path.display()));
    failure.why.push(why.trim_end().to_owned());
    failure.next("see `turquoise emulate --help` for an example")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Images, Failure> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("images.toml");
        fs::write(&path, text).expect("the folder is ours");
        Images::read(&path)
    }

    #[test]
    fn an_image_is_a_command_an_address_or_the_built_in_application() {
        let images = read(
            "[images.\"shop-v1\"]\ncommand = \"./shop --port {port}\"\nready = \"/up\"\n\
             [images.\"shop-v2\"]\nurl = \"http://127.0.0.1:3000\"\n\
             [images.\"shop-v3\"]\ndemo = { service = \"5ms\", sickness = \"slow\" }\n",
        )
        .expect("all three are right");
        assert_eq!(
            images.programs["shop-v2"],
            Program::Listening(SocketAddr::from(([127, 0, 0, 1], 3000)))
        );
        let Program::Command(shop) = &images.programs["shop-v1"] else {
            panic!("a command");
        };
        assert_eq!(shop.arguments, ["sh", "-c", "./shop --port {port}"]);
        assert_eq!(shop.ready.as_deref(), Some("/up"));
        let demo = &images.demos["shop-v3"];
        assert_eq!(demo.service_time.mean, Duration::from_millis(5));
        assert_eq!(demo.sickness, Some(Sickness::Slow));
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_its_image() {
        for (text, told) in [
            ("[images.a]\n", "say one of `command`, `url` and `demo`"),
            (
                "[images.a]\ncommand = \"x\"\nurl = \"http://h:1\"",
                "say one of",
            ),
            ("[images.a]\ncommand = \"\"", "`command` is empty"),
            ("[images.a]\ncommand = 5", "a command line, or a list"),
            (
                "[images.a]\nurl = \"https://127.0.0.1:1\"",
                "is not `http://host:port`",
            ),
            (
                "[images.a]\nurl = \"http://127.0.0.1:1\"\nlog = \"l\"",
                "`log` is for an image",
            ),
            (
                "[images.a]\ncommand = \"x\"\nready = \"up\"",
                "begins with `/`",
            ),
            (
                "[images.a]\ncommand = \"x\"\nfolder = \"no\"",
                "is no folder",
            ),
            (
                "[images.a]\ncommand = \"x\"\ngrace = \"soon\"",
                "`soon` is not a span of time",
            ),
            ("[images.a]\ncomand = \"x\"", "unknown field `comand`"),
            ("[images.\"a/b\"]\ncommand = \"x\"", "goes by its name"),
            ("[image.a]\ncommand = \"x\"", "unknown field `image`"),
        ] {
            let failure = read(text).expect_err(text);
            assert!(failure.why.concat().contains(told), "{text}: {failure}");
        }
    }
}
