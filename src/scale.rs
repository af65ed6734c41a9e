//! `turquoise scale`: one swap at the scale of the internet, in virtual time.

use std::fmt::Write as _;
use std::num::NonZero;
use std::time::Instant;

use serde_json::{Value, json};
use turquoise_scenarios::Invariant;
use turquoise_scenarios::observation::Outcome;
use turquoise_scenarios::scale::{Scale, Scaled, simulate};
use turquoise_scenarios::world::WorldError;

use crate::display::thousands;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Output, Paint, note};
use crate::session::runtime;

/// Simulates one swap at the scale of the internet, request by request.
///
/// The real orchestrator swaps two sides of a hundred machines each behind a gateway of up to 125
/// instances, while a hundred thousand requests a second go through it. Every request is simulated
/// and judged; those that went as they should are counted and forgotten. A million a second over a
/// thousand machines needs more than 10 GiB of memory. What needs every request at once is not judged: S7, S10, S19, S20, L4, Q4 and
/// Q6. Equal arguments give equal digests, whatever the number of threads. The same swap at 2,000
/// requests a second runs first, to compare the cost per request.
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise scale                                   60 million requests\n  turquoise scale --rate 20000 --instances 40        12 million\n\nEnds with 0 when the swap completed and nothing was lost, with 13 otherwise."
)]
pub(crate) struct Args {
    /// Requests a second.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    rate: u32,
    /// Machines of each side.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    instances: u32,
    /// Virtual minutes of traffic, at least: it goes on until the swap has ended.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_440))]
    minutes: u32,
    /// Root of everything that is drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads, up to 3; one per core when absent.
    #[arg(long)]
    threads: Option<NonZero<usize>>,
    /// Leaves out the small swap beside it.
    #[arg(long)]
    alone: bool,
}

/// The small swap: requests a second and machines of each side.
const SMALL: (u32, u32) = (2_000, 6);

impl Args {
    fn scale(&self) -> Scale {
        let cores = || std::thread::available_parallelism().ok();
        let threads = self.threads.or_else(cores).map_or(1, NonZero::get);
        Scale {
            seed: self.seed,
            rate: f64::from(self.rate),
            instances: self.instances,
            minutes: self.minutes,
            threads,
        }
    }

    fn small(&self) -> Scale {
        Scale {
            rate: f64::from(SMALL.0),
            instances: SMALL.1,
            ..self.scale()
        }
    }

    /// A side that cannot bear the load loses requests whoever swaps it.
    fn check(&self) -> Result<(), Failure> {
        let least = (f64::from(self.rate) / Scale::per_machine()).ceil();
        if f64::from(self.instances) >= least {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "{} machines a side do not bear {} requests a second",
            thousands(self.instances.into()),
            thousands(self.rate.into())
        ))
        .next(format!(
            "use `--instances {least}` or more, or at most `--rate {}`",
            f64::from(self.instances) * Scale::per_machine()
        )))
    }
}

/// What it cost.
#[derive(Clone, Copy, Debug)]
struct Cost {
    wall_s: f64,
    /// Processor time of all threads, where the system tells.
    cpu_s: Option<f64>,
    /// The most memory ever held, where the system tells.
    peak_rss_mib: Option<u64>,
}

/// One simulated swap.
#[derive(Debug)]
struct Run {
    scaled: Scaled,
    cost: Cost,
}

impl Run {
    /// Simulates.
    #[expect(
        clippy::disallowed_methods,
        reason = "the command reports its speed; nothing simulated reads this clock"
    )]
    fn of(scale: &Scale) -> Result<Self, WorldError> {
        let (began, cpu_before) = (Instant::now(), cpu_seconds());
        let scaled = simulate(scale)?;
        let cpu_s = cpu_seconds().zip(cpu_before);
        Ok(Self {
            scaled,
            cost: Cost {
                wall_s: began.elapsed().as_secs_f64(),
                cpu_s: cpu_s.map(|(after, before)| after - before),
                peak_rss_mib: peak_rss_mib(),
            },
        })
    }

    fn sent(&self) -> u64 {
        self.scaled.verdict.requests.sent
    }

    /// Processor time of a request, in nanoseconds.
    fn cpu_ns(&self) -> Option<f64> {
        Some(1e9 / per(self.sent(), self.cost.cpu_s?))
    }
}

/// The swap that was asked for, and the small one beside it.
#[derive(Debug)]
struct Runs {
    small: Option<Run>,
    asked: Run,
}

impl Runs {
    fn of(args: &Args) -> Result<Self, WorldError> {
        let small = if args.alone {
            None
        } else {
            Some(Run::of(&args.small())?)
        };
        let asked = Run::of(&args.scale())?;
        Ok(Self { small, asked })
    }

    /// What a request costs beside one of the small swap.
    fn ratio(&self) -> Option<f64> {
        Some(self.asked.cpu_ns()? / self.small.as_ref()?.cpu_ns()?)
    }
}

/// Runs the command. Whoever interrupts it waits for nothing: a simulation leaves nothing behind.
///
/// # Errors
/// When the system cannot be deployed at that scale.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    args.check()?;
    note("deploying, then swapping under traffic; this may take a while");
    let runs = match unless_interrupted(args)? {
        Ok(runs) => runs,
        Err(asked) => {
            output.document(&json!({"event": "result", "exit_code": asked.code()}));
            return Ok(asked);
        }
    };
    let exit = exit(&runs.asked.scaled);
    output.text(&text(args, &runs, Paint::stdout()));
    output.document(&document(args, &runs, exit));
    Ok(exit)
}
/// Simulates on a thread of its own, until it ends or someone asks for a stop.
fn unless_interrupted(args: &Args) -> Result<Result<Runs, Exit>, Failure> {
    let (told, ended) = tokio::sync::oneshot::channel();
    let work = args.clone();
    std::thread::spawn(move || {
        // Nobody hears of it any more once someone asked for a stop.
        let _unheard = told.send(Runs::of(&work));
    });
    let waited = runtime()?.block_on(async {
        let interrupt = Interrupt::listen("ended at once").map_err(|error| {
            Failure::new(Exit::Internal, "cannot listen for Ctrl-C").because(&error)
        })?;
        tokio::select! {
            biased;
            asked = interrupt.wait() => Ok(Err(asked)),
            runs = ended => Ok(Ok(runs)),
        }
    })?;
    match waited {
        Err(asked) => Ok(Err(asked)),
        Ok(Ok(runs)) => runs.map(Ok).map_err(|error| {
            Failure::new(
                Exit::Internal,
                "the system could not be set up at this scale",
            )
            .because(&error)
            .next("fewer `--instances` may still run; report it with these arguments")
        }),
        Ok(Err(_)) => Err(Failure::new(Exit::Internal, "the simulation broke off")
            .next("report it with these arguments and what was printed above")),
    }
}

fn exit(scaled: &Scaled) -> Exit {
    if scaled.verdict.is_clean() && scaled.outcome == Some(Outcome::Completed) {
        Exit::Completed
    } else {
        Exit::BudgetViolated
    }
}

fn document(args: &Args, runs: &Runs, exit: Exit) -> Value {
    let Run { scaled, cost } = &runs.asked;
    let verdict = &scaled.verdict;
    let sent = verdict.requests.sent;
    let violated: Vec<String> = verdict.violated.keys().map(Invariant::to_string).collect();
    json!({
        "event": "result",
        "outcome": scaled.outcome.map(Outcome::name),
        "rate": args.rate,
        "instances": args.instances,
        "gateway_instances": scaled.gateway_instances,
        "requests": sent,
        "lost": verdict.requests.lost(),
        "violations": violated,
        "max_gap_ms": verdict.max_gap_ms(),
        "p99_ms": {
            "baseline": verdict.latency.baseline.p99_ms,
            "swap": verdict.latency.swap.p99_ms,
        },
        "gateway_puts": verdict.gateway_puts,
        "swap_virtual_s": verdict.duration.as_secs_f64(),
        "kept": scaled.kept,
        "wall_s": cost.wall_s,
        "cpu_s": cost.cpu_s,
        "requests_per_s": per(sent, cost.wall_s),
        "cpu_ns_per_request": runs.asked.cpu_ns(),
        "small_cpu_ns_per_request": runs.small.as_ref().and_then(Run::cpu_ns),
        "cost_ratio": runs.ratio(),
        "peak_rss_mib": cost.peak_rss_mib,
        "digest": scaled.digest.to_string(),
        "exit_code": exit.code(),
    })
}

fn text(args: &Args, runs: &Runs, paint: Paint) -> String {
    let Run { scaled, cost } = &runs.asked;
    let verdict = &scaled.verdict;
    let counts = &verdict.requests;
    let headline = if exit(scaled) == Exit::Completed {
        paint.good("swapped without losing a request")
    } else {
        let violated: Vec<String> = verdict.violated.keys().map(Invariant::to_string).collect();
        paint.bad(&format!(
            "{} lost, violated: {}",
            thousands(counts.lost()),
            violated.join(" ")
        ))
    };
    let mut text = format!("{} requests: {headline}", thousands(counts.sent));
    let mut row = |name: &str, value: String| {
        let _infallible = write!(text, "\n  {}  {value}", paint.dim(&format!("{name:<9}")));
    };
    row(
        "system",
        format!(
            "{} requests a second, {} machines a side, {} gateway instances",
            thousands(args.rate.into()),
            thousands(args.instances.into()),
            scaled.gateway_instances
        ),
    );
    row(
        "swap",
        format!(
            "{:.0} virtual seconds, {} gateway writes, longest gap {:.1} ms",
            verdict.duration.as_secs_f64(),
            verdict.gateway_puts,
            verdict.max_gap_ms()
        ),
    );
    row(
        "speed",
        format!(
            "{:.2} million requests a second, {:.1} s in all",
            per(counts.sent, cost.wall_s) / 1e6,
            cost.wall_s
        ),
    );
    if let Some(cost) = cost_row(runs) {
        row("cost", cost);
    }
    if let Some(mib) = cost.peak_rss_mib {
        row("memory", format!("{} MiB at most", thousands(mib)));
    }
    row("digest", scaled.digest.to_string());
    text
}

fn cost_row(runs: &Runs) -> Option<String> {
    let asked = runs.asked.cpu_ns()?;
    let beside = runs.ratio().map_or_else(String::new, |ratio| {
        format!(
            ", {ratio:.2} times that of {} requests a second over {} machines a side",
            thousands(SMALL.0.into()),
            SMALL.1
        )
    });
    Some(format!("{asked:.0} ns of processor time a request{beside}"))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of requests is far below 2^53"
)]
fn per(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds.max(f64::EPSILON)
}

/// Linux tells; elsewhere nobody is asked.
fn peak_rss_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

/// User time in hundredths of a second is the fourteenth field of `/proc/self/stat`, twelve after
/// the command's closing bracket (proc(5)); the hundredth is fixed by Linux's ABI.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let after = stat.rsplit(')').next()?;
    let ticks: f64 = after.split_whitespace().nth(11)?.parse().ok()?;
    Some(ticks / 100.0)
}
