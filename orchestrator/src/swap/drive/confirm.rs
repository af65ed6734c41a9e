//! P5 and P8: prove that a write is effective, which `Succeeded` does not say (F68).

use futures_util::future::join3;

use super::Driver;
use super::answers::Window;
use super::wait::Look;
use super::watch::Watch;
use crate::environment::{Environment, Instant};
use crate::gates::{Tally, Verdict, members_verdict};
use crate::plan::drain_wait;
use crate::swap::event::{Content, Event, Reason};
use crate::view::gateway;

/// So many looks at the new side may meet a failed probe behind a good verdict. One is chance; a
/// machine that fails the gateway's probes shows again and again (F06).
const DOUBTS: u32 = 3;

impl<E: Environment> Driver<'_, E> {
    /// P5: both sides are members, healthy in the gateway's own view, and both were seen to answer.
    /// On the way back only the old side must be well: the new one may be why we go (F84).
    pub(super) async fn confirm_both(&self) -> Event {
        let config = self.run.config;
        let reverse = self
            .memory
            .borrow()
            .state()
            .is_some_and(|state| state.is_reverse());
        let (mut streak, mut window) = (self.streak(), Window::default());
        self.wait(
            config.ceilings.confirm.0,
            config.gates.every.0,
            async || {
                let (verdict, tally) = self.look_at(Content::Both, reverse).await?;
                window.push(tally);
                let seen = self.seen_both(&window.sum(), reverse);
                if !reverse {
                    self.doubted()?;
                    // A breach ends the wait; too few samples are no matter yet.
                    self.compared(true, &window.sum())?;
                }
                Ok(streak.look(self.now(), verdict.and(seen)))
            },
        )
        .await
    }

    /// Ends the wait once the new side was in doubt too often.
    fn doubted(&self) -> Result<(), Event> {
        let doubts = self.memory.borrow().doubts;
        if doubts < DOUBTS {
            return Ok(());
        }
        let name = self.sides().new.name;
        Err(self.breach(format!(
            "the gateway's probes of {name} failed in {doubts} looks: one of its machines fails them"
        )))
    }

    fn seen_both(&self, tally: &Tally, reverse: bool) -> Verdict {
        let old = self.old_build();
        if tally.of(&old) == 0 {
            return Verdict::unknown(format!("an answer of the old side ({old})"));
        }
        if reverse {
            return Verdict::pass("the old side answers");
        }
        match self.memory.borrow().new_build.as_deref() {
            Some(new) if tally.of(new) > 0 => Verdict::pass(format!("{old} and {new} answer")),
            _ => Verdict::unknown("an answer of the new side"),
        }
    }

    /// P8: the side that was taken out gets nothing any more and has had time to finish.
    ///
    /// ARM cannot tell requests in flight. So the wait counts from the last answer of that side, and
    /// is as long as the gateway lets a removed member work, plus a margin for gateway instances
    /// that apply the configuration later than others.
    pub(super) async fn drain(&self, left: Content) -> Event {
        let config = self.run.config;
        let forward = left == Content::New;
        let (mut window, mut watch) = (Window::default(), Watch::default());
        let mut last_answer = self.now();
        self.wait(config.ceilings.drain.0, config.gates.every.0, async || {
            let (verdict, tally) = self.look_at(left, false).await?;
            if self.answers_of_gone_side(&tally, forward) > 0 {
                last_answer = self.now();
            }
            window.push(tally);
            if forward {
                self.compared(false, &window.sum())?;
                self.watch_new_side(&mut watch).await?;
            }
            let drained = self.drained(last_answer).await?;
            Ok(verdict.and(drained))
        })
        .await
    }

    /// Forward, the old side is gone; back, whoever is not the old side.
    fn answers_of_gone_side(&self, tally: &Tally, forward: bool) -> u64 {
        let old = self.old_build();
        if forward {
            return tally.of(&old);
        }
        let others = tally.builds().filter(|build| *build != old);
        others.map(|build| tally.of(build)).sum()
    }

    async fn drained(&self, last_answer: Instant) -> Look {
        let gateway = match self.gateway().await {
            Ok(gateway) => gateway,
            Err(failure) => return self.unread("the gateway", &failure),
        };
        let config = self.run.config;
        let pool = config.target.pool_id();
        let settings = gateway::settings_of_pool(&gateway, &pool);
        let needed = drain_wait(&settings) + config.phases.propagation_margin.0;
        let needed = needed.max(config.phases.quiet.0);
        let quiet = self.now().since(last_answer);
        if quiet >= needed {
            let seconds = quiet.as_secs();
            return Ok(Verdict::pass(format!(
                "no answer of the other side for {seconds} s"
            )));
        }
        Ok(Verdict::unknown(format!(
            "{} of {} s without an answer of the other side",
            quiet.as_secs(),
            needed.as_secs()
        )))
    }

    /// One look at everything: the pool in ARM, the gateway's health view, answers.
    async fn look_at(&self, wanted: Content, old_only: bool) -> Result<(Verdict, Tally), Event> {
        let looks = join3(self.gateway(), self.health(), self.look_through_gateway());
        let (gateway, health, answers) = looks.await;
        let listed = match gateway {
            Ok(gateway) if self.content_of(&gateway) == wanted => {
                Verdict::pass("the pool lists it")
            }
            Ok(_) => return Err(self.blocked(Reason::Drift)),
            Err(failure) => self.unread("the gateway", &failure)?,
        };
        let sides = self.sides();
        let healthy = match health {
            Ok(rows) if old_only => {
                let old = sides.old.address;
                let own: Vec<_> = rows.into_iter().filter(|row| row.address == old).collect();
                members_verdict(&own, &[old])
            }
            Ok(rows) => {
                let new = sides.new.address;
                let doubtful = rows
                    .iter()
                    .any(|row| row.address == new && row.is_in_doubt());
                self.memory.borrow_mut().doubts += u32::from(doubtful);
                members_verdict(&rows, &sides.members(wanted))
            }
            Err(failure) => self.unread("backend health", &failure)?,
        };
        let (answered, tally) = match answers {
            Ok(tally) => (Verdict::Pass(Vec::new()), tally),
            Err(failure) => (self.unread("answers", &failure)?, Tally::default()),
        };
        self.learn_new_build(&tally).await?;
        Ok((listed.and(healthy).and(answered), tally))
    }
}
