//! What a scale set answers to GET: instances, their state and their network interfaces
//! (azure-facts.md §4.12.4, client-contract.md §7.5).

use http::StatusCode;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as wire};

use super::cores;
use super::filter::InstanceFilter;
use super::instance::{self, Names};
use super::set::Set;
use crate::control_plane::clock::guid;
use crate::control_plane::fleet::Instance;
use crate::control_plane::provider::{Call, Handled, Scope};
use crate::control_plane::resolve::scale_set::primary;
use crate::reported::Power;

/// Answers a GET below a scale set; `Unknown` when it is none of these.
pub(super) fn get(scope: &Scope<'_>, call: &Call<'_>, set: &Set) -> Result<Handled, ArmError> {
    if call.method != http::Method::GET {
        return Ok(Handled::Unknown);
    }
    let view = View { scope, call, set };
    let machine = |position: usize| view.machine(&call.rest[position]);
    let body = if call.is("GET", &["instanceView"]) {
        view.set_instance_view()
    } else if call.is("GET", &["skus"]) {
        view.skus()
    } else if call.is("GET", &["virtualMachines"]) {
        view.list()?
    } else if call.is("GET", &["virtualMachines", "*"]) {
        view.document(machine(1)?)
    } else if call.is("GET", &["virtualMachines", "*", "instanceView"]) {
        view.instance_view(machine(1)?)
    } else if call.is("GET", &["networkInterfaces"]) {
        json!({"value": set.fleet.instances().map(|i| view.interface(i)).collect::<Vec<_>>()})
    } else if call.is("GET", &["virtualMachines", "*", "networkInterfaces"]) {
        json!({"value": [view.interface(machine(1)?)]})
    } else if call.is("GET", &["virtualMachines", "*", "networkInterfaces", "*"]) {
        view.named_interface(machine(1)?, &call.rest[3])?
    } else if call.is("GET", &["extensions"]) {
        json!({"value": view.extensions().collect::<Vec<_>>()})
    } else if call.is("GET", &["extensions", "*"]) {
        view.extension(&call.rest[1])?
    } else if call.is("GET", &["osUpgradeHistory"]) {
        return Ok(Handled::NotEmulated);
    } else {
        return Ok(Handled::Unknown);
    };
    Ok(Handled::Answer(StatusCode::OK, body))
}

/// The document of one instance, for answers to writes.
pub(super) fn document(scope: &Scope<'_>, call: &Call<'_>, set: &Set, held: &Instance) -> Value {
    View { scope, call, set }.document(held)
}

struct View<'a, 'b> {
    scope: &'a Scope<'b>,
    call: &'a Call<'a>,
    set: &'a Set,
}

impl View<'_, '_> {
    fn id(&self) -> &ResourceId {
        self.call.id
    }

    fn machine(&self, number: &str) -> Result<&Instance, ArmError> {
        let found = number
            .parse()
            .ok()
            .and_then(|number| self.set.fleet.instance(number));
        found.ok_or_else(|| {
            ArmError::not_found(
                "NotFound",
                format!(
                    "The entity virtualMachines/{number} was not found in {}.",
                    self.id()
                ),
            )
        })
    }

    fn list(&self) -> Result<Value, ArmError> {
        let filter = self.call.parameter("$filter").unwrap_or_default();
        let filter = InstanceFilter::read(filter)?;
        let machines = self.set.fleet.instances().map(|held| self.document(held));
        let machines = machines.filter(|document| filter.admits(document));
        Ok(json!({"value": machines.collect::<Vec<_>>()}))
    }

    /// The model's extensions as resources of their own, without what they keep secret.
    fn extensions(&self) -> impl Iterator<Item = Value> {
        let path = "extensionProfile.extensions";
        let listed = wire::items(&self.set.latest.profile, path);
        listed.map(|held| {
            let name = wire::text(held, "name").unwrap_or_default();
            let id = self.id().child("extensions", name);
            let mut properties = held["properties"].clone();
            if let Some(members) = properties.as_object_mut() {
                members.shift_remove("protectedSettings");
            }
            properties["provisioningState"] = "Succeeded".into();
            json!({
                "name": name,
                "id": id.as_str(),
                "type": format!("{}/extensions", super::TYPE),
                "properties": properties,
            })
        })
    }

    fn extension(&self, name: &str) -> Result<Value, ArmError> {
        let mut all = self.extensions();
        let found = all.find(|held| {
            wire::text(held, "name").is_some_and(|held| held.eq_ignore_ascii_case(name))
        });
        found.ok_or_else(|| {
            let id = self.id().child("extensions", name);
            ArmError::not_found("NotFound", format!("Resource {id} not found."))
        })
    }

    fn document(&self, held: &Instance) -> Value {
        let resource = self.scope.store.get(self.id());
        let location =
            resource.map_or("", |r| wire::text(&r.model, "location").unwrap_or_default());
        let sku = resource
            .and_then(|r| wire::at(&r.model, "sku.name"))
            .cloned();
        let stored = self.scope.store.get(&instance::id(self.id(), held.number));
        let mut document = json!({
            "name": format!("{}_{}", self.id().name(), held.number),
            "id": instance::id(self.id(), held.number).as_str(),
            "type": super::INSTANCE_TYPE,
            "location": location,
            "instanceId": held.number.to_string(),
            "sku": {"name": sku, "tier": "Standard"},
            "etag": stored.map_or("\"1\"", |stored| stored.etag.as_str()),
            "properties": self.properties(held),
        });
        if let Some(tags) = resource.and_then(|r| wire::at(&r.model, "tags")) {
            document["tags"] = tags.clone();
        }
        let expand = self.call.parameter("$expand").unwrap_or_default();
        if expand.eq_ignore_ascii_case("instanceView") {
            document["properties"]["instanceView"] = self.instance_view(held);
        }
        document
    }

    fn properties(&self, held: &Instance) -> Value {
        let profile = &held.version.profile;
        let names = Names::read(profile);
        let interface = names.network_interface(self.id(), held.number);
        let mut os = wire::at(profile, "osProfile")
            .cloned()
            .unwrap_or_else(|| json!({}));
        let prefix = wire::text(&os, "computerNamePrefix").unwrap_or_else(|| self.id().name());
        os["computerName"] = computer_name(prefix, held.number).into();
        if let Some(members) = os.as_object_mut() {
            for secret in ["computerNamePrefix", "adminPassword", "customData"] {
                members.shift_remove(secret);
            }
        }
        let size = self.scope.store.get(self.id());
        let size = size.and_then(|r| wire::at(&r.model, "sku.name")).cloned();
        json!({
            "latestModelApplied": held.version.generation == self.set.latest.generation,
            "vmId": guid(self.scope.seed.child(self.id().key()).child("vm").at(u64::from(held.number))),
            "modelDefinitionApplied": "VirtualMachineScaleSet",
            "hardwareProfile": {"vmSize": size},
            "networkProfile": {"networkInterfaces": [{"id": interface.as_str()}]},
            "networkProfileConfiguration": {
                "networkInterfaceConfigurations":
                    wire::at(profile, "networkProfile.networkInterfaceConfigurations"),
            },
            "osProfile": os,
            "storageProfile": wire::at(profile, "storageProfile"),
            "protectionPolicy": {
                "protectFromScaleIn": held.protect_from_scale_in,
                "protectFromScaleSetActions": held.protect_from_actions,
            },
            "provisioningState": held.provisioning_state(self.scope.now),
            "timeCreated": self.scope.clock.iso(held.created_at),
        })
    }

    /// What the data plane reports comes first; the fleet's wish fills in what it does not say.
    fn instance_view(&self, held: &Instance) -> Value {
        let report = self
            .scope
            .reported
            .instance(&self.set.fleet.key(held.number));
        let power = match report.as_ref().map(|report| report.power) {
            Some(Power::Running) => "running",
            Some(Power::Starting) => "starting",
            Some(Power::Stopped) | None => match held.power_state(self.scope.now) {
                off @ ("stopped" | "stopping" | "deallocated" | "deallocating") => off,
                // It was to run and does not: somebody killed it.
                _ => "stopped",
            },
        };
        let state = held.provisioning_state(self.scope.now).to_ascii_lowercase();
        let is_ready = report
            .as_ref()
            .is_some_and(|report| report.provisioned && power == "running");
        let mut view = json!({
            "platformUpdateDomain": held.number % 5,
            "platformFaultDomain": held.number % 5,
            "vmAgent": {
                "vmAgentVersion": if is_ready { "2.10.0" } else { "Unknown" },
                "statuses": [agent_status(is_ready)],
            },
            "disks": [],
            "extensions": [],
            "statuses": [
                status(&format!("ProvisioningState/{state}"), &format!("Provisioning {state}")),
                status(&format!("PowerState/{power}"), &format!("VM {power}")),
            ],
        });
        if held.version.model.health.is_some() {
            let health = match report.and_then(|report| report.application_health) {
                Some(true) => "HealthState/healthy",
                Some(false) => "HealthState/unhealthy",
                None => "HealthState/unknown",
            };
            view["vmHealth"] = json!({"status": status(health, "")});
        }
        view
    }

    fn set_instance_view(&self) -> Value {
        let mut counts: Vec<(String, u32)> = Vec::new();
        for held in self.set.fleet.instances() {
            let state = held.provisioning_state(self.scope.now).to_ascii_lowercase();
            let code = format!("ProvisioningState/{state}");
            match counts.iter_mut().find(|(known, _)| *known == code) {
                Some((_, count)) => *count += 1,
                None => counts.push((code, 1)),
            }
        }
        let summary = counts
            .iter()
            .map(|(code, count)| json!({"code": code, "count": count}));
        let state = self
            .scope
            .store
            .get(self.id())
            .map_or("Succeeded", |r| r.state.word());
        let word = state.to_ascii_lowercase();
        let mut own = status(
            &format!("ProvisioningState/{word}"),
            &format!("Provisioning {word}"),
        );
        own["time"] = self.scope.clock.iso(self.scope.now).into();
        json!({
            "virtualMachine": {"statusesSummary": summary.collect::<Vec<_>>()},
            "extensions": [],
            "orchestrationServices": [],
            "statuses": [own],
        })
    }

    fn skus(&self) -> Value {
        let resource = self.scope.store.get(self.id());
        let name = resource
            .and_then(|r| wire::text(&r.model, "sku.name"))
            .unwrap_or_default();
        json!({"value": [{
            "resourceType": super::TYPE,
            "sku": {"name": name, "tier": "Standard", "cores": cores(name)},
            "capacity": {"minimum": 0, "maximum": 100, "defaultCapacity": 1, "scaleType": "Automatic"},
        }]})
    }

    fn named_interface(&self, held: &Instance, name: &str) -> Result<Value, ArmError> {
        let interface = self.interface(held);
        let found = wire::text(&interface, "name").is_some_and(|n| n.eq_ignore_ascii_case(name));
        if found {
            return Ok(interface);
        }
        let id = instance::id(self.id(), held.number).child("networkInterfaces", name);
        Err(ArmError::not_found(
            "NotFound",
            format!("Resource {id} not found."),
        ))
    }

    /// A network interface as the network provider shows it under a compute path.
    fn interface(&self, held: &Instance) -> Value {
        let names = Names::read(&held.version.profile);
        let id = names.network_interface(self.id(), held.number);
        let stored = instance::document(held);
        let stored = primary(&stored, "properties.networkInterfaces");
        let mut properties = stored["properties"].clone();
        let configuration = &mut properties["ipConfigurations"][0];
        configuration["id"] = names
            .ip_configuration(self.id(), held.number)
            .as_str()
            .into();
        configuration["properties"]["provisioningState"] = "Succeeded".into();
        properties["provisioningState"] = "Succeeded".into();
        properties["dnsSettings"] = json!({"dnsServers": [], "appliedDnsServers": []});
        properties["enableAcceleratedNetworking"] = false.into();
        properties["enableIPForwarding"] = false.into();
        properties["primary"] = true.into();
        properties["virtualMachine"] = json!({"id": instance::id(self.id(), held.number).as_str()});
        json!({"name": names.interface, "id": id.as_str(), "properties": properties})
    }
}

fn status(code: &str, display: &str) -> Value {
    json!({"code": code, "level": "Info", "displayStatus": display})
}

fn agent_status(is_ready: bool) -> Value {
    if is_ready {
        return status("ProvisioningState/succeeded", "Ready");
    }
    json!({"code": "ProvisioningState/Unavailable", "level": "Warning", "displayStatus": "Not Ready"})
}

/// The prefix and the number as six digits of base 36 (azure-facts.md §4.12.4).
fn computer_name(prefix: &str, number: u32) -> String {
    let mut digits = ['0'; 6];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = char::from_digit(rest % 36, 36)
            .unwrap_or('0')
            .to_ascii_uppercase();
        rest /= 36;
    }
    format!("{prefix}{}", digits.iter().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computer_names_count_in_base_36() {
        assert_eq!(computer_name("green", 0), "green000000");
        assert_eq!(computer_name("green", 85), "green00002D");
    }
}
