//! `osProfile`: the system of a machine, of one that stands alone as of one in a scale set
//! (specification `compute.json`).

use crate::control_plane::schema::{Literal, Member, Shape, any, flag, list, text};

/// Its members; `name` is what the computer is called, or what the names of many begin with.
pub(super) const fn os_profile(name: Member) -> [Member; 9] {
    [
        name,
        text("adminUsername"),
        text("adminPassword").secret(),
        text("customData").secret(),
        any("linuxConfiguration"),
        any("windowsConfiguration"),
        list("secrets", &Shape::Any).or(Literal::EmptyList),
        flag("allowExtensionOperations", true),
        flag("requireGuestProvisionSignal", true),
    ]
}
