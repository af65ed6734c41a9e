//! Ledger lines of each writer, until someone drains them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Every writer's lines of one ledger. Writers come and go; what they wrote stays until drained.
#[derive(Debug)]
pub(crate) struct Book<T>(Arc<Mutex<Vec<Lines<T>>>>);

/// The lines of one gateway instance or one scale set instance. The lock is the writer's own, and
/// held for a push.
#[derive(Debug)]
pub(crate) struct Lines<T>(Arc<Mutex<Vec<T>>>);

impl<T> Book<T> {
    /// Lines for a new writer.
    pub(crate) fn open(&self) -> Lines<T> {
        let lines = Lines(Arc::default());
        lock(&self.0).push(Lines(Arc::clone(&lines.0)));
        lines
    }

    /// Everything written since the last call, by writer.
    pub(crate) fn drain(&self) -> Vec<T> {
        let mut drained = Vec::new();
        lock(&self.0).retain(|lines| {
            // Looked at before the drain: a writer that is gone afterwards may have written since.
            let gone = Arc::strong_count(&lines.0) == 1;
            drained.append(&mut lock(&lines.0));
            !gone
        });
        drained
    }
}

impl<T> Lines<T> {
    pub(crate) fn push(&self, line: T) {
        lock(&self.0).push(line);
    }
}

impl<T> Default for Book<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Book<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_writer_that_left_are_drained_once() {
        let book = Book::default();
        let stays = book.open();
        let leaves = book.open();
        leaves.push(1);
        stays.push(2);
        drop(leaves);
        assert_eq!(book.drain(), [2, 1]);
        stays.push(3);
        assert_eq!(book.drain(), [3]);
        assert_eq!(lock(&book.0).len(), 1);
    }
}
