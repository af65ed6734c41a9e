//! What a swap borrows and must give back, read over the wire.

use turquoise_orchestrator::Environment;
use turquoise_scenarios::observation::Snapshot;

use super::{Stage, TOKEN};

impl Stage<'_> {
    /// What a swap borrows and must give back.
    pub(super) async fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (name, side) in &self.config.sides {
            let id = side.autoscale_setting(self.config.target.subscription(), name);
            if let Some(minimum) = self.autoscale_minimum(id.as_str()).await {
                snapshot
                    .autoscale_minimum
                    .insert(id.name().to_owned(), minimum);
            }
        }
        snapshot
    }

    async fn autoscale_minimum(&self, id: &str) -> Option<u32> {
        let url = format!("{}{id}?api-version=2022-10-01", self.access.endpoint());
        let request = http::Request::get(url)
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("user-agent", "rehearsal")
            .body(bytes::Bytes::new())
            .ok()?;
        let answer = self.environment.arm(request).await.ok()?;
        let document: serde_json::Value = serde_json::from_slice(answer.body()).ok()?;
        let minimum = &document["properties"]["profiles"][0]["capacity"]["minimum"];
        match minimum.as_str() {
            Some(text) => text.parse().ok(),
            None => minimum.as_u64().and_then(|number| number.try_into().ok()),
        }
    }
}
