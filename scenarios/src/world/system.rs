//! The system of a topology: as the orchestrator's configuration, as the emulator's, as a target.

use std::time::Duration;

use turquoise_arm::ResourceId;
use turquoise_emulator::control_plane::{ControlPlaneConfig, Profile};
use turquoise_emulator::data_plane::{
    Application, ClientConnections, DataPlaneConfig, Goaway, Knobs, ServiceTime, Shape,
};
use turquoise_orchestrator::Config;
use turquoise_orchestrator::config::{AutoscaleRange, Span};

use super::names::{ENDPOINT, NEW_SIDE, OLD_SIDE, TOKEN};
use crate::scenario::{Azure, Build, Service, Topology};
use crate::target::{Target, TargetSide};

/// The answer header in which the demo application names its build.
pub(super) const BUILD_HEADER: &str = "x-build-id";

/// What the orchestrator is configured with.
pub(super) fn config(topology: &Topology) -> Config {
    let mut config = Config::rehearsal();
    config.target.initial = OLD_SIDE.to_owned();
    BUILD_HEADER.clone_into(&mut config.identity.header);
    // Longer than every sickness that passes: what is still sick then stays so.
    config.ceilings.gate = Span::minutes(8);
    let frontend = &mut config.frontend;
    frontend.capacity = u32::from(topology.gateway_instances);
    frontend.drain_timeout = seconds(topology.drain_s);
    frontend.request_timeout = seconds(topology.drain_s);
    frontend.probe.interval = seconds(topology.gateway_probe.interval_s);
    frontend.probe.timeout = seconds(topology.gateway_probe.timeout_s);
    frontend.probe.unhealthy_threshold = topology.gateway_probe.threshold;
    for (name, instances) in [
        (OLD_SIDE, topology.old_instances),
        (NEW_SIDE, topology.new_instances),
    ] {
        if let Some(side) = config.sides.get_mut(name) {
            // Who releases knows what: an address alone proves nothing (F52).
            side.build = Some(build_name(&side.image));
            side.instances = instances;
            side.autoscale = topology.autoscale.then_some(AutoscaleRange {
                minimum: instances,
                maximum: 10,
            });
        }
    }
    if topology.old_instances.max(topology.new_instances) > SMALL_SUBNET {
        widen_subnets(&mut config);
    }
    config
}

/// Machines that fit the example's subnets with room for as many again while they are replaced.
const SMALL_SUBNET: u32 = 100;

/// Subnets for thousands of machines, apart from those of gateway and balancers.
fn widen_subnets(config: &mut Config) {
    for (name, range) in [(OLD_SIDE, "10.1.0.0/16"), (NEW_SIDE, "10.2.0.0/16")] {
        let subnets = &mut config.frontend.network.subnets;
        subnets.insert(config.sides[name].subnet.clone(), range.to_owned());
    }
}

const fn seconds(seconds: u32) -> Span {
    Span::seconds(seconds as u64)
}

/// What the data plane runs.
pub(super) fn data_plane(topology: &Topology, azure: Azure) -> DataPlaneConfig {
    DataPlaneConfig {
        default_application: Application {
            workers: topology.workers,
            service_time: ServiceTime {
                mean: Duration::from_millis(u64::from(topology.service_ms)),
                // Long work is a multiple of this: constant, so that none outlives a drain.
                shape: Shape::Constant,
            },
            ..Application::default()
        },
        knobs: knobs(azure),
        ..DataPlaneConfig::default()
    }
}

/// What a side runs in one scenario.
pub(super) fn application(topology: &Topology, build: &Build) -> Application {
    let mean_us = u64::from(topology.service_ms) * u64::from(build.service_percent) * 10;
    let mean = Duration::from_micros(mean_us);
    Application {
        startup: Duration::from_millis(u64::from(build.startup_ms)),
        warm_up: Duration::from_millis(u64::from(build.warm_up_ms)),
        workers: topology.workers,
        service_time: ServiceTime {
            mean,
            shape: match build.service {
                Service::Constant => Shape::Constant,
                Service::Exponential => Shape::Exponential,
                Service::Pareto { alpha, cap } => Shape::Pareto {
                    alpha,
                    cap: mean * cap,
                },
            },
        },
        keep_alive: Duration::from_secs(u64::from(build.keep_alive_s)),
        sickness: build.sickness,
        flaws: build.flaws,
        mixture: build.mixture.clone(),
        ..Application::default()
    }
}

/// With pinned client connections the last request on each is cut when the drain ends, whatever the
/// orchestrator does (F42): such a loss would accuse nobody, so scenarios route each request anew.
pub(super) fn knobs(azure: Azure) -> Knobs {
    let knobs = match azure {
        Azure::Pessimistic => Knobs::pessimistic(),
        Azure::Calibrated => Knobs::calibrated(),
        Azure::Nice => Knobs::nice(),
    };
    // A request that meets a single-phase GOAWAY is lost likewise (F43).
    Knobs {
        client_connections: ClientConnections::Current,
        goaway: Goaway::TwoPhase,
        ..knobs
    }
}

/// How the control plane answers.
pub(super) fn control_plane(azure: Azure) -> ControlPlaneConfig {
    ControlPlaneConfig {
        profile: match azure {
            Azure::Pessimistic => Profile::Pessimistic,
            Azure::Calibrated => Profile::Calibrated,
            Azure::Nice => Profile::Nice,
        },
        // Azure's usual pause between polls (azure-facts.md §2.5).
        retry_after: 10,
        ..ControlPlaneConfig::default()
    }
}

/// What scripts and mutants know of the system.
pub(super) fn target(config: &Config) -> Target {
    Target {
        endpoint: ENDPOINT.to_owned(),
        gateway: config.target.gateway.clone(),
        pool: config.target.pool.clone(),
        old: side(config, OLD_SIDE),
        new: side(config, NEW_SIDE),
        build_header: BUILD_HEADER.to_owned(),
        token: Some(TOKEN.to_owned()),
    }
}

fn side(config: &Config, name: &str) -> TargetSide {
    let side = &config.sides[name];
    TargetSide {
        name: name.to_owned(),
        address: side.address,
        scale_set: side.scale_set(config.target.subscription(), name),
        build: build_name(&side.image),
    }
}

/// An image without an application of its own runs the default one under its own name.
fn build_name(image: &ResourceId) -> String {
    image.name().to_ascii_lowercase()
}
