//! Private DNS: zones, their links to networks, their records (documentation "Private DNS zones").
//!
//! Kept, checked and answered; nobody is told a name. One file per type.

pub(super) mod link;
pub(super) mod records;
pub(super) mod zone;
