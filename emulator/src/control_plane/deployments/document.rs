//! Deployments and their operations as clients read them (azure-facts.md §4.2, client-contract.md
//! §7.7).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use turquoise_template::Plan;
use turquoise_template::plan::{Output, Parameter, Resource};

use super::{Deployment, Phase, Step, StepState, TYPE};
use crate::control_plane::ControlPlane;
use crate::time::Instant;

impl ControlPlane {
    pub(super) fn deployment_document(&self, deployment: &Deployment) -> Value {
        let ended = match deployment.phase {
            Phase::Ended(at, _) => Some(at),
            _ => None,
        };
        let template = deployment.plan.template();
        let mut properties = json!({
            "templateHash": template.hash(),
            "parameters": parameters(deployment.plan.parameters()),
            "mode": deployment.mode.word(),
            "provisioningState": deployment.phase.word(),
            "timestamp": self.clock.iso(ended.unwrap_or(deployment.started)),
            "duration": duration(deployment.started, ended.unwrap_or(deployment.started)),
            "correlationId": deployment.correlation,
            "providers": providers(&deployment.plan),
            "dependencies": dependencies(&deployment.plan),
        });
        if matches!(deployment.phase, Phase::Ended(_, super::End::Succeeded)) {
            if template.to_value().get("outputs").is_some() {
                properties["outputs"] = outputs(&deployment.outputs);
            }
            properties["outputResources"] = self.output_resources(deployment).into();
        }
        if let Some(fallback) = &deployment.fallback {
            properties["onErrorDeployment"] = self.fallback_document(fallback);
        }
        if let Some(error) = &deployment.error {
            properties["error"] = json!(error);
        }
        let mut document = json!({
            "id": deployment.id.as_str(),
            "name": deployment.id.name(),
            "type": TYPE,
        });
        if let Some(location) = &deployment.location {
            document["location"] = location.as_str().into();
        }
        if !deployment.tags.is_null() {
            document["tags"] = deployment.tags.clone();
        }
        document["properties"] = properties;
        document
    }

    /// What the deployment wrote, with what its nested templates wrote.
    fn output_resources(&self, deployment: &Deployment) -> Vec<Value> {
        let mut ids = Vec::new();
        for (step, resource) in deployment.steps.iter().zip(deployment.plan.resources()) {
            if step.state != StepState::Done {
                continue;
            }
            let inner = turquoise_arm::ResourceId::parse(&resource.id).ok();
            match inner.and_then(|id| self.deployments.get(&id)) {
                Some(inner) => ids.extend(self.output_resources(inner)),
                None => ids.push(json!({"id": resource.id})),
            }
        }
        ids
    }

    /// One per resource whose write began, and one for the outputs.
    pub(super) fn operation_documents(&self, deployment: &Deployment) -> Vec<Value> {
        let steps = deployment.steps.iter().zip(deployment.plan.resources());
        let mut items: Vec<Value> = steps
            .filter(|(step, _)| step.started.is_some())
            .map(|(step, resource)| self.operation_document(deployment, step, resource))
            .collect();
        if let Phase::Ended(at, super::End::Succeeded) = deployment.phase {
            items.push(json!({
                "id": format!("{}/operations/{}", deployment.id, deployment.operation),
                "operationId": deployment.operation,
                "properties": {
                    "provisioningOperation": "EvaluateDeploymentOutput",
                    "provisioningState": "Succeeded",
                    "timestamp": self.clock.iso(at),
                    "duration": duration(at, at),
                    "trackingId": deployment.correlation,
                    "statusCode": "OK",
                },
            }));
        }
        items
    }

    fn operation_document(
        &self,
        deployment: &Deployment,
        step: &Step,
        resource: &Resource,
    ) -> Value {
        let started = step.started.unwrap_or(deployment.started);
        let ended = step.ended.unwrap_or(started);
        let state = match step.state {
            StepState::Done => "Succeeded",
            StepState::Failed => "Failed",
            StepState::Waiting | StepState::Writing(_) | StepState::Nested(_) => "Running",
            StepState::Skipped => "Canceled",
        };
        let mut properties = json!({
            "provisioningOperation": "Create",
            "provisioningState": state,
            "timestamp": self.clock.iso(ended),
            "duration": duration(started, ended),
            "trackingId": deployment.correlation,
            "statusCode": step.status,
            "targetResource": target(resource),
        });
        if let Some(error) = &step.error {
            properties["statusMessage"] = json!({"error": error});
        }
        json!({
            "id": format!("{}/operations/{}", deployment.id, step.operation),
            "operationId": step.operation,
            "properties": properties,
        })
    }
}

fn target(resource: &Resource) -> Value {
    json!({
        "id": resource.id,
        "resourceType": resource.resource_type,
        "resourceName": resource.name,
    })
}

/// All parameters with their types; secure ones without value.
pub(super) fn parameters(parameters: &[Parameter]) -> Value {
    let one = |parameter: &Parameter| {
        let mut shown = json!({"type": parameter.kind()});
        if !parameter.is_secure() {
            shown["value"] = (*parameter.value).clone();
        }
        (parameter.name.clone(), shown)
    };
    Value::Object(parameters.iter().map(one).collect::<Map<_, _>>())
}

fn outputs(outputs: &[Output]) -> Value {
    let one = |output: &Output| {
        let mut shown = json!({"type": output.kind});
        if let Some(value) = &output.value {
            shown["value"] = value.clone();
        }
        (output.name.clone(), shown)
    };
    Value::Object(outputs.iter().map(one).collect::<Map<_, _>>())
}

/// Namespaces with their types, in alphabetical order.
pub(super) fn providers(plan: &Plan) -> Value {
    let mut namespaces: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for resource in plan
        .resources()
        .iter()
        .filter(|resource| resource.is_deployed())
    {
        let (namespace, kind) = resource.resource_type.split_once('/').unwrap_or_default();
        let group = plan.facts().resource_group.as_ref();
        let location = group.map_or(Value::Null, |group| group["location"].clone());
        namespaces
            .entry(namespace)
            .or_default()
            .insert(kind, location);
    }
    let one = |(namespace, types): (&str, BTreeMap<&str, Value>)| {
        let types = types
            .into_iter()
            .map(|(kind, location)| json!({"resourceType": kind, "locations": [location]}));
        json!({"namespace": namespace, "resourceTypes": types.collect::<Vec<_>>()})
    };
    namespaces.into_iter().map(one).collect()
}

/// Who depends on whom.
pub(super) fn dependencies(plan: &Plan) -> Value {
    let resources = plan.resources();
    resources
        .iter()
        .filter(|resource| resource.is_deployed() && !resource.depends_on.is_empty())
        .map(|resource| {
            let before = resource
                .depends_on
                .iter()
                .map(|index| target(&resources[*index]));
            let mut document = json!({"dependsOn": before.collect::<Vec<_>>()});
            if let (Some(document), Value::Object(own)) =
                (document.as_object_mut(), target(resource))
            {
                document.extend(own);
            }
            document
        })
        .collect()
}

/// `PT2M20.565S`
pub(super) fn duration(from: Instant, to: Instant) -> String {
    let millis = to.as_millis().saturating_sub(from.as_millis());
    let (minutes, seconds, rest) = (millis / 60_000, millis / 1_000 % 60, millis % 1_000);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    let part = |number: u64, letter: char| {
        if number == 0 {
            String::new()
        } else {
            format!("{number}{letter}")
        }
    };
    let fraction = if rest == 0 {
        String::new()
    } else {
        format!(".{rest:03}")
    };
    format!(
        "PT{}{}{seconds}{fraction}S",
        part(hours, 'H'),
        part(minutes, 'M')
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_azure_writes_them() {
        let at = Instant::from_millis;
        for (millis, text) in [
            (0, "PT0S"),
            (1_660, "PT1.660S"),
            (140_565, "PT2M20.565S"),
            (3_600_000, "PT1H0S"),
        ] {
            assert_eq!(duration(at(5), at(5 + millis)), text);
        }
    }
}
