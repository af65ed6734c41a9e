//! `Microsoft.Network/privateDnsZones/{A, AAAA, CNAME, MX, PTR, SRV, TXT}`: record sets.
//!
//! One provider per type of record, all of one shape. A record set is written at once; no list of
//! resources has it.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;
use turquoise_arm::{ArmError, ResourceId, json as tree};

use crate::control_plane::durations::Durations;
use crate::control_plane::name_rule::NameRule;
use crate::control_plane::provider::{
    Context, Etags, Kind, Located, PatchMode, Protocol, Provider, Write,
};
use crate::control_plane::schema::decorate::{Stamp, decorate};
use crate::control_plane::schema::{
    Literal, Member, Schema, Shape, integer, list, member, object, text, texts,
};
use crate::control_plane::store::{Resource, Store};

/// The record sets of one type.
#[derive(Clone, Debug)]
pub(crate) struct RecordSets {
    kind: &'static Kind,
}

/// One provider per type.
pub(crate) fn all() -> impl Iterator<Item = RecordSets> {
    KINDS.iter().map(|kind| RecordSets { kind })
}

const TTL: Member = integer("ttl", 0, 2_147_483_647).required();
const METADATA: Member = member("metadata", Shape::Texts);
const FQDN: Member = text("fqdn").read_only();
const REGISTERED: Member = member("isAutoRegistered", Shape::Boolean).read_only();

static A: Schema = Schema {
    envelope: &[],
    properties: &with(
        list(
            "aRecords",
            &Shape::Object(&[text("ipv4Address").required()]),
        )
        .or(Literal::EmptyList),
    ),
};
static AAAA: Schema = Schema {
    envelope: &[],
    properties: &with(
        list(
            "aaaaRecords",
            &Shape::Object(&[text("ipv6Address").required()]),
        )
        .or(Literal::EmptyList),
    ),
};
static CNAME: Schema = Schema {
    envelope: &[],
    properties: &with(object("cnameRecord", &[text("cname").required()]).required()),
};
static MX: Schema = Schema {
    envelope: &[],
    properties: &with(
        list(
            "mxRecords",
            &Shape::Object(&[
                integer("preference", 0, 65_535).required(),
                text("exchange").required(),
            ]),
        )
        .or(Literal::EmptyList),
    ),
};
static PTR: Schema = Schema {
    envelope: &[],
    properties: &with(
        list("ptrRecords", &Shape::Object(&[text("ptrdname").required()])).or(Literal::EmptyList),
    ),
};
static SRV: Schema = Schema {
    envelope: &[],
    properties: &with(
        list(
            "srvRecords",
            &Shape::Object(&[
                integer("priority", 0, 65_535).required(),
                integer("weight", 0, 65_535).required(),
                integer("port", 0, 65_535).required(),
                text("target").required(),
            ]),
        )
        .or(Literal::EmptyList),
    ),
};
static TXT: Schema = Schema {
    envelope: &[],
    properties: &with(
        list("txtRecords", &Shape::Object(&[texts("value").required()])).or(Literal::EmptyList),
    ),
};

/// What every record set has, and its records.
const fn with(records: Member) -> [Member; 5] {
    [METADATA, TTL, FQDN, REGISTERED, records]
}

const fn kind(resource_type: &'static str, schema: &'static Schema) -> Kind {
    Kind {
        resource_type,
        api_versions: &["2024-06-01", "2020-06-01", "2018-09-01"],
        schema,
        name_rule: NameRule::Free,
        located: Located::Nowhere,
        etags: Etags::Guid,
        patch: PatchMode::Merge,
        protocol: Protocol::Synchronous,
        durations: Durations::INSTANT,
        ..Kind::NETWORK
    }
}

static KINDS: [Kind; 7] = [
    kind("Microsoft.Network/privateDnsZones/A", &A),
    kind("Microsoft.Network/privateDnsZones/AAAA", &AAAA),
    kind("Microsoft.Network/privateDnsZones/CNAME", &CNAME),
    kind("Microsoft.Network/privateDnsZones/MX", &MX),
    kind("Microsoft.Network/privateDnsZones/PTR", &PTR),
    kind("Microsoft.Network/privateDnsZones/SRV", &SRV),
    kind("Microsoft.Network/privateDnsZones/TXT", &TXT),
];

impl Provider for RecordSets {
    fn kind(&self) -> &'static Kind {
        self.kind
    }

    fn validate(&self, context: &Context<'_>, write: &mut Write) -> Result<(), ArmError> {
        check_values(write)?;
        check_alone(context, write)?;
        let zone = write.id.parent();
        let zone = zone.as_ref().map_or("", ResourceId::name);
        let fqdn = match write.id.name() {
            "@" => format!("{zone}."),
            name => format!("{name}.{zone}."),
        };
        write.model["properties"]["fqdn"] = fqdn.into();
        write.model["properties"]["isAutoRegistered"] = false.into();
        Ok(())
    }
}

fn check_values(write: &Write) -> Result<(), ArmError> {
    let refuse = |value: &str, what: &str| {
        let message = format!("The value '{value}' is not a valid {what} address.");
        Err(ArmError::bad_request("BadRequest", message))
    };
    for record in tree::items(&write.model, "properties.aRecords") {
        let value = tree::text(record, "ipv4Address").unwrap_or_default();
        if value.parse::<Ipv4Addr>().is_err() {
            return refuse(value, "IPv4");
        }
    }
    for record in tree::items(&write.model, "properties.aaaaRecords") {
        let value = tree::text(record, "ipv6Address").unwrap_or_default();
        if value.parse::<Ipv6Addr>().is_err() {
            return refuse(value, "IPv6");
        }
    }
    Ok(())
}

/// An alias has its name for itself (RFC 1034, 3.6.2), and the zone's own name cannot be one.
fn check_alone(context: &Context<'_>, write: &Write) -> Result<(), ArmError> {
    let Some(zone) = write.id.parent() else {
        return Ok(());
    };
    let is_alias = |id: &ResourceId| id.key().contains("/cname/");
    let mut others = of_zone(context.store, &zone)
        .filter(|held| held.id != write.id && held.id.name().eq_ignore_ascii_case(write.id.name()));
    let clash = others.any(|held| is_alias(&held.id) || is_alias(&write.id));
    if clash || (is_alias(&write.id) && write.id.name() == "@") {
        return Err(ArmError::bad_request(
            "BadRequest",
            format!(
                "The record '{}' could not be created: a CNAME record cannot have the name of another \
                 record or of the zone.",
                write.id.name()
            ),
        ));
    }
    Ok(())
}

/// Every record set of a zone, by id.
pub(super) fn of_zone<'a>(
    store: &'a Store,
    zone: &'a ResourceId,
) -> impl Iterator<Item = &'a Resource> + 'a {
    store
        .within(zone)
        .filter(|held| kind_of(&held.id).is_some())
}

/// A record set as it is answered.
pub(super) fn document(held: &Resource) -> Value {
    let Some(kind) = kind_of(&held.id) else {
        return Value::Null;
    };
    let stamp = Stamp {
        resource_type: kind.resource_type,
        etag: Some(held.etag.as_str()),
        state: None,
        guid: None,
    };
    decorate(kind.schema, &held.id, &held.model, stamp)
}

fn kind_of(id: &ResourceId) -> Option<&'static Kind> {
    let found = id.resource_type()?;
    KINDS.iter().find(|kind| found.is(kind.resource_type))
}
