//! One run of the production tool: what every verb works with, and how its report becomes an exit.

use serde_json::json;
use turquoise_orchestrator::live::{AddressesError, LiveEnvironment, Trust};
use turquoise_orchestrator::{
    Access, Config, Environment, Instant, Observer, Outcome, Progress, Run, Settings, Start,
    StaticToken, StoreError, SwapReport, read_templates,
};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::notify::Notifier;
use crate::output::{Output, Paint};
use crate::progress::Teller;
use crate::store::Store;
use crate::target::Target;

/// What a verb works with.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) config: Config,
    pub(crate) access: Access,
    pub(crate) store: Store,
    pub(crate) environment: LiveEnvironment,
    pub(crate) teller: Teller,
    pub(crate) notifier: Notifier,
    pub(crate) interrupt: Interrupt,
}

impl Session {
    /// Reads the configuration and runs a verb on a runtime of its own. Sides that templates make must
    /// have been made: only their outputs say where they are.
    pub(crate) fn run(
        target: &Target,
        output: &Output,
        verb: impl AsyncFnOnce(&Self) -> Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        Self::run_with(target, output, Unbuilt::Refused, verb)
    }

    /// The same for the verb that makes the sides.
    pub(crate) fn run_building(
        target: &Target,
        output: &Output,
        verb: impl AsyncFnOnce(&Self) -> Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        Self::run_with(target, output, Unbuilt::Taken, verb)
    }

    fn run_with(
        target: &Target,
        output: &Output,
        unbuilt: Unbuilt,
        verb: impl AsyncFnOnce(&Self) -> Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        let mut config = target.config()?;
        runtime()?.block_on(async {
            let interrupt = listen(
                "ended at once; the journal holds every step, and `turquoise resume` goes on",
            )?;
            let environment = LiveEnvironment::new(trust(target)?).with_speed(target.speed);
            let access = target.access(&environment)?;
            signed_in(&access, &interrupt).await?;
            let environment = connected(environment, target, &access, &interrupt).await?;
            let missing = read_templates(&environment, &access, &mut config).await;
            let missing = missing.map_err(|error| {
                let exit = Exit::from_code(error.exit_code());
                Failure::new(exit, "cannot read what the sides' templates have made")
                    .because(&error)
                    .next("correct the template's outputs and `turquoise deploy` the side again")
            })?;
            if let (Unbuilt::Refused, Some(side)) = (unbuilt, missing.first()) {
                let text = format!("the template of side `{side}` has made nothing yet");
                return Err(
                    Failure::new(Exit::Preflight, text).next(format!("turquoise deploy {side}"))
                );
            }
            let session = Self {
                teller: Teller::new(output, &config, environment.now()),
                notifier: Notifier::new(&config, access.endpoint(), &environment),
                store: target.store(&config)?,
                config,
                access,
                environment,
                interrupt,
            };
            let ended = verb(&session).await;
            session.teller.finish();
            ended
        })
    }

    /// The same for a verb that only reads the store: Azure is not asked and needs no token.
    pub(crate) fn run_offline(
        target: &Target,
        output: &Output,
        verb: impl AsyncFnOnce(&Self) -> Result<Exit, Failure>,
    ) -> Result<Exit, Failure> {
        let config = target.config()?;
        runtime()?.block_on(async {
            let environment = LiveEnvironment::new(trust(target)?);
            let session = Self {
                teller: Teller::new(output, &config, environment.now()),
                notifier: Notifier::default(),
                store: target.store(&config)?,
                access: Access::new(target.endpoint(), StaticToken::new("")),
                interrupt: listen("ended")?,
                config,
                environment,
            };
            verb(&session).await
        })
    }

    /// The orchestrator's view of this session.
    pub(crate) fn as_run<'a>(&'a self, settings: &'a Settings) -> Run<'a, LiveEnvironment> {
        Run {
            environment: &self.environment,
            access: &self.access,
            config: &self.config,
            settings,
            journal: self.store.as_journal(),
            lease: self.store.as_lease(),
            observer: self,
        }
    }

    /// Tells what did not go as wished, and holds nothing up.
    fn warn(&self, texts: Vec<String>) {
        for text in texts {
            let warning = Progress::Warning { text };
            self.teller.on(self.environment.now(), &warning);
        }
    }

    /// How a stop that someone asked for ends: Ctrl-C or SIGTERM.
    pub(crate) fn stopped(&self) -> Exit {
        self.interrupt.asked().unwrap_or(Exit::Interrupted)
    }

    /// Prints a swap's report and turns its outcome into an exit.
    pub(crate) async fn end(&self, output: &Output, report: &SwapReport) -> Exit {
        let exit = match exit_of(&report.outcome) {
            Exit::Interrupted => self.stopped(),
            exit => exit,
        };
        self.notifier.hear_end(report, exit);
        // The result is the last line, so what is said of notifications comes before it.
        self.warn(self.notifier.finish().await);
        self.teller.finish();
        output.text(&text(report, exit, Paint::stdout()));
        output.document(&document(report, exit));
        exit
    }
}

impl Observer for Session {
    fn on(&self, at: Instant, progress: &Progress) {
        self.warn(self.notifier.failures());
        self.teller.on(at, progress);
        self.notifier.hear(progress);
    }
}

/// What becomes of a side whose template was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unbuilt {
    /// The verb makes it, or needs none.
    Taken,
    /// The verb cannot work without it.
    Refused,
}

/// Whoever cannot sign in hears of it before anything else is asked.
async fn signed_in(access: &Access, interrupt: &Interrupt) -> Result<(), Failure> {
    tokio::select! {
        biased;
        exit = interrupt.wait() => {
            Err(Failure::new(exit, "stopped before anything was changed"))
        }
        signed_in = access.sign_in() => signed_in.map_err(|error| {
            Failure::new(Exit::Forbidden, format!("nobody signs in to `{}`", access.endpoint()))
                .because(&error)
                .next(
                    "`az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret, certificate or \
                     federated token, or export TURQUOISE_TOKEN=…",
                )
        }),
    }
}

/// The world at the endpoint. An emulator tells which sockets stand for its addresses.
async fn connected(
    mut environment: LiveEnvironment,
    target: &Target,
    access: &Access,
    interrupt: &Interrupt,
) -> Result<LiveEnvironment, Failure> {
    let addresses = environment.load_addresses(access.endpoint());
    tokio::select! {
        biased;
        exit = interrupt.wait() => {
            return Err(Failure::new(exit, "stopped before anything was changed"));
        }
        loaded = addresses => loaded.map_err(|error| unreachable(target, &error))?,
    }
    forward(interrupt, &environment);
    Ok(environment)
}

/// A stop asked of the process is a stop asked of the run.
pub(crate) fn forward(interrupt: &Interrupt, environment: &LiveEnvironment) {
    let (interrupt, stop) = (interrupt.clone(), environment.interrupt());
    tokio::spawn(async move {
        interrupt.wait().await;
        stop.request();
    });
}

fn trust(target: &Target) -> Result<Trust, Failure> {
    match &target.ca_file {
        None => Ok(Trust::system()),
        Some(path) => Trust::with_ca_file(path).map_err(|error| {
            Failure::usage(format!("cannot trust `{}`", path.display()))
                .because(&error)
                .next("name a file of PEM certificates with --ca-file")
        }),
    }
}

fn unreachable(target: &Target, error: &AddressesError) -> Failure {
    Failure::new(
        Exit::Unavailable,
        format!("cannot reach `{}`", target.endpoint()),
    )
    .because(error)
    .next("check --endpoint; `turquoise emulate --port 8400` starts a local Azure there")
}

/// A runtime for sockets, timers and signals.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(Exit::Internal, "cannot start threads")
                .because(&error)
                .next("raise the limits on processes (`ulimit -u`) and open files (`ulimit -n`)")
        })
}

/// Ctrl-C and SIGTERM, from now on; inside a runtime.
pub(crate) fn listen(farewell: &'static str) -> Result<Interrupt, Failure> {
    Interrupt::listen(farewell)
        .map_err(|error| Failure::new(Exit::Internal, "cannot listen for signals").because(&error))
}

/// Says that the journal's store does not serve.
pub(crate) fn store_failure(error: &StoreError) -> Failure {
    Failure::new(Exit::Preflight, "the journal's store cannot be used")
        .because(error)
        .next("check --state and who may read and write there; nothing was changed")
}

/// Who runs it, for the lease and the journal.
pub(crate) fn owner() -> String {
    let user = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    format!(
        "{}@{}",
        user.as_deref().unwrap_or("someone"),
        host.as_deref().map_or("somewhere", str::trim)
    )
}

/// A new run, or one that goes on.
pub(crate) fn settings(start: Start, to: Option<&str>, forfeit_rollback: bool) -> Settings {
    Settings {
        owner: owner(),
        start,
        to: to.map(str::to_owned),
        forfeit_rollback,
        approved: None,
    }
}

/// The exit of each outcome.
pub(crate) const fn exit_of(outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::Completed | Outcome::NothingToDo => Exit::Completed,
        Outcome::GateFailed => Exit::GateFailed,
        Outcome::RolledBack => Exit::RolledBack,
        Outcome::RolledBackUnverified => Exit::RolledBackUnverified,
        Outcome::Parked => Exit::Parked,
        Outcome::Refused => Exit::Preflight,
        Outcome::LockHeld => Exit::Locked,
        Outcome::Stale => Exit::Stale,
        Outcome::Unauthorised => Exit::Forbidden,
        Outcome::Unavailable => Exit::Unavailable,
        Outcome::Interrupted => Exit::Interrupted,
        Outcome::Paused => Exit::Accepted,
    }
}

fn text(report: &SwapReport, exit: Exit, paint: Paint) -> String {
    let outcome = report.outcome.name().replace('_', " ");
    let outcome = if exit == Exit::Completed {
        paint.good(&outcome)
    } else {
        paint.bad(&outcome)
    };
    let mut lines = vec![format!("{outcome}: {}", exit.meaning())];
    if !report.reason.is_empty() {
        lines.push(format!("  because: {}", report.reason));
    }
    if let (Some(old), Some(new)) = (&report.old, &report.new) {
        lines.push(format!(
            "  from {} ({}) to {} ({})",
            old.name, old.address, new.name, new.address
        ));
    }
    let pool: Vec<String> = report.pool.arm.iter().map(ToString::to_string).collect();
    if !pool.is_empty() {
        lines.push(format!(
            "  pool {{{}}}, {} gateway writes",
            pool.join(", "),
            report.gateway_puts
        ));
    }
    lines.extend(
        report
            .residue
            .iter()
            .map(|left| format!("  left behind: {left}")),
    );
    if let Some(resume) = &report.resume {
        lines.push(format!("  next: {resume}"));
        let reverse = report.phases.last().is_some_and(|phase| phase.reverse);
        lines.push(format!(
            "  or:   turquoise abort   (abort now → {})",
            report.phase.abort_now(reverse)
        ));
    }
    lines.join("\n")
}

/// The result document: the report with the exit code, so that no script infers state from one.
fn document(report: &SwapReport, exit: Exit) -> serde_json::Value {
    let mut document = serde_json::to_value(report).unwrap_or_else(|_| json!({}));
    if let Some(members) = document.as_object_mut() {
        members.insert("event".to_owned(), json!("result"));
        members.insert("outcome".to_owned(), json!(report.outcome.name()));
        members.insert("exit_code".to_owned(), json!(exit.code()));
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_ends_with_the_code_that_the_orchestrator_documents() {
        for outcome in [
            Outcome::Completed,
            Outcome::NothingToDo,
            Outcome::GateFailed,
            Outcome::RolledBack,
            Outcome::RolledBackUnverified,
            Outcome::Parked,
            Outcome::Refused,
            Outcome::LockHeld,
            Outcome::Stale,
            Outcome::Unauthorised,
            Outcome::Unavailable,
            Outcome::Interrupted,
            Outcome::Paused,
        ] {
            assert_eq!(exit_of(&outcome).code(), outcome.exit_code(), "{outcome:?}");
        }
    }
}
