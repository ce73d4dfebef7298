//! What a call is to play, and how far it has come.
//!
//! ```text
//!   items   | clip 1 ............ | pause .... | clip 2 ...... |
//!   packets |  160  |  160  |  160  |  160  |  160  |  160  |  80+silence |      a packet may span items
//! ```

use std::sync::Arc;
use std::time::Duration;

use super::{Clip, Law, duration_of, samples_in};

/// Bytes of a line of a processor's cache.
const CACHE_LINE: usize = 64;

/// One piece of a playlist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A clip.
    Clip(Arc<Clip>),
    /// So many samples of silence.
    Silence(usize),
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Item::Clip(clip) => clip.len(),
            Item::Silence(samples) => *samples,
        }
    }
}

/// Clips and pauses in order, with a cursor.
#[derive(Clone, Default)]
pub struct Playlist {
    /// The sound of the clip the cursor is in, in the law that is played: a packet from within it looks for nothing else.
    at_hand: Option<(Law, Arc<[u8]>)>,
    items: Vec<Item>,
    /// The item the cursor is in.
    item: usize,
    /// Samples of it already played.
    played: usize,
}

impl Playlist {
    /// A playlist of these items, from its beginning.
    pub fn new(items: Vec<Item>) -> Playlist {
        Playlist { at_hand: None, items, item: 0, played: 0 }
    }

    /// Adds a clip to the end.
    pub fn push_clip(&mut self, clip: Arc<Clip>) {
        self.items.push(Item::Clip(clip));
    }

    /// Adds silence to the end.
    pub fn push_pause(&mut self, pause: Duration) {
        self.items.push(Item::Silence(samples_in(pause)));
    }

    /// Makes room for so many more, so that a long one is not moved again and again as it grows.
    pub fn reserve(&mut self, items: usize) {
        self.items.reserve_exact(items);
    }

    /// Gives back the room that no item has taken: a playlist is held for as long as it plays.
    pub fn shrink(&mut self) {
        self.items.shrink_to_fit();
    }

    /// The items, played and unplayed.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// How long the whole sounds.
    pub fn duration(&self) -> Duration {
        duration_of(self.items.iter().fold(0, |sum, item| sum.saturating_add(item.len())))
    }

    /// Reads a byte of each line of the processor's cache that the next `length` bytes lie in, so that they are there when they
    /// are copied. What it returns means nothing.
    pub fn touch(&self, length: usize) -> u8 {
        let sound = self.at_hand.as_ref().and_then(|(_, sound)| sound.get(self.played..));
        let lines = sound.into_iter().flat_map(|sound| sound.iter().take(length).step_by(CACHE_LINE));
        lines.fold(0, |all, byte| all ^ byte)
    }

    /// Whether all has been played.
    pub fn is_done(&self) -> bool {
        self.items.iter().skip(self.item).fold(0_usize, |sum, item| sum.saturating_add(item.len())) <= self.played
    }

    /// Copies the next `out.len()` bytes and moves on. Returns how many of them are of the playlist; what is left of
    /// `out` after its end is silence. Zero when all has been played. Allocates nothing.
    #[inline]
    pub fn fill(&mut self, law: Law, out: &mut [u8]) -> usize {
        let end = self.played + out.len();
        if let Some((of, sound)) = &self.at_hand
            && *of == law
            && end < sound.len()
            && let Some(from) = sound.get(self.played..end)
        {
            out.copy_from_slice(from);
            self.played = end;
            return out.len();
        }
        self.fill_over_ends(law, out)
    }

    /// Where a clip begins or ends within what is filled.
    fn fill_over_ends(&mut self, law: Law, out: &mut [u8]) -> usize {
        let mut filled = 0;
        while let (Some(item), Some(free)) = (self.items.get(self.item), out.get_mut(filled..))
            && !free.is_empty()
        {
            let size = free.len().min(item.len().saturating_sub(self.played));
            match item {
                Item::Clip(clip) => {
                    let from = clip.sound(law).get(self.played..self.played + size);
                    if let (Some(to), Some(from)) = (free.get_mut(..size), from) {
                        to.copy_from_slice(from);
                    }
                }
                Item::Silence(_) => free.iter_mut().take(size).for_each(|to| *to = law.silence()),
            }
            filled += size;
            self.played += size;
            if self.played >= item.len() {
                self.item += 1;
                self.played = 0;
            }
        }
        self.at_hand = match self.items.get(self.item) {
            Some(Item::Clip(clip)) => Some((law, Arc::clone(clip.sound(law)))),
            Some(Item::Silence(_)) | None => None,
        };
        out.iter_mut().skip(filled).for_each(|to| *to = law.silence());
        filled
    }
}

/// Two that have the same to play, and have come as far.
impl PartialEq for Playlist {
    fn eq(&self, other: &Playlist) -> bool {
        (&self.items, self.item, self.played) == (&other.items, other.item, other.played)
    }
}

impl Eq for Playlist {}

impl std::fmt::Debug for Playlist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Playlist { at_hand: _, items, item, played } = self;
        f.debug_struct("Playlist").field("items", items).field("item", item).field("played", played).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clip(length: usize, sample: i16) -> Arc<Clip> {
        Arc::new(Clip::from_samples(&vec![sample; length]))
    }

    #[test]
    fn clips_follow_one_another_without_a_gap() {
        let mut playlist = Playlist::new(vec![Item::Clip(clip(200, 1000)), Item::Clip(clip(100, -1000))]);
        let mut packet = [0; 160];
        assert_eq!(playlist.fill(Law::A, &mut packet), 160);
        assert_eq!(packet, [Law::A.encode(1000); 160]);
        assert_eq!(playlist.fill(Law::A, &mut packet), 140);
        assert_eq!(packet[..40], [Law::A.encode(1000); 40]);
        assert_eq!(packet[40..140], [Law::A.encode(-1000); 100]);
        assert_eq!(packet[140..], [Law::A.silence(); 20]);
        assert!(playlist.is_done());
        assert_eq!(playlist.fill(Law::A, &mut packet), 0);
    }

    /// P06 freeswitch#3168: a very short clip, or an empty one, ends like any other.
    #[test]
    fn the_shortest_clips_end_too() {
        let mut playlist = Playlist::new(vec![Item::Clip(clip(0, 0)), Item::Silence(0), Item::Clip(clip(1, 9))]);
        let mut packet = [0; 160];
        assert_eq!(playlist.fill(Law::Mu, &mut packet), 1);
        assert_eq!(packet[0], Law::Mu.encode(9));
        assert_eq!(playlist.fill(Law::Mu, &mut packet), 0);
        assert_eq!(Playlist::default().fill(Law::Mu, &mut packet), 0);
        assert!(Playlist::default().is_done());
    }

    proptest! {
        #[test]
        fn any_packet_size_gives_the_same_bytes(
            lengths in prop::collection::vec((0_usize..500, any::<bool>()), 0..8),
            packet in 1_usize..480,
        ) {
            let items: Vec<Item> = lengths.iter().enumerate().map(|(index, (length, sounds))| match sounds {
                true => Item::Clip(clip(*length, 64 * (i16::try_from(index).unwrap() + 1))),
                false => Item::Silence(*length),
            }).collect();
            let mut wanted = Vec::new();
            for item in &items {
                match item {
                    Item::Clip(clip) => wanted.extend_from_slice(clip.bytes(Law::A)),
                    Item::Silence(samples) => wanted.extend(vec![Law::A.silence(); *samples]),
                }
            }
            let mut playlist = Playlist::new(items);
            prop_assert_eq!(playlist.duration(), duration_of(wanted.len()));
            let mut heard = Vec::new();
            let mut out = vec![0; packet];
            loop {
                match playlist.fill(Law::A, &mut out) {
                    0 => break,
                    size => heard.extend_from_slice(&out[..size]),
                }
            }
            prop_assert!(playlist.is_done());
            prop_assert_eq!(heard, wanted);
        }
    }
}
