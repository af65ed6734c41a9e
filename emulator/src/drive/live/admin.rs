//! What the admin API sees and does of this drive.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::directory::Directory;
use super::ticker::Shared;
use crate::admin::Doing;
use crate::cloud::{Cloud, CloudConfig};
use crate::http::{Clock, ClockOrder, ClockState, Drive};

/// The drive, with what an empty cloud of it looks like.
#[derive(Debug)]
pub(super) struct Administered {
    config: CloudConfig,
    shared: Shared,
    directory: Arc<Directory>,
}

impl Administered {
    pub(super) const fn new(
        config: CloudConfig,
        shared: Shared,
        directory: Arc<Directory>,
    ) -> Self {
        Self {
            config,
            shared,
            directory,
        }
    }
}

impl Drive for Administered {
    fn doing(&self) -> Doing {
        let sockets = self.shared.sockets();
        let views = sockets.gateway_views();
        Doing {
            gateways: views.iter().map(|view| json!(view)).collect(),
            in_flight: sockets.in_flight().collect(),
            addresses: self.directory.list(),
        }
    }

    fn clock(&self) -> ClockState {
        let clock = &self.shared.clock;
        ClockState {
            cloud_time_ms: clock.now().as_millis(),
            paused: clock.is_paused(),
            speed: clock.speed(),
            uptime_s: clock.uptime().as_secs(),
        }
    }

    fn set_clock(&self, order: &ClockOrder) {
        let clock = &self.shared.clock;
        if let Some(paused) = order.paused {
            clock.set_paused(paused);
        }
        if let Some(speed) = order.speed {
            clock.set_speed(speed);
        }
        if let Some(span) = order.advance_ms {
            clock.advance(Duration::from_millis(span));
        }
        self.shared.acted.notify_one();
    }

    fn empty_cloud(&self) -> Cloud {
        let mut cloud = Cloud::new(&self.config);
        cloud.advance_to(self.shared.clock.now());
        cloud
    }

    fn replace(&self, cloud: Cloud) {
        let mut sockets = self.shared.sockets();
        let mut held = self.shared.cloud();
        let clock = &self.shared.clock;
        clock.advance(cloud.now().since(clock.now()));
        *held = cloud;
        sockets.clear();
        drop((held, sockets));
        self.shared.acted.notify_one();
    }

    fn acted(&self) {
        self.shared.acted.notify_one();
    }
}
