//! Session keys: derived once (RFC 3711 section 4.3, a key derivation rate of zero), used for every packet.

use std::fmt;

use aes::Aes128Enc;
use aes::cipher::{InnerIvInit as _, KeyInit as _, StreamCipher as _};
use ctr::{Ctr128BE, CtrCore};
use hmac::{Hmac, Mac as _};
use sha1::Sha1;

use crate::facts::Secret;

use super::MasterKey;

/// Bytes of a whole HMAC-SHA1.
pub(super) const WHOLE_TAG: usize = 20;

/// Which packets keys are for: the first of the three labels of section 4.3.2.
#[derive(Clone, Copy)]
pub(super) enum Use {
    Rtp = 0,
    Rtcp = 3,
}

/// One way's keys for one kind of packet.
pub(super) struct SessionKeys {
    cipher: Aes128Enc,
    /// 112 bits.
    salt: Secret<u128>,
    /// With its key already taken in.
    tag: Hmac<Sha1>,
}

impl SessionKeys {
    pub(super) fn derive(master: &MasterKey, of: Use) -> SessionKeys {
        let (mut key, mut salt) = (Secret::new([0; 16]), Secret::new([0; 16]));
        let (first, last) = master.reveal().split_at(16);
        key.reveal_mut().iter_mut().zip(first).for_each(|(to, from)| *to = *from);
        salt.reveal_mut().iter_mut().skip(2).zip(last).for_each(|(to, from)| *to = *from);
        let generator = Aes128Enc::new(key.reveal().into());
        let master_salt = u128::from_be_bytes(*salt.reveal());
        let fill = |label: u128, out: &mut [u8]| {
            keystream(&generator, (master_salt ^ (label << 48)) << 16, out);
        };
        let label = of as u128;
        let mut tag_key = Secret::new([0; WHOLE_TAG]);
        *key.reveal_mut() = [0; 16];
        *salt.reveal_mut() = [0; 16];
        fill(label, key.reveal_mut());
        fill(label + 1, tag_key.reveal_mut());
        fill(label + 2, salt.reveal_mut());
        SessionKeys {
            cipher: Aes128Enc::new(key.reveal().into()),
            salt: Secret::new(u128::from_be_bytes(*salt.reveal()) >> 16),
            tag: tag_of(tag_key.reveal()),
        }
    }

    /// Encrypts or decrypts a packet's bytes (section 4.1.1).
    pub(super) fn crypt(&self, ssrc: u32, index: u64, bytes: &mut [u8]) {
        let start = (self.salt.reveal() << 16) ^ (u128::from(ssrc) << 64) ^ (u128::from(index) << 16);
        keystream(&self.cipher, start, bytes);
    }

    /// The tag of these bytes and, after them, the four others (section 4.2).
    pub(super) fn tag(&self, bytes: &[u8], after: &[u8]) -> [u8; WHOLE_TAG] {
        self.over(bytes, after).finalize().into_bytes().into()
    }

    /// Whether a tag's first bytes are those. Takes as long for a wrong one as for a right one.
    pub(super) fn is_tag(&self, bytes: &[u8], after: &[u8], tag: &[u8]) -> bool {
        self.over(bytes, after).verify_truncated_left(tag).is_ok()
    }

    fn over(&self, bytes: &[u8], after: &[u8]) -> Hmac<Sha1> {
        let mut tag = self.tag.clone();
        tag.update(bytes);
        tag.update(after);
        tag
    }
}

/// Adds the cipher's keystream from counter block `start` on.
fn keystream(cipher: &Aes128Enc, start: u128, bytes: &mut [u8]) {
    let core = CtrCore::inner_iv_init(cipher, &start.to_be_bytes().into());
    // A packet is shorter than the 2^16 blocks after which the counter would leave its place.
    let _ = Ctr128BE::from_core(core).try_apply_keystream(bytes);
}

fn tag_of(key: &[u8; WHOLE_TAG]) -> Hmac<Sha1> {
    let mut block = Secret::new([0; 64]);
    block.reveal_mut().iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    // A key filled up with zeros to a whole block is the same key (RFC 2104 section 2).
    Hmac::new(block.reveal().into())
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeys(·)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
        digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    }

    /// RFC 3711 appendix B.2.
    #[test]
    fn the_keystream_is_the_rfcs() {
        let key: [u8; 16] = hex("2B7E151628AED2A6ABF7158809CF4F3C").try_into().unwrap();
        let cipher = Aes128Enc::new(&key.into());
        let salt = u128::from_be_bytes(hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap());
        let mut stream = vec![0; 0xFF02 * 16];
        keystream(&cipher, salt, &mut stream);
        for (block, wanted) in [
            (0, "E03EAD0935C95E80E166B16DD92B4EB4"),
            (1, "D23513162B02D0F72A43A2FE4A5F97AB"),
            (2, "41E95B3BB0A2E8DD477901E4FCA894C0"),
            (0xFEFF, "EC8CDF7398607CB0F2D21675EA9EA1E4"),
            (0xFF00, "362B7C3C6773516318A077D7FC5073AE"),
            (0xFF01, "6A2CC3787889374FBEB4C81B17BA6C44"),
        ] {
            assert_eq!(stream[block * 16..][..16], hex(wanted), "{block:x}");
        }
    }

    /// RFC 3711 appendix B.3.
    #[test]
    fn the_session_keys_are_the_rfcs() {
        let master = hex("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
        let keys = SessionKeys::derive(&Secret::new(master.try_into().unwrap()), Use::Rtp);
        assert_eq!(keys.salt.reveal().to_be_bytes()[2..], hex("30CBBC08863D8C85D49DB34A9AE1"));
        let key: [u8; 16] = hex("C61E7A93744F39EE10734AFE3FF7A087").try_into().unwrap();
        let (mut ours, mut theirs) = ([0; 48], [0; 48]);
        keystream(&keys.cipher, 7, &mut ours);
        keystream(&Aes128Enc::new(&key.into()), 7, &mut theirs);
        assert_eq!(ours, theirs);
        let tag_key: [u8; 20] = hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4").try_into().unwrap();
        let theirs = tag_of(&tag_key).chain_update(b"packetroc").finalize().into_bytes();
        assert_eq!(keys.tag(b"packet", b"roc")[..], theirs[..]);
        assert!(keys.is_tag(b"packet", b"roc", &theirs[..4]) && !keys.is_tag(b"packet", b"rod", &theirs[..4]));
    }
}
