//! What the world itself reads from Azure: how things stand before a run and after it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http::Request;
use serde_json::Value;
use turquoise_arm::{ResourceId, json as tree};
use turquoise_emulator::{Cloud, Event, Reply, Timed};
use turquoise_orchestrator::{Config, Instant};

use super::core::cloud_time;
use super::names::{ENDPOINT, NEW_SIDE, OBSERVER, OLD_SIDE, TOKEN};
use crate::observation::{FinalState, Snapshot};
use crate::script::{pool_addresses, version};
use crate::target::Target;

/// What a swap borrows, as ARM tells it: each autoscale minimum (S22).
pub(super) fn snapshot(cloud: &mut Cloud, config: &Config, now: Instant) -> Snapshot {
    let mut autoscale_minimum = BTreeMap::new();
    for name in [OLD_SIDE, NEW_SIDE] {
        let id = config.sides[name].autoscale_setting(config.target.subscription(), name);
        if let Some(value) = minimum_of(cloud, &id, now) {
            autoscale_minimum.insert(id.name().to_owned(), value);
        }
    }
    Snapshot {
        autoscale_minimum,
        locks: Vec::new(),
    }
}

/// How everything stands, but for who holds the lease.
pub(super) fn final_state(
    cloud: &mut Cloud,
    config: &Config,
    target: &Target,
    now: Instant,
) -> FinalState {
    let gateway = get(cloud, &target.gateway, now);
    let pool = gateway.and_then(|gateway| pool_addresses(&gateway, &target.pool));
    let pool = pool.unwrap_or_default();
    let mut instances = BTreeMap::new();
    for side in [&target.old, &target.new] {
        let document = get(cloud, &side.scale_set, now);
        let capacity = document.and_then(|set| tree::integer(&set, "sku.capacity"));
        let capacity = capacity.and_then(|count| u32::try_from(count).ok());
        instances.insert(
            side.scale_set.name().to_owned(),
            capacity.unwrap_or_default(),
        );
    }
    FinalState {
        pool: pool.iter().filter_map(|ip| ip.parse().ok()).collect(),
        applied: BTreeMap::new(),
        autoscale_minimum: snapshot(cloud, config, now).autoscale_minimum,
        instances,
        lease: String::new(),
    }
}

/// The members of a pool that each gateway instance took into use last.
pub(super) fn applied(events: &[Timed], pool: &ResourceId) -> BTreeMap<u16, Vec<Ipv4Addr>> {
    let mut applied = BTreeMap::new();
    for timed in events {
        let Event::GatewayApplied {
            instance, pools, ..
        } = &timed.event
        else {
            continue;
        };
        if let Some((_, members)) = pools.iter().find(|(id, _)| id == pool) {
            applied.insert(*instance, members.clone());
        }
    }
    applied
}

fn minimum_of(cloud: &mut Cloud, id: &ResourceId, now: Instant) -> Option<u32> {
    let document = get(cloud, id, now)?;
    let profile = tree::at(&document, "properties.profiles")?
        .as_array()?
        .first()?;
    u32::try_from(tree::integer(profile, "capacity.minimum")?).ok()
}

fn get(cloud: &mut Cloud, id: &ResourceId, now: Instant) -> Option<Value> {
    let url = format!("{ENDPOINT}{}?api-version={}", id.as_str(), version(id));
    let request = Request::get(url)
        .header("host", "management.turquoise.test")
        .header("user-agent", OBSERVER)
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Bytes::new())
        .expect("because every part is a name");
    let Reply::Answer(answer) = cloud.handle(cloud_time(now), &request) else {
        return None;
    };
    serde_json::from_slice(answer.body()).ok()
}
