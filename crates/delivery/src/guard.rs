//! The address policy: which addresses and ports a delivery may be sent to. Pure; the connector asks it about
//! every address just before connecting, because a name can change what it stands for after any earlier check.
//!
//! The tables follow the IANA registries of special-purpose addresses (RFC 6890) as of 2026.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Ports where something else than HTTP listens, or HTTP that takes orders from whoever reaches it. A request
/// to one could be read as a command there.
///
/// First what every browser refuses (the Fetch standard, section "Port blocking"), then what it leaves out.
const REFUSED_PORTS: [u16; 110] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514,
    515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723,
    2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080, 445,
    873, 1433, 1521, 2375, 2376, 2379, 2380, 3306, 3389, 4369, 5432, 5672, 5900, 5984, 6379, 6443, 9042,
    9092, 9200, 9300, 10250, 11211, 26379, 27017, 27018, 27019,
];

/// Whom deliveries may be sent to. By default nobody inside: only addresses that are globally routable, and
/// no port of another service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Whether every address and every port may be called, inside the operator's own network too.
    pub allow_private: bool,
    /// Networks that may be called although they are private; not on the ports of other services.
    pub allowed: Vec<IpNet>,
}

/// Networks as their address and the length of their prefix, 1 to 32.
const REFUSED_V4: [(Ipv4Addr, u32); 16] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8), // this network; many systems take 0.0.0.0 for themselves
    (Ipv4Addr::new(10, 0, 0, 0), 8), // private
    (Ipv4Addr::new(100, 64, 0, 0), 10), // shared behind a provider's NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8), // loopback
    (Ipv4Addr::new(168, 63, 129, 16), 32), // the host's own services, as seen by a machine in Azure
    (Ipv4Addr::new(169, 254, 0, 0), 16), // link-local, metadata services among it
    (Ipv4Addr::new(172, 16, 0, 0), 12), // private
    (Ipv4Addr::new(192, 0, 0, 0), 24), // protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24), // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24), // relays of 6to4
    (Ipv4Addr::new(192, 168, 0, 0), 16), // private
    (Ipv4Addr::new(198, 18, 0, 0), 15), // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24), // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4), // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4), // reserved, broadcast among it
];

/// All that is assigned as global unicast. What lies outside is refused whatever it is: loopback, unique
/// local (fc00::/7), link-local (fe80::/10), site-local (fec0::/10), multicast, NAT64 (64:ff9b::/96,
/// 64:ff9b:1::/48).
const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What is special within it.
const REFUSED_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // protocol assignments: Teredo, benchmarks, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, which leads to any IPv4 address
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

impl AddressPolicy {
    pub fn allows(&self, ip: IpAddr) -> bool {
        // An IPv4 address is in an IPv4 network however it is spelt.
        let plain = ip.to_canonical();
        self.allow_private || is_public(ip) || self.allowed.iter().any(|network| network.contains(&plain))
    }

    pub fn allows_port(&self, port: u16) -> bool {
        self.allow_private || !REFUSED_PORTS.contains(&port)
    }
}

/// Whether an address is globally routable, so that it can be nobody's inside.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    !REFUSED_V4.iter().any(|(network, length)| {
        let differing = u32::from(ip) ^ u32::from(*network);
        differing >> (32 - length) == 0
    })
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // `::ffff:a.b.c.d` and `::a.b.c.d` lead to the IPv4 address in them; `::` and `::1` are read as
    // 0.0.0.0/8.
    if let Some(embedded) = ip.to_ipv4() {
        return is_public_v4(embedded);
    }
    let within = |(network, length): &(Ipv6Addr, u32)| {
        let differing = u128::from(ip) ^ u128::from(*network);
        differing >> (128 - length) == 0
    };
    within(&GLOBAL_V6) && !REFUSED_V6.iter().any(within)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> bool {
        is_public(text.parse().unwrap_or_else(|_| panic!("{text} is no address")))
    }

    #[test]
    fn a_network_is_allowed_by_itself_alone() {
        let allowed = vec!["10.1.0.0/16".parse().unwrap(), "fd12::/16".parse().unwrap()];
        let policy = AddressPolicy { allowed, ..AddressPolicy::default() };
        for text in ["10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3", "fd12::1", "8.8.8.8"] {
            assert!(policy.allows(text.parse().unwrap()), "{text}");
        }
        for text in
            ["10.0.255.255", "10.2.0.0", "127.0.0.1", "::1", "fd13::1", "::10.1.2.3", "169.254.169.254"]
        {
            assert!(!policy.allows(text.parse().unwrap()), "{text}");
        }
        assert!(!policy.allows_port(6379));
        let all = AddressPolicy { allow_private: true, ..AddressPolicy::default() };
        assert!(all.allows([127, 0, 0, 1].into()) && all.allows_port(6379));
    }

    #[test]
    fn ports_of_other_services_are_refused() {
        let policy = AddressPolicy::default();
        for port in [0, 21, 22, 23, 25, 53, 110, 445, 2375, 3306, 5432, 6379, 6667, 9200, 11211, 27017] {
            assert!(!policy.allows_port(port), "{port}");
        }
        for port in [80, 81, 443, 1024, 3000, 5000, 7777, 8000, 8080, 8081, 8443, 9000, 49152, 65535] {
            assert!(policy.allows_port(port), "{port}");
        }
    }

    #[test]
    fn every_special_network_of_ipv4_is_refused_from_its_first_to_its_last_address() {
        for (first, last) in [
            ("0.0.0.0", "0.255.255.255"),
            ("10.0.0.0", "10.255.255.255"),
            ("100.64.0.0", "100.127.255.255"),
            ("127.0.0.0", "127.255.255.255"),
            ("168.63.129.16", "168.63.129.16"),
            ("169.254.0.0", "169.254.255.255"),
            ("172.16.0.0", "172.31.255.255"),
            ("192.0.0.0", "192.0.0.255"),
            ("192.0.2.0", "192.0.2.255"),
            ("192.88.99.0", "192.88.99.255"),
            ("192.168.0.0", "192.168.255.255"),
            ("198.18.0.0", "198.19.255.255"),
            ("198.51.100.0", "198.51.100.255"),
            ("203.0.113.0", "203.0.113.255"),
            ("224.0.0.0", "239.255.255.255"),
            ("240.0.0.0", "255.255.255.255"),
        ] {
            assert!(!judge(first), "{first}");
            assert!(!judge(last), "{last}");
        }
    }

    #[test]
    fn the_addresses_of_metadata_services_are_refused() {
        for text in ["169.254.169.254", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254"] {
            assert!(!judge(text), "{text}");
        }
    }

    #[test]
    fn the_neighbours_of_the_special_networks_of_ipv4_are_public() {
        for text in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "168.63.129.15",
            "168.63.129.17",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "191.255.255.255",
            "192.0.1.0",
            "192.0.3.0",
            "192.88.98.255",
            "192.88.100.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "198.51.101.0",
            "203.0.112.255",
            "203.0.114.0",
            "223.255.255.255",
            "8.8.8.8",
        ] {
            assert!(judge(text), "{text}");
        }
    }

    #[test]
    fn every_special_network_of_ipv6_is_refused() {
        for text in [
            "::",
            "::1",
            "fc00::",
            "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "fe80::1",
            "febf:ffff::1",
            "fec0::1",
            "feff:ffff::1",
            "ff00::",
            "ff02::1",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db8::1",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "3fff::1",
            "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
            "64:ff9b::7f00:1",
            "64:ff9b::8.8.8.8",
            "64:ff9b:1::1",
            "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
            "2002::",
            "2002:7f00:1::1",
            "2002:0808:0808::1",
            "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001::",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:1ff:ffff::1",
            "100::1",
            "5f00::1",
            "1fff:ffff::1",
            "4000::1",
            // SIIT, with 127.0.0.1 in it.
            "::ffff:0:7f00:1",
        ] {
            assert!(!judge(text), "{text}");
        }
    }

    #[test]
    fn other_addresses_of_ipv6_are_public() {
        for text in [
            "2000::1",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2001:db7:ffff::1",
            "2001:db9::1",
            "2003::1",
            "2606:4700:4700::1111",
            "3fff:1000::1",
            "3ffe:ffff::1",
        ] {
            assert!(judge(text), "{text}");
        }
    }

    #[test]
    fn an_embedded_ipv4_address_is_judged_as_itself() {
        for (v4, expected) in [
            ("127.0.0.1", false),
            ("10.1.2.3", false),
            ("169.254.169.254", false),
            ("0.0.0.0", false),
            ("255.255.255.255", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(judge(v4), expected, "{v4}");
            assert_eq!(judge(&format!("::ffff:{v4}")), expected, "mapped {v4}");
            assert_eq!(judge(&format!("::{v4}")), expected, "compatible {v4}");
        }
        assert!(!judge("::ffff:7f00:1"));
    }
}
