//! Asking hooks.
//!
//! A hook is asked until it decides or its deadline is reached. Its answer is in the journal before
//! it has an effect, so whoever takes up the run does not ask again what is answered. A call whose
//! answer was never written down is repeated, with the same `call` id: that is for the hook to know
//! it by.

use serde_json::{Value, json};

use super::Driver;
use crate::config::{Hook, Moment};
use crate::environment::{Call, Environment, Whom};
use crate::gates::{HookAnswer, Verdict, hook_answer};
use crate::journal::Record;
use crate::observer::Progress;
use crate::swap::event::Event;
use crate::swap::machine::State;

impl<E: Environment> Driver<'_, E> {
    /// Asks every hook of that moment, in the order of the configuration. `None` when the run goes
    /// on.
    pub(super) async fn call_hooks(&self, moment: Moment) -> Option<Event> {
        let hooks = self.run.config.hooks.iter();
        for hook in hooks.filter(|hook| hook.at == moment) {
            let event = self.call_hook(hook).await;
            self.memory.borrow_mut().look_anew(self.now());
            self.arm.set_limit(self.memory.borrow().deadline());
            if event.is_some() {
                return event;
            }
        }
        None
    }

    async fn call_hook(&self, hook: &Hook) -> Option<Event> {
        let before = self.memory.borrow().kept();
        let event = self.decided(hook).await;
        let failed = matches!(event, Event::OnFail | Event::OnDeadline);
        if failed && hook.is_required() {
            self.memory.borrow_mut().set_evidence(Vec::new());
            return Some(self.refused_by_hook());
        }
        let why = std::mem::take(&mut self.memory.borrow_mut().reason);
        self.memory.borrow_mut().keep(before);
        if failed {
            let text = format!("{why}; it is advisory, so the run goes on");
            self.tell(&Progress::Warning { text });
        }
        match event {
            Event::OnPass | Event::OnFail | Event::OnDeadline => None,
            other => {
                self.memory.borrow_mut().reason = why;
                Some(other)
            }
        }
    }

    /// What a required hook's refusal means here: as that of a gate.
    fn refused_by_hook(&self) -> Event {
        let state = self.memory.borrow().state();
        match state {
            Some(State::Observing | State::Preflighting) => Event::OnRefusal,
            Some(State::Warming | State::Gating) => Event::OnFail,
            _ => {
                let why = self.memory.borrow().reason.clone();
                self.breach(why)
            }
        }
    }

    /// The journalled decision, or asks for one.
    async fn decided(&self, hook: &Hook) -> Event {
        let past = self.memory.borrow().hooks.get(&hook.name).cloned();
        match past.and_then(|past| past.answer) {
            Some((HookAnswer::Succeeded, _)) => return Event::OnPass,
            Some((HookAnswer::Failed, detail)) => {
                self.memory.borrow_mut().reason = failure(hook, &detail);
                return Event::OnFail;
            }
            _ => {}
        }
        let waits = self.wait(hook.deadline.0, hook.interval.0, async || {
            let (answer, detail) = self.ask_once(hook).await?;
            Ok(match answer {
                HookAnswer::Succeeded => Verdict::pass(format!("hook `{}` agreed", hook.name)),
                HookAnswer::Failed => Verdict::Fail(failure(hook, &detail)),
                // The way back waits for nobody.
                _ if hook.at == Moment::OnRollback => {
                    Verdict::pass(format!("hook `{}` was told", hook.name))
                }
                _ => Verdict::unknown(format!("hook `{}` to decide: {detail}", hook.name)),
            })
        });
        waits.await
    }

    async fn ask_once(&self, hook: &Hook) -> Result<(HookAnswer, String), Event> {
        let attempt = self.memory.borrow_mut().attempt(&hook.name);
        let (name, when) = (hook.name.clone(), hook.at);
        let missing = vec![format!("hook `{name}` to answer")];
        self.memory.borrow_mut().set_missing(missing);
        if attempt == 1 {
            let calling = Record::HookCalled {
                hook: name.clone(),
                when,
            };
            self.record(calling).await?;
        }
        self.tell(&Progress::HookCalled {
            hook: name.clone(),
            when,
            attempt,
        });
        let reply = self.run.environment.outside(self.question(hook, attempt));
        let (answer, detail) = hook_answer(&reply.await);
        self.tell(&Progress::HookAnswered {
            hook: name.clone(),
            when,
            attempt,
            answer,
            detail: detail.clone(),
        });
        // "In progress", said a hundred times, is one line.
        let said = Some((answer, detail.clone()));
        if self.memory.borrow_mut().is_news(&name, &said) {
            let answered = Record::HookAnswered {
                hook: name,
                attempt,
                answer,
                detail: detail.clone(),
            };
            self.record(answered).await?;
        }
        Ok((answer, detail))
    }

    fn question(&self, hook: &Hook, attempt: u32) -> Call {
        let context = self.context(hook, attempt);
        let timeout = hook.timeout.0;
        let whom = match (&hook.http, &hook.command) {
            (Some(to), _) => Whom::Web {
                to: to.clone(),
                rest: String::new(),
                body: Some(context.to_string()),
            },
            (None, command) => Whom::Command {
                command: command.clone().unwrap_or_default(),
                variables: variables(&context),
                input: context.to_string(),
            },
        };
        Call { whom, timeout }
    }

    /// What a hook is told. Additions are no break, removals are.
    fn context(&self, hook: &Hook, attempt: u32) -> Value {
        let memory = self.memory.borrow();
        let run = self.journal.run().as_str();
        let state = memory.state();
        let target = &self.run.config.target;
        let side = |name: &str, address: String, build: &Option<String>| json!({"name": name, "address": address, "build": build});
        let sides = memory.sides.as_ref();
        json!({
            "version": 1,
            "run": run,
            "hook": hook.name,
            "call": format!("{run}/{}", hook.name),
            "attempt": attempt,
            "when": hook.at.to_string(),
            "reverse": state.is_some_and(State::is_reverse),
            "ending": match state {
                Some(State::Ended(ending)) => Some(ending),
                _ => None,
            },
            "reason": memory.reason,
            "endpoint": self.run.access.endpoint(),
            "gateway": target.gateway.to_string(),
            "pool": target.pool,
            "members": memory.pool,
            "gateway_writes": memory.gateway_puts(),
            "old": sides.map(|s| side(&s.old.name, s.old.address.to_string(), &memory.old_build)),
            "new": sides.map(|s| side(&s.new.name, s.new.address.to_string(), &memory.new_build)),
        })
    }
}

fn failure(hook: &Hook, detail: &str) -> String {
    format!("hook `{}` ({}) says no: {detail}", hook.name, hook.at)
}

/// The same for programs that do not read JSON.
fn variables(context: &Value) -> Vec<(String, String)> {
    let text = |pointer: &str| match context.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    };
    [
        ("TURQUOISE_RUN", "/run"),
        ("TURQUOISE_HOOK", "/hook"),
        ("TURQUOISE_CALL", "/call"),
        ("TURQUOISE_ATTEMPT", "/attempt"),
        ("TURQUOISE_WHEN", "/when"),
        ("TURQUOISE_ENDING", "/ending"),
        ("TURQUOISE_REASON", "/reason"),
        ("TURQUOISE_GATEWAY", "/gateway"),
        ("TURQUOISE_POOL", "/pool"),
        ("TURQUOISE_OLD", "/old/name"),
        ("TURQUOISE_OLD_BUILD", "/old/build"),
        ("TURQUOISE_NEW", "/new/name"),
        ("TURQUOISE_NEW_BUILD", "/new/build"),
    ]
    .map(|(name, pointer)| (name.to_owned(), text(pointer)))
    .to_vec()
}
