//! Who starts a program, watches it, starts it again, and ends it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::super::super::clock::pass;
use super::super::super::process_group::ProcessGroup;
use super::super::super::program::{ProgramCommand, Restart};
use super::names::Names;
use super::output::{self, Output};
use super::{Reached, limits, readiness};

/// The pause before the first restart; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Runs one instance's program until it is told to end.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub(super) command: ProgramCommand,
    pub(super) names: Names,
    pub(super) reached: Reached,
    pub(super) changed: Arc<Notify>,
    /// Whether the program is to be frozen; closed when it is to end.
    pub(super) orders: watch::Receiver<bool>,
}

/// Why a program does not run any more.
enum Over {
    /// It was told to end, and did.
    Told,
    /// It ended by itself, or never became ready, or could not be started.
    ByItself { why: String, was_ready: bool },
}

impl Supervisor {
    /// Returns once the program was told to end and nobody of it is left.
    pub(super) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let (why, was_ready) = match self.live().await {
                Over::Told => return,
                Over::ByItself { why, was_ready } => (why, was_ready),
            };
            let instance = &self.names.instance;
            if self.command.restart == Restart::Never {
                tracing::warn!("the program of `{instance}` {why}; it is not started again");
                return self.told().await;
            }
            if was_ready {
                pause = FIRST_PAUSE;
            }
            tracing::warn!("the program of `{instance}` {why}; it is started again");
            tokio::select! {
                () = self.told() => return,
                () = pass(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One life of the program.
    async fn live(&mut self) -> Over {
        let (mut process, socket) = match self.start().await {
            Ok(started) => started,
            Err(error) => return never(format!("cannot be started: {error}")),
        };
        let ready = readiness::until_ready(socket, self.command.ready.as_deref());
        let ready = timeout(self.command.ready_within, ready);
        let over = tokio::select! {
            () = told(&mut self.orders) => Some(Over::Told),
            status = process.wait() => Some(never(ended(status))),
            ready = ready => ready.is_err().then(|| {
                never(format!("was not ready within {:?}", self.command.ready_within))
            }),
        };
        let over = match over {
            Some(over) => over,
            None => self.serve(&mut process, socket).await,
        };
        process.end(self.command.grace).await;
        over
    }

    /// From ready to its end.
    async fn serve(&mut self, process: &mut ProcessGroup, socket: SocketAddr) -> Over {
        self.reach(Some(socket));
        let over = loop {
            let frozen = *self.orders.borrow_and_update();
            process.freeze(frozen);
            tokio::select! {
                changed = self.orders.changed() => if changed.is_err() {
                    break Over::Told;
                },
                status = process.wait() => {
                    break Over::ByItself { why: ended(status), was_ready: true };
                }
            }
        };
        self.reach(None);
        over
    }

    async fn start(&self) -> io::Result<(ProcessGroup, SocketAddr)> {
        let port = readiness::free_port().await?;
        let output = Output::open(self.command.log.as_deref(), &self.names.instance)?;
        let mut process = ProcessGroup::start(&mut self.command_line(port, &output)?)?;
        if let Some(id) = process.id()
            && let Err(error) = limits::limit(id, &self.command)
        {
            process.end(Duration::ZERO).await;
            return Err(error);
        }
        output::log(&mut process, &self.names.instance);
        Ok((process, SocketAddr::from((Ipv4Addr::LOCALHOST, port))))
    }

    fn command_line(&self, port: u16, output: &Output) -> io::Result<Command> {
        let fill = |text: &String| self.names.fill_in(text, port);
        let mut arguments = self.command.arguments.iter().map(fill);
        let program = arguments
            .next()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the command is empty"))?;
        let own = self.command.environment.iter();
        let mut line = Command::new(program);
        line.args(arguments)
            .envs(self.names.environment(port))
            .envs(own.map(|(name, value)| (name, fill(value))))
            .current_dir(&self.command.folder)
            .stdin(Stdio::null())
            .stdout(output.stdio()?)
            .stderr(output.stdio()?);
        Ok(line)
    }

    fn reach(&self, socket: Option<SocketAddr>) {
        self.reached.set(socket);
        self.changed.notify_one();
    }

    async fn told(&mut self) {
        told(&mut self.orders).await;
    }
}

/// Returns once whoever holds the instance has let go of it.
async fn told(orders: &mut watch::Receiver<bool>) {
    while orders.changed().await.is_ok() {}
}

fn never(why: String) -> Over {
    Over::ByItself {
        why,
        was_ready: false,
    }
}

fn ended(status: io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => format!("ended ({status})"),
        Err(error) => format!("ended, nobody knows how: {error}"),
    }
}
