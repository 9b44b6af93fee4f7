//! Which addresses a webhook may go to: public ones, those where somebody else is. What an organisation, a machine or a
//! cloud keeps for itself is refused, and so is every form that carries such an address inside another. Pure.
//!
//! The ranges are those of the IANA special-purpose registries (RFC 6890) that are not globally reachable, the old
//! transition mechanisms, and services that clouds put on public addresses. Of IPv6 only 2000::/3 has been given out at all
//! (RFC 4291, 2.4). A prefix that a network of yours chose itself for NAT64 (RFC 6052, 2.2) is not known here: that is for
//! its firewall.

use std::fmt;
use std::net::IpAddr;

use super::network::Network;

/// One refused range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The block.
    pub network: Network,
    /// What it is: "loopback".
    pub name: &'static str,
    /// Who says so: "RFC 1122".
    pub source: &'static str,
}

const fn v4(octets: [u8; 4], prefix: u8, name: &'static str, source: &'static str) -> Range {
    Range { network: Network::v4(octets, prefix), name, source }
}

const fn v6(groups: [u16; 8], prefix: u8, name: &'static str, source: &'static str) -> Range {
    Range { network: Network::v6(groups, prefix), name, source }
}

/// Every refused range; the first that holds an address names it, so that the narrow ones come before the wide ones.
pub static RANGES: [Range; 51] = [
    v4([169, 254, 169, 254], 32, "cloud metadata", "RFC 3927"),
    v4([169, 254, 170, 2], 32, "container credentials", "RFC 3927"),
    v4([100, 100, 100, 200], 32, "cloud metadata", "RFC 6598"),
    v4([192, 0, 0, 192], 32, "cloud metadata", "RFC 6890"),
    v4([168, 63, 129, 16], 32, "cloud platform", "Azure WireServer"),
    v4([0, 0, 0, 0], 32, "unspecified", "RFC 1122"),
    v4([0, 0, 0, 0], 8, "this network", "RFC 1122"),
    v4([10, 0, 0, 0], 8, "private", "RFC 1918"),
    v4([100, 64, 0, 0], 10, "shared by carriers (CGNAT)", "RFC 6598"),
    v4([127, 0, 0, 0], 8, "loopback", "RFC 1122"),
    v4([169, 254, 0, 0], 16, "link-local", "RFC 3927"),
    v4([172, 16, 0, 0], 12, "private", "RFC 1918"),
    v4([192, 0, 0, 0], 24, "protocol assignments", "RFC 6890"),
    v4([192, 0, 2, 0], 24, "documentation", "RFC 5737"),
    v4([192, 88, 99, 0], 24, "6to4 relays", "RFC 7526"),
    v4([192, 168, 0, 0], 16, "private", "RFC 1918"),
    v4([198, 18, 0, 0], 15, "benchmarking", "RFC 2544"),
    v4([198, 51, 100, 0], 24, "documentation", "RFC 5737"),
    v4([203, 0, 113, 0], 24, "documentation", "RFC 5737"),
    v4([224, 0, 0, 0], 4, "multicast", "RFC 5771"),
    v4([255, 255, 255, 255], 32, "broadcast", "RFC 919"),
    v4([240, 0, 0, 0], 4, "reserved", "RFC 1112"),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128, "cloud metadata", "RFC 4193"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128, "unspecified", "RFC 4291"),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback", "RFC 4291"),
    v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "an IPv4 address in IPv6 (mapped)", "RFC 4291"),
    v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, "an IPv4 address in IPv6 (translated)", "RFC 2765"),
    v6([0, 0, 0, 0, 0, 0, 0, 0], 96, "an IPv4 address in IPv6 (compatible)", "RFC 4291"),
    v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "an IPv4 address in IPv6 (NAT64)", "RFC 6052"),
    v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "an IPv4 address in IPv6 (local NAT64)", "RFC 8215"),
    v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discard", "RFC 6666"),
    v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64, "dummy", "RFC 9780"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "an IPv4 address in IPv6 (Teredo)", "RFC 4380"),
    v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "benchmarking", "RFC 5180"),
    v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "hash identities (ORCHID)", "RFC 4843"),
    v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "hash identities (ORCHIDv2)", "RFC 7343"),
    v6([0x2001, 0x30, 0, 0, 0, 0, 0, 0], 28, "drone identities (DRIP)", "RFC 9374"),
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "protocol assignments", "RFC 2928"),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "documentation", "RFC 3849"),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "an IPv4 address in IPv6 (6to4)", "RFC 3056"),
    v6([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, "a test network that was given back (6bone)", "RFC 3701"),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "documentation", "RFC 9637"),
    v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "segment routing", "RFC 9602"),
    v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "unique local", "RFC 4193"),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local", "RFC 4291"),
    v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site-local", "RFC 3879"),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast", "RFC 4291"),
    // Together everything but 2000::/3.
    v6([0, 0, 0, 0, 0, 0, 0, 0], 3, "no global unicast", "RFC 4291"),
    v6([0x4000, 0, 0, 0, 0, 0, 0, 0], 2, "no global unicast", "RFC 4291"),
    v6([0x8000, 0, 0, 0, 0, 0, 0, 0], 2, "no global unicast", "RFC 4291"),
    v6([0xc000, 0, 0, 0, 0, 0, 0, 0], 2, "no global unicast", "RFC 4291"),
];

/// The address is nobody's out there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotPublic {
    /// The address.
    pub address: IpAddr,
    /// The range that it lies in.
    pub range: &'static Range,
}

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { network, name, source } = self.range;
        write!(f, "{} is not a public address: {name} ({network}, {source})", self.address)
    }
}

impl std::error::Error for NotPublic {}

/// Whether an address is one that a webhook may go to.
///
/// # Errors
/// [`NotPublic`] with the first of [`RANGES`] that holds it.
pub fn is_public(address: IpAddr) -> Result<(), NotPublic> {
    match RANGES.iter().find(|range| range.network.contains(address)) {
        Some(range) => Err(NotPublic { address, range }),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "address_tests.rs"]
mod tests;
