//! A side by a template of the user's: one deployment to the side's group, and what its outputs say.
//!
//! Azure itself tells whether anything would change (`whatIf`), so that a second call changes nothing
//! and a side that serves is left alone (F89).

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};
use turquoise_arm::{ResourceId, json as tree};

use super::apply::{CEILING, PAUSE, is_running};
use super::frontend::subnet_id;
use super::{Change, DeployError, Deployed, Deployment, SideTemplate};
use crate::access::Access;
use crate::arm_client::{ArmClient, ArmFailure};
use crate::config::{Built, Config, Side};
use crate::environment::Environment;

/// Reads what templates of sides have made into `config`: addresses and ids. Gives the names of sides
/// that are not made yet. A configuration without templates asks nothing.
///
/// # Errors
/// When Azure cannot be asked, or when outputs do not say what they must.
pub async fn read_templates<E: Environment>(
    environment: &E,
    access: &Access,
    config: &mut Config,
) -> Result<Vec<String>, DeployError> {
    let subscription = config.target.subscription().to_owned();
    let arm = ArmClient::new(environment, access, "sides");
    let mut missing = Vec::new();
    for (name, side) in &mut config.sides {
        if side.template.is_none() {
            continue;
        }
        let id = side.deployment(&subscription, name);
        let found = arm.find(&id).await;
        match found.map_err(|failure| DeployError::arm(&id, failure))? {
            Some(found) if succeeded(&found) => take(name, side, &found)?,
            _ => missing.push(name.clone()),
        }
    }
    let mut addresses = config.sides.iter().map(|(name, side)| (name, side.address));
    if let (Some((_, first)), Some((name, second))) = (addresses.next(), addresses.next())
        && first == second
        && !first.is_unspecified()
    {
        return Err(outputs(name, "its `address` is the other side's too"));
    }
    Ok(missing)
}

impl<E: Environment> Deployment<'_, E> {
    /// Carries the template out, unless nothing would change.
    pub(super) async fn by_template(
        &self,
        name: &str,
        side: &Side,
        given: &SideTemplate,
    ) -> Result<(), DeployError> {
        let id = side.deployment(self.config.target.subscription(), name);
        let failed = |failure| DeployError::arm(&id, failure);
        check_outputs(name, given)?;
        let body = json!({"properties": {
            "mode": "Incremental",
            "template": given.template,
            "parameters": parameters(self.config, name, side, given),
        }});
        let found = self.settled(&id).await?;
        let arm = self.applier.arm;
        if found.as_ref().is_some_and(succeeded) {
            let answer = arm.ask_with(&id, "/whatIf", &body).await.map_err(failed)?;
            match first_change(&answer) {
                Some(resource) if self.serves(side.address).await? => {
                    return Err(DeployError::SideServes {
                        side: name.to_owned(),
                        resource: ResourceId::parse(resource).unwrap_or_else(|_| id.clone()),
                    });
                }
                Some(_) => {}
                // What-if does not speak of outputs; new ones touch no resource.
                None if self.has_outputs_of(&id, given).await? => {
                    self.tell(&id, Change::Unchanged);
                    return Ok(());
                }
                None => {}
            }
        }
        self.applier.put(&id, &body).await.map_err(failed)?;
        let made = arm.get(&id).await.map_err(failed)?;
        let built = read(name, &made)?;
        if !side.address.is_unspecified() && side.address != built.address {
            let reason = format!(
                "its `address` is {}, and `sides.{name}.address` says {}",
                built.address, side.address
            );
            return Err(outputs(name, &reason));
        }
        let change = found.map_or(Change::Created, |_| Change::Updated);
        self.tell(&id, change);
        Ok(())
    }

    /// Whether the deployment was made by a template with these outputs.
    async fn has_outputs_of(
        &self,
        id: &ResourceId,
        given: &SideTemplate,
    ) -> Result<bool, DeployError> {
        let held = self.applier.arm.ask(id, "/exportTemplate").await;
        let held = held.map_err(|failure| DeployError::arm(id, failure))?;
        Ok(tree::at(&held, "template.outputs") == given.template.get("outputs"))
    }

    /// The deployment as it is, once nobody's runs any more.
    async fn settled(&self, id: &ResourceId) -> Result<Option<Value>, DeployError> {
        let failed = |failure| DeployError::arm(id, failure);
        let deadline = self.applier.environment.now() + CEILING;
        loop {
            let found = self.applier.arm.find(id).await.map_err(failed)?;
            if !found.as_ref().is_some_and(is_running) {
                return Ok(found);
            }
            if self.applier.environment.now() >= deadline {
                return Err(failed(ArmFailure::Ceiling {
                    what: format!("`{id}` to settle"),
                    waited_s: CEILING.as_secs(),
                }));
            }
            let at = self.applier.environment.now() + PAUSE;
            self.applier.environment.sleep_until(at).await;
        }
    }

    fn tell(&self, id: &ResourceId, change: Change) {
        let resource = id.clone();
        self.took(Deployed { resource, change });
    }
}

/// A template that cannot say what a swap needs is refused before it makes anything.
fn check_outputs(side: &str, given: &SideTemplate) -> Result<(), DeployError> {
    for output in ["address", "loadBalancer", "scaleSet"] {
        if given.template["outputs"].get(output).is_none() {
            return Err(outputs(side, &format!("it has no output `{output}`")));
        }
    }
    Ok(())
}

fn succeeded(deployment: &Value) -> bool {
    tree::text(deployment, "properties.provisioningState") == Some("Succeeded")
}

/// The first resource that a deployment would change.
fn first_change(answer: &Value) -> Option<&str> {
    let mut changes = tree::items(answer, "properties.changes");
    let changed = changes.find(|change| {
        let kind = tree::text(change, "changeType").unwrap_or_default();
        !matches!(kind, "NoChange" | "Ignore" | "Unsupported" | "NoEffect")
    });
    changed.map(|change| tree::text(change, "resourceId").unwrap_or_default())
}

/// The file's parameters, and what the template declares of those that only we know.
fn parameters(config: &Config, name: &str, side: &Side, given: &SideTemplate) -> Value {
    let mut values: Map<String, Value> = given.parameters.as_object().cloned().unwrap_or_default();
    let subnet = |of: &str| (!of.is_empty()).then(|| json!(subnet_id(config, of)));
    let address = (!side.address.is_unspecified()).then(|| json!(side.address));
    let known = [
        ("side", Some(json!(name))),
        ("location", Some(json!(config.frontend.location))),
        ("image", Some(json!(side.image))),
        ("address", address),
        ("addressSubnet", subnet(&side.address_subnet)),
        ("subnet", subnet(&side.subnet)),
        ("probePath", Some(json!(config.frontend.probe.path))),
        ("size", Some(json!(side.size))),
        ("instances", Some(json!(side.instances))),
    ];
    for (parameter, value) in known {
        let declared = given.template["parameters"].get(parameter).is_some();
        if let Some(value) = value.filter(|_| declared && !values.contains_key(parameter)) {
            values.insert(parameter.to_owned(), json!({"value": value}));
        }
    }
    Value::Object(values)
}

fn take(name: &str, side: &mut Side, deployment: &Value) -> Result<(), DeployError> {
    let built = read(name, deployment)?;
    side.address = built.address;
    side.built = Some(built);
    Ok(())
}

/// What a deployment's outputs say.
fn read(side: &str, deployment: &Value) -> Result<Built, DeployError> {
    let text = |output: &str| tree::text(deployment, &format!("properties.outputs.{output}.value"));
    let id = |output: &str| match text(output) {
        None => Ok(None),
        Some(given) => ResourceId::parse(given)
            .map(Some)
            .map_err(|_| outputs(side, &format!("`{output}` is `{given}`, which is no id"))),
    };
    let wanted = |output: &str| {
        let missing = || outputs(side, &format!("it has no `{output}`"));
        id(output)?.ok_or_else(missing)
    };
    let address = text("address").unwrap_or_default();
    let address: Ipv4Addr = address.parse().map_err(|_| {
        outputs(
            side,
            &format!("`address` is `{address}`, which is no IPv4 address"),
        )
    })?;
    Ok(Built {
        address,
        load_balancer: wanted("loadBalancer")?,
        scale_set: wanted("scaleSet")?,
        autoscale_setting: id("autoscaleSetting")?,
    })
}

fn outputs(side: &str, reason: &str) -> DeployError {
    DeployError::Outputs {
        side: side.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "/subscriptions/s/resourceGroups/g/providers";

    fn deployment(edit: impl FnOnce(&mut Value)) -> Value {
        let mut outputs = json!({
            "address": {"type": "String", "value": "10.0.0.9"},
            "loadBalancer": {"type": "String", "value": format!("{GROUP}/Microsoft.Network/loadBalancers/lb")},
            "scaleSet": {"type": "String", "value": format!("{GROUP}/Microsoft.Compute/virtualMachineScaleSets/web")},
        });
        edit(&mut outputs);
        json!({"properties": {"provisioningState": "Succeeded", "outputs": outputs}})
    }

    #[test]
    fn outputs_say_what_a_swap_needs_or_what_they_lack() {
        let built = read("green", &deployment(|_| {})).expect("it says all");
        assert_eq!(built.address.to_string(), "10.0.0.9");
        assert_eq!(built.scale_set.name(), "web");
        assert_eq!(built.autoscale_setting, None);
        type Edit = fn(&mut Value);
        let cases: [(Edit, &str); 3] = [
            (
                |o| o["address"]["value"] = "lb.test".into(),
                "`address` is `lb.test`",
            ),
            (
                |o| drop(o.as_object_mut().expect("outputs").shift_remove("scaleSet")),
                "no `scaleSet`",
            ),
            (
                |o| o["loadBalancer"]["value"] = "lb".into(),
                "`loadBalancer` is `lb`, which is no id",
            ),
        ];
        for (edit, reason) in cases {
            let refused = read("green", &deployment(edit)).expect_err("it lacks something");
            assert!(refused.to_string().contains(reason), "{refused}");
        }
    }

    #[test]
    fn only_what_is_declared_and_not_given_is_filled_in() {
        let config = Config::example();
        let given = SideTemplate {
            template: json!({"parameters": {"image": {}, "side": {}, "other": {}, "subnet": {}}}),
            parameters: json!({"side": {"value": "mine"}}),
        };
        let filled = parameters(&config, "green", &config.sides["green"], &given);
        let names: Vec<&String> = filled.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["side", "image", "subnet"]);
        assert_eq!(filled["side"]["value"], "mine");
        assert!(
            filled["subnet"]["value"]
                .as_str()
                .is_some_and(|id| id.ends_with("/subnets/green"))
        );
    }

    #[test]
    fn a_deployment_that_changes_something_names_it() {
        let answer = |kind: &str| json!({"properties": {"changes": [{"changeType": "NoChange", "resourceId": "/a"}, {"changeType": kind, "resourceId": "/b"}]}});
        for (kind, expected) in [
            ("Ignore", None),
            ("Modify", Some("/b")),
            ("Create", Some("/b")),
        ] {
            assert_eq!(first_change(&answer(kind)), expected, "{kind}");
        }
    }
}
