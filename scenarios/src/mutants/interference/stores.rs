//! Journal, lease, observer and tokens of an [`Interfered`] process.

use std::fmt;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use turquoise_orchestrator::{
    Environment, Instant, JournalStore, Lease, LeaseStore, Observer, Progress, RunId, TokenError,
    TokenSource, Version,
};

use super::{Interfered, Interference, Stored};

/// Something of a process's world, with the process around it.
pub(crate) struct Around<'a, E, S: ?Sized> {
    process: &'a Interfered<E>,
    inner: &'a S,
}

impl<E: Environment> Interfered<E> {
    /// A journal, a lease store or an observer behind the interference.
    pub(crate) fn around<'a, S: ?Sized>(&'a self, inner: &'a S) -> Around<'a, E, S> {
        Around {
            process: self,
            inner,
        }
    }

    /// A token source behind the interference.
    pub(crate) fn tokens<T: TokenSource>(&self, inner: T) -> Tokens<T> {
        Tokens {
            inner,
            interference: Rc::clone(&self.interference),
        }
    }
}

impl<E, S: ?Sized> fmt::Debug for Around<'_, E, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Around").finish_non_exhaustive()
    }
}

impl<E: Environment, S: JournalStore> JournalStore for Around<'_, E, S> {
    fn read<'a>(&'a self, run: &'a RunId) -> LocalBoxFuture<'a, Stored<Vec<String>>> {
        let process = self.process;
        let interference = &process.interference;
        interference.read_journal(process.seam(), self.inner, run)
    }

    fn append<'a>(
        &'a self,
        run: &'a RunId,
        at: usize,
        line: &'a str,
    ) -> LocalBoxFuture<'a, Stored<()>> {
        let process = self.process;
        let interference = &process.interference;
        interference.append(process.seam(), self.inner, run, at, line)
    }

    fn runs(&self) -> LocalBoxFuture<'_, Stored<Vec<RunId>>> {
        let process = self.process;
        process.interference.runs(process.seam(), self.inner)
    }
}

impl<E: Environment, S: LeaseStore> LeaseStore for Around<'_, E, S> {
    fn read(&self) -> LocalBoxFuture<'_, Stored<Option<(Version, Lease)>>> {
        let process = self.process;
        process.interference.read_lease(process.seam(), self.inner)
    }

    fn put<'a>(
        &'a self,
        expected: Option<&'a Version>,
        lease: &'a Lease,
    ) -> LocalBoxFuture<'a, Stored<Version>> {
        let process = self.process;
        let interference = &process.interference;
        interference.put_lease(process.seam(), self.inner, expected, lease)
    }
}

impl<E: Environment, S: Observer> Observer for Around<'_, E, S> {
    fn on(&self, _at: Instant, progress: &Progress) {
        let process = self.process;
        // Phases are judged in the world's time: a mutant's clock may be wrong.
        let at = process.inner.now();
        process.interference.tell(at, progress, self.inner);
    }
}

/// A token source that an interference stands in front of.
pub(crate) struct Tokens<T> {
    inner: T,
    interference: Rc<dyn Interference>,
}

impl<T> fmt::Debug for Tokens<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

impl<T: TokenSource> TokenSource for Tokens<T> {
    fn token(&self) -> LocalBoxFuture<'_, Result<String, TokenError>> {
        let valid = self.inner.token();
        async move { self.interference.token(valid.await) }.boxed_local()
    }

    fn refused(&self) {
        self.inner.refused();
    }
}
