//! A far end made of bare sockets, and a conductor that plays what it is given.

use std::any::Any;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use hotline::audio::{Clip, Codec, Item, Playlist};
use hotline::facts::{Key, Moment};
use hotline::media::{Actions, Conductor, EngineConfig, Leg, MediaEngine, MediaEvent, MediaParams, MediaStats};
use hotline::rtp::{Due, Event, Header, KeyPlan, Packet};

/// How long a test waits for something that must come.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// An engine of one worker on this host. Other tests' engines may take ports of the same range; it passes those over.
pub fn engine(change: impl FnOnce(&mut EngineConfig)) -> MediaEngine {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    let first = NEXT.fetch_add(1000, Ordering::Relaxed);
    let mut config = EngineConfig::on(IpAddr::V4(Ipv4Addr::LOCALHOST));
    config.ports = first..=first + 999;
    config.workers = 1;
    change(&mut config);
    MediaEngine::start(config).expect("an engine")
}

/// A clip whose every sample tells where it is: no two packets of it are alike.
pub fn clip(samples: usize, seed: i32) -> Arc<Clip> {
    let sample = |index: usize| ((index as i64 * 7919 + i64::from(seed) * 104_729) % 30_000) as i16;
    Arc::new(Clip::from_samples(&(0..samples).map(sample).collect::<Vec<i16>>()))
}

/// A playlist of one clip.
pub fn list(samples: usize, seed: i32) -> Playlist {
    Playlist::new(vec![Item::Clip(clip(samples, seed))])
}

/// The bytes of playlists as they are sent: each filled up to a whole packet.
pub fn bytes(lists: &[Playlist], codec: Codec, packet: usize) -> Vec<u8> {
    let mut all = Vec::new();
    for list in lists {
        let (mut list, mut frame) = (list.clone(), vec![0; packet]);
        while list.fill(codec.law(), &mut frame) > 0 {
            all.extend_from_slice(&frame);
        }
    }
    all
}

/// What a conductor was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Started,
    Key(char),
    Played,
    KeysSent,
    Timeout,
    Message(&'static str),
    HungUp,
}

/// Plays its lists one after the other, stops at a key, hangs up after the last if it should.
#[derive(Default)]
pub struct Player {
    pub lists: VecDeque<Playlist>,
    pub keys: Option<KeyPlan>,
    pub hang_up: bool,
    pub wake_after: Option<Duration>,
    pub panics_at_key: bool,
    pub told: Option<Sender<Told>>,
    /// Where the payloads of sound go.
    pub sound: Option<Sender<Vec<u8>>>,
    pub wake: Option<Moment>,
}

impl Player {
    /// A player of these lists.
    pub fn of(lists: &[Playlist]) -> Player {
        Player { lists: lists.iter().cloned().collect(), ..Player::default() }
    }

    /// Where to hear what it is told.
    pub fn listen(&mut self) -> Receiver<Told> {
        let (told, heard) = unbounded();
        self.told = Some(told);
        heard
    }

    fn tell(&self, what: Told) {
        if let Some(told) = &self.told {
            let _ = told.send(what);
        }
    }

    fn next(&mut self, out: &mut Actions) {
        match self.lists.pop_front() {
            Some(list) => out.play(list),
            None if self.hang_up => out.hang_up(),
            None => {}
        }
    }
}

impl Conductor for Player {
    fn start(&mut self, now: Moment, out: &mut Actions) {
        self.tell(Told::Started);
        self.wake = self.wake_after.map(|after| now + after);
        if let Some(plan) = self.keys.take() {
            out.send_keys(plan);
        }
        self.next(out);
    }

    fn key(&mut self, _: Moment, key: Key, out: &mut Actions) {
        self.tell(Told::Key(key.symbol()));
        assert!(!self.panics_at_key, "a conductor may have a bug");
        out.stop();
    }

    fn played(&mut self, _: Moment, out: &mut Actions) {
        self.tell(Told::Played);
        self.next(out);
    }

    fn listens(&self) -> bool {
        self.sound.is_some()
    }

    fn heard(&mut self, _: Moment, due: &Due<'_>) {
        if let (Some(sound), Due::Packet(payload)) = (&self.sound, due) {
            let _ = sound.send(payload.to_vec());
        }
    }

    fn keys_sent(&mut self, _: Moment, _: &mut Actions) {
        self.tell(Told::KeysSent);
    }

    fn timeout(&mut self, _: Moment, _: &mut Actions) {
        self.wake = None;
        self.tell(Told::Timeout);
    }

    fn message(&mut self, _: Moment, message: Box<dyn Any + Send>, out: &mut Actions) {
        let message = *message.downcast::<&'static str>().expect("a word");
        self.tell(Told::Message(message));
        if message == "next" {
            self.next(out);
        }
    }

    fn hung_up(&mut self, _: Moment) {
        self.tell(Told::HungUp);
    }

    fn wake_at(&self) -> Option<Moment> {
        self.wake
    }
}

/// The far end of a call: an even port and the one above it.
pub struct FarEnd {
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    /// Where the call's RTP port is.
    pub to: SocketAddr,
    sequence: u16,
    timestamp: u32,
}

/// A packet the far end got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    pub header: Header,
    pub payload: Vec<u8>,
}

impl FarEnd {
    /// Sockets on this host, for a call that listens there.
    pub fn of(leg: &Leg) -> FarEnd {
        FarEnd::at(leg, "127.0.0.1")
    }

    /// Sockets on another of this host's addresses.
    pub fn at(leg: &Leg, address: &str) -> FarEnd {
        let bind = |port| UdpSocket::bind((address, port));
        let (rtp, rtcp) = (0..100)
            .find_map(|_| {
                let rtp = bind(0).ok()?;
                let rtcp = bind(rtp.local_addr().ok()?.port().checked_add(1)?).ok()?;
                Some((rtp, rtcp))
            })
            .expect("two ports");
        rtp.set_read_timeout(Some(DEADLINE)).unwrap();
        rtcp.set_read_timeout(Some(DEADLINE)).unwrap();
        FarEnd { rtp, rtcp, to: leg.address(), sequence: 1, timestamp: 0 }
    }

    /// What offer and answer would have agreed on.
    pub fn params(&self) -> MediaParams {
        MediaParams::plain(self.rtp.local_addr().unwrap())
    }

    /// The next RTP packet.
    pub fn get(&self) -> Got {
        let mut datagram = [0; 2048];
        let (length, _) = self.rtp.recv_from(&mut datagram).expect("a packet in time");
        let packet = Packet::parse(&datagram[..length]).expect("RTP");
        Got { header: packet.header, payload: packet.payload.to_vec() }
    }

    /// So many RTP packets.
    pub fn get_many(&self, count: usize) -> Vec<Got> {
        (0..count).map(|_| self.get()).collect()
    }

    /// All packets that have come and not been read.
    pub fn rest(&self) -> Vec<Got> {
        self.rtp.set_nonblocking(true).unwrap();
        let (mut packets, mut datagram) = (Vec::new(), [0; 2048]);
        while let Ok((length, _)) = self.rtp.recv_from(&mut datagram) {
            let packet = Packet::parse(&datagram[..length]).expect("RTP");
            packets.push(Got { header: packet.header, payload: packet.payload.to_vec() });
        }
        self.rtp.set_nonblocking(false).unwrap();
        packets
    }

    /// The number of the packet that was sent last.
    pub fn sequence(&self) -> u16 {
        self.sequence
    }

    /// Sends a packet of this type.
    pub fn send(&mut self, payload_type: u8, marker: bool, timestamp: u32, payload: &[u8]) {
        self.sequence += 1;
        let header = Header { payload_type, marker, sequence: self.sequence, timestamp, ssrc: 77 };
        let packet = [&header.to_bytes(), payload].concat();
        self.rtp.send_to(&packet, self.to).unwrap();
    }

    /// Sends a packet of silence.
    pub fn send_sound(&mut self) {
        self.timestamp += 160;
        self.send(8, false, self.timestamp, &[0xD5; 160]);
    }

    /// Sends the first packet of a press, and no more of it.
    pub fn send_key_down(&mut self, key: char) {
        self.timestamp += 4000;
        let code = Key::from_char(key).unwrap().event();
        let event = Event { code, end: false, volume: 10, duration: 160 };
        self.send(101, true, self.timestamp, &event.to_bytes());
    }
}

/// Begins a call, and says where its events are told.
pub fn begin(leg: &mut Leg, params: MediaParams, player: Player) -> Receiver<MediaEvent> {
    let (told, events) = unbounded();
    leg.begin(params, Box::new(player), move |event| {
        let _ = told.send(event);
    })
    .expect("a call begins once");
    events
}

/// The figures of a call that ends.
pub fn ended(events: &Receiver<MediaEvent>) -> MediaStats {
    loop {
        if let MediaEvent::Ended(stats) = events.recv_timeout(DEADLINE).expect("the call ends") {
            return stats;
        }
    }
}

/// Waits until a conductor is told this.
pub fn await_told(heard: &Receiver<Told>, what: &Told) {
    while heard.recv_timeout(DEADLINE).unwrap_or_else(|_| panic!("{what:?} never came")) != *what {}
}
