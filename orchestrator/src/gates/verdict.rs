//! The three answers of a gate.

/// What evidence says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is proven; one line per proof.
    Pass(Vec<String>),
    /// It is disproven.
    Fail(String),
    /// Neither; one line per missing proof.
    Unknown(Vec<String>),
}

impl Verdict {
    /// Passes with one proof.
    pub(crate) fn pass(proof: impl Into<String>) -> Self {
        Self::Pass(vec![proof.into()])
    }

    /// One proof is missing.
    pub(crate) fn unknown(missing: impl Into<String>) -> Self {
        Self::Unknown(vec![missing.into()])
    }

    #[cfg(test)]
    pub(crate) fn is_pass(&self) -> bool {
        matches!(self, Self::Pass(_))
    }

    /// Both must pass; a failure of one is a failure, and missing proofs add up.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fail(why), _) | (_, Self::Fail(why)) => Self::Fail(why),
            (Self::Unknown(mut missing), Self::Unknown(more)) => {
                missing.extend(more);
                Self::Unknown(missing)
            }
            (Self::Unknown(missing), Self::Pass(_)) | (Self::Pass(_), Self::Unknown(missing)) => {
                Self::Unknown(missing)
            }
            (Self::Pass(mut proofs), Self::Pass(more)) => {
                proofs.extend(more);
                Self::Pass(proofs)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_passes_pass() {
        let pass = || Verdict::pass("p");
        let unknown = || Verdict::unknown("u");
        let fail = || Verdict::Fail("f".to_owned());
        let both = |texts: [&str; 2]| texts.map(str::to_owned).to_vec();
        for (left, right, together) in [
            (pass(), pass(), Verdict::Pass(both(["p", "p"]))),
            (pass(), unknown(), unknown()),
            (unknown(), pass(), unknown()),
            (unknown(), unknown(), Verdict::Unknown(both(["u", "u"]))),
            (fail(), pass(), fail()),
            (unknown(), fail(), fail()),
        ] {
            assert_eq!(left.and(right), together);
        }
    }
}
