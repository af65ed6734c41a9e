//! Which build this is, as `build.rs` found out.

use turquoise_scenarios::campaign::Build;

/// This build.
pub(crate) fn build() -> Build {
    let commit = env!("TURQUOISE_BUILD_COMMIT");
    Build {
        source: env!("TURQUOISE_BUILD_SOURCE").to_owned(),
        commit: (!commit.is_empty()).then(|| commit.to_owned()),
        rustc: env!("TURQUOISE_BUILD_RUSTC").to_owned(),
        profile: env!("TURQUOISE_BUILD_PROFILE").to_owned(),
        target: env!("TURQUOISE_BUILD_TARGET").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_knows_its_sources_and_its_compiler() {
        let build = build();
        assert_eq!(build.source.len(), 16, "{build:?}");
        assert!(build.source.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(build.rustc.starts_with("rustc 1."), "{build:?}");
        assert!(!build.target.is_empty() && !build.profile.is_empty());
        assert!(build.agrees_with(&super::build()));
    }
}
