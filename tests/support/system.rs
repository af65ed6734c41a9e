//! The production tool beside a local Azure in another process.

use serde_json::Value;

use super::{Ended, Started, folder, run_in, write_short_configuration};

/// Azure's minutes in seconds.
pub(crate) const SPEED: &str = "--speed=60";

/// A local Azure, a configuration with short phases, and the command beside them.
pub(crate) struct System {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) endpoint: String,
    _azure: Started,
}

impl System {
    pub(crate) fn start() -> Self {
        let folder = folder();
        let mut azure = Started::new(&folder, &["emulate", "--output", "json", SPEED]);
        let ready = azure.event(|event| event["event"] == "ready");
        let endpoint = ready["arm"].as_str().expect("it names its endpoint");
        let system = Self {
            endpoint: endpoint.to_owned(),
            folder,
            _azure: azure,
        };
        write_short_configuration(&system.folder);
        system
    }

    /// Deploys every part; green serves then.
    #[track_caller]
    pub(crate) fn deployed(&self) {
        for part in ["frontend", "green", "blue"] {
            self.completes(&["deploy", part]);
        }
    }

    pub(crate) fn run(&self, verb: &[&str]) -> Ended {
        self.run_as("json", verb)
    }

    /// Runs a verb with another form of output.
    pub(crate) fn run_as(&self, output: &str, verb: &[&str]) -> Ended {
        let mut arguments = verb.to_vec();
        arguments.extend(["--endpoint", &self.endpoint, "--output", output, SPEED]);
        run_in(&self.folder, &arguments)
    }

    #[track_caller]
    pub(crate) fn completes(&self, verb: &[&str]) -> Value {
        let ended = self.run(verb);
        let result = ended.result();
        assert_eq!(ended.code, 0, "{verb:?}: {result:#}\n{}", ended.stderr);
        result
    }

    #[track_caller]
    pub(crate) fn live(&self) -> Value {
        self.completes(&["status"])["live"].clone()
    }
}
