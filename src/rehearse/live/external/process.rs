//! The program that is judged: started with what it needs to know, ended with all that it started.

use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;
use turquoise_emulator::drive::live::ProcessGroup;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::rehearse::plan::Program;

/// Between SIGTERM and SIGKILL, on the wall clock: time to remove a temporary file, not to go on.
const GRACE: Duration = Duration::from_secs(3);

/// A program under way.
#[derive(Debug)]
pub(super) struct Process(ProcessGroup);

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
        let mut command = Command::new(name);
        command
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(stderr);
        ProcessGroup::start(&mut command)
            .map(Self)
            .map_err(|error| {
                Failure::usage(format!("cannot start `{}`", name.display()))
                    .because(&error)
                    .next("name a program that exists and may be run after `--`")
            })
    }

    /// Waits for the program itself; what it left in the background is not waited for.
    pub(super) async fn wait(&mut self, timeout: Duration) -> Ended {
        match tokio::time::timeout(timeout, self.0.wait()).await {
            Ok(Ok(status)) => ended(status),
            // The kernel does not tell how it ended: as good as a failure.
            Ok(Err(_)) => Ended::Code(1),
            Err(_elapsed) => Ended::TimedOut,
        }
    }

    /// Ends whoever is left of the group: asked first, then killed.
    pub(super) async fn end_group(&mut self) {
        self.0.end(GRACE).await;
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
            assert!(!process.0.is_alive(), "someone is left");
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
