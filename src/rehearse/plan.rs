//! What a rehearsal does: who swaps, how fast time passes, how much traffic, which configuration.

use std::ffi::OsString;
use std::time::Duration;

use turquoise_arm::ResourceId;
use turquoise_emulator::ledger::{ConnectionClass, RequestClass};
use turquoise_orchestrator::Config;
use turquoise_orchestrator::config::{HttpsListener, Span};
use turquoise_scenarios::breaks::Break;
use turquoise_scenarios::clients::Profile;
use turquoise_scenarios::clients::profile::Share;
use turquoise_scenarios::observation::Policy;
use turquoise_scenarios::subject::Subject;

/// The name that clients call the shop by, and that the certificate is for.
pub(crate) const HOST: &str = "shop.example.test";
/// The images of the live side and of the idle one; answers name the build by its image.
pub(crate) const BUILDS: [&str; 2] = ["shop-v1", "shop-v2"];
/// The gateway's TLS port in the cloud; on this machine it is another one.
pub(crate) const TLS_PORT: u16 = 443;

/// Somebody's own orchestrator: any program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The program and its arguments; never empty.
    pub(crate) command: Vec<OsString>,
    /// How long it may take, on the wall clock.
    pub(crate) timeout: Duration,
}

/// A rehearsal before it begins.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Who swaps, unless a program does.
    pub(crate) subject: Subject,
    /// The program that swaps.
    pub(crate) program: Option<Program>,
    /// Cloud seconds per second of wall clock.
    pub(crate) speed: f64,
    /// Requests a second, on the wall clock.
    pub(crate) rate: f64,
    /// Traffic before the swap begins, on the wall clock.
    pub(crate) baseline: Duration,
    /// Root of all randomness.
    pub(crate) seed: u64,
    /// The port of Resource Manager; 0 picks a free one.
    pub(crate) port: u16,
    /// The limits.
    pub(crate) policy: Policy,
}

impl Plan {
    /// What to deploy and how carefully to swap.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::rehearsal();
        config.frontend.https = Some(HttpsListener {
            port: TLS_PORT,
            host: HOST.to_owned(),
            pfx: None,
            password_env: None,
        });
        name_images(&mut config);
        self.leave_time(&mut config);
        config
    }

    /// What clients do. A deliberate loss is to be seen, whatever the moment at which it happens:
    /// there, more requests take longer, and some are downloads, which no gateway
    /// can begin again once their status has gone out (F47).
    pub(crate) fn profile(&self) -> Profile {
        let mut profile = Profile::rehearsal(self.rate);
        if self.deliberate().is_some() {
            profile.long_ms = (2_000, 6_000);
            profile.download_ms = (2_000, 6_000);
            profile.mix.push(Share {
                class: RequestClass::Download,
                connection: ConnectionClass::New,
                weight: 50,
            });
            for share in &mut profile.mix {
                if share.class == RequestClass::Long {
                    share.weight *= 5;
                }
            }
        }
        profile
    }

    /// Spans of cloud time shrink by the speed, the work of this machine does not: what has to
    /// happen on the wall clock gets at least this long there.
    fn leave_time(&self, config: &mut Config) {
        // Twice what the longest request asks for, since a busy machine is slow.
        let longest = self.profile().longest_work() * 2;
        self.at_least(&mut config.frontend.request_timeout, longest);
        self.at_least(&mut config.frontend.drain_timeout, longest);
        // A probe is a connection and a short answer.
        self.at_least(
            &mut config.frontend.probe.timeout,
            Duration::from_millis(750),
        );
        self.at_least(&mut config.gates.request_timeout, Duration::from_secs(1));
    }

    fn at_least(&self, span: &mut Span, wall: Duration) {
        let cloud = wall.mul_f64(self.speed);
        // Azure takes whole seconds.
        let whole = cloud.as_secs() + u64::from(cloud.subsec_nanos() > 0);
        span.0 = span.0.max(Duration::from_secs(whole));
    }

    /// How reports name who swaps.
    pub(crate) fn orchestrator(&self) -> String {
        if self.program.is_some() {
            return "external".to_owned();
        }
        match self.subject {
            Subject::Turquoise => "reference".to_owned(),
            Subject::Published => "published".to_owned(),
            Subject::Broken(kind) => format!("break {kind}"),
            Subject::Mutant(mutant) => format!("mutant {}", mutant.id),
            Subject::Own(own) => own.name().to_owned(),
        }
    }

    /// The deliberate loss, where there is one.
    pub(crate) fn deliberate(&self) -> Option<Break> {
        match self.subject {
            Subject::Broken(kind) => Some(kind),
            _ => None,
        }
    }
}

/// The live side runs the first build, the other one the second.
fn name_images(config: &mut Config) {
    let subscription = config.target.subscription().to_owned();
    let live = config.target.initial.clone();
    for (name, side) in &mut config.sides {
        let build = BUILDS[usize::from(*name != live)];
        let group = ResourceId::resource_group(&subscription, &side.group);
        side.image = group.resource("Microsoft.Compute/images", build);
        side.image_blob = Some(format!("https://images.example.test/vhds/{build}.vhd"));
    }
}

/// The limits of a rehearsal on sockets: those of the catalogue (D.4), with room for pauses that
/// are this machine's own. A loss has no room.
pub(crate) fn socket_policy() -> Policy {
    Policy {
        max_gap: Duration::from_secs(1),
        latency_noise: Duration::from_millis(250),
        ..Policy::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(speed: f64) -> Plan {
        Plan {
            subject: Subject::Turquoise,
            program: None,
            speed,
            rate: 500.0,
            baseline: Duration::from_secs(5),
            seed: 1,
            port: 0,
            policy: socket_policy(),
        }
    }

    #[test]
    fn real_work_keeps_its_time_at_every_speed() {
        for (speed, request_s, probe_s) in [(1.0, 30, 5), (20.0, 60, 15), (100.0, 300, 75)] {
            let config = plan(speed).config();
            assert_eq!(
                config.frontend.request_timeout,
                Span::seconds(request_s),
                "{speed}"
            );
            assert_eq!(
                config.frontend.probe.timeout,
                Span::seconds(probe_s),
                "{speed}"
            );
            assert!(
                config.frontend.drain_timeout >= config.frontend.request_timeout,
                "{speed}"
            );
        }
    }

    #[test]
    fn no_request_of_the_traffic_outlives_the_gateways_patience() {
        for subject in [Subject::Turquoise, Subject::Broken(Break::NoDrain)] {
            let plan = Plan {
                subject,
                ..plan(20.0)
            };
            let patience = plan.config().frontend.request_timeout.0.div_f64(plan.speed);
            assert!(patience >= plan.profile().longest_work() * 2, "{subject}");
        }
    }

    #[test]
    fn a_rehearsal_configuration_is_a_valid_file() {
        let text = plan(20.0).config().to_toml();
        let read = Config::parse(std::path::Path::new("rehearsal.toml"), &text);
        assert_eq!(read, Ok(plan(20.0).config()));
    }
}
