//! Looks for what would block or hurt a swap; writes nothing, takes no lease.

use bytes::Bytes;
use futures_util::future::join;
use serde::Serialize;
use serde_json::Value;
use turquoise_arm::json as tree;

use super::planning::{Planning, autoscale_of, plan};
use super::{history, last_run};
use crate::arm_client::{ArmClient, ArmFailure, api_version};
use crate::environment::Environment;
use crate::plan::{Member, PlanCheck};
use crate::run::Run;

/// A clock that is further off than this makes time stamps and token times misleading.
const SKEW_S: u64 = 60;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// Nothing is wrong.
    Fine,
    /// It could not be seen.
    Unknown,
    /// It can hurt.
    Warning,
    /// It blocks a swap.
    Blocking,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DoctorCheck {
    /// What.
    pub name: String,
    /// How grave what was seen is.
    pub gravity: Gravity,
    /// What was seen, with what to do.
    pub detail: String,
}

/// Looks at everything.
///
/// # Errors
/// When the gateway cannot be read at all.
pub async fn doctor<E: Environment>(run: &Run<'_, E>) -> Result<Vec<DoctorCheck>, ArmFailure> {
    let arm = ArmClient::new(run.environment, run.access, "doctor");
    let gateway = arm.get(&run.config.target.gateway).await?;
    let (planned, skew) = join(plan(run, 0), clock(run)).await;
    let mut checks = of_plan(planned?);
    checks.push(skew);
    checks.push(owner_of(&gateway));
    for (name, side) in &run.config.sides {
        let member = Member {
            name: name.clone(),
            address: side.address,
        };
        checks.push(schedules(name, autoscale_of(run, &arm, &member).await));
    }
    checks.push(lease(run).await);
    checks.push(journals(run).await);
    Ok(checks)
}

fn check(name: impl Into<String>, gravity: Gravity, detail: impl Into<String>) -> DoctorCheck {
    DoctorCheck {
        name: name.into(),
        gravity,
        detail: detail.into(),
    }
}

fn of_plan(planned: Planning) -> Vec<DoctorCheck> {
    match planned {
        Planning::Refused(why) => vec![check("direction", Gravity::Blocking, why)],
        Planning::NothingToDo(side) => {
            vec![check(
                "direction",
                Gravity::Fine,
                format!("`{side}` serves"),
            )]
        }
        Planning::Planned(plan) => {
            let content = &plan.content;
            let direction = format!("{} serves, {} is idle", content.old.name, content.new.name);
            let mut checks = vec![check("direction", Gravity::Fine, direction)];
            checks.extend(plan.checks.iter().map(of_check));
            let findings = content.findings.iter();
            checks.extend(findings.map(|f| check("preflight", Gravity::Blocking, f)));
            if content.findings.is_empty() {
                let fine = "probes, drain, images, etag and pool are as a swap needs them";
                checks.push(check("preflight", Gravity::Fine, fine));
            }
            checks
        }
    }
}

fn of_check(seen: &PlanCheck) -> DoctorCheck {
    let gravity = match seen.verdict.as_str() {
        "pass" => Gravity::Fine,
        _ => Gravity::Warning,
    };
    check(&seen.name, gravity, &seen.detail)
}

/// Whether something else believes it owns the gateway: it would take a swap for drift and undo it
/// (F101).
fn owner_of(gateway: &Value) -> DoctorCheck {
    const SIGNS: [&str; 5] = [
        "terraform",
        "pulumi",
        "managed-by",
        "managedby",
        "azd-env-name",
    ];
    let tags = tree::get(gateway, "tags").and_then(Value::as_object);
    let sign = tags.into_iter().flatten().find(|(name, value)| {
        let text = format!("{name} {value}").to_ascii_lowercase();
        SIGNS.iter().any(|sign| text.contains(sign))
    });
    match sign {
        Some((name, value)) => check(
            "infrastructure as code",
            Gravity::Warning,
            format!(
                "the gateway's tag `{name}` is {value}: whoever manages it may undo a swap; let it \
                 ignore `backendAddresses` of the pool"
            ),
        ),
        None => check(
            "infrastructure as code",
            Gravity::Fine,
            "no tag says that a tool manages the gateway",
        ),
    }
}

/// A schedule changes limits in the middle of a run; a pin holds in every profile, but a profile that
/// begins later is not pinned.
fn schedules(side: &str, settings: Result<Vec<Value>, ArmFailure>) -> DoctorCheck {
    let name = format!("autoscale of {side}");
    let settings = match settings {
        Ok(settings) => settings,
        Err(failure) => return check(name, Gravity::Unknown, crate::error_text(&failure)),
    };
    let timed = settings
        .iter()
        .flat_map(|setting| tree::items(setting, "properties.profiles"))
        .find(|profile| {
            ["recurrence", "fixedDate"]
                .iter()
                .any(|key| tree::get(profile, key).is_some_and(|value| !value.is_null()))
        });
    match timed.and_then(|profile| tree::text(profile, "name")) {
        Some(profile) => check(
            name,
            Gravity::Warning,
            format!("profile `{profile}` runs by a schedule; do not swap across its change"),
        ),
        None => check(name, Gravity::Fine, "no schedule"),
    }
}

/// The machine's clock beside Azure's, as its answers are dated.
async fn clock<E: Environment>(run: &Run<'_, E>) -> DoctorCheck {
    const NAME: &str = "clock";
    if is_local(run.access.endpoint()) {
        return check(NAME, Gravity::Fine, "a local Azure has a clock of its own");
    }
    let id = &run.config.target.gateway;
    let url = format!(
        "{}{id}?api-version={}",
        run.access.endpoint(),
        api_version(id, "")
    );
    let Ok(token) = run.access.token().await else {
        return check(NAME, Gravity::Unknown, "no token");
    };
    let request = http::Request::get(url)
        .header("authorization", format!("Bearer {token}"))
        .body(Bytes::new());
    let Ok(request) = request else {
        return check(NAME, Gravity::Unknown, "the endpoint cannot be asked");
    };
    let answer = run.environment.arm(request).await;
    let date = answer.ok().and_then(|answer| {
        let text = answer.headers().get("date")?.to_str().ok()?.to_owned();
        jiff::fmt::rfc2822::parse(&text).ok()
    });
    let Some(date) = date else {
        return check(NAME, Gravity::Unknown, "answers are not dated");
    };
    let theirs = u64::try_from(date.timestamp().as_second()).unwrap_or_default();
    let off = theirs.abs_diff(run.environment.unix_millis() / 1_000);
    if off > SKEW_S {
        let text = format!("{off} s apart from Azure's; correct this machine's time");
        return check(NAME, Gravity::Warning, text);
    }
    check(NAME, Gravity::Fine, format!("{off} s apart from Azure's"))
}

/// Whether an endpoint is on this machine: the time of an emulator is virtual, or faster than ours.
fn is_local(endpoint: &str) -> bool {
    let uri: Option<http::Uri> = endpoint.parse().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

async fn lease<E: Environment>(run: &Run<'_, E>) -> DoctorCheck {
    let now = run.environment.unix_millis();
    match run.lease.read().await {
        Err(error) => check("lease", Gravity::Blocking, error.to_string()),
        Ok(Some((_, lease))) if lease.is_alive(now) => check(
            "lease",
            Gravity::Blocking,
            format!("{} holds it for run `{}`", lease.owner, lease.run),
        ),
        Ok(Some((_, lease))) if !lease.is_released() => check(
            "lease",
            Gravity::Warning,
            format!(
                "{} died with it; a new run watches it first, `turquoise lock break` saves that wait",
                lease.owner
            ),
        ),
        Ok(_) => check("lease", Gravity::Fine, "free"),
    }
}

async fn journals<E: Environment>(run: &Run<'_, E>) -> DoctorCheck {
    const NAME: &str = "journal";
    let runs = match history(run.journal).await {
        Ok(runs) => runs,
        Err(error) => return check(NAME, Gravity::Blocking, error.to_string()),
    };
    if let Some(broken) = runs.iter().find_map(|run| run.broken.clone()) {
        return check(NAME, Gravity::Blocking, broken);
    }
    match last_run(run.journal).await {
        Ok(Some((id, last))) if last.is_open() => check(
            NAME,
            Gravity::Blocking,
            format!(
                "run `{id}` is unfinished in {}; `turquoise resume` goes on",
                last.phase()
            ),
        ),
        _ => check(
            NAME,
            Gravity::Fine,
            format!("{} runs, every chain is whole", runs.len()),
        ),
    }
}
