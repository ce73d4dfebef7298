//! How many calls may come: of each trunk, of each strange source, in all. Pure: time is an argument, counted from any
//! fixed moment.
//!
//! ```text
//!   INVITE ── let in before? ── calls at once ── calls a second ──> let in
//!              yes: again        │ a trunk's own, or its source's; then of all
//!                                └─ over: 503 with Retry-After; no other guest has lost anything by it
//! ```
//!
//! | table | bound | at the bound |
//! |---|---|---|
//! | sources of strangers | [`MOST_SOURCES`] | the one heard longest ago is forgotten: it begins anew |
//! | INVITEs let in, for 64·T1 | [`MOST_RECENT`] | the oldest is forgotten: its retransmission counts as a call |
//! | sources with calls | as many as calls | |

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use hashlink::LruCache;

/// Strange sources whose pace is known, an IPv6 /64 as one: some 8 MB.
pub const MOST_SOURCES: usize = 65_536;
/// INVITEs known to have been let in.
pub const MOST_RECENT: usize = 131_072;

/// A table whose entries are made through [`LruCache::entry`], which makes room before it knows that there must be one more.
pub(super) fn table<K: Eq + std::hash::Hash, V>(most: usize) -> LruCache<K, V> {
    LruCache::new(most - 1)
}

/// So much in so long: a token every so often, and so many in hand at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From one token to the next.
    pub every: Duration,
    /// Tokens at most.
    pub burst: u32,
}

impl Pace {
    /// So many a second, and as many at once after a second of rest.
    pub fn per_second(rate: u32) -> Self {
        Self { every: Duration::from_secs(1) / rate.max(1), burst: rate.max(1) }
    }
}

/// A token bucket.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bucket {
    /// When it is full again.
    full: Duration,
}

impl Bucket {
    /// Whether there is a token.
    pub fn has(&self, pace: Pace, now: Duration) -> bool {
        self.full.max(now) + pace.every <= now + pace.every * pace.burst
    }

    /// Takes a token, if there is one.
    pub fn take(&mut self, pace: Pace, now: Duration) -> bool {
        let has = self.has(pace, now);
        if has {
            self.full = self.full.max(now) + pace.every;
        }
        has
    }
}

/// What a trunk, or a strange source, may do. `None`: as much as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Calls at once, ringing and running.
    pub calls: Option<usize>,
    /// Calls a second, and as many in a burst.
    pub rate: Option<u32>,
}

/// Whose a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Guest {
    /// A trunk's, by its number.
    Trunk(usize),
    /// Nobody's: of this source, an IPv6 one by its /64.
    Stranger(IpAddr),
}

/// More than may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The guest has its share.
    Share,
    /// All together have theirs.
    House,
}

/// Who has how many calls, and has begun how many of late.
#[derive(Debug)]
pub struct Admission {
    house: Option<Pace>,
    house_bucket: Bucket,
    trunks: Vec<(Allowance, Bucket, usize)>,
    strangers: Allowance,
    sources: LruCache<IpAddr, Bucket>,
    calls: HashMap<IpAddr, usize>,
    recent: LruCache<u64, Duration>,
    linger: Duration,
}

impl Admission {
    /// Trunks by their numbers, what each strange source may, calls a second in all, and how long an INVITE may come again
    /// (64·T1).
    pub fn new(
        trunks: impl IntoIterator<Item = Allowance>,
        strangers: Allowance,
        rate: Option<u32>,
        linger: Duration,
    ) -> Self {
        Self {
            house: rate.map(Pace::per_second),
            house_bucket: Bucket::default(),
            trunks: trunks.into_iter().map(|allowance| (allowance, Bucket::default(), 0)).collect(),
            strangers,
            sources: table(MOST_SOURCES),
            calls: HashMap::new(),
            recent: LruCache::new(MOST_RECENT),
            linger,
        }
    }

    /// Whether this INVITE has been let in already: it is one on its way once more.
    pub fn has_let_in(&self, invite: u64, now: Duration) -> bool {
        self.recent.peek(&invite).is_some_and(|since| now < *since + self.linger)
    }

    /// Lets an INVITE in.
    ///
    /// # Errors
    /// There are too many, at once or of late; nothing has been counted then.
    pub fn let_in(&mut self, guest: Guest, invite: u64, now: Duration) -> Result<(), Over> {
        if self.has_let_in(invite, now) {
            return Ok(());
        }
        self.has_place(guest)?;
        let allowance = self.allowance(guest);
        let own = allowance.rate.map(Pace::per_second);
        let bucket = match guest {
            Guest::Trunk(number) => self.trunks.get_mut(number).map(|(_, bucket, _)| bucket),
            Guest::Stranger(source) => {
                own.is_some().then(|| self.sources.entry(source).or_insert_with(Bucket::default))
            }
        };
        if let (Some(bucket), Some(pace)) = (&bucket, own)
            && !bucket.has(pace, now)
        {
            return Err(Over::Share);
        }
        if self.house.is_some_and(|pace| !self.house_bucket.take(pace, now)) {
            return Err(Over::House);
        }
        if let (Some(bucket), Some(pace)) = (bucket, own) {
            bucket.take(pace, now);
        }
        // Kept in the order in which they came, so that the oldest are those that are over.
        while self.recent.iter().next().is_some_and(|(_, since)| *since + self.linger <= now) {
            self.recent.remove_lru();
        }
        self.recent.insert(invite, now);
        Ok(())
    }

    /// Counts a call from its beginning to [`Admission::leave`].
    ///
    /// # Errors
    /// The guest has as many as it may.
    pub fn enter(&mut self, guest: Guest) -> Result<(), Over> {
        self.has_place(guest)?;
        match guest {
            Guest::Trunk(number) => {
                if let Some((_, _, calls)) = self.trunks.get_mut(number) {
                    *calls += 1;
                }
            }
            Guest::Stranger(source) => *self.calls.entry(source).or_default() += 1,
        }
        Ok(())
    }

    /// A call is over.
    pub fn leave(&mut self, guest: Guest) {
        match guest {
            Guest::Trunk(number) => {
                if let Some((_, _, calls)) = self.trunks.get_mut(number) {
                    *calls = calls.saturating_sub(1);
                }
            }
            Guest::Stranger(source) => {
                if let Some(calls) = self.calls.get_mut(&source) {
                    *calls = calls.saturating_sub(1);
                    if *calls == 0 {
                        self.calls.remove(&source);
                    }
                }
            }
        }
    }

    /// Calls of a guest now.
    pub fn calls(&self, guest: Guest) -> usize {
        match guest {
            Guest::Trunk(number) => self.trunks.get(number).map(|(_, _, calls)| *calls).unwrap_or_default(),
            Guest::Stranger(source) => self.calls.get(&source).copied().unwrap_or_default(),
        }
    }

    fn has_place(&self, guest: Guest) -> Result<(), Over> {
        let full = self.allowance(guest).calls.is_some_and(|most| self.calls(guest) >= most);
        if full { Err(Over::Share) } else { Ok(()) }
    }

    fn allowance(&self, guest: Guest) -> Allowance {
        match guest {
            Guest::Trunk(number) => self.trunks.get(number).map(|(allowance, ..)| *allowance).unwrap_or_default(),
            Guest::Stranger(_) => self.strangers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINGER: Duration = Duration::from_secs(32);

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn stranger(text: &str) -> Guest {
        Guest::Stranger(text.parse().unwrap())
    }

    fn allowance(calls: usize, rate: u32) -> Allowance {
        Allowance { calls: Some(calls), rate: Some(rate) }
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        for rate in [1, 3, 10, 1000] {
            let (pace, mut bucket) = (Pace::per_second(rate), Bucket::default());
            let given = |bucket: &mut Bucket, now| (0..10_000).take_while(|_| bucket.take(pace, now)).count();
            assert_eq!(given(&mut bucket, at(0)), rate as usize, "a full bucket");
            assert_eq!(given(&mut bucket, at(500)), (rate / 2) as usize, "after half a second");
            assert_eq!(given(&mut bucket, at(90_000)), rate as usize, "never more than it holds");
        }
        let (slow, mut bucket) = (Pace { every: at(10_000), burst: 2 }, Bucket::default());
        let given: Vec<_> = [0, 0, 0, 9_000, 10_000, 10_001].map(|now| bucket.take(slow, at(now))).into();
        assert_eq!(given, [true, true, false, false, true, false]);
    }

    #[test]
    fn a_trunks_flood_costs_no_other_trunk_a_call() {
        let mut admission =
            Admission::new([allowance(100, 5), allowance(100, 5)], Allowance::default(), Some(8), LINGER);
        let let_in = |admission: &mut Admission, trunk, first: u64| {
            (first..first + 1000).filter(|invite| admission.let_in(Guest::Trunk(trunk), *invite, at(0)).is_ok()).count()
        };
        assert_eq!(let_in(&mut admission, 0, 0), 5);
        assert_eq!(admission.let_in(Guest::Trunk(0), 5000, at(0)), Err(Over::Share));
        assert_eq!(let_in(&mut admission, 1, 10_000), 3, "what is left in all");
        assert_eq!(admission.let_in(Guest::Trunk(1), 5001, at(0)), Err(Over::House));
        assert_eq!(let_in(&mut admission, 1, 20_000), 0, "what the house refuses is not taken from the trunk");
    }

    #[test]
    fn calls_at_once_are_counted_from_enter_to_leave() {
        let mut admission = Admission::new([allowance(2, 100)], allowance(1, 100), None, LINGER);
        let (trunk, one, two) = (Guest::Trunk(0), stranger("192.0.2.1"), stranger("192.0.2.2"));
        for guest in [trunk, trunk, one, two] {
            admission.enter(guest).unwrap();
        }
        for guest in [trunk, one, two] {
            assert_eq!(
                (admission.enter(guest), admission.let_in(guest, 1, at(0))),
                (Err(Over::Share), Err(Over::Share))
            );
        }
        admission.leave(trunk);
        admission.leave(one);
        assert_eq!((admission.calls(trunk), admission.calls(one), admission.calls.len()), (1, 0, 1));
        assert_eq!((admission.let_in(trunk, 2, at(0)), admission.enter(one)), (Ok(()), Ok(())));
    }

    #[test]
    fn an_invite_that_comes_again_counts_once() {
        let mut admission = Admission::new([allowance(9, 1)], Allowance::default(), Some(1), LINGER);
        for again in 0..7 {
            assert_eq!(admission.let_in(Guest::Trunk(0), 7, at(again * 500)), Ok(()));
        }
        assert_eq!(admission.let_in(Guest::Trunk(0), 8, at(100)), Err(Over::Share));
        assert!(!admission.has_let_in(7, LINGER), "after 64·T1 it is another");
        assert_eq!(admission.let_in(Guest::Trunk(0), 9, LINGER), Ok(()));
        assert_eq!(admission.recent.len(), 1, "what is over is forgotten");
    }

    #[test]
    fn sources_of_strangers_are_bounded() {
        let mut admission = Admission::new([], allowance(9, 1), None, LINGER);
        let all = (MOST_SOURCES.max(MOST_RECENT) + 100) as u32;
        for number in 0..all {
            let source = std::net::Ipv4Addr::from_bits(number);
            assert_eq!(admission.let_in(Guest::Stranger(source.into()), u64::from(number), at(0)), Ok(()));
        }
        assert_eq!((admission.sources.len(), admission.recent.len()), (MOST_SOURCES, MOST_RECENT));
        let last = Guest::Stranger(std::net::Ipv4Addr::from_bits(all - 1).into());
        assert_eq!(admission.let_in(last, u64::MAX, at(0)), Err(Over::Share), "the latest are remembered");
    }

    #[test]
    fn without_a_rate_no_source_is_kept() {
        let mut admission = Admission::new([], Allowance::default(), None, LINGER);
        (0..100).for_each(|invite| admission.let_in(stranger("192.0.2.1"), invite, at(0)).unwrap());
        assert!(admission.sources.is_empty());
    }
}
