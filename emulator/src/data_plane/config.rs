//! How to begin a data plane: which image runs which application, and the knobs.

use std::collections::BTreeMap;

use super::application::Application;
use super::knobs::Knobs;

/// Applications, knobs and who sends the probes.
#[derive(Clone, Debug, Default)]
pub struct DataPlaneConfig {
    /// What each image runs, by the last segment of the image's id in lower case; see
    /// [`DataPlaneConfig::insert`].
    pub applications: BTreeMap<String, Application>,
    /// What every other image runs; its build is then named after the image.
    pub default_application: Application,
    /// Behaviour the evidence leaves open.
    pub knobs: Knobs,
    /// Who sends the probes.
    pub probes: ProbeMode,
}

/// Who sends the probes of gateways, load balancers and health extensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProbeMode {
    /// The data plane asks its own models.
    #[default]
    Modelled,
    /// The drive sends them, when [`DataPlane::take_due_probes`](super::DataPlane::take_due_probes)
    /// says so, and reports each outcome.
    External,
}

impl DataPlaneConfig {
    /// Has an image, by its name or id, run an application.
    pub fn insert(&mut self, image: &str, application: Application) {
        self.applications.insert(image_key(image), application);
    }

    /// The application an image runs, with the build's name filled in.
    #[must_use]
    pub fn application(&self, image: &str) -> Application {
        let key = image_key(image);
        let mut application = self
            .applications
            .get(&key)
            .unwrap_or(&self.default_application)
            .clone();
        if application.build.is_empty() {
            application.build = key;
        }
        application
    }
}

/// The last segment of an image's id, in lower case: image names compare without case.
pub(super) fn image_key(image: &str) -> String {
    image
        .rsplit('/')
        .next()
        .unwrap_or(image)
        .to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_by_its_last_segment_without_case() {
        let mut config = DataPlaneConfig::default();
        config.insert(
            "App-V1",
            Application {
                build: "v1".to_owned(),
                ..Application::default()
            },
        );
        let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/app-v1";
        assert_eq!(config.application(id).build, "v1");
        assert_eq!(config.application("APP-V1").build, "v1");
    }

    #[test]
    fn an_unknown_image_runs_the_default_under_its_own_name() {
        let config = DataPlaneConfig::default();
        assert_eq!(config.application("/images/Other").build, "other");
    }
}
