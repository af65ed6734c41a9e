//! What a notification says, and how Slack, Teams and programs want it.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use turquoise_orchestrator::config::{NotifyEvent, NotifyFormat};
use turquoise_orchestrator::{Config, Outcome, Progress, SwapReport};

use crate::exit::Exit;
use crate::progress::{named, side_names};

/// One message, the same for everybody.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    pub(super) event: NotifyEvent,
    text: String,
    document: Value,
}

/// Turns what a run does into messages.
#[derive(Debug, Default)]
pub(super) struct Teller {
    endpoint: String,
    gateway: String,
    pool: String,
    sides: Vec<(Ipv4Addr, String)>,
    /// Who was alone in the pool the last time anybody was.
    live: Option<Ipv4Addr>,
}

impl Teller {
    pub(super) fn new(config: &Config, endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            gateway: config.target.gateway.to_string(),
            pool: config.target.pool.clone(),
            sides: side_names(config),
            live: None,
        }
    }

    pub(super) fn hear(&mut self, progress: &Progress) -> Option<Message> {
        match progress {
            Progress::Planned { run, old, new, .. } => Some(self.message(
                NotifyEvent::Started,
                &format!("started: {old} serves, {new} is to serve"),
                json!({"run": run, "old": old, "new": new}),
            )),
            Progress::Pool { members } => self.pool(members),
            _ => None,
        }
    }

    /// Somebody else alone in the pool: the live side has changed, as far as ARM says.
    fn pool(&mut self, members: &[Ipv4Addr]) -> Option<Message> {
        let [alone] = members else {
            return None;
        };
        let before = self.live.replace(*alone)?;
        if before == *alone {
            return None;
        }
        let (from, to) = (named(&self.sides, before), named(&self.sides, *alone));
        Some(self.message(
            NotifyEvent::LiveSideChanged,
            &format!("the pool lists {to} alone, {from} no more"),
            json!({"from": from, "to": to}),
        ))
    }

    /// `None` for a run that goes on later, or that had nothing to do.
    pub(super) fn hear_end(&self, report: &SwapReport, exit: Exit) -> Option<Message> {
        let event = match report.outcome {
            Outcome::NothingToDo
            | Outcome::LockHeld
            | Outcome::Stale
            | Outcome::Interrupted
            | Outcome::Paused => return None,
            Outcome::RolledBack | Outcome::RolledBackUnverified => NotifyEvent::RolledBack,
            Outcome::Parked | Outcome::Unauthorised | Outcome::Unavailable => NotifyEvent::Parked,
            Outcome::Completed | Outcome::GateFailed | Outcome::Refused => NotifyEvent::Ended,
        };
        let outcome = report.outcome.name();
        let mut text = format!("{}: {}", outcome.replace('_', " "), exit.meaning());
        for (what, detail) in [
            ("because", Some(&report.reason)),
            ("next", report.resume.as_ref()),
        ] {
            if let Some(detail) = detail.filter(|detail| !detail.is_empty()) {
                text = format!("{text}; {what}: {detail}");
            }
        }
        let details = json!({
            "run": report.run,
            "outcome": outcome,
            "exit_code": exit.code(),
            "reason": report.reason,
            "changed": report.changed,
            "pool_members": report.pool.arm,
            "resume": report.resume,
        });
        Some(self.message(event, &text, details))
    }

    fn message(&self, event: NotifyEvent, what: &str, details: Value) -> Message {
        let mut document = json!({
            "version": 1,
            "event": event,
            "endpoint": self.endpoint,
            "gateway": self.gateway,
            "pool": self.pool,
            "text": what,
        });
        if let (Some(all), Value::Object(details)) = (document.as_object_mut(), details) {
            all.extend(details);
        }
        let gateway = self.gateway.rsplit('/').next().unwrap_or_default();
        Message {
            event,
            text: format!("swap of {} on {gateway} {what}", self.pool),
            document,
        }
    }
}

/// The message as that service takes it.
pub(super) fn body(format: NotifyFormat, message: &Message) -> Value {
    match format {
        NotifyFormat::Json => message.document.clone(),
        NotifyFormat::Slack => json!({"text": for_slack(&message.text)}),
        NotifyFormat::Teams => json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [{"type": "TextBlock", "text": message.text, "wrap": true}],
                },
            }],
        }),
    }
}

/// Slack's three control characters ("Formatting text for app surfaces", Escaping text).
fn for_slack(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn teller() -> Teller {
        Teller::new(&Config::example(), "https://azure")
    }

    fn pool(members: &[u8]) -> Progress {
        let members = members.iter().map(|last| Ipv4Addr::new(10, 0, 0, *last));
        Progress::Pool {
            members: members.collect(),
        }
    }

    #[test]
    fn the_live_side_has_changed_when_another_is_alone_in_the_pool() {
        for (looks, texts) in [
            (
                &[&[5][..], &[5, 6], &[6], &[6]][..],
                &["the pool lists blue alone, green no more"][..],
            ),
            (&[&[5], &[5, 6], &[5]], &[]),
            (&[&[6]], &[]),
            (
                &[&[5], &[5, 6], &[6], &[5, 6], &[5]],
                &[
                    "the pool lists blue alone, green no more",
                    "the pool lists green alone, blue no more",
                ],
            ),
        ] {
            let mut teller = teller();
            let told = looks
                .iter()
                .filter_map(|members| teller.hear(&pool(members)));
            let told: Vec<Value> = told
                .map(|message| message.document["text"].clone())
                .collect();
            assert_eq!(told, texts, "{looks:?}");
        }
    }

    #[test]
    fn each_service_gets_its_own_form() {
        let message = teller().message(
            NotifyEvent::Parked,
            "parked: a < b & c",
            json!({"run": "r"}),
        );
        let json = body(NotifyFormat::Json, &message);
        assert_eq!(json["event"], "parked");
        assert_eq!(
            (json["run"].as_str(), json["pool"].as_str()),
            (Some("r"), Some("pool01"))
        );
        let slack = body(NotifyFormat::Slack, &message);
        assert_eq!(
            slack,
            json!({"text": "swap of pool01 on bgappgw parked: a &lt; b &amp; c"})
        );
        let teams = body(NotifyFormat::Teams, &message);
        assert_eq!(
            teams.pointer("/attachments/0/content/body/0/text"),
            Some(&json!("swap of pool01 on bgappgw parked: a < b & c"))
        );
    }
}
