//! The edges of every refused range, by a table that was written from the registries and not from the code, and a second
//! opinion on any address by the standard library.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

/// First and last address of a range, and the neighbours outside. "-": there is none, or it is refused for another reason.
const EDGES: &[(&str, &str, &str, &str, &str)] = &[
    ("RFC 1122", "0.0.0.0", "0.255.255.255", "-", "1.0.0.0"),
    ("RFC 1918", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
    ("RFC 6598", "100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"),
    ("RFC 1122", "127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"),
    ("RFC 3927", "169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"),
    ("RFC 1918", "172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"),
    ("RFC 6890", "192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"),
    ("RFC 5737", "192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"),
    ("RFC 7526", "192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0"),
    ("RFC 1918", "192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"),
    ("RFC 2544", "198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"),
    ("RFC 5737", "198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"),
    ("RFC 5737", "203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"),
    ("RFC 5771", "224.0.0.0", "239.255.255.255", "223.255.255.255", "-"),
    ("RFC 1112", "240.0.0.0", "255.255.255.254", "-", "-"),
    ("RFC 919", "255.255.255.255", "255.255.255.255", "-", "-"),
    ("Azure WireServer", "168.63.129.16", "168.63.129.16", "168.63.129.15", "168.63.129.17"),
    ("RFC 4291", "::", "::", "-", "-"),
    ("RFC 4291", "::1", "::1", "-", "-"),
    ("RFC 4291", "::2", "::ffff:ffff", "-", "-"),
    ("RFC 4291", "::ffff:0.0.0.0", "::ffff:255.255.255.255", "-", "-"),
    ("RFC 2765", "::ffff:0:0.0.0.0", "::ffff:0:255.255.255.255", "-", "-"),
    ("RFC 6052", "64:ff9b::", "64:ff9b::ffff:ffff", "-", "-"),
    ("RFC 8215", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 6666", "100::", "100::ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 9780", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 4291", "100:0:0:2::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-", "2000::"),
    ("RFC 4380", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "2000:ffff::", "-"),
    ("RFC 2928", "2001:1::", "2001:1:ffff:ffff:ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 5180", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 4843", "2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 7343", "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 9374", "2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 2928", "2001:40::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "-", "2001:200::"),
    ("RFC 3849", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7:ffff::", "2001:db9::"),
    ("RFC 3056", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:ffff::", "2003::"),
    ("RFC 3701", "3ffe::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3ffd:ffff::", "-"),
    ("RFC 9637", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "-", "3fff:1000::"),
    ("RFC 4291", "4000::", "5eff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:ffff::", "-"),
    ("RFC 9602", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 4291", "5f01::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 4193", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 4291", "fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 4291", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 3879", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-", "-"),
    ("RFC 4291", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-", "-"),
];

fn parse(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text} is an address"))
}

#[test]
fn both_ends_of_every_range_are_refused_and_their_neighbours_are_not() {
    for (source, first, last, before, after) in EDGES {
        for address in [first, last] {
            let refused = is_public(parse(address)).expect_err(address);
            assert_eq!(refused.range.source, *source, "{refused}");
        }
        for address in [before, after].into_iter().filter(|address| **address != "-") {
            assert_eq!(is_public(parse(address)), Ok(()), "{address}");
        }
    }
}

#[test]
fn no_range_is_missing_in_the_table_of_edges() {
    for range in &RANGES {
        for end in [range.network.first(), range.network.last()] {
            let named = EDGES.iter().any(|(_, first, last, ..)| {
                let block = parse(first)..=parse(last);
                block.contains(&end)
            });
            assert!(named, "{end}, an end of {range:?}, lies in no row");
        }
    }
}

#[test]
fn what_attackers_ask_for_first() {
    for (address, name) in [
        ("169.254.169.254", "cloud metadata"),
        ("169.254.170.2", "container credentials"),
        ("100.100.100.200", "cloud metadata"),
        ("192.0.0.192", "cloud metadata"),
        ("168.63.129.16", "cloud platform"),
        ("fd00:ec2::254", "cloud metadata"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("255.255.255.255", "broadcast"),
        ("10.96.0.1", "private"),
        ("::ffff:169.254.169.254", "an IPv4 address in IPv6 (mapped)"),
        ("::ffff:8.8.8.8", "an IPv4 address in IPv6 (mapped)"),
        ("::127.0.0.1", "an IPv4 address in IPv6 (compatible)"),
        ("::ffff:0:127.0.0.1", "an IPv4 address in IPv6 (translated)"),
        ("64:ff9b::169.254.169.254", "an IPv4 address in IPv6 (NAT64)"),
        ("64:ff9b:1:a9fe:a9:fe00::", "an IPv4 address in IPv6 (local NAT64)"),
        ("2002:7f00:1::", "an IPv4 address in IPv6 (6to4)"),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", "an IPv4 address in IPv6 (Teredo)"),
    ] {
        let refused = is_public(parse(address)).expect_err(address);
        assert_eq!(refused.range.name, name, "{address}");
    }
    let refused = is_public(parse("10.1.2.3")).expect_err("private");
    assert_eq!(refused.to_string(), "10.1.2.3 is not a public address: private (10.0.0.0/8, RFC 1918)");
    for address in ["1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "192.0.1.1"] {
        assert_eq!(is_public(parse(address)), Ok(()), "{address}");
    }
}

/// Arbitrary bits are hardly ever special: half of the addresses are taken from near the edges of a range.
fn address() -> impl Strategy<Value = IpAddr> {
    let near = (0..RANGES.len(), any::<bool>(), -3_i32..=3).prop_map(|(index, at_the_end, offset)| {
        let network = RANGES[index].network;
        match if at_the_end { network.last() } else { network.first() } {
            IpAddr::V4(edge) => IpAddr::V4(Ipv4Addr::from_bits(edge.to_bits().wrapping_add_signed(offset))),
            IpAddr::V6(edge) => IpAddr::V6(Ipv6Addr::from_bits(edge.to_bits().wrapping_add_signed(offset.into()))),
        }
    });
    prop_oneof![near, any::<IpAddr>()]
}

proptest! {
    #[test]
    fn whatever_the_standard_library_calls_special_is_refused(address in address()) {
        let special = match address {
            IpAddr::V4(v4) => {
                v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified()
                    || v4.is_multicast() || v4.is_broadcast() || v4.is_documentation()
            }
            IpAddr::V6(v6) => {
                v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.is_unique_local()
                    || v6.is_unicast_link_local() || v6.to_ipv4().is_some()
            }
        };
        let public = is_public(address);
        prop_assert!(!special || public.is_err(), "{address}");
        if let IpAddr::V6(v6) = address {
            prop_assert!(public.is_err() || v6.segments()[0] >> 13 == 1, "{address} was never given out");
        }
        if let Err(refused) = public {
            prop_assert!(refused.range.network.contains(address));
        }
    }

    #[test]
    fn no_ipv4_address_gets_through_inside_of_an_ipv6_one(inner: Ipv4Addr) {
        let bits = u128::from(inner.to_bits());
        for outer in [
            inner.to_ipv6_mapped(),
            inner.to_ipv6_compatible(),
            Ipv6Addr::from_bits(0xffff_0000_0000_0000 | bits),
            Ipv6Addr::from_bits((0x64_ff9b << 96) | bits),
            Ipv6Addr::from_bits((0x64_ff9b_0001 << 80) | bits),
            Ipv6Addr::from_bits((0x2002 << 112) | (bits << 80)),
            Ipv6Addr::from_bits((0x2001 << 112) | (bits ^ 0xffff_ffff)),
            Ipv6Addr::from_bits((0x2001 << 112) | (bits << 64)),
        ] {
            prop_assert!(is_public(outer.into()).is_err(), "{outer}");
        }
    }
}
