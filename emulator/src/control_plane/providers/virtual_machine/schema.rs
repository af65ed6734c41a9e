//! What a machine's document looks like (specification `compute.json`).

use super::super::os_profile::os_profile;
use crate::control_plane::schema::{
    Literal, Member, Schema, Shape, any, integer, list, member, object, open_choice, reference,
    text,
};

/// The document.
pub(super) const SCHEMA: Schema = Schema {
    envelope: &[any("plan"), any("identity"), any("extendedLocation")],
    properties: &[
        object(
            "hardwareProfile",
            &[text("vmSize"), any("vmSizeProperties")],
        ),
        object("storageProfile", STORAGE),
        any("additionalCapabilities"),
        object("osProfile", SYSTEM),
        object(
            "networkProfile",
            &[
                list("networkInterfaces", &Shape::Object(INTERFACE)),
                text("networkApiVersion"),
                any("networkInterfaceConfigurations"),
            ],
        ),
        any("securityProfile"),
        any("diagnosticsProfile"),
        reference("availabilitySet"),
        reference("virtualMachineScaleSet"),
        reference("proximityPlacementGroup"),
        reference("host"),
        reference("hostGroup"),
        open_choice("priority", &["Regular", "Low", "Spot"]),
        open_choice("evictionPolicy", &["Deallocate", "Delete"]),
        any("billingProfile"),
        text("licenseType"),
        text("extensionsTimeBudget"),
        integer("platformFaultDomain", 0, 5),
        text("userData").secret(),
        text("vmId").read_only(),
        any("instanceView").read_only(),
        text("timeCreated").read_only(),
    ],
};

const STORAGE: &[Member] = &[
    any("imageReference"),
    object("osDisk", DISK),
    list("dataDisks", &Shape::Object(DATA_DISK)).or(Literal::EmptyList),
    any("diskControllerType"),
];

const DISK: &[Member] = &[
    text("name"),
    open_choice("osType", &["Linux", "Windows"]),
    open_choice("createOption", &["FromImage", "Attach", "Empty"]).required(),
    open_choice("caching", &["None", "ReadOnly", "ReadWrite"]),
    integer("diskSizeGB", 1, 4_095),
    open_choice("deleteOption", &["Delete", "Detach"]),
    any("managedDisk"),
];

const DATA_DISK: &[Member] = &[
    integer("lun", 0, 63).required(),
    text("name"),
    open_choice("createOption", &["FromImage", "Attach", "Empty"]).required(),
    open_choice("caching", &["None", "ReadOnly", "ReadWrite"]),
    integer("diskSizeGB", 1, 65_536),
    open_choice("deleteOption", &["Delete", "Detach"]),
    any("managedDisk"),
];

const SYSTEM: &[Member] = &os_profile(text("computerName"));

const INTERFACE: &[Member] = &[
    text("id").required(),
    object(
        "properties",
        &[
            member("primary", Shape::Boolean),
            open_choice("deleteOption", &["Delete", "Detach"]),
        ],
    ),
];
