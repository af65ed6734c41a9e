//! A small executor in virtual time: level L0 of the design.
//!
//! One thread, futures that need not be `Send`, no clock: time moves to the next timer when no task
//! is ready, and which ready task runs next is drawn from the seed, so that every seed is another
//! schedule. Dropping a task is a crash: it stops at the await it stands at. Start with
//! [`Executor`]; tasks use its [`Handle`].

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use turquoise_emulator::Seed;
use turquoise_orchestrator::Instant;

/// A future and its waker: one waker for all its polls, so that what waits can tell that it is
/// registered already.
struct Task {
    future: Pin<Box<dyn Future<Output = ()>>>,
    waker: Waker,
}

/// Why [`Executor::block_on`] has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// Virtual time reached the limit first.
    #[error("still running at the limit of {0}")]
    Limit(Instant),
    /// No task is ready and no timer is set: nothing will ever happen.
    #[error("every task waits and no timer is set at {0}")]
    Deadlock(Instant),
}

/// Runs tasks in virtual time.
#[derive(Debug)]
pub struct Executor {
    handle: Handle,
}

/// What tasks see of their executor.
#[derive(Clone, Debug)]
pub struct Handle(Rc<Shared>);

struct Shared {
    now: Cell<Instant>,
    /// Counts scheduling decisions; the n-th draw depends on the seed and n alone.
    decisions: Cell<u64>,
    seed: Seed,
    next_task: Cell<u64>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    ready: Arc<Ready>,
    timers: RefCell<BTreeMap<(Instant, u64), Waker>>,
    next_timer: Cell<u64>,
}

/// The ready list; shared with wakers, which std requires to be `Send + Sync`.
#[derive(Debug, Default)]
struct Ready(Mutex<Vec<u64>>);

struct TaskWaker {
    task: u64,
    ready: Arc<Ready>,
}

impl Executor {
    /// An executor at time zero whose schedule is drawn from `seed`.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self::starting_at(seed, Instant::default())
    }

    /// An executor whose clock already stands at `now`.
    #[must_use]
    pub fn starting_at(seed: Seed, now: Instant) -> Self {
        Self {
            handle: Handle(Rc::new(Shared {
                now: Cell::new(now),
                decisions: Cell::new(0),
                seed,
                next_task: Cell::new(0),
                tasks: RefCell::default(),
                ready: Arc::default(),
                timers: RefCell::default(),
                next_timer: Cell::new(0),
            })),
        }
    }

    /// What tasks use to sleep and spawn.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs every task until `future` has ended, but not past `limit`.
    ///
    /// # Errors
    /// [`Stopped`] when time runs out or nothing can ever happen. The future is then dropped, as
    /// are all tasks when the executor is.
    pub fn block_on<T: 'static>(
        &self,
        limit: Instant,
        future: impl Future<Output = T> + 'static,
    ) -> Result<T, Stopped> {
        let join = self.handle.spawn(future);
        loop {
            if let Some(value) = join.take() {
                return Ok(value);
            }
            if self.run_one() {
                continue;
            }
            if let Err(stopped) = self.to_next_timer(limit) {
                join.abort();
                return Err(stopped);
            }
        }
    }

    /// Polls one ready task; false when none is ready.
    fn run_one(&self) -> bool {
        let shared = &self.handle.0;
        let Some(id) = shared.draw_ready() else {
            return false;
        };
        let task = shared.tasks.borrow_mut().remove(&id);
        let Some(mut task) = task else {
            return true; // It ended or was aborted after it was woken.
        };
        let mut context = Context::from_waker(&task.waker);
        if task.future.as_mut().poll(&mut context).is_pending() {
            shared.tasks.borrow_mut().insert(id, task);
        }
        true
    }

    /// Moves time to the next timer and wakes everything due then.
    fn to_next_timer(&self, limit: Instant) -> Result<(), Stopped> {
        let shared = &self.handle.0;
        let next = shared.timers.borrow().keys().next().copied();
        let Some((at, _)) = next else {
            return Err(Stopped::Deadlock(shared.now.get()));
        };
        if at > limit {
            shared.now.set(limit);
            return Err(Stopped::Limit(limit));
        }
        shared.now.set(shared.now.get().max(at));
        let mut timers = shared.timers.borrow_mut();
        while let Some(entry) = timers.first_entry().filter(|entry| entry.key().0 <= at) {
            entry.remove().wake();
        }
        Ok(())
    }
}

impl Drop for Executor {
    /// Tasks hold handles and the shared state holds tasks: the circle is cut here.
    fn drop(&mut self) {
        let tasks = self.handle.0.tasks.take();
        drop(tasks);
    }
}

impl Handle {
    /// The virtual time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.0.now.get()
    }

    /// Ends once virtual time has reached `at`.
    #[must_use]
    pub fn sleep_until(&self, at: Instant) -> Sleep {
        Sleep {
            handle: self.clone(),
            at,
            timer: None,
        }
    }

    /// Begins a task. It runs whether or not its [`Join`] is kept.
    pub fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Join<T> {
        let id = self.0.next_task.get();
        self.0.next_task.set(id + 1);
        let slot = Rc::new(Slot {
            value: RefCell::new(None),
            waiter: RefCell::new(None),
        });
        let result = Rc::clone(&slot);
        let future = Box::pin(async move {
            let value = future.await;
            *result.value.borrow_mut() = Some(value);
            if let Some(waiter) = result.waiter.take() {
                waiter.wake();
            }
        });
        let waker = Waker::from(Arc::new(TaskWaker {
            task: id,
            ready: Arc::clone(&self.0.ready),
        }));
        self.0.tasks.borrow_mut().insert(id, Task { future, waker });
        self.0.ready.push(id);
        Join {
            task: id,
            handle: self.clone(),
            slot,
        }
    }
}

impl Shared {
    fn draw_ready(&self) -> Option<u64> {
        let mut ready = self.ready.lock();
        if ready.is_empty() {
            return None;
        }
        let count = u64::try_from(ready.len()).unwrap_or(u64::MAX);
        let decision = self.decisions.get();
        self.decisions.set(decision + 1);
        let index = usize::try_from(self.seed.at(decision).below(count)).unwrap_or_default();
        Some(ready.remove(index))
    }

    fn number_timer(&self) -> u64 {
        let number = self.next_timer.get();
        self.next_timer.set(number + 1);
        number
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("now", &self.now.get())
            .field("tasks", &self.tasks.borrow().len())
            .field("timers", &self.timers.borrow().len())
            .finish_non_exhaustive()
    }
}

impl Ready {
    fn lock(&self) -> MutexGuard<'_, Vec<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, task: u64) {
        let mut ready = self.lock();
        if !ready.contains(&task) {
            ready.push(task);
        }
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.push(self.task);
    }
}

/// Ends at an instant; see [`Handle::sleep_until`].
#[derive(Debug)]
pub struct Sleep {
    handle: Handle,
    at: Instant,
    /// Where it stands in the timer table, and whom it wakes there.
    timer: Option<((Instant, u64), Waker)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let shared = Rc::clone(&self.handle.0);
        if shared.now.get() >= self.at {
            return Poll::Ready(());
        }
        let key = match &self.timer {
            // Many sleeps joined in one task are all polled whenever one of them ends.
            Some((_, known)) if known.will_wake(context.waker()) => return Poll::Pending,
            Some((key, _)) => *key,
            None => (self.at, shared.number_timer()),
        };
        let waker = context.waker().clone();
        shared.timers.borrow_mut().insert(key, waker.clone());
        self.timer = Some((key, waker));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((key, _)) = &self.timer {
            self.handle.0.timers.borrow_mut().remove(key);
        }
    }
}

#[derive(Debug)]
struct Slot<T> {
    value: RefCell<Option<T>>,
    waiter: RefCell<Option<Waker>>,
}

/// The end of a task, to be awaited; or its crash, to be caused.
#[derive(Debug)]
pub struct Join<T> {
    task: u64,
    handle: Handle,
    slot: Rc<Slot<T>>,
}

impl<T> Join<T> {
    /// Drops the task where it stands: a crash at its current await.
    pub fn abort(&self) {
        let task = self.handle.0.tasks.borrow_mut().remove(&self.task);
        drop(task);
    }

    fn take(&self) -> Option<T> {
        self.slot.value.borrow_mut().take()
    }
}

impl<T> Future for Join<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if let Some(value) = self.take() {
            return Poll::Ready(value);
        }
        *self.slot.waiter.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}

/// Drops `future` at its `awaits`-th suspension: a crash at any await, on any executor.
///
/// `None` means it crashed; a future that ends before so many suspensions yields its value.
pub async fn crash_after<T>(awaits: u64, future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    let mut left = awaits;
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FOREVER: Instant = Instant(u64::MAX);

    fn after(handle: &Handle, millis: u64) -> Sleep {
        handle.sleep_until(handle.now() + Duration::from_millis(millis))
    }

    #[test]
    fn time_jumps_from_timer_to_timer() {
        let executor = Executor::new(Seed::new(1));
        let handle = executor.handle();
        let ended = executor.block_on(FOREVER, async move {
            after(&handle, 3_600_000).await;
            after(&handle, 1).await;
            handle.now()
        });
        assert_eq!(ended, Ok(Instant(3_600_001)));
    }

    #[test]
    fn a_limit_stops_the_run_just_there_and_not_one_tick_before() {
        for (limit, expected) in [(10, Ok(())), (9, Err(Stopped::Limit(Instant(9))))] {
            let executor = Executor::new(Seed::new(1));
            let sleep = after(&executor.handle(), 10);
            assert_eq!(executor.block_on(Instant(limit), sleep), expected);
        }
    }

    #[test]
    fn a_task_that_nothing_will_wake_is_a_deadlock() {
        let executor = Executor::new(Seed::new(1));
        let stuck = std::future::pending::<()>();
        assert_eq!(
            executor.block_on(FOREVER, stuck),
            Err(Stopped::Deadlock(Instant(0)))
        );
    }

    /// The order in which five tasks due at the same instant run.
    fn schedule(seed: u64) -> Vec<u32> {
        let executor = Executor::new(Seed::new(seed));
        let handle = executor.handle();
        let order = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&order);
        let main = async move {
            let tasks: Vec<_> = (0..5)
                .map(|number| {
                    let (handle, log) = (handle.clone(), Rc::clone(&log));
                    handle.clone().spawn(async move {
                        after(&handle, 5).await;
                        log.borrow_mut().push(number);
                    })
                })
                .collect();
            for task in tasks {
                task.await;
            }
        };
        executor.block_on(FOREVER, main).expect("all tasks end");
        order.take()
    }

    #[test]
    fn the_seed_alone_decides_who_runs_first() {
        let orders: std::collections::BTreeSet<_> = (0..50).map(schedule).collect();
        assert!(orders.len() > 10, "only {} schedules", orders.len());
        for seed in 0..20 {
            assert_eq!(schedule(seed), schedule(seed));
        }
    }

    #[test]
    fn a_crash_stops_a_future_at_the_await_it_names() {
        for (awaits, reached) in [(0, 0), (1, 1), (2, 2), (3, 3)] {
            let executor = Executor::new(Seed::new(1));
            let handle = executor.handle();
            let steps = Rc::new(Cell::new(0));
            let count = Rc::clone(&steps);
            let work = async move {
                for _ in 0..3 {
                    after(&handle, 1).await;
                    count.set(count.get() + 1);
                }
            };
            let ended = executor.block_on(FOREVER, crash_after(awaits, work));
            assert_eq!(ended, Ok((awaits == 3).then_some(())));
            assert_eq!(steps.get(), reached);
        }
    }

    #[test]
    fn a_sleep_wakes_the_task_that_polled_it_last() {
        let executor = Executor::new(Seed::new(1));
        let handle = executor.handle();
        let ended = executor.block_on(Instant(10), async move {
            let mut sleep = Box::pin(handle.sleep_until(Instant(5)));
            std::future::poll_fn(|context| {
                assert!(sleep.as_mut().poll(context).is_pending());
                Poll::Ready(())
            })
            .await;
            handle.spawn(sleep).await;
            handle.now()
        });
        assert_eq!(ended, Ok(Instant(5)));
    }

    #[test]
    fn an_aborted_task_leaves_no_timer_behind() {
        let executor = Executor::new(Seed::new(1));
        let handle = executor.handle();
        let main = async move {
            let task = handle.spawn(after(&handle, 1_000));
            after(&handle, 1).await;
            task.abort();
            handle.now()
        };
        assert_eq!(executor.block_on(FOREVER, main), Ok(Instant(1)));
        assert!(executor.handle().0.timers.borrow().is_empty());
    }
}
