//! `turquoise deploy`: makes one group what the configuration says.

use std::collections::BTreeMap;
use std::path::Path;

use turquoise_orchestrator::config::HttpsListener;
use turquoise_orchestrator::{
    Change, Config, DeployInputs, DeployReport, Part, Pkcs12, SideTemplate, deploy,
};

use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;
use crate::target::Target;

/// Makes the frontend or one side what the configuration says; changes nothing that serves.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise deploy frontend    network, public address, gateway\n  turquoise deploy green       load balancer, image, scale set, autoscale\n  turquoise deploy blue\n\nEvery resource is put only where it differs; a second run changes nothing."
)]
pub(crate) struct Args {
    /// `frontend`, or a side's name as in the configuration.
    #[arg(value_name = "PART")]
    part: String,
    #[command(flatten)]
    target: Target,
}

/// Deploys and prints what was done with each resource.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    Session::run_building(&args.target, output, async |session| {
        let inputs = DeployInputs {
            certificate: certificate(&session.config)?,
            templates: templates(&session.config)?,
        };
        let part = part(&args.part);
        let deployment = deploy(
            &session.environment,
            &session.access,
            &session.config,
            &part,
            &inputs,
            &session.teller,
        );
        tokio::select! {
            biased;
            // What had settled stays; a repeated call goes on from there.
            exit = session.interrupt.wait() => Err(interrupted(exit, &args.part)),
            report = deployment => {
                let report = report.map_err(|error| {
                    let exit = Exit::from_code(error.exit_code());
                    Failure::new(exit, format!("cannot deploy `{}`", args.part))
                        .because(&error)
                        .next(next(exit, &args.target))
                })?;
                session.teller.finish();
                tell(&args.part, &report, output);
                Ok(Exit::Completed)
            }
        }
    })
}

/// `frontend`, else a side.
pub(crate) fn part(name: &str) -> Part {
    if name.eq_ignore_ascii_case("frontend") {
        Part::Frontend
    } else {
        Part::Side(name.to_owned())
    }
}

fn interrupted(exit: Exit, part: &str) -> Failure {
    Failure::new(exit, format!("stopped while deploying `{part}`"))
        .next(format!("`turquoise deploy {part}` goes on from there"))
}

fn next(exit: Exit, target: &Target) -> String {
    match exit {
        Exit::Usage => format!("correct `{}`", target.config.display()),
        Exit::Unavailable => format!(
            "check that something answers at `{}`; `turquoise emulate --port 8400` starts a local Azure",
            target.endpoint()
        ),
        Exit::Forbidden => {
            "check who you are (`--credential`) and the role of that identity".to_owned()
        }
        _ => "correct what is named above and run it again: what had settled stays".to_owned(),
    }
}

fn tell(part: &str, report: &DeployReport, output: &Output) {
    let count = |change| report.count(change);
    output.text(&format!(
        "{part}: {} created, {} updated, {} unchanged",
        count(Change::Created),
        count(Change::Updated),
        count(Change::Unchanged)
    ));
    output.document(&json!({
        "event": "result",
        "outcome": "completed",
        "exit_code": 0,
        "part": part,
        "changed": report.count(Change::Unchanged) < report.resources.len(),
        "resources": report.resources,
    }));
}

/// Reads the templates that sides are made by.
fn templates(config: &Config) -> Result<BTreeMap<String, SideTemplate>, Failure> {
    let mut found = BTreeMap::new();
    for (name, side) in &config.sides {
        let Some(template) = &side.template else {
            continue;
        };
        let parameters = match &side.parameters {
            None => Value::Null,
            Some(path) => {
                let mut file = json_file(path, &format!("sides.{name}.parameters"))?;
                match file.get_mut("parameters") {
                    Some(parameters) => parameters.take(),
                    None => file,
                }
            }
        };
        let template = json_file(template, &format!("sides.{name}.template"))?;
        found.insert(
            name.clone(),
            SideTemplate {
                template,
                parameters,
            },
        );
    }
    Ok(found)
}

fn json_file(path: &Path, key: &str) -> Result<Value, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("cannot read `{}`", path.display()))
            .because(&error)
            .next(format!("correct `{key}` in the configuration"))
    })?;
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        Failure::usage(format!("`{}` is not JSON", path.display()))
            .because(&error)
            .next("`az bicep build` writes a template that is")
    })
}

/// Reads the listener's certificate from the file that the configuration names.
fn certificate(config: &Config) -> Result<Option<Pkcs12>, Failure> {
    let Some(HttpsListener {
        pfx: Some(path),
        password_env,
        ..
    }) = &config.frontend.https
    else {
        return Ok(None);
    };
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::usage(format!("cannot read the certificate `{}`", path.display()))
            .because(&error)
            .next("correct `frontend.https.pfx` in the configuration")
    })?;
    let password = match password_env {
        None => String::new(),
        Some(name) => std::env::var(name).map_err(|error| {
            Failure::usage(format!("no password for `{}`: `{name}`", path.display()))
                .because(&error)
                .next(format!("export {name}=…"))
        })?,
    };
    Ok(Some(Pkcs12 { bytes, password }))
}
