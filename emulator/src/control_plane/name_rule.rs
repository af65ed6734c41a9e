//! What resources may be called (azure-facts.md §4.16).

use turquoise_arm::ArmError;

/// A name rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameRule {
    /// Letters, digits, `_`, `.`, `-`; begins with a letter or digit, ends with one or `_`.
    Network {
        /// The least length.
        least: usize,
        /// The greatest length.
        most: usize,
    },
    /// Anything up to a length but `\ / " [ ] : | < > + = ; , ? * @ &`; no `_` first, no `.` or
    /// `-` last.
    Compute {
        /// The greatest length.
        most: usize,
    },
    /// Letters, digits, `_ ( ) - .`; no `.` last; up to 90 characters.
    Group,
    /// Anything but `/`, up to 260 characters.
    Free,
}

impl NameRule {
    /// Whether a name follows the rule.
    pub(crate) fn allows(self, name: &str) -> bool {
        let length = name.chars().count();
        let first = name.chars().next().unwrap_or(' ');
        let last = name.chars().next_back().unwrap_or(' ');
        match self {
            Self::Network { least, most } => {
                (least..=most).contains(&length)
                    && name
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
                    && first.is_ascii_alphanumeric()
                    && (last.is_ascii_alphanumeric() || last == '_')
            }
            Self::Compute { most } => {
                (1..=most).contains(&length)
                    && !name.contains(|c: char| "\\/\"[]:|<>+=;,?*@&".contains(c))
                    && first != '_'
                    && !matches!(last, '.' | '-')
            }
            Self::Group => {
                (1..=90).contains(&length)
                    && name
                        .chars()
                        .all(|c| c.is_alphanumeric() || "_()-.".contains(c))
                    && last != '.'
            }
            Self::Free => (1..=260).contains(&length),
        }
    }

    /// Refuses a name that breaks the rule.
    ///
    /// # Errors
    /// 400 `InvalidResourceName`.
    pub(crate) fn check(self, name: &str) -> Result<(), ArmError> {
        if self.allows(name) {
            return Ok(());
        }
        let most = match self {
            Self::Network { most, .. } | Self::Compute { most } => most,
            Self::Group => 90,
            Self::Free => 260,
        };
        Err(ArmError::bad_request(
            "InvalidResourceName",
            format!(
                "Resource name {name} is invalid. The name can be up to {most} characters long. \
                 It must begin with a word character, and it must end with a word character or \
                 with '_'. The name may contain word characters or '.', '-', '_'."
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_their_types_rules() {
        let network = NameRule::Network { least: 2, most: 64 };
        let compute = NameRule::Compute { most: 64 };
        for (rule, name, allowed) in [
            (network, "bgvnet", true),
            (network, "v", false),
            (network, "vnet_", true),
            (network, "vnet-", false),
            (network, "-vnet", false),
            (network, "v net", false),
            (compute, "green vmss", true),
            (compute, "_green", false),
            (compute, "green-", false),
            (compute, "gr/een", false),
            (NameRule::Group, "Green-P-RG(1)", true),
            (NameRule::Group, "Green.", false),
            (NameRule::Free, "anything at all", true),
        ] {
            assert_eq!(rule.allows(name), allowed, "{name}");
        }
    }
}
