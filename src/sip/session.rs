//! Session timers (RFC 4028): for how long a call counts as alive without a word, and who has to say one. Pure.
//!
//! ```text
//!   2xx ──────────── interval/2 ──────── interval − min(32 s, interval/3) ──── interval
//!                    one side refreshes  without a refresh: BYE (section 10)
//!
//!   the request supports timer   names as refresher   the 2xx names (table 2)
//!   no                           –                    uas
//!   yes                          –                    whoever it was before; at first uac
//!   yes                          uac                  uac
//!   yes                          uas                  uas
//! ```
//!
//! An interval shorter than this side's least is refused with 422 where the far side supports timer, and lengthened where it
//! does not: it could not read the 422 (erratum 1687).

use std::time::Duration;

use rsipstack::sip::{Header, Headers};

use super::{Refusal, field};

/// The option tag.
pub(super) const TIMER: &str = "timer";
/// How long before the end of an interval a call without a refresh is ended (section 10).
const MARGIN: Duration = Duration::from_secs(32);

/// How long sessions last without a refresh, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionPolicy {
    /// The interval that is asked for, and the longest that is agreed to.
    pub expires: Duration,
    /// The shortest that is agreed to. RFC 4028, section 5: never under 90 s, but for tests of what comes at an interval's end.
    pub minimum: Duration,
}

impl Default for SessionPolicy {
    fn default() -> Self {
        Self { expires: Duration::from_secs(1800), minimum: Duration::from_secs(90) }
    }
}

impl SessionPolicy {
    pub(super) fn minimum(&self) -> u32 {
        u32::try_from(self.minimum.as_secs()).unwrap_or(u32::MAX).max(1)
    }

    pub(super) fn expires(&self) -> u32 {
        u32::try_from(self.expires.as_secs()).unwrap_or(u32::MAX).max(self.minimum())
    }
}

/// What a request or its 2xx says of the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    supports_timer: bool,
    /// Session-Expires, in seconds.
    expires: Option<u32>,
    refresher: Option<Refresher>,
    /// Min-SE, in seconds.
    pub(super) minimum: Option<u32>,
}

/// The sender of the request, or of its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refresher {
    Uac,
    Uas,
}

impl Said {
    /// What cannot be read counts as not said: no call fails for it.
    pub(super) fn read(headers: &Headers) -> Self {
        let expires = field::values(headers, "Session-Expires", "x").next().unwrap_or_default();
        let (interval, params) = expires.split_once(';').unwrap_or((expires, ""));
        Self {
            supports_timer: field::has_token(headers, "Supported", "k", TIMER)
                || field::has_token(headers, "Require", "Require", TIMER),
            expires: field::seconds(interval),
            refresher: match field::param(params, "refresher") {
                Some(side) if side.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
                Some(side) if side.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
                _ => None,
            },
            minimum: field::values(headers, "Min-SE", "Min-SE").next().and_then(field::seconds),
        }
    }
}

/// What both sides have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    /// In seconds.
    pub(super) interval: u32,
    /// Whether this side refreshes.
    pub(super) is_ours: bool,
}

impl Session {
    /// As the one who answers a request; `before` is what held until now (section 9).
    ///
    /// # Errors
    /// 422 where the interval is too short for this side.
    pub(super) fn answered(said: &Said, policy: &SessionPolicy, before: Option<Self>) -> Result<Self, Refusal> {
        let minimum = policy.minimum();
        if said.supports_timer && said.expires.is_some_and(|expires| expires < minimum) {
            return Err(Refusal::SessionTooBrief { minimum });
        }
        let least = said.minimum.unwrap_or_default().max(minimum);
        let most = said.expires.map_or(u32::MAX, |expires| expires.max(minimum));
        let is_ours = match said.refresher {
            _ if !said.supports_timer => true,
            Some(refresher) => refresher == Refresher::Uas,
            None => before.is_some_and(|before| before.is_ours),
        };
        Ok(Self { interval: policy.expires().max(least).min(most), is_ours })
    }

    /// As the one who has asked for `asked` seconds and got this 2xx (section 7.2). A far side that says nothing of it leaves
    /// the refreshing to this one.
    pub(super) fn asked(asked: u32, said: &Said, policy: &SessionPolicy) -> Self {
        let is_ours = said.expires.is_none() || said.refresher != Some(Refresher::Uas);
        Self { interval: said.expires.unwrap_or(asked).max(policy.minimum()), is_ours }
    }

    /// The headers of the 2xx to a request that says so.
    pub(super) fn headers(self, said: &Said) -> Vec<Header> {
        let refresher = if self.is_ours { "uas" } else { "uac" };
        let mut headers = vec![Header::SessionExpires(format!("{};refresher={refresher}", self.interval).into())];
        if said.supports_timer {
            headers.push(Header::Require(TIMER.into()));
        }
        headers
    }

    /// From a refresh to the next by this side, where it is this side's to refresh.
    pub(super) fn refresh_after(self) -> Option<Duration> {
        self.is_ours.then(|| Duration::from_secs(self.interval.into()) / 2)
    }

    /// From a refresh to the BYE, where no other comes.
    pub(super) fn end_after(self) -> Duration {
        let interval = Duration::from_secs(self.interval.into());
        interval.saturating_sub(MARGIN.min(interval / 3))
    }
}

/// The headers of a request of this side that begins a session, or refreshes one that is its to refresh.
pub(super) fn asking(expires: u32, minimum: u32, is_refresh: bool) -> [Header; 3] {
    let refresher = if is_refresh { ";refresher=uac" } else { "" };
    [
        Header::Supported(TIMER.into()),
        Header::SessionExpires(format!("{expires}{refresher}").into()),
        Header::MinSE(minimum.to_string().into()),
    ]
}

/// How long a request that has crossed one of the far side's is left before it is sent again (RFC 3261, section 14.1), with a
/// number drawn by lot. Whoever has made up the call's Call-ID waits for longer.
pub(super) fn after_glare(owns_call_id: bool, lot: u32) -> Duration {
    let hundredths = if owns_call_id { 210 + lot % 191 } else { lot % 201 };
    Duration::from_millis(u64::from(hundredths) * 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &str) -> Said {
        let text = format!(
            "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nFrom: <sip:a@c>;tag=f\r\nTo: <sip:b@h>\r\n\
             Call-ID: id\r\nCSeq: 7 OPTIONS\r\n{lines}Content-Length: 0\r\n\r\n"
        );
        Said::read(&rsipstack::sip::Request::try_from(text.as_str()).unwrap().headers)
    }

    fn answered(lines: &str) -> Result<(u32, bool), u16> {
        let session = Session::answered(&said(lines), &SessionPolicy::default(), None);
        session.map(|session| (session.interval, session.is_ours)).map_err(Refusal::status)
    }

    #[test]
    fn the_refresher_is_chosen_by_table_2() {
        let before = |is_ours| Some(Session { interval: 600, is_ours });
        for (lines, before, is_ours) in [
            ("", None, true),
            ("", before(false), true),
            ("Session-Expires: 600\r\n", None, true),
            ("Session-Expires: 600;refresher=uac\r\n", None, true),
            ("Supported: timer\r\n", None, false),
            ("Supported: 100rel, Timer\r\nx: 600\r\n", None, false),
            ("k: timer\r\nx: 600\r\n", before(true), true),
            ("k: timer\r\nx: 600\r\n", before(false), false),
            ("Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n", before(true), false),
            ("Supported: timer\r\nSession-Expires: 600 ; Refresher=UAS\r\n", before(false), true),
            ("Require: timer\r\nSession-Expires: 600\r\n", None, false),
        ] {
            let said = said(lines);
            let session = Session::answered(&said, &SessionPolicy::default(), before).unwrap();
            assert_eq!(session.is_ours, is_ours, "{lines}");
            let headers = session.headers(&said);
            let refresher = if is_ours { ";refresher=uas" } else { ";refresher=uac" };
            assert!(headers[0].value().ends_with(refresher), "{lines}");
            // Whoever supports it has to read it.
            assert_eq!(headers.len() == 2, lines.to_lowercase().contains("timer"), "{lines}");
        }
    }

    #[test]
    fn the_interval_is_the_shorter_one_but_none_that_is_too_short() {
        let timer = |lines: &str| answered(&format!("Supported: timer\r\n{lines}"));
        assert_eq!(timer(""), Ok((1800, false)));
        assert_eq!(timer("Session-Expires: 7200\r\n"), Ok((1800, false)));
        assert_eq!(timer("Session-Expires: 7200\r\nMin-SE: 3600\r\n"), Ok((3600, false)));
        assert_eq!(timer("Session-Expires: 600\r\n"), Ok((600, false)));
        assert_eq!(timer("Session-Expires: 600\r\nMin-SE: 9000\r\n"), Ok((600, false)), "it contradicts itself");
        assert_eq!(timer("Min-SE: 9000;x=y\r\n"), Ok((9000, false)));
        assert_eq!(timer("Session-Expires: 90\r\n"), Ok((90, false)));
        assert_eq!(timer("Session-Expires: 89\r\n"), Err(422));
        assert_eq!(timer("Session-Expires: 0\r\n"), Err(422));
        assert_eq!(timer("Session-Expires: soon\r\n"), Ok((1800, false)));
        assert_eq!(timer("Session-Expires: 99999999999\r\n"), Ok((1800, false)));
        // Erratum 1687.
        assert_eq!(answered("Session-Expires: 30\r\n"), Ok((90, true)));
    }

    #[test]
    fn a_2xx_says_who_refreshes_or_leaves_it_to_this_side() {
        let asked = |lines| Session::asked(1800, &said(lines), &SessionPolicy::default());
        assert_eq!(asked(""), Session { interval: 1800, is_ours: true });
        assert_eq!(asked("Session-Expires: 600\r\n"), Session { interval: 600, is_ours: true });
        assert_eq!(asked("x: 600;refresher=uac\r\n"), Session { interval: 600, is_ours: true });
        assert_eq!(asked("x: 600;refresher=uas\r\n"), Session { interval: 600, is_ours: false });
        assert_eq!(asked("x: 1;refresher=uas\r\n"), Session { interval: 90, is_ours: false });
    }

    #[test]
    fn a_session_is_refreshed_at_half_and_ended_before_its_end() {
        let times = |interval, is_ours| {
            let session = Session { interval, is_ours };
            (session.refresh_after().map(|after| after.as_secs()), session.end_after().as_secs())
        };
        assert_eq!(times(1800, true), (Some(900), 1768));
        assert_eq!(times(1800, false), (None, 1768));
        assert_eq!(times(90, true), (Some(45), 60));
        assert_eq!(times(u32::MAX, true).1, u64::from(u32::MAX) - 32);
    }

    #[test]
    fn the_owner_of_the_call_id_waits_for_longer() {
        let hundredths = |owner, lot| after_glare(owner, lot).as_millis() / 10;
        assert_eq!((hundredths(true, 0), hundredths(true, 190), hundredths(true, 191)), (210, 400, 210));
        assert_eq!((hundredths(false, 0), hundredths(false, 200), hundredths(false, 201)), (0, 200, 0));
        assert!(hundredths(true, u32::MAX) <= 400);
    }
}
