//! The one table from what can go wrong with a call to its SIP answer, its name in metrics, and its ending in the record.

use crate::dialogue::Ending;
use crate::sip::Refusal;
use crate::sip::sdp::SdpFault;

/// Why a call could not be taken, or could not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// No hotline answers at the number.
    NoSuchNumber,
    /// Nothing in the offer, or in the answer to ours, can be played.
    NoCommonMedia,
    /// Plain RTP where SRTP is required, or SRTP where it is not spoken or whose keys cannot be used.
    NoCommonSrtp,
    /// No media port is free, or no socket could be had.
    NoMediaPort {
        /// When to try again, in seconds.
        retry_after: u32,
    },
    /// The media engine does not do what it is told.
    MediaStopped,
    /// Nothing came from the caller for as long as the configuration allows.
    MediaTimedOut,
    /// The caller's side did not refresh the session in time, or knew nothing of the call any more.
    SessionExpired,
}

impl Failure {
    /// Every failure.
    pub const ALL: [Failure; 7] = [
        Failure::NoSuchNumber,
        Failure::NoCommonMedia,
        Failure::NoCommonSrtp,
        Failure::NoMediaPort { retry_after: 0 },
        Failure::MediaStopped,
        Failure::MediaTimedOut,
        Failure::SessionExpired,
    ];

    /// How the INVITE is refused; a call that is up already ends with BYE.
    pub const fn refusal(self) -> Refusal {
        match self {
            Failure::NoSuchNumber => Refusal::NoSuchNumber,
            Failure::NoCommonMedia | Failure::NoCommonSrtp => Refusal::NotAcceptable,
            Failure::NoMediaPort { retry_after } => Refusal::Overloaded { retry_after },
            Failure::MediaStopped | Failure::MediaTimedOut | Failure::SessionExpired => {
                Refusal::Failed { retry_after: None }
            }
        }
    }

    /// How the record says that a call ended which was up.
    pub const fn ending(self) -> Ending {
        match self {
            Failure::MediaTimedOut => Ending::MediaTimedOut,
            Failure::SessionExpired => Ending::SessionExpired,
            Failure::NoSuchNumber
            | Failure::NoCommonMedia
            | Failure::NoCommonSrtp
            | Failure::NoMediaPort { .. }
            | Failure::MediaStopped => Ending::Failed,
        }
    }

    /// The name it is counted and logged under.
    pub const fn name(self) -> &'static str {
        match self {
            Failure::NoSuchNumber => "no-such-number",
            Failure::NoCommonMedia => "no-common-media",
            Failure::NoCommonSrtp => "no-common-srtp",
            Failure::NoMediaPort { .. } => "no-media-port",
            Failure::MediaStopped => "media-stopped",
            Failure::MediaTimedOut => "media-timed-out",
            Failure::SessionExpired => "session-expired",
        }
    }
}

impl From<SdpFault> for Failure {
    fn from(fault: SdpFault) -> Failure {
        match fault {
            SdpFault::Plain | SdpFault::NoCrypto => Failure::NoCommonSrtp,
            _ => Failure::NoCommonMedia,
        }
    }
}
