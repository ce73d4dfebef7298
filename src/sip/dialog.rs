//! A dialog of RFC 3261, section 12: who the two sides are, the way between them, and the numbers of their requests. Pure.
//!
//! ```text
//!   UAS                                          UAC
//!   route set = Record-Route, as it stands       route set = Record-Route, reversed
//!   target    = Contact of the INVITE            target    = Contact of the 2xx
//!
//!   BYE <target>            BYE <first route>        where the first route is no loose router
//!   Route: <r1;lr>, …       Route: …, <target>       (section 12.2.1.1)
//! ```

use rsipstack::sip::{self, Header, HeadersExt as _, Method, Request, Response, Uri};

use super::field::{self, Address};

/// The most hops of a route set.
const MOST_ROUTES: usize = 32;

/// One call's dialog, as one side sees it. URIs are kept verbatim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dialog {
    pub(super) call_id: String,
    /// This side's From value, with its tag.
    local: String,
    /// The far side's To value, with its tag.
    remote: String,
    target: String,
    routes: Vec<String>,
    local_sequence: u32,
    remote_sequence: Option<u32>,
}

impl Dialog {
    /// The dialog that an INVITE begins here, once its To has this side's tag. `None` where the gate was not before it.
    pub(super) fn uas(invite: &Request) -> Option<Self> {
        Some(Self {
            call_id: invite.call_id_header().ok()?.value().to_owned(),
            local: invite.to_header().ok()?.value().to_owned(),
            remote: invite.from_header().ok()?.value().to_owned(),
            target: contact(&invite.headers)?,
            routes: record_routes(&invite.headers),
            local_sequence: 0,
            remote_sequence: invite.cseq_header().ok()?.seq().ok(),
        })
    }

    /// The dialog that a 2xx to an INVITE of ours begins. X21 SIP.js#684: of several Contacts the first counts.
    pub(super) fn uac(invite: &Request, response: &Response) -> Option<Self> {
        let mut routes = record_routes(&response.headers);
        routes.reverse();
        Some(Self {
            call_id: invite.call_id_header().ok()?.value().to_owned(),
            local: invite.from_header().ok()?.value().to_owned(),
            remote: response.to_header().ok()?.value().to_owned(),
            target: contact(&response.headers).unwrap_or_else(|| invite.uri.to_string()),
            routes,
            local_sequence: invite.cseq_header().ok()?.seq().ok()?,
            remote_sequence: None,
        })
    }

    /// The tag of this side.
    pub(super) fn local_tag(&self) -> &str {
        Address::parse(&self.local).and_then(|address| address.tag()).unwrap_or_default()
    }

    /// The CSeq of this side's last request.
    pub(super) fn last_sequence(&self) -> u32 {
        self.local_sequence
    }

    /// The URI of this side.
    pub(super) fn local_uri(&self) -> &str {
        Address::parse(&self.local).map_or("", |address| address.uri)
    }

    /// The tag of the far side.
    pub(super) fn remote_tag(&self) -> &str {
        Address::parse(&self.remote).and_then(|address| address.tag()).unwrap_or_default()
    }

    /// Whether anything stands between the two sides.
    pub(super) fn is_routed(&self) -> bool {
        !self.routes.is_empty()
    }

    /// The URI that requests are sent to: the first hop, else the far side itself.
    pub(super) fn next_hop(&self) -> &str {
        let first = self.routes.first().and_then(|route| Address::parse(route));
        first.map_or(self.target.as_str(), |route| route.uri)
    }

    /// Takes the number of a request from the far side: false where it is older than one seen (section 12.2.2).
    pub(super) fn takes(&mut self, sequence: u32) -> bool {
        let newer = self.remote_sequence.is_none_or(|last| sequence > last);
        if newer {
            self.remote_sequence = Some(sequence);
        }
        newer
    }

    /// A target refresh: where a re-INVITE or UPDATE, or the 2xx to one, has a Contact, requests go there from now on.
    pub(super) fn refresh(&mut self, headers: &sip::Headers) {
        if let Some(target) = contact(headers) {
            self.target = target;
        }
    }

    /// A new request inside the dialog, without body; `via` as a header's value.
    pub(super) fn request(&mut self, method: Method, via: String, user_agent: &str) -> Request {
        self.local_sequence = self.local_sequence.saturating_add(1);
        let sequence = self.local_sequence;
        self.numbered(method, sequence, via, user_agent)
    }

    /// The ACK to the 2xx of the INVITE that began the dialog: it has that INVITE's number (section 13.2.2.4).
    pub(super) fn ack(&self, sequence: u32, via: String, user_agent: &str) -> Request {
        self.numbered(Method::Ack, sequence, via, user_agent)
    }

    fn numbered(&self, method: Method, sequence: u32, via: String, user_agent: &str) -> Request {
        let loose = self
            .routes
            .first()
            .is_none_or(|route| Address::parse(route).is_none_or(|route| field::param(route.uri, "lr").is_some()));
        let (uri, routes) = if loose {
            (self.target.clone(), self.routes.clone())
        } else {
            let mut routes = self.routes.clone();
            let first = routes.remove(0);
            routes.push(format!("<{}>", self.target));
            (Address::parse(&first).map_or_else(|| self.target.clone(), |first| first.uri.to_owned()), routes)
        };
        let mut headers = vec![Header::Via(via.into())];
        headers.extend(routes.into_iter().map(|route| Header::Route(route.into())));
        headers.extend([
            Header::From(self.local.clone().into()),
            Header::To(self.remote.clone().into()),
            Header::CallId(self.call_id.clone().into()),
            Header::CSeq(format!("{sequence} {method}").into()),
            Header::MaxForwards(70.into()),
            Header::UserAgent(user_agent.into()),
            Header::ContentLength(0.into()),
        ]);
        Request { method, uri: verbatim(&uri), version: sip::Version::V2, headers: headers.into(), body: Vec::new() }
    }
}

/// A URI that is written as it was read: the stack's own parts would escape an escaped user part again.
pub(super) fn verbatim(uri: &str) -> Uri {
    let (scheme, rest) = uri.split_once(':').unwrap_or(("sip", uri));
    Uri {
        scheme: Some(sip::Scheme::Other(scheme.to_owned())),
        host_with_port: sip::HostWithPort { host: sip::Host::Domain(rest.into()), port: None },
        ..Uri::default()
    }
}

fn contact(headers: &sip::Headers) -> Option<String> {
    let value = headers.iter().find_map(|header| match header {
        Header::Contact(contact) => Some(contact.value()),
        _ => None,
    })?;
    let first = Address::parse(field::entries(value).next()?)?;
    field::scheme(first.uri).get(..3).filter(|scheme| scheme.eq_ignore_ascii_case("sip"))?;
    Some(first.uri.to_owned())
}

fn record_routes(headers: &sip::Headers) -> Vec<String> {
    let values = headers.iter().filter_map(|header| match header {
        Header::RecordRoute(route) => Some(route.value()),
        _ => None,
    });
    values
        .flat_map(field::entries)
        .filter(|route| Address::parse(route).is_some())
        .take(MOST_ROUTES)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite(record_route: &str) -> Request {
        let text = format!(
            "INVITE sip:12333@h SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nRecord-Route: {record_route}\r\n\
             From: <sip:a%20b@c>;tag=f\r\nTo: <sip:12333@h>;tag=t\r\nCall-ID: id\r\nCSeq: 7 INVITE\r\n\
             Contact: <sip:a%20b@10.0.0.9:5070;transport=udp>\r\nContent-Length: 0\r\n\r\n"
        );
        Request::try_from(text.as_str()).unwrap()
    }

    #[test]
    fn a_request_goes_the_way_the_call_came_and_uris_stay_as_written() {
        let mut dialog = Dialog::uas(&invite("<sip:p1;lr>, <sip:p2:5070;lr>")).unwrap();
        assert_eq!((dialog.local_tag(), dialog.remote_tag(), dialog.next_hop()), ("t", "f", "sip:p1;lr"));
        let text = dialog.request(Method::Bye, "SIP/2.0/UDP me;branch=z9hG4bK2".into(), "test").to_string();
        assert!(text.starts_with("BYE sip:a%20b@10.0.0.9:5070;transport=udp SIP/2.0\r\n"), "{text}");
        assert!(text.contains("Route: <sip:p1;lr>\r\nRoute: <sip:p2:5070;lr>\r\n"));
        assert!(text.contains("From: <sip:12333@h>;tag=t\r\nTo: <sip:a%20b@c>;tag=f\r\n"));
        assert!(text.contains("CSeq: 1 BYE\r\n"));
    }

    #[test]
    fn a_strict_router_gets_its_own_uri() {
        let mut dialog = Dialog::uas(&invite("<sip:old>")).unwrap();
        let text = dialog.request(Method::Bye, "SIP/2.0/UDP me".into(), "test").to_string();
        assert!(text.starts_with("BYE sip:old SIP/2.0\r\n"), "{text}");
        assert!(text.contains("Route: <sip:a%20b@10.0.0.9:5070;transport=udp>\r\n"));
    }

    #[test]
    fn a_call_out_reverses_the_route_and_takes_the_first_of_many_contacts() {
        // X20 flexisip#202, X21 SIP.js#684
        let text = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\nRecord-Route: <sip:p2;lr>\r\n\
                    Record-Route: <sip:p1;lr>\r\nFrom: <sip:a@c>;tag=f\r\nTo: <sip:12333@h>;tag=r\r\nCall-ID: id\r\n\
                    CSeq: 7 INVITE\r\nContact: <sip:one@h>, <sip:two@h>\r\nContact: <sip:three@h>\r\nContent-Length: 0\r\n\r\n";
        let dialog = Dialog::uac(&invite("<sip:x;lr>"), &Response::try_from(text).unwrap()).unwrap();
        assert_eq!(dialog.next_hop(), "sip:p1;lr");
        let ack = dialog.ack(7, "SIP/2.0/UDP me".into(), "test").to_string();
        assert!(ack.starts_with("ACK sip:one@h SIP/2.0\r\n") && ack.contains("CSeq: 7 ACK\r\n"), "{ack}");
        assert!(ack.contains("Route: <sip:p1;lr>\r\nRoute: <sip:p2;lr>\r\n"));
    }

    #[test]
    fn old_requests_are_told_from_new_ones() {
        let mut dialog = Dialog::uas(&invite("<sip:p;lr>")).unwrap();
        assert!(!dialog.takes(7) && dialog.takes(9) && !dialog.takes(8));
    }
}
