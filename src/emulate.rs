//! `turquoise emulate`: a local Azure until Ctrl-C.

mod images;
mod state;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use turquoise_emulator::control_plane::Throttling;
use turquoise_emulator::drive::live::{Live, LiveOptions, SignIn};
use turquoise_emulator::http::Address;
use turquoise_emulator::identity::{Admission, CLIENT_ID};
use turquoise_emulator::{CloudConfig, Timed};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::keys::KeysFolder;
use crate::output::{Output, note};
use crate::session::{listen, runtime};
use crate::target::speed;
pub(crate) use images::Images;
use state::StateFile;

/// How often the events of the cloud are told, and its ledgers let go.
const SWEEP: Duration = Duration::from_millis(200);

/// Runs a local Azure Resource Manager with the data plane behind it, on loopback, until Ctrl-C.
///
/// It begins empty and keeps nothing, unless `--state` names a file. Gateways, load balancers and instances get sockets of their
/// own; `/turquoise/addresses` tells which socket stands for which address of the cloud.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  turquoise emulate --port 8400             where the other commands look\n  turquoise emulate --speed 20              Azure's minutes in seconds\n  turquoise emulate --output json           the first line tells where it answers\n  turquoise emulate --output ndjson         and then a line for everything that happens in it\n  turquoise emulate --images images.toml    your own programs behind the gateway\n\nAn images file has a table for each image, by the last segment of its id:\n\n  [images.\"shop-v2\"]\n  command = \"./shop --port {port}\"   # once per instance; PORT is in its environment too\n  ready = \"/health\"                  # answered 2xx or 3xx when it is ready\n  grace = \"10s\"                      # from SIGTERM to SIGKILL\n  log = \"logs\"                       # a file per instance\n\n  [images.\"shop-v1\"]\n  url = \"http://127.0.0.1:3000\"      # something that listens already\n\n  [images.\"demo-v2\"]\n  demo = { service = \"5ms\", sickness = \"errors\" }\n\nA command may also have environment, folder, ready_within, restart (\"always\" or \"never\"),\nmemory_mib and open_files.\n\nCtrl-C ends it with 130, SIGTERM with 143; every socket is closed."
)]
pub(crate) struct Args {
    /// The port of Resource Manager; 0 picks a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How many times faster than the wall clock its time passes.
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// Root of its randomness: durations of operations, service times.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What runs in the instances of which image: commands and addresses of yours, or the built-in
    /// application with other parameters.
    #[arg(long, value_name = "FILE")]
    images: Option<PathBuf>,
    /// Gives each address of the cloud a loopback address of its own, such as 127.0.0.5 for 10.0.0.5,
    /// with its own port where this user may take it; Linux only.
    #[arg(long)]
    own_addresses: bool,
    /// Keep what is stored in this file over restarts: resources, not what is under way. It holds the
    /// keys of certificates, and only its owner may read it.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Which requests are let in.
    #[arg(long, value_enum, default_value_t)]
    admit: Admit,
    /// Counts each caller's requests as Azure does and answers 429 to those beyond.
    #[arg(long)]
    throttle: bool,
    #[command(flatten)]
    keys: KeysFolder,
}

/// Which requests Resource Manager lets in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Admit {
    /// Those with a token from its own sign-in; the commands of this tool bring one that it knows.
    #[default]
    Verified,
    /// Those with any bearer token.
    AnyToken,
    /// All, also those without a token.
    Everyone,
}

impl From<Admit> for Admission {
    fn from(admit: Admit) -> Self {
        match admit {
            Admit::Verified => Self::Verified,
            Admit::AnyToken => Self::AnyToken,
            Admit::Everyone => Self::Everyone,
        }
    }
}

/// Serves until someone asks for the end.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Exit, Failure> {
    runtime()?.block_on(async {
        let interrupt = listen("ended at once")?;
        let images = match &args.images {
            Some(path) => Images::read(path)?,
            None => Images::default(),
        };
        let mut cloud = CloudConfig {
            seed: args.seed,
            ..CloudConfig::default()
        };
        cloud.control_plane.throttling = args.throttle.then(Throttling::default);
        images.describe(&mut cloud.data_plane);
        let subscription = cloud.control_plane.subscription.clone();
        let tenant = cloud.control_plane.tenant.clone();
        let keys = args.keys.open()?;
        let sign_in = keys.sign_in(args.admit.into())?;
        let more = More {
            own_addresses: args.own_addresses,
            sign_in: Some(sign_in),
        };
        let live = start_with(cloud, images, args.speed, args.port, more).await?;
        let mut state = StateFile::open(args.state.as_deref(), &live)?;
        let arm = live.arm_url();
        let portal = live.portal_url();
        let https = format!("https://localhost:{}", live.arm_port());
        let ca_file = keys.ca_file();
        output.document(&json!({
            "event": "ready",
            "arm": arm,
            "arm_tls": https,
            "login": https,
            "ca_file": ca_file,
            "portal": portal,
            "addresses": format!("{arm}/turquoise/addresses"),
            "subscription": subscription,
            "tenant": tenant,
            "client_id": CLIENT_ID,
            "client_secret": keys.client_secret,
            "speed": args.speed,
        }));
        output.text(&format!(
            "a local Azure answers at {arm}, and with TLS and sign-in at {https}\n  \
             subscription {subscription}, tenant {tenant}, speed {}\n  \
             look at it in a browser: {portal}\n  \
             next, in another terminal: turquoise init && turquoise deploy frontend --endpoint {arm}\n  \
             with other tools: turquoise az --endpoint {https} -- group list\n                    \
             eval \"$(turquoise env --endpoint {https})\"    (authority: {})",
            args.speed,
            ca_file.display()
        ));
        let exit = serve(&live, &interrupt, output, &mut state).await;
        state.save(&live);
        live.shutdown().await;
        note("every socket is closed");
        Ok(exit)
    })
}

/// Starts a cloud on loopback that lets everyone in who brings some token, in the clear.
pub(crate) async fn start(
    cloud: CloudConfig,
    images: Images,
    speed: f64,
    port: u16,
) -> Result<Live, Failure> {
    start_with(cloud, images, speed, port, More::default()).await
}

/// What only `emulate` asks for.
#[derive(Debug, Default)]
struct More {
    own_addresses: bool,
    sign_in: Option<SignIn>,
}

/// Starts a cloud on loopback.
async fn start_with(
    cloud: CloudConfig,
    images: Images,
    speed: f64,
    port: u16,
    more: More,
) -> Result<Live, Failure> {
    let arm_address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let options = LiveOptions {
        cloud,
        speed,
        arm_address,
        programs: images.into_programs(),
        own_addresses: more.own_addresses,
        sign_in: more.sign_in,
    };
    Live::start(options).await.map_err(|error| {
        Failure::usage(format!("cannot listen on `{arm_address}`"))
            .because(&error)
            .next("choose another port with --port, or --port 0 for a free one")
    })
}

/// Tells events until someone asks for the end; what nobody reads is let go.
async fn serve(live: &Live, interrupt: &Interrupt, output: &Output, state: &mut StateFile) -> Exit {
    let mut sweep = tokio::time::interval(SWEEP);
    let mut told = Vec::new();
    loop {
        tokio::select! {
            biased;
            exit = interrupt.wait() => return exit,
            _ = sweep.tick() => {
                for timed in live.drain_events() {
                    output.event(&event(&timed));
                }
                drop(live.drain_ledgers());
                let addresses = live.addresses();
                if addresses != told {
                    output.text(&table(&addresses));
                    output.event(&json!({"event": "addresses", "addresses": addresses}));
                    told = addresses;
                }
                state.save(live);
            }
        }
    }
}

/// Which socket stands for which address of the cloud, a line each.
fn table(addresses: &[Address]) -> String {
    let mut text = String::from("addresses:");
    if addresses.is_empty() {
        text += " none";
    }
    for row in addresses {
        let port = match row.port {
            0 => "every port".to_owned(),
            port => port.to_string(),
        };
        let scheme = if row.tls { "https" } else { "http" };
        let cloud = row.address.to_string();
        text += &format!("\n  {cloud:<15} {port:<10}  {scheme}://{}", row.listens);
    }
    text
}

/// An event of the cloud as a line.
fn event(timed: &Timed) -> serde_json::Value {
    json!({"event": "cloud", "at_ms": timed.at.as_millis(), "what": timed.event})
}
