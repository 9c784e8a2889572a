//! Files of geo data as their publishers make them: a few networks in the MaxMind DB format, version 2.0, as its
//! specification describes it.
//!
//! Written for small files: records have 24 bits, and no value is shared.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
/// Types of whole numbers.
const UINT16: u8 = 5;
const UINT32: u8 = 6;
const UINT64: u8 = 9;
/// Zeros between the tree and the data.
const SEPARATOR: [u8; 16] = [0; 16];

/// What a file says of itself.
#[derive(Debug, Clone, Copy)]
pub struct Edition {
    /// 4 or 6; networks of version 4 lie under `::/96` in a file of version 6.
    pub ip_version: u8,
    /// When it was made, in seconds of Unix time.
    pub built: u64,
}

/// One node of the tree has two of these.
#[derive(Debug, Clone, Copy)]
enum Branch {
    Nothing,
    Node(usize),
    /// A place in the data.
    Data(usize),
}

/// A file with these networks, as `192.0.2.0/24`, and what it says of each. A later one takes its part out of an
/// earlier one that contains it.
///
/// # Panics
///
/// On what is no network of that version, and on more than 24 bits can count.
pub fn write(edition: Edition, networks: &[(&str, Value)]) -> Vec<u8> {
    let mut tree = vec![[Branch::Nothing; 2]];
    let mut data = Vec::new();
    for (network, value) in networks {
        let place = data.len();
        put(&mut data, value);
        insert(&mut tree, &path(edition.ip_version, network), place);
    }
    let mut file = Vec::new();
    for branch in tree.iter().flatten() {
        let record = match branch {
            Branch::Nothing => tree.len(),
            Branch::Node(number) => *number,
            Branch::Data(place) => tree.len() + SEPARATOR.len() + place,
        };
        let bytes = u32::try_from(record).expect("a small file").to_be_bytes();
        assert_eq!(bytes[0], 0, "a record has 24 bits");
        file.extend_from_slice(&bytes[1..]);
    }
    file.extend_from_slice(&SEPARATOR);
    file.append(&mut data);
    file.extend_from_slice(MARKER);
    put_metadata(&mut file, edition, tree.len());
    file
}

/// The reader may insist on the widths of the specification here.
fn put_metadata(out: &mut Vec<u8>, edition: Edition, nodes: usize) {
    let nodes = u64::try_from(nodes).expect("a small file");
    let numbers = [
        ("binary_format_major_version", UINT16, 2),
        ("binary_format_minor_version", UINT16, 0),
        ("build_epoch", UINT64, edition.built),
        ("ip_version", UINT16, u64::from(edition.ip_version)),
        ("node_count", UINT32, nodes),
        ("record_size", UINT16, 24),
    ];
    let others = [
        ("database_type", json!("proofback-test")),
        ("description", json!({ "en": "A few networks" })),
        ("languages", json!(["en"])),
    ];
    control(out, 7, numbers.len() + others.len());
    for (name, kind, number) in numbers {
        put(out, &name.into());
        put_number(out, kind, number);
    }
    for (name, value) in others {
        put(out, &name.into());
        put(out, &value);
    }
}

/// The bits that lead to a network, highest first.
fn path(ip_version: u8, network: &str) -> Vec<bool> {
    let (address, length) = network.split_once('/').expect("a network with its length");
    let length: usize = length.parse().expect("a length");
    let (bytes, before) = match (address.parse().expect("an address"), ip_version) {
        (IpAddr::V4(address), 4) => (address.octets().to_vec(), 0),
        (IpAddr::V4(address), _) => (address.to_ipv6_compatible().octets().to_vec(), 96),
        (IpAddr::V6(address), 6) => (address.octets().to_vec(), 0),
        (IpAddr::V6(_), version) => panic!("{network} in a file of version {version}"),
    };
    let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
    bits.take(before + length).collect()
}

fn insert(tree: &mut Vec<[Branch; 2]>, path: &[bool], place: usize) {
    let (last, way) = path.split_last().expect("a network with a length");
    let mut node = 0;
    for bit in way {
        let side = usize::from(*bit);
        node = match tree[node][side] {
            Branch::Node(next) => next,
            // What was said of the whole stays said of the other half.
            whole @ (Branch::Nothing | Branch::Data(_)) => {
                tree.push([whole; 2]);
                tree[node][side] = Branch::Node(tree.len() - 1);
                tree.len() - 1
            }
        };
    }
    tree[node][usize::from(*last)] = Branch::Data(place);
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => {
            control(out, 2, text.len());
            out.extend_from_slice(text.as_bytes());
        }
        Value::Number(number) => match number.as_u64() {
            // The smallest that it fits in, as many publishers do it.
            Some(number) => {
                let kind = match number {
                    0..=0xffff => UINT16,
                    0x1_0000..=0xffff_ffff => UINT32,
                    _ => UINT64,
                };
                put_number(out, kind, number);
            }
            None => {
                control(out, 3, 8);
                out.extend_from_slice(&number.as_f64().expect("a number").to_be_bytes());
            }
        },
        Value::Bool(flag) => control(out, 14, usize::from(*flag)),
        Value::Array(items) => {
            control(out, 11, items.len());
            items.iter().for_each(|item| put(out, item));
        }
        Value::Object(members) => put_map(out, members),
        Value::Null => panic!("the format has no null"),
    }
}

fn put_number(out: &mut Vec<u8>, kind: u8, number: u64) {
    let bytes = number.to_be_bytes();
    let used = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    control(out, kind, used.len());
    out.extend_from_slice(used);
}

fn put_map(out: &mut Vec<u8>, members: &Map<String, Value>) {
    control(out, 7, members.len());
    for (name, value) in members {
        control(out, 2, name.len());
        out.extend_from_slice(name.as_bytes());
        put(out, value);
    }
}

/// A type and a size; types beyond 7 stand in a byte of their own.
fn control(out: &mut Vec<u8>, kind: u8, size: usize) {
    let (head, more) = match size {
        0..=28 => (size, None),
        29..=284 => (29, Some(size - 29)),
        _ => panic!("{size} is more than this writes"),
    };
    let head = u8::try_from(head).expect("29 at most");
    if kind <= 7 {
        out.push(kind << 5 | head);
    } else {
        out.extend_from_slice(&[head, kind - 7]);
    }
    out.extend(more.map(|more| u8::try_from(more).expect("255 at most")));
}
