//! Hashes of texts, with and without a key, and how their results are written and compared.
//!
//! What comes in is verified and what goes out is signed with these same functions.

use base64ct::{Base64, Base64Unpadded, Encoding as _};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use crate::program::Hash;

/// A hash that takes no key ignores it.
pub fn digest(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
    match hash {
        Hash::Md5 => Md5::digest(message).to_vec(),
        Hash::Sha1 => Sha1::digest(message).to_vec(),
        Hash::Sha256 => Sha256::digest(message).to_vec(),
        Hash::HmacSha1 => keyed(Hmac::<Sha1>::new_from_slice(key), message),
        Hash::HmacSha256 => keyed(Hmac::<Sha256>::new_from_slice(key), message),
        Hash::HmacSha512 => keyed(Hmac::<Sha512>::new_from_slice(key), message),
    }
}

fn keyed<M: Mac, E: std::fmt::Debug>(mac: Result<M, E>, message: &[u8]) -> Vec<u8> {
    let mut mac = mac.expect("HMAC takes a key of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// In lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// With or without the padding at its end; `None` where it is no base64.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    Base64::decode_vec(text).or_else(|_| Base64Unpadded::decode_vec(text)).ok()
}

/// In a time that does not depend on where they differ. Nothing is never equal to nothing.
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    !left.is_empty() && left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hash_is_the_one_that_its_name_says() {
        let of = |hash| hex(&digest(hash, b"key", b"abc"));
        assert_eq!(of(Hash::Md5), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(of(Hash::Sha1), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(of(Hash::Sha256), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(of(Hash::HmacSha1), "4fd0b215276ef12f2b3e4c8ecac2811498b656fc");
        assert_eq!(of(Hash::HmacSha256), "9c196e32dc0175f86f4b1cb89289d6619de6bee699e4c378e68309ed97a1a6ab");
        assert!(
            of(Hash::HmacSha512)
                .starts_with("3926a207c8c42b0c41792cbd3e1a1aaaf5f7a25704f62dfc939c4987dd7ce060")
        );
    }

    #[test]
    fn nothing_is_never_equal_to_nothing() {
        assert!(equal(b"a", b"a"));
        for (left, right) in [("", ""), ("a", ""), ("", "a"), ("a", "b"), ("a", "ab")] {
            assert!(!equal(left.as_bytes(), right.as_bytes()), "{left:?} {right:?}");
        }
    }
}
