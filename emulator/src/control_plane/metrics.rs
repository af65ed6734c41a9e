//! Metrics as monitors and gates read them: `{resource}/providers/Microsoft.Insights/metrics` and
//! `metricDefinitions`.
//!
//! Values are the data plane's own, as autoscale and backend health see them: what is true at the
//! end of the time span, as one point. What was true before is not kept, and metrics that nobody
//! here measures answer 501.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as tree};

use super::answer::Answer;
use super::provider::Facts;
use super::read::not_found;
use super::{ControlPlane, Turn, method_not_allowed};
use crate::desired::InstanceKey;
use crate::reported::Health;
use crate::time::Instant;

const SCALE_SETS: &str = "Microsoft.Compute/virtualMachineScaleSets";
const GATEWAYS: &str = "Microsoft.Network/applicationGateways";
const BALANCERS: &str = "Microsoft.Network/loadBalancers";

/// One metric of a resource type.
#[derive(Debug)]
struct Metric {
    resource_type: &'static str,
    name: &'static str,
    words: &'static str,
    unit: &'static str,
    /// The aggregation that Azure picks by itself.
    aggregation: &'static str,
    /// What its time series are told apart by.
    dimension: Option<&'static str>,
    source: Source,
}

/// Where a metric's value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Utilisation,
    Machines,
    Members {
        healthy: bool,
    },
    ProbeStatus,
    /// Azure has it and nobody here measures it.
    Nobody,
}

const METRICS: &[Metric] = &[
    metric(SCALE_SETS, "Percentage CPU", "Percent", Source::Utilisation),
    metric(
        SCALE_SETS,
        "VmAvailabilityMetric",
        "Count",
        Source::Machines,
    ),
    metric(SCALE_SETS, "Network In Total", "Bytes", Source::Nobody),
    metric(SCALE_SETS, "Network Out Total", "Bytes", Source::Nobody),
    metric(
        SCALE_SETS,
        "Available Memory Bytes",
        "Bytes",
        Source::Nobody,
    ),
    by(
        "BackendSettingsPool",
        metric(
            GATEWAYS,
            "HealthyHostCount",
            "Count",
            Source::Members { healthy: true },
        ),
    ),
    by(
        "BackendSettingsPool",
        metric(
            GATEWAYS,
            "UnhealthyHostCount",
            "Count",
            Source::Members { healthy: false },
        ),
    ),
    metric(GATEWAYS, "TotalRequests", "Count", Source::Nobody),
    metric(GATEWAYS, "FailedRequests", "Count", Source::Nobody),
    metric(GATEWAYS, "ResponseStatus", "Count", Source::Nobody),
    metric(GATEWAYS, "BackendResponseStatus", "Count", Source::Nobody),
    metric(
        GATEWAYS,
        "ApplicationGatewayTotalTime",
        "MilliSeconds",
        Source::Nobody,
    ),
    metric(
        GATEWAYS,
        "BackendLastByteResponseTime",
        "MilliSeconds",
        Source::Nobody,
    ),
    metric(GATEWAYS, "CurrentConnections", "Count", Source::Nobody),
    metric(GATEWAYS, "Throughput", "BytesPerSecond", Source::Nobody),
    metric(BALANCERS, "DipAvailability", "Count", Source::ProbeStatus),
    metric(BALANCERS, "VipAvailability", "Count", Source::Nobody),
    metric(BALANCERS, "ByteCount", "Bytes", Source::Nobody),
    metric(BALANCERS, "SYNCount", "Count", Source::Nobody),
];

const fn metric(
    resource_type: &'static str,
    name: &'static str,
    unit: &'static str,
    source: Source,
) -> Metric {
    Metric {
        resource_type,
        name,
        words: name,
        unit,
        aggregation: "Average",
        dimension: None,
        source,
    }
}

const fn by(dimension: &'static str, metric: Metric) -> Metric {
    Metric {
        dimension: Some(dimension),
        ..metric
    }
}

/// One time series: what it is of, and its value where there is one.
type Series = (Option<String>, Option<f64>);

impl ControlPlane {
    /// Answers `metrics` or `metricDefinitions` of a resource.
    pub(super) fn on_metrics(
        &mut self,
        turn: Turn<'_>,
        id: &ResourceId,
        definitions: bool,
    ) -> Result<Answer, ArmError> {
        if *turn.request.method != Method::GET {
            return Err(method_not_allowed(turn.request));
        }
        let held = self.store.get(id).ok_or_else(|| not_found(id))?;
        let resource_type = self.providers[held.provider].kind().resource_type;
        let region = tree::text(&held.model, "location").unwrap_or_default();
        let region = region.to_owned();
        if definitions {
            let rows = of(resource_type).map(|metric| definition(id, resource_type, metric));
            return Ok(Answer::ok(&json!({"value": rows.collect::<Vec<_>>()})));
        }
        let wanted = wanted(resource_type, turn.request.parameter("metricnames"))?;
        let unmeasured = wanted.iter().find(|m| m.source == Source::Nobody);
        if let Some(metric) = unmeasured {
            let what = format!("{resource_type} metric {}", metric.name);
            return Err(self.unhandled_call(turn.request, &what));
        }
        let span = Span::read(turn, self.clock)?;
        let mut values = Vec::new();
        for metric in wanted {
            let series = self.series(turn, id, metric, &span);
            values.push(value(id, metric, &series, &span, self.clock));
        }
        Ok(Answer::ok(&json!({
            "cost": 0,
            "timespan": span.text(self.clock),
            "interval": span.interval_text,
            "namespace": resource_type,
            "resourceregion": region,
            "value": values,
        })))
    }

    fn series(&self, turn: Turn<'_>, id: &ResourceId, metric: &Metric, span: &Span) -> Vec<Series> {
        let reported = Facts(turn.reported);
        match metric.source {
            Source::Utilisation => {
                vec![(None, reported.utilisation(turn.now, id, span.interval))]
            }
            Source::Machines => vec![(None, self.running_share(reported, id))],
            Source::Members { healthy } => members(reported, id, healthy),
            Source::ProbeStatus => vec![(None, self.probe_status(reported, id))],
            Source::Nobody => Vec::new(),
        }
    }

    /// Of a set's machines, the share that runs.
    fn running_share(&self, reported: Facts<'_>, id: &ResourceId) -> Option<f64> {
        let machines: Vec<bool> = self
            .store
            .within(id)
            .filter_map(|held| held.id.name().parse().ok())
            .map(|number| {
                let report = reported.instance(&InstanceKey {
                    scale_set: id.clone(),
                    number,
                });
                report.is_some_and(|report| report.power == crate::reported::Power::Running)
            })
            .collect();
        mean(machines.iter().map(|runs| f64::from(u8::from(*runs))))
    }

    /// Of all instances behind a balancer's rules, the percentage whose probe passes.
    fn probe_status(&self, reported: Facts<'_>, id: &ResourceId) -> Option<f64> {
        let held = self.store.get(id)?;
        let rules = tree::items(&held.model, "properties.loadBalancingRules");
        let names = rules.filter_map(|rule| tree::text(rule, "name"));
        let verdicts: Vec<bool> = names
            .flat_map(|name| reported.rule_health(id, name))
            .map(|(_, healthy)| healthy)
            .collect();
        mean(verdicts.iter().map(|up| if *up { 100.0 } else { 0.0 }))
    }
}

/// Healthy or unhealthy members by pool and settings, a series each. A member of which gateway
/// instances disagree is unhealthy: somewhere requests to it fail.
fn members(reported: Facts<'_>, id: &ResourceId, healthy: bool) -> Vec<Series> {
    let mut series: Vec<(String, f64)> = Vec::new();
    for member in reported.backend_health(id) {
        if matches!(member.health, Health::Draining | Health::Unknown) {
            continue;
        }
        let name = format!("{}~{}", member.pool.name(), member.settings.name());
        let counts = f64::from(u8::from((member.health == Health::Up) == healthy));
        match series.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += counts,
            None => series.push((name, counts)),
        }
    }
    let named = series.into_iter();
    named
        .map(|(name, count)| (Some(name), Some(count)))
        .collect()
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
    (count > 0.0).then(|| sum / count)
}

fn of(resource_type: &str) -> impl Iterator<Item = &'static Metric> {
    let metrics = METRICS.iter();
    metrics.filter(move |metric| metric.resource_type == resource_type)
}

/// The metrics of `metricnames`, a list with commas.
fn wanted(resource_type: &str, names: Option<&str>) -> Result<Vec<&'static Metric>, ArmError> {
    let Some(names) = names.filter(|names| !names.trim().is_empty()) else {
        return Ok(of(resource_type).take(1).collect());
    };
    let find = |name: &str| {
        let found = of(resource_type).find(|metric| metric.name.eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            let known: Vec<&str> = of(resource_type).map(|metric| metric.name).collect();
            ArmError::bad_request(
                "BadRequest",
                format!(
                    "Failed to find metric configuration for resource type: {resource_type}, \
                     metric: {name}, Valid metrics: {}",
                    known.join(",")
                ),
            )
        })
    };
    names.split(',').map(|name| find(name.trim())).collect()
}

/// The time that is asked about.
#[derive(Clone, Debug)]
struct Span {
    from_ms: i64,
    until_ms: i64,
    now: Instant,
    now_ms: i64,
    interval: Duration,
    interval_text: String,
}

/// Azure looks back an hour where the request does not say.
const HOUR_MS: i64 = 3_600_000;

impl Span {
    fn read(turn: Turn<'_>, clock: super::Clock) -> Result<Self, ArmError> {
        let now_ms = clock.timestamp(turn.now).as_millisecond();
        let interval_text = turn.request.parameter("interval").unwrap_or("PT1M");
        let interval: Option<jiff::SignedDuration> = interval_text.parse().ok();
        let interval = interval
            .and_then(|interval| Duration::try_from(interval).ok())
            .filter(|interval| !interval.is_zero())
            .ok_or_else(|| wrong("interval", interval_text))?;
        let (from_ms, until_ms) = match turn.request.parameter("timespan") {
            None => (now_ms - HOUR_MS, now_ms),
            Some(text) => span(text).ok_or_else(|| wrong("timespan", text))?,
        };
        Ok(Self {
            from_ms,
            until_ms,
            now: turn.now,
            now_ms,
            interval,
            interval_text: interval_text.to_owned(),
        })
    }

    fn text(&self, clock: super::Clock) -> String {
        let text = |at: i64| match self.now_ms.checked_sub(at).map(u64::try_from) {
            Some(Ok(back)) if back <= self.now.as_millis() => {
                clock.iso(Instant::from_millis(self.now.as_millis() - back))
            }
            _ => jiff::Timestamp::from_millisecond(at)
                .unwrap_or_default()
                .to_string(),
        };
        format!("{}/{}", text(self.from_ms), text(self.until_ms))
    }

    /// Whether the present is inside: only of it is anything known.
    fn holds_now(&self) -> bool {
        let interval = i64::try_from(self.interval.as_millis()).unwrap_or(i64::MAX);
        self.from_ms <= self.now_ms && self.until_ms.saturating_add(interval) >= self.now_ms
    }
}

fn span(text: &str) -> Option<(i64, i64)> {
    let (from, until) = text.split_once('/')?;
    let read = |text: &str| {
        let at: jiff::Timestamp = text.trim().parse().ok()?;
        Some(at.as_millisecond())
    };
    let (from, until) = (read(from)?, read(until)?);
    (from <= until).then_some((from, until))
}

fn wrong(member: &str, given: &str) -> ArmError {
    ArmError::bad_request(
        "BadRequest",
        format!("Detected invalid time {member} input: {given}."),
    )
}

fn definition(id: &ResourceId, resource_type: &str, metric: &Metric) -> Value {
    let dimensions = metric.dimension.into_iter();
    json!({
        "id": format!("{id}/providers/microsoft.insights/metricdefinitions/{}", metric.name),
        "resourceId": id.as_str(),
        "namespace": resource_type,
        "name": {"value": metric.name, "localizedValue": metric.words},
        "unit": metric.unit,
        "primaryAggregationType": metric.aggregation,
        "supportedAggregationTypes": ["None", "Average", "Minimum", "Maximum", "Total", "Count"],
        "isDimensionRequired": false,
        "metricAvailabilities": [{"timeGrain": "PT1M", "retention": "P93D"}],
        "dimensions": dimensions
            .map(|name| json!({"value": name, "localizedValue": name}))
            .collect::<Vec<_>>(),
    })
}

fn value(
    id: &ResourceId,
    metric: &Metric,
    series: &[Series],
    span: &Span,
    clock: super::Clock,
) -> Value {
    let rows = series.iter().map(|(name, value)| {
        let dimension = metric.dimension.zip(name.as_deref()).map(|(dimension, name)| {
            json!({"name": {"value": dimension, "localizedValue": dimension}, "value": name})
        });
        let point = value.filter(|_| span.holds_now()).map(|value| {
            json!({
                "timeStamp": clock.iso(span.now),
                "average": value,
                "minimum": value,
                "maximum": value,
                "total": value,
                "count": 1,
            })
        });
        json!({
            "metadatavalues": dimension.into_iter().collect::<Vec<_>>(),
            "data": point.into_iter().collect::<Vec<_>>(),
        })
    });
    json!({
        "id": format!("{id}/providers/Microsoft.Insights/metrics/{}", metric.name),
        "type": "Microsoft.Insights/metrics",
        "name": {"value": metric.name, "localizedValue": metric.words},
        "unit": metric.unit,
        "timeseries": rows.collect::<Vec<_>>(),
        "errorCode": "Success",
    })
}
