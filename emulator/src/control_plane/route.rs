//! Which thing a path names (azure-facts.md §1.1). Fixed segments match in any case.

use super::marketplace::ImageNames;
use super::places::Place;

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/subscriptions`
    Subscriptions,
    /// `/tenants`
    Tenants,
    /// Everything below `/subscriptions/{id}`.
    In(String, Below),
    /// No such path.
    Unknown,
}

/// What a path below a subscription names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Below {
    /// The subscription itself.
    Subscription,
    /// `/locations`
    Locations,
    /// `/providers`
    Providers,
    /// `/providers/{namespace}`
    Provider(String),
    /// `/providers/{namespace}/register`
    Register(String),
    /// `/providers/{namespace}/locations/{location}/operations|operationResults/{id}`
    Operation {
        /// The operation's GUID.
        id: String,
        /// Whether its `Location` is meant.
        result: bool,
    },
    /// `/operationresults/{id}`: a resource group's deletion.
    GroupOperation(String),
    /// `/resources`, in a group or in the subscription.
    Resources(Option<String>),
    /// `/resourceGroups`
    Groups,
    /// `/resourceGroups/{name}`
    Group(String),
    /// `/resourceGroups/{name}/{action}`
    GroupAction(String, String),
    /// `…/providers/{namespace}/{type}`: a list, in a group or in the subscription.
    List {
        /// The group, unless subscription-wide.
        group: Option<String>,
        /// `{namespace}/{type}` as sent.
        resource_type: String,
    },
    /// `/resourceGroups/{group}/providers/{namespace}/{type}/{name}[/…]`
    Resource {
        /// The group.
        group: String,
        /// `{namespace}/{type}` as sent.
        resource_type: String,
        /// The resource's name.
        name: String,
        /// What follows.
        rest: Vec<String>,
    },
    /// `{scope}/providers/Microsoft.Authorization/locks[/{name}]`
    Locks {
        /// The segments of the scope behind the subscription.
        scope: Vec<String>,
        /// The lock's name; `None` for the list.
        name: Option<String>,
    },
    /// `{scope}/providers/Microsoft.Resources/tags/default`
    Tags {
        /// The segments of the scope behind the subscription.
        scope: Vec<String>,
    },
    /// `/tagNames`
    TagNames,
    /// `/providers/{namespace}/locations/{location}/usages` and the like.
    Place {
        /// The location as sent.
        location: String,
        /// What of it.
        place: Place,
    },
    /// `/providers/Microsoft.Compute/skus`
    Skus,
    /// `{resource}/providers/Microsoft.Insights/metrics` or `metricDefinitions`
    Metrics {
        /// The segments of the scope behind the subscription.
        scope: Vec<String>,
        /// Whether the definitions are meant.
        definitions: bool,
    },
    /// A version of a marketplace image, or the list of them.
    MarketplaceImage(ImageNames),
    /// Any other extension of something. Deployments are read by `deployments::address` before this.
    Extension(String),
    /// No such path.
    Unknown,
}

/// Reads a path's segments.
pub(crate) fn route(segments: &[String]) -> Route {
    let words: Vec<&str> = segments.iter().map(String::as_str).collect();
    match words.as_slice() {
        [first] if is(first, "subscriptions") => Route::Subscriptions,
        [first] if is(first, "tenants") => Route::Tenants,
        [first, id, rest @ ..] if is(first, "subscriptions") => {
            Route::In((*id).to_owned(), below(rest))
        }
        _ => Route::Unknown,
    }
}

fn is(given: &str, word: &str) -> bool {
    given.eq_ignore_ascii_case(word)
}

fn below(words: &[&str]) -> Below {
    if let Some(extension) = extension(words) {
        return extension;
    }
    match words {
        [] => Below::Subscription,
        [word] if is(word, "locations") => Below::Locations,
        [word] if is(word, "resources") => Below::Resources(None),
        [word] if is(word, "tagNames") => Below::TagNames,
        [word] if is(word, "resourceGroups") => Below::Groups,
        [word, id] if is(word, "operationresults") => Below::GroupOperation((*id).to_owned()),
        [word, rest @ ..] if is(word, "providers") => in_subscription(rest),
        [word, group, rest @ ..] if is(word, "resourceGroups") => in_group(group, rest),
        _ => Below::Unknown,
    }
}

/// Locks and tags, which have the same path below anything.
fn extension(words: &[&str]) -> Option<Below> {
    let at = words.iter().rposition(|word| is(word, "providers"))?;
    let scope = || words[..at].iter().map(|word| (*word).to_owned()).collect();
    let (namespace, kind) = (*words.get(at + 1)?, *words.get(at + 2)?);
    match &words[at + 3..] {
        name @ ([] | [_]) if is(namespace, "Microsoft.Authorization") && is(kind, "locks") => {
            Some(Below::Locks {
                scope: scope(),
                name: name.first().map(|name| (*name).to_owned()),
            })
        }
        [] if at > 0
            && is(namespace, "Microsoft.Insights")
            && (is(kind, "metrics") || is(kind, "metricDefinitions")) =>
        {
            Some(Below::Metrics {
                scope: scope(),
                definitions: !is(kind, "metrics"),
            })
        }
        [default] if is(namespace, "Microsoft.Resources") && is(kind, "tags") => {
            is(default, "default").then(|| Below::Tags { scope: scope() })
        }
        _ => None,
    }
}

fn in_subscription(words: &[&str]) -> Below {
    match words {
        [] => Below::Providers,
        [namespace] => Below::Provider((*namespace).to_owned()),
        [namespace, verb] if is(verb, "register") => Below::Register((*namespace).to_owned()),
        [_, locations, _, word, id] if is(locations, "locations") && is(word, "operations") => {
            Below::Operation {
                id: (*id).to_owned(),
                result: false,
            }
        }
        [_, locations, _, word, id]
            if is(locations, "locations") && is(word, "operationResults") =>
        {
            Below::Operation {
                id: (*id).to_owned(),
                result: true,
            }
        }
        [namespace, kind] if is(namespace, "Microsoft.Compute") && is(kind, "skus") => Below::Skus,
        [namespace, locations, location, last] if is(locations, "locations") => {
            match Place::read(namespace, last) {
                Some(place) => Below::Place {
                    location: (*location).to_owned(),
                    place,
                },
                None => Below::Extension(format!("{namespace}/{locations}")),
            }
        }
        [namespace, kind] => Below::List {
            group: None,
            resource_type: format!("{namespace}/{kind}"),
        },
        [namespace, kind, ..] => {
            let image = is(namespace, "Microsoft.Compute").then(|| ImageNames::read(&words[1..]));
            match image.flatten() {
                Some(image) => Below::MarketplaceImage(image),
                None => Below::Extension(format!("{namespace}/{kind}")),
            }
        }
    }
}

fn in_group(group: &str, words: &[&str]) -> Below {
    let group = group.to_owned();
    match words {
        [] => Below::Group(group),
        [word] if is(word, "resources") => Below::Resources(Some(group)),
        [action] if !is(action, "providers") => Below::GroupAction(group, (*action).to_owned()),
        [word, rest @ ..] if is(word, "providers") => in_group_providers(group, rest),
        _ => Below::Unknown,
    }
}

fn in_group_providers(group: String, words: &[&str]) -> Below {
    // An extension resource follows a second `providers`: locks and tags of a resource.
    let extension = words.iter().skip(1).position(|word| is(word, "providers"));
    if let Some(at) = extension
        && let [namespace, kind, ..] = words[at + 2..]
        && !is(namespace, "Microsoft.Network")
    {
        return Below::Extension(format!("{namespace}/{kind}"));
    }
    match words {
        [namespace, kind] => Below::List {
            group: Some(group),
            resource_type: format!("{namespace}/{kind}"),
        },
        [namespace, kind, name, rest @ ..] => Below::Resource {
            group,
            resource_type: format!("{namespace}/{kind}"),
            name: (*name).to_owned(),
            rest: rest.iter().map(|word| (*word).to_owned()).collect(),
        },
        _ => Below::Unknown,
    }
}
