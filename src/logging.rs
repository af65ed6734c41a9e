//! Logs for people, on stderr, off by default beyond warnings.

use tracing_subscriber::EnvFilter;

/// Starts logging; `TURQUOISE_LOG` overrides with a filter such as `turquoise_orchestrator=debug`.
pub(crate) fn start(verbose: u8, quiet: bool) {
    let default = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, 2) => "debug",
        (false, _) => "trace",
    };
    let filter = EnvFilter::try_from_env("TURQUOISE_LOG").unwrap_or_else(|_| default.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
}
