//! `uniqueString` and `guid`: the same answer for the same arguments, here as on Azure.

use serde_json::Value;
use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

use super::arguments::Arguments;
use super::convert::shown;
use crate::fault::Fault;
use crate::limits::Budget;

/// The namespace of ARM's `guid`, as documented for the function.
const NAMESPACE: Uuid = Uuid::from_u128(0x11fb_06fb_712d_4ddd_98c7_e71b_bd58_8830);

pub(super) fn call(
    key: &str,
    arguments: &Arguments<'_>,
    budget: &Budget,
) -> Option<Result<Value, Fault>> {
    Some(match key {
        "uniquestring" => joined(arguments, budget).map(|text| unique(text.as_bytes()).into()),
        "guid" => joined(arguments, budget).map(|text| named_guid(&text).into()),
        _ => return None,
    })
}

/// Both functions hash their arguments with hyphens between them.
fn joined(arguments: &Arguments<'_>, budget: &Budget) -> Result<String, Fault> {
    arguments.between(1, usize::MAX)?;
    for index in 0..arguments.count() {
        arguments.text(index)?;
    }
    let texts: Vec<String> = arguments.all().iter().map(shown).collect();
    let joined = texts.join("-");
    budget.text(joined.len())?;
    Ok(joined)
}

/// A version 5 UUID in ARM's namespace.
pub(crate) fn named_guid(text: &str) -> String {
    let hash = Sha1::new()
        .chain_update(NAMESPACE.as_bytes())
        .chain_update(text)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Builder::from_sha1_bytes(bytes).into_uuid().to_string()
}

/// Thirteen characters of base 32: the 64 bits of the hash, five at a time from the top.
fn unique(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let hash = murmur64(bytes);
    let digit = |index: u32| {
        let bits = (hash << (5 * index)) >> 59;
        char::from(ALPHABET[usize::try_from(bits).unwrap_or(0)])
    };
    (0..13).map(digit).collect()
}

const C1: u32 = 0x239b_961b;
const C2: u32 = 0xab0e_9789;

/// The 64-bit relative of Murmur3's 32-bit lanes that Azure's template engine uses: two lanes of
/// little-endian words, the constants of Murmur3's x86 128-bit variant, seed zero.
pub(crate) fn murmur64(bytes: &[u8]) -> u64 {
    let (mut h1, mut h2) = (0_u32, 0_u32);
    let blocks = bytes.chunks_exact(8);
    let tail = blocks.remainder();
    for block in blocks {
        h1 = (h1 ^ mix1(word(&block[..4])))
            .rotate_left(19)
            .wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x561c_cd1b);
        h2 = (h2 ^ mix2(word(&block[4..])))
            .rotate_left(13)
            .wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x0bca_a747);
    }
    let (low, high) = tail.split_at(tail.len().min(4));
    h1 ^= mix1(word(low));
    h2 ^= mix2(word(high));
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    h1 ^= length;
    h2 ^= length;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = finish(h1);
    h2 = finish(h2);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    (u64::from(h2) << 32) | u64::from(h1)
}

/// Up to four bytes, the first one lowest.
fn word(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .rev()
        .fold(0, |word, byte| (word << 8) | u32::from(*byte))
}

fn mix1(word: u32) -> u32 {
    word.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2)
}

fn mix2(word: u32) -> u32 {
    word.wrapping_mul(C2).rotate_left(17).wrapping_mul(C1)
}

fn finish(mut hash: u32) -> u32 {
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::tests::{check, check_refused};

    /// The pair is from a public test that asks Microsoft's own expression library.
    #[test]
    fn unique_strings_are_those_of_azure() {
        let id = "/subscriptions/31e9f9a0-9fd2-4294-a0a3-0101246d9700/resourceGroups/rg-modm201-20230913120256/providers/Microsoft.Compute/virtualMachines/bobjacmodm201";
        assert_eq!(unique(id.as_bytes()), "yvjxno3je5on2");
    }

    /// The values are what Python's `uuid.uuid5` makes of the documented namespace.
    #[test]
    fn guids_are_version_five_and_joined_by_hyphens() {
        check(&[
            ("guid('a')", r#""3703365d-5a9f-59b4-bca7-b9681389e4c1""#),
            (
                "guid('a', 'b')",
                r#""2d796349-8c7e-55ec-9624-54ece82ed031""#,
            ),
            (
                "equals(uniqueString('a', 'b'), uniqueString('a-b'))",
                "true",
            ),
            ("length(uniqueString('a'))", "13"),
            ("equals(uniqueString('a'), uniqueString('A'))", "false"),
        ]);
        check_refused(&[(
            "uniqueString()",
            "Unable to evaluate template language function 'uniqueString': the function takes at least 1 argument(s) and '0' were given.",
        )]);
    }
}
