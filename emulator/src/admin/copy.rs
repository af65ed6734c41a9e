//! Everything stored, as a document that brings it back.
//!
//! A copy holds the bodies that would write the groups and resources, secrets included. Bringing it
//! back writes them again, in virtual time, so that what follows from them (operations, instances,
//! rollouts) is as Azure would have it, and not a picture of it. What is under way, deployments'
//! history and locks are not part of a copy.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::{Cloud, Reply};

/// The form of the document.
const FORMAT: &str = "turquoise-cloud/1";
/// Longer than any operation takes; one that is not over then never will be.
const PATIENCE: Duration = Duration::from_secs(24 * 3_600);

/// What is stored in a cloud.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Copy {
    format: String,
    subscription: String,
    groups: Vec<Value>,
    resources: Vec<Value>,
}

/// Why a copy cannot be brought back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    /// Another program's document, or a later one's.
    #[error("the document is of the form `{0}`, and `{FORMAT}` was expected")]
    Format(String),
    /// It belongs elsewhere.
    #[error("the copy is of the subscription `{0}`, which this cloud does not have")]
    Subscription(String),
    /// A write was refused.
    #[error("`{target}` was refused with {status}: {why}")]
    Refused {
        target: String,
        status: u16,
        why: String,
    },
}

impl Copy {
    /// Everything stored.
    pub(crate) fn of(cloud: &Cloud) -> Self {
        let control_plane = cloud.control_plane();
        let group = |row| json!(row);
        let resource = |(id, model)| json!({"id": id, "model": model});
        Self {
            format: FORMAT.to_owned(),
            subscription: control_plane.config().subscription.clone(),
            groups: control_plane.group_rows().map(group).collect(),
            resources: control_plane.stored_models().map(resource).collect(),
        }
    }

    /// Writes everything into `cloud`, which is empty, and lets it settle. Its time passes meanwhile
    /// as much as the operations take.
    ///
    /// # Errors
    /// When the document is none of ours, or a write is refused; `cloud` is then of no use.
    pub(crate) fn restore(&self, cloud: &mut Cloud) -> Result<(), CopyError> {
        if self.format != FORMAT {
            return Err(CopyError::Format(self.format.clone()));
        }
        if self.subscription != cloud.control_plane().config().subscription {
            return Err(CopyError::Subscription(self.subscription.clone()));
        }
        let subscription = format!("/subscriptions/{}", self.subscription);
        for group in &self.groups {
            let name = group["name"].as_str().unwrap_or_default();
            let mut body = group.clone();
            if let Some(members) = body.as_object_mut() {
                members.remove("name");
            }
            let path = format!("{subscription}/resourceGroups/{name}");
            write(cloud, &Method::PUT, &path, &body)?;
        }
        self.restore_resources(cloud)
    }

    /// What points at something that is not there yet is written in a later round.
    fn restore_resources(&self, cloud: &mut Cloud) -> Result<(), CopyError> {
        let mut left: Vec<&Value> = self.resources.iter().collect();
        while !left.is_empty() {
            let mut later = Vec::new();
            let mut refusal = None;
            for resource in &left {
                let id = resource["id"].as_str().unwrap_or_default();
                if let Err(error) = write(cloud, &Method::PUT, id, &resource["model"]) {
                    refusal = Some(error);
                    later.push(*resource);
                }
                settle(cloud);
            }
            if let Some(error) = refusal.filter(|_| later.len() == left.len()) {
                return Err(error);
            }
            left = later;
        }
        Ok(())
    }
}

/// Sends a request of the admin's own to Resource Manager.
///
/// # Errors
/// When it is refused.
pub(crate) fn write(
    cloud: &mut Cloud,
    method: &Method,
    path: &str,
    body: &Value,
) -> Result<(), CopyError> {
    let refused = |status, why: &str| CopyError::Refused {
        target: format!("{method} {path}"),
        status,
        why: why.to_owned(),
    };
    let request = http::Request::builder()
        .method(method)
        .uri(format!("{path}?api-version=2024-07-01"))
        .header("authorization", "Bearer admin")
        .header("user-agent", "turquoise-admin")
        .body(Bytes::from(body.to_string()))
        .map_err(|error| refused(400, &error.to_string()))?;
    let now = cloud.now();
    match cloud.handle(now, &request) {
        Reply::Answer(answer) if answer.status().is_success() => Ok(()),
        Reply::Answer(answer) => {
            let text = String::from_utf8_lossy(answer.body());
            Err(refused(answer.status().as_u16(), &text))
        }
        Reply::Reset => Err(refused(0, "an injected fault ended the connection")),
    }
}

/// Lets operations end.
fn settle(cloud: &mut Cloud) {
    let patience = cloud.now() + PATIENCE;
    while cloud.control_plane().operation_rows().next().is_some() {
        let Some(next) = cloud.next_deadline().filter(|next| *next <= patience) else {
            return;
        };
        // Probes that nobody sends are due again and again: no smaller step than that.
        let step = cloud.now() + Duration::from_millis(100);
        cloud.advance_to(next.max(step));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::CloudConfig;
    use crate::control_plane::SUBSCRIPTION;

    fn group(name: &str) -> String {
        format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{name}")
    }

    #[test]
    fn a_copy_brings_back_what_was_written_in_whatever_order_it_refers() {
        let config = CloudConfig::default();
        let mut cloud = Cloud::new(&config);
        let put = |cloud: &mut Cloud, path: &str, body: Value| {
            write(cloud, &Method::PUT, path, &body).expect("it is allowed");
            settle(cloud);
        };
        put(
            &mut cloud,
            &group("g"),
            json!({"location": "westeurope", "tags": {"a": "b"}}),
        );
        let network = format!(
            "{}/providers/Microsoft.Network/virtualNetworks/zz",
            group("g")
        );
        let subnet = json!({"name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}});
        let space = json!({"addressPrefixes": ["10.0.0.0/16"]});
        let body = json!({"location": "westeurope",
            "properties": {"addressSpace": space, "subnets": [subnet]}});
        put(&mut cloud, &network, body);
        let balancer = format!(
            "{}/providers/Microsoft.Network/loadBalancers/aa",
            group("g")
        );
        let frontend = json!({"name": "f", "properties": {
            "privateIPAddress": "10.0.0.9", "privateIPAllocationMethod": "Static",
            "subnet": {"id": format!("{network}/subnets/s")}}});
        let body = json!({"location": "westeurope", "sku": {"name": "Standard"},
            "properties": {"frontendIPConfigurations": [frontend]}});
        put(&mut cloud, &balancer, body);

        let text = serde_json::to_string(&Copy::of(&cloud)).expect("plain values");
        let copy: Copy = serde_json::from_str(&text).expect("our own document");
        let mut again = Cloud::new(&config);
        copy.restore(&mut again).expect("nothing is in the way");
        assert_eq!(again.control_plane().operation_rows().count(), 0);
        assert_eq!(json!(Copy::of(&again)), json!(copy));
    }

    #[test]
    fn what_is_no_copy_of_this_cloud_is_refused_with_the_reason() {
        let mut cloud = Cloud::new(&CloudConfig::default());
        let mut copy = Copy::of(&cloud);
        copy.subscription = "another".to_owned();
        let refused = copy.restore(&mut cloud).expect_err("another subscription");
        assert!(refused.to_string().contains("`another`"));
        copy.format = "else/9".to_owned();
        let refused = copy.restore(&mut cloud).expect_err("another form");
        assert!(refused.to_string().contains("`else/9`"));
    }
}
