//! Names of builds by their number in the ledgers.

use crate::ledger::Build;

/// Build names, numbered in the order they were first seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Builds {
    names: Vec<String>,
}

impl Builds {
    /// The name of a build.
    #[must_use]
    pub fn name(&self, build: Build) -> Option<&str> {
        self.names.get(usize::from(build)).map(String::as_str)
    }

    /// The number of a build already seen.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<Build> {
        let index = self.names.iter().position(|known| known == name)?;
        Build::try_from(index).ok()
    }

    /// The number of a build, given now if it is new.
    ///
    /// # Panics
    ///
    /// After 65,536 different builds: a run has a handful.
    pub fn intern(&mut self, name: &str) -> Build {
        self.number(name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            Build::try_from(self.names.len() - 1).expect("because a run has a handful of builds")
        })
    }

    /// Every build with its number.
    pub fn iter(&self) -> impl Iterator<Item = (Build, &str)> {
        (0..).zip(self.names.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number() {
        let mut builds = Builds::default();
        assert_eq!((builds.intern("v1"), builds.intern("v2")), (0, 1));
        assert_eq!(builds.intern("v1"), 0);
        assert_eq!(builds.name(1), Some("v2"));
        assert_eq!(builds.number("v3"), None);
    }
}
