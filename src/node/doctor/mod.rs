//! `hotline doctor`: what this machine and its network give to a configuration.
//!
//! ```text
//!   configuration ──┬─────────────────────────────────┐
//!                   v                                 v
//!   machine ──> gather: sockets, /proc, ──> Facts ──> findings ──> ok, note, warn, wrong; each with its mend
//!               certificates, trunks
//! ```
//!
//! Gathering touches the machine and judges nothing; judging touches nothing. A port that is tried is given back at once, a
//! registration that is tried is taken back.

mod facts;
mod findings;
mod gather;
mod holders;
mod rules;
mod trunks;

use std::fmt;

use super::draft::Draft;

/// How well a thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// To be known; nothing need be done.
    Note,
    /// Some calls will suffer.
    Warn,
    /// The hotline does not start, or serves nobody.
    Wrong,
}

impl Verdict {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Warn => "warn",
            Verdict::Wrong => "wrong",
        }
    }
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// What `hotline serve --check` looks at.
    Configuration,
    /// The ports that are listened at.
    Port,
    /// The addresses that are named.
    Address,
    /// What callers are told of where to send.
    Nat,
    /// The ports of sound.
    MediaPorts,
    /// The certificate for TLS.
    Certificate,
    /// Whom TLS believes.
    Authorities,
    /// Those who bring calls.
    Trunk,
    /// The files of passwords.
    Password,
    /// The time.
    Clock,
    /// The time zone.
    TimeZone,
    /// How many files may be open.
    Files,
    /// Whether sound goes first.
    Precedence,
    /// The room for a burst of messages.
    ReceiveBuffer,
    /// The records.
    Database,
    /// The disk they lie on.
    Disk,
    /// Texts that nobody has recorded.
    Synthesis,
}

impl Check {
    /// Every check, in the order in which they are told.
    pub const ALL: [Check; 17] = [
        Check::Configuration,
        Check::Port,
        Check::Address,
        Check::Nat,
        Check::MediaPorts,
        Check::Certificate,
        Check::Authorities,
        Check::Trunk,
        Check::Password,
        Check::Clock,
        Check::TimeZone,
        Check::Files,
        Check::Precedence,
        Check::ReceiveBuffer,
        Check::Database,
        Check::Disk,
        Check::Synthesis,
    ];

    /// As it is printed.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// What is looked at.
    fn looks_at(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Check::Configuration => ("configuration", "everything that serving loads, as `hotline serve --check` does"),
            Check::Port => (
                "port",
                "each port of `sip.listen` and `metrics.listen` is taken for a moment; who holds it is looked up in /proc",
            ),
            Check::Address => (
                "address",
                "the addresses of `sip.listen`, `metrics.listen` and `media.address` are compared with this machine's",
            ),
            Check::Nat => (
                "nat",
                "what Contact and the session description will say for each of `sip.listen`; nothing is sent for that",
            ),
            Check::MediaPorts => (
                "media-ports",
                "up to 256 pairs of `media.ports`, spread over the range, are taken for a moment; \
                 /proc/sys/net/ipv4/ip_local_port_range",
            ),
            Check::Certificate => ("certificate", "the files of `sip.tls`: whether they belong together, dates, names"),
            Check::Authorities => ("authorities", "the file of `sip.tls.authorities`, or what this machine trusts"),
            Check::Trunk => (
                "trunk",
                "hosts are looked up, OPTIONS is sent to all who can be asked, REGISTER where `[trunks.NAME.register]` says \
                 so; all at once, for 4 s",
            ),
            Check::Password => ("password", "the files of `password-file`"),
            Check::Clock => ("clock", "the year, and whether `timedatectl` knows the clock to be synchronised"),
            Check::TimeZone => ("time-zone", "the machine's time zone"),
            Check::Files => (
                "files",
                "RLIMIT_NOFILE of this very shell (a systemd unit has its own): three for each of `sip.calls`, one for each \
                 of `sip.connections`",
            ),
            Check::Precedence => ("precedence", "whether a thread of this shell's may take the nice value -11"),
            Check::ReceiveBuffer => ("receive-buffer", "/proc/sys/net/core/rmem_max; a SIP socket asks for 4 MiB"),
            Check::Database => ("database", "`records.database`, without opening it for writing"),
            Check::Disk => ("disk", "the room and the kind of the disk that `records.database` lies on"),
            Check::Synthesis => {
                ("synthesis", "texts without a recording, espeak-ng, and the folder of `prompts.cache`")
            }
        }
    }
}

/// One thing that has been found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub check: Check,
    /// How well it stands.
    pub verdict: Verdict,
    /// What was found here.
    pub said: String,
    /// How to mend it; empty where nothing is to be mended.
    pub mend: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:6} {:15} {}", self.verdict.name(), self.check.name(), self.said)?;
        if self.mend.is_empty() { Ok(()) } else { write!(f, "\n{:22} mend: {}", "", self.mend) }
    }
}

/// Looks at everything. Takes some seconds where there are trunks to be asked.
pub async fn examine(draft: &Draft) -> Vec<Finding> {
    findings::judge(&draft.config, &gather::gather(draft).await)
}

/// docs/doctor.md.
pub fn reference() -> String {
    let mut page = String::from(REFERENCE);
    for check in Check::ALL {
        page.push_str(&format!(
            "\n## {}\n\nLooked at: {}.\n\n| | found | mend |\n|---|---|---|\n",
            check.name(),
            check.looks_at()
        ));
        for rule in rules::ALL.iter().filter(|rule| rule.check == check) {
            let mend = if rule.mend.is_empty() { "–" } else { rule.mend };
            page.push_str(&format!("| {} | {} | {mend} |\n", rule.verdict.name(), rule.means));
        }
    }
    page
}

/// The day of a moment, in seconds since 1970, by UTC.
fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| "a day beyond all years".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}

const REFERENCE: &str = "# Doctor

    hotline doctor --config hotline.toml

tells what this machine and its network give to a configuration: a line for each thing that was looked at, and under each that
is not `ok` how to mend it. Run it as the user that `hotline serve` runs as, and where it can be in its unit: limits and rights
are those of whoever asks.

    ok     port            udp 0.0.0.0:5060 is free
    note   nat             udp 0.0.0.0:5060: Contact and SDP will say 10.0.0.5 towards the Internet, which is private
                           mend: if callers come from elsewhere: sip.advertised = the public address, and …
    0 wrong, 0 warnings, 1 notes

| | means |
|---|---|
| `ok` | as it should be |
| `note` | to be known; nothing need be done |
| `warn` | some calls will suffer |
| `wrong` | the hotline does not start, or serves nobody |

Exit codes: 0 nothing is wrong; 1 something is, or the configuration has mistakes of its own (they are shown, and nothing else is
looked at); 2 used wrongly. It may be run beside a running hotline: ports are taken for a moment and given back, and a registration is
tried only where no hotline runs. Nothing is written. No password is ever shown.

This page is made from the program's own table.
";
