//! A program with everything that it starts: one process group, ended as a whole.

use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::rehearse::plan::Program;

/// Between SIGTERM and SIGKILL, on the wall clock: time to remove a temporary file, not to go on.
const GRACE: Duration = Duration::from_secs(3);
/// Between two looks whether anyone of the group is left.
const LOOK: Duration = Duration::from_millis(20);

/// A program under way.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Option<Pid>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// With an exit code.
    Code(u8),
    /// By a signal.
    Signal(i32),
    /// Not by itself.
    TimedOut,
}

impl Process {
    /// Starts a program in a process group of its own. What it prints goes to our stderr, since
    /// stdout is for the result.
    pub(super) fn start(
        program: &Program,
        environment: &[(&'static str, String)],
    ) -> Result<Self, Failure> {
        let (name, arguments) = program
            .command
            .split_first()
            .expect("because the command line requires a program");
        let stderr = std::io::stderr().as_fd().try_clone_to_owned();
        let stderr = stderr
            .map_err(|error| Failure::new(Exit::Internal, "cannot share stderr").because(&error))?;
        let spawned = Command::new(name)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(stderr)
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let child = spawned.map_err(|error| {
            Failure::usage(format!("cannot start `{}`", name.display()))
                .because(&error)
                .next("name a program that exists and may be run after `--`")
        })?;
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, group })
    }

    /// Waits for the program itself; what it left in the background is not waited for.
    pub(super) async fn wait(&mut self, timeout: Duration) -> Ended {
        match tokio::time::timeout(timeout, self.child.wait()).await {
            Ok(Ok(status)) => ended(status),
            // The kernel does not tell how it ended: as good as a failure.
            Ok(Err(_)) => Ended::Code(1),
            Err(_elapsed) => Ended::TimedOut,
        }
    }

    /// Ends whoever is left of the group: asked first, then killed.
    pub(super) async fn end_group(&mut self) {
        let Some(group) = self.group else {
            return;
        };
        // An error says that nobody is left, which is what we want.
        let _nobody_left = kill_process_group(group, Signal::TERM);
        let gone = tokio::time::timeout(GRACE, self.until_gone(group)).await;
        if gone.is_err() {
            let _nobody_left = kill_process_group(group, Signal::KILL);
            // What was killed is gone; only its entry may stay until its parent asks for it.
            let _reaped = tokio::time::timeout(GRACE, self.until_gone(group)).await;
        }
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

fn ended(status: ExitStatus) -> Ended {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    match (code, status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => Ended::Code(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(script: &str, timeout: Duration) -> Ended {
        let program = Program {
            command: ["bash", "-c", script].map(Into::into).to_vec(),
            timeout,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let environment = [("TURQUOISE_POOL", "pool01".to_owned())];
            let mut process = Process::start(&program, &environment).expect("bash is there");
            let ended = process.wait(timeout).await;
            process.end_group().await;
            let group = process.group.expect("it had an id");
            assert!(test_kill_process_group(group).is_err(), "someone is left");
            ended
        })
    }

    #[test]
    fn a_program_ends_with_all_that_it_started() {
        let patience = Duration::from_secs(30);
        for (script, expected) in [
            ("exit 0", Ended::Code(0)),
            ("exit 7", Ended::Code(7)),
            ("[[ $TURQUOISE_POOL == pool01 ]]", Ended::Code(0)),
            ("kill -KILL $$", Ended::Signal(9)),
            ("sleep 600 & exit 3", Ended::Code(3)),
        ] {
            assert_eq!(ran(script, patience), expected, "{script}");
        }
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let short = Duration::from_millis(100);
        assert_eq!(ran("sleep 600", short), Ended::TimedOut);
        assert_eq!(ran("sleep 600 & sleep 600", short), Ended::TimedOut);
    }
}
