//! Resource groups, and the deletion that takes their members with them (azure-facts.md §4.1).

use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use turquoise_arm::{ArmError, ErrorBody, ResourceId};

use super::answer::Answer;
use super::export::EXPORT;
use super::lro::Number;
use super::name_rule::NameRule;
use super::provider::{DELETE, Outcome};
use super::read::{Filter, group_not_found};
use super::store::{Group, State};
use super::{ControlPlane, Turn, locations, method_not_allowed};
use crate::event::{Event, Timed};
use crate::reported::Reported;
use crate::time::Instant;

const TYPE: &str = "Microsoft.Resources/resourceGroups";

/// What the group's own end takes after its last member is gone.
const TAIL: Duration = Duration::from_secs(2);

impl ControlPlane {
    /// A group's id, whether or not it exists.
    pub(super) fn group_id(&self, name: &str) -> ResourceId {
        ResourceId::resource_group(&self.config.subscription, name)
    }

    /// The id of a group that exists.
    ///
    /// # Errors
    /// `ResourceGroupNotFound`.
    pub(super) fn existing_group(&self, name: &str) -> Result<ResourceId, ArmError> {
        let id = self.group_id(name);
        let group = self.store.group(&id).ok_or_else(|| group_not_found(name))?;
        Ok(group.id.clone())
    }

    /// What GET answers for a group that exists.
    pub(super) fn group_document_of(&self, id: &ResourceId) -> Option<Value> {
        self.store.group(id).map(group_document)
    }

    /// Refuses writes in a group that is on its way out.
    ///
    /// # Errors
    /// 409 `ResourceGroupBeingDeleted`.
    pub(super) fn check_group_is_not_going(&self, id: &ResourceId) -> Result<(), ArmError> {
        let group = id.group().and_then(|group| self.store.group(&group));
        match group {
            Some(group) if group.deleting => Err(being_deleted(group.id.name())),
            _ => Ok(()),
        }
    }

    pub(super) fn list_groups(&mut self, turn: Turn<'_>) -> Result<Answer, ArmError> {
        let filter = Filter::read(turn.request.parameter("$filter").unwrap_or_default())?;
        let all = self.store.groups().map(group_document);
        let items: Vec<Value> = all.filter(|group| filter.admits(group)).collect();
        super::get_only(turn.request, || Answer::empty(StatusCode::OK))?;
        self.page(turn, items)
    }

    pub(super) fn on_group(&mut self, turn: Turn<'_>, name: &str) -> Result<Answer, ArmError> {
        match *turn.request.method {
            Method::GET => {
                let id = self.existing_group(name)?;
                Ok(self.show_group(&id, StatusCode::OK))
            }
            Method::HEAD => Ok(Answer::empty(match self.existing_group(name) {
                Ok(_) => StatusCode::NO_CONTENT,
                Err(_) => StatusCode::NOT_FOUND,
            })),
            Method::PUT => self.put_group(turn, name),
            Method::PATCH => self.patch_group(turn, name),
            Method::DELETE => self.delete_group(turn, name),
            _ => Err(method_not_allowed(turn.request)),
        }
    }

    pub(super) fn on_group_action(
        &mut self,
        turn: Turn<'_>,
        name: &str,
        action: &str,
    ) -> Result<Answer, ArmError> {
        let id = self.existing_group(name)?;
        if action.eq_ignore_ascii_case(EXPORT) {
            return self.export_group(turn, &id);
        }
        Err(super::not_a_route(turn.request))
    }

    fn show_group(&self, id: &ResourceId, status: StatusCode) -> Answer {
        let document = self.store.group(id).map(group_document);
        Answer::json(status, &document.unwrap_or_default())
    }

    fn put_group(&mut self, turn: Turn<'_>, name: &str) -> Result<Answer, ArmError> {
        NameRule::Group.check(name)?;
        let body = turn.request.object()?;
        let given = turquoise_arm::json::text(&body, "location").ok_or_else(|| {
            ArmError::bad_request(
                "LocationRequired",
                "The location property is required for this definition.",
            )
        })?;
        let location = locations::short_name(given, TYPE)?;
        let id = self.group_id(name);
        let held = self.store.group(&id).cloned();
        match &held {
            Some(held) if held.deleting => return Err(being_deleted(name)),
            Some(held) if held.location != location => {
                return Err(ArmError::conflict(
                    "InvalidResourceGroupLocation",
                    format!(
                        "Invalid resource group location '{location}'. The Resource group already \
                         exists in location '{}'.",
                        held.location
                    ),
                ));
            }
            _ => {}
        }
        let status = held
            .as_ref()
            .map_or(StatusCode::CREATED, |_| StatusCode::OK);
        let id = held.map_or(id, |held| held.id);
        self.store.put_group(Group {
            id: id.clone(),
            location,
            envelope: envelope(&body),
            deleting: false,
        });
        Ok(self.show_group(&id, status).applied())
    }

    fn patch_group(&mut self, turn: Turn<'_>, name: &str) -> Result<Answer, ArmError> {
        let id = self.existing_group(name)?;
        let body = turn.request.object()?;
        self.check_group_is_not_going(&id)?;
        if let Some(mut group) = self.store.group(&id).cloned() {
            for (member, value) in envelope(&body) {
                group.envelope.insert(member, value);
            }
            self.store.put_group(group);
        }
        Ok(self.show_group(&id, StatusCode::OK).applied())
    }

    fn delete_group(&mut self, turn: Turn<'_>, name: &str) -> Result<Answer, ArmError> {
        let id = self.existing_group(name)?;
        let running = self.running_delete(&id);
        let number = match running {
            Some(number) => number,
            None => self.begin_group_deletion(turn, &id),
        };
        let path = self.operations.get(number).result_path();
        let answer = Answer::empty(StatusCode::ACCEPTED)
            .with_location(self.url(turn.request, &path))
            .with_retry_after(self.config.retry_after);
        Ok(if running.is_none() {
            answer.applied()
        } else {
            answer
        })
    }

    fn begin_group_deletion(&mut self, turn: Turn<'_>, id: &ResourceId) -> Number {
        self.set_deleting(id, true);
        let operation = self.operations.group_deletion(id, turn.now);
        let number = self.operations.begin(operation, None);
        self.push_group_deletions(turn.now, turn.reported);
        number
    }

    /// Moves every group deletion on: members that refused are asked again each time another is
    /// gone, until none is left or none moves (azure-facts.md §1.7).
    pub(super) fn push_group_deletions(&mut self, now: Instant, reported: &dyn Reported) {
        let going: Vec<ResourceId> = self
            .store
            .groups()
            .filter(|group| group.deleting)
            .map(|group| group.id.clone())
            .collect();
        for group in going {
            if let Some(number) = self.running_delete(&group) {
                self.push_group_deletion(now, reported, &group, number);
            }
        }
    }

    fn push_group_deletion(
        &mut self,
        now: Instant,
        reported: &dyn Reported,
        group: &ResourceId,
        number: Number,
    ) {
        let members: Vec<_> = self
            .members()
            .filter(|resource| resource.id.is_within(group))
            .cloned()
            .collect();
        let mut refusals = Vec::new();
        let mut moving = 0;
        for member in &members {
            if self.running_delete(&member.id).is_some() {
                moving += 1;
                continue;
            }
            let held = self.store.get(&member.id).cloned();
            let Some(held) = held.filter(|held| held.state != State::Deleting) else {
                continue;
            };
            match self.begin_delete(now, reported, &held, held.id.as_str()) {
                Ok(_) => moving += 1,
                Err(refusal) => refusals.push((held.id.clone(), refusal)),
            }
        }
        if members.is_empty() && !self.operations.is_scheduled(number) {
            let scaled = TAIL.mul_f64(self.config.duration_scale.max(0.0));
            self.operations.extend(number, (now + scaled).ceil_millis());
        } else if moving == 0 && !refusals.is_empty() {
            self.finish_group(now, number, Outcome::Failed(blocked(group, &refusals)));
        }
    }

    /// The end of a group's deletion.
    pub(super) fn finish_group(&mut self, now: Instant, number: Number, outcome: Outcome) {
        let id = self.operations.get(number).resource.clone();
        match outcome {
            Outcome::Succeeded => {
                self.store.remove_group(&id);
                self.deployments.forget_within(&id);
            }
            Outcome::Failed(_) | Outcome::Canceled(_) => self.set_deleting(&id, false),
        }
        self.operations.end(number, now, outcome, None);
        self.events.push(Timed {
            at: now,
            event: Event::OperationEnded {
                resource: id,
                verb: DELETE.to_owned(),
                status: self.operations.get(number).status().to_owned(),
            },
        });
    }

    fn set_deleting(&mut self, id: &ResourceId, deleting: bool) {
        if let Some(mut group) = self.store.group(id).cloned() {
            group.deleting = deleting;
            self.store.put_group(group);
        }
    }
}

fn envelope(body: &Value) -> Map<String, Value> {
    let mut kept = Map::new();
    for member in ["tags", "managedBy"] {
        if let Some(value) = turquoise_arm::json::get(body, member) {
            kept.insert(member.to_owned(), value.clone());
        }
    }
    kept
}

fn group_document(group: &Group) -> Value {
    let state = if group.deleting {
        State::Deleting
    } else {
        State::Succeeded
    };
    let mut document = json!({
        "id": group.id.as_str(),
        "name": group.id.name(),
        "type": TYPE,
        "location": group.location,
    });
    for (member, value) in &group.envelope {
        document[member.as_str()] = value.clone();
    }
    document["properties"] = json!({"provisioningState": state.word()});
    document
}

fn being_deleted(name: &str) -> ArmError {
    ArmError::conflict(
        "ResourceGroupBeingDeleted",
        format!(
            "The resource group '{name}' is in deprovisioning state and cannot perform this \
             operation."
        ),
    )
}

fn blocked(group: &ResourceId, refusals: &[(ResourceId, ArmError)]) -> ErrorBody {
    let ids: Vec<&str> = refusals.iter().map(|(id, _)| id.as_str()).collect();
    let details = refusals.iter().map(|(id, refusal)| ErrorBody {
        target: Some(id.to_string()),
        // Azure embeds the provider's error as text (azure-facts.md §1.6).
        message: String::from_utf8_lossy(&refusal.to_bytes()).into_owned(),
        code: refusal.body.code.clone(),
        details: Vec::new(),
    });
    ErrorBody {
        details: details.collect(),
        ..ErrorBody::new(
            "ResourceGroupDeletionBlocked",
            format!(
                "Deletion of resource group '{}' failed as resources with identifiers '{}' could \
                 not be deleted. The provisioning state of the resource group will be rolled back.",
                group.name(),
                ids.join(",")
            ),
        )
    }
}
