//! One scale set instance as a caller meets it: what it answers, and after how long.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use super::application::Application;
use crate::desired::InstanceKey;
use crate::faults::Sickness;
use crate::ledger::{Build, RequestClass};
use crate::seed::Seed;

/// An instance at one moment; immutable, so that a drive can hand it to its listener.
#[derive(Clone, Debug)]
pub struct InstanceView {
    /// Which instance.
    pub key: InstanceKey,
    /// Its private address.
    pub address: Ipv4Addr,
    /// Grows with each boot or reimage: a flow to an earlier one is dead.
    pub incarnation: u32,
    /// What it runs.
    pub application: Arc<Application>,
    /// The number of the build it runs.
    pub build: Build,
    /// The number of the build that its answers name: the same, unless it lies (F114).
    pub reports: Build,
    /// How it meets connections.
    pub state: InstanceState,
    /// Whether the application is past its warm-up.
    pub ready: bool,
    /// How it misbehaves now: a fault's doing or its build's.
    pub sickness: Option<Sickness>,
}

/// How an instance meets a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// No machine answers: booting, stopped or gone. The connect times out.
    NotListening,
    /// The machine is up, nothing listens on the port: the connection is refused.
    Refusing,
    /// The application accepts and answers.
    Serving,
    /// The application accepts and never answers.
    Hanging,
}

/// What an instance does with a request it accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// How long a worker is busy with it.
    pub service: Duration,
}

impl InstanceView {
    /// How a connection to this port is met.
    #[must_use]
    pub fn meets(&self, port: u16) -> InstanceState {
        match self.state {
            InstanceState::Serving if self.application.port.is_some_and(|own| own != port) => {
                InstanceState::Refusing
            }
            state => state,
        }
    }

    /// What it answers to a request, from that request's own draw. Ask only while it serves.
    ///
    /// An error or a missing path costs as much work as a good answer: a sick application is not a
    /// fast one, so a load test does not flatter it.
    #[must_use]
    pub fn respond(&self, draw: Seed, _class: RequestClass, work: f64) -> Response {
        let slowness = if self.sickness == Some(Sickness::Slow) {
            10
        } else {
            1
        };
        Response {
            status: self.request_status(),
            service: self.application.service_time.draw(draw, work) * slowness,
        }
    }

    /// What it answers to a request for a path: its health check's own, else as
    /// [`InstanceView::respond`].
    #[must_use]
    pub fn respond_to(&self, draw: Seed, path: &str, class: RequestClass, work: f64) -> Response {
        if path == self.application.health_path {
            return self.health(path);
        }
        let response = self.respond(draw, class, work);
        if response.status == 200 && self.is_missing(path) {
            return Response {
                status: 404,
                ..response
            };
        }
        response
    }

    /// What it answers to a health check. Ask only while it serves.
    #[must_use]
    pub fn health(&self, path: &str) -> Response {
        let status = match self.sickness {
            _ if !self.ready => 503,
            Some(Sickness::Errors) => 500,
            _ if self.is_missing(path) => 404,
            _ => 200,
        };
        let slowness = if self.sickness == Some(Sickness::Slow) {
            10
        } else {
            1
        };
        Response {
            status,
            service: self.application.health_time * slowness,
        }
    }

    /// Whether health checks of the machine itself pass.
    #[must_use]
    pub fn passes_probes(&self) -> bool {
        self.state == InstanceState::Serving
            && self.ready
            && self.sickness != Some(Sickness::Errors)
    }

    /// Whether requests are answered well.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.state == InstanceState::Serving && self.request_status() == 200
    }

    /// The body of its health check: what a probe's body match is held against.
    #[must_use]
    pub fn health_body(&self) -> String {
        let status = match self.health(&self.application.health_path).status {
            200 => "ok",
            503 => "starting",
            _ => "failing",
        };
        format!(
            "{{\"status\":\"{status}\",\"build\":\"{}\"}}",
            self.application.build
        )
    }

    fn request_status(&self) -> u16 {
        match self.sickness {
            _ if !self.ready => 503,
            Some(Sickness::Errors | Sickness::ErrorsBehindHealthyProbe) => 500,
            _ => 200,
        }
    }

    fn is_missing(&self, path: &str) -> bool {
        let path = path.split('?').next().unwrap_or(path);
        self.application
            .missing_paths
            .iter()
            .any(|missing| missing == path)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use turquoise_arm::ResourceId;

    use super::*;

    pub(crate) fn view(application: Application) -> InstanceView {
        let scale_set = ResourceId::resource_group("s", "green")
            .resource("Microsoft.Compute/virtualMachineScaleSets", "green");
        InstanceView {
            key: InstanceKey {
                scale_set,
                number: 0,
            },
            address: Ipv4Addr::new(10, 0, 1, 4),
            incarnation: 1,
            sickness: application.sickness,
            application: Arc::new(application),
            build: 0,
            reports: 0,
            state: InstanceState::Serving,
            ready: true,
        }
    }

    #[test]
    fn sickness_shows_to_requests_and_probes_as_it_says() {
        let cases = [
            (None, 200, 200),
            (Some(Sickness::Errors), 500, 500),
            (Some(Sickness::ErrorsBehindHealthyProbe), 500, 200),
            (Some(Sickness::Slow), 200, 200),
        ];
        for (sickness, request, probe) in cases {
            let view = view(Application {
                sickness,
                ..Application::default()
            });
            let response = view.respond(Seed::new(1), RequestClass::Short, 1.0);
            assert_eq!(response.status, request, "{sickness:?}");
            assert_eq!(view.health("/health").status, probe, "{sickness:?}");
        }
    }

    #[test]
    fn a_slow_instance_takes_ten_times_as_long() {
        let well = view(Application::default());
        let slow = InstanceView {
            sickness: Some(Sickness::Slow),
            ..well.clone()
        };
        let draw = Seed::new(9);
        let usual = well.respond(draw, RequestClass::Short, 1.0).service;
        assert_eq!(
            slow.respond(draw, RequestClass::Short, 1.0).service,
            usual * 10
        );
    }

    #[test]
    fn a_missing_path_is_404_to_requests_and_probes() {
        let view = view(Application {
            missing_paths: vec!["/healthz".to_owned()],
            ..Application::default()
        });
        let answer = view.respond_to(Seed::new(1), "/healthz?a", RequestClass::Short, 1.0);
        assert_eq!(answer.status, 404);
        assert_eq!(view.health("/healthz").status, 404);
        assert_eq!(view.health("/health").status, 200);
    }

    #[test]
    fn the_health_body_names_status_and_build() {
        let view = view(Application {
            build: "v2".to_owned(),
            ..Application::default()
        });
        assert_eq!(view.health_body(), r#"{"status":"ok","build":"v2"}"#);
    }

    #[test]
    fn only_its_own_port_is_listened_on() {
        let view = view(Application {
            port: Some(8080),
            ..Application::default()
        });
        assert_eq!(view.meets(8080), InstanceState::Serving);
        assert_eq!(view.meets(80), InstanceState::Refusing);
    }
}
