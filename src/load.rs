//! `turquoise load`: open-loop HTTP load on anything that answers, and what became of it.

mod mix;
mod summary;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;
use turquoise_emulator::drive::live::LiveClock;
use turquoise_emulator::ledger::ClientEntry;
use turquoise_emulator::{Instant, Seed};
use turquoise_orchestrator::config::Span;
use turquoise_scenarios::clients::live::{LoadConfig, Recorded, TlsTarget};
use turquoise_scenarios::clients::profile::{Shape, Share};
use turquoise_scenarios::clients::{LoadGenerator, Profile};
use url::Url;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::Output;
use crate::session::{listen, runtime};
use summary::Summary;

/// How often `ndjson` tells how it goes.
const TELL: Duration = Duration::from_secs(1);

/// Puts load on a URL: requests are sent when they are due, whatever became of those before, and
/// latency counts from that instant.
///
/// Each request is sent once. The paths are those of the built-in application (`/`, `/slow?ms=`,
/// `/bytes?n=`, `/orders`, `/upload`); answers of 400 and above count as errors.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise load http://127.0.0.1:8080                     100 requests a second for 10 s\n  turquoise load http://127.0.0.1:8080 --rate 3000 --for 1m --mix kept=60,new=30,write=10\n  turquoise load https://127.0.0.1:8443 --ca-file ca.pem --host app.example.com --mix http2=1\n\nKinds for --mix: kept, new, http2, write, long, upload, download, session, page.\n`http2` needs https; without it, or where the server does not speak it, it is `kept`.\n\nEnds with 0 when every request was answered well, with 13 otherwise."
)]
pub(crate) struct Args {
    /// Where to: `http://` or `https://`, a host, and a port; the path is left out.
    url: Url,
    /// Requests a second.
    #[arg(long, default_value_t = 100.0, value_parser = crate::target::speed)]
    rate: f64,
    /// For how long.
    #[arg(long = "for", default_value = "10s", value_parser = span, value_name = "SPAN")]
    lasts: Span,
    /// What kinds of requests, by weight; the mix of a rehearsal when absent.
    #[arg(long, value_parser = mix::parse, value_name = "KIND=WEIGHT,…")]
    mix: Option<mix::Mix>,
    /// The `Host` that is asked for, and the name the certificate must carry; the URL's when absent.
    #[arg(long)]
    host: Option<String>,
    /// Authorities to trust, as a file of PEM certificates; https needs it.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Clients that keep a connection each.
    #[arg(long, default_value_t = 64)]
    clients: u32,
    /// Sends at random instants instead of evenly.
    #[arg(long)]
    poisson: bool,
    /// Where to write a line of JSON for each request.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Root of what is drawn: which kind comes when, how long long requests are.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn span(text: &str) -> Result<Span, String> {
    Span::try_from(text.to_owned()).map_err(|error| error.to_string())
}

/// Loads until the time is over or someone asks for the end.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    let config = args.config()?;
    runtime()?.block_on(async {
        let interrupt = listen("ended at once")?;
        let clock = LiveClock::start(1.0);
        let now = move || turquoise_emulator::http::Clock::now(&clock);
        let load = LoadGenerator::start(config, now).map_err(|error| {
            Failure::usage("cannot put load on this URL")
                .because(&error)
                .next("see `turquoise load --help`")
        })?;
        let stopped = wait(&load, args.lasts.0, &interrupt, output).await;
        let recorded = load.stop().await;
        if let Some(path) = &args.ledger {
            write_ledger(path, &recorded)?;
        }
        let summary = Summary::of(&recorded);
        output.document(&summary.document());
        output.text(&summary.text());
        Ok(stopped.unwrap_or_else(|| summary.exit()))
    })
}

/// Waits for the end and tells how it goes.
#[expect(
    clippy::disallowed_methods,
    reason = "a load lasts as long as it was told to on the wall clock"
)]
async fn wait(
    load: &LoadGenerator,
    lasts: Duration,
    interrupt: &Interrupt,
    output: &Output,
) -> Option<Exit> {
    let end = tokio::time::Instant::now() + lasts;
    let mut tell = tokio::time::interval(TELL);
    loop {
        tokio::select! {
            biased;
            exit = interrupt.wait() => return Some(exit),
            () = tokio::time::sleep_until(end) => return None,
            _ = tell.tick() => {
                let stats = load.stats();
                output.event(&json!({
                    "event": "load",
                    "sent": stats.sent,
                    "ok": stats.ok,
                    "errors": stats.errors,
                    "lost": stats.lost,
                    "in_flight": stats.in_flight,
                    "recent_p99_ms": stats.recent_p99_ms,
                }));
            }
        }
    }
}

impl Args {
    fn config(&self) -> Result<LoadConfig, Failure> {
        let name = self.url.host_str().unwrap_or_default();
        let host = self.host.clone().unwrap_or_else(|| name.to_owned());
        let seed = Seed::new(self.seed).child("load");
        let mut config = LoadConfig::new(self.target()?, &host, self.profile(), seed);
        config.tls = match self.url.scheme() {
            "http" => None,
            "https" => Some(TlsTarget {
                roots: self.roots()?,
                server_name: host,
            }),
            other => {
                return Err(Failure::usage(format!("`{other}` is no scheme to load"))
                    .next("use a URL that begins with `http://` or `https://`"));
            }
        };
        Ok(config)
    }

    fn target(&self) -> Result<SocketAddr, Failure> {
        let unknown = || Failure::usage(format!("`{}` names no address", self.url));
        let next = "give a host and a port, such as `http://127.0.0.1:8080`";
        let host = self.url.host_str().ok_or_else(|| unknown().next(next))?;
        let port = self.url.port_or_known_default();
        let port = port.ok_or_else(|| unknown().next(next))?;
        // An IPv6 address stands in brackets in a URL only.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut found = (host, port)
            .to_socket_addrs()
            .map_err(|error| unknown().because(&error).next(next))?;
        found.next().ok_or_else(|| unknown().next(next))
    }

    fn profile(&self) -> Profile {
        let mut profile = Profile::rehearsal(self.rate);
        profile.reused_clients = self.clients;
        if let Some(mix) = &self.mix {
            let shares = mix.0.iter();
            profile.mix = shares
                .map(|(kind, weight)| Share {
                    class: kind.class,
                    connection: kind.connection,
                    weight: *weight,
                })
                .collect();
        }
        if self.poisson {
            profile.arrivals = Shape::Poisson;
        }
        profile
    }

    fn roots(&self) -> Result<Vec<Vec<u8>>, Failure> {
        let path = self.ca_file.as_ref().ok_or_else(|| {
            Failure::usage("https needs an authority to trust")
                .next("name a file of PEM certificates with `--ca-file`")
        })?;
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
        let certificates: Vec<CertificateDer<'_>> = read.map_err(|error| {
            Failure::usage(format!(
                "cannot read certificates from `{}`",
                path.display()
            ))
            .because(&error)
            .next("name a file of PEM certificates with `--ca-file`")
        })?;
        Ok(certificates.iter().map(|c| c.to_vec()).collect())
    }
}

/// One line a request, in the order they ended.
fn write_ledger(path: &Path, recorded: &Recorded) -> Result<(), Failure> {
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        for entry in &recorded.clients {
            writeln!(file, "{}", line(entry, &recorded.builds))?;
        }
        file.flush()
    };
    write().map_err(|error| {
        Failure::usage(format!("cannot write `{}`", path.display()))
            .because(&error)
            .next("name a file that can be written after `--ledger`")
    })
}

fn line(entry: &ClientEntry, builds: &[String]) -> serde_json::Value {
    let ms = |at: Instant| at.since(Instant::ZERO).as_secs_f64() * 1e3;
    json!({
        "id": entry.id,
        "class": entry.class,
        "connection": entry.connection,
        "due_ms": ms(entry.due),
        "ended_ms": ms(entry.ended),
        "seen": entry.seen,
        "build": summary::build_of(entry, builds),
    })
}
