//! The one table from a reason to refuse to a SIP status, its phrase, and its name in metrics.

/// Why a request is refused.
///
/// Statuses after RFC 3261, section 21, and the section named at each. `Retry-After` is in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// 400: it breaks the grammar or lacks a mandatory header; the words say which.
    Malformed(&'static str),
    /// 403: this caller may not call here.
    Forbidden,
    /// 404: nothing answers at this number.
    NoSuchNumber,
    /// 405: a known method that is not served (section 8.2.1).
    MethodNotAllowed,
    /// 406: an answer has a session description, and the caller's Accept does not allow one (section 21.4.7).
    NothingAccepted,
    /// 415: a body of a type or encoding that is not understood (section 8.2.3).
    UnsupportedBody,
    /// 416: a Request-URI of another scheme than sip, sips or tel (section 8.2.2.1).
    UnsupportedScheme,
    /// 420: an extension is required that is not supported (section 8.2.2.3).
    BadExtension,
    /// 422: the session would have to be refreshed more often than this side allows (RFC 4028, section 6).
    SessionTooBrief {
        /// The shortest interval, in seconds, for Min-SE.
        minimum: u32,
    },
    /// 480: nobody took the call.
    Unavailable,
    /// 481: no such call or transaction (section 12.2.2).
    NoSuchCall,
    /// 482: the same request has come by two ways (section 8.2.2.2).
    Merged,
    /// 486: busy.
    Busy,
    /// 487: the caller has given up (section 9.2).
    Cancelled,
    /// 488: nothing in the offer can be accepted (section 13.3.1.3).
    NotAcceptable,
    /// 491: an offer is open already (RFC 3261, section 14.2).
    Glare,
    /// 500: something here failed; try again after so many seconds.
    Failed {
        /// Seconds, if trying again makes sense.
        retry_after: Option<u32>,
    },
    /// 501: a method nobody has heard of (section 8.2.1).
    UnknownMethod,
    /// 503: full.
    Overloaded {
        /// Seconds.
        retry_after: u32,
    },
    /// 503: being shut down.
    Draining {
        /// Seconds.
        retry_after: u32,
    },
    /// 505: not SIP/2.0.
    UnsupportedVersion,
    /// 513: longer than is read here.
    TooLong,
    /// 603: refused, and nobody else need be tried.
    Declined,
}

impl Refusal {
    /// Status code, reason phrase and the name in metrics (`[a-z_]+`).
    fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Malformed(words) => (400, words, "malformed"),
            Self::Forbidden => (403, "Forbidden", "forbidden"),
            Self::NoSuchNumber => (404, "Not Found", "no_such_number"),
            Self::MethodNotAllowed => (405, "Method Not Allowed", "method_not_allowed"),
            Self::NothingAccepted => (406, "Not Acceptable", "nothing_accepted"),
            Self::UnsupportedBody => (415, "Unsupported Media Type", "unsupported_body"),
            Self::UnsupportedScheme => (416, "Unsupported URI Scheme", "unsupported_scheme"),
            Self::BadExtension => (420, "Bad Extension", "bad_extension"),
            Self::SessionTooBrief { .. } => (422, "Session Interval Too Small", "session_too_brief"),
            Self::Unavailable => (480, "Temporarily Unavailable", "unavailable"),
            Self::NoSuchCall => (481, "Call/Transaction Does Not Exist", "no_such_call"),
            Self::Merged => (482, "Loop Detected", "merged"),
            Self::Busy => (486, "Busy Here", "busy"),
            Self::Cancelled => (487, "Request Terminated", "cancelled"),
            Self::NotAcceptable => (488, "Not Acceptable Here", "not_acceptable"),
            Self::Glare => (491, "Request Pending", "glare"),
            Self::Failed { .. } => (500, "Server Internal Error", "failed"),
            Self::UnknownMethod => (501, "Not Implemented", "unknown_method"),
            Self::Overloaded { .. } => (503, "Service Unavailable", "overloaded"),
            Self::Draining { .. } => (503, "Service Unavailable", "draining"),
            Self::UnsupportedVersion => (505, "Version Not Supported", "unsupported_version"),
            Self::TooLong => (513, "Message Too Large", "too_long"),
            Self::Declined => (603, "Decline", "declined"),
        }
    }

    /// The status code, 400–699.
    pub fn status(self) -> u16 {
        self.row().0
    }

    /// The reason phrase.
    pub fn reason(self) -> &'static str {
        self.row().1
    }

    /// The name for metrics: lower case and underscores.
    pub fn name(self) -> &'static str {
        self.row().2
    }

    /// The value of a Retry-After header, in seconds.
    pub fn retry_after(self) -> Option<u32> {
        match self {
            Self::Failed { retry_after } => retry_after,
            Self::Overloaded { retry_after } | Self::Draining { retry_after } => Some(retry_after),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Refusal;

    #[test]
    fn an_overload_names_the_time_to_try_again() {
        let refusal = Refusal::Overloaded { retry_after: 5 };
        assert_eq!((refusal.status(), refusal.retry_after(), refusal.name()), (503, Some(5), "overloaded"));
        assert_eq!(Refusal::Busy.retry_after(), None);
    }
}
