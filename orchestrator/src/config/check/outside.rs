//! Who is asked outside of Azure: addresses, secrets by name, moments.

use super::{Finding, ensure};
use crate::config::{Config, Hook};
use crate::environment::Web;

/// No call may hold a run up for longer, since nothing else is heard meanwhile.
const LONGEST_CALL_S: u64 = 600;

pub(super) fn hooks(config: &Config) -> Result<(), Finding> {
    for (index, hook) in config.hooks.iter().enumerate() {
        ensure(
            !config.hooks[..index].iter().any(|h| h.name == hook.name),
            "hooks.name",
            format_args!("`{}` names two hooks", hook.name),
            "give each a name of its own: the journal knows them by it",
        )?;
        one_hook(hook)?;
    }
    Ok(())
}

fn one_hook(hook: &Hook) -> Result<(), Finding> {
    let name = &hook.name;
    ensure(
        !name.trim().is_empty(),
        "hooks.name",
        "is empty",
        "write a word that tells what it does, such as `smoke`",
    )?;
    let command = hook.command.as_deref();
    ensure(
        hook.http.is_some() != command.is_some_and(|words| !words.is_empty()),
        "hooks",
        format_args!("asks nobody, or two at once, in `{name}`"),
        "write either `http = { url = \"https://…\" }` or `command = [\"./program\"]`",
    )?;
    if let Some(http) = &hook.http {
        web("hooks.http", http)?;
    }
    ensure(
        hook.at.can_refuse() || hook.required != Some(true),
        "hooks.required",
        format_args!("is true in `{name}`, which is asked {}", hook.at),
        "leave it out: nothing may stand in the way back, and an end has come already",
    )?;
    for (key, span) in [
        ("hooks.timeout", hook.timeout),
        ("hooks.interval", hook.interval),
        ("hooks.deadline", hook.deadline),
    ] {
        ensure(!span.0.is_zero(), key, "is 0", "write a span such as `30s`")?;
    }
    ensure(
        hook.timeout.0.as_secs() <= LONGEST_CALL_S,
        "hooks.timeout",
        format_args!("is {}, and nobody hears an abort meanwhile", hook.timeout),
        "write at most `10m`, answer IN_PROGRESS (exit code 75), and raise `deadline`",
    )
}

pub(super) fn analyses(config: &Config) -> Result<(), Finding> {
    for rule in &config.analysis {
        let name = &rule.name;
        web("analysis.prometheus", &rule.prometheus)?;
        ensure(
            rule.at_most.is_some() || rule.at_least.is_some() || rule.ratio.is_some(),
            "analysis",
            format_args!("`{name}` says nothing of what is good"),
            "write `at_most`, `at_least`, or `ratio` with a query for `old`",
        )?;
        ensure(
            rule.ratio.is_some() == rule.old.is_some(),
            "analysis",
            format_args!("`{name}` has only one of `ratio` and `old`"),
            "write both, or neither",
        )?;
        ensure(
            rule.samples > 0 && rule.failures > 0 && !rule.every.0.is_zero(),
            "analysis",
            format_args!("`{name}` has a `samples`, `failures` or `every` of 0"),
            "write at least 1, and a span such as `30s`",
        )?;
        let limits = [rule.at_most, rule.at_least, rule.ratio, Some(rule.margin)];
        ensure(
            limits.into_iter().flatten().all(f64::is_finite),
            "analysis",
            format_args!("`{name}` has a limit that no value can be compared with"),
            "write numbers",
        )?;
    }
    Ok(())
}

pub(super) fn notifications(config: &Config) -> Result<(), Finding> {
    for notify in &config.notify {
        web("notify.to", &notify.to)?;
    }
    Ok(())
}

/// An address with what opens it.
pub(super) fn web(key: &str, web: &Web) -> Result<(), Finding> {
    let addresses = [
        web.url.is_some(),
        web.url_env.is_some(),
        web.url_file.is_some(),
    ];
    ensure(
        addresses.iter().filter(|given| **given).count() == 1,
        key,
        "names no address, or two",
        "write one of `url`, `url_env` and `url_file`",
    )?;
    ensure(
        web.bearer_env.is_none() || web.bearer_file.is_none(),
        key,
        "names two tokens",
        "write one of `bearer_env` and `bearer_file`",
    )?;
    let Some(url) = &web.url else {
        return Ok(());
    };
    let parsed = url.parse::<http::Uri>().ok();
    let parts = parsed
        .as_ref()
        .and_then(|uri| Some((uri.scheme_str()?, uri.host()?)));
    let Some((scheme @ ("http" | "https"), host)) = parts else {
        return ensure(
            false,
            key,
            format_args!("`{web}` is no address"),
            "write scheme, host and path, such as `https://hooks.example.com/swap`",
        );
    };
    let has_secret = web.bearer_env.is_some() || web.bearer_file.is_some();
    let is_local = ["127.0.0.1", "localhost", "[::1]"].contains(&host);
    ensure(
        scheme == "https" || is_local || !has_secret,
        key,
        format_args!("`{web}` would send the token in the clear"),
        "write `https://`",
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parsed(table: &str) -> Result<Config, String> {
        let text = format!("{}\n{table}", Config::example_toml());
        Config::parse(Path::new("t.toml"), &text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_hook_says_whom_when_and_no_more() {
        for table in [
            "[[hooks]]\nname = \"smoke\"\nat = \"before P4\"\ncommand = [\"./smoke\"]",
            "[[hooks]]\nname = \"tell\"\nat = \"on rollback\"\nhttp = { url_env = \"HOOK\" }",
            "[[hooks]]\nname = \"ask\"\nat = \"after P7\"\nhttp = { url = \"https://a/b\", bearer_file = \"t\" }\nrequired = false",
        ] {
            let config = parsed(table).expect(table);
            assert_eq!(config.hooks.len(), 1);
            let again = Config::parse(Path::new("t.toml"), &config.to_toml());
            assert_eq!(again, Ok(config), "it survives its own text");
        }
    }

    #[test]
    fn an_analysis_says_what_is_good_and_a_notification_where_it_goes() {
        let analysis =
            "[[analysis]]\nname = \"e\"\nprometheus = { url = \"http://p:9090\" }\nnew = \"q\"\n";
        for (table, says) in [
            (format!("{analysis}at_most = 0.1"), ""),
            (format!("{analysis}ratio = 1.5\nold = \"q\""), ""),
            (analysis.to_owned(), "what is good"),
            (format!("{analysis}ratio = 1.5"), "write both"),
            (format!("{analysis}at_most = nan"), "numbers"),
            (
                format!("{analysis}at_most = 0.1\nsamples = 0"),
                "at least 1",
            ),
            (
                "[[notify]]\nname = \"t\"\nformat = \"slack\"\nto = { url_env = \"S\" }".to_owned(),
                "",
            ),
            ("[[notify]]\nname = \"t\"\nto = {}".to_owned(), "`url_env`"),
            (
                "[[notify]]\nname = \"t\"\nto = { url_env = \"S\" }\nevents = [\"all\"]".to_owned(),
                "live_side_changed",
            ),
        ] {
            let error = parsed(&table).err().unwrap_or_default();
            assert_eq!(error.is_empty(), says.is_empty(), "{table}: {error}");
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn what_a_hook_cannot_be_is_refused_with_what_to_do() {
        let hook = |rest: &str| format!("[[hooks]]\nname = \"h\"\n{rest}");
        let command = "command = [\"x\"]";
        for (table, says) in [
            (hook("at = \"before P4\""), "either `http"),
            (
                hook(&format!(
                    "at = \"before P4\"\n{command}\nhttp = {{ url = \"https://a\" }}"
                )),
                "either `http",
            ),
            (hook(&format!("at = \"P4\"\n{command}")), "before P4"),
            (
                hook(&format!("at = \"on end\"\n{command}\nrequired = true")),
                "leave it out",
            ),
            (
                hook(&format!("at = \"before P4\"\n{command}\ntimeout = \"1h\"")),
                "IN_PROGRESS",
            ),
            (
                hook("at = \"before P4\"\nhttp = { url = \"ftp://a\" }"),
                "scheme",
            ),
            (
                hook("at = \"before P4\"\nhttp = { url = \"http://a\", bearer_env = \"T\" }"),
                "in the clear",
            ),
            (hook("at = \"before P4\"\nhttp = { }"), "`url_env`"),
            (
                format!(
                    "{}\n{}",
                    hook(&format!("at = \"before P4\"\n{command}")),
                    hook(&format!("at = \"on end\"\n{command}"))
                ),
                "two hooks",
            ),
        ] {
            let error = parsed(&table).expect_err(&table);
            assert!(error.contains(says), "{error}");
        }
    }
}
