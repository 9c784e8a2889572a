//! Who is at the other end: the peer, or what a trusted proxy says of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;

/// The other end of a request as far as it can be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    pub ip: IpAddr,
    pub https: bool,
    /// An ISO 3166 code from a trusted proxy; empty where none is known.
    pub country: String,
}

/// Forwarding headers count only from a peer among `trusted`.
pub fn identify(parts: &Parts, trusted: &[IpNet]) -> Sender {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer =
        peer.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |ConnectInfo(address)| address.ip()).to_canonical();
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|range| range.contains(ip));
    if !is_trusted(&peer) {
        return Sender { ip: peer, https: false, country: String::new() };
    }
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let country = text("cf-ipcountry").to_ascii_uppercase();
    let is_code = country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase());
    Sender {
        ip: forwarded_for(&parts.headers, peer, is_trusted),
        https: came_over_tls(&parts.headers),
        country: if is_code && country != "XX" { country } else { String::new() },
    }
}

/// Every hop that says so says https. A proxy that adds its word to the sender's leaves both, and a sender can
/// say anything.
fn came_over_tls(headers: &HeaderMap) -> bool {
    let lines = headers.get_all("x-forwarded-proto").iter().map(|value| value.to_str().unwrap_or_default());
    let mut hops = lines.flat_map(|line| line.split(',')).map(str::trim).peekable();
    hops.peek().is_some() && hops.all(|hop| hop.eq_ignore_ascii_case("https"))
}

/// The last address in the chain that is no trusted proxy; what stands before it is the sender's own claim.
fn forwarded_for(headers: &HeaderMap, peer: IpAddr, is_trusted: impl Fn(&IpAddr) -> bool) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let chain: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let mut nearest = peer;
    for hop in chain.into_iter().rev() {
        let Some(ip) = parse_hop(hop) else {
            return nearest;
        };
        nearest = ip;
        if !is_trusted(&ip) {
            return ip;
        }
    }
    nearest
}

/// An address with or without a port or brackets.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let plain: Option<IpAddr> = hop.trim_matches(['[', ']']).parse().ok();
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    plain.or_else(with_port).map(|ip| ip.to_canonical())
}

/// A header's text; empty where it is missing or no text.
pub fn header_text(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn sender(peer: &str, trusted: &[&str], headers: &[(&str, &str)]) -> Sender {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        let peer: SocketAddr = peer.parse().unwrap();
        parts.extensions.insert(ConnectInfo(peer));
        let trusted: Vec<IpNet> = trusted.iter().map(|range| range.parse().unwrap()).collect();
        identify(&parts, &trusted)
    }

    #[test]
    fn forwarding_headers_of_a_stranger_do_not_count() {
        let spoofed =
            [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https"), ("cf-ipcountry", "DE")];
        let seen = sender("198.51.100.1:5000", &["127.0.0.0/8"], &spoofed);
        assert_eq!(
            seen,
            Sender { ip: "198.51.100.1".parse().unwrap(), https: false, country: String::new() }
        );
    }

    #[test]
    fn behind_a_trusted_proxy_the_last_untrusted_hop_is_the_sender() {
        for (chain, ip) in [
            ("203.0.113.9", "203.0.113.9"),
            ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
            ("1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("[2001:db8::9]:4711", "2001:db8::9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("nonsense", "127.0.0.1"),
            ("203.0.113.9, nonsense", "127.0.0.1"),
            ("", "127.0.0.1"),
        ] {
            let seen =
                sender("127.0.0.1:5000", &["127.0.0.0/8", "10.0.0.0/8"], &[("x-forwarded-for", chain)]);
            assert_eq!(seen.ip, ip.parse::<IpAddr>().unwrap(), "{chain}");
            // From a stranger none of it counts, in whichever header it stands.
            let claims = [("x-forwarded-for", chain), ("x-real-ip", chain), ("forwarded", chain)];
            let stranger = sender("198.51.100.1:5000", &["127.0.0.0/8", "10.0.0.0/8"], &claims);
            assert_eq!(stranger.ip, "198.51.100.1".parse::<IpAddr>().unwrap(), "{chain}");
        }
    }

    #[test]
    fn a_claim_in_a_header_of_its_own_adds_to_the_chain_and_other_headers_say_nothing() {
        let trusted = ["127.0.0.0/8"];
        let lines = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.7")];
        assert_eq!(sender("127.0.0.1:5000", &trusted, &lines).ip, "198.51.100.7".parse::<IpAddr>().unwrap());
        for name in ["x-real-ip", "forwarded", "true-client-ip", "cf-connecting-ip", "x-client-ip"] {
            let seen = sender("127.0.0.1:5000", &trusted, &[(name, "203.0.113.9")]);
            assert_eq!(seen.ip, "127.0.0.1".parse::<IpAddr>().unwrap(), "{name}");
        }
    }

    #[test]
    fn a_request_came_over_tls_if_every_hop_that_says_so_says_https() {
        for (said, https) in [
            (vec!["https"], true),
            (vec!["HTTPS"], true),
            (vec!["https, https"], true),
            (vec!["https", "https"], true),
            (vec![], false),
            (vec![""], false),
            (vec!["http"], false),
            (vec!["https, http"], false),
            (vec!["http, https"], false),
            (vec!["https", "http"], false),
            (vec!["http", "https"], false),
        ] {
            let headers: Vec<_> = said.iter().map(|said| ("x-forwarded-proto", *said)).collect();
            assert_eq!(sender("127.0.0.1:5000", &["127.0.0.0/8"], &headers).https, https, "{said:?}");
        }
    }

    #[test]
    fn a_v4_peer_in_v6_clothes_is_a_v4_peer() {
        let seen = sender("[::ffff:127.0.0.1]:5000", &["127.0.0.0/8"], &[("x-forwarded-proto", "https")]);
        assert!(seen.https);
        assert_eq!(seen.ip, "127.0.0.1".parse::<IpAddr>().unwrap());
    }
}
