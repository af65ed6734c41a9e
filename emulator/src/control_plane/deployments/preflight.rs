//! What can be refused before anything is written.

use http::StatusCode;
use serde_json::{Value, json};
use turquoise_arm::{ArmError, ErrorBody, ResourceId};
use turquoise_template::Plan;

use super::TYPE;
use super::accept::refusal;
use super::cloud_runtime::CloudRuntime;
use super::document::{dependencies, parameters, providers};
use super::run::scope_of;
use crate::control_plane::answer::Answer;
use crate::control_plane::body::problem_error;
use crate::control_plane::provider::{ChildRoute, Kind};
use crate::control_plane::request::Request;
use crate::control_plane::schema::Mode;
use crate::control_plane::schema::normalise::normalise_child;
use crate::control_plane::{ControlPlane, Turn, clock};
use crate::time::Instant;

/// Deeper than people nest templates.
pub(super) const MAX_NESTING: usize = 8;

/// Types that stand on anything and have no provider of their own here.
const EXTENSIONS: [&str; 2] = ["Microsoft.Authorization/locks", "Microsoft.Resources/tags"];

/// What a resource of a template is to the emulator.
pub(super) enum Place {
    /// A resource of a provider.
    Resource(usize),
    /// A child inside one.
    Child(usize, &'static ChildRoute),
    /// A resource group.
    Group,
    /// A lock or the tags of something.
    Extension,
}

impl ControlPlane {
    pub(super) fn validate_deployment(
        &mut self,
        turn: Turn<'_>,
        scope: &str,
        id: &ResourceId,
    ) -> Result<Answer, ArmError> {
        let asked = self.asked(turn, scope, id)?;
        self.preflight(id, &asked.plan)?;
        let mut validated = Vec::new();
        self.collect_ids(turn.now, &asked.plan, &mut validated, 0);
        let validated: Vec<Value> = validated.iter().map(|id| json!({"id": id})).collect();
        let seed = self
            .seed
            .child("validations")
            .child(id.key())
            .at(turn.now.as_millis());
        Ok(Answer::ok(&json!({
            "id": id.as_str(),
            "name": id.name(),
            "type": TYPE,
            "properties": {
                "templateHash": asked.plan.template().hash(),
                "parameters": parameters(asked.plan.parameters()),
                "mode": asked.mode.word(),
                "provisioningState": "Succeeded",
                "timestamp": self.clock.iso(turn.now),
                "duration": "PT0S",
                "correlationId": clock::guid(seed),
                "providers": providers(&asked.plan),
                "dependencies": dependencies(&asked.plan),
                "validatedResources": validated,
            },
        })))
    }

    fn collect_ids(&self, now: Instant, plan: &Plan, into: &mut Vec<String>, depth: usize) {
        for (index, resource) in plan.resources().iter().enumerate() {
            if !resource.is_deployed() {
                continue;
            }
            into.push(resource.id.clone());
            if resource.is_deployment()
                && depth < MAX_NESTING
                && let Ok(Some(inner)) = self.inner_plan(now, plan, index)
            {
                self.collect_ids(now, &inner, into, depth + 1);
            }
        }
    }

    /// The plan of a nested template; `None` while its parameters need what is not there yet.
    pub(super) fn inner_plan(
        &self,
        now: Instant,
        plan: &Plan,
        index: usize,
    ) -> Result<Option<Plan>, ArmError> {
        let nested = plan.nested(index).map_err(|error| refusal(&error))?;
        let id = ResourceId::parse(&plan.resources()[index].id);
        let id = id.map_err(|e| ArmError::bad_request("InvalidTemplate", e.to_string()))?;
        let facts = self.facts(now, &scope_of(&id), &id, nested.mode(), nested.template());
        let Ok(facts) = facts else {
            // Its group may be one that the template makes.
            return Ok(None);
        };
        let runtime = CloudRuntime {
            plane: self,
            before: true,
        };
        match plan.plan_nested(index, &nested, facts, &runtime) {
            Ok(inner) => Ok(Some(inner)),
            Err(error) if error.unresolved => Ok(None),
            Err(error) => Err(refusal(&error)),
        }
    }

    /// Checks every resource as far as that is possible before the others are there.
    ///
    /// # Errors
    /// `InvalidTemplateDeployment` with a detail per refused resource.
    pub(super) fn preflight(&mut self, id: &ResourceId, plan: &Plan) -> Result<(), ArmError> {
        let mut refused = Vec::new();
        self.check_plan(plan, &mut refused, 0)?;
        if refused.is_empty() {
            return Ok(());
        }
        let tracking = clock::guid(self.seed.child("tracking").child(id.key()));
        Err(ArmError {
            status: StatusCode::BAD_REQUEST,
            body: ErrorBody {
                details: refused,
                ..ErrorBody::new(
                    "InvalidTemplateDeployment",
                    format!(
                        "The template deployment '{}' is not valid according to the validation \
                         procedure. The tracking id is '{tracking}'. See inner errors for details.",
                        id.name()
                    ),
                )
            },
            retry_after: None,
        })
    }

    /// A resource's body, as far as it can be known before anything is deployed.
    pub(super) fn body_beforehand(&self, plan: &Plan, index: usize) -> Result<Value, ArmError> {
        let runtime = CloudRuntime {
            plane: self,
            before: true,
        };
        let body = plan.body_so_far(index, &runtime);
        body.map_err(|error| refusal(&error))
    }

    fn check_plan(
        &mut self,
        plan: &Plan,
        refused: &mut Vec<ErrorBody>,
        depth: usize,
    ) -> Result<(), ArmError> {
        if depth == MAX_NESTING {
            return Err(ArmError::bad_request(
                "InvalidTemplate",
                format!("Templates nest deeper than {MAX_NESTING} levels."),
            ));
        }
        for (index, resource) in plan.resources().iter().enumerate() {
            if !resource.is_deployed() {
                continue;
            }
            if resource.is_deployment() {
                if let Some(inner) = self.inner_plan(Instant::from_millis(0), plan, index)? {
                    self.check_plan(&inner, refused, depth + 1)?;
                }
                continue;
            }
            let body = self.body_beforehand(plan, index)?;
            let known = plan.is_known(index);
            if let Err(error) =
                self.check_resource(&resource.id, &resource.api_version, &body, known)
            {
                refused.push(ErrorBody {
                    target: Some(resource.id.clone()),
                    ..error.body
                });
            }
        }
        Ok(())
    }

    fn check_resource(
        &mut self,
        id: &str,
        api_version: &str,
        body: &Value,
        known: bool,
    ) -> Result<(), ArmError> {
        let id = ResourceId::parse(id)
            .map_err(|error| ArmError::bad_request("InvalidResourceId", error.to_string()))?;
        match self.place_of(&id, api_version)? {
            Place::Group | Place::Extension => Ok(()),
            Place::Resource(provider) => {
                let kind = self.providers[provider].kind();
                kind.name_rule.check(id.name())?;
                if known {
                    let previous = self.store.get(&id).map(|held| held.model.clone());
                    self.read_body(kind, &id, body, Mode::Full, previous.as_deref())?;
                }
                Ok(())
            }
            Place::Child(provider, route) => {
                let kind = self.providers[provider].kind();
                let Some(collection) = kind.schema.collection(route.collection).filter(|_| known)
                else {
                    return Ok(());
                };
                let mut body = body.clone();
                body["name"] = id.name().into();
                let child = normalise_child(collection, &body);
                child
                    .map(|_| ())
                    .map_err(|problem| problem_error(kind, problem))
            }
        }
    }

    /// Which provider, or which inline child of its type, an id belongs to.
    ///
    /// # Errors
    /// 501 for types that Azure has and we do not, 404 for those that nobody has.
    pub(super) fn place_of(
        &mut self,
        id: &ResourceId,
        api_version: &str,
    ) -> Result<Place, ArmError> {
        let Some(resource_type) = id.resource_type() else {
            return Ok(Place::Group);
        };
        let text = resource_type.as_str();
        let mut parts = text.splitn(3, '/');
        let (namespace, kind) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let child = parts.next();
        let request =
            http::Request::put(format!("/?api-version={api_version}")).body(bytes::Bytes::new());
        let request = request.map_err(|error| {
            ArmError::bad_request("InvalidApiVersionParameter", error.to_string())
        })?;
        let request = Request::read(&request);
        // An extension's id may name two types: the last one is its own.
        let own = id.as_str().rsplit("/providers/").next().unwrap_or_default();
        let own: String = own.split('/').take(2).collect::<Vec<_>>().join("/");
        if EXTENSIONS.iter().any(|kind| own.eq_ignore_ascii_case(kind)) {
            return Ok(Place::Extension);
        }
        if id.as_str().matches("/providers/").count() > 1 {
            return Err(self.not_emulated(&request, &own));
        }
        let whole = |kind: &Kind| kind.resource_type.eq_ignore_ascii_case(text);
        let mut providers = self.providers.iter();
        if let Some(provider) = providers.position(|provider| whole(provider.kind())) {
            return Ok(Place::Resource(provider));
        }
        let provider = self.provider_of(&request, &format!("{namespace}/{kind}"))?;
        let Some(child) = child else {
            return Ok(Place::Resource(provider));
        };
        let routes = self.providers[provider].kind().children;
        let route = routes
            .iter()
            .find(|r| r.writable && r.collection.eq_ignore_ascii_case(child));
        match route {
            Some(route) => Ok(Place::Child(provider, route)),
            None => Err(self.unhandled_call(&request, text)),
        }
    }
}
