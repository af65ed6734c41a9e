//! What readings of a metric say: good, bad or unknown (F04, F18).
//!
//! No data is never good. One bad reading is not yet bad, and one good reading not yet good: each
//! needs as many as the configuration says.

use serde_json::Value;

use super::verdict::Verdict;
use crate::config::Analysis;

/// Readings of one metric in one bake.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readings {
    good: u32,
    bad_in_a_row: u32,
    /// What the last reading could not tell.
    unknown: Option<String>,
    last: String,
}

/// One reading of both sides; `Err` says why there is no value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    pub(crate) new: Result<f64, String>,
    /// `None` where the old side was not asked about.
    pub(crate) old: Option<Result<f64, String>>,
}

impl Readings {
    /// Takes in a reading.
    pub(crate) fn push(&mut self, rule: &Analysis, reading: &Reading) {
        match judge(rule, reading) {
            Ok(said) => {
                self.good += 1;
                self.bad_in_a_row = 0;
                (self.unknown, self.last) = (None, said);
            }
            Err(Some(said)) => {
                self.bad_in_a_row += 1;
                self.good = 0;
                (self.unknown, self.last) = (None, said);
            }
            Err(None) => {
                self.bad_in_a_row = 0;
                self.unknown = Some(missing(reading));
            }
        }
    }

    /// What they say so far.
    pub(crate) fn verdict(&self, rule: &Analysis) -> Verdict {
        let name = &rule.name;
        if self.bad_in_a_row >= rule.failures.max(1) {
            let times = self.bad_in_a_row;
            return Verdict::Fail(format!("metric `{name}`: {} ({times} readings)", self.last));
        }
        if let Some(why) = &self.unknown {
            return Verdict::unknown(format!("metric `{name}`: {why}"));
        }
        if self.bad_in_a_row == 0 && self.good >= rule.samples.max(1) {
            return Verdict::pass(format!("metric `{name}`: {}", self.last));
        }
        let (good, of) = (self.good, rule.samples);
        Verdict::unknown(format!("metric `{name}`: {good} of {of} good readings"))
    }
}

fn missing(reading: &Reading) -> String {
    match (&reading.new, &reading.old) {
        (Err(why), _) => format!("the new side: {why}"),
        (_, Some(Err(why))) => format!("the old side: {why}"),
        _ => "nothing to compare".to_owned(),
    }
}

/// Good, bad, or neither.
fn judge(rule: &Analysis, reading: &Reading) -> Result<String, Option<String>> {
    let new = *reading.new.as_ref().map_err(|_| None)?;
    if let Some(limit) = rule.at_most.filter(|limit| new > *limit) {
        return Err(Some(format!("{new} is more than {limit}")));
    }
    if let Some(limit) = rule.at_least.filter(|limit| new < *limit) {
        return Err(Some(format!("{new} is less than {limit}")));
    }
    if let (Some(ratio), Some(old)) = (rule.ratio, &reading.old) {
        let old = *old.as_ref().map_err(|_| None)?;
        let limit = old * ratio + rule.margin;
        if new > limit {
            return Err(Some(format!(
                "{new} is more than {limit}, the old side has {old}"
            )));
        }
        return Ok(format!("{new} beside {old} of the old side"));
    }
    Ok(new.to_string())
}

/// The one value of an answer of `/api/v1/query` (Prometheus documentation, "HTTP API", instant
/// queries).
pub(crate) fn instant_value(status: u16, body: &[u8]) -> Result<f64, String> {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    if document["status"] != "success" {
        let said = document["error"].as_str().unwrap_or("no Prometheus answer");
        return Err(format!("answered {status}: {said}"));
    }
    let result = &document["data"]["result"];
    let sample = match document["data"]["resultType"].as_str() {
        Some("scalar") => result,
        Some("vector") => match result.as_array().map(Vec::as_slice) {
            Some([one]) => &one["value"],
            Some([]) => return Err("no data".to_owned()),
            more => {
                let count = more.map_or(0, <[Value]>::len);
                return Err(format!("{count} series instead of one; write `sum(…)`"));
            }
        },
        _ => return Err("neither a vector nor a scalar".to_owned()),
    };
    let text = sample[1].as_str().unwrap_or_default();
    match text.parse::<f64>() {
        Ok(value) if !value.is_nan() => Ok(value),
        _ => Err(format!("the value is `{text}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(bounds: &str) -> Analysis {
        let text = format!(
            "name = \"errors\"\nprometheus = {{ url = \"http://p\" }}\nnew = \"q\"\n{bounds}"
        );
        toml::from_str(&text).expect("the literal is an analysis")
    }

    fn after(rule: &Analysis, readings: &[Reading]) -> Verdict {
        let mut all = Readings::default();
        for reading in readings {
            all.push(rule, reading);
        }
        all.verdict(rule)
    }

    fn new(value: f64) -> Reading {
        Reading {
            new: Ok(value),
            old: None,
        }
    }

    fn beside(value: f64, old: f64) -> Reading {
        Reading {
            new: Ok(value),
            old: Some(Ok(old)),
        }
    }

    fn silent() -> Reading {
        Reading {
            new: Err("no data".to_owned()),
            old: None,
        }
    }

    #[test]
    fn good_bad_and_unknown_each_need_their_readings() {
        let limit = rule("at_most = 0.1");
        let floor = rule("at_least = 10.0\nsamples = 1\nfailures = 1");
        let relative = rule("old = \"q\"\nratio = 1.5\nmargin = 0.01\nsamples = 1\nfailures = 1");
        for (rule, readings, passes) in [
            (&limit, vec![new(0.1); 3], Some(true)),
            (&limit, vec![new(0.0); 2], None),
            (&limit, vec![new(0.2); 2], Some(false)),
            (&limit, vec![new(0.0), new(0.0), new(0.0), new(0.2)], None),
            (&limit, vec![new(0.2), silent(), new(0.2)], None),
            (&limit, vec![new(0.0), new(0.0), new(0.0), silent()], None),
            (&limit, vec![silent(); 99], None),
            (&limit, vec![], None),
            (&floor, vec![new(10.0)], Some(true)),
            (&floor, vec![new(9.0)], Some(false)),
            (&relative, vec![beside(0.16, 0.1)], Some(true)),
            (&relative, vec![beside(0.17, 0.1)], Some(false)),
            (
                &relative,
                vec![Reading {
                    new: Ok(0.0),
                    old: Some(Err("no data".to_owned())),
                }],
                None,
            ),
        ] {
            let said = match after(rule, &readings) {
                Verdict::Pass(_) => Some(true),
                Verdict::Fail(_) => Some(false),
                Verdict::Unknown(_) => None,
            };
            assert_eq!(said, passes, "{readings:?}");
        }
    }

    #[test]
    fn only_one_number_is_a_value() {
        for (body, value) in [
            (
                r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.25"]}]}}"#,
                Ok(0.25),
            ),
            (
                r#"{"status":"success","data":{"resultType":"scalar","result":[1435781451.781,"1"]}}"#,
                Ok(1.0),
            ),
            (
                r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#,
                Err("no data"),
            ),
            (
                r#"{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"NaN"]}]}}"#,
                Err("`NaN`"),
            ),
            (
                r#"{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"1"]},{"value":[1,"2"]}]}}"#,
                Err("2 series"),
            ),
            (
                r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
                Err("neither"),
            ),
            (
                r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#,
                Err("parse error"),
            ),
            ("<html>", Err("no Prometheus answer")),
        ] {
            match (instant_value(200, body.as_bytes()), value) {
                (Ok(read), Ok(expected)) => {
                    assert!((read - expected).abs() < f64::EPSILON, "{body}")
                }
                (Err(read), Err(expected)) => assert!(read.contains(expected), "{read}"),
                (read, expected) => panic!("{body}: {read:?} instead of {expected:?}"),
            }
        }
    }
}
