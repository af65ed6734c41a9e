//! Below a resource: inline children with URLs of their own, and what its provider routes.

use http::{Method, StatusCode};
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ResourceId, json as tree};

use super::answer::Answer;
use super::body::problem_error;
use super::lro::{Dialect, Operation};
use super::provider::{Begun, Call, ChildRoute, Handled};
use super::read::not_found;
use super::schema::Collection;
use super::schema::normalise::normalise_child;
use super::store::State;
use super::write::Applied;
use super::{ControlPlane, Turn, method_not_allowed, not_a_route};

impl ControlPlane {
    pub(super) fn below_resource(
        &mut self,
        turn: Turn<'_>,
        provider: usize,
        id: &ResourceId,
        rest: &[String],
    ) -> Result<Answer, ArmError> {
        let kind = self.providers[provider].kind();
        let mut routes = kind.children.iter();
        let route = routes.find(|route| route.collection.eq_ignore_ascii_case(&rest[0]));
        let held = self.store.get(id).map(|resource| resource.state);
        if held.is_none() {
            return Err(if route.is_some() {
                parent_not_found(id)
            } else {
                not_found(id)
            });
        }
        if held == Some(State::Deleting) && *turn.request.method != Method::GET {
            return Err(being_deleted(id));
        }
        match (route, rest) {
            (Some(route), [_]) => self.list_children(turn, id, route),
            (Some(route), [_, name]) => self.on_child(turn, provider, id, route, name),
            _ => self.on_route(turn, provider, id, rest),
        }
    }

    fn list_children(
        &mut self,
        turn: Turn<'_>,
        id: &ResourceId,
        route: &ChildRoute,
    ) -> Result<Answer, ArmError> {
        super::get_only(turn.request, || Answer::empty(StatusCode::OK))?;
        let document = self.document(id);
        let children = &document["properties"][route.collection];
        Ok(Answer::ok(&json!({"value": children})))
    }

    fn on_child(
        &mut self,
        turn: Turn<'_>,
        provider: usize,
        id: &ResourceId,
        route: &ChildRoute,
        name: &str,
    ) -> Result<Answer, ArmError> {
        match *turn.request.method {
            Method::GET => {
                let child = self.child_document(id, route, name);
                let child =
                    child.ok_or_else(|| child_not_found(&id.child(route.collection, name)))?;
                let etag = child["etag"].as_str().unwrap_or_default().to_owned();
                Ok(Answer::ok(&child).with_etag(&etag))
            }
            Method::PUT if route.writable => self.put_child(turn, provider, id, route, name),
            Method::DELETE if route.writable => self.delete_child(turn, provider, id, route, name),
            _ => Err(method_not_allowed(turn.request)),
        }
    }

    fn child_document(&self, id: &ResourceId, route: &ChildRoute, name: &str) -> Option<Value> {
        let document = self.document(id);
        let path = format!("properties.{}", route.collection);
        tree::named(&document, &path, name).cloned()
    }

    /// PUT of a child is a PUT of its parent with that child replaced.
    fn put_child(
        &mut self,
        turn: Turn<'_>,
        provider: usize,
        id: &ResourceId,
        route: &ChildRoute,
        name: &str,
    ) -> Result<Answer, ArmError> {
        let kind = self.providers[provider].kind();
        let collection = self.collection(provider, route);
        self.check_group_is_not_going(id)?;
        self.check_preconditions(turn, id)?;
        let mut body = turn.request.object()?;
        body["name"] = name.into();
        let child = normalise_child(collection, &body).map_err(|p| problem_error(kind, p))?;
        let (model, created) = self.with_child(id, route, name, Some(child));
        let applied = self.apply_request(turn, provider, id, model)?;
        let document = self.child_document(id, route, name);
        let applied = Applied { created, ..applied };
        Ok(self.accepted_with(turn, applied, &document.unwrap_or_default()))
    }

    /// DELETE of a child is a PUT of its parent without it.
    fn delete_child(
        &mut self,
        turn: Turn<'_>,
        provider: usize,
        id: &ResourceId,
        route: &ChildRoute,
        name: &str,
    ) -> Result<Answer, ArmError> {
        let (model, absent) = self.with_child(id, route, name, None);
        if absent {
            return Ok(Answer::empty(StatusCode::NO_CONTENT));
        }
        self.check_preconditions(turn, id)?;
        let applied = self.apply_request(turn, provider, id, model)?;
        Ok(match applied.operation {
            Some(number) => self.follow(turn, number).applied(),
            None => Answer::empty(StatusCode::OK).applied(),
        })
    }

    fn collection(&self, provider: usize, route: &ChildRoute) -> &'static Collection {
        let schema = self.providers[provider].kind().schema;
        schema
            .collection(route.collection)
            .expect("because every child route names a collection of its schema")
    }

    /// The parent's model with a child replaced or removed, and whether it was absent before.
    fn with_child(
        &self,
        id: &ResourceId,
        route: &ChildRoute,
        name: &str,
        child: Option<Value>,
    ) -> (Value, bool) {
        let held = self.store.get(id).map(|resource| resource.model.clone());
        let mut model = held.map_or_else(|| json!({}), |held| (*held).clone());
        let list = &mut model["properties"][route.collection];
        if !list.is_array() {
            *list = json!([]);
        }
        let mut absent = true;
        if let Some(children) = list.as_array_mut() {
            let at = children.iter().position(|held| {
                let held = held["name"].as_str().unwrap_or_default();
                held.eq_ignore_ascii_case(name)
            });
            absent = at.is_none();
            match (at, child) {
                (Some(at), Some(mut child)) => {
                    child["name"] = children[at]["name"].clone();
                    children[at] = child;
                }
                (Some(at), None) => drop(children.remove(at)),
                (None, Some(child)) => children.push(child),
                (None, None) => {}
            }
        }
        (model, absent)
    }

    /// Everything else below a resource is its provider's.
    fn on_route(
        &mut self,
        turn: Turn<'_>,
        provider: usize,
        id: &ResourceId,
        rest: &[String],
    ) -> Result<Answer, ArmError> {
        let request = turn.request;
        let body = request.json()?;
        if *request.method != Method::GET {
            self.check_group_is_not_going(id)?;
        }
        let call = Call {
            method: request.method,
            id,
            rest,
            query: &request.query,
            body: &body,
            caller: request.caller(),
        };
        if let Some(listed) = self.listed(provider, &call) {
            return Ok(Answer::ok(&listed));
        }
        let (own, mut scope) = self.parts(turn.now, turn.reported, provider);
        let handled = own.route(&mut scope, &call)?;
        let changes = *request.method != Method::GET;
        let answer = match handled {
            Handled::Answer(status, body) => Answer::json(status, &body),
            Handled::Empty(status) => Answer::empty(status),
            Handled::Operation(begun) => self.begin_action(turn, provider, id, begun),
            Handled::MethodNotAllowed => return Err(method_not_allowed(request)),
            Handled::NotEmulated => {
                let kind = self.providers[provider].kind();
                let what = format!("{}/{}", kind.resource_type, rest.join("/"));
                return Err(self.unhandled_call(request, &what));
            }
            Handled::Unknown => return Err(not_a_route(request)),
        };
        Ok(if changes { answer.applied() } else { answer })
    }

    /// The answer to a POST that only reads.
    fn listed(&self, provider: usize, call: &Call<'_>) -> Option<Value> {
        let [action] = call.rest else {
            return None;
        };
        let held = self
            .store
            .get(call.id)
            .filter(|_| *call.method == Method::POST)?;
        let action = action.to_ascii_lowercase();
        self.providers[provider].listed(&self.context(), held, &action)
    }

    fn begin_action(
        &mut self,
        turn: Turn<'_>,
        provider: usize,
        id: &ResourceId,
        begun: Begun,
    ) -> Answer {
        let kind = self.providers[provider].kind();
        let held = self.store.get(id);
        let location = held.map_or("", |held| tree::text(&held.model, "location").unwrap_or(""));
        let location = location.to_owned();
        let method = turn.request.method.as_str();
        let now = turn.now;
        let fault = self
            .faults
            .on_operation(now.as_millis(), method, turn.request.path);
        let operation = Operation {
            id: self.operations.next_id(),
            resource: id.clone(),
            provider: Some(provider),
            verb: begun.verb.to_owned(),
            payload: begun.payload,
            updates: begun.updates,
            before: None,
            dialect: Dialect::of(kind),
            location,
            started: now,
            fail: fault.fail,
            ended: None,
            result: None,
        };
        if begun.updates {
            let by = operation.id.clone();
            self.supersede(now, turn.reported, id, &by);
            self.mark(id, State::Updating);
        }
        let ends_at = begun.ends_at + std::time::Duration::from_millis(fault.extra_ms);
        let number = self
            .operations
            .begin(operation, Some(ends_at.max(now).ceil_millis()));
        match begun.answer {
            None => self.follow(turn, number),
            Some((status, body)) => {
                let url = self.operations.get(number).document_path();
                Answer::json(status, &body)
                    .with_operation(self.url(turn.request, &url))
                    .with_retry_after(self.config.retry_after)
            }
        }
    }
}

/// 409 for writes below a resource that is on its way out.
pub(super) fn being_deleted(id: &ResourceId) -> ArmError {
    ArmError::conflict(
        "OperationNotAllowed",
        format!("The resource {id} is being deleted."),
    )
}

/// 404 for a write below nothing.
pub(super) fn parent_not_found(id: &ResourceId) -> ArmError {
    ArmError::not_found(
        "ParentResourceNotFound",
        format!(
            "Can not perform requested operation on nested resource. Parent resource '{}' not \
             found.",
            id.name()
        ),
    )
}

fn child_not_found(id: &ResourceId) -> ArmError {
    ArmError::not_found("NotFound", format!("Resource {id} not found."))
}
