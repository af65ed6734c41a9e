//! Management locks on the subscription, on groups and on resources (azure-facts.md §4.5).
//!
//! A lock is inherited downwards. `CanNotDelete` refuses DELETE of what it is on and of the group
//! around it; `ReadOnly` refuses every write and every action too.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use turquoise_arm::ArmError;

use super::answer::Answer;
use super::request::Request;
use super::{ControlPlane, Turn, method_not_allowed};

const TYPE: &str = "Microsoft.Authorization/locks";

/// What a lock may be.
const LEVELS: [&str; 3] = ["CanNotDelete", "ReadOnly", "NotSpecified"];

/// A lock, with the case it was created with.
#[derive(Clone, Debug)]
pub(crate) struct Lock {
    scope: String,
    name: String,
    level: &'static str,
    properties: Map<String, Value>,
}

/// A lock's scope and name, without case.
pub(crate) type LockKey = (String, String);

impl ControlPlane {
    pub(super) fn on_locks(&mut self, turn: Turn<'_>, scope: &str) -> Result<Answer, ArmError> {
        let request = turn.request;
        super::get_only(request, || Answer::empty(StatusCode::OK))?;
        let here = scope.to_ascii_lowercase();
        let only_here = match request.parameter("$filter").map(str::trim) {
            None | Some("") => false,
            Some(filter) if filter.eq_ignore_ascii_case("atScope()") => true,
            Some(filter) => return Err(super::read::invalid_filter(filter)),
        };
        let found = self
            .locks
            .iter()
            .filter(|((held, _), _)| *held == here || (!only_here && is_below(held, &here)));
        let items: Vec<Value> = found.map(|(_, lock)| lock.document()).collect();
        Ok(Answer::ok(&json!({"value": items})))
    }

    pub(super) fn on_lock(
        &mut self,
        turn: Turn<'_>,
        scope: &str,
        name: &str,
    ) -> Result<Answer, ArmError> {
        let key = (scope.to_ascii_lowercase(), name.to_ascii_lowercase());
        match *turn.request.method {
            Method::GET => match self.locks.get(&key) {
                Some(lock) => Ok(Answer::ok(&lock.document())),
                None => Err(ArmError::not_found(
                    "LockNotFound",
                    format!("The lock '{name}' could not be found."),
                )),
            },
            Method::PUT => self.put_lock(turn.request, scope, name, key),
            Method::DELETE => Ok(match self.locks.remove(&key) {
                Some(_) => Answer::empty(StatusCode::OK).applied(),
                None => Answer::empty(StatusCode::NO_CONTENT),
            }),
            _ => Err(method_not_allowed(turn.request)),
        }
    }

    fn put_lock(
        &mut self,
        request: &Request<'_>,
        scope: &str,
        name: &str,
        key: LockKey,
    ) -> Result<Answer, ArmError> {
        let body = request.object()?;
        let given = turquoise_arm::json::text(&body, "properties.level").unwrap_or_default();
        let mut levels = LEVELS.into_iter();
        let level = levels.find(|level| level.eq_ignore_ascii_case(given));
        let level = level.ok_or_else(|| {
            ArmError::bad_request(
                "LockLevelNotSpecified",
                format!(
                    "The lock level '{given}' is not valid. It must be one of '{}'.",
                    LEVELS.join(", ")
                ),
            )
        })?;
        let mut properties = Map::new();
        properties.insert("level".to_owned(), level.into());
        for member in ["notes", "owners"] {
            let given = turquoise_arm::json::at(&body, &format!("properties.{member}"));
            if let Some(value) = given.filter(|value| !value.is_null()) {
                properties.insert(member.to_owned(), value.clone());
            }
        }
        let held = self.locks.get(&key).cloned();
        let lock = Lock {
            scope: held.as_ref().map_or(scope, |held| &held.scope).to_owned(),
            name: held.as_ref().map_or(name, |held| &held.name).to_owned(),
            level,
            properties,
        };
        let status = match held {
            Some(_) => StatusCode::OK,
            None => StatusCode::CREATED,
        };
        let answer = Answer::json(status, &lock.document()).applied();
        self.locks.insert(key, lock);
        Ok(answer)
    }

    /// Refuses what a lock forbids at `scope`, the path of the request below the subscription.
    ///
    /// # Errors
    /// 409 `ScopeLocked`.
    pub(super) fn check_locks(&self, request: &Request<'_>) -> Result<(), ArmError> {
        if self.locks.is_empty() || matches!(*request.method, Method::GET | Method::HEAD) {
            return Ok(());
        }
        let path = format!("/{}", request.segments.join("/"));
        let here = path.to_ascii_lowercase();
        let deletes = *request.method == Method::DELETE;
        let in_the_way = |((held, _), lock): &(&LockKey, &Lock)| {
            let above = *held == here || is_below(&here, held);
            match lock.level {
                "ReadOnly" => above || (deletes && is_below(held, &here)),
                "CanNotDelete" => deletes && (above || is_below(held, &here)),
                _ => false,
            }
        };
        let scopes: Vec<&str> = self
            .locks
            .iter()
            .filter(in_the_way)
            .map(|(_, lock)| lock.scope.as_str())
            .collect();
        if scopes.is_empty() {
            return Ok(());
        }
        let verb = if deletes { "delete" } else { "write" };
        Err(ArmError::conflict(
            "ScopeLocked",
            format!(
                "The scope '{path}' cannot perform {verb} operation because following scope(s) are \
                 locked: '{}'. Please remove the lock and try again.",
                scopes.join("', '")
            ),
        ))
    }
}

impl Lock {
    fn document(&self) -> Value {
        json!({
            "id": format!("{}/providers/{TYPE}/{}", self.scope, self.name),
            "type": TYPE,
            "name": self.name,
            "properties": self.properties,
        })
    }
}

/// Whether `path` lies below `ancestor`; both without case.
fn is_below(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor)
        .is_some_and(|rest| rest.starts_with('/'))
}
