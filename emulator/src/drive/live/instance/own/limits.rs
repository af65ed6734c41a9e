//! What a program may take of this machine.

use std::io;

use super::super::super::program::ProgramCommand;

/// Limits a process that was just started.
///
/// # Errors
/// When the kernel refuses, or has no such limits for another process: only Linux has.
#[cfg(target_os = "linux")]
pub(super) fn limit(process: u32, command: &ProgramCommand) -> io::Result<()> {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    const MIB: u64 = 1024 * 1024;
    let memory = command.memory_mib.map(|mib| mib.saturating_mul(MIB));
    let wanted = [
        (Resource::As, memory),
        (Resource::Nofile, command.open_files),
    ];
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    for (resource, most) in wanted {
        if most.is_some() {
            let limit = Rlimit {
                current: most,
                maximum: most,
            };
            prlimit(process, resource, limit)?;
        }
    }
    Ok(())
}

/// Limits a process that was just started.
///
/// # Errors
/// Whenever a limit is asked for: this system has none for another process.
#[cfg(not(target_os = "linux"))]
pub(super) fn limit(_process: u32, command: &ProgramCommand) -> io::Result<()> {
    if command.memory_mib.is_none() && command.open_files.is_none() {
        return Ok(());
    }
    let reason = "limits of memory and open files are only there on Linux";
    Err(io::Error::new(io::ErrorKind::Unsupported, reason))
}
