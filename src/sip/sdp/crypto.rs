//! `a=crypto`: the keys of SRTP in the description itself (SDES, RFC 4568). It is as secret as the signalling that carries
//! it: without TLS, whoever sees the one can hear the other.
//!
//! ```text
//!   a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:4 FEC_ORDER=FEC_SRTP
//!            │ suite                          │ key and salt, 30 bytes                │     │ │   session parameters
//!            tag, repeated in the answer                                  lifetime ───┘     └─┴── MKI and its length
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use sdp_types::{Attribute, Media};

use crate::facts::Secret;
use crate::rtp::srtp::{LONGEST_MKI, MASTER_LENGTH, MasterKey, Suite};

/// The most `a=crypto` lines of a stream that are looked at.
const MOST_LINES: usize = 16;
/// One line that can be used here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Crypto {
    /// 1–9 digits.
    pub(super) tag: u32,
    pub(super) suite: Suite,
    /// What the description's sender sends with.
    pub(super) key: MasterKey,
    /// Bytes of its packets' MKI, or 0.
    pub(super) mki: u8,
}

/// A stream's lines that can be used, in the description's order, which is its sender's preference.
pub(super) fn read(media: &Media) -> Vec<Crypto> {
    let lines = media.attributes.iter().filter(|attribute| attribute.attribute == "crypto");
    lines.take(MOST_LINES).filter_map(|line| parse(line.value.as_deref()?)).collect()
}

/// This side's line.
pub(super) fn attribute(tag: u32, suite: Suite, key: &MasterKey) -> Attribute {
    let key = BASE64.encode(key.reveal());
    Attribute::with_value("crypto", format!("{tag} {} inline:{key}", suite.name()))
}

/// A line with a suite that is known, one key, and no session parameter that would change the packets (section 6.3): the
/// sending window alone, and what may be ignored, is.
fn parse(line: &str) -> Option<Crypto> {
    let mut words = line.split_ascii_whitespace();
    let tag = words.next().filter(|tag| tag.len() <= 9 && tag.bytes().all(|digit| digit.is_ascii_digit()))?;
    let name = words.next()?;
    let suite = Suite::ALL.into_iter().find(|suite| name.eq_ignore_ascii_case(suite.name()))?;
    let (method, info) = words.next()?.split_once(':')?;
    if !method.eq_ignore_ascii_case("inline") || info.contains(';') {
        return None;
    }
    if !words.all(|parameter| parameter.starts_with('-') || parameter.starts_with("WSH=")) {
        return None;
    }
    let mut parts = info.split('|');
    let key = master_key(parts.next()?)?;
    // A lifetime has no colon: how long a key is good is for its sender to heed.
    let mki = match parts.find(|part| part.contains(':')) {
        Some(mki) => mki.split_once(':')?.1.parse().ok().filter(|length| (1..=LONGEST_MKI).contains(length))?,
        None => 0,
    };
    Some(Crypto { tag: tag.parse().ok()?, suite, key, mki })
}

fn master_key(text: &str) -> Option<MasterKey> {
    let mut key = Secret::new([0; MASTER_LENGTH]);
    // The decoder asks for room by the text's length.
    let mut room = Secret::new([0; MASTER_LENGTH + 3]);
    // Some senders write padding where none belongs.
    let length = BASE64.decode_slice(text.trim_end_matches('='), room.reveal_mut()).ok()?;
    key.reveal_mut().copy_from_slice(room.reveal().get(..length).filter(|key| key.len() == MASTER_LENGTH)?);
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4568 section 6.1's example, its key whole.
    const KEY: &str = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";

    #[test]
    fn lines_are_read_as_the_rfc_and_the_field_write_them() {
        let good = |line: &str| parse(line).unwrap_or_else(|| panic!("{line}"));
        let plain = good(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"));
        assert_eq!((plain.tag, plain.suite, plain.mki), (1, Suite::AesCm128HmacSha1_80, 0));
        assert_eq!(plain.key.reveal()[..4], [0x3D, 0x2D, 0x6E, 0x40]);
        assert_eq!(good(&format!("2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^20|1:4")).mki, 4);
        assert_eq!(good(&format!("2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|1:4")).mki, 4);
        assert_eq!(good(&format!("000000007 aes_cm_128_hmac_sha1_80 INLINE:{KEY}==|2^48 WSH=128 -X=1")).tag, 7);
    }

    #[test]
    fn lines_that_ask_for_more_are_passed_over() {
        for line in [
            format!("1 AES_CM_256_HMAC_SHA1_80 inline:{KEY}"),
            format!("1 AEAD_AES_128_GCM inline:{KEY}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=3"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4;inline:{KEY}|2^20|2:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:129"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{}", KEY.get(4..).unwrap()),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}AAAA"),
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{}", "A".repeat(4000)),
            format!("1 AES_CM_128_HMAC_SHA1_80 uri:{KEY}"),
            format!("x AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            format!("1234567890 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
            "1 AES_CM_128_HMAC_SHA1_80".to_owned(),
            String::new(),
        ] {
            assert_eq!(parse(&line), None, "{line}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let key = Secret::new(std::array::from_fn(|index| index as u8 * 7));
        let line = attribute(3, Suite::AesCm128HmacSha1_32, &key);
        let read = parse(line.value.as_deref().unwrap()).unwrap();
        assert_eq!(read, Crypto { tag: 3, suite: Suite::AesCm128HmacSha1_32, key, mki: 0 });
        assert!(!format!("{read:?}").contains("49"), "{read:?}");
    }
}
