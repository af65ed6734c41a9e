//! What a configuration must say to be one, and how an error points at the line.

mod outside;

use std::fmt;
use std::path::{Path, PathBuf};

use super::Config;

/// Why a configuration file cannot be used: where it is wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {problem}; {advice}", .path.display())]
pub struct ConfigError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 when no line can be named.
    pub line: usize,
    /// What is wrong, naming the key.
    pub problem: String,
    /// What to do.
    pub advice: String,
}

/// A contradiction between values that each parse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    key: String,
    problem: String,
    advice: String,
}

impl ConfigError {
    pub(super) fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let message = error.message().trim().replace('\n', ", ");
        let line = error.span().map_or(0, |span| line_at(text, span.start));
        let advice = if message.starts_with("unknown field") {
            "remove it or correct its spelling"
        } else if message.starts_with("missing field") {
            "add the key to this table; `turquoise init` prints a complete example"
        } else {
            "correct the value on this line"
        };
        Self {
            path: path.to_owned(),
            line,
            problem: message,
            advice: advice.to_owned(),
        }
    }

    pub(super) fn finding(path: &Path, text: &str, finding: Finding) -> Self {
        Self {
            path: path.to_owned(),
            line: line_of(text, &finding.key),
            problem: format!("`{}` {}", finding.key, finding.problem),
            advice: finding.advice,
        }
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// The line of a dotted key, or of the deepest table above it that the text has.
fn line_of(text: &str, key: &str) -> usize {
    let (table, leaf) = key.rsplit_once('.').unwrap_or(("", key));
    let mut found = 0;
    let mut current = "";
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|l| l.split(']').next()) {
            current = header;
            if key.starts_with(header) {
                found = index + 1;
            }
        } else if current == table && line.split('=').next().map(str::trim) == Some(leaf) {
            return index + 1;
        }
    }
    found
}

/// The first contradiction in `config`, in the order a reader meets the keys.
pub(super) fn check(config: &Config) -> Result<(), Finding> {
    target(config)?;
    frontend(config)?;
    sides(config)?;
    tuning(config)?;
    outside::hooks(config)?;
    outside::analyses(config)?;
    outside::notifications(config)
}

fn ensure(
    holds: bool,
    key: impl Into<String>,
    problem: impl fmt::Display,
    advice: impl fmt::Display,
) -> Result<(), Finding> {
    if holds {
        return Ok(());
    }
    Err(Finding {
        key: key.into(),
        problem: problem.to_string(),
        advice: advice.to_string(),
    })
}

fn target(config: &Config) -> Result<(), Finding> {
    let target = &config.target;
    let is_gateway = target.gateway.resource_type().is_some_and(|kind| {
        kind.is("Microsoft.Network/applicationGateways") && target.gateway.group_name().is_some()
    });
    ensure(
        is_gateway,
        "target.gateway",
        "is not the id of an application gateway",
        "write `/subscriptions/…/resourceGroups/…/providers/Microsoft.Network/applicationGateways/…`",
    )?;
    let names: Vec<&str> = config.sides.keys().map(String::as_str).collect();
    ensure(
        config.sides.len() == 2,
        "sides",
        format_args!("names {} sides", config.sides.len()),
        "name exactly two, such as `[sides.green]` and `[sides.blue]`",
    )?;
    ensure(
        config.sides.contains_key(&target.initial),
        "target.initial",
        format_args!("names `{}`, which is no side", target.initial),
        format_args!("write one of `{}`", names.join("`, `")),
    )
}

fn frontend(config: &Config) -> Result<(), Finding> {
    let frontend = &config.frontend;
    let subnets = &frontend.network.subnets;
    ensure(
        subnets.contains_key(&frontend.network.gateway_subnet),
        "frontend.network.gateway_subnet",
        format_args!(
            "names `{}`, which is no subnet",
            frontend.network.gateway_subnet
        ),
        "add it under `[frontend.network.subnets]`",
    )?;
    ensure(
        frontend.http.is_some() || frontend.https.is_some(),
        "frontend",
        "has no listener",
        "add `[frontend.http]` or `[frontend.https]`",
    )?;
    ensure(
        frontend.probe.path.starts_with('/'),
        "frontend.probe.path",
        "does not begin with `/`",
        "add the slash: Azure refuses the probe without it",
    )?;
    let drain = frontend.drain_timeout.0.as_secs();
    ensure(
        (1..=3600).contains(&drain),
        "frontend.drain_timeout",
        "is outside what a gateway takes",
        "write between `1s` and `1h`",
    )?;
    ensure(
        frontend.request_timeout <= frontend.drain_timeout,
        "frontend.drain_timeout",
        "is shorter than `frontend.request_timeout`",
        "raise it: a request that is allowed to take longer would be cut by the swap",
    )
}

fn sides(config: &Config) -> Result<(), Finding> {
    let subnets = &config.frontend.network.subnets;
    for (name, side) in &config.sides {
        ensure(
            side.template.is_some() || side.parameters.is_none(),
            format!("sides.{name}.parameters"),
            "belongs to no template",
            "name the template in `template`, or remove the key",
        )?;
        ensure(
            side.template.is_some() || !side.address.is_unspecified(),
            format!("sides.{name}.address"),
            "is missing",
            "write the private address of the side's load balancer",
        )?;
        for (key, subnet) in [
            ("address_subnet", &side.address_subnet),
            ("subnet", &side.subnet),
        ] {
            // A template brings subnets of its own, or takes ours by parameter.
            let given = side.template.is_none() || !subnet.is_empty();
            if !given {
                continue;
            }
            ensure(
                subnets.contains_key(subnet) && *subnet != config.frontend.network.gateway_subnet,
                format!("sides.{name}.{key}"),
                format_args!("names `{subnet}`, where machines cannot be"),
                "name a subnet of `[frontend.network.subnets]` other than the gateway's",
            )?;
        }
        let range = side
            .autoscale
            .map_or(0..=u32::MAX, |a| a.minimum..=a.maximum);
        ensure(
            side.instances > 0 && range.contains(&side.instances),
            format!("sides.{name}.instances"),
            format_args!("is {}, outside the autoscale limits", side.instances),
            "write at least 1 and a number within `autoscale`",
        )?;
    }
    let known = config.sides.values().map(|side| side.address);
    let known: Vec<_> = known.filter(|address| !address.is_unspecified()).collect();
    let distinct: std::collections::BTreeSet<_> = known.iter().collect();
    let first = config.sides.keys().next().map_or("", String::as_str);
    ensure(
        distinct.len() == known.len(),
        format!("sides.{first}.address"),
        "is the other side's address too",
        "give each side an address of its own, or a swap would change nothing",
    )
}

fn tuning(config: &Config) -> Result<(), Finding> {
    let gates = &config.gates;
    for (key, value) in [
        ("gates.consecutive", gates.consecutive),
        ("gates.connections", gates.connections),
    ] {
        ensure(
            value > 0,
            key,
            "is 0",
            "write at least 1: a gate that asks nothing proves nothing",
        )?;
    }
    for (key, span) in [
        ("gates.every", gates.every),
        ("gates.request_timeout", gates.request_timeout),
        ("lease.ttl", config.lease.ttl),
    ] {
        ensure(!span.0.is_zero(), key, "is 0", "write a span such as `5s`")?;
    }
    ensure(
        config.capacity.ratio > 0.0 && config.capacity.ratio <= 10.0,
        "capacity.ratio",
        "is not between 0 and 10",
        "write 1.0 for as many instances as the live side has",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(edit: impl FnOnce(&str) -> String) -> ConfigError {
        let text = edit(Config::example_toml());
        Config::parse(Path::new("t.toml"), &text).expect_err("the edit breaks the file")
    }

    #[test]
    fn errors_name_the_key_the_line_and_what_to_do() {
        for (from, to, key, advice) in [
            ("pool = ", "pol = ", "pol", "spelling"),
            ("pool = \"pool01\"\n", "", "`pool`", "add the key"),
            (
                "initial = \"green\"",
                "initial = \"red\"",
                "`target.initial`",
                "`blue`, `green`",
            ),
            (
                "retain = \"24h\"",
                "retain = \"long\"",
                "`long`",
                "correct the value",
            ),
            (
                "drain_timeout = \"60s\"",
                "drain_timeout = \"5s\"",
                "`frontend.drain_timeout`",
                "raise it",
            ),
            (
                "address = \"10.0.0.6\"",
                "address = \"10.0.0.5\"",
                "address",
                "a swap would change nothing",
            ),
            (
                "consecutive = 3",
                "consecutive = 0",
                "`gates.consecutive`",
                "at least 1",
            ),
            (
                "applicationGateways/bgappgw",
                "loadBalancers/x",
                "`target.gateway`",
                "applicationGateways",
            ),
            ("[sides.blue]", "[sides.blue]\nwait = 1", "wait", "spelling"),
        ] {
            let error = parse(|text| text.replacen(from, to, 1));
            let shown = error.to_string();
            assert!(shown.contains(key), "{shown}");
            assert!(shown.contains(advice), "{shown}");
            assert!(error.line > 0, "{shown}");
        }
    }

    #[test]
    fn the_line_is_the_key_s_own() {
        let error = parse(|text| text.replacen("consecutive = 3", "consecutive = 0", 1));
        let expected = Config::example_toml()
            .lines()
            .position(|line| line.starts_with("consecutive"))
            .map(|index| index + 1);
        assert_eq!(Some(error.line), expected);
    }
}
