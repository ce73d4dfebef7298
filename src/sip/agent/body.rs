//! The session description out of a message's body: the body itself, or one part of a multipart body (RFC 2046).

use rsipstack::sip::{Header, Headers, Request};

use super::super::field;

/// The most parts of a multipart body that are looked at.
const MOST_PARTS: usize = 16;

/// The description in a body. `None` where there is none.
pub(super) fn sdp<'a>(headers: &Headers, body: &'a [u8]) -> Option<&'a [u8]> {
    description(content_type(headers), body)
}

/// The session description in a body of this Content-Type, which may be empty. `None` where there is none. Pure.
pub fn description<'a>(content_type: &str, body: &'a [u8]) -> Option<&'a [u8]> {
    let (kind, params) = content_type.split_once(';').unwrap_or((content_type, ""));
    if body.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    let kind = kind.trim();
    if kind.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/")) {
        let boundary = field::param(params, "boundary")?.trim_matches('"');
        return part(body, boundary);
    }
    (kind.eq_ignore_ascii_case("application/sdp") || kind.is_empty()).then_some(body)
}

/// Gives a request a description for its body.
pub(super) fn describe(request: &mut Request, description: String) {
    request.headers.retain(|header| !matches!(header, Header::ContentLength(_) | Header::ContentType(_)));
    request.headers.push(Header::ContentType("application/sdp".into()));
    let length = u32::try_from(description.len()).unwrap_or(u32::MAX);
    request.headers.push(Header::ContentLength(length.into()));
    request.body = description.into_bytes();
}

/// The Content-Type header's value, or empty.
pub(super) fn content_type(headers: &Headers) -> &str {
    let value = headers.iter().find_map(|header| match header {
        Header::ContentType(value) => Some(value.value()),
        _ => None,
    });
    value.unwrap_or_default().trim()
}

/// The first part that is a session description. Z08 asterisk PR#1834: a part ends where the next boundary stands.
fn part<'a>(body: &'a [u8], boundary: &str) -> Option<&'a [u8]> {
    if boundary.is_empty() {
        return None;
    }
    let mark = format!("--{boundary}");
    let mut rest = body;
    for _ in 0..MOST_PARTS {
        let start = find(rest, mark.as_bytes())? + mark.len();
        rest = rest.get(start..)?;
        let part = rest.get(..find(rest, mark.as_bytes())?)?;
        let head_end =
            find(part, b"\r\n\r\n").map(|at| (at, at + 4)).or_else(|| find(part, b"\n\n").map(|at| (at, at + 2)));
        let Some((head_end, body_start)) = head_end else { continue };
        let head = String::from_utf8_lossy(part.get(..head_end)?);
        let described = head.lines().filter_map(|line| line.split_once(':')).any(|(name, value)| {
            let kind = value.split(';').next().unwrap_or_default().trim();
            name.trim().eq_ignore_ascii_case("content-type") && kind.eq_ignore_ascii_case("application/sdp")
        });
        if described {
            return part.get(body_start..);
        }
    }
    None
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &str) -> Headers {
        Headers(vec![Header::ContentType(content_type.into())])
    }

    /// Z08 asterisk PR#1834: nothing is read past the last boundary, or past the body's end.
    #[test]
    fn a_description_is_found_alone_and_among_parts() {
        assert_eq!(sdp(&headers("application/SDP; charset=x"), b"v=0\r\n"), Some(&b"v=0\r\n"[..]));
        let body = b"--b1\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--b1\r\ncontent-type: application/sdp\r\n\r\nv=0\r\n--b1--\r\n";
        assert_eq!(sdp(&headers("multipart/mixed;boundary=\"b1\""), body), Some(&b"v=0\r\n"[..]));
        assert_eq!(sdp(&headers("multipart/mixed"), body), None);
        assert_eq!(sdp(&headers("multipart/mixed;boundary=b1"), &body[..body.len() - 12]), None, "cut short");
        assert_eq!(sdp(&headers("application/sdp"), b"\r\n"), None);
        for end in 0..body.len() {
            let found = sdp(&headers("multipart/mixed;boundary=b1"), &body[..end]);
            assert!(found.is_none_or(|found| found == b"v=0\r\n"), "cut short at {end}");
        }
    }
}
