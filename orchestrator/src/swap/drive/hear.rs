//! Hearing what others ask of this run.

use super::Driver;
use crate::control::{Ask, Request};
use crate::environment::Environment;
use crate::observer::Progress;

impl<E: Environment> Driver<'_, E> {
    /// Looks for a request of this run. A store that does not answer asks nothing: the next look is
    /// seconds away.
    pub(super) async fn hear(&self) {
        let Ok(Some(request)) = self.run.lease.request().await else {
            return;
        };
        if request.run != *self.journal.run() {
            return;
        }
        match request.ask {
            Ask::Pause if self.paused.borrow().is_none() => {
                self.say("pauses at the next safe point", &request);
                *self.paused.borrow_mut() = Some(asked_by(&request));
            }
            Ask::Abort if !self.abort.get() && !self.is_going_back() => {
                self.say("goes back at the next safe point", &request);
                self.abort.set(true);
            }
            Ask::Pause | Ask::Abort | Ask::GoOn => {}
        }
    }

    fn is_going_back(&self) -> bool {
        let state = self.memory.borrow().state();
        state.is_some_and(crate::swap::machine::State::is_reverse)
    }

    fn say(&self, what: &str, request: &Request) {
        self.tell(&Progress::Note {
            text: format!("{what}: {}", asked_by(request)),
        });
    }
}

fn asked_by(request: &Request) -> String {
    let reason = if request.reason.is_empty() {
        "no reason given"
    } else {
        &request.reason
    };
    format!("asked by {} ({reason})", request.by)
}
