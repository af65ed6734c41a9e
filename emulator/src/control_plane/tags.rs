//! Tags of a group or a resource at a route of their own (azure-facts.md §4.4).

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use turquoise_arm::{ArmError, ResourceId};

use super::answer::Answer;
use super::{ControlPlane, Turn, method_not_allowed};

const TYPE: &str = "Microsoft.Resources/tags";

/// The most tags that Azure lets a resource have.
const MOST_TAGS: usize = 50;

/// What a PATCH does with the tags it brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Merge,
    Replace,
    Delete,
}

impl ControlPlane {
    pub(super) fn on_tags(
        &mut self,
        turn: Turn<'_>,
        scope: &ResourceId,
    ) -> Result<Answer, ArmError> {
        let request = turn.request;
        let held = self.tags_of(scope);
        let wanted = match *request.method {
            Method::GET => return Ok(Answer::ok(&document(scope, held))),
            Method::DELETE => Map::new(),
            Method::PUT => changed(Map::new(), &request.object()?, Change::Replace)?,
            Method::PATCH => {
                let body = request.object()?;
                let change = change(&body)?;
                changed(held, &body, change)?
            }
            _ => return Err(method_not_allowed(request)),
        };
        self.check_group_is_not_going(scope)?;
        self.set_tags(turn, scope, wanted.clone())?;
        Ok(if *request.method == Method::DELETE {
            Answer::empty(StatusCode::OK).applied()
        } else {
            Answer::ok(&document(scope, wanted)).applied()
        })
    }

    /// `/tagNames`: every tag that something carries, with how often.
    pub(super) fn tag_names(&self) -> Answer {
        let groups = self
            .store
            .groups()
            .filter_map(|group| group.envelope.get("tags"));
        let resources = self.top_level().filter_map(|held| held.model.get("tags"));
        let mut counts: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
        for (name, value) in groups
            .chain(resources)
            .filter_map(Value::as_object)
            .flatten()
        {
            let values = counts.entry(name.to_ascii_lowercase()).or_default();
            *values
                .entry(value.as_str().unwrap_or_default())
                .or_default() += 1;
        }
        let count = |number: u64| json!({"type": "Total", "value": number});
        let items = counts.iter().map(|(name, values)| {
            let id = format!(
                "/subscriptions/{}/tagNames/{name}",
                self.config.subscription
            );
            let values_of = values.iter().map(|(value, number)| {
                json!({
                    "id": format!("{id}/tagValues/{value}"),
                    "tagValue": value,
                    "count": count(*number),
                })
            });
            json!({
                "id": id,
                "tagName": name,
                "count": count(values.values().sum()),
                "values": values_of.collect::<Vec<_>>(),
            })
        });
        Answer::ok(&json!({"value": items.collect::<Vec<_>>()}))
    }

    fn tags_of(&self, scope: &ResourceId) -> Map<String, Value> {
        let of_group = self
            .store
            .group(scope)
            .and_then(|group| group.envelope.get("tags"));
        let of_resource = self
            .store
            .get(scope)
            .and_then(|held| held.model.get("tags"));
        let tags = of_group.or(of_resource).and_then(Value::as_object);
        tags.cloned().unwrap_or_default()
    }

    fn set_tags(
        &mut self,
        turn: Turn<'_>,
        scope: &ResourceId,
        tags: Map<String, Value>,
    ) -> Result<(), ArmError> {
        if let Some(mut group) = self.store.group(scope).cloned() {
            group.envelope.insert("tags".to_owned(), tags.into());
            self.store.put_group(group);
            return Ok(());
        }
        let held = self.store.get(scope).cloned();
        let held = held.ok_or_else(|| super::read::not_found(scope))?;
        self.write_tags(turn, &held, tags.into());
        Ok(())
    }
}

fn change(body: &Value) -> Result<Change, ArmError> {
    let given = turquoise_arm::json::text(body, "operation").unwrap_or("Merge");
    let known = [
        ("merge", Change::Merge),
        ("replace", Change::Replace),
        ("delete", Change::Delete),
    ];
    let found = known
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(given));
    found.map(|(_, change)| *change).ok_or_else(|| {
        ArmError::bad_request(
            "InvalidTagsPatchOperation",
            format!(
                "The tags patch operation '{given}' is not one of 'Merge', 'Replace', 'Delete'."
            ),
        )
    })
}

/// The tags after a change; names compare without case and keep the case they were given first.
fn changed(
    mut held: Map<String, Value>,
    body: &Value,
    change: Change,
) -> Result<Map<String, Value>, ArmError> {
    let given = turquoise_arm::json::at(body, "properties.tags");
    let given = given
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    if change == Change::Replace {
        held.clear();
    }
    for (name, value) in given {
        if !value.is_string() {
            return Err(invalid(format!(
                "the tag '{name}' has a value that is no text"
            )));
        }
        let mut names = held.keys();
        let known = names
            .find(|known| known.eq_ignore_ascii_case(&name))
            .cloned();
        match change {
            Change::Delete => {
                // By name alone, or by name and value.
                if let Some(known) = known
                    && (value == "" || held[&known] == value)
                {
                    held.shift_remove(&known);
                }
            }
            Change::Merge | Change::Replace => {
                held.insert(known.unwrap_or(name), value);
            }
        }
    }
    if held.len() > MOST_TAGS {
        return Err(invalid(format!(
            "a resource may have {MOST_TAGS} tags, and these are {}",
            held.len()
        )));
    }
    Ok(held)
}

fn invalid(reason: String) -> ArmError {
    ArmError::bad_request("InvalidTags", format!("The tags are not valid: {reason}."))
}

fn document(scope: &ResourceId, tags: Map<String, Value>) -> Value {
    json!({
        "id": format!("{scope}/providers/{TYPE}/default"),
        "name": "default",
        "type": TYPE,
        "properties": {"tags": tags},
    })
}
