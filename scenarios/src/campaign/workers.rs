//! Threads that share one list of work.

use std::num::NonZero;

/// Runs `work` on every thread until each has returned; one thread per core when absent.
///
/// # Errors
/// The first thread's that failed.
pub(super) fn on_threads<E: Send>(
    threads: Option<NonZero<usize>>,
    work: impl Fn() -> Result<(), E> + Sync,
) -> Result<(), E> {
    let threads = threads.or_else(|| std::thread::available_parallelism().ok());
    let threads = threads.map_or(1, NonZero::get);
    let ended: Vec<Result<(), E>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    ended.into_iter().collect()
}
