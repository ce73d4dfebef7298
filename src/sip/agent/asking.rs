//! Requests of this side's outside any call, again and again to the same peer: REGISTER, OPTIONS.

use std::io;
use std::sync::Arc;

use rsipstack::sip::{Header, Method, Request, Response, Version};
use rsipstack::transaction::CallIdFormat;

use super::super::desk::Asking;
use super::super::dialog::verbatim;
use super::super::listen::{Transport, is_secure};
use super::drive::Outcome;
use super::way::Way;
use super::{Core, drive};

/// Who asks whom: one Call-ID and one From tag for as long as it lasts (RFC 3261, section 10.2.4). The CSeq is the asker's.
pub(super) struct Asker {
    pub(super) core: Arc<Core>,
    /// Where requests go.
    pub(super) hop: String,
    /// Their Request-URI.
    pub(super) uri: String,
    /// `None`: this side, by its address.
    from: Option<String>,
    tag: String,
    to: String,
    call_id: Header,
    /// Its answers are let in.
    _asking: Asking,
}

impl Asker {
    /// `hop`, `uri`, `from` and `to` are URIs.
    pub(super) fn new(core: &Arc<Core>, hop: &str, uri: &str, from: Option<&str>, to: &str) -> Self {
        let tag = rsipstack::transaction::make_tag();
        let call_id = rsipstack::transaction::make_call_id(None, CallIdFormat::Uuid);
        let asking = core.desk.ask(call_id.value());
        Self {
            core: Arc::clone(core),
            hop: hop.to_owned(),
            uri: uri.to_owned(),
            from: from.map(str::to_owned),
            tag: tag.value().to_owned(),
            to: format!("<{to}>"),
            call_id: call_id.into(),
            _asking: asking,
        }
    }

    /// The way to the peer, whose name is looked up anew: on the connection that is open, or on a new one.
    ///
    /// # Errors
    /// Its host has no address, or it cannot be reached, or is not who it should be.
    pub(super) async fn way(&self) -> io::Result<Way> {
        let transport = Transport::of(&self.hop).unwrap_or(Transport::Udp);
        let unknown = || io::Error::new(io::ErrorKind::NotFound, "its host has no address");
        let to = self.core.resolve(&self.hop, transport, None).await.ok_or_else(unknown)?;
        let way = self.core.way_to(transport, to, &self.hop).await?;
        Ok(way.secured(is_secure(&self.hop)))
    }

    /// A request, with these headers besides those that every request has.
    pub(super) fn request(&self, method: Method, sequence: u32, way: &Way, more: Vec<Header>) -> Request {
        let from = self.from.clone().unwrap_or_else(|| way.uri("hotline"));
        let mut headers = vec![
            Header::Via(way.via().into()),
            Header::From(format!("<{from}>;tag={}", self.tag).into()),
            Header::To(self.to.as_str().into()),
            self.call_id.clone(),
            Header::CSeq(format!("{sequence} {method}").into()),
            Header::MaxForwards(70.into()),
            Header::UserAgent(self.core.config.user_agent.as_str().into()),
        ];
        headers.extend(more);
        headers.push(Header::ContentLength(0.into()));
        Request { method, uri: verbatim(&self.uri), version: Version::V2, headers: headers.into(), body: Vec::new() }
    }

    /// Sends it, and again where it may be lost, until its final answer is here: the stack's own 408 where none comes within
    /// 64·T1. `None` where the way there is lost. Dropped before its end, nothing more is sent.
    pub(super) async fn ask(&self, request: Request, way: &Way) -> Option<Response> {
        match drive::ask(&self.core, request, way).await {
            Outcome::Final(response) => Some(*response),
            Outcome::Unanswered | Outcome::Lost => None,
        }
    }
}
