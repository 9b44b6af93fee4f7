//! A block of addresses as `10.0.0.0/8` or `fd00::/8`, for the table of ranges and for configurations. A block contains the
//! addresses of its own family only: `10.0.0.0/8` does not contain `::ffff:10.0.0.1`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// See the head of this file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Network {
    first: IpAddr,
    /// How many leading bits are the block's.
    prefix: u8,
}

/// Why a text is no [`Network`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not an address, or not a length that addresses of this family have.
    #[error("`{0}` is not a network: expected something like 10.20.0.0/16, fd12:3456::/48 or a single address")]
    Form(String),
    /// The address lies inside of the block; which of the two was meant is a guess.
    #[error("`{given}` begins inside of its network: did you mean {meant}?")]
    Inside {
        /// As it was written.
        given: String,
        /// The block around it.
        meant: Network,
    },
}

impl Network {
    /// `v4([10, 0, 0, 0], 8)`.
    pub(super) const fn v4(octets: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = octets;
        Self { first: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    /// `v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7)`.
    pub(super) const fn v6(groups: [u16; 8], prefix: u8) -> Self {
        let [a, b, c, d, e, f, g, h] = groups;
        Self { first: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), prefix }
    }

    /// The lowest address of the block.
    #[must_use]
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// The highest address of the block.
    #[must_use]
    pub fn last(&self) -> IpAddr {
        match self.first {
            IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits() | !v4_mask(self.prefix)).into(),
            IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits() | !v6_mask(self.prefix)).into(),
        }
    }

    /// Whether an address of the same family lies in the block.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        block_of(address, self.prefix) == self.first
    }
}

/// The first address of the block of this length that holds `address`. A length beyond the family's is the address itself.
fn block_of(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & v4_mask(prefix)).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & v6_mask(prefix)).into(),
    }
}

fn v4_mask(prefix: u8) -> u32 {
    !u32::MAX.checked_shr(prefix.into()).unwrap_or(0)
}

fn v6_mask(prefix: u8) -> u128 {
    !u128::MAX.checked_shr(prefix.into()).unwrap_or(0)
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let form = || NetworkError::Form(text.to_owned());
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| form())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match length {
            None => longest,
            Some(length) if length.bytes().all(|byte| byte.is_ascii_digit()) => length.parse().map_err(|_| form())?,
            Some(_) => return Err(form()),
        };
        if prefix > longest {
            return Err(form());
        }
        let block = Self { first: block_of(address, prefix), prefix };
        match block.first == address {
            true => Ok(block),
            false => Err(NetworkError::Inside { given: text.to_owned(), meant: block }),
        }
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_and_what_they_hold() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0"]),
            ("192.0.2.7/32", ["192.0.2.7", "192.0.2.7"], ["192.0.2.6", "192.0.2.8"]),
            ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::", "::ffff:10.0.0.1"]),
            ("fd12::/16", ["fd12::", "fd12:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], ["fd11:ffff::", "fd13::"]),
            ("::/0", ["::", "ffff::"], ["0.0.0.0", "10.0.0.1"]),
            ("10.0.0.0/8", ["10.1.2.3", "10.0.0.1"], ["::ffff:10.0.0.1", "::10.0.0.1"]),
        ] {
            let network: Network = text.parse().expect(text);
            assert_eq!(network.to_string(), text);
            for address in inside {
                assert!(network.contains(address.parse().expect("an address")), "{address} in {text}");
            }
            for address in outside {
                assert!(!network.contains(address.parse().expect("an address")), "{address} in {text}");
            }
        }
        assert_eq!("::1".parse::<Network>().expect("one address").to_string(), "::1/128");
        for text in
            ["", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0/8", "::/129", "10.0.0.0/8/8", "host/8"]
        {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Form(text.to_owned())));
        }
        let error = "10.1.2.3/8".parse::<Network>().expect_err("ambiguous");
        assert_eq!(error.to_string(), "`10.1.2.3/8` begins inside of its network: did you mean 10.0.0.0/8?");
    }

    proptest! {
        #[test]
        fn a_block_holds_what_lies_between_its_ends(address: IpAddr, other: IpAddr, prefix in 0_u8..=128) {
            let prefix = if address.is_ipv4() { prefix.min(32) } else { prefix };
            let network = Network { first: block_of(address, prefix), prefix };
            prop_assert!(network.contains(address));
            let between = other.is_ipv4() == address.is_ipv4() && (network.first()..=network.last()).contains(&other);
            prop_assert_eq!(network.contains(other), between);
            prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
        }
    }
}
