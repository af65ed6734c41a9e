//! What the instances of an image run instead of the built-in application: programs of yours.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::data_plane::Application;

/// Something that serves an image's instances and is not the built-in application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// Started once for each instance, and ended with it.
    Command(ProgramCommand),
    /// Runs already, and serves every instance of the image.
    Listening(SocketAddr),
}

/// A command that serves one instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramCommand {
    /// The program and its arguments. In each, `{port}`, `{instance}`, `{scale_set}`, `{number}`,
    /// `{address}` and `{image}` are filled in.
    pub arguments: Vec<String>,
    /// Added to our own environment, filled in likewise; `PORT` is always there.
    pub environment: BTreeMap<String, String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// It is ready when a GET of this path is answered 2xx or 3xx; without a path, when its port
    /// takes connections.
    pub ready: Option<String>,
    /// How long it may take to become ready, on the wall clock; then it is ended and started again.
    pub ready_within: Duration,
    /// Between SIGTERM and SIGKILL, on the wall clock.
    pub grace: Duration,
    /// What happens when it ends by itself.
    pub restart: Restart,
    /// A folder with one file per instance for what it prints; without one, that goes to our log.
    pub log: Option<PathBuf>,
    /// The most memory it may map, in MiB.
    pub memory_mib: Option<u64>,
    /// The most files it may have open.
    pub open_files: Option<u64>,
}

/// What happens when a program ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// It is started again, later each time.
    #[default]
    Always,
    /// The instance refuses connections from then on.
    Never,
}

/// The programs of a drive, by image.
#[derive(Clone, Debug, Default)]
pub(crate) struct Programs {
    by_image: Arc<BTreeMap<String, Program>>,
    /// Told when a program became ready or is not any more.
    pub(crate) changed: Arc<Notify>,
}

impl Programs {
    pub(crate) fn new(by_image: BTreeMap<String, Program>, changed: Arc<Notify>) -> Self {
        Self {
            by_image: Arc::new(by_image),
            changed,
        }
    }

    /// What an application of the core stands for, if it stands for a program.
    pub(crate) fn of(&self, application: &Application) -> Option<&Program> {
        self.by_image.get(&application.build)
    }
}

/// What the core knows of a program: it starts with its machine, and how long that takes is seen.
pub(crate) fn stand_in(image: &str) -> Application {
    Application {
        build: image.to_ascii_lowercase(),
        startup: Duration::ZERO,
        startup_spread: Duration::ZERO,
        ..Application::default()
    }
}

/// How long the most patient program may take to end.
pub(crate) fn longest_grace(programs: &BTreeMap<String, Program>) -> Duration {
    let graces = programs.values().map(|program| match program {
        Program::Command(command) => command.grace,
        Program::Listening(_) => Duration::ZERO,
    });
    graces.max().unwrap_or_default()
}
