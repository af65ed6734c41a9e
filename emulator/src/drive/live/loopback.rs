//! Loopback addresses that look like the cloud's.
//!
//! On Linux all of 127.0.0.0/8 is this machine, so each of the cloud's addresses can have one of its
//! own: `10.0.0.5` listens on `127.0.0.5`, with its own port where this user may take it.

use std::net::{Ipv4Addr, SocketAddr};

use super::listener::ANY_PORT;

/// Added to a port that this user may not take, or that is taken.
const INSTEAD: u16 = 8_000;

/// Where the socket of `address` and `port` may listen, the best first. Any free port of
/// `127.0.0.1` is the last, and without `own` the only one.
pub(crate) fn candidates(own: bool, address: Ipv4Addr, port: u16) -> Vec<SocketAddr> {
    let mut candidates = Vec::new();
    if let Some(loopback) = stand_in(address).filter(|_| own && cfg!(target_os = "linux")) {
        let ports = [Some(port), port.checked_add(INSTEAD)];
        let ports = ports.into_iter().flatten().filter(|port| *port != 0);
        candidates.extend(ports.map(|port| SocketAddr::from((loopback, port))));
    }
    candidates.push(ANY_PORT);
    candidates
}

/// The loopback address that stands for one of the cloud's. Private addresses keep their last three
/// numbers; public ones go to 127.200 and above, which no subnet of 10.0.0.0/8 below 10.200 meets.
/// `None` for the one that would be 127.0.0.1, which everybody uses.
fn stand_in(address: Ipv4Addr) -> Option<Ipv4Addr> {
    let [first, second, third, fourth] = address.octets();
    let second = if address.is_private() {
        second
    } else {
        200 + (first ^ second) % 55
    };
    let loopback = Ipv4Addr::new(127, second, third, fourth);
    (loopback != Ipv4Addr::LOCALHOST).then_some(loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(own: bool, address: [u8; 4], port: u16, expected: &[&str]) {
        let listens = candidates(own, Ipv4Addr::from(address), port);
        let listens: Vec<_> = listens.iter().map(ToString::to_string).collect();
        assert_eq!(listens, expected, "{address:?}:{port}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn every_address_has_a_loopback_address_of_its_own() {
        for (address, port, expected) in [
            (
                [10, 0, 0, 5],
                80,
                &["127.0.0.5:80", "127.0.0.5:8080", "127.0.0.1:0"][..],
            ),
            ([10, 0, 1, 4], 65_000, &["127.0.1.4:65000", "127.0.0.1:0"]),
            (
                [20, 0, 0, 4],
                443,
                &["127.220.0.4:443", "127.220.0.4:8443", "127.0.0.1:0"],
            ),
            ([10, 0, 0, 1], 80, &["127.0.0.1:0"]),
        ] {
            check(true, address, port, expected);
        }
    }

    #[test]
    fn without_them_any_port_is_as_good() {
        check(false, [10, 0, 0, 5], 80, &["127.0.0.1:0"]);
    }
}
