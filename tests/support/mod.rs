//! Starts the real command, reads its lines, waits for conditions.

#![expect(dead_code, reason = "each test file uses its part")]

pub(crate) mod asked;
pub(crate) mod azurite;
pub(crate) mod system;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// No test waits longer for one line or one exit.
pub(crate) const PATIENCE: Duration = Duration::from_secs(150);

/// The command, in a folder of its own and without the caller's settings.
pub(crate) fn turquoise(folder: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turquoise"));
    command
        .current_dir(folder.path())
        .env_remove("TURQUOISE_LOG")
        .env_remove("NO_COLOR")
        .env_remove("TURQUOISE_TOKEN")
        .env_remove("TURQUOISE_CONFIG")
        .env_remove("TURQUOISE_ENDPOINT")
        .env_remove("TURQUOISE_STATE")
        .env_remove("TURQUOISE_CA_FILE")
        // The user's own keys stay out of it.
        .env("TURQUOISE_KEYS", folder.path().join("keys"))
        .stdin(Stdio::null());
    command
}

/// A folder that vanishes with the test.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The last line of stdout as JSON.
    #[track_caller]
    pub(crate) fn result(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line)
            .unwrap_or_else(|error| panic!("{error}: `{line}`\n{}", self.stderr))
    }
}

/// Runs the command to its end.
#[track_caller]
pub(crate) fn run(arguments: &[&str]) -> Ended {
    run_in(&folder(), arguments)
}

/// Runs the command to its end in a folder.
#[track_caller]
pub(crate) fn run_in(folder: &tempfile::TempDir, arguments: &[&str]) -> Ended {
    let output = turquoise(folder)
        .args(arguments)
        .output()
        .expect("the command starts");
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A running command whose lines are read as they come.
#[derive(Debug)]
pub(crate) struct Started {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
    seen: Vec<String>,
}

impl Started {
    /// Starts the command in a folder.
    pub(crate) fn new(folder: &tempfile::TempDir, arguments: &[&str]) -> Self {
        let mut child = turquoise(folder)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let lines = reader(child.stdout.take().expect("stdout is a pipe"));
        let errors = reader(child.stderr.take().expect("stderr is a pipe"));
        Self {
            child,
            lines,
            errors,
            seen: Vec::new(),
        }
    }

    /// The next line of stdout.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(error) => panic!("no line on stdout: {error}\n{}", self.errors_so_far()),
        }
    }

    /// The first line of stdout, from here on, that is JSON and fits.
    #[track_caller]
    pub(crate) fn event(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.line();
            let value: Value = serde_json::from_str(&line).unwrap_or_default();
            self.seen.push(line);
            if fits(&value) {
                return value;
            }
        }
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.signal("-INT");
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .expect("`kill` is on every Unix");
        assert!(sent.success(), "the process had ended before {signal}");
    }

    /// Waits for the end; stdout is what came since the last line read.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        let mut stdout = String::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => stdout = stdout + &line + "\n",
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let errors = self.errors_so_far();
                    panic!("it did not end\n{errors}");
                }
            }
        }
        let status = self.child.wait().expect("it was started by us");
        Ended {
            code: status.code().unwrap_or(-1),
            stdout,
            stderr: self.errors_so_far(),
        }
    }

    fn errors_so_far(&self) -> String {
        self.errors.try_iter().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Started {
    /// No test leaves a process behind, also when it fails.
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}

fn reader(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Writes the example configuration, with phases of seconds, into a folder.
#[track_caller]
pub(crate) fn write_short_configuration(folder: &tempfile::TempDir) {
    assert_eq!(run_in(folder, &["init"]).code, 0);
    let file = folder.path().join("turquoise.toml");
    let mut text = std::fs::read_to_string(&file).expect("just written");
    for (long, short) in [
        ("bake = \"5m\"", "bake = \"20s\""),
        ("final_bake = \"15m\"", "final_bake = \"20s\""),
        ("retain = \"24h\"", "retain = \"20s\""),
        ("quiet = \"30s\"", "quiet = \"10s\""),
        // A second of the wall clock, whatever the speed.
        ("timeout = \"5s\"", "timeout = \"60s\""),
        ("request_timeout = \"10s\"", "request_timeout = \"60s\""),
    ] {
        assert!(text.contains(long), "the example has no `{long}` any more");
        text = text.replacen(long, short, 1);
    }
    std::fs::write(file, text).expect("the folder is ours");
}

/// What `look` finds, once it finds something.
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "another process says nothing when it is ready: it is asked until it answers"
)]
pub(crate) fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether something listens at a URL's host and port.
pub(crate) fn listens(url: &str) -> bool {
    let address = url.split("://").nth(1).unwrap_or(url);
    let address = address.split('/').next().unwrap_or(address);
    TcpStream::connect(address).is_ok()
}

/// Sends literal bytes to a port of this machine and reads until it closes.
pub(crate) fn exchange(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers text");
    answer
}
