//! The little grammar of header values that a user agent needs (RFC 3261, section 25.1), read tolerantly and verbatim.
//!
//! ```text
//!   "Zhang \"San\"" <sip:+8610@pbx.example;user=phone>;tag=1928;x
//!    display         uri                               params
//! ```
//!
//! URIs are kept as they were written: the stack below would percent-encode an encoded user part a second time.

use rsipstack::sip::{Header, Headers};

/// A name-addr or addr-spec with its header parameters, borrowed from the value it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    /// The display name without its outer quotes; escapes are left in. Empty if there is none.
    pub(super) display: &'a str,
    /// The URI between the angle brackets, or the bare one.
    pub(super) uri: &'a str,
    /// What follows, from the first `;` or empty.
    params: &'a str,
}

impl<'a> Address<'a> {
    /// Reads one address. `None` where quotes or brackets do not balance, or something follows that is no parameter.
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let value = value.trim();
        let Some(open) = find_unquoted(value, '<')? else {
            let (uri, params) = split_at(value, value.find(';').unwrap_or(value.len()));
            let uri = uri.trim_end();
            let bare = !uri.is_empty() && !uri.contains(['"', '>', ' ', ',']);
            return bare.then_some(Self { display: "", uri, params });
        };
        let (display, rest) = split_at(value, open);
        let rest = rest.get(1..)?;
        let (uri, rest) = rest.split_once('>')?;
        let params = rest.trim_start();
        if !(params.is_empty() || params.starts_with(';')) || uri.trim().is_empty() || uri.contains(['<', '"']) {
            return None;
        }
        Some(Self { display: unquoted(display.trim()), uri: uri.trim(), params })
    }

    /// A header parameter's value; empty for one without a value.
    pub(super) fn param(&self, name: &str) -> Option<&'a str> {
        param(self.params, name)
    }

    /// The tag, if there is one that is not empty.
    pub(super) fn tag(&self) -> Option<&'a str> {
        self.param("tag").filter(|tag| !tag.is_empty())
    }
}

/// A parameter of a `;`-separated list; empty for one without a value.
pub(super) fn param<'a>(params: &'a str, name: &str) -> Option<&'a str> {
    params.split(';').find_map(|one| {
        let (key, value) = one.split_once('=').unwrap_or((one, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The entries of a comma-separated header value: commas inside quotes and brackets do not count.
pub(super) fn entries(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    value
        .split(move |c| {
            let here = !quoted && !bracketed && c == ',';
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' if !bracketed => quoted = !quoted,
                '<' if !quoted => bracketed = true,
                '>' if !quoted => bracketed = false,
                _ => {}
            }
            here
        })
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}

/// The values of all headers of a name, long or compact, as written.
pub(super) fn values<'a>(headers: &'a Headers, name: &'a str, short: &'a str) -> impl Iterator<Item = &'a str> {
    let named = move |header: &&Header| {
        let found = header.name();
        found.eq_ignore_ascii_case(name) || found.eq_ignore_ascii_case(short)
    };
    headers.iter().filter(named).map(|header| header.value().trim())
}

/// Whether a token stands in a header that lists tokens, such as Supported.
pub(super) fn has_token(headers: &Headers, name: &str, short: &str, token: &str) -> bool {
    values(headers, name, short).flat_map(entries).any(|entry| entry.eq_ignore_ascii_case(token))
}

/// The number of seconds (delta-seconds) that a value begins with, before its parameters and comments; the greatest that is
/// kept where it is greater. Some write it in quotes.
pub(super) fn seconds(value: &str) -> Option<u32> {
    let value = value.trim().trim_matches('"');
    let (digits, rest) = split_at(value, value.find(|symbol: char| !symbol.is_ascii_digit()).unwrap_or(value.len()));
    let is_number = !digits.is_empty() && (rest.is_empty() || rest.starts_with([' ', '\t', ';', '(']));
    is_number.then(|| digits.parse().unwrap_or(u32::MAX))
}

/// The scheme of a URI, as written.
pub(super) fn scheme(uri: &str) -> &str {
    uri.split_once(':').map_or("", |(scheme, _)| scheme)
}

/// The user part of a sip or sips URI, or the number of a tel URI, without parameters; percent escapes are left in.
pub(super) fn user(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    if scheme(uri).eq_ignore_ascii_case("tel") {
        return rest.split(';').next().unwrap_or("");
    }
    let user = rest.split('?').next().unwrap_or("").rsplit_once('@').map_or("", |(user, _)| user);
    user.split([':', ';']).next().unwrap_or("")
}

/// Undoes percent escapes; one that is none stays as it is.
pub(super) fn unescaped(user: &str) -> String {
    let mut octets = Vec::with_capacity(user.len());
    let mut rest = user.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten().and_then(|two| std::str::from_utf8(two).ok());
        match escaped.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(octet) => {
                octets.push(octet);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                octets.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// Host and port of a sip or sips URI (RFC 3261, section 19.1.1): no user, no parameters. Brackets of IPv6 are kept.
pub(super) fn host_port(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let rest = rest.split('?').next().unwrap_or("");
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    rest.split(';').next().unwrap_or("").trim()
}

/// The host of a sip or sips URI, without its port. Brackets of IPv6 are kept.
pub(super) fn host(uri: &str) -> &str {
    let host_port = host_port(uri);
    let bracket = host_port.rfind(']').unwrap_or_default();
    match host_port.rfind(':').filter(|colon| *colon > bracket) {
        Some(colon) => host_port.get(..colon).unwrap_or(host_port),
        None => host_port,
    }
}

/// A sip or sips URI without its user part.
pub(super) fn without_user(uri: &str) -> String {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    format!("{}:{rest}", scheme(uri))
}

/// Where the first `wanted` outside quotes is; the outer `None` where a quote is never closed.
#[expect(clippy::option_option, reason = "unbalanced and absent are different answers")]
fn find_unquoted(value: &str, wanted: char) -> Option<Option<usize>> {
    let (mut quoted, mut escaped, mut found) = (false, false, None);
    for (at, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c if c == wanted && !quoted && found.is_none() => found = Some(at),
            _ => {}
        }
    }
    (!quoted).then_some(found)
}

fn split_at(value: &str, at: usize) -> (&str, &str) {
    value.split_at_checked(at).unwrap_or((value, ""))
}

fn unquoted(display: &str) -> &str {
    display.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(display)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_display_name_and_tag() {
        let address =
            Address::parse(r#""<Zhang> \"San\"" <sip:+8610;phone-context=x@pbx:5070;user=phone> ; tag = a1;x"#)
                .unwrap();
        assert_eq!(address.display, r#"<Zhang> \"San\""#);
        assert_eq!(address.uri, "sip:+8610;phone-context=x@pbx:5070;user=phone");
        assert_eq!(address.tag(), Some("a1"));
        assert_eq!(address.param("x"), Some(""));
        assert_eq!(user(address.uri), "+8610");
        assert_eq!(host_port(address.uri), "pbx:5070");
        let bare = Address::parse("sip:a@b;tag=9").unwrap();
        assert_eq!((bare.uri, bare.tag()), ("sip:a@b", Some("9")));
        let spaced = Address::parse("sip:a@b ;   tag    = 9").unwrap();
        assert_eq!((spaced.uri, spaced.tag()), ("sip:a@b", Some("9")));
    }

    #[test]
    fn unbalanced_quotes_and_trailing_rubbish_are_no_address() {
        // X01 opensips#2285
        for bad in ["<sip:42@10.0.0.1:5060;ob>\"", "\"Mr. Doe <sip:a@b>;tag=1", "<sip:a@b", "<>", "", "Bob <sip:a@b> x"]
        {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn lists_are_split_at_the_commas_that_separate() {
        let list = r#""a,b" <sip:x;p="q,r"@h>, <sip:y@h,z> , sip:z@h"#;
        assert_eq!(entries(list).count(), 3);
        assert_eq!(entries(r#""a\",b" <sip:x@h>,<sip:y@h>"#).count(), 2);
    }

    #[test]
    fn numbers_are_read_from_tel_and_sip() {
        assert_eq!(user("tel:+86-10-12333;phone-context=cn"), "+86-10-12333");
        assert_eq!(user("sip:12333@host"), "12333");
        assert_eq!(user("sip:host"), "");
        assert_eq!(host_port("sip:[::1]:5060"), "[::1]:5060");
        for (uri, expected) in
            [("sip:u@h:5060;lr", "h"), ("sip:[::1]:5060", "[::1]"), ("sip:[::1]", "[::1]"), ("sip:h", "h")]
        {
            assert_eq!(host(uri), expected);
        }
        assert_eq!(without_user("sip:u:p@h:5070;transport=tcp"), "sip:h:5070;transport=tcp");
        assert_eq!(without_user("sips:h"), "sips:h");
    }
}
