//! Metrics beside our own prober, in the bakes: asked at their pace, judged like any other gate.

use std::time::Duration;

use futures_util::future::{OptionFuture, join};

use super::Driver;
use crate::config::Analysis;
use crate::environment::{Call, Environment, Instant, Reply, Whom};
use crate::gates::{Reading, Readings, Verdict, instant_value};
use crate::plan::Member;
use crate::swap::event::Event;

/// How long one query may take: a look of our own prober waits meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// Readings of every metric in one bake.
#[derive(Debug, Default)]
pub(super) struct Analyses(Vec<(Option<Instant>, Readings)>);

impl<E: Environment> Driver<'_, E> {
    /// What the metrics say by now. With only the new side in the pool nothing is compared with the
    /// old one, which has no traffic to speak of.
    pub(super) async fn analysed(
        &self,
        analyses: &mut Analyses,
        mixed: bool,
    ) -> Result<Verdict, Event> {
        let mut all = Verdict::Pass(Vec::new());
        let rules = &self.run.config.analysis;
        analyses.0.resize_with(rules.len(), Default::default);
        for (rule, (last, readings)) in rules.iter().zip(&mut analyses.0) {
            let judges_alone = rule.at_most.is_some() || rule.at_least.is_some();
            if !mixed && !judges_alone {
                continue;
            }
            if last.is_none_or(|last| self.now().since(last) >= rule.every.0) {
                *last = Some(self.now());
                readings.push(rule, &self.reading(rule, mixed).await);
            }
            match readings.verdict(rule) {
                Verdict::Fail(why) => return Err(self.breach(why)),
                verdict => all = all.and(verdict),
            }
        }
        Ok(all)
    }

    async fn reading(&self, rule: &Analysis, mixed: bool) -> Reading {
        let sides = self.sides();
        let (new_build, old_build) = {
            let memory = self.memory.borrow();
            (memory.new_build.clone(), memory.old_build.clone())
        };
        let new = self.asked(rule, &rule.new, &sides.new, new_build);
        let query = rule.old.as_ref().filter(|_| mixed && rule.ratio.is_some());
        let old = query.map(|query| self.asked(rule, query, &sides.old, old_build));
        let (new, old) = join(new, OptionFuture::from(old)).await;
        Reading { new, old }
    }

    async fn asked(
        &self,
        rule: &Analysis,
        query: &str,
        side: &Member,
        build: Option<String>,
    ) -> Result<f64, String> {
        let query = query
            .replace("{{side}}", &side.name)
            .replace("{{build}}", &build.unwrap_or_default());
        let call = Call {
            whom: Whom::Web {
                to: rule.prometheus.clone(),
                rest: format!("/api/v1/query?query={}", encoded(&query)),
                body: None,
            },
            timeout: PATIENCE,
        };
        match self.run.environment.outside(call).await {
            Ok(Reply::Web { status, body }) => instant_value(status, &body),
            Ok(Reply::Exit { .. }) => Err("a program answered instead of a server".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A query's value in an address (RFC 3986 §2.3: all but unreserved characters).
fn encoded(query: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    query.bytes().map(encode).collect()
}
