//! A small scripted Azure in memory, with a clock that jumps to the next sleeper.
//!
//! It knows as much of ARM as the driver asks for, written down apart from the emulator, so that
//! client and server cannot agree on a mistake. Read [`Fake`], then [`Trouble`].

mod azure;
mod crash;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;

use crate::environment::{
    Call, Environment, Instant, OutsideError, ProbeAnswer, ProbeRequest, Reply, TransportError,
};

pub(crate) use azure::{Azure, Trouble};
pub(crate) use crash::CrashingStore;

/// The scripted world.
pub(crate) struct Fake {
    now: Cell<u64>,
    sleepers: RefCell<BTreeMap<(u64, u64), Waker>>,
    draws: Cell<u64>,
    /// The cloud, to script and to inspect.
    pub(crate) azure: RefCell<Azure>,
    /// What the outside says, the last for ever; with what it was asked.
    pub(crate) outside: RefCell<Outside>,
    /// When someone presses Ctrl-C.
    pub(crate) interrupt_at: Cell<Option<u64>>,
    /// When ARM cannot be reached: from, to.
    pub(crate) outage: Cell<Option<(u64, u64)>>,
    /// When the process stands still: from, to.
    pub(crate) frozen: Cell<Option<(u64, u64)>>,
}

/// Hooks and metrics, scripted.
#[derive(Default)]
pub(crate) struct Outside {
    pub(crate) replies: Vec<Result<Reply, OutsideError>>,
    pub(crate) calls: Vec<(u64, Call)>,
}

struct NoWaker;

impl Wake for NoWaker {
    fn wake(self: Arc<Self>) {}
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self {
            now: Cell::new(0),
            sleepers: RefCell::default(),
            draws: Cell::new(0),
            azure: RefCell::new(Azure::default()),
            outside: RefCell::default(),
            interrupt_at: Cell::new(None),
            outage: Cell::new(None),
            frozen: Cell::new(None),
        }
    }

    pub(crate) fn millis(&self) -> u64 {
        self.now.get()
    }

    /// Runs to the end, or until `crashed` says that the process is dead.
    pub(crate) fn run_until<T>(
        &self,
        crashed: impl Fn() -> bool,
        future: impl Future<Output = T>,
    ) -> Option<T> {
        let mut future = pin!(future);
        let waker = Waker::from(Arc::new(NoWaker));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return Some(value);
            }
            if crashed() {
                self.sleepers.borrow_mut().clear();
                return None;
            }
            assert!(
                self.now.get() < 48 * 3_600_000,
                "a run ends within two days"
            );
            let next = self.sleepers.borrow_mut().pop_first();
            let ((at, _), sleeper) = next.expect("a run that waits has someone asleep");
            let freeze = self.frozen.get();
            let thaw = freeze.filter(|(from, to)| (*from..*to).contains(&at));
            let at = thaw.map_or(at, |(_, to)| to);
            self.now.set(self.now.get().max(at));
            sleeper.wake();
        }
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let end = self.run_until(|| false, future);
        end.expect("nothing crashes")
    }

    fn draw(&self) -> u64 {
        self.draws.set(self.draws.get() + 1);
        // A multiplicative walk: spread enough for jitter and ids, the same every run.
        self.draws.get().wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

impl Environment for Fake {
    fn now(&self) -> Instant {
        Instant(self.now.get())
    }

    fn unix_millis(&self) -> u64 {
        1_772_625_600_000 + self.now.get()
    }

    async fn sleep_until(&self, at: Instant) {
        // One place among the sleepers per sleep, however often it is polled.
        let key = (at.0, self.draw());
        std::future::poll_fn(|context| {
            if self.now.get() >= at.0 {
                return Poll::Ready(());
            }
            self.sleepers
                .borrow_mut()
                .insert(key, context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    async fn arm(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        // Every request takes a moment, so that a crash can fall between request and answer.
        self.sleep_until(Instant(self.now.get() + 20)).await;
        if self
            .outage
            .get()
            .is_some_and(|(from, to)| (from..to).contains(&self.now.get()))
        {
            return Err(TransportError::Unreachable {
                endpoint: "http://fake".to_owned(),
                reason: "connection refused".to_owned(),
            });
        }
        let answer = self.azure.borrow_mut().handle(self.now.get(), &request);
        self.sleep_until(Instant(self.now.get() + 20)).await;
        answer
    }

    async fn probe(&self, _request: ProbeRequest) -> Result<ProbeAnswer, TransportError> {
        self.sleep_until(Instant(self.now.get() + 10)).await;
        Ok(self.azure.borrow_mut().answer(self.now.get()))
    }

    async fn outside(&self, call: Call) -> Result<Reply, OutsideError> {
        self.sleep_until(Instant(self.now.get() + 10)).await;
        let mut outside = self.outside.borrow_mut();
        let nth = outside.calls.len();
        outside.calls.push((self.now.get(), call));
        let replies = &outside.replies;
        let last = replies.len().saturating_sub(1);
        replies
            .get(nth.min(last))
            .cloned()
            .expect("the test scripted a reply")
    }

    fn random(&self, _stream: &str) -> u64 {
        self.draw()
    }

    fn interrupted(&self) -> bool {
        self.interrupt_at
            .get()
            .is_some_and(|at| self.now.get() >= at)
    }
}
