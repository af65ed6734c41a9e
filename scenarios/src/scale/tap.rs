//! Requests on their way from the simulation to whoever folds them: on this thread or another.
//!
//! What is folded, and in which order, is the same either way; so the digest is, too.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use turquoise_emulator::data_plane::Reader;
use turquoise_emulator::ledger::{Finished, Ledgers};
use turquoise_emulator::{Event, Instant, Timed};

use super::fold::{Fold, Folded, News};
use crate::observation::{Outcome, PhaseMark};

/// Chunks that may wait for the other thread before the simulation waits for it.
const WAITING: usize = 4;

/// What the orchestrator's side tells the judge while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(Arc<Mutex<News>>);

impl Told {
    /// A phase was entered.
    pub(crate) fn entered(&self, mark: PhaseMark) {
        self.news(|news| news.phases.push(mark));
    }

    /// The orchestrator ended, or was given up on.
    pub(crate) fn ended(&self, at: Instant, outcome: Option<Outcome>) {
        self.news(|news| news.ended = Some((at, outcome)));
    }

    fn take(&self, events: &mut Vec<Timed>) -> News {
        self.news(|news| News {
            events: std::mem::take(events),
            ..std::mem::take(news)
        })
    }

    fn news<T>(&self, act: impl FnOnce(&mut News) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A judgement under way, here or on a thread of its own.
#[derive(Debug)]
pub(crate) struct Judgement {
    told: Told,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Here(Arc<Mutex<Fold>>),
    There(JoinHandle<Fold>),
}

/// What is handed over at a time.
type Chunk = (News, Finished);

/// Where chunks go.
#[derive(Debug)]
enum Way {
    Here(Arc<Mutex<Fold>>),
    There {
        chunks: SyncSender<Chunk>,
        /// Lists that were read, to be filled again.
        emptied: Mutex<Receiver<Finished>>,
    },
}

/// Takes what the data plane gives out.
#[derive(Debug)]
struct Tap {
    told: Told,
    events: Vec<Timed>,
    way: Way,
}

impl Judgement {
    /// A judgement, and the reader that feeds it.
    pub(super) fn begin(fold: Fold, told: Told, own_thread: bool) -> (Self, Box<dyn Reader>) {
        let (place, way) = if own_thread {
            there(fold)
        } else {
            let fold = Arc::new(Mutex::new(fold));
            (Place::Here(Arc::clone(&fold)), Way::Here(fold))
        };
        let tap = Tap {
            told: told.clone(),
            events: Vec::new(),
            way,
        };
        (Self { told, place }, Box::new(tap))
    }

    /// Where to tell what happens besides requests.
    pub(crate) const fn told(&self) -> &Told {
        &self.told
    }

    /// What is left, once the reader has been given up; `rest` is what it never got.
    pub(crate) fn finish(self, rest: Ledgers) -> Folded {
        let mut fold = match self.place {
            Place::Here(fold) => Arc::into_inner(fold)
                .expect("because the reader that shared it is gone")
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner),
            Place::There(thread) => thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        };
        fold.hear(self.told.take(&mut Vec::new()));
        fold.read(&Finished {
            others: rest,
            ..Finished::default()
        });
        fold.finish()
    }
}

fn there(mut fold: Fold) -> (Place, Way) {
    let (chunks, arriving) = sync_channel::<Chunk>(WAITING);
    let (back, emptied) = sync_channel(WAITING * 2);
    let thread = std::thread::spawn(move || {
        for (news, finished) in arriving {
            fold.hear(news);
            fold.read(&finished);
            // Nobody waits for an empty list.
            let _full = back.try_send(finished);
        }
        fold
    });
    let emptied = Mutex::new(emptied);
    (Place::There(thread), Way::There { chunks, emptied })
}

impl Reader for Tap {
    fn on_event(&mut self, timed: &Timed) {
        if matches!(timed.event, Event::GatewayApplied { .. }) {
            self.events.push(timed.clone());
        }
    }

    fn read(&mut self, finished: &mut Finished) {
        let news = self.told.take(&mut self.events);
        match &mut self.way {
            Way::Here(fold) => {
                let mut fold = fold.lock().unwrap_or_else(PoisonError::into_inner);
                fold.hear(news);
                fold.read(finished);
            }
            Way::There { chunks, emptied } => {
                let emptied = emptied.get_mut().unwrap_or_else(PoisonError::into_inner);
                let next = emptied.try_recv().unwrap_or_default();
                chunks
                    .send((news, std::mem::replace(finished, next)))
                    .expect("because the other thread reads until this end is gone");
            }
        }
    }
}
