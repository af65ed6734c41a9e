//! What a gate needs of a scale set and its instances (azure-facts.md §4.12.4).

use serde_json::Value;
use turquoise_arm::json as tree;

/// How many instances it is to have.
pub(crate) fn capacity(scale_set: &Value) -> Option<u32> {
    u32::try_from(tree::integer(scale_set, "sku.capacity")?).ok()
}

/// The image new instances boot.
pub(crate) fn image(scale_set: &Value) -> Option<&str> {
    tree::text(
        scale_set,
        "properties.virtualMachineProfile.storageProfile.imageReference.id",
    )
}

/// One instance as listed with its instance view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    /// Azure's `instanceId`.
    pub(crate) id: String,
    /// Whether it runs the scale set's latest model.
    pub(crate) latest_model: bool,
    /// Its provisioning state, as it came.
    pub(crate) provisioning: String,
    /// What the health extension or probe says; `None` when nothing says anything.
    pub(crate) healthy: Option<bool>,
}

impl Instance {
    pub(crate) fn read(listed: &Value) -> Self {
        let text = |path| tree::text(listed, path).unwrap_or_default().to_owned();
        Self {
            id: text("instanceId"),
            latest_model: tree::boolean(listed, "properties.latestModelApplied") == Some(true),
            provisioning: text("properties.provisioningState"),
            healthy: health(listed),
        }
    }

    /// Why it cannot be counted on; `None` when it can.
    pub(crate) fn fault(&self) -> Option<String> {
        let id = &self.id;
        if !self.provisioning.eq_ignore_ascii_case("succeeded") {
            return Some(format!("instance {id} is {}", self.provisioning));
        }
        if !self.latest_model {
            return Some(format!("instance {id} runs an older model"));
        }
        match self.healthy {
            Some(true) => None,
            Some(false) => Some(format!("instance {id} is unhealthy")),
            // No source of health is no reason to believe in it (F02).
            None => Some(format!("instance {id} says nothing of its health")),
        }
    }
}

fn health(listed: &Value) -> Option<bool> {
    let code = tree::text(listed, "properties.instanceView.vmHealth.status.code")?;
    let word = code.rsplit('/').next()?.to_ascii_lowercase();
    match word.as_str() {
        "healthy" => Some(true),
        "unhealthy" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_instance_counts_only_when_everything_is_proven() {
        let listed = |state: &str, latest: bool, health: &str| {
            json!({"instanceId": "0", "properties": {
                "latestModelApplied": latest, "provisioningState": state,
                "instanceView": {"vmHealth": {"status": {"code": health}}},
            }})
        };
        for (tree, fault) in [
            (listed("Succeeded", true, "HealthState/healthy"), None),
            (
                listed("Creating", true, "HealthState/healthy"),
                Some("instance 0 is Creating"),
            ),
            (
                listed("Succeeded", false, "HealthState/healthy"),
                Some("instance 0 runs an older model"),
            ),
            (
                listed("Succeeded", true, "HealthState/unhealthy"),
                Some("instance 0 is unhealthy"),
            ),
            (
                listed("Succeeded", true, "HealthState/Initializing"),
                Some("instance 0 says nothing of its health"),
            ),
            (json!({"instanceId": "0"}), Some("instance 0 is ")),
        ] {
            assert_eq!(Instance::read(&tree).fault().as_deref(), fault, "{tree}");
        }
    }
}
