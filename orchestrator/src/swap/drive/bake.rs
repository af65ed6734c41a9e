//! P6, P9 and P10: watch, compare, and keep the way back open.

use std::time::Duration;

use super::Driver;
use super::analysis::Analyses;
use super::answers::Window;
use super::watch::Watch;
use crate::environment::Environment;
use crate::gates::Verdict;
use crate::swap::event::{Content, Event, Reason};

/// Between looks while the old side is only retained: a day of them every 5 s would be noise.
const RETAIN_PACE: Duration = Duration::from_secs(30);

/// What a bake watches.
#[derive(Clone, Copy)]
struct Bake {
    /// What the pool must list all the while.
    content: Content,
    /// At least how long.
    lasts: Duration,
    /// From look to look.
    pace: Duration,
    /// Whether metrics have a say.
    analyses: bool,
}

impl<E: Environment> Driver<'_, E> {
    /// P6. What the old side answers here is the measure for later phases too.
    pub(super) async fn bake_mixed(&self) -> Event {
        let config = self.run.config;
        self.bake(Bake {
            content: Content::Both,
            lasts: config.phases.bake.0,
            pace: config.gates.every.0,
            analyses: true,
        })
        .await
    }

    /// P9.
    pub(super) async fn bake_final(&self) -> Event {
        let config = self.run.config;
        self.bake(Bake {
            content: Content::New,
            lasts: config.phases.final_bake.0,
            pace: config.gates.every.0,
            analyses: true,
        })
        .await
    }

    /// P10.
    pub(super) async fn retain(&self) -> Event {
        let config = self.run.config;
        let forfeited = self.run.settings.forfeit_rollback;
        self.bake(Bake {
            content: Content::New,
            lasts: if forfeited {
                Duration::ZERO
            } else {
                config.phases.retain.0
            },
            pace: config
                .gates
                .every
                .0
                .max(RETAIN_PACE.min(config.phases.retain.0 / 2)),
            analyses: false,
        })
        .await
    }

    async fn bake(&self, bake: Bake) -> Event {
        let began = self.now();
        let mixed = bake.content == Content::Both;
        let (mut window, mut watch) = (Window::default(), Watch::default());
        let mut analyses = Analyses::default();
        let ceiling = bake.lasts + self.run.config.ceilings.confirm.0;
        self.wait(ceiling, bake.pace, async || {
            match self.gateway().await {
                Ok(gateway) if self.content_of(&gateway) == bake.content => {}
                Ok(_) => return Err(self.blocked(Reason::Drift)),
                Err(failure) => return self.unread("the gateway", &failure),
            }
            let tally = match self.look_through_gateway().await {
                Ok(tally) => tally,
                Err(failure) => return self.unread("answers", &failure),
            };
            self.learn_new_build(&tally).await?;
            if mixed {
                self.memory.borrow_mut().baseline.absorb(&tally);
            }
            window.push(tally);
            self.watch_new_side(&mut watch).await?;
            let compared = self.compared(mixed, &window.sum())?;
            let time = time_passed(self.now().since(began), bake.lasts);
            if !bake.analyses {
                return Ok(compared.and(time));
            }
            let analysed = self.analysed(&mut analyses, mixed).await?;
            Ok(compared.and(analysed).and(time))
        })
        .await
    }
}

fn time_passed(elapsed: Duration, needed: Duration) -> Verdict {
    let (seconds, of) = (elapsed.as_secs(), needed.as_secs());
    if elapsed >= needed {
        return Verdict::pass(format!("watched for {seconds} s"));
    }
    Verdict::unknown(format!("{seconds} of {of} s of watching"))
}
