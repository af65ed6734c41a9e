//! The world from both sides: what Resource Manager says, and what is really done.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::control_plane::ResourceRow;
use crate::data_plane::{BalancerTable, InstanceView};
use crate::http::Address;

/// What only the drive knows of what is done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doing {
    /// Each gateway instance: `gateway`, `instance`, `generation`, `members`.
    pub(crate) gateways: Vec<Value>,
    /// Requests that instances work on, by address.
    pub(crate) in_flight: BTreeMap<Ipv4Addr, u64>,
    /// Sockets that stand for the cloud's addresses.
    pub(crate) addresses: Vec<Address>,
}

/// The world as one document.
pub(crate) fn topology(cloud: &Cloud, doing: &Doing) -> Value {
    let control_plane = cloud.control_plane();
    let groups: Vec<_> = control_plane.group_rows().collect();
    let resources: Vec<_> = control_plane.resource_rows().collect();
    let of = |kind: &str| {
        let same = |row: &&ResourceRow| row.resource_type == kind;
        resources.iter().filter(same).collect::<Vec<_>>()
    };
    let operations: Vec<_> = control_plane.operation_rows().collect();
    let instances = cloud.data_plane().instances();
    let balancers = cloud.data_plane().balancer_tables();
    let gateways = of("Microsoft.Network/applicationGateways").into_iter();
    let load_balancers = of("Microsoft.Network/loadBalancers").into_iter();
    let scale_sets = of("Microsoft.Compute/virtualMachineScaleSets").into_iter();
    json!({
        "revision": control_plane.revision(),
        "groups": groups,
        "gateways": gateways.map(|row| gateway(cloud, row, doing)).collect::<Vec<_>>(),
        "load_balancers": load_balancers.map(|row| load_balancer(row, &balancers)).collect::<Vec<_>>(),
        "scale_sets": scale_sets
            .map(|row| scale_set(cloud, row, &instances, doing))
            .collect::<Vec<_>>(),
        "operations": operations,
        "resources": resources.len(),
        "addresses": doing.addresses,
    })
}

/// Group, name and state of a resource, which every view begins with.
fn stamp(row: &ResourceRow) -> Value {
    json!({
        "id": row.id,
        "name": row.id.name(),
        "group": row.id.group_name(),
        "state": row.state,
        "generation": row.generation,
    })
}

fn gateway(cloud: &Cloud, row: &ResourceRow, doing: &Doing) -> Value {
    let document = cloud
        .control_plane()
        .document_of(&row.id)
        .unwrap_or_default();
    let pools = items(&document["properties"]["backendAddressPools"]);
    let pools = pools.map(|pool| {
        let addresses = items(&pool["properties"]["backendAddresses"]);
        let addresses = addresses.map(|entry| match &entry["ipAddress"] {
            Value::Null => entry["fqdn"].clone(),
            address => address.clone(),
        });
        json!({"name": pool["name"], "addresses": addresses.collect::<Vec<_>>()})
    });
    let id = json!(row.id);
    let instances = doing.gateways.iter().filter(|view| view["gateway"] == id);
    let mut view = stamp(row);
    view["pools"] = pools.collect();
    view["instances"] = instances.cloned().collect();
    view
}

fn load_balancer(row: &ResourceRow, tables: &[Arc<BalancerTable>]) -> Value {
    let table = tables.iter().find(|table| table.load_balancer == row.id);
    let rules = table.into_iter().flat_map(|table| &table.rules);
    let rules = rules.map(|rule| {
        json!({
            "name": rule.name,
            "address": rule.address,
            "port": rule.frontend_port,
            "backend_port": rule.backend_port,
            "healthy": rule.healthy,
        })
    });
    let mut view = stamp(row);
    view["rules"] = rules.collect();
    view
}

fn scale_set(
    cloud: &Cloud,
    row: &ResourceRow,
    instances: &[Arc<InstanceView>],
    doing: &Doing,
) -> Value {
    let document = cloud
        .control_plane()
        .document_of(&row.id)
        .unwrap_or_default();
    let own = instances.iter().filter(|view| view.key.scale_set == row.id);
    let mut view = stamp(row);
    view["capacity"] = document["sku"]["capacity"].clone();
    view["instances"] = own.map(|view| instance(view, doing)).collect();
    view
}

fn instance(view: &InstanceView, doing: &Doing) -> Value {
    json!({
        "number": view.key.number,
        "address": view.address,
        "build": view.application.build,
        "state": format!("{:?}", view.state),
        "ready": view.ready,
        "sickness": view.sickness,
        "in_flight": doing.in_flight.get(&view.address),
    })
}

fn items(array: &Value) -> impl Iterator<Item = &Value> {
    array.as_array().into_iter().flatten()
}
