//! When calls are encrypted, and with which keys.

use serde::Deserialize;

use crate::facts::Secret;
use crate::rtp::srtp::{MASTER_LENGTH, SrtpKeys};
use crate::sip::sdp::{self, Local, Negotiated, Offer, SdpFault, Srtp};

/// `media.srtp`: what becomes of SRTP by SDES (RFC 4568).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SrtpPolicy {
    /// It is not spoken: a caller who offers nothing else is refused.
    Never,
    /// It is taken where it is offered.
    #[default]
    Offered,
    /// A caller who does not offer it is refused.
    Required,
}

impl SrtpPolicy {
    /// Its name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            SrtpPolicy::Never => "never",
            SrtpPolicy::Offered => "offered",
            SrtpPolicy::Required => "required",
        }
    }

    /// This side of a call's SRTP, with keys that no other call has.
    pub fn begin(self) -> Option<Srtp> {
        (self != SrtpPolicy::Never).then(|| Srtp { required: self == SrtpPolicy::Required, keys: fresh() })
    }
}

fn fresh() -> [Secret<[u8; MASTER_LENGTH]>; 2] {
    // The generator that is seeded by the system: no one can foretell it.
    std::array::from_fn(|_| Secret::new(rand::random()))
}

/// Answers an offer within a running call. Whenever the far end's key is another than before, so is this side's: then
/// both streams begin anew, and no key protects two.
pub(super) fn reanswer(
    offer: &Offer,
    local: &mut Local,
    before: Option<&SrtpKeys>,
) -> Result<(String, Negotiated), SdpFault> {
    let (answer, agreed) = sdp::answer(offer, local)?;
    let (Some(keys), Some(srtp)) = (&agreed.srtp, &mut local.srtp) else { return Ok((answer, agreed)) };
    if before.is_some_and(|before| before.theirs == keys.theirs && before.suite == keys.suite) {
        return Ok((answer, agreed));
    }
    srtp.keys = fresh();
    sdp::answer(offer, local)
}

/// This side's offer within a running call: a call that is encrypted stays so.
pub(super) fn reoffer(local: &Local, agreed: Option<&SrtpKeys>) -> Local {
    let mut local = local.clone();
    if let Some(srtp) = &mut local.srtp {
        srtp.required |= agreed.is_some();
    }
    local
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(key: char) -> Offer {
        let key = key.to_string().repeat(40);
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8\r\n\
             a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n"
        );
        Offer::parse(sdp.as_bytes()).unwrap()
    }

    #[test]
    fn this_sides_key_is_new_whenever_the_far_ends_is() {
        let mut local = Local::new("192.0.2.1".parse().unwrap(), 30_000, 1);
        local.srtp = SrtpPolicy::Offered.begin();
        let first = reanswer(&offer('A'), &mut local, None).unwrap().1.srtp.unwrap();
        let same = reanswer(&offer('A'), &mut local, Some(&first)).unwrap().1.srtp.unwrap();
        assert_eq!(first, same);
        let other = reanswer(&offer('B'), &mut local, Some(&same)).unwrap().1.srtp.unwrap();
        assert!(other.theirs != same.theirs && other.ours != same.ours);
        assert_eq!(SrtpPolicy::Never.begin(), None);
    }

    #[test]
    fn an_encrypted_call_is_offered_encrypted_again() {
        let mut local = Local::new("192.0.2.1".parse().unwrap(), 30_000, 1);
        local.srtp = SrtpPolicy::Offered.begin();
        let agreed = sdp::answer(&offer('A'), &local).unwrap().1.srtp;
        assert!(sdp::offer(&reoffer(&local, agreed.as_ref())).contains("RTP/SAVP"));
        assert!(!sdp::offer(&reoffer(&local, None)).contains("SAVP"));
    }
}
