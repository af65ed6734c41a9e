//! Resource ids: `/subscriptions/{s}/resourceGroups/{g}/providers/{namespace}/{type}/{name}…`.
//!
//! Azure compares ids without case and keeps the case they were created with (azure-facts.md §1.2),
//! so [`ResourceId`] orders, compares and hashes on a lower-case key and prints what it was given.

use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// A namespace and a type path, such as `Microsoft.Network/virtualNetworks/subnets`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceType(String);

impl ResourceType {
    /// Wraps a `{namespace}/{type}[/{child}…]` path; case is kept for display.
    #[must_use]
    pub fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// The type path as given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both name the same type; types compare without case.
    #[must_use]
    pub fn is(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }

    /// The part before the first slash, such as `Microsoft.Network`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of a subscription, a resource group, a resource or a child of one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResourceId {
    text: String,
    key: String,
}

/// Why a text is not a resource id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a resource id: {reason}")]
pub struct InvalidResourceId {
    /// What was given.
    pub text: String,
    /// Which rule it breaks.
    pub reason: &'static str,
}

impl ResourceId {
    /// Parses an id, collapsing repeated slashes and dropping a trailing one, as ARM does.
    ///
    /// # Errors
    /// When the text does not begin with `/subscriptions/{id}` or when a segment lacks its value.
    pub fn parse(text: &str) -> Result<Self, InvalidResourceId> {
        let refuse = |reason| InvalidResourceId {
            text: text.to_owned(),
            reason,
        };
        if !text.starts_with('/') {
            return Err(refuse("it must begin with `/`"));
        }
        let segments: Vec<&str> = text.split('/').filter(|s| !s.is_empty()).collect();
        match segments.first() {
            Some(first) if first.eq_ignore_ascii_case("subscriptions") => {}
            _ => return Err(refuse("it must begin with `/subscriptions/`")),
        }
        let pairs = match segments
            .iter()
            .position(|s| s.eq_ignore_ascii_case("providers"))
        {
            // `/providers/{namespace}` is followed by (type, name) pairs.
            Some(at) if segments.len() > at + 1 => segments.len() - (at + 2),
            Some(_) => return Err(refuse("`providers` lacks its namespace")),
            None => segments.len(),
        };
        if !pairs.is_multiple_of(2) {
            return Err(refuse("a type lacks its name"));
        }
        let text = format!("/{}", segments.join("/"));
        let key = text.to_ascii_lowercase();
        Ok(Self { text, key })
    }

    /// The id of a resource group.
    #[must_use]
    pub fn resource_group(subscription: &str, group: &str) -> Self {
        Self::join(format!(
            "/subscriptions/{subscription}/resourceGroups/{group}"
        ))
    }

    /// The id of a top-level resource inside this resource group.
    #[must_use]
    pub fn resource(&self, resource_type: &str, name: &str) -> Self {
        Self::join(format!("{}/providers/{resource_type}/{name}", self.text))
    }

    /// The id of a child: `{self}/{child_type}/{name}`.
    #[must_use]
    pub fn child(&self, child_type: &str, name: &str) -> Self {
        Self::join(format!("{}/{child_type}/{name}", self.text))
    }

    fn join(text: String) -> Self {
        let key = text.to_ascii_lowercase();
        Self { text, key }
    }

    /// The id as it was first written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The id in lower case: what ids are compared by.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    fn segments(&self) -> impl Iterator<Item = &str> {
        self.text.split('/').skip(1)
    }

    fn value_after(&self, name: &str) -> Option<&str> {
        let mut segments = self.segments();
        segments.find(|s| s.eq_ignore_ascii_case(name))?;
        segments.next()
    }

    /// The subscription's id.
    #[must_use]
    pub fn subscription(&self) -> &str {
        self.value_after("subscriptions").unwrap_or_default()
    }

    /// The resource group's name, absent for ids at subscription level.
    #[must_use]
    pub fn group_name(&self) -> Option<&str> {
        self.value_after("resourceGroups")
    }

    /// The id of the resource group this id lies in.
    #[must_use]
    pub fn group(&self) -> Option<Self> {
        self.group_name()
            .map(|group| Self::resource_group(self.subscription(), group))
    }

    /// The last segment: the name of what the id identifies.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.rsplit('/').next().unwrap_or_default()
    }

    /// `{namespace}/{type}[/{child type}…]`, absent for subscriptions and groups.
    #[must_use]
    pub fn resource_type(&self) -> Option<ResourceType> {
        let mut segments = self.segments();
        segments.find(|s| s.eq_ignore_ascii_case("providers"))?;
        let namespace = segments.next()?;
        let types: Vec<&str> = segments.step_by(2).collect();
        Some(ResourceType(format!("{namespace}/{}", types.join("/"))))
    }

    /// The id two segments shorter: a child's resource; absent for top-level resources and groups.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let depth = self.resource_type()?.as_str().split('/').count() - 1;
        if depth < 2 {
            return None;
        }
        let cut = self.text.rmatch_indices('/').nth(1).map(|(at, _)| at)?;
        Some(Self::join(self.text[..cut].to_owned()))
    }

    /// Whether this id is `ancestor` or lies below it.
    #[must_use]
    pub fn is_within(&self, ancestor: &Self) -> bool {
        self.key
            .strip_prefix(&ancestor.key)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl PartialEq for ResourceId {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for ResourceId {}

impl PartialOrd for ResourceId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ResourceId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl Hash for ResourceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for ResourceId {
    type Error = InvalidResourceId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<ResourceId> for String {
    fn from(id: ResourceId) -> Self {
        id.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GATEWAY: &str =
        "/subscriptions/S/resourceGroups/Fe/providers/Microsoft.Network/applicationGateways/gw";

    #[test]
    fn ids_compare_without_case_and_print_as_given() {
        let id = ResourceId::parse(GATEWAY).expect("the literal is an id");
        let shouted = ResourceId::parse(
            &GATEWAY
                .to_uppercase()
                .replace("SUBSCRIPTIONS", "subscriptions"),
        )
        .expect("case does not matter");
        assert_eq!(id, shouted);
        assert_eq!(id.to_string(), GATEWAY);
    }

    #[test]
    fn an_id_knows_its_parts() {
        let id = ResourceId::parse(GATEWAY).expect("the literal is an id");
        assert_eq!(id.subscription(), "S");
        assert_eq!(id.group_name(), Some("Fe"));
        assert_eq!(id.name(), "gw");
        assert_eq!(id.parent(), None);
        let pool = id.child("backendAddressPools", "pool01");
        assert_eq!(pool.parent(), Some(id.clone()));
        assert!(pool.is_within(&id));
        assert!(
            pool.resource_type()
                .is_some_and(|t| t.is("microsoft.network/applicationgateways/backendaddresspools"))
        );
    }

    #[test]
    fn repeated_slashes_collapse() {
        let doubled = GATEWAY.replace("Microsoft.Network/", "Microsoft.Network//");
        assert_eq!(
            ResourceId::parse(&doubled).map(|id| id.to_string()),
            Ok(GATEWAY.to_owned())
        );
    }

    #[test]
    fn what_is_not_an_id_says_why() {
        for (text, reason) in [
            ("gw", "it must begin with `/`"),
            ("/providers/x/y/z", "it must begin with `/subscriptions/`"),
            ("/subscriptions/s/resourceGroups", "a type lacks its name"),
            (
                "/subscriptions/s/providers",
                "`providers` lacks its namespace",
            ),
        ] {
            let refused = ResourceId::parse(text).map(|id| id.to_string());
            assert_eq!(refused.map_err(|e| e.reason), Err(reason), "{text}");
        }
    }
}
