//! Images of the marketplace, as `az vmss create --image` reads them before it writes a template
//! (client-contract.md §7.5): `…/locations/{l}/publishers/{p}/artifacttypes/vmimage/offers/{o}/skus/{k}/versions[/{v}]`.
//!
//! Every publisher, offer and SKU has one image, because what instances boot is decided by the
//! emulator's configuration and not by a catalogue: names are taken on trust, as in a scale set's
//! own `imageReference`.

use http::Method;
use serde_json::{Value, json};
use turquoise_arm::ArmError;

use super::answer::Answer;
use super::{ControlPlane, Turn, locations, method_not_allowed};

/// The one version that every image has; `latest` means it.
const VERSION: &str = "1.0.0";

/// An image by its four names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageNames {
    /// The location as sent.
    pub(crate) location: String,
    /// Publisher, offer and SKU.
    pub(crate) names: [String; 3],
    /// `None` for the list of versions.
    pub(crate) version: Option<String>,
}

impl ImageNames {
    /// Reads what follows `Microsoft.Compute`.
    pub(crate) fn read(words: &[&str]) -> Option<Self> {
        let (words, version) = match words {
            [head @ .., version] if words.len() == 12 => (head, Some((*version).to_owned())),
            _ => (words, None),
        };
        let fixed = [
            (0, "locations"),
            (2, "publishers"),
            (4, "artifacttypes"),
            (5, "vmimage"),
            (6, "offers"),
            (8, "skus"),
            (10, "versions"),
        ];
        let is_one = words.len() == 11
            && fixed
                .iter()
                .all(|(at, word)| words[*at].eq_ignore_ascii_case(word));
        is_one.then(|| Self {
            location: words[1].to_owned(),
            names: [3, 7, 9].map(|at| words[at].to_owned()),
            version,
        })
    }
}

impl ControlPlane {
    /// A version of a marketplace image, or the list of them: a bare array.
    pub(super) fn on_marketplace_image(
        &self,
        turn: Turn<'_>,
        image: &ImageNames,
    ) -> Result<Answer, ArmError> {
        if *turn.request.method != Method::GET {
            return Err(method_not_allowed(turn.request));
        }
        let location = locations::short_name(&image.location, "locations")?;
        let [publisher, offer, sku] = &image.names;
        let id = |version: &str| {
            format!(
                "/Subscriptions/{}/Providers/Microsoft.Compute/Locations/{location}/Publishers/\
                 {publisher}/ArtifactTypes/VMImage/Offers/{offer}/Skus/{sku}/Versions/{version}",
                self.config.subscription
            )
        };
        Ok(match &image.version {
            None => Answer::ok(&json!([
                {"location": location, "name": VERSION, "id": id(VERSION)}
            ])),
            Some(version) => Answer::ok(&document(image, &location, version, &id(version))),
        })
    }
}

fn document(image: &ImageNames, location: &str, version: &str, id: &str) -> Value {
    let names = image.names.join(" ").to_ascii_lowercase();
    let system = if names.contains("windows") {
        "Windows"
    } else {
        "Linux"
    };
    let generation = if names.contains("gen1") { "V1" } else { "V2" };
    let architecture = if names.contains("arm64") {
        "Arm64"
    } else {
        "x64"
    };
    json!({
        "location": location,
        "name": version,
        "id": id,
        "properties": {
            "hyperVGeneration": generation,
            "architecture": architecture,
            "osDiskImage": {"operatingSystem": system, "sizeInGb": 30},
            "dataDiskImages": [],
            "automaticOSUpgradeProperties": {"automaticOSUpgradeSupported": false},
            "features": [],
            "disallowed": {"vmDiskType": "None"},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_in_any_case_and_whole() {
        let path = "Locations/westeurope/publishers/Canonical/artifacttypes/vmimage/offers/jammy/skus/gen2/versions";
        let words: Vec<&str> = path.split('/').collect();
        let list = ImageNames::read(&words).expect("a list");
        assert_eq!(list.names, ["Canonical", "jammy", "gen2"]);
        assert_eq!(list.version, None);
        let one = [&words[..], &["latest"]].concat();
        let version = ImageNames::read(&one).expect("an image").version;
        assert_eq!(version.as_deref(), Some("latest"));
        for wrong in [&words[..10], &words[1..], &[&one[..], &["more"]].concat()] {
            assert_eq!(ImageNames::read(wrong), None, "{wrong:?}");
        }
    }
}
