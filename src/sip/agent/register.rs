//! Registering with a registrar (RFC 3261, section 10.2): the task that carries one [`Registration`].
//!
//! ```text
//!   REGISTER sip:carrier.example      To, From: <sip:02112333@carrier.example>
//!     Contact: <sip:02112333@192.0.2.1:5060;transport=tcp>      where calls are to come: this side's address by this way
//! ```
//!
//! The connection of a registration that stands is held open: calls may come by it. What each answer means is told in
//! [`super::super::registration`]. A name is looked up anew for each request.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::sip::{Header, Method};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::super::door::challenge::Login;
use super::super::registration::{Answer, Cause, Patience, Registration, Verdict};
use super::super::{ALLOW, field};
use super::asking::Asker;
use super::dial::{DialFault, checked};
use super::way::Way;
use super::{Agent, now, until};
use crate::facts::{Moment, Secret};

/// With whom to register, and as whom. A user that is an account at a carrier is no secret, its password is.
#[derive(Clone, Debug)]
pub struct RegisterConfig {
    /// What the registrar is called in the log.
    pub name: Arc<str>,
    /// Where requests go, such as `sip:sip.carrier.example;transport=tcp`.
    pub registrar: String,
    /// The domain of the address that is registered; `None`: the registrar's host.
    pub domain: Option<String>,
    /// Its user part.
    pub user: String,
    /// The user that is authenticated, where it is another.
    pub auth_user: Option<String>,
    /// Its password, if it has one.
    pub password: Option<Secret<String>>,
    /// The user part under which calls are to come here.
    pub number: String,
    /// For how long to register: the registrar may grant less. At most a day.
    pub expires: Duration,
    /// How long is waited between attempts.
    pub patience: Patience,
}

/// The host of a registrar's URI, IPv6 without its brackets: where its calls come from.
pub fn registrar_host(uri: &str) -> &str {
    field::host(uri).trim_matches(['[', ']'])
}

/// What happens to a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterNews {
    /// A REGISTER has been answered with this status: 408 where no answer came, 503 where there was no way to ask.
    Answered(u16),
    /// Calls come from now on, or do not any more.
    Registered(bool),
}

/// A registration that is kept up. Dropped, it is left to run out; [`Registering::end`] takes it back.
#[derive(Debug)]
pub struct Registering {
    state: watch::Receiver<bool>,
    end: CancellationToken,
    task: JoinHandle<()>,
    _stop: DropGuard,
}

impl Registering {
    /// Whether calls come, as far as the registrar has said.
    pub fn is_registered(&self) -> bool {
        *self.state.borrow()
    }

    /// Takes the registration back, as far as that is done within so long. False if it was not.
    pub async fn end(mut self, within: Duration) -> bool {
        self.end.cancel();
        tokio::time::timeout(within, &mut self.task).await.is_ok()
    }
}

impl Agent {
    /// Registers, and stays registered. `on` is told of every answer, and whenever calls begin or cease to come.
    ///
    /// # Errors
    /// [`DialFault::BadUri`]: nothing is sent then.
    pub fn register(
        &self,
        config: RegisterConfig,
        on: impl Fn(RegisterNews) + Send + 'static,
    ) -> Result<Registering, DialFault> {
        checked(&config.registrar, "the registrar")?;
        let scheme = field::scheme(&config.registrar).to_ascii_lowercase();
        let host = field::host(&config.registrar);
        let domain = config.domain.as_deref().unwrap_or(host);
        // A registrar's address of record has no port, its own URI has what it is reached by (section 10.2).
        let uri = match &config.domain {
            Some(domain) => format!("{scheme}:{domain}"),
            None => field::without_user(&config.registrar),
        };
        let user = format!("{scheme}:{}@{domain}", config.user);
        checked(&user, "the user of the registration")?;
        checked(&format!("sip:{}@localhost", config.number), "the number of the registration")?;
        let asker = Asker::new(&self.core, &config.registrar, &uri, Some(&user), &user);
        let auth_user = config.auth_user.as_ref().unwrap_or(&config.user).clone();
        let of = config.password.clone().map(|password| Login { user: auth_user, password });
        let started = now();
        let registration = Registration::new(&uri, of, config.expires, config.patience, Moment::ZERO);
        let (tell, state) = watch::channel(false);
        let (stop, end) = (self.core.token.child_token(), CancellationToken::new());
        let task = Task {
            asker,
            registration,
            name: config.name,
            number: config.number,
            started,
            held: None,
            mood: Mood::New,
            tell,
            on,
            end: end.clone(),
        };
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let _ = stopped.run_until_cancelled(task.run()).await;
        });
        Ok(Registering { state, end, task, _stop: stop.drop_guard() })
    }
}

/// What the log has been told of last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    New,
    Well,
    Failing(u16),
    Refused(Cause),
}

struct Task<F> {
    asker: Asker,
    registration: Registration,
    name: Arc<str>,
    number: String,
    started: Instant,
    /// The way that calls may come by.
    held: Option<Way>,
    mood: Mood,
    tell: watch::Sender<bool>,
    on: F,
    end: CancellationToken,
}

impl<F: Fn(RegisterNews)> Task<F> {
    async fn run(mut self) {
        let end = self.end.clone();
        let mut ending = false;
        while !self.registration.is_over() {
            let due = self.registration.due().map(|due| self.instant(due));
            let over = self.registration.until().filter(|_| *self.tell.borrow()).map(|over| self.instant(over));
            tokio::select! {
                () = end.cancelled(), if !ending => {
                    ending = true;
                    self.registration.end(self.moment());
                }
                () = until(due) => {
                    let answered = match ending {
                        true => Some(self.attempt().await),
                        // Whoever ends it does not wait for an answer.
                        false => end.run_until_cancelled(self.attempt()).await,
                    };
                    if let Some((status, verdict)) = answered {
                        self.heard(status, verdict);
                    }
                }
                () = until(over) => {}
                () = gone(&self.held) => {
                    self.held = None;
                    self.registration.disconnected(self.moment(), rand::random());
                    tracing::info!(trunk = %self.name, "the connection to a registrar is gone");
                }
            }
            self.settle();
        }
    }

    /// Sends what is due, and hears what is answered.
    async fn attempt(&mut self) -> (u16, Verdict) {
        let cnonce = format!("{:032x}", rand::random::<u128>());
        let attempt = self.registration.attempt(self.moment(), &cnonce);
        let (mut answer, mut way) = (Answer::of(503), None);
        match self.asker.way().await {
            Ok(to) => {
                let contact = to.uri(&self.number);
                let mut more = vec![
                    Header::Contact(format!("<{contact}>").into()),
                    Header::Expires(attempt.expires.to_string().into()),
                    Header::Allow(ALLOW.into()),
                    Header::Supported("path".into()),
                ];
                more.extend(attempt.credentials);
                let request = self.asker.request(Method::Register, attempt.sequence, &to, more);
                if let Some(response) = self.asker.ask(request, &to).await {
                    answer = Answer::read(&response, &contact);
                }
                way = Some(to);
            }
            Err(error) => tracing::debug!(trunk = %self.name, %error, "no way to a registrar"),
        }
        let verdict = self.registration.hear(self.moment(), &answer, rand::random());
        self.held = way.filter(|_| matches!(verdict, Verdict::Registered(_) | Verdict::Again));
        (answer.status(), verdict)
    }

    /// Tells of an answer: in the log only of what is new.
    fn heard(&mut self, status: u16, verdict: Verdict) {
        (self.on)(RegisterNews::Answered(status));
        let name = &self.name;
        let mood = match verdict {
            Verdict::Registered(_) => Mood::Well,
            Verdict::Failed(_) => Mood::Failing(status),
            Verdict::Refused(_, cause) => Mood::Refused(cause),
            Verdict::Again => return,
            Verdict::Over => {
                tracing::info!(trunk = %name, status, "a registration is taken back");
                return;
            }
        };
        if mood == self.mood {
            return;
        }
        match verdict {
            Verdict::Registered(granted) => tracing::info!(trunk = %name, ?granted, "registered"),
            Verdict::Failed(wait) => tracing::warn!(trunk = %name, status, ?wait, "not registered; it is tried again"),
            Verdict::Refused(wait, cause) => {
                tracing::warn!(trunk = %name, status, ?wait, "a registrar refuses: {}", cause.words());
            }
            Verdict::Again | Verdict::Over => {}
        }
        self.mood = mood;
    }

    /// Tells whether calls come, where that is new.
    fn settle(&mut self) {
        let registered = self.registration.is_registered(self.moment());
        if self.tell.send_if_modified(|state| std::mem::replace(state, registered) != registered) {
            (self.on)(RegisterNews::Registered(registered));
            if !registered && !self.registration.is_over() {
                tracing::warn!(trunk = %self.name, "a registration has run out: no calls come");
            }
        }
    }

    fn moment(&self) -> Moment {
        Moment::ZERO + now().saturating_duration_since(self.started)
    }

    fn instant(&self, moment: Moment) -> Instant {
        self.started + moment.since(Moment::ZERO)
    }
}

async fn gone(way: &Option<Way>) {
    match way {
        Some(way) => way.gone().await,
        None => std::future::pending().await,
    }
}
