//! `Microsoft.Compute/virtualMachines`: single machines (specification `compute.json`).
//!
//! Kept, checked and answered, with the power states that people switch them to. They run nothing and
//! answer no packet: what serves here are scale sets' instances.

pub(super) mod extension;
mod power;
mod schema;

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as tree};

use self::power::Power;
use crate::control_plane::durations::{Duration, Durations};
use crate::control_plane::name_rule::NameRule;
use crate::control_plane::provider::{
    Begun, Call, Context, DELETE, Ended, Etags, Handled, Kind, Outcome, Provider, PutMode, Scope,
    Settled, Write, invalid_reference, missing_parameter,
};
use crate::control_plane::references::Reference;
use crate::control_plane::store::Resource;

/// Virtual machines.
#[derive(Clone, Debug, Default)]
pub(crate) struct VirtualMachines {
    /// Those that do not run.
    power: BTreeMap<ResourceId, Power>,
}

const TYPE: &str = "Microsoft.Compute/virtualMachines";

static KIND: Kind = Kind {
    resource_type: TYPE,
    schema: &schema::SCHEMA,
    name_rule: NameRule::Compute { most: 64 },
    etags: Etags::Counter,
    put: PutMode::Merge,
    durations: Durations {
        create: Duration::LogNormal {
            median: 45_000,
            p90: 90_000,
            outlier_one_in: 200,
            outlier: (300_000, 900_000),
        },
        update: Duration::Uniform(5_000, 30_000),
        delete: Duration::Uniform(30_000, 90_000),
    },
    ..Kind::COMPUTE
};

/// Whether an id is a single machine's.
pub(super) fn is_machine(id: &ResourceId) -> bool {
    id.resource_type().is_some_and(|found| found.is(TYPE))
}

impl Provider for VirtualMachines {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn validate(&self, context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        required(&write.model)?;
        check_unchanged(write)?;
        check_interfaces(context, write)?;
        complete(write);
        Ok(())
    }

    /// Interfaces, sets and attached disks must be there; galleries, hosts and placement groups are
    /// not emulated.
    fn trusts(&self, reference: &Reference) -> bool {
        let emulated = [
            "Microsoft.Network/networkInterfaces",
            "Microsoft.Compute/availabilitySets",
            "Microsoft.Compute/disks",
            "Microsoft.Compute/images",
            "Microsoft.Compute/virtualMachineScaleSets",
        ];
        let kind = reference.to.resource_type();
        !kind.is_some_and(|kind| emulated.iter().any(|name| kind.is(name)))
    }

    /// An image made from a machine does not hold it.
    fn in_use(&self, target: &ResourceId, by: &Reference) -> Option<ArmError> {
        (by.member != "sourceVirtualMachine")
            .then(|| crate::control_plane::provider::in_use(target, by))
    }

    fn settle(&mut self, scope: &mut Scope<'_>, ended: &Ended<'_>) -> Settled {
        if *ended.outcome == Outcome::Succeeded {
            match (ended.verb, Power::after(ended.verb)) {
                (DELETE, _) => drop(self.power.remove(ended.id)),
                (_, Some(Power::Running)) => drop(self.power.remove(ended.id)),
                (_, Some(power)) => drop(self.power.insert(ended.id.clone(), power)),
                (_, None) => {}
            }
            scope.store.touch();
        }
        Settled::Done
    }

    fn view(&self, context: &Context<'_>, resource: &Resource, document: &mut Value) {
        let properties = &mut document["properties"];
        properties["vmId"] = resource.guid.as_str().into();
        properties["timeCreated"] = context.clock.iso(resource.created).into();
    }

    fn expand(&self, context: &Context<'_>, resource: &Resource, wish: &str, document: &mut Value) {
        if wish.eq_ignore_ascii_case("instanceView") {
            let power = self.power_of(&resource.id);
            document["properties"]["instanceView"] = power::view(context, resource, power);
        }
    }

    fn route(&mut self, scope: &mut Scope<'_>, call: &Call<'_>) -> Result<Handled, ArmError> {
        if call.is("GET", &["instanceView"]) {
            let power = self.power_of(call.id);
            let context = scope.context();
            let view = context.store.get(call.id);
            let view = view.map(|held| power::view(&context, held, power));
            return Ok(Handled::Answer(StatusCode::OK, view.unwrap_or_default()));
        }
        let [action] = call.rest else {
            return Ok(Handled::Unknown);
        };
        if !power::is_action(action) {
            return Ok(power::elsewhere(action));
        }
        if call.method != http::Method::POST {
            return Ok(Handled::MethodNotAllowed);
        }
        let Some((verb, duration)) = power::operation(action) else {
            self.power.insert(call.id.clone(), Power::Generalized);
            scope.store.touch();
            return Ok(Handled::Empty(StatusCode::OK));
        };
        let seed = scope.seed.child(verb).child(call.id.key());
        let seed = seed.at(scope.now.as_millis());
        Ok(Handled::Operation(Begun {
            verb,
            ends_at: scope.ending(duration, seed),
            payload: Value::Null,
            answer: None,
            updates: false,
        }))
    }
}

impl VirtualMachines {
    fn power_of(&self, id: &ResourceId) -> Power {
        self.power.get(id).copied().unwrap_or(Power::Running)
    }
}

/// 409 for a change of what a machine was made with.
fn unchangeable(name: &str) -> ArmError {
    ArmError::conflict(
        "PropertyChangeNotAllowed",
        format!("Changing property '{name}' is not allowed."),
    )
    .with_target(name)
}

fn required(model: &Value) -> Result<(), ArmError> {
    for path in ["hardwareProfile.vmSize", "storageProfile", "networkProfile"] {
        if tree::at(model, &format!("properties.{path}")).is_none() {
            return Err(missing_parameter(path));
        }
    }
    let disk = tree::at(model, "properties.storageProfile.osDisk");
    let attached = disk.and_then(|disk| tree::text(disk, "createOption")) == Some("Attach");
    let image = tree::at(model, "properties.storageProfile.imageReference").is_some()
        || disk.is_some_and(|disk| tree::at(disk, "image").is_some());
    if !attached && !image {
        return Err(missing_parameter("imageReference"));
    }
    if !attached && tree::at(model, "properties.osProfile").is_none() {
        return Err(missing_parameter("osProfile"));
    }
    Ok(())
}

/// What a machine was made with stays.
fn check_unchanged(write: &Write) -> Result<(), ArmError> {
    let Some(previous) = &write.previous else {
        return Ok(());
    };
    for member in [
        "osProfile.adminUsername",
        "osProfile.computerName",
        "storageProfile.imageReference",
        "storageProfile.osDisk.name",
        "availabilitySet",
        "virtualMachineScaleSet",
    ] {
        let path = format!("properties.{member}");
        let (was, is) = (tree::at(previous, &path), tree::at(&write.model, &path));
        if was != is {
            let name = member.rsplit('.').next().unwrap_or(member);
            return Err(unchangeable(name));
        }
    }
    Ok(())
}

/// A machine has interfaces of its own, and one of several is primary.
fn check_interfaces(context: &Context<'_>, write: &Write) -> Result<(), ArmError> {
    let interfaces: Vec<&Value> =
        tree::items(&write.model, "properties.networkProfile.networkInterfaces").collect();
    if interfaces.is_empty() {
        return Err(missing_parameter("networkProfile.networkInterfaces"));
    }
    let primary =
        |interface: &&&Value| tree::boolean(interface, "properties.primary") == Some(true);
    if interfaces.len() > 1 && interfaces.iter().filter(primary).count() != 1 {
        return Err(ArmError::bad_request(
            "VirtualMachineMustHaveOneNetworkInterfaceAsPrimary",
            format!(
                "Virtual machine {} must have one network interface set as the primary.",
                write.id.name()
            ),
        ));
    }
    for interface in interfaces {
        let text = tree::text(interface, "id").unwrap_or_default();
        let id = ResourceId::parse(text).map_err(|_| invalid_reference(&write.id, text))?;
        let mut users = context.store.referrers(&id).iter();
        let other = users.find(|by| is_machine(&by.owner) && by.owner != write.id);
        if let Some(by) = other {
            return Err(ArmError::bad_request(
                "NicInUse",
                format!(
                    "Network Interface {id} is used by existing resource {}. In order to use the \
                     network interface, it must be dissociated from the resource.",
                    by.owner
                ),
            ));
        }
    }
    Ok(())
}

/// What Azure fills in.
fn complete(write: &mut Write) {
    let name = write.id.name().to_owned();
    let digits: String = write.guid.chars().filter(|c| *c != '-').collect();
    let attached = |disk: &Value| tree::text(disk, "createOption") == Some("Attach");
    let storage = &mut write.model["properties"]["storageProfile"];
    let disk = &mut storage["osDisk"];
    if disk.is_null() {
        *disk = json!({"createOption": "FromImage"});
    }
    if disk.get("name").is_none() && !attached(disk) {
        disk["name"] = format!("{name}_OsDisk_1_{digits}").into();
    }
    for (member, value) in [("caching", "ReadWrite"), ("deleteOption", "Detach")] {
        if disk.get(member).is_none() {
            disk[member] = value.into();
        }
    }
    if disk.get("managedDisk").is_none() && disk.get("vhd").is_none() {
        disk["managedDisk"] = json!({"storageAccountType": "Standard_LRS"});
    }
    if let Some(system) = write.model["properties"].get_mut("osProfile")
        && system.get("computerName").is_none()
    {
        system["computerName"] = name.into();
    }
}
