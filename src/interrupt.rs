//! Ctrl-C and SIGTERM: the first asks for a stop at the next safe point, the second ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use crate::exit::Exit;
use crate::output::note;

/// Tells whether someone asked for a stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// 0 while nobody asked, else the code of the exit.
    asked: AtomicU8,
    changed: Notify,
}

impl Interrupt {
    /// Listens from now on; must be called inside a runtime. `farewell` is what is said when someone
    /// does not wait for the safe point.
    pub(crate) fn listen(farewell: &'static str) -> std::io::Result<Self> {
        let interrupt = Self::default();
        let ctrl_c = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        tokio::spawn(interrupt.clone().run(ctrl_c, terminate, farewell));
        Ok(interrupt)
    }

    /// How to end, once someone asked.
    pub(crate) fn asked(&self) -> Option<Exit> {
        let code = self.inner.asked.load(Ordering::Acquire);
        [Exit::Interrupted, Exit::Terminated]
            .into_iter()
            .find(|exit| exit.code() == code)
    }

    /// Returns once someone asked.
    pub(crate) async fn wait(&self) -> Exit {
        loop {
            let changed = self.inner.changed.notified();
            if let Some(exit) = self.asked() {
                return exit;
            }
            changed.await;
        }
    }

    fn ask(&self, exit: Exit) {
        self.inner.asked.store(exit.code(), Ordering::Release);
        self.inner.changed.notify_waiters();
    }

    async fn run(self, mut ctrl_c: Signal, mut terminate: Signal, farewell: &str) {
        let exit = either(&mut ctrl_c, &mut terminate).await;
        note("stopping where it is safe; once more ends at once");
        self.ask(exit);
        let exit = either(&mut ctrl_c, &mut terminate).await;
        note(farewell);
        std::process::exit(exit.code().into());
    }
}

async fn either(ctrl_c: &mut Signal, terminate: &mut Signal) -> Exit {
    tokio::select! {
        biased;
        _ = ctrl_c.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    }
}
