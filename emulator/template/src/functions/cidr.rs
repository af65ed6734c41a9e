//! Address ranges.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::arguments::Arguments;
use crate::fault::Fault;
use crate::limits::Budget;

pub(super) fn call(
    key: &str,
    arguments: &Arguments<'_>,
    _: &Budget,
) -> Option<Result<Value, Fault>> {
    Some(match key {
        "parsecidr" => parse(arguments),
        "cidrsubnet" => subnet(arguments),
        "cidrhost" => host(arguments),
        _ => return None,
    })
}

fn network(arguments: &Arguments<'_>) -> Result<IpNet, Fault> {
    let text = arguments.text(0)?;
    text.parse::<IpNet>()
        .map_err(|_| arguments.refuse(format!("'{text}' is no range of addresses")))
}

/// An address as a number.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

/// The address of a number, of the same family as `like`.
fn address(number: u128, like: IpNet) -> Option<IpAddr> {
    Some(match like {
        IpNet::V4(_) => IpAddr::V4(u32::try_from(number).ok()?.into()),
        IpNet::V6(_) => IpAddr::V6(number.into()),
    })
}

/// IPv4 keeps the network's and the broadcast address; ranges of one or two keep none.
fn usable(net: IpNet) -> (u128, u128) {
    let (first, last) = (number(net.network()), number(net.broadcast()));
    match net {
        IpNet::V4(_) if net.prefix_len() < 31 => (first + 1, last - 1),
        _ => (first, last),
    }
}

fn parse(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(1)?;
    let net = network(arguments)?;
    let (first, last) = usable(net);
    let shown = |number| address(number, net).map(|a| a.to_string());
    let mut answer = json!({
        "network": net.network().to_string(),
        "netmask": net.netmask().to_string(),
    });
    if matches!(net, IpNet::V4(_)) {
        answer["broadcast"] = net.broadcast().to_string().into();
    }
    answer["firstUsable"] = shown(first).into();
    answer["lastUsable"] = shown(last).into();
    answer["cidr"] = net.prefix_len().into();
    Ok(answer)
}

fn subnet(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(3)?;
    let net = network(arguments)?;
    let (length, index) = (arguments.size(1)?, arguments.size(2)?);
    let refuse = || {
        arguments.refuse(format!(
            "the range has no subnet {index} of length {length}"
        ))
    };
    let length = u8::try_from(length).map_err(|_| refuse())?;
    let inside = (net.prefix_len()..=net.max_prefix_len()).contains(&length);
    if !inside {
        return Err(refuse());
    }
    let size = 1_u128.checked_shl(u32::from(net.max_prefix_len() - length));
    let start = size
        .and_then(|size| size.checked_mul(index as u128))
        .and_then(|offset| number(net.network()).checked_add(offset))
        .filter(|start| *start <= number(net.broadcast()))
        .and_then(|start| address(start, net))
        .ok_or_else(refuse)?;
    Ok(format!("{start}/{length}").into())
}

fn host(arguments: &Arguments<'_>) -> Result<Value, Fault> {
    arguments.exactly(2)?;
    let net = network(arguments)?;
    let index = arguments.size(1)?;
    let (first, last) = usable(net);
    // IPv6 hosts are counted from the address after the network's, like those of IPv4.
    let first = if first == number(net.network()) && first < last {
        first + 1
    } else {
        first
    };
    first
        .checked_add(index as u128)
        .filter(|number| *number <= last)
        .and_then(|number| address(number, net))
        .map(|address| address.to_string().into())
        .ok_or_else(|| arguments.refuse(format!("the range has no host {index}")))
}

#[cfg(test)]
mod tests {
    use crate::functions::tests::{check, check_refused};

    #[test]
    fn ranges_answer_as_the_reference_shows() {
        check(&[
            (
                "parseCidr('10.144.0.0/20')",
                r#"{"network":"10.144.0.0","netmask":"255.255.240.0","broadcast":"10.144.15.255","firstUsable":"10.144.0.1","lastUsable":"10.144.15.254","cidr":20}"#,
            ),
            (
                "parseCidr('fdad:3236:5555::/48')",
                r#"{"network":"fdad:3236:5555::","netmask":"ffff:ffff:ffff::","firstUsable":"fdad:3236:5555::","lastUsable":"fdad:3236:5555:ffff:ffff:ffff:ffff:ffff","cidr":48}"#,
            ),
            (
                "map(range(0, 5), lambda('i', cidrSubnet('10.144.0.0/20', 24, lambdaVariables('i'))))",
                r#"["10.144.0.0/24","10.144.1.0/24","10.144.2.0/24","10.144.3.0/24","10.144.4.0/24"]"#,
            ),
            (
                "cidrSubnet('fdad:3236:5555::/48', 52, 1)",
                r#""fdad:3236:5555:1000::/52""#,
            ),
            (
                "map(range(0, 5), lambda('i', cidrHost('10.144.3.0/24', lambdaVariables('i'))))",
                r#"["10.144.3.1","10.144.3.2","10.144.3.3","10.144.3.4","10.144.3.5"]"#,
            ),
            (
                "cidrHost('fdad:3236:5555:3000::/52', 0)",
                r#""fdad:3236:5555:3000::1""#,
            ),
        ]);
        check_refused(&[
            (
                "cidrSubnet('10.0.0.0/24', 25, 2)",
                "Unable to evaluate template language function 'cidrSubnet': the range has no subnet 2 of length 25.",
            ),
            (
                "cidrHost('10.0.0.0/30', 2)",
                "Unable to evaluate template language function 'cidrHost': the range has no host 2.",
            ),
            (
                "parseCidr('10.0.0/30')",
                "Unable to evaluate template language function 'parseCidr': '10.0.0/30' is no range of addresses.",
            ),
        ]);
    }
}
