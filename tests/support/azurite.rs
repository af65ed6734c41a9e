//! A real blob server, Azurite, for as long as a test runs.
//!
//! `./check tools` installs it under `target/tools`. Where it is missing the test says that it was
//! skipped, so that nobody takes silence for a proof.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// Azurite's well-known account; its key is public (Azurite's documentation).
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const VERSION: &str = "2021-12-02";

/// A running server with one container, `turquoise`.
#[derive(Debug)]
pub(crate) struct Azurite {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Azurite {
    /// Starts it; `None` where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let program = program()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let mut child = Command::new("node")
            .arg(program)
            .args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()])
            .args(["--skipApiVersionCheck", "--disableTelemetry", "--location"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("`node` started npm, so it is here");
        await_service(child.stdout.take().expect("stdout is a pipe"));
        let azurite = Self {
            child,
            port,
            _folder: folder,
        };
        azurite.create_container();
        Some(azurite)
    }

    /// What tells the command to use it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 2] {
        [
            ("AZURE_STORAGE_USE_EMULATOR", "true".to_owned()),
            (
                "AZURITE_BLOB_STORAGE_URL",
                format!("http://127.0.0.1:{}", self.port),
            ),
        ]
    }

    /// Ends it while somebody uses it.
    pub(crate) fn stop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }

    /// `PUT /{account}/{container}?restype=container`, signed with the shared key.
    fn create_container(&self) {
        let date = httpdate();
        let resource = format!("/{ACCOUNT}/{ACCOUNT}/turquoise\nrestype:container");
        let signed = format!(
            "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{VERSION}\n{resource}"
        );
        let key = STANDARD.decode(KEY).expect("the key is public and whole");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
        let request = format!(
            "PUT /{ACCOUNT}/turquoise?restype=container HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\
             x-ms-date: {date}\r\nx-ms-version: {VERSION}\r\ncontent-length: 0\r\n\
             authorization: SharedKey {ACCOUNT}:{signature}\r\nconnection: close\r\n\r\n",
            self.port
        );
        let answer = super::exchange(self.port, &request);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reads until the service says that it listens; a server that ends says nothing more.
fn await_service(stdout: ChildStdout) {
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let said = lines.find(|line| line.contains("successfully listens on"));
    assert!(said.is_some(), "azurite ended before it listened");
    // Whoever prints into a closed pipe ends; so it is read as long as the server runs.
    std::thread::spawn(move || lines.for_each(drop));
}

fn program() -> Option<PathBuf> {
    let target = PathBuf::from(env!("CARGO_BIN_EXE_turquoise"));
    let target = target.ancestors().find(|path| path.ends_with("target"))?;
    let found = target.join("tools/node_modules/azurite/dist/src/blob/main.js");
    found.exists().then_some(found)
}

/// A port that was free a moment ago: Azurite cannot tell which one it took.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

fn httpdate() -> String {
    let now = jiff::Timestamp::now();
    now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
