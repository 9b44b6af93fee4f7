//! Whose word on who asks is believed: a proxy of one's own in front of the door writes the visitor's address into
//! `X-Forwarded-For`; anybody else could write anything there.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use leadflow_platform::webhook::{Network, NetworkError};

/// Where proxies of one's own stand: loopback, private and link-local networks.
const USUAL: [&str; 8] = [
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
];

/// The proxies that are believed, as addresses and networks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Proxies(Vec<Network>);

impl Default for Proxies {
    fn default() -> Self {
        let usual: Result<_, NetworkError> = USUAL.iter().map(|text| text.parse()).collect();
        Self(usual.expect("the list above is one of networks"))
    }
}

impl Proxies {
    /// Who asks: the peer, or whom the nearest proxies say that they ask for, as far as they are believed.
    pub(super) fn visitor(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
        let mut visitor = peer.to_canonical();
        // Each proxy writes its peer at the end.
        for named in lines.iter().flat_map(|line| line.split(',')).rev() {
            if !self.believes(visitor) {
                break;
            }
            let Some(named) = address(named.trim()) else { break };
            visitor = named;
        }
        visitor
    }

    fn believes(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// With or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().map(|address| address.ip()).ok();
    let bare = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    bare.or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(texts: &[&str]) -> Proxies {
        Proxies(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn only_a_proxy_of_ones_own_says_who_asks() {
        let balancer = proxies(&["203.0.113.0/24", "2001:db8::7"]);
        for (own, peer, forwarded, expected) in [
            // From the internet: whatever he writes.
            (Proxies::default(), "198.51.100.9", &["192.0.2.1"][..], "198.51.100.9"),
            (Proxies::default(), "198.51.100.9", &["10.0.0.1, 192.0.2.1"], "198.51.100.9"),
            (Proxies::default(), "10.1.2.3", &["192.0.2.1"], "192.0.2.1"),
            (Proxies::default(), "::ffff:10.1.2.3", &["192.0.2.1"], "192.0.2.1"),
            (Proxies::default(), "10.1.2.3", &[], "10.1.2.3"),
            // What he wrote himself stands before what the proxy has added, in one line or in two.
            (Proxies::default(), "10.1.2.3", &["192.0.2.66, 192.0.2.1"], "192.0.2.1"),
            (Proxies::default(), "10.1.2.3", &["192.0.2.66", "192.0.2.1"], "192.0.2.1"),
            (Proxies::default(), "10.1.2.3", &["192.0.2.66, 192.0.2.1, 172.20.0.5"], "192.0.2.1"),
            (Proxies::default(), "10.1.2.3", &["192.0.2.1, unknown, 172.20.0.5"], "172.20.0.5"),
            (Proxies::default(), "fd00::1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            (Proxies::default(), "10.1.2.3", &["192.0.2.1:4711"], "192.0.2.1"),
            (balancer.clone(), "203.0.113.200", &["192.0.2.1"], "192.0.2.1"),
            (balancer.clone(), "2001:db8::7", &["192.0.2.1"], "192.0.2.1"),
            (balancer.clone(), "2001:db8::8", &["192.0.2.1"], "2001:db8::8"),
            (balancer, "10.1.2.3", &["192.0.2.1"], "10.1.2.3"),
            (proxies(&[]), "127.0.0.1", &["192.0.2.1"], "127.0.0.1"),
            (proxies(&["0.0.0.0/0"]), "198.51.100.9", &["192.0.2.1"], "192.0.2.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            let visitor = own.visitor(peer.parse().unwrap(), &headers);
            assert_eq!(visitor, expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }
}
