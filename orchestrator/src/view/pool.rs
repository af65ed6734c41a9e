//! One backend pool of a gateway, read from and written into the raw tree.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use turquoise_arm::json as tree;

const POOLS: &str = "properties.backendAddressPools";

/// The pool's members in listed order; `None` when there is no such pool or when it lists something
/// that is no address, which no side is.
pub(crate) fn members(gateway: &Value, pool: &str) -> Option<Vec<Ipv4Addr>> {
    let pool = tree::named(gateway, POOLS, pool)?;
    tree::items(pool, "properties.backendAddresses")
        .map(|member| tree::text(member, "ipAddress")?.parse().ok())
        .collect()
}

/// The gateway with other members in that pool and every other byte as it was (S15, F69).
pub(crate) fn with_members(gateway: &Value, pool: &str, members: &[Ipv4Addr]) -> Option<Value> {
    let mut gateway = gateway.clone();
    let properties = tree::get_mut(&mut gateway, "properties")?;
    let pools = tree::get_mut(properties, "backendAddressPools")?.as_array_mut()?;
    let pool = pools
        .iter_mut()
        .find(|p| tree::text(p, "name").is_some_and(|name| name.eq_ignore_ascii_case(pool)))?;
    let addresses: Vec<Value> = members.iter().map(|m| json!({"ipAddress": m})).collect();
    let properties = tree::get_mut(pool, "properties")?;
    match tree::get_mut(properties, "backendAddresses") {
        Some(listed) => *listed = Value::Array(addresses),
        None => properties["backendAddresses"] = Value::Array(addresses),
    }
    Some(gateway)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn gateway(extra: &Value) -> Value {
        json!({
            "name": "gw", "etag": "W/\"1\"", "unknown": extra,
            "properties": {
                "futureMember": extra,
                "backendAddressPools": [
                    {"name": "other", "properties": {"backendAddresses": [{"fqdn": "x.example"}]}},
                    {"name": "Pool01", "id": "…", "properties": {
                        "more": extra, "BackendAddresses": [{"ipAddress": "10.0.0.6"}],
                    }},
                ],
            },
        })
    }

    #[test]
    fn members_are_read_in_order_and_names_in_any_case() {
        let gateway = gateway(&json!(1));
        let address = "10.0.0.6".parse().expect("the literal is an address");
        assert_eq!(members(&gateway, "pool01"), Some(vec![address]));
        assert_eq!(members(&gateway, "absent"), None);
        assert_eq!(
            members(&gateway, "other"),
            None,
            "a name is no side's address"
        );
    }

    proptest! {
        #[test]
        fn an_edit_touches_nothing_but_the_addresses(
            text in ".*", number: i64, octet: u8,
        ) {
            let before = gateway(&json!({"a": [text, number], "b": null}));
            let old = members(&before, "pool01").expect("the pool lists addresses");
            let new = [Ipv4Addr::new(10, 0, 0, octet)];
            let after = with_members(&before, "pool01", &new).expect("the pool is there");
            prop_assert_eq!(members(&after, "pool01"), Some(new.to_vec()));
            prop_assert_eq!(with_members(&after, "pool01", &old), Some(before));
        }
    }
}
