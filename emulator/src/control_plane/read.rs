//! GET and HEAD: documents, lists, and the cache that makes them cheap.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId};

use super::answer::{Answer, serialise};
use super::provider::{Context, Etags, Located};
use super::schema::decorate::{Stamp, decorate};
use super::store::{Resource, State};
use super::{ControlPlane, Turn};

/// A serialised document, good while the store's revision stands.
#[derive(Clone, Debug)]
pub(super) struct Cached {
    revision: u64,
    bytes: Bytes,
}

impl ControlPlane {
    /// The id of a resource, canonical in everything but its own name.
    ///
    /// # Errors
    /// `ResourceGroupNotFound`.
    pub(super) fn resource_id(
        &self,
        group: &str,
        provider: usize,
        name: &str,
    ) -> Result<ResourceId, ArmError> {
        let group = self.group_id(group);
        let group = self
            .store
            .group(&group)
            .ok_or_else(|| group_not_found(group.name()))?;
        let kind = self.providers[provider].kind();
        let id = group.id.resource(kind.resource_type, name);
        Ok(self.store.get(&id).map_or(id, |stored| stored.id.clone()))
    }

    pub(super) fn get(&mut self, id: &ResourceId) -> Result<Answer, ArmError> {
        let resource = self.store.get(id).ok_or_else(|| not_found(id))?;
        let provider = &self.providers[resource.provider];
        let header = match provider.kind().etags {
            Etags::WeakGuid | Etags::Guid => resource.etag.clone(),
            Etags::Counter | Etags::None => String::new(),
        };
        let bytes = self.bytes(id);
        Ok(Answer::bytes(StatusCode::OK, bytes).with_etag(&header))
    }

    /// GET of a resource, with what `$expand` asks for.
    pub(super) fn show(&mut self, turn: Turn<'_>, id: &ResourceId) -> Result<Answer, ArmError> {
        let (Some(wish), Some(held)) = (turn.request.parameter("$expand"), self.store.get(id))
        else {
            return self.get(id);
        };
        let mut document = self.document(id);
        self.providers[held.provider].expand(&self.context(), held, wish, &mut document);
        Ok(Answer::ok(&document))
    }

    pub(super) fn head(&self, id: &ResourceId) -> Answer {
        Answer::empty(match self.store.get(id) {
            Some(_) => StatusCode::NO_CONTENT,
            None => StatusCode::NOT_FOUND,
        })
    }

    /// `GET …/providers/{namespace}/{type}`: the resources of a type.
    pub(super) fn list(
        &mut self,
        turn: Turn<'_>,
        group: Option<&str>,
        resource_type: &str,
    ) -> Result<Answer, ArmError> {
        let provider = self.provider_of(turn.request, resource_type)?;
        super::get_only(turn.request, || Answer::empty(StatusCode::OK))?;
        let group = match group {
            Some(name) => Some(self.existing_group(name)?),
            None => None,
        };
        let ids: Vec<ResourceId> = self
            .top_level()
            .filter(|resource| resource.provider == provider)
            .filter(|resource| {
                group
                    .as_ref()
                    .is_none_or(|group| resource.id.is_within(group))
            })
            .map(|resource| resource.id.clone())
            .collect();
        let items = ids.iter().map(|id| self.document(id));
        let items: Vec<Value> = items.collect();
        self.page(turn, items)
    }

    /// Resources that have a URL of their own, without the documents providers keep below them.
    pub(super) fn top_level(&self) -> impl Iterator<Item = &Resource> {
        self.store
            .resources()
            .filter(|resource| resource.id.parent().is_none())
    }

    /// What lists of resources hold: those above, and those nested ones that lie somewhere.
    pub(super) fn members(&self) -> impl Iterator<Item = &Resource> {
        self.store.resources().filter(|resource| {
            let kind = self.providers[resource.provider].kind();
            let listed = kind.is_nested() && kind.located != Located::Nowhere;
            listed || resource.id.parent().is_none()
        })
    }

    /// The serialised document of a stored resource.
    pub(super) fn bytes(&mut self, id: &ResourceId) -> Bytes {
        let revision = self.store.revision();
        if let Some(cached) = self.views.get(id.key())
            && cached.revision == revision
        {
            return cached.bytes.clone();
        }
        let bytes = serialise(&self.document(id));
        let cached = Cached {
            revision,
            bytes: bytes.clone(),
        };
        self.views.insert(id.key().to_owned(), cached);
        bytes
    }

    /// The document of a stored resource as GET answers it; `Null` when there is none.
    pub(super) fn document(&self, id: &ResourceId) -> Value {
        let Some(resource) = self.store.get(id) else {
            return Value::Null;
        };
        let provider = &self.providers[resource.provider];
        let kind = provider.kind();
        let network = kind.etags == Etags::WeakGuid;
        let stamp = Stamp {
            resource_type: kind.resource_type,
            etag: Some(resource.etag.as_str()).filter(|etag| !etag.is_empty()),
            state: (kind.protocol != super::provider::Protocol::Synchronous)
                .then_some(resource.state.word()),
            guid: network.then_some(resource.guid.as_str()),
        };
        let mut document = decorate(kind.schema, &resource.id, &resource.model, stamp);
        let context = self.context();
        provider.view(&context, resource, &mut document);
        document
    }

    /// The world as a provider may look at it.
    pub(super) fn context(&self) -> Context<'_> {
        Context {
            store: &self.store,
            addresses: &self.addresses,
            config: &self.config,
            clock: self.clock,
        }
    }

    /// `GET …/resources`: envelopes of everything, with the filters az uses.
    pub(super) fn generic_list(
        &mut self,
        turn: Turn<'_>,
        group: Option<&str>,
    ) -> Result<Answer, ArmError> {
        super::get_only(turn.request, || Answer::empty(StatusCode::OK))?;
        let group = match group {
            Some(name) => Some(self.existing_group(name)?),
            None => None,
        };
        let filter = Filter::read(turn.request.parameter("$filter").unwrap_or_default())?;
        let items: Vec<Value> = self
            .members()
            .filter(|resource| {
                group
                    .as_ref()
                    .is_none_or(|group| resource.id.is_within(group))
            })
            .map(|resource| self.envelope(resource))
            .filter(|envelope| filter.admits(envelope))
            .collect();
        self.page(turn, items)
    }

    fn envelope(&self, resource: &Resource) -> Value {
        let kind = self.providers[resource.provider].kind();
        let mut envelope = json!({
            "id": resource.id.as_str(),
            "name": resource.id.name(),
            "type": kind.resource_type,
        });
        for member in [
            "location", "tags", "sku", "kind", "zones", "identity", "plan",
        ] {
            if let Some(value) = resource.model.get(member) {
                envelope[member] = value.clone();
            }
        }
        if resource.state != State::Succeeded {
            envelope["provisioningState"] = resource.state.word().into();
        }
        envelope
    }
}

/// A conjunction of `name eq 'value'`, the form az and the SDKs send (client-contract.md §7.9).
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    wanted: Vec<(String, String)>,
}

impl Filter {
    /// Reads a `$filter`.
    ///
    /// # Errors
    /// 400 `InvalidFilterInQueryString` for forms we do not evaluate: an ignored filter would make
    /// az create things twice.
    pub(super) fn read(text: &str) -> Result<Self, ArmError> {
        let mut wanted = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (name, tail) = rest
                .split_once(" eq '")
                .ok_or_else(|| invalid_filter(text))?;
            let (value, tail) = tail.split_once('\'').ok_or_else(|| invalid_filter(text))?;
            wanted.push((name.trim().to_ascii_lowercase(), value.to_owned()));
            rest = tail.trim();
            if let Some(next) = rest.strip_prefix("and ") {
                rest = next.trim();
            } else if !rest.is_empty() {
                return Err(invalid_filter(text));
            }
        }
        for (name, _) in &wanted {
            let known = [
                "resourcegroup",
                "name",
                "resourcetype",
                "location",
                "tagname",
                "tagvalue",
            ];
            if !known.contains(&name.as_str()) {
                return Err(invalid_filter(text));
            }
        }
        Ok(Self { wanted })
    }

    /// Whether an envelope passes.
    pub(super) fn admits(&self, envelope: &Value) -> bool {
        let tag_name = self.wanted("tagname");
        self.wanted.iter().all(|(name, value)| match name.as_str() {
            "resourcegroup" => ResourceId::parse(envelope["id"].as_str().unwrap_or_default())
                .is_ok_and(|id| {
                    id.group_name()
                        .is_some_and(|group| group.eq_ignore_ascii_case(value))
                }),
            "name" => same(&envelope["name"], value),
            "resourcetype" => same(&envelope["type"], value),
            "location" => same(&envelope["location"], &value.replace(' ', "")),
            "tagname" => tag(envelope, value).is_some(),
            "tagvalue" => tag_name.and_then(|name| tag(envelope, name)) == Some(value.as_str()),
            _ => false,
        })
    }

    fn wanted(&self, name: &str) -> Option<&str> {
        let mut wanted = self.wanted.iter();
        let found = wanted.find(|(wanted, _)| wanted == name);
        found.map(|(_, value)| value.as_str())
    }
}

fn same(given: &Value, wanted: &str) -> bool {
    given
        .as_str()
        .is_some_and(|given| given.eq_ignore_ascii_case(wanted))
}

fn tag<'a>(envelope: &'a Value, name: &str) -> Option<&'a str> {
    turquoise_arm::json::get(envelope.get("tags")?, name)?.as_str()
}

/// 400 for a `$filter` that is not evaluated here.
pub(crate) fn invalid_filter(text: &str) -> ArmError {
    ArmError::bad_request(
        "InvalidFilterInQueryString",
        format!("Invalid $filter '{text}' specified in the query string."),
    )
}

/// 404 for a top-level resource (azure-facts.md §1.6).
pub(super) fn not_found(id: &ResourceId) -> ArmError {
    let resource_type = id.resource_type();
    let resource_type = resource_type.as_ref().map_or("", |t| t.as_str());
    ArmError::not_found(
        "ResourceNotFound",
        format!(
            "The Resource '{resource_type}/{}' under resource group '{}' was not found. For more \
             details please go to https://aka.ms/ARMResourceNotFoundFix",
            id.name(),
            id.group_name().unwrap_or_default()
        ),
    )
}

/// 404 for a group.
pub(super) fn group_not_found(name: &str) -> ArmError {
    ArmError::not_found(
        "ResourceGroupNotFound",
        format!("Resource group '{name}' could not be found."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_evaluated_or_refused() {
        let vnet = json!({
            "id": "/subscriptions/s/resourceGroups/Fe/providers/Microsoft.Network/virtualNetworks/v",
            "name": "v", "type": "Microsoft.Network/virtualNetworks", "location": "westeurope",
            "tags": {"side": "green"},
        });
        for (filter, admitted) in [
            ("", Some(true)),
            (
                "resourceGroup eq 'fe' and name eq 'V' and resourceType eq 'microsoft.network/virtualnetworks'",
                Some(true),
            ),
            ("resourceGroup eq 'fe2'", Some(false)),
            ("tagName eq 'side' and tagValue eq 'green'", Some(true)),
            ("tagname eq 'side' and tagvalue eq 'blue'", Some(false)),
            ("location eq 'West Europe'", Some(true)),
            ("substringof('v', name)", None),
            ("plan eq 'x'", None),
        ] {
            let read = Filter::read(filter).ok().map(|filter| filter.admits(&vnet));
            assert_eq!(read, admitted, "{filter}");
        }
    }
}
