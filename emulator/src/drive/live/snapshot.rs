//! What the core says, at one moment, about everything that has a socket.

use std::sync::Arc;

use turquoise_arm::ResourceId;

use crate::data_plane::{BalancerTable, DataPlane, InstanceView, RoutingTable};

/// A gateway and what each of its instances dispatches by.
pub(crate) type GatewayTables = (ResourceId, Vec<Arc<RoutingTable>>);

/// The core's tables and views; all are shared, so taking them is cheap.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) gateways: Vec<GatewayTables>,
    pub(crate) balancers: Vec<Arc<BalancerTable>>,
    pub(crate) instances: Vec<Arc<InstanceView>>,
}

impl Snapshot {
    pub(crate) fn of(plane: &DataPlane) -> Self {
        let tables = |id: &ResourceId| (id.clone(), plane.gateway_tables(id));
        Self {
            gateways: plane.gateways().map(tables).collect(),
            balancers: plane.balancer_tables(),
            instances: plane.instances(),
        }
    }
}
