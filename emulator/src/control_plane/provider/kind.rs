//! The constants of a resource type.

use http::StatusCode;

use crate::control_plane::durations::Durations;
use crate::control_plane::name_rule::NameRule;
use crate::control_plane::schema::Schema;

/// The constants of a resource type.
#[derive(Debug)]
pub(crate) struct Kind {
    /// `{namespace}/{type}`, canonical.
    pub(crate) resource_type: &'static str,
    /// Versions offered in provider metadata, newest first; requests may use any dated one.
    pub(crate) api_versions: &'static [&'static str],
    /// What its documents look like.
    pub(crate) schema: &'static Schema,
    /// What it may be called.
    pub(crate) name_rule: NameRule,
    /// Where it lies.
    pub(crate) located: Located,
    /// Its etags.
    pub(crate) etags: Etags,
    /// What PUT does to an existing resource.
    pub(crate) put: PutMode,
    /// What PATCH does.
    pub(crate) patch: PatchMode,
    /// Its answers' shape.
    pub(crate) protocol: Protocol,
    /// What a PUT that creates is answered with.
    pub(crate) created: StatusCode,
    /// How long its writes take.
    pub(crate) durations: Durations,
    /// Its inline children that have URLs of their own.
    pub(crate) children: &'static [ChildRoute],
}

impl Kind {
    /// What most network types have in common; a type names the rest.
    pub(crate) const NETWORK: Self = Self {
        resource_type: "",
        api_versions: &["2025-07-01", "2025-05-01", "2025-01-01", "2024-07-01"],
        schema: &Schema {
            envelope: &[],
            properties: &[],
        },
        name_rule: NameRule::Network { least: 1, most: 80 },
        located: Located::Region,
        etags: Etags::WeakGuid,
        put: PutMode::Replace,
        patch: PatchMode::Tags,
        protocol: Protocol::Network,
        created: StatusCode::CREATED,
        durations: Durations::SMALL_NETWORK,
        children: &[],
    };

    /// What most compute types have in common; a type names the rest.
    pub(crate) const COMPUTE: Self = Self {
        api_versions: &["2024-11-01", "2024-07-01", "2023-09-01", "2022-03-01"],
        name_rule: NameRule::Compute { most: 80 },
        etags: Etags::None,
        patch: PatchMode::Merge,
        protocol: Protocol::Compute,
        ..Self::NETWORK
    };

    /// Whether its resources stand below another resource and are stored by themselves, such as
    /// `Microsoft.Compute/virtualMachines/extensions`.
    pub(crate) fn is_nested(&self) -> bool {
        self.resource_type.matches('/').count() > 1
    }
}

/// Where a type's resources lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Located {
    /// In one of the regions.
    Region,
    /// In `global` and nowhere else.
    Global,
    /// Nowhere: a part of its parent that is written by itself; no list of resources has it.
    Nowhere,
}

/// Whether and how a type has etags (azure-facts.md §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Etags {
    /// Weak GUIDs, new on each write and again when it settles; also as header on GET.
    WeakGuid,
    /// Bare GUIDs, new on each write (private DNS).
    Guid,
    /// `"1"`, `"2"`, …
    Counter,
    /// None.
    None,
}

/// What PUT does to an existing resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutMode {
    /// The body is the whole model.
    Replace,
    /// The body is merged into the model (scale sets; azure-facts.md §4.12.3).
    Merge,
}

/// What PATCH does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatchMode {
    /// Replaces the tags, synchronously (network types).
    Tags,
    /// Merges the body into the model; an operation where PUT is one.
    Merge,
}

/// How a type's long answers look (azure-facts.md §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// PUT: `Azure-AsyncOperation`. DELETE and POST: 202 with that and `Location` at
    /// `operationResults`. `Updating` from the first write on.
    Network,
    /// PUT and PATCH: `Azure-AsyncOperation`. DELETE and POST: both, `Location` being the same URL
    /// with `monitor=true`. `Creating` during the first write.
    Compute,
    /// Everything ends with the request: 200/201, DELETE 200/204 (autoscale, locks).
    Synchronous,
}

/// An inline child collection with URLs of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChildRoute {
    /// The collection's member under `properties`, such as `subnets`.
    pub(crate) collection: &'static str,
    /// Whether PUT and DELETE are allowed, else GET and list only.
    pub(crate) writable: bool,
}
