//! `--mix`: kinds of requests by weight, in words.

use turquoise_emulator::ledger::{ConnectionClass, RequestClass};

/// What a word stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) class: RequestClass,
    pub(super) connection: ConnectionClass,
}

/// Kinds with their weights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mix(pub(super) Vec<(Kind, u32)>);

const fn kind(class: RequestClass, connection: ConnectionClass) -> Kind {
    Kind { class, connection }
}

const KINDS: [(&str, Kind); 9] = [
    ("kept", kind(RequestClass::Short, ConnectionClass::Reused)),
    ("new", kind(RequestClass::Short, ConnectionClass::New)),
    (
        "http2",
        kind(RequestClass::Short, ConnectionClass::Multiplexed),
    ),
    ("write", kind(RequestClass::Write, ConnectionClass::Reused)),
    ("long", kind(RequestClass::Long, ConnectionClass::New)),
    (
        "upload",
        kind(RequestClass::Upload, ConnectionClass::Reused),
    ),
    (
        "download",
        kind(RequestClass::Download, ConnectionClass::Reused),
    ),
    (
        "session",
        kind(RequestClass::Session, ConnectionClass::Reused),
    ),
    ("page", kind(RequestClass::Page, ConnectionClass::Reused)),
];

/// Reads `kept=60,new=40`.
pub(super) fn parse(text: &str) -> Result<Mix, String> {
    let shares: Result<Vec<_>, _> = text.split(',').map(share).collect();
    let shares = shares?;
    if shares.iter().all(|(_, weight)| *weight == 0) {
        return Err("at least one weight must be above 0".to_owned());
    }
    Ok(Mix(shares))
}

fn share(text: &str) -> Result<(Kind, u32), String> {
    let (word, weight) = text.split_once('=').unwrap_or((text, "1"));
    let known = KINDS.iter().find(|(name, _)| *name == word.trim());
    let Some((_, kind)) = known else {
        let names: Vec<_> = KINDS.iter().map(|(name, _)| *name).collect();
        return Err(format!("`{word}` is none of {}", names.join(", ")));
    };
    match weight.trim().parse() {
        Ok(weight) => Ok((*kind, weight)),
        Err(_) => Err(format!("`{weight}` is no weight: write a whole number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_weights_are_read() {
        let mix = parse("kept=60, http2=2,long").expect("it is a mix");
        let read: Vec<_> = mix
            .0
            .iter()
            .map(|(kind, n)| (kind.connection, *n))
            .collect();
        let expected = [
            (ConnectionClass::Reused, 60),
            (ConnectionClass::Multiplexed, 2),
            (ConnectionClass::New, 1),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_no_mix_says_what_would_be() {
        for (text, said) in [
            ("fast=1", "`fast` is none of kept, new"),
            ("kept=many", "`many` is no weight"),
            ("kept=0", "above 0"),
        ] {
            let error = parse(text).expect_err("it is no mix");
            assert!(error.contains(said), "{error}");
        }
    }
}
