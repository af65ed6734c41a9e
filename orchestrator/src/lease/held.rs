//! Taking, renewing and releasing the lease.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use super::{Lease, LeaseStore, Version};
use crate::environment::Environment;
use crate::journal::StoreError;

/// Renewals per time to live: two may fail before the lease is in danger.
const BEATS_PER_TTL: u32 = 4;

/// What came of asking for the lease.
#[derive(Debug)]
pub(crate) enum Taken<'a> {
    /// It is ours.
    Ours(Held<'a>),
    /// Someone else holds it.
    Others(Lease),
}

/// The lease in our hands.
pub(crate) struct Held<'a> {
    store: &'a dyn LeaseStore,
    current: RefCell<(Version, Lease)>,
    lost: Cell<bool>,
    failures: Cell<u32>,
}

impl std::fmt::Debug for Held<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held")
            .field("lease", &self.current.borrow().1)
            .field("lost", &self.lost.get())
            .finish_non_exhaustive()
    }
}

/// Takes the lease for `run`, or says who holds it.
///
/// A lease whose time is up by the wall clock is watched for half its time to live before it is
/// taken over: a living holder renews it meanwhile. A lease of the same run (its process died, this
/// one resumes it) is watched for its whole time to live instead of being refused. What a put finds
/// out that a late read hid is looked at in the same way.
pub(crate) async fn take<'a, E: Environment>(
    environment: &E,
    store: &'a dyn LeaseStore,
    owner: &str,
    run: &str,
    ttl: Duration,
) -> Result<Taken<'a>, StoreError> {
    let mut found = patiently(environment, || store.read()).await?;
    let mut pause = Duration::from_millis(500);
    loop {
        if let Some(living) = living_holder(environment, store, found.as_ref(), run).await? {
            return Ok(Taken::Others(living));
        }
        match put(environment, store, owner, run, ttl, found.as_ref()).await? {
            Ok(held) => return Ok(Taken::Ours(held)),
            // Someone was quicker, or our read was late: then it shows in a while who holds it.
            Err(now) if is_news(found.as_ref(), now.as_ref()) => found = now,
            Err(now) if pause <= Duration::from_secs(16) => {
                environment.sleep_until(environment.now() + pause).await;
                pause *= 2;
                found = patiently(environment, || store.read()).await?.or(now);
            }
            Err(now) => {
                let holder = now.map(|(_, lease)| lease).unwrap_or_default();
                return Ok(Taken::Others(holder));
            }
        }
    }
}

/// A stored lease.
type Stored = (Version, Lease);

/// The holder, if it shows a sign of life or is not to be doubted.
async fn living_holder<E: Environment>(
    environment: &E,
    store: &dyn LeaseStore,
    found: Option<&Stored>,
    run: &str,
) -> Result<Option<Lease>, StoreError> {
    let Some((version, lease)) = found.filter(|(_, lease)| !lease.is_released()) else {
        return Ok(None);
    };
    let Some(watch) = time_to_watch(environment.unix_millis(), lease, run) else {
        return Ok(Some(lease.clone()));
    };
    environment.sleep_until(environment.now() + watch).await;
    let again = patiently(environment, || store.read()).await?;
    let living = again.filter(|(now, beat)| now != version && !is_older(beat, lease));
    Ok(living.map(|(_, lease)| lease))
}

/// Whether a refused put has shown a later state of the lease than was known.
fn is_news(known: Option<&Stored>, now: Option<&Stored>) -> bool {
    let age = |stored: &Stored| (stored.1.epoch, stored.1.beat);
    now.map(age) > known.map(age)
}

/// Puts our lease in the place of the one that was found; `Err` inside is what lies there instead.
async fn put<'a, E: Environment>(
    environment: &E,
    store: &'a dyn LeaseStore,
    owner: &str,
    run: &str,
    ttl: Duration,
    found: Option<&Stored>,
) -> Result<Result<Held<'a>, Option<Stored>>, StoreError> {
    let epoch = found.map_or(0, |(_, lease)| lease.epoch) + 1;
    let now = environment.unix_millis();
    let lease = Lease {
        owner: owner.to_owned(),
        run: run.to_owned(),
        epoch,
        beat: 0,
        taken_unix_ms: now,
        renewed_unix_ms: now,
        ttl_ms: u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX),
    };
    let held = |version| Held {
        store,
        current: RefCell::new((version, lease.clone())),
        lost: Cell::new(false),
        failures: Cell::new(0),
    };
    let expected = found.map(|(version, _)| version);
    match patiently(environment, || store.put(expected, &lease)).await {
        Ok(version) => Ok(Ok(held(version))),
        Err(StoreError::Conflict { .. }) => {
            let holder = patiently(environment, || store.read()).await?;
            Ok(match holder {
                // Our own put, its answer lost.
                Some((version, holder)) if holder == lease => Ok(held(version)),
                holder => Err(holder),
            })
        }
        Err(error) => Err(error),
    }
}

/// Asks a store that does not answer again, for half a minute: a hiccup is no reason to give up
/// before anything has begun.
async fn patiently<E: Environment, T, F>(
    environment: &E,
    mut ask: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let mut pause = Duration::from_millis(500);
    loop {
        match ask().await {
            Err(StoreError::Unavailable { .. }) if pause <= Duration::from_secs(16) => {
                environment.sleep_until(environment.now() + pause).await;
                pause *= 2;
            }
            answer => return answer,
        }
    }
}

/// Whether a read came late and shows what was overwritten since: no sign of life. Should the holder
/// live all the same, the conditional put finds out.
fn is_older(seen: &Lease, known: &Lease) -> bool {
    (seen.epoch, seen.beat) < (known.epoch, known.beat)
}

/// How long to watch a held lease before taking it over; `None` when it is not for us to take.
fn time_to_watch(unix_millis: u64, lease: &Lease, run: &str) -> Option<Duration> {
    let ttl = Duration::from_millis(lease.ttl_ms);
    if lease.run == run {
        return Some(ttl);
    }
    // Renewed in the future: one of the two clocks has jumped, so neither says anything (F92).
    if lease.renewed_unix_ms > unix_millis {
        return Some(ttl);
    }
    let expired = unix_millis.saturating_sub(lease.renewed_unix_ms) > lease.ttl_ms;
    expired.then_some(ttl / 2)
}

impl Held<'_> {
    /// The epoch under which we write.
    pub(crate) fn epoch(&self) -> u64 {
        self.current.borrow().1.epoch
    }

    /// Whether someone else has it, or two renewals in a row failed: no more writes.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.get()
    }

    /// Renews once; afterwards [`Self::is_lost`] says whether we may still write.
    pub(crate) async fn beat<E: Environment>(&self, environment: &E) {
        if self.lost.get() {
            return;
        }
        let (version, mut lease) = self.current.borrow().clone();
        lease.beat += 1;
        lease.renewed_unix_ms = environment.unix_millis();
        match self.store.put(Some(&version), &lease).await {
            Ok(version) => {
                *self.current.borrow_mut() = (version, lease);
                self.failures.set(0);
            }
            Err(StoreError::Conflict { .. }) => self.look_again().await,
            Err(StoreError::Unavailable { .. }) => {
                self.failures.set(self.failures.get() + 1);
                self.lost.set(self.failures.get() >= 2);
            }
        }
    }

    /// Whose it is after a refused renewal: the one before may have been ours, its answer lost. A
    /// store that does not tell counts as another failure.
    async fn look_again(&self) {
        let (run, epoch) = {
            let current = self.current.borrow();
            (current.1.run.clone(), current.1.epoch)
        };
        match self.store.read().await {
            Ok(Some((version, lease))) if lease.run == run && lease.epoch == epoch => {
                *self.current.borrow_mut() = (version, lease);
            }
            Ok(_) => self.lost.set(true),
            Err(_) => {
                self.failures.set(self.failures.get() + 1);
                self.lost.set(self.failures.get() >= 2);
            }
        }
    }

    /// Renews for ever; run it beside the work, so that a long wait does not let the lease expire
    /// (F81). Ends when the lease is lost.
    pub(crate) async fn keep<E: Environment>(&self, environment: &E) {
        while !self.lost.get() {
            let pause = Duration::from_millis(self.current.borrow().1.ttl_ms) / BEATS_PER_TTL;
            let pause = pause.max(Duration::from_millis(1));
            environment.sleep_until(environment.now() + pause).await;
            self.beat(environment).await;
        }
    }

    /// Gives it back; a lease that was lost is left to its new holder.
    pub(crate) async fn release(&self) -> Result<(), StoreError> {
        if self.lost.get() {
            return Ok(());
        }
        let (version, mut lease) = self.current.borrow().clone();
        lease.run.clear();
        lease.beat += 1;
        self.lost.set(true);
        self.store.put(Some(&version), &lease).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use futures_util::future::{LocalBoxFuture, ready};

    use super::*;
    use crate::environment::Instant;
    use crate::fake::Fake;
    use crate::journal::MemoryStore;

    const TTL: Duration = Duration::from_secs(60);

    fn taken<'a>(fake: &Fake, store: &'a MemoryStore, owner: &str, run: &str) -> Taken<'a> {
        let taking = take(fake, store, owner, run, TTL);
        fake.run(taking).expect("a store in memory is always there")
    }

    fn ours<'a>(fake: &Fake, store: &'a MemoryStore, owner: &str, run: &str) -> Held<'a> {
        match taken(fake, store, owner, run) {
            Taken::Ours(held) => held,
            Taken::Others(lease) => panic!("{} holds it", lease.owner),
        }
    }

    #[test]
    fn a_living_holder_keeps_others_out_at_once() {
        let (fake, store) = (Fake::new(), MemoryStore::new());
        let held = ours(&fake, &store, "ada", "1");
        let before = fake.millis();
        assert!(matches!(taken(&fake, &store, "bob", "2"), Taken::Others(l) if l.owner == "ada"));
        assert_eq!(fake.millis(), before, "nobody waits for a living holder");
        assert!(!held.is_lost());
    }

    #[test]
    fn a_released_lease_is_free_and_epochs_only_grow() {
        let (fake, store) = (Fake::new(), MemoryStore::new());
        let first = ours(&fake, &store, "ada", "1");
        fake.run(first.release()).expect("it is ours");
        let second = ours(&fake, &store, "bob", "2");
        assert!(second.epoch() > first.epoch());
    }

    #[test]
    fn a_silent_holder_is_watched_before_it_is_replaced_and_then_knows_it() {
        let (fake, store) = (Fake::new(), MemoryStore::new());
        let paused = ours(&fake, &store, "ada", "1");
        fake.run(fake.sleep_until(Instant(61_000)));
        let successor = ours(&fake, &store, "bob", "2");
        assert_eq!(fake.millis(), 61_000 + 30_000);
        fake.run(paused.beat(&fake));
        assert!(paused.is_lost() && !successor.is_lost());
    }

    /// The clock was set back after its holder had died: the lease looks renewed in the future.
    #[test]
    fn a_clock_that_jumped_back_does_not_keep_a_dead_holders_lease() {
        let (fake, store) = (Fake::new(), MemoryStore::new());
        let dead = ours(&fake, &store, "ada", "1");
        let (version, mut lease) = dead.current.borrow().clone();
        lease.renewed_unix_ms = fake.unix_millis() + 7_200_000;
        fake.run(store.put(Some(&version), &lease))
            .expect("it is ours");
        let before = fake.millis();
        let successor = ours(&fake, &store, "bob", "2");
        assert_eq!(fake.millis() - before, 60_000, "watched for its whole life");
        assert!(!successor.is_lost());
    }

    /// Reads as things were before the first put, once; then as they are.
    struct LateOnce<'a>(&'a MemoryStore, Cell<bool>);

    impl LeaseStore for LateOnce<'_> {
        fn read(&self) -> LocalBoxFuture<'_, Result<Option<(Version, Lease)>, StoreError>> {
            match self.1.replace(false) {
                true => ready(Ok(None)).boxed_local(),
                false => self.0.read(),
            }
        }

        fn put<'a>(
            &'a self,
            expected: Option<&'a Version>,
            lease: &'a Lease,
        ) -> LocalBoxFuture<'a, Result<Version, StoreError>> {
            self.0.put(expected, lease)
        }
    }

    #[test]
    fn a_late_read_does_not_keep_a_dead_holders_lease() {
        let (fake, store) = (Fake::new(), MemoryStore::new());
        drop(ours(&fake, &store, "ada", "1"));
        fake.run(fake.sleep_until(Instant(300_000)));
        let late = LateOnce(&store, Cell::new(true));
        let taken = fake.run(take(&fake, &late, "bob", "1", TTL));
        let taken = taken.expect("a store in memory is always there");
        assert!(matches!(taken, Taken::Ours(held) if held.epoch() == 2));
    }

    #[test]
    fn a_read_that_comes_late_is_no_sign_of_life() {
        let beat = |epoch, beat| Lease {
            epoch,
            beat,
            ..Lease::default()
        };
        for (seen, known, older) in [
            (beat(1, 2), beat(1, 3), true),
            (beat(1, 9), beat(2, 0), true),
            (beat(1, 4), beat(1, 3), false),
            (beat(2, 0), beat(1, 9), false),
        ] {
            assert_eq!(is_older(&seen, &known), older, "{seen:?} {known:?}");
        }
    }

    #[test]
    fn a_clock_that_jumped_does_not_unseat_a_living_holder() {
        let (fake, store) = (Fake::new(), MemoryStore::new());
        let held = ours(&fake, &store, "ada", "1");
        // The contender's clock runs two hours ahead: the lease looks long expired.
        let (version, mut lease) = held.current.borrow().clone();
        lease.renewed_unix_ms = 0;
        let version = fake
            .run(store.put(Some(&version), &lease))
            .expect("it is ours");
        *held.current.borrow_mut() = (version, lease);
        let contest = async {
            let keeping = held.keep(&fake);
            let taking = take(&fake, &store, "bob", "2", TTL);
            futures_util::pin_mut!(keeping, taking);
            match futures_util::future::select(taking, keeping).await {
                futures_util::future::Either::Left((taken, _)) => taken,
                futures_util::future::Either::Right(_) => panic!("the holder gave up"),
            }
        };
        let taken = fake
            .run(contest)
            .expect("a store in memory is always there");
        assert!(matches!(taken, Taken::Others(lease) if lease.owner == "ada"));
    }
}
