//! Least privilege: the requests that each duty sends, and the custom role that allows these alone.
//!
//! The roles follow from one table of requests; `tests/control.rs` compares it with what an Azure
//! was really asked. What a request needs besides its own right, because its body refers to other
//! resources (azure-facts.md §6, row 28), stands in a table of its own: an emulator cannot show it.
//! Read [`Duty`] and [`Config::role`].

use serde_json::{Value, json};

use crate::config::Config;

/// What somebody may do with a role of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// To look: `plan`, `doctor`, `status`.
    Plan,
    /// To swap, and to bring the old side back: who may begin must be able to end. Deletes nothing.
    Swap,
    /// To build the groups. Deletes nothing.
    Deploy,
}

/// A request by its method and the type of what it names, with the action of a POST.
type Call = (&'static str, &'static str);

const LOOKS: &[Call] = &[
    ("GET", "Microsoft.Compute/virtualMachineScaleSets"),
    (
        "GET",
        "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
    ),
    ("GET", "Microsoft.Insights/autoscaleSettings"),
    ("GET", "Microsoft.Network/applicationGateways"),
    (
        "POST",
        "Microsoft.Network/applicationGateways/backendhealth",
    ),
    ("GET", "Microsoft.Network/loadBalancers"),
    (
        "POST",
        "Microsoft.Network/loadBalancers/loadBalancingRules/health",
    ),
    ("GET", "Microsoft.Network/locations/operationResults"),
];

/// What a swap sends besides looking.
const SWAPS: &[Call] = &[
    ("GET", "Microsoft.Compute/locations/operations"),
    ("PATCH", "Microsoft.Compute/virtualMachineScaleSets"),
    ("PUT", "Microsoft.Insights/autoscaleSettings"),
    ("PUT", "Microsoft.Network/applicationGateways"),
    ("GET", "Microsoft.Network/locations/operations"),
    ("GET", "Microsoft.Network/publicIPAddresses"),
];

const DEPLOYS: &[Call] = &[
    ("GET", "Microsoft.Compute/images"),
    ("PUT", "Microsoft.Compute/images"),
    ("GET", "Microsoft.Compute/locations/operations"),
    ("GET", "Microsoft.Compute/virtualMachineScaleSets"),
    ("PUT", "Microsoft.Compute/virtualMachineScaleSets"),
    ("GET", "Microsoft.Insights/autoscaleSettings"),
    ("PUT", "Microsoft.Insights/autoscaleSettings"),
    ("GET", "Microsoft.Network/applicationGateways"),
    ("PUT", "Microsoft.Network/applicationGateways"),
    ("GET", "Microsoft.Network/loadBalancers"),
    ("PUT", "Microsoft.Network/loadBalancers"),
    ("GET", "Microsoft.Network/locations/operations"),
    ("GET", "Microsoft.Network/networkInterfaces"),
    ("PUT", "Microsoft.Network/networkInterfaces"),
    ("GET", "Microsoft.Network/publicIPAddresses"),
    ("PUT", "Microsoft.Network/publicIPAddresses"),
    ("GET", "Microsoft.Network/virtualNetworks"),
    ("PUT", "Microsoft.Network/virtualNetworks"),
    ("GET", "Microsoft.Resources/subscriptions/resourceGroups"),
    ("PUT", "Microsoft.Resources/subscriptions/resourceGroups"),
];

/// What the body of a gateway refers to: it is written as a whole.
const LINKED_BY_A_GATEWAY: &[&str] = &[
    "Microsoft.Network/publicIPAddresses/join/action",
    "Microsoft.Network/virtualNetworks/subnets/join/action",
];

/// What the bodies of scale sets and interfaces refer to besides.
const LINKED_BY_MACHINES: &[&str] = &[
    "Microsoft.Network/loadBalancers/backendAddressPools/join/action",
    "Microsoft.Network/loadBalancers/inboundNatRules/join/action",
    "Microsoft.Network/loadBalancers/probes/join/action",
];

impl Duty {
    /// All of them, from the least to the most.
    pub const ALL: [Self; 3] = [Self::Plan, Self::Swap, Self::Deploy];

    /// Its word in files and names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Swap => "swap",
            Self::Deploy => "deploy",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::Plan => "Looks at a blue-green system; changes nothing.",
            Self::Swap => {
                "Swaps a blue-green system and brings it back; creates and deletes nothing."
            }
            Self::Deploy => "Builds the groups of a blue-green system; deletes nothing.",
        }
    }

    /// The rights that its requests need by themselves, in order.
    #[must_use]
    pub fn rights(self) -> Vec<String> {
        let calls = match self {
            Self::Plan => vec![LOOKS],
            Self::Swap => vec![LOOKS, SWAPS],
            Self::Deploy => vec![DEPLOYS],
        };
        sorted(calls.into_iter().flatten().map(right).collect())
    }

    /// The rights on what its writes refer to, in order.
    #[must_use]
    pub fn linked_rights(self) -> Vec<String> {
        let linked = match self {
            Self::Plan => vec![],
            Self::Swap => vec![LINKED_BY_A_GATEWAY],
            Self::Deploy => vec![LINKED_BY_A_GATEWAY, LINKED_BY_MACHINES],
        };
        let linked = linked.into_iter().flatten();
        sorted(linked.map(|right| (*right).to_owned()).collect())
    }
}

impl Config {
    /// A custom role for a duty, as `az role definition create` takes it.
    ///
    /// It can be assigned in the groups that this configuration names; the one that creates groups
    /// in the subscription.
    #[must_use]
    pub fn role(&self, duty: Duty) -> Value {
        let mut actions = duty.rights();
        actions.extend(duty.linked_rights());
        json!({
            "Name": format!("Turquoise {} {}", duty.name(), self.target.gateway.name()),
            "IsCustom": true,
            "Description": duty.description(),
            "Actions": sorted(actions),
            "NotActions": [],
            "DataActions": [],
            "NotDataActions": [],
            "AssignableScopes": self.scopes(duty),
        })
    }

    fn scopes(&self, duty: Duty) -> Vec<String> {
        if duty == Duty::Deploy {
            return vec![format!("/subscriptions/{}", self.target.subscription())];
        }
        let sides = self.sides.values();
        let groups = sides.map(|side| self.target.group_named(&side.group).to_string());
        let mut scopes = vec![self.target.group().to_string()];
        scopes.extend(groups);
        scopes
    }
}

/// The right that a request needs (Azure's resource provider operations).
fn right((method, named): &Call) -> String {
    let verb = match *method {
        "GET" => "read",
        "POST" => "action",
        _ => "write",
    };
    format!("{named}/{verb}")
}

fn sorted(mut rights: Vec<String>) -> Vec<String> {
    rights.sort_unstable();
    rights.dedup();
    rights
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn only_who_builds_may_write_outside_gateway_scale_and_autoscale_and_nobody_deletes() {
        let written = |duty: Duty| -> Vec<String> {
            let rights = duty.rights().into_iter();
            rights.filter(|right| right.ends_with("/write")).collect()
        };
        assert_eq!(written(Duty::Plan), [""; 0]);
        assert_eq!(
            written(Duty::Swap),
            [
                "Microsoft.Compute/virtualMachineScaleSets/write",
                "Microsoft.Insights/autoscaleSettings/write",
                "Microsoft.Network/applicationGateways/write",
            ]
        );
        for duty in Duty::ALL {
            let rights = duty.rights().join(" ") + &duty.linked_rights().join(" ");
            assert!(
                !rights.contains("delete") && !rights.contains('*'),
                "{rights}"
            );
        }
    }

    #[test]
    fn a_role_can_be_assigned_where_the_configuration_acts_and_nowhere_else() {
        let config = Config::parse(Path::new("example.toml"), Config::example_toml());
        let config = config.expect("the example is whole");
        let scopes = config.role(Duty::Swap)["AssignableScopes"].clone();
        let of = "/subscriptions/00000000-0000-0000-0000-000000000001";
        let groups = ["Frontend-P-RG", "Blue-P-RG", "Green-P-RG"];
        let groups = groups.map(|group| format!("{of}/resourceGroups/{group}"));
        assert_eq!(scopes, json!(groups));
        assert_eq!(config.role(Duty::Deploy)["AssignableScopes"], json!([of]));
    }
}
