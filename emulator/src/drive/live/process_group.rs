//! A program with everything that it starts: one process group, ended as a whole.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// Between two looks whether anyone of the group is left.
const LOOK: Duration = Duration::from_millis(20);
/// How long after SIGKILL the kernel may take to let go.
const REAPING: Duration = Duration::from_secs(3);

/// A program under way. Dropping it kills the program itself; [`ProcessGroup::end`] ends all of it.
#[derive(Debug)]
pub struct ProcessGroup {
    child: Child,
    group: Option<Pid>,
}

impl ProcessGroup {
    /// Starts a program in a process group of its own.
    ///
    /// # Errors
    /// When it cannot be started: not found, not executable, no such working folder.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, group })
    }

    /// The process that was started, while it has not been waited for.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// What it prints, where that is piped; the second call gets nothing.
    pub fn take_output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits for the program itself; what it left in the background is not waited for.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Stops everyone in the group, or lets them go on: what a hanging machine looks like from
    /// outside, whose kernel still takes connections.
    pub fn freeze(&self, frozen: bool) {
        let signal = if frozen { Signal::STOP } else { Signal::CONT };
        if let Some(group) = self.group {
            // An error says that nobody is left, and then there is nobody to stop.
            let _nobody_left = kill_process_group(group, signal);
        }
    }

    /// Ends whoever is left of the group: asked first, and killed after `grace` of wall clock.
    pub async fn end(&mut self, grace: Duration) {
        let Some(group) = self.group else {
            return;
        };
        // An error says that nobody is left, which is what we want.
        let _nobody_left = kill_process_group(group, Signal::TERM);
        // Whoever is frozen hears nothing before it goes on.
        let _nobody_left = kill_process_group(group, Signal::CONT);
        let gone = tokio::time::timeout(grace, self.until_gone(group)).await;
        if gone.is_err() {
            let _nobody_left = kill_process_group(group, Signal::KILL);
            // What was killed is gone; only its entry may stay until its parent asks for it.
            let _reaped = tokio::time::timeout(REAPING, self.until_gone(group)).await;
        }
    }

    /// Whether anyone of the group is left.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.group
            .is_some_and(|group| test_kill_process_group(group).is_ok())
    }

    async fn until_gone(&mut self, group: Pid) {
        // Reaps our own child, so that it does not count as left.
        let _reaped = self.child.wait().await;
        let mut tick = tokio::time::interval(LOOK);
        while test_kill_process_group(group).is_ok() {
            tick.tick().await;
        }
    }
}
